//! The journal beside a database: what was committed and is not in the file yet.
//!
//! SQLite begins it anew only when nobody reads from it. A program that keeps one transaction open
//! for days keeps it from that, and it grows by some ten kilobytes a refresh until it ends.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the journal of a database lies.
fn path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// How large the journal of the database at `database` is, in bytes; 0 where there is none.
pub fn journal_size(database: &Path) -> u64 {
    fs::metadata(path(database)).map_or(0, |metadata| metadata.len())
}
