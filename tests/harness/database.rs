//! The database as users read it: read-only, through the views.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::{FromSql, Value};
use rusqlite::{Connection, OpenFlags};

use super::poll;

/// A read-only connection.
pub struct Database {
    connection: Connection,
    path: PathBuf,
}

impl Database {
    pub fn open(path: &Path) -> Database {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = Connection::open_with_flags(path, flags).expect("a database");
        connection.busy_timeout(Duration::from_secs(10)).expect("a timeout");
        Database { connection, path: path.to_owned() }
    }

    /// Opens the database if growthd has created its schema.
    pub fn of_growthd(path: &Path) -> Option<Database> {
        let database = path.exists().then(|| Database::open(path))?;
        let version =
            database.connection.pragma_query_value(None, "user_version", |row| row.get(0));
        (version.unwrap_or(0_i64) > 0).then_some(database)
    }

    /// Returns the only value of a query.
    #[track_caller]
    pub fn one<T: FromSql>(&self, sql: &str) -> T {
        match self.connection.query_row(sql, [], |row| row.get(0)) {
            Ok(value) => value,
            Err(error) => panic!("{sql}: {error}"),
        }
    }

    /// Returns the only row of a query, by column.
    #[track_caller]
    pub fn row(&self, sql: &str) -> Vec<(String, Value)> {
        let mut statement = self.connection.prepare(sql).expect(sql);
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let row = statement.query_row([], |row| (0..names.len()).map(|n| row.get(n)).collect());
        let row: Vec<Value> = row.expect(sql);
        names.into_iter().zip(row).collect()
    }

    /// Returns the rows of a query, each as text with `|` between its values.
    #[track_caller]
    pub fn rows(&self, sql: &str) -> Vec<String> {
        let mut statement = self.connection.prepare(sql).expect(sql);
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let cells = (0..columns).map(|column| row.get(column).map(text));
            cells.collect::<rusqlite::Result<Vec<_>>>().map(|cells| cells.join("|"))
        });
        rows.expect(sql).collect::<Result<_, _>>().expect(sql)
    }

    /// Waits until the query's only value is true. The database file may be replaced meanwhile.
    #[track_caller]
    pub fn until(&self, sql: &str) {
        poll(sql, || self.one::<bool>(sql).then_some(()));
    }

    /// Asserts what must hold for every database at any time.
    #[track_caller]
    pub fn is_sound(&self) {
        assert_eq!(self.one::<String>("PRAGMA integrity_check"), "ok", "{}", self.path.display());
        let bought_twice = self.rows(
            "SELECT account_id, scheduled_time FROM refreshes
             WHERE outcome IN ('ok', 'pending') AND scheduled_time IS NOT NULL
             GROUP BY 1, 2 HAVING count(*) > 1",
        );
        assert_eq!(bought_twice, [""; 0]);
        let counted: i64 = self.one("SELECT coalesce(sum(spent), 0) FROM spend");
        assert_eq!(counted, self.one::<i64>("SELECT coalesce(sum(spent), 0) FROM refreshes"));
        let counted: i64 = self.one("SELECT coalesce(sum(snapshots), 0) FROM spend");
        assert_eq!(counted, self.one::<i64>("SELECT count(*) FROM snapshots"));
    }
}

fn text(value: Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text,
        Value::Blob(bytes) => format!("{bytes:?}"),
    }
}
