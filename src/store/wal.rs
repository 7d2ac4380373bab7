//! The write-ahead log beside the database file.
//!
//! SQLite can restart the WAL from its beginning only while no transaction reads from it. If a
//! program keeps a transaction open for days, the WAL grows by some fifteen kilobytes a refresh
//! until it ends.
//!
//! # Hazard
//! SQLite finds the WAL by its name alone. It applies one that a killed process left to whatever
//! file is at the database's path by then, such as a restored backup, and deletes it where there is
//! no such file.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::paths::beside;
use crate::replacement::real_path;
use crate::store::StoreError;
use crate::store::file_lock::FileLock;

/// How each SQLite database begins.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// The offset of the version that a reader needs to support, and its value if the database does not
/// use a WAL.
const READ_VERSION: usize = 19;
const WITHOUT_WAL: u8 = 1;

/// Returns the size of the WAL of the database at `database`, in bytes; 0 if there is none.
pub fn wal_size(database: &Path) -> u64 {
    fs::metadata(beside(&real_path(database), "-wal")).map_or(0, |metadata| metadata.len())
}

/// Returns whether there is a journal of either kind beside the database at `database`, which SQLite may
/// apply to the file that is there when it is next opened.
pub fn has_journal(database: &Path) -> bool {
    let rollback_journal = beside(&real_path(database), "-journal");
    wal_size(database) > 0 || fs::metadata(rollback_journal).is_ok_and(|file| file.len() > 0)
}

/// Refuses a WAL that certainly belongs to another file than the one at `database`. SQLite switches
/// the file to WAL mode before it writes a WAL, and removes the WAL before it switches the file back.
/// A file that is missing, empty or not in WAL mode, as each backup is, therefore has none of its own.
///
/// # Errors
/// Returns [`StoreError::OrphanedWal`] or [`StoreError::ForeignWal`].
pub(super) fn check_wal(database: &Path) -> Result<(), StoreError> {
    // In this order, because a process that creates the database switches its mode first. To close
    // another descriptor of a file that this process has open would drop SQLite's locks on it.
    if wal_size(database) == 0 || FileLock::is_held_here(database) {
        return Ok(());
    }
    match uses_wal(database) {
        Ok(false) => Err(StoreError::ForeignWal(database.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(StoreError::OrphanedWal(database.to_owned()))
        }
        // If the file cannot be read, opening it reports that.
        Ok(true) | Err(_) => Ok(()),
    }
}

/// Returns false for an empty file and a database without a WAL, true for anything else.
fn uses_wal(database: &Path) -> io::Result<bool> {
    let mut header = Vec::new();
    let length = READ_VERSION as u64 + 1;
    File::open(database)?.take(length).read_to_end(&mut header)?;
    let is_without = header.starts_with(MAGIC) && header.get(READ_VERSION) == Some(&WITHOUT_WAL);
    Ok(!header.is_empty() && !is_without)
}
