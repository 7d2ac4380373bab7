//! A database from before the views over the history.

use growthd::store::{Creation, Reader, SCHEMA_VERSION, Store};

use crate::past::Past;

/// The views that the second migration made or replaced.
const BEFORE: &str = "DROP VIEW growth; DROP VIEW weekly; DROP VIEW gaps; DROP VIEW latest;
    CREATE VIEW latest AS SELECT account_id FROM _account;
    PRAGMA user_version = 1;";

#[test]
fn it_is_brought_up_to_date_and_keeps_its_rows() {
    let past = Past::new();
    past.series("clx1", "Guru", "guru", &[(0, 1000), (7, 1070)]);
    past.run(BEFORE);
    drop(Store::open(&past.path(), Creation::Refused).expect("the database"));
    assert_eq!(past.ask("PRAGMA user_version"), [SCHEMA_VERSION.to_string()]);
    assert_eq!(past.ask("SELECT followers_gained_7d FROM latest"), ["70"]);
    assert_eq!(past.ask("PRAGMA quick_check"), ["ok"]);
}

#[test]
fn a_reading_verb_brings_it_up_to_date_too() {
    let past = Past::new();
    past.series("clx1", "Guru", "guru", &[(0, 1000), (7, 1070)]);
    past.run(BEFORE);
    assert!(past.told(&["history", "clx1", "--csv"]).contains(",1070,70,"));
}

#[test]
fn while_another_growthd_writes_it_nothing_is_changed() {
    let past = Past::new();
    let held = Store::open(&past.path(), Creation::Refused).expect("the database");
    past.run(BEFORE);
    assert!(Reader::open_up_to_date(&past.path()).is_err());
    assert_eq!(past.ask("PRAGMA user_version"), ["1"]);
    drop(held);
}
