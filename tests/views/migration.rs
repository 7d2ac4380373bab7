//! A database of an earlier schema.

use growthd::store::{Creation, Reader, SCHEMA_VERSION, Store, StoreError};
use rusqlite::Connection;

use crate::past::Past;

const MIGRATIONS: [&str; 1] = [include_str!("../../src/store/migrations/0001_foundation.sql")];

/// An account with two snapshots, as the first schemas have them.
const TWO_SNAPSHOTS: &str = "
    INSERT INTO _account (account_id, label, tags, cron, timezone, spread, enabled, added_time,
                          active_time, next_due, interval, last_refresh)
    VALUES ('clx1', 'Guru', '[]', '0 6 * * MON', 'UTC', 0, 1, 0, 0, 4000000000, 604800, 2);
    INSERT INTO _refresh VALUES
      (1, 1, 0, 1, 1, NULL, 604800, 1767592790, 1767592800, 200, NULL, NULL),
      (2, 1, 1, 1, 1, 1768197600, 604800, 1768197600, 1768197603, 200, NULL, NULL);
    INSERT INTO _snapshot VALUES
      (1, 1, 1767592800, 1000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL),
      (2, 1, 1768197603, 1070, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL);";

/// A database as the growthd of that schema left it.
fn of_schema(version: usize, rows: &str) -> Past {
    Past::made_by(|path| {
        let connection = Connection::open(path).expect("a database");
        let schema = MIGRATIONS[..version].concat();
        let sql = format!(
            "PRAGMA journal_mode = WAL; PRAGMA application_id = 0x67726f77;
             PRAGMA user_version = {version}; BEGIN; {schema} {rows} COMMIT;"
        );
        connection.execute_batch(&sql).expect("its rows");
    })
}

#[test]
fn one_that_cannot_be_brought_over_stays_as_it_was() {
    let past = of_schema(1, TWO_SNAPSHOTS);
    past.run(
        "PRAGMA foreign_keys = OFF;
         INSERT INTO _snapshot (refresh_id, account, time, is_suspect) VALUES (7777, 1, 5, 0);",
    );
    let schema = || past.ask_bundled("SELECT sql FROM sqlite_schema");
    let before = schema();
    let error =
        Store::open(&past.path(), Creation::Refused).expect_err("a snapshot without a line");
    assert!(
        matches!(&error, StoreError::Corrupt { detail, .. } if detail == "a row of _snapshot belongs to none of _refresh"),
        "{error}"
    );
    assert_eq!(past.ask("PRAGMA user_version"), ["1"]);
    assert!(schema() == before);
}

#[test]
fn the_first_schema_is_brought_up_to_date_and_keeps_its_rows() {
    let past = of_schema(1, TWO_SNAPSHOTS);
    drop(Store::open(&past.path(), Creation::Refused).expect("the database"));
    assert_eq!(past.ask("PRAGMA user_version"), [SCHEMA_VERSION.to_string()]);
    assert_eq!(past.ask("SELECT followers_gained_7d FROM latest"), ["70"]);
    assert_eq!(past.ask("PRAGMA quick_check"), ["ok"]);
}

#[test]
fn a_reading_verb_brings_it_up_to_date_too() {
    let past = of_schema(1, TWO_SNAPSHOTS);
    assert!(past.told(&["history", "clx1", "--csv"]).contains(",1070,70,"));
}

#[test]
fn while_another_growthd_writes_it_nothing_is_changed() {
    let past = Past::new();
    let held = Store::open(&past.path(), Creation::Refused).expect("the database");
    past.run("PRAGMA user_version = 1");
    assert!(Reader::open_up_to_date(&past.path()).is_err());
    assert_eq!(past.ask("PRAGMA user_version"), ["1"]);
    drop(held);
}
