//! Whether the database's file system has room for the next transaction.

use std::path::{Path, PathBuf};

use rustix::fs::{StatVfs, StatVfsMountFlags, statvfs};

use crate::paths::folder_of;
use crate::replacement::real_path;

/// Free space, in bytes, that one engine turn may need: its pages are appended to the WAL.
const ROOM: u64 = 1 << 20;

/// Returns the free space, in bytes, on the file system of the database at `path`; `None` if it
/// cannot be read.
pub fn free_space(path: &Path) -> Option<u64> {
    free_space_at(&real_path(path))
}

/// The same, of a path that is known to be no symlink.
pub(super) fn free_space_at(real_path: &Path) -> Option<u64> {
    statvfs(folder_of(real_path)).ok().map(|disk| free_bytes(&disk))
}

fn free_bytes(disk: &StatVfs) -> u64 {
    disk.f_bavail.saturating_mul(disk.f_frsize)
}

/// Describes what will keep the next refresh from being recorded; `None` if the file system reports
/// no problem.
pub fn disk_trouble(database: &Path) -> Option<String> {
    let database = real_path(database);
    let folder = folder_of(&database);
    let disk = statvfs(folder).ok()?;
    if disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Some(format!("the file system of {} is read-only", shown(folder).display()));
    }
    full(folder, &disk)
}

/// Says so if the disk is full. What may only read the database, as a monitor that has it mounted
/// read-only, can tell as much of whoever may write it.
pub fn full_disk(database: &Path) -> Option<String> {
    let database = real_path(database);
    let folder = folder_of(&database);
    full(folder, &statvfs(folder).ok()?)
}

fn full(folder: &Path, disk: &StatVfs) -> Option<String> {
    let free = free_bytes(disk);
    let folder = shown(folder);
    (free < ROOM).then(|| format!("the disk of {} is full: {free} bytes free", folder.display()))
}

/// Returns a folder as it is to be named: `.` tells nobody which one it is.
fn shown(folder: &Path) -> PathBuf {
    match folder == Path::new(".") {
        true => std::env::current_dir().unwrap_or_else(|_| folder.to_owned()),
        false => folder.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named_by_a_folder_that_can_be_found() {
        let here = std::env::current_dir().expect("a folder");
        let disk = StatVfs { f_bavail: 0, ..statvfs(".").expect("a disk") };
        for (folder, named) in [(Path::new("."), &*here), (Path::new("/data"), Path::new("/data"))]
        {
            let expected = format!("the disk of {} is full: 0 bytes free", named.display());
            assert_eq!(full(folder, &disk), Some(expected));
        }
    }
}
