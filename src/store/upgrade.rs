//! Upgrading a database: its tables by numbered steps, after copying the file, and its views
//! whenever they differ.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::paths::{GROUP_READABLE, beside};
use crate::store::StoreError;
use crate::store::schema::{self, APPLICATION_ID, EMPTY, FIRST_VERSION};

const MAX_COPIES: usize = 3;

/// Applies the missing ones of `steps` to a database of version `found`.
pub(super) fn upgrade(
    connection: &mut Connection,
    path: &Path,
    found: i64,
    steps: &[&str],
) -> Result<(), StoreError> {
    let applied = usize::try_from(found - FIRST_VERSION).unwrap_or(0);
    let missing = if found == EMPTY { &[] } else { steps.get(applied..).unwrap_or_default() };
    if found != EMPTY && missing.is_empty() && schema::has_current_views(connection)? {
        return Ok(());
    }
    if !missing.is_empty() {
        let copy = keep_copy(connection, path, found)?;
        tracing::warn!(
            copy = %copy.display(),
            "upgrading the schema of the database; a copy of the old file is kept"
        );
    }
    // A table that others refer to cannot be rebuilt while foreign keys are enforced, and
    // enforcement can only be disabled outside of a transaction. So check them at the transaction's
    // end instead.
    connection.pragma_update(None, "foreign_keys", false)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if found == EMPTY {
        schema::create_tables(&transaction)?;
    } else {
        schema::drop_views(&transaction)?;
    }
    for step in missing {
        transaction.execute_batch(step)?;
    }
    schema::create_views(&transaction)?;
    if let Some(detail) = dangling_reference(&transaction)? {
        return Err(StoreError::Corrupt { path: path.to_owned(), detail });
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    let version = FIRST_VERSION + i64::try_from(steps.len()).unwrap_or(0);
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()?;
    Ok(connection.pragma_update(None, "foreign_keys", true)?)
}

/// Describes a row that refers to a missing one, if there is any.
fn dangling_reference(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let tables = |row: &rusqlite::Row<'_>| Ok((row.get("table")?, row.get("parent")?));
    let found: Option<(String, String)> =
        connection.query_row("PRAGMA foreign_key_check", [], tables).optional()?;
    Ok(found.map(|(table, parent)| format!("a row of {table} refers to a missing row of {parent}")))
}

/// Copies the database to `FILE.schema-N` atomically, and removes the copies of the oldest schemas.
fn keep_copy(connection: &Connection, path: &Path, found: i64) -> Result<PathBuf, StoreError> {
    let copy = beside(path, &format!(".schema-{found}"));
    let partial = beside(path, &format!(".schema-{found}.partial"));
    let failed = |source| StoreError::File { path: partial.clone(), source };
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let name = partial.to_str().ok_or_else(|| {
        failed(io::Error::new(io::ErrorKind::InvalidFilename, "SQLite needs its path to be UTF-8"))
    })?;
    // SQLite accepts an existing empty file; creating it here gives it the database's mode.
    let file = OpenOptions::new().create_new(true).write(true).mode(GROUP_READABLE).open(&partial);
    drop(file.map_err(failed)?);
    connection.execute("VACUUM INTO ?1", [name])?;
    File::open(&partial).and_then(|file| file.sync_all()).map_err(failed)?;
    fs::rename(&partial, &copy).map_err(failed)?;
    for old in copies(path).map_err(failed)?.iter().rev().skip(MAX_COPIES) {
        fs::remove_file(old).map_err(failed)?;
    }
    Ok(copy)
}

/// Returns the copies beside a database, oldest schema first.
fn copies(path: &Path) -> io::Result<Vec<PathBuf>> {
    let prefix = beside(path, ".schema-");
    let Some(name) = prefix.file_name() else { return Ok(Vec::new()) };
    let name = name.to_string_lossy().into_owned();
    let folder = prefix.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.unwrap_or(Path::new(".")))? {
        let entry = entry?;
        let version = entry.file_name().to_string_lossy().strip_prefix(&name).map(str::parse);
        if let Some(Ok::<i64, _>(version)) = version {
            found.push((version, entry.path()));
        }
    }
    found.sort_unstable();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Creation, Store};

    /// Steps as a future version might have them.
    const STEPS: [&str; 5] = [
        "CREATE TABLE _one (x INTEGER) STRICT; INSERT INTO _one VALUES (1);",
        "ALTER TABLE _one RENAME TO _first; ALTER TABLE _account ADD COLUMN note TEXT;",
        "CREATE TABLE _three (x INTEGER) STRICT;",
        "CREATE TABLE _four (x INTEGER) STRICT;",
        "CREATE TABLE _five (x INTEGER) STRICT;",
    ];

    fn new_database() -> (tempfile::TempDir, PathBuf, Connection) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("growth.db");
        drop(Store::open(&path, Creation::Allowed).expect("a database"));
        let connection = Connection::open(&path).expect("the database");
        (folder, path, connection)
    }

    fn version(connection: &Connection) -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a version")
    }

    #[test]
    fn each_step_is_applied_once_after_a_copy_was_made() {
        let (_folder, path, mut connection) = new_database();
        for steps in 0..=STEPS.len() {
            let found = version(&connection);
            for _ in 0..2 {
                let before = version(&connection);
                upgrade(&mut connection, &path, before, &STEPS[..steps]).expect("up to date");
            }
            let expected = FIRST_VERSION + i64::try_from(steps).expect("few");
            assert_eq!(version(&connection), expected);
            if steps > 0 {
                let copy = Connection::open(beside(&path, &format!(".schema-{found}")));
                assert_eq!(version(&copy.expect("a copy")), found);
            }
            assert!(schema::has_current_views(&connection).expect("views"));
        }
        let kept = copies(&path).expect("copies");
        let expected =
            [2, 3, 4].map(|step| beside(&path, &format!(".schema-{}", FIRST_VERSION + step)));
        assert_eq!(kept, expected);
    }

    #[test]
    fn a_step_that_fails_changes_nothing() {
        let (_folder, path, mut connection) = new_database();
        let steps = [STEPS[0], "CREATE TABLE _one (y)"];
        assert!(upgrade(&mut connection, &path, FIRST_VERSION, &steps).is_err());
        assert_eq!(version(&connection), FIRST_VERSION);
        assert!(!connection.table_exists(None, "_one").expect("a transaction"));
        assert!(schema::has_current_views(&connection).expect("views"));
    }

    #[test]
    fn views_with_other_sql_are_recreated() {
        let (_folder, path, connection) = new_database();
        connection
            .execute_batch(
                "DROP VIEW gaps; CREATE VIEW gaps AS SELECT 1; CREATE VIEW more AS SELECT 1",
            )
            .expect("other views");
        drop(connection);
        drop(Store::open(&path, Creation::Refused).expect("a database"));
        let connection = Connection::open(&path).expect("the database");
        assert!(schema::has_current_views(&connection).expect("views"));
    }
}
