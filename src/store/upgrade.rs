//! Bringing a database up to date: its tables a step at a time, with a copy kept beside it, and
//! its views whenever they differ.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::paths::{GROUP_READABLE, beside};
use crate::store::StoreError;
use crate::store::schema::{self, APPLICATION_ID, FIRST_VERSION};

/// How many copies of older schemas are kept.
const COPIES_KEPT: usize = 3;

/// Makes the database what `steps` lead to, from the version it has (0: it is empty).
pub(super) fn upgrade(
    connection: &mut Connection,
    path: &Path,
    found: i64,
    steps: &[&str],
) -> Result<(), StoreError> {
    let applied = usize::try_from(found - FIRST_VERSION).unwrap_or(0);
    let missing = if found == 0 { &[] } else { steps.get(applied..).unwrap_or_default() };
    if found != 0 && missing.is_empty() && schema::has_views_of_now(connection)? {
        return Ok(());
    }
    if !missing.is_empty() {
        let copy = keep_copy(connection, path, found)?;
        tracing::warn!(
            copy = %copy.display(),
            "upgrading the schema of the database; a copy of the old file is kept"
        );
    }
    // A table that others refer to cannot be rebuilt while foreign keys are enforced, and that can
    // be turned off outside of a transaction only: at its end they are checked instead.
    connection.pragma_update(None, "foreign_keys", false)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if found == 0 {
        schema::make_tables(&transaction)?;
    } else {
        schema::drop_views(&transaction)?;
    }
    for step in missing {
        transaction.execute_batch(step)?;
    }
    schema::make_views(&transaction)?;
    if let Some(detail) = dangling(&transaction)? {
        return Err(StoreError::Corrupt { path: path.to_owned(), detail });
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    let version = FIRST_VERSION + i64::try_from(steps.len()).unwrap_or(0);
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()?;
    Ok(connection.pragma_update(None, "foreign_keys", true)?)
}

/// Which row refers to one that is not there, if any does.
fn dangling(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let tables = |row: &rusqlite::Row<'_>| Ok((row.get("table")?, row.get("parent")?));
    let found: Option<(String, String)> =
        connection.query_row("PRAGMA foreign_key_check", [], tables).optional()?;
    Ok(found.map(|(table, parent)| format!("a row of {table} belongs to none of {parent}")))
}

/// Copies the database to `FILE.schema-N`, whole or not at all, and removes the copies of the
/// oldest schemas.
fn keep_copy(connection: &Connection, path: &Path, found: i64) -> Result<PathBuf, StoreError> {
    let copy = beside(path, &format!(".schema-{found}"));
    let partial = beside(path, &format!(".schema-{found}.partial"));
    let failed = |source| StoreError::File { path: partial.clone(), source };
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    // SQLite takes an empty file for its own; made here, it has the database's mode.
    let file = OpenOptions::new().create_new(true).write(true).mode(GROUP_READABLE).open(&partial);
    drop(file.map_err(failed)?);
    connection.execute("VACUUM INTO ?1", [partial.to_string_lossy()])?;
    File::open(&partial).and_then(|file| file.sync_all()).map_err(failed)?;
    fs::rename(&partial, &copy).map_err(failed)?;
    for old in copies(path).map_err(failed)?.iter().rev().skip(COPIES_KEPT) {
        fs::remove_file(old).map_err(failed)?;
    }
    Ok(copy)
}

/// The copies beside a database, that of the oldest schema first.
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

    /// What a next version might do.
    const STEPS: [&str; 5] = [
        "CREATE TABLE _one (x INTEGER) STRICT; INSERT INTO _one VALUES (1);",
        "ALTER TABLE _one RENAME TO _first; ALTER TABLE _account ADD COLUMN note TEXT;",
        "CREATE TABLE _three (x INTEGER) STRICT;",
        "CREATE TABLE _four (x INTEGER) STRICT;",
        "CREATE TABLE _five (x INTEGER) STRICT;",
    ];

    fn made() -> (tempfile::TempDir, PathBuf, Connection) {
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
    fn each_step_is_taken_once_and_a_copy_is_kept_before() {
        let (_folder, path, mut connection) = made();
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
            assert!(schema::has_views_of_now(&connection).expect("views"));
        }
        let kept = copies(&path).expect("copies");
        let expected = [12, 13, 14].map(|version| beside(&path, &format!(".schema-{version}")));
        assert_eq!(kept, expected);
    }

    #[test]
    fn a_step_that_fails_changes_nothing() {
        let (_folder, path, mut connection) = made();
        let steps = [STEPS[0], "CREATE TABLE _one (y)"];
        assert!(upgrade(&mut connection, &path, FIRST_VERSION, &steps).is_err());
        assert_eq!(version(&connection), FIRST_VERSION);
        assert!(!connection.table_exists(None, "_one").expect("a look"));
        assert!(schema::has_views_of_now(&connection).expect("views"));
    }

    #[test]
    fn views_of_another_text_are_made_anew() {
        let (_folder, path, connection) = made();
        connection
            .execute_batch(
                "DROP VIEW gaps; CREATE VIEW gaps AS SELECT 1; CREATE VIEW more AS SELECT 1",
            )
            .expect("other views");
        drop(connection);
        drop(Store::open(&path, Creation::Refused).expect("a database"));
        let connection = Connection::open(&path).expect("the database");
        assert!(schema::has_views_of_now(&connection).expect("views"));
    }
}
