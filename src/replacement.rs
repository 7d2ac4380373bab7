//! Atomic replacement of files: the new file is written under a temporary name in the same folder
//! and then renamed. It keeps the owner, group, mode and extended attributes of the old one.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Seek};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use tempfile::{Builder, NamedTempFile};

use crate::paths::folder_of;

/// The temporary name's prefix and suffix. A file with such a name and no lock was left by a
/// process that was killed; the next one that writes in that folder removes it.
const PREFIX: &str = ".growthd-";
const SUFFIX: &str = ".tmp";

/// Suffixes of the files that SQLite may create beside a database.
const BESIDE: [&str; 3] = ["-journal", "-wal", "-shm"];

const MODE_BITS: u32 = 0o7777;
const GROUP_BITS: u32 = 0o070;
const OTHER_BITS: u32 = 0o007;

/// Whether an existing file may be replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replace {
    Allowed,
    /// Keeps the existing file and returns an error.
    Refused,
}

/// How a file was put into place.
#[must_use = "people should know of a file that was not replaced atomically"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replaced {
    /// Atomically.
    Renamed,
    /// By overwriting the existing file, which could not be replaced: it is a mount point, its folder is
    /// not writable, or its owner would change. A crash in between would have left it half written.
    InPlace,
}

/// A file being written. It is removed if dropped unfinished.
#[derive(Debug)]
pub struct Replacement {
    target: PathBuf,
    /// Locked while it is being written, so that other processes do not remove it as a leftover.
    file: NamedTempFile,
    /// Whether the existing file is to be overwritten, because the new one cannot be renamed into place.
    overwrites: bool,
    _beside: Beside,
}

/// The files that SQLite may have left beside an unfinished file; removed on drop.
#[derive(Debug)]
struct Beside(PathBuf);

impl Drop for Beside {
    fn drop(&mut self) {
        for suffix in BESIDE {
            let mut name = self.0.as_os_str().to_owned();
            name.push(suffix);
            fs::remove_file(name).ok();
        }
    }
}

impl Replacement {
    /// Starts writing a new file for `path`. If none exists, it gets this mode, less the umask, and if
    /// root writes it, its folder's owner. A symlink stays, and its target is replaced.
    ///
    /// # Errors
    /// Returns an error if neither the folder nor the file can be written.
    pub fn begin(path: &Path, mode: u32) -> io::Result<Replacement> {
        let target = followed(path)?;
        let folder = folder_of(&target);
        remove_leftovers(folder);
        let existing = fs::metadata(&target).ok();
        match OpenOptions::new().write(true).open(&target) {
            // It will be overwritten in place.
            Err(error) if is_mounted_by_itself(&target) => return Err(error),
            // An immutable file can be neither written nor replaced, unlike one whose mode forbids
            // writing.
            Err(error) if error.raw_os_error() == Some(Errno::PERM.raw_os_error()) => {
                return Err(error);
            }
            _ => {}
        }
        let (file, overwrites) = match temporary_in(folder, mode) {
            Ok(file) => (file, false),
            Err(error) if existing.is_some() && is_refusal(&error) => {
                OpenOptions::new().write(true).open(&target)?;
                (temporary_in(&std::env::temp_dir(), mode)?, true)
            }
            Err(error) => return Err(error),
        };
        match &existing {
            Some(existing) => take_over(existing, &target, file.as_file()),
            None => give_to_owner(folder, file.as_file()),
        }
        let beside = Beside(file.path().to_owned());
        Ok(Replacement { target, file, overwrites, _beside: beside })
    }

    /// As [`Replacement::begin`], but never changes the owner, the group or the mode of an existing file.
    /// If a new file cannot have the same ones, as only root can give files away, the existing one is to
    /// be overwritten.
    ///
    /// # Errors
    /// Also returns an error if that is not allowed.
    pub fn begin_with_its_owner(path: &Path, mode: u32) -> io::Result<Replacement> {
        let mut new = Replacement::begin(path, mode)?;
        let access = |file: &Metadata| (file.uid(), file.gid(), file.mode() & MODE_BITS);
        let replacing = access(&new.file.as_file().metadata()?);
        if fs::metadata(&new.target).is_ok_and(|existing| access(&existing) != replacing) {
            OpenOptions::new().write(true).open(&new.target)?;
            new.overwrites = true;
        }
        Ok(new)
    }

