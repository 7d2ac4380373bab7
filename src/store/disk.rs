//! Whether the database's file system has room for the next transaction.

use std::path::Path;

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
        return Some(format!("the file system of {} is read-only", folder.display()));
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
    (free < ROOM).then(|| format!("the disk of {} is full: {free} bytes free", folder.display()))
}
