//! A database of an earlier schema.

use growthd::store::{Creation, Reader, SCHEMA_VERSION, Store, StoreError};
use rusqlite::Connection;

use crate::past::Past;

const MIGRATIONS: [&str; 2] = [
    include_str!("../../src/store/migrations/0001_foundation.sql"),
    include_str!("../../src/store/migrations/0002_history_views.sql"),
];

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

/// Every kind of row there is. Accounts: watched, failing, tried in vain, disabled, removed, never
/// refreshed, and one with a history of 200 snapshots in every combination of what may be told.
const ALL_KINDS: &str = "
    INSERT INTO _account VALUES
      (1, 'clx1', 'Guru', '[\"a\"]', '@daily', 'UTC', 0, 1, 5, NULL, 5, 1768200000, 1767600000, NULL, 86400, 0, 0, NULL, NULL, 12),
      (2, 'clx2', NULL, '[]', '@weekly', 'UTC', 60, 1, 5, NULL, 5, 1768200000, 1767600000, NULL, 604800, 0, 0, 5, 5, 4),
      (3, 'clx3', 'Three', '[]', '@weekly', 'UTC', 60, 1, 5, NULL, 5, 4000000000, 1767600000, 1768100000, 604800, 2, 1, NULL, 6, NULL),
      (4, 'clx4', 'Four', '[]', '@weekly', 'UTC', 60, 0, 5, NULL, 5, NULL, NULL, NULL, 604800, 0, 0, NULL, NULL, NULL),
      (5, 'clx5', 'Five', '[]', '@weekly', 'UTC', 60, 1, 5, 99, 5, NULL, NULL, NULL, 604800, 0, 0, NULL, NULL, 10),
      (6, 'clx6', 'Six', '[]', '@weekly', 'UTC', 60, 1, 5, NULL, 5, 4000000000, NULL, NULL, 604800, 0, 0, NULL, NULL, NULL),
      (7, 'clx7', 'Seven', '[]', '@weekly', 'UTC', 60, 1, 5, NULL, 5, 4000000000, NULL, NULL, 604800, 0, 0, NULL, NULL, 1199);
    INSERT INTO _profile VALUES
      (1, 'tiktok', 'guru', 'Gurü', 'bio', 'https://a', 'https://p', 1), (2, 'youtube', 'two', NULL, NULL, NULL, NULL, NULL);
    INSERT INTO _profile_change VALUES (1, 8, 1767600000, 'bio', NULL, 'bio'), (1, 8, 1767600000, 'is_verified', 0, 1);
    INSERT INTO _pause VALUES (1, 3, 5, 'down', 6, 2, 1);
    INSERT INTO _wait VALUES (1, 7, 'busy');
    INSERT INTO _refresh VALUES
      (1, NULL, 5, 2, 0, NULL, NULL, 1767500000, 1767500001, 404, 'no such account', NULL),
      (2, NULL, 5, 0, 1, NULL, NULL, 1767500000, NULL, NULL, NULL, NULL),
      (3, 1, 0, 1, 1, NULL, 86400, 1767500000, 1767500003, 200, NULL, NULL),
      (4, 2, 5, 1, 1, NULL, 604800, 1767500000, 1767500120, 200, NULL, NULL),
      (5, 2, 1, 2, 1, 1767600000, 604800, 1767600000, 1767599000, 200, 'not JSON', '<html>'),
      (6, 3, 3, 3, 1, 1768100000, 604800, 1768100000, 1768200000, NULL, 'timeout', NULL),
      (7, 1, 2, 4, 0, 1767550000, 86400, 1767600000, 1767600000, NULL, 'superseded by the next slot', NULL),
      (8, 1, 1, 1, 1, 1767590000, 86400, 1767590000, 1767590000, 200, NULL, NULL),
      (9, 3, 4, 0, 1, 1768100000, NULL, 1768200000, NULL, NULL, NULL, NULL),
      (10, 5, 4, 1, 1, NULL, NULL, 1767600500, 1767590000, 200, NULL, NULL),
      (12, 1, 1, 1, 1, 1768000000, 86400, 1768000000, 1768000001, 200, NULL, NULL);
    INSERT INTO _snapshot VALUES
      (3, 1, 1767500003, 1000, 10, 20, 9223372036854775807, 12.8, 79.1, 920000, 1767496403, 0, NULL),
      (4, 2, 1767500120, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '{\"a\":1}'),
      (8, 1, 1767590000, 0, 10, 21, 5, 0.1 + 0.2, -0.001, 0.5, -62135596800, 1, NULL),
      (10, 5, 1767590000, 7, 0, 0, 0, 0.0, 100.0, 12.0, 1767700000, 0, replace(hex(zeroblob(9000)), '0', 'x')),
      (12, 1, 1768000001, 1100, 10, 22, 0, 1e300, 2147483.648, -7, 253402300799, 0, NULL);
    WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 1199)
    INSERT INTO _refresh
    SELECT i, 7, i % 5, 1, 1, iif(i % 3, 1700000000 + i * 86400, NULL), iif(i % 7, 86400 * (i % 4 + 1), NULL),
           1700000000 + i * 86400, 1700000000 + i * 86400 + i % 150, 200, NULL, NULL FROM n;
    INSERT INTO _snapshot
    SELECT i, 7, time + iif(i % 23, 0, -90000), iif(i % 6, i * i, NULL), i % 10, iif(i % 5, i / 3, NULL),
           iif(i % 4, i * 1000 - i * i, NULL),
           iif(i % 9, (i * 7919 % 100003) / iif(i % 2, 1000.0, 977.0), NULL),
           iif(i % 8, (i * 104729 % 1000003) / iif(i % 3, 10.0, 1e9), NULL),
           iif(i % 2, i, i / 7.0), iif(i % 11, time - i * i * i, NULL), i % 13 = 0, NULL
    FROM (SELECT refresh_id AS i, finished_time AS time FROM _refresh WHERE account = 7);";

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

