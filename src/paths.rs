//! Where a file lies, what lies beside it, and who may read a new one.

use std::path::{Path, PathBuf};

/// The mode of a file that growthd makes: its group's to read, and nobody else's.
pub(crate) const GROUP_READABLE: u32 = 0o640;

/// The folder that a file is in; the working folder is `.`.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A file beside another: its name with something behind it.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
