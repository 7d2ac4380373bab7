//! Paths derived from a file's path, and the mode of new files.

use std::path::{Path, PathBuf};

/// The mode of files that growthd creates: writable by the owner, readable by the group.
pub(crate) const GROUP_READABLE: u32 = 0o640;

/// Returns the folder that contains a file; `.` for a bare file name.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Returns the path with `suffix` appended to the file name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Returns the paths of a database in WAL mode: of the file itself, its WAL and the WAL's index.
pub(crate) fn database_files(database: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|suffix| beside(database, suffix))
}
