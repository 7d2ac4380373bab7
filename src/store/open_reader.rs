//! A connection that reads, and trusts what it reads no further than a stranger's file.
//!
//! Whoever can write the file can put another view in the place of one of growthd's. It is read
//! without functions that do anything (`trusted_schema`), and cannot run for ever.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::paths::beside;
use crate::store::StoreError;

/// Readers of a WAL database wait only while another process repairs it after a crash.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How many of SQLite's instructions a reader may take: some seconds' worth whatever the size, and
/// for each byte of the file several times what the slowest question needs. Not a time, since a
/// machine may be busy, and whoever reads an export slow.
const FREE_STEPS: u64 = 200_000_000;
const STEPS_PER_BYTE: u64 = 200;

/// After how many instructions they are counted.
const COUNTED_AT_ONCE: i32 = 100_000;

/// Opens the database at `path` for reading.
///
/// # Errors
/// What SQLite says.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let bytes = size(path).saturating_add(size(&beside(path, "-wal")));
    bound_steps(&mut connection, FREE_STEPS.saturating_add(bytes.saturating_mul(STEPS_PER_BYTE)))?;
    Ok(connection)
}

fn bound_steps(connection: &mut Connection, most: u64) -> rusqlite::Result<()> {
    let mut taken: u64 = 0;
    connection.progress_handler(
        COUNTED_AT_ONCE,
        Some(move || {
            taken = taken.saturating_add(u64::from(COUNTED_AT_ONCE.unsigned_abs()));
            taken > most
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_that_never_ends_is_ended() {
        let mut connection = Connection::open_in_memory().expect("a database");
        bound_steps(&mut connection, 1_000_000).expect("a bound");
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
                       SELECT count(*) FROM n";
        let error = connection.query_row(endless, [], |_| Ok(())).expect_err("ended");
        assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::OperationInterrupted));
        let told = StoreError::from(error).to_string();
        assert!(told.contains("somebody changed its views"), "{told}");
    }
}
