//! Measures the disk space of a refresh, over a year of weekly ones.
//!
//! `cargo bench --bench size [-- ACCOUNTS]`. Runs the real engine and store in virtual time: every
//! Monday each account is refreshed, up to 64 at once, with a response after 2 to 30 seconds whose
//! numbers grow as real ones do. No network.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a benchmark may panic, and rounds what it prints"
)]

use std::path::Path;

use harness::year::{DAY, START, WEEK, Year};
use rusqlite::Connection;

mod harness;

const WEEKS: i64 = 52;

fn main() {
    let accounts = std::env::args().filter_map(|text| text.parse().ok()).next().unwrap_or(10_000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("growth.db");
    let empty_path = folder.path().join("empty.db");
    drop(Year::new(&empty_path, 0));
    let empty = size(&empty_path);
    let mut year = Year::new(&path, accounts);
    year.until(START + DAY);
    let (first, fixed) = (year.settled, size(&path));
    year.until(START + (WEEKS - 1) * WEEK + DAY);
    let settled = year.settled;
    drop(year);

    let whole = size(&path);
    println!("{accounts} accounts, {settled} refreshes in {WEEKS} weeks");
    let further = (whole - fixed) as f64 / (settled - first) as f64;
    let account = (fixed - empty) as f64 / accounts as f64 - further;
    println!("a database without any account     {:>7.1} KB", empty as f64 / 1000.0);
    println!("an account with its profile        {account:>7.1} bytes");
    println!("each further refresh               {further:>7.1} bytes  at most 105");
    let connection = Connection::open(&path).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT name, sum(pgsize), sum(pgsize - unused), sum(ncell) FROM dbstat
             GROUP BY name ORDER BY 2 DESC",
        )
        .unwrap();
    println!("\n{:<24}{:>12}{:>8}{:>14}", "table or index", "bytes", "filled", "per refresh");
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (name, bytes, used): (String, i64, i64) =
            (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap());
        println!(
            "{name:<24}{bytes:>12}{:>7.0}%{:>14.1}",
            100.0 * used as f64 / bytes as f64,
            bytes as f64 / settled as f64
        );
    }
}

/// Returns the size of the file once the WAL has been checkpointed.
fn size(path: &Path) -> i64 {
    let connection = Connection::open(path).unwrap();
    let pragma = |name: &str| {
        connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0)).unwrap()
    };
    pragma("page_count") * pragma("page_size")
}
