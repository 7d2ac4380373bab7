//! Where the control socket lies.

use std::path::{Path, PathBuf};

use crate::paths::beside;
use crate::store::real_path;

/// Where the socket of a database lies: beside the file itself, however it is reached.
pub fn socket_path(database: &Path) -> PathBuf {
    beside(&real_path(database), ".sock")
}
