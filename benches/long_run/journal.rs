//! The size of the WAL while a reader is active.

use std::path::Path;

use crate::harness::history::connect;
use crate::harness::year::{START, Year};

const ACCOUNTS: u64 = 100_000;

/// The vendor's limit.
const A_MINUTE: u32 = 60;

/// How long a thousand refreshes take, in seconds.
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

    println!("\nthe WAL at {A_MINUTE} refreshes a minute, a commit each");
    let print = |when: &str| println!("{when:<52}{:>10.1} MB", size(&path) as f64 / 1e6);
    print("without a reader");
    let reader = connect(&path);
    reader.execute_batch("BEGIN; SELECT count(*) FROM _account").unwrap();
    for thousands in 1..=20 {
        thousand(&mut list);
        if thousands % 5 == 0 || thousands == 1 {
            print(&format!("with a reader, {thousands},000 refreshes later"));
        }
    }
    drop(reader);
    print("after the reader is gone");
    list.checkpoint();
    print("after the next checkpoint");
    thousand(&mut list);
    print("1,000 refreshes later");
    let file = std::fs::metadata(&path).unwrap().len();
    println!("{:<52}{:>10.1} MB", "the database itself", file as f64 / 1e6);
}

/// Returns the size of the WAL.
fn size(database: &Path) -> u64 {
    std::fs::metadata(database.with_extension("db-wal")).unwrap().len()
}
