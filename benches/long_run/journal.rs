//! The journal while somebody reads.

use std::path::Path;

use crate::harness::history::connect;
use crate::harness::year::{START, Year};

const ACCOUNTS: u64 = 100_000;

/// The vendor's limit.
const A_MINUTE: u32 = 60;

/// So long as a thousand refreshes take.
const THOUSAND: i64 = 1000 * 60 / A_MINUTE as i64;

pub fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("growth.db");
    let mut list = Year::under(&path, ACCOUNTS, "0 6 * * MON", A_MINUTE);
    let mut now = START;
    let mut thousand = |list: &mut Year| {
        now += THOUSAND;
        list.until(now);
    };
    thousand(&mut list);
    list.checkpoint();

    println!("\nthe journal at {A_MINUTE} refreshes a minute, a commit each");
    let tell = |when: &str| println!("{when:<52}{:>10.1} MB", size(&path) as f64 / 1e6);
    tell("nobody reads");
    let reader = connect(&path);
    reader.execute_batch("BEGIN; SELECT count(*) FROM _account").unwrap();
    for thousands in 1..=20 {
        thousand(&mut list);
        if thousands % 5 == 0 || thousands == 1 {
            tell(&format!("somebody reads, {thousands},000 refreshes later"));
        }
    }
    drop(reader);
    tell("who read is gone");
    list.checkpoint();
    tell("after the next idle moment");
    thousand(&mut list);
    tell("1,000 refreshes later");
    let file = std::fs::metadata(&path).unwrap().len();
    println!("{:<52}{:>10.1} MB", "the database itself", file as f64 / 1e6);
}

/// Of the journal.
fn size(database: &Path) -> u64 {
    std::fs::metadata(database.with_extension("db-wal")).unwrap().len()
}
