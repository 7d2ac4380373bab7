//! One growthd a database: an exclusive lock on the file itself, whatever name it is reached by.
//!
//! # Hazard
//! SQLite's own locks are the process's (POSIX), and closing *any* descriptor of the file drops
//! all of them. So the descriptor that holds the lock is closed after SQLite's connection, and a
//! file that this process holds is not opened a second time only to look at it.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::OFlags;

use crate::store::StoreError;

/// How often the lock is tried before it counts as held, and the pause after each try.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(2);

/// Waits for nobody at the other end of a pipe.
const AS_A_FILE: i32 = OFlags::NONBLOCK.bits().cast_signed();

/// The files that this process holds.
static HELD: Mutex<Option<HashSet<Inode>>> = Mutex::new(None);

/// Which file it is, whatever its name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Inode {
    device: u64,
    number: u64,
}

impl Inode {
    /// No file's: inode numbers begin with 1.
    pub(super) const NONE: Inode = Inode { device: 0, number: 0 };

    pub(super) fn of(path: &Path) -> io::Result<Inode> {
        Ok(Inode::from(&fs::metadata(path)?))
    }
}

impl From<&fs::Metadata> for Inode {
    fn from(metadata: &fs::Metadata) -> Inode {
        Inode { device: metadata.dev(), number: metadata.ino() }
    }
}

/// The lock, held until it is dropped.
#[derive(Debug)]
pub(super) struct FileLock {
    inode: Inode,
    /// Held for its lock.
    _file: File,
}

impl FileLock {
    /// Locks the file, which is there.
    ///
    /// # Errors
    /// [`StoreError::Held`] by another growthd, [`StoreError::Shared`] by some reader.
    pub(super) fn take(path: &Path) -> Result<FileLock, StoreError> {
        let failed = |source| StoreError::File { path: path.to_owned(), source };
        if Inode::of(path).is_ok_and(is_ours) {
            return Err(StoreError::Held(path.to_owned()));
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(AS_A_FILE)
            .open(path)
            .map_err(failed)?;
        let inode = Inode::from(&file.metadata().map_err(failed)?);
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => {
                    change_ours(|held| held.insert(inode));
                    return Ok(FileLock { inode, _file: file });
                }
                // It may be somebody who only looks whether it is held ([`FileLock::is_held`]).
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        // A growthd holds it for itself alone; who shares it is some reader, and will be done.
        match file.try_lock_shared() {
            Ok(()) => Err(StoreError::Shared(path.to_owned())),
            Err(_) => Err(StoreError::Held(path.to_owned())),
        }
    }

    /// Whether the file at `path` is the one that is locked.
    pub(super) fn is_on(&self, path: &Path) -> bool {
        Inode::of(path).is_ok_and(|inode| inode == self.inode)
    }

    /// Whether some growthd holds the file at `path` now, be it this one.
    pub(super) fn is_held(path: &Path) -> bool {
        let Ok(inode) = Inode::of(path) else { return false };
        if is_ours(inode) {
            return true;
        }
        let file = OpenOptions::new().read(true).custom_flags(AS_A_FILE).open(path);
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        change_ours(|held| held.remove(&self.inode));
    }
}

fn is_ours(inode: Inode) -> bool {
    change_ours(|held| held.contains(&inode))
}

fn change_ours<T>(change: impl FnOnce(&mut HashSet<Inode>) -> T) -> T {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    change(held.get_or_insert_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_has_one_lock_under_all_its_names() {
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
        assert!(!FileLock::is_held(&path), "a reader is no growthd");
        assert!(matches!(FileLock::take(&path), Err(StoreError::Shared(_))));
        drop(reader);
        assert!(FileLock::take(&path).is_ok());
    }
}
