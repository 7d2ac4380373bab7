//! A file that is there whole or not at all: written under another name in the same folder, then
//! put in its place, with what the file had that was there before.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Seek};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::paths::folder_of;

/// How the other name begins and ends. A file of such a name that nobody holds was left by a
/// process that was killed, and is removed by the next one that writes in that folder.
const PREFIX: &str = ".growthd-";
const SUFFIX: &str = ".tmp";

/// What SQLite may put beside a file that it writes.
const BESIDE: [&str; 3] = ["-journal", "-wal", "-shm"];

const MODE_BITS: u32 = 0o7777;
const GROUP_BITS: u32 = 0o070;
const OTHER_BITS: u32 = 0o007;

/// Whether a file that is there may be replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replace {
    Allowed,
    /// Leave it, and say so.
    Refused,
}

/// How a file came into its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placed {
    /// In one step.
    Renamed,
    /// Into the file that was there, which cannot be replaced: it is mounted by itself, or its
    /// folder may not be written. A crash meanwhile would have left half of it.
    InPlace,
}

/// A file being written. Dropped unfinished, it is removed.
#[derive(Debug)]
pub struct Replacement {
    target: PathBuf,
    /// Locked while it is written, as a sign to others that somebody writes it.
    file: NamedTempFile,
    /// Whether it lies where it cannot be renamed from.
    is_elsewhere: bool,
    _beside: Beside,
}

/// What SQLite may have left beside a file that it could not finish: removed with it.
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
    /// Begins the file that is to be at `path`; a new one gets this mode,
    /// less the umask. A link stays, and what
    /// it leads to is replaced.
    ///
    /// # Errors
    /// Neither the folder nor the file can be written.
    pub fn begin(path: &Path, mode: u32) -> io::Result<Replacement> {
        let target = followed(path)?;
        let folder = folder_of(&target);
        remove_leftovers(folder);
        let there = fs::metadata(&target).ok();
        if is_mounted_by_itself(&target) {
            // It will be written in place: whether it may be is to be known now.
            OpenOptions::new().write(true).open(&target)?;
        }
        let (file, is_elsewhere) = match temporary_in(folder, mode) {
            Ok(file) => (file, false),
            Err(error) if there.is_some() && is_refusal(&error) => {
                OpenOptions::new().write(true).open(&target)?;
                (temporary_in(&std::env::temp_dir(), mode)?, true)
            }
            Err(error) => return Err(error),
        };
        if let Some(there) = &there {
            take_over(there, &target, file.as_file());
        }
        let beside = Beside(file.path().to_owned());
        Ok(Replacement { target, file, is_elsewhere, _beside: beside })
    }

    /// Where it lies until it is finished.
    pub fn temporary(&self) -> &Path {
        self.file.path()
    }

    /// The file.
    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Where it will be.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Makes it last, and puts it in its place.
    ///
    /// # Errors
    /// A file has come there meanwhile and may not be replaced, or the disk fails.
    pub fn finish(self, replace: Replace) -> io::Result<Placed> {
        let Replacement { target, mut file, is_elsewhere, _beside } = self;
        file.as_file().sync_all()?;
        if is_elsewhere {
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
                    // Why it could not be replaced is what there is to mend.
                    Err(_) => Err(failed.error),
                };
            }
            Err(failed) => return Err(failed.error),
        }
        // The name itself is on the disk once its folder is; some file systems cannot say so.
        if let Ok(folder) = File::open(folder_of(&target)) {
            folder.sync_all().ok();
        }
        Ok(Placed::Renamed)
    }
}

/// Where a path leads, also where there is no file yet at the end of a link.
pub(crate) fn followed(path: &Path) -> io::Result<PathBuf> {
    /// More than the system follows.
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

/// Whether the file is a mount point, which nothing can be renamed over: in a container, a file
/// from outside. Where the system cannot tell, it is found out when the file is renamed.
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

/// Whether the folder does not take a file, or gives none up, where the file itself might be
/// written.
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
        // A file system without locks keeps what a killed process leaves.
        file.as_file().lock().ok();
        // Unless somebody took it for a leftover before it was locked.
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
        // Not to be had is as good as held.
        let Ok(file) = File::open(&path) else { continue };
        if file.try_lock().is_ok() {
            fs::remove_file(&path).ok();
            drop(Beside(path));
        }
    }
}

/// Gives the new file what the old one has: owner, group, mode and extended attributes, access
/// lists among them. What the process or the file system does not allow stays as it is for a new
/// file; none of it is a reason not to write.
fn take_over(there: &Metadata, path: &Path, file: &File) {
    fchown(file, Some(there.uid()), None).ok();
    let mut mode = there.mode() & MODE_BITS;
    if fchown(file, None, Some(there.gid())).is_err() {
        // What the old group may is not for another group.
        mode = (mode & !GROUP_BITS) | ((mode & OTHER_BITS) << 3);
    }
    // A file system without modes refuses.
    file.set_permissions(Permissions::from_mode(mode)).ok();
    copy_attributes(path, file);
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn copy_attributes(path: &Path, file: &File) {
    use std::os::fd::AsFd;

    use rustix::fs::XattrFlags;

    /// The most that Linux keeps of names, and of one value.
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

/// Other systems keep no such attributes, or have other calls for them.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn copy_attributes(_path: &Path, _file: &File) {}

fn overwrite(target: &Path, file: &mut File) -> io::Result<Placed> {
    file.rewind()?;
    let mut there = OpenOptions::new().write(true).open(target)?;
    let written = io::copy(file, &mut there)?;
    there.set_len(written)?;
    there.sync_all()?;
    Ok(Placed::InPlace)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(path: &Path, text: &str) -> io::Result<Placed> {
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
    fn what_the_old_file_had_the_new_one_has() {
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
        assert_eq!(write(&path, "new").expect("written"), Placed::Renamed);
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
    fn a_link_stays_also_one_that_leads_nowhere_yet() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("link");
        symlink("file", &link).expect("a link");
        for text in ["first", "second"] {
            write(&link, text).expect("written");
            assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
            assert_eq!(fs::read_to_string(folder.path().join("file")).expect("a file"), text);
        }
    }

    #[test]
    fn what_a_killed_process_left_goes_and_what_is_being_written_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        for left in [".growthd-killed.tmp", ".growthd-killed.tmp-journal", ".growthd-other", "own"]
        {
            fs::write(folder.path().join(left), "").expect("a file");
        }
        let writing = Replacement::begin(&folder.path().join("a"), 0o640).expect("begun");
        write(&folder.path().join("b"), "b").expect("written");
        assert!(writing.temporary().exists());
        writing.finish(Replace::Refused).expect("finished");
        assert_eq!(names(folder.path()), [".growthd-other", "a", "b", "own"]);
    }

    #[test]
    fn a_file_that_came_meanwhile_stays_where_it_may_not_be_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let new = Replacement::begin(&path, 0o640).expect("begun");
        fs::write(&path, "mine").expect("a file");
        let error = new.finish(Replace::Refused).expect_err("it is there");
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
        assert_eq!(overwrite(&path, &mut new).expect("written"), Placed::InPlace);
        assert_eq!(fs::read_to_string(&path).expect("a file"), "new");
        assert_eq!(fs::metadata(&path).expect("a file").ino(), inode);
    }
}
