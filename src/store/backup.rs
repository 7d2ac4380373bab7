//! Copying the database while a daemon may be writing to it.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::store::open::version;
use crate::store::{Reader, StoreError};

impl Reader {
    /// Copies the current state of the database into the empty file at `path`, and checks the copy.
    /// The copy has no WAL, so that it can be moved and read anywhere.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] if the copy fails the check, and any error from SQLite.
    pub fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = Connection::open_with_flags(path, flags)?;
        {
            let backup = Backup::new(&self.connection, &mut copy)?;
            // Copy all pages in one step. A write between two steps restarts the backup, and a busy
            // writer could do so forever.
            match backup.step(-1)? {
                StepResult::Done => {}
                _ => return Err(busy()),
            }
        }
        copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
        let result: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if result != "ok" {
            let detail = result.lines().last().unwrap_or_default().to_owned();
            return Err(StoreError::Corrupt { path: path.to_owned(), detail });
        }
        version(&copy, path)?;
        copy.close().map_err(|(_, error)| StoreError::Sqlite(error))
    }
}

fn busy() -> StoreError {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
    StoreError::Sqlite(rusqlite::Error::SqliteFailure(code, None))
}