    /// Returns the path of the file until it is finished.
    pub fn temporary(&self) -> &Path {
        self.file.path()
    }

    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Returns the path that the file will have, with symlinks resolved.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Flushes the file to disk and puts it into place.
    ///
    /// # Errors
    /// Returns an error if the disk fails, or if `replace` is [`Replace::Refused`] and the target
    /// has been created meanwhile.
    pub fn finish(self, replace: Replace) -> io::Result<Replaced> {
        let Replacement { target, mut file, overwrites, _beside } = self;
        file.as_file().sync_all()?;
        if overwrites {
            return overwrite(&target, file.as_file_mut());
        }
        let placed = match replace {
            Replace::Allowed => file.persist(&target),
            Replace::Refused => file.persist_noclobber(&target),
        };
        match placed {
            Ok(_) => {}
            Err(mut failed) if replace == Replace::Allowed && is_refusal(&failed.error) => {
                return match overwrite(&target, failed.file.as_file_mut()) {
                    Ok(placed) => Ok(placed),
                    // The reason it could not be replaced is the one to fix.
                    Err(_) => Err(failed.error),
                };
            }
            Err(failed) => return Err(failed.error),
        }
        // The rename is durable once the folder is flushed, which some file systems do not support.
        if let Ok(folder) = File::open(folder_of(&target)) {
            folder.sync_all().ok();
        }
        Ok(Replaced::Renamed)
    }
}

/// Resolves the symlinks of a path, whose target need not exist.
pub(crate) fn followed(path: &Path) -> io::Result<PathBuf> {
    /// As many as Linux follows.
    const LINKS: u32 = 40;
    let mut target = std::path::absolute(path)?;
    for _ in 0..LINKS {
        match fs::canonicalize(&target) {
            Ok(found) => return Ok(found),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Err(_) => match fs::read_link(&target) {
                Ok(link) => target = folder_of(&target).join(link),
                Err(_) => return Ok(target),
            },
        }
    }
    Err(ErrorKind::InvalidInput.into())
}

/// Resolves `path` if it is a symlink, whose target need not exist. The files beside a database are
/// beside its real path.
pub(crate) fn real_path(path: &Path) -> PathBuf {
    match fs::symlink_metadata(path) {
        Ok(file) if file.is_symlink() => followed(path).unwrap_or_else(|_| path.to_owned()),
        _ => path.to_owned(),
    }
}

/// Returns whether the file is a mount point, as a file bound into a container is: nothing can be
/// renamed over it. Where the system cannot tell, the rename fails and shows it.
#[cfg(target_os = "linux")]
fn is_mounted_by_itself(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    statx(CWD, path, AtFlags::empty(), StatxFlags::empty())
        .is_ok_and(|file| file.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(target_os = "linux"))]
fn is_mounted_by_itself(_: &Path) -> bool {
    false
}

/// Returns whether creating or renaming a file in the folder was refused, in a way that might still
/// allow writing to the file itself.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::ResourceBusy
            | ErrorKind::CrossesDevices
    )
}

fn temporary_in(folder: &Path, mode: u32) -> io::Result<NamedTempFile> {
    loop {
        let file = Builder::new()
            .prefix(PREFIX)
            .suffix(SUFFIX)
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder)?;
        // On a file system without locks, the leftovers of a killed process stay.
        file.as_file().lock().ok();
        // Another process may have removed it as a leftover before it was locked.
        if file.as_file().metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

fn remove_leftovers(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if !name.starts_with(PREFIX)
            || !name.ends_with(SUFFIX)
            || !entry.file_type().is_ok_and(|kind| kind.is_file())
        {
            continue;
        }
        let path = entry.path();
        // Treat a file that cannot be opened as locked.
        let Ok(file) = File::open(&path) else { continue };
        if file.try_lock().is_ok() {
            fs::remove_file(&path).ok();
            drop(Beside(path));
        }
    }
}

/// Copies owner, group, mode and extended attributes, including access lists, from the old file to
/// the new one. An attribute that the process may not set, or that the file system does not
/// support, keeps its default: this must not prevent the write.
fn take_over(existing: &Metadata, path: &Path, file: &File) {
    fchown(file, Some(existing.uid()), None).ok();
    let mut mode = existing.mode() & MODE_BITS;
    if fchown(file, None, Some(existing.gid())).is_err() {
        // The old group's permissions must not pass to another group.
        mode = (mode & !GROUP_BITS) | ((mode & OTHER_BITS) << 3);
    }
    // Fails on a file system without modes.
    file.set_permissions(Permissions::from_mode(mode)).ok();
    copy_attributes(path, file);
}