fn names(past: &Past, view: &str) -> Vec<String> {
    past.ask(&format!("SELECT name FROM pragma_table_info('{view}')"))
}

/// What each table or view of `kind` says in the columns that it has, but for what goes by the
/// time that it is asked at.
fn told(past: &Past, kind: &str) -> Vec<(String, Vec<String>, Vec<String>)> {
    let all = past.ask(&format!("SELECT name FROM sqlite_schema WHERE type = '{kind}'"));
    let told = all.into_iter().map(|name| {
        let columns = names(past, &name);
        let rows = rows(past, &name, &columns);
        (name, columns, rows)
    });
    told.collect()
}

fn rows(past: &Past, name: &str, columns: &[String]) -> Vec<String> {
    let lasting = columns.iter().filter(|column| !["age_days", "hours_late"].contains(&&***column));
    let lasting = lasting.map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ");
    let mut rows = past.ask_bundled(&format!("SELECT {lasting} FROM {name}"));
    rows.sort();
    rows
}

#[test]
fn its_views_say_the_same_of_every_kind_of_row() {
    let past = of_schema(2, ALL_KINDS);
    let before = told(&past, "view");
    assert!(before.iter().all(|(_, _, rows)| !rows.is_empty()), "{before:?}");
    let pending = "SELECT refresh_id, outcome FROM refreshes WHERE finished_time IS NULL";
    assert_eq!(past.ask(pending), ["2|pending", "9|pending"]);
    drop(Store::open(&past.path(), Creation::Refused).expect("the database"));
    assert_eq!(past.ask("PRAGMA user_version"), [SCHEMA_VERSION.to_string()]);
    for (name, columns, expected) in before {
        assert_eq!(names(&past, &name)[..columns.len()], columns, "{name}");
        assert_eq!(rows(&past, &name, &columns), expected, "{name}");
    }
    assert_eq!(past.ask("PRAGMA integrity_check"), ["ok"]);
    assert_eq!(past.ask("PRAGMA foreign_key_check"), [""; 0]);
}

