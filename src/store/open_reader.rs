//! A read-only connection, which treats the file's schema as untrusted.
//!
//! Anyone who can write the file can replace one of growthd's views. Views are therefore evaluated
//! without functions that have side effects (`trusted_schema`), and a statement's run time is
//! limited.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::store::StoreError;
use crate::store::wal::wal_size;

/// Readers of a WAL database wait only while another process recovers it after a crash.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How many SQLite instructions a connection may execute: a few seconds' worth for any file, and
/// for each byte of the file several times what the slowest query needs. This is not a limit in
/// time, because the machine may be busy, and the reader of an export slow.
const FREE_STEPS: u64 = 200_000_000;
const STEPS_PER_BYTE: u64 = 200;

/// How many instructions are executed between two checks of the limit.
const STEPS_PER_CHECK: i32 = 100_000;

/// Opens the database at `path` for reading.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    let size = fs::metadata(path).map_or(0, |metadata| metadata.len());
    let bytes = size.saturating_add(wal_size(path));
    limit_steps(&mut connection, FREE_STEPS.saturating_add(bytes.saturating_mul(STEPS_PER_BYTE)))?;
    Ok(connection)
}

fn limit_steps(connection: &mut Connection, limit: u64) -> rusqlite::Result<()> {
    let mut executed: u64 = 0;
    connection.progress_handler(
        STEPS_PER_CHECK,
        Some(move || {
            executed = executed.saturating_add(u64::from(STEPS_PER_CHECK.unsigned_abs()));
            executed > limit
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_view_is_interrupted() {
        let mut connection = Connection::open_in_memory().expect("a database");
        limit_steps(&mut connection, 1_000_000).expect("a bound");
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
                       SELECT count(*) FROM n";
        let error = connection.query_row(endless, [], |_| Ok(())).expect_err("ended");
        assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::OperationInterrupted));
        let message = StoreError::from(error).to_string();
        assert!(message.contains("its views were changed"), "{message}");
    }
}
