//! A consistent copy of the database, taken beside whoever writes it.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::store::open::version;
use crate::store::{Reader, StoreError};

impl Reader {
    /// Copies the database, as it is at this moment, into the empty file at `path`, and checks
    /// the copy. It needs no journal beside it, so that it can be moved and read anywhere.
    ///
    /// # Errors
    /// What SQLite says, and [`StoreError::Corrupt`] where the copy is not sound.
    pub fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = Connection::open_with_flags(path, flags)?;
        {
            let backup = Backup::new(&self.connection, &mut copy)?;
            // All pages in one step: between two, a writer would make it begin anew, for ever.
            match backup.step(-1)? {
                StepResult::Done => {}
                _ => return Err(busy()),
            }
        }
        copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
        let said: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if said != "ok" {
            let detail = said.lines().last().unwrap_or_default().to_owned();
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
