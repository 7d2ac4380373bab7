//! The journal beside a database: what was committed and is not in the file yet.
//!
//! SQLite begins it anew only when nobody reads from it. A program that keeps one transaction open
//! for days keeps it from that, and it grows by some ten kilobytes a refresh until it ends.

use std::fs;
use std::path::Path;

use crate::paths::beside;

/// How large the journal of the database at `database` is, in bytes; 0 where there is none.
pub fn journal_size(database: &Path) -> u64 {
    fs::metadata(beside(database, "-wal")).map_or(0, |metadata| metadata.len())
}