/// Gives a new file to its folder's owner and group, if it is another's and this is allowed: root's
/// files in a service's folder are to be the service's.
fn give_to_owner(folder: &Path, file: &File) {
    if let (Ok(folder), Ok(new)) = (fs::metadata(folder), file.metadata())
        && folder.uid() != new.uid()
    {
        fchown(file, Some(folder.uid()), Some(folder.gid())).ok();
    }
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn copy_attributes(path: &Path, file: &File) {
    use std::os::fd::AsFd;

    use rustix::fs::XattrFlags;

    /// Linux's limit for the list of names, and for one value.
    const LARGEST: usize = 64 << 10;
    let mut names = vec![0; LARGEST];
    let Ok(length) = rustix::fs::listxattr(path, &mut names[..]) else { return };
    let mut value = vec![0; LARGEST];
    for name in names[..length].split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
        if let Ok(length) = rustix::fs::getxattr(path, name, &mut value[..]) {
            rustix::fs::fsetxattr(file.as_fd(), name, &value[..length], XattrFlags::empty()).ok();
        }
    }
}

/// Does nothing: other systems have no such attributes, or other calls for them.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn copy_attributes(_path: &Path, _file: &File) {}

fn overwrite(target: &Path, file: &mut File) -> io::Result<Replaced> {
    file.rewind()?;
    let mut existing = OpenOptions::new().write(true).open(target)?;
    let written = io::copy(file, &mut existing)?;
    existing.set_len(written)?;
    existing.sync_all()?;
    Ok(Replaced::InPlace)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(path: &Path, text: &str) -> io::Result<Replaced> {
        let mut new = Replacement::begin(path, 0o640)?;
        new.file().write_all(text.as_bytes())?;
        new.finish(Replace::Allowed)
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder").flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_new_file_keeps_owner_mode_and_attributes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, "old").expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(0o604)).expect("a mode");
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(1234), Some(4321)).expect("an owner");
        }
        #[cfg(target_os = "linux")]
        let has_attributes =
            rustix::fs::setxattr(&path, "user.note", b"kept", rustix::fs::XattrFlags::empty())
                .is_ok();
        let before = fs::metadata(&path).expect("a file");
        assert_eq!(write(&path, "new").expect("written"), Replaced::Renamed);
        let after = fs::metadata(&path).expect("a file");
        assert_ne!(before.ino(), after.ino());
        let kept = |file: &Metadata| (file.mode(), file.uid(), file.gid());
        assert_eq!(kept(&before), kept(&after));
        #[cfg(target_os = "linux")]
        if has_attributes {
            let mut value = [0; 8];
            let length = rustix::fs::getxattr(&path, "user.note", &mut value[..]);
            assert_eq!(&value[..length.expect("kept")], b"kept");
        }
        assert_eq!(fs::read_to_string(&path).expect("a file"), "new");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_symlink_stays_even_if_its_target_does_not_exist_yet() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("link");
        symlink("file", &link).expect("a link");
        for text in ["first", "second"] {
            assert_eq!(write(&link, text).expect("written"), Replaced::Renamed);
            assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
            assert_eq!(fs::read_to_string(folder.path().join("file")).expect("a file"), text);
        }
    }

    #[test]
    fn leftovers_of_a_killed_process_are_removed_and_files_being_written_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        for left in [".growthd-killed.tmp", ".growthd-killed.tmp-journal", ".growthd-other", "own"]
        {
            fs::write(folder.path().join(left), "").expect("a file");
        }
        let writing = Replacement::begin(&folder.path().join("a"), 0o640).expect("begun");
        assert_eq!(write(&folder.path().join("b"), "b").expect("written"), Replaced::Renamed);
        assert!(writing.temporary().exists());
        assert_eq!(writing.finish(Replace::Refused).expect("finished"), Replaced::Renamed);
        assert_eq!(names(folder.path()), [".growthd-other", "a", "b", "own"]);
    }

    #[test]
    fn a_file_created_meanwhile_stays_if_it_may_not_be_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let new = Replacement::begin(&path, 0o640).expect("begun");
        fs::write(&path, "mine").expect("a file");
        let error = new.finish(Replace::Refused).expect_err("it exists");
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(names(folder.path()), ["file"]);
        assert_eq!(fs::read_to_string(&path).expect("a file"), "mine");
    }

    #[test]
    fn a_file_is_overwritten_from_its_beginning_to_its_new_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, "something longer").expect("a file");
        let inode = fs::metadata(&path).expect("a file").ino();
        let mut new = tempfile::tempfile().expect("a file");
        new.write_all(b"new").expect("written");
        assert_eq!(overwrite(&path, &mut new).expect("written"), Replaced::InPlace);
        assert_eq!(fs::read_to_string(&path).expect("a file"), "new");
        assert_eq!(fs::metadata(&path).expect("a file").ino(), inode);
    }
}
