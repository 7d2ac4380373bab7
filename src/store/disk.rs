//! Whether the database's file system can take what is to be recorded.

use std::path::Path;

use rustix::fs::{StatVfs, StatVfsMountFlags};

use crate::paths::folder_of;

/// Room that a turn's transaction may need, in bytes: the journal grows by its pages.
const ROOM: u64 = 1 << 20;

/// How many bytes the file system of the database at `path` has left; `None` where it does not say.
pub fn free_space(path: &Path) -> Option<u64> {
    rustix::fs::statvfs(folder_of(path)).ok().map(|disk| free_bytes(&disk))
}

fn free_bytes(disk: &StatVfs) -> u64 {
    disk.f_bavail.saturating_mul(disk.f_frsize)
}

/// What will keep the next refresh from being recorded, in a few words; `None` if nothing does,
/// as far as the file system tells.
pub fn disk_trouble(database: &Path) -> Option<String> {
    let folder = folder_of(database);
    let disk = rustix::fs::statvfs(folder).ok()?;
    if disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Some(format!("the file system of {} is read-only", folder.display()));
    }
    let free = free_bytes(&disk);
    (free < ROOM).then(|| format!("the disk of {} is full: {free} bytes free", folder.display()))
}