#[test]
fn what_is_no_part_of_a_view_is_there_too() {
    let past = of_schema(2, ALL_KINDS);
    let tables = ["_account", "_profile", "_profile_change", "_pause", "_wait"];
    let all = || tables.map(|table| rows(&past, table, &names(&past, table)));
    let ledger = "SELECT refresh_id, account, cause, outcome, spent, slot, interval FROM _refresh";
    let (before, lines) = (all(), past.ask(ledger));
    drop(Store::open(&past.path(), Creation::Refused).expect("the database"));
    assert_eq!((all(), past.ask(ledger)), (before, lines));
    // Rates became thousandths where those are the same number.
    let rates = "SELECT engagement FROM _snapshot WHERE account = 1";
    assert_eq!(past.ask_bundled(rates), ["12800", "0.30000000000000004", "1e300"]);
    // What each day bought is counted anew: of 2026-01-04 the lines 3 and 4 are ok.
    let days = past.ask("SELECT day, calls, snapshots FROM spend WHERE day LIKE '2026-01-%'");
    assert_eq!(days[0], "2026-01-04|4|2");
    let counted = "SELECT (SELECT sum(snapshots) FROM spend) = (SELECT count(*) FROM snapshots)";
    assert_eq!(past.ask(counted), ["1"]);
}

#[test]
fn what_was_promised_of_its_rows_is_held_afterwards_too() {
    let past = of_schema(2, ALL_KINDS);
    drop(Store::open(&past.path(), Creation::Refused).expect("the database"));
    let connection = Connection::open(past.path()).expect("the database");
    for (sql, why) in [
        ("UPDATE _snapshot SET followers = 1", "a snapshot never changes"),
        ("DELETE FROM _snapshot", "a snapshot is never removed"),
        (
            "INSERT INTO _refresh (account, cause, outcome, spent, slot, started_time)
             VALUES (1, 1, 1, 1, 1768000000, 5)",
            "UNIQUE constraint failed",
        ),
        (
            "INSERT INTO _refresh (account, cause, outcome, spent, started_time) VALUES (3, 4, 0, 1, 5)",
            "UNIQUE constraint failed",
        ),
        (
            "INSERT INTO _snapshot (account, refresh_id, time, is_suspect) VALUES (1, 7777, 5, 0)",
            "FOREIGN KEY constraint failed",
        ),
    ] {
        let refused = connection.execute(sql, []).expect_err(sql).to_string();
        assert!(refused.contains(why), "{sql}: {refused}");
    }
}

#[test]
fn one_that_cannot_be_brought_over_stays_as_it_was() {
    let past = of_schema(2, ALL_KINDS);
    past.run(
        "PRAGMA foreign_keys = OFF;
         INSERT INTO _snapshot (refresh_id, account, time, is_suspect) VALUES (7777, 1, 5, 0);",
    );
    let all = || {
        (
            told(&past, "view"),
            told(&past, "table"),
            past.ask_bundled("SELECT sql FROM sqlite_schema"),
        )
    };
    let before = all();
    let error =
        Store::open(&past.path(), Creation::Refused).expect_err("a snapshot without a line");
    assert!(
        matches!(&error, StoreError::Corrupt { detail, .. } if detail == "a row of _snapshot belongs to none of _refresh"),
        "{error}"
    );
    assert_eq!(past.ask("PRAGMA user_version"), ["2"]);
    assert!(all() == before);
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
    for version in [1, 2] {
        let past = of_schema(version, TWO_SNAPSHOTS);
        assert!(past.told(&["history", "clx1", "--csv"]).contains(",1070,70,"), "{version}");
    }
}

#[test]
fn a_verb_that_does_not_need_that_reads_it_as_it_is() {
    let past = of_schema(2, TWO_SNAPSHOTS);
    assert_eq!(past.told(&["backup", "copy.db"]), "copy.db: 2 snapshots, checked\n");
    assert!(past.told(&["status", "--json"]).contains("\"snapshots\":2"));
    assert!(past.told(&["plan"]).contains("Guru"));
    past.told(&["report", "--output", "page.html"]);
    assert_eq!(past.ask("PRAGMA user_version"), ["2"]);
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
