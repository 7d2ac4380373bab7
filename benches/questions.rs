//! Measures queries on the views, and the verbs.
//!
//! `cargo bench --bench questions [-- ACCOUNTS]`. A year of weekly snapshots of each account is
//! inserted by SQL: 20,000 accounts have a million, 400,000 have twenty million. A client is 30
//! accounts that share a tag. The file is in the page cache, and the connection has SQLite's
//! default settings. Each result is the best of five runs, or of fewer if they take seconds. Verbs
//! are measured as processes, from start to exit.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a benchmark may panic, and rounds what it prints"
)]

use std::path::Path;
use std::time::Duration;

use growthd::clock;
use harness::daemon::{Run, run};
use harness::history::{History, connect};
use harness::number;
use rusqlite::Connection;

mod harness;

const WEEKS: u64 = 52;

/// How often a query is run, unless that takes longer than `PATIENCE`.
const RUNS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(10);

/// The accounts and weeks for the query of a client's months.
const SMALL: u64 = 5000;
const TWO_YEARS: u64 = 108;

/// The accounts for the verbs that show the list.
const LISTED: u64 = 100_000;

fn main() {
    let accounts = number(20_000);
    println!("{accounts} accounts, {WEEKS} weeks, {} snapshots\n", accounts * WEEKS);
    let history = History::new(accounts, WEEKS);
    views(&history);
    let id = history.id(777);
    let config = history.configure("", 0);
    println!();
    verb(&config, &["history", &id], "");
    verb(&config, &["growth", "--top", "20"], "");
    verb(&config, &["growth", "--month", &last_month(&history), "--top", "20"], "");
    let export = verb(&config, &["export"], "");
    let rate = export.lines as f64 / export.wall.as_secs_f64();
    println!("{:<44}{rate:>10.0} rows a second", "");
    drop(history);

    println!("\n{SMALL} accounts, {TWO_YEARS} weeks, {} snapshots", SMALL * TWO_YEARS);
    let history = History::new(SMALL, TWO_YEARS);
    query(
        &connect(&history.database()),
        "a client's months",
        "SELECT * FROM tag_monthly WHERE tag = 'client-7'",
        "at most 50 ms",
    );
    drop(history);

    println!("\n{LISTED} accounts, their first week");
    let history = History::new(LISTED, 1);
    let config = history.configure("", 0);
    verb(&config, &["status"], "at most 1 s");
    verb(&config, &["status", "--json"], "at most 1 s");
    verb(&config, &["plan"], "at most 1 s");
    verb(&config, &["plan", "--json"], "at most 1 s");
}

fn views(history: &History) {
    let connection = connect(&history.database());
    let id = history.id(777);
    for (what, sql, target) in [
        (
            "one account's growth, by id",
            format!("SELECT * FROM growth WHERE account_id = '{id}'"),
            "at most 1 ms",
        ),
        (
            "one account's growth, by label",
            "SELECT * FROM growth WHERE label = 'Account 777'".to_owned(),
            "at most 1 ms",
        ),
        (
            "one account's weeks",
            format!("SELECT * FROM weekly WHERE account_id = '{id}'"),
            "at most 1 ms",
        ),
        (
            "one account's latest, and its gains",
            format!("SELECT * FROM latest WHERE account_id = '{id}'"),
            "at most 1 ms",
        ),
        (
            "the best hundred by their gain in 30 days",
            "SELECT label, followers_gained_30d FROM latest ORDER BY 2 DESC LIMIT 100".to_owned(),
            "at most 0.8 s for 20,000",
        ),
        (
            "the last month of all",
            format!("SELECT * FROM monthly WHERE month = '{}'", last_month(history)),
            "at most 1 s for 20,000",
        ),
        (
            "the last week of all",
            format!("SELECT * FROM growth WHERE time >= {}", history.last_week()),
            "",
        ),
        ("all gaps", "SELECT * FROM gaps".to_owned(), ""),
    ] {
        query(&connection, what, &sql, target);
    }
}

/// Returns the last month that is over.
fn last_month(history: &History) -> String {
    let sql = format!("SELECT max(month) FROM monthly WHERE account_id = '{}'", history.id(777));
    connect(&history.database()).query_row(&sql, [], |row| row.get(0)).unwrap()
}

fn query(connection: &Connection, what: &str, sql: &str, target: &str) {
    let (rows, best) = best(connection, sql);
    println!("{what:<44}{:>10}{rows:>10} rows  {target}", shown(best));
}

/// Returns the number of rows of a query, and the shortest time until the last of them.
fn best(connection: &Connection, sql: &str) -> (usize, Duration) {
    let mut statement = connection.prepare(sql).unwrap();
    let mut times = Vec::new();
    let mut rows = 0;
    while times.len() < RUNS && times.iter().sum::<Duration>() < PATIENCE {
        let begin = clock::monotonic();
        let mut found = statement.query([]).unwrap();
        rows = 0;
        while found.next().unwrap().is_some() {
            rows += 1;
        }
        times.push(begin.elapsed());
    }
    (rows, times.into_iter().min().unwrap_or_default())
}

/// Prints the shortest of several runs of a verb.
fn verb(config: &Path, arguments: &[&str], target: &str) -> Run {
    let runs = (0..3).map(|_| run(config, arguments));
    let best = runs.min_by_key(|run| run.wall).unwrap();
    println!(
        "{:<44}{:>10}{:>10} lines {:>7.1} MB  {target}",
        format!("growthd {}", arguments.join(" ")),
        shown(best.wall),
        best.lines,
        best.peak as f64 / 1e6
    );
    best
}

fn shown(span: Duration) -> String {
    match span.as_secs_f64() {
        seconds if seconds < 0.1 => format!("{:.2} ms", seconds * 1e3),
        seconds => format!("{seconds:.2} s"),
    }
}
