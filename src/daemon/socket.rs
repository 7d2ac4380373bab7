//! The path of the control socket.

use std::path::{Path, PathBuf};

use crate::paths::beside;
use crate::store::real_path;

/// Returns the path of a database's control socket, which is beside the file itself even if
/// `database` is a symbolic link.
pub fn socket_path(database: &Path) -> PathBuf {
    beside(&real_path(database), ".sock")
}
