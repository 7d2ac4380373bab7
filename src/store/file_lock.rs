//! One writing growthd per database: an exclusive lock on the file itself, so that it holds for
//! every name of the file.
//!
//! # Hazard
//! SQLite's own locks belong to the process (POSIX), and closing *any* descriptor of the file drops
//! all of them. The descriptor that holds the lock is therefore closed after SQLite's connection,
//! and a file that this process has locked is never opened just to test its lock.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::OFlags;

use crate::store::StoreError;

/// How often the lock is tried before it is considered held, and the pause after each try.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(2);

/// Keeps the open call from blocking if the file is a FIFO.
const NONBLOCK: i32 = OFlags::NONBLOCK.bits().cast_signed();

/// The files that this process has locked.
static HELD: Mutex<Option<HashSet<Inode>>> = Mutex::new(None);

/// A file's identity, whatever its name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Inode {
    device: u64,
    number: u64,
}

impl Inode {
    /// The inode of no file, since inode numbers begin with 1.
    pub(super) const NONE: Inode = Inode { device: 0, number: 0 };

    pub(super) fn of(path: &Path) -> io::Result<Inode> {
        Ok(Inode::from(&fs::metadata(path)?))
    }

    /// The same, of a symlink and not of where it leads.
    pub(super) fn of_itself(path: &Path) -> io::Result<Inode> {
        Ok(Inode::from(&fs::symlink_metadata(path)?))
    }
}

impl From<&fs::Metadata> for Inode {
    fn from(metadata: &fs::Metadata) -> Inode {
        Inode { device: metadata.dev(), number: metadata.ino() }
    }
}

/// A lock, held until it is dropped.
#[derive(Debug)]
pub(super) struct FileLock {
    inode: Inode,
    /// Open for as long as the lock is held.
    _file: File,
}

impl FileLock {
    /// Locks an existing file.
    ///
    /// # Errors
    /// Returns [`StoreError::Held`] if another growthd holds the lock, and [`StoreError::Shared`]
    /// if some other program holds a shared lock.
    pub(super) fn take(path: &Path) -> Result<FileLock, StoreError> {
        let failed = |source| StoreError::File { path: path.to_owned(), source };
        if FileLock::is_held_here(path) {
            return Err(StoreError::Held(path.to_owned()));
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(NONBLOCK)
            .open(path)
            .map_err(failed)?;
        let inode = Inode::from(&file.metadata().map_err(failed)?);
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => {
                    with_held(|held| held.insert(inode));
                    return Ok(FileLock { inode, _file: file });
                }
                // This may be a process that only tests the lock ([`FileLock::is_held`]).
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        // A growthd holds the lock exclusively. A shared lock is some reader's, and will be
        // released.
        match file.try_lock_shared() {
            Ok(()) => Err(StoreError::Shared(path.to_owned())),
            Err(_) => Err(StoreError::Held(path.to_owned())),
        }
    }

    /// Returns whether the file at `path` is the locked one.
    pub(super) fn is_on(&self, path: &Path) -> bool {
        Inode::of(path).is_ok_and(|inode| inode == self.inode)
    }

    /// Returns whether this process has locked the file at `path`.
    pub(super) fn is_held_here(path: &Path) -> bool {
        Inode::of(path).is_ok_and(is_held_here)
    }

    /// Returns whether any growthd, including this process, has locked the file at `path`.
    pub(super) fn is_held(path: &Path) -> bool {
        let Ok(inode) = Inode::of(path) else { return false };
        if is_held_here(inode) {
            return true;
        }
        let file = OpenOptions::new().read(true).custom_flags(NONBLOCK).open(path);
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        with_held(|held| held.remove(&self.inode));
    }
}

fn is_held_here(inode: Inode) -> bool {
    with_held(|held| held.contains(&inode))
}

fn with_held<T>(change: impl FnOnce(&mut HashSet<Inode>) -> T) -> T {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    change(held.get_or_insert_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_lock_under_all_its_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&path, "").expect("a file");
        fs::hard_link(&path, &link).expect("a link");
        let lock = FileLock::take(&path).expect("a lock");
        assert!(lock.is_on(&link) && FileLock::is_held(&link));
        assert!(matches!(FileLock::take(&link), Err(StoreError::Held(_))));
        drop(lock);
        assert!(!FileLock::is_held(&path));

        let reader = File::open(&path).expect("a file");
        reader.lock_shared().expect("a shared lock");
        assert!(!FileLock::is_held(&path), "a shared lock is not a growthd's");
        assert!(matches!(FileLock::take(&path), Err(StoreError::Shared(_))));
        drop(reader);
        assert!(FileLock::take(&path).is_ok());
    }
}
