//! The write-ahead log beside the database file.
//!
//! SQLite can restart the WAL from its beginning only while no transaction reads from it. If a
//! program keeps a transaction open for days, the WAL grows by some ten kilobytes a refresh until
//! it ends.

use std::fs;
use std::path::Path;

use crate::paths::beside;

/// Returns the size of the WAL of the database at `database`, in bytes; 0 if there is none.
pub fn wal_size(database: &Path) -> u64 {
    fs::metadata(beside(database, "-wal")).map_or(0, |metadata| metadata.len())
}
