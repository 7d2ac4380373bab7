//! Compares growthd with scripts that people might use instead.
//!
//! `cargo bench --bench others [-- ACCOUNTS]`. The scripts beside this file and `growthd run` get
//! the same list and the same simulated API, a separate process on loopback. A measurement lasts
//! from the start of the process until every account has a snapshot. One script needs curl and
//! sqlite3; the other needs python3, and installs aiohttp into the target folder. A script whose
//! requirements are missing is skipped.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a benchmark may panic, and rounds what it prints"
)]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use cost::{Cost, Watched};
use growthd::store::{Creation, Store};
use harness::daemon::growthd;
use harness::history::connect;
use harness::server::{KEY, Server, serve_if_asked};

mod cost;
#[path = "../harness/mod.rs"]
mod harness;

/// Sequential calls take so much longer that they get only this fraction of the list.
const ALONE: usize = 40;

fn main() {
    if serve_if_asked() {
        return;
    }
    let accounts = usize::try_from(harness::number(20_000)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start();
    println!("{accounts} accounts\n");
    println!("{:<52}{:>10}{:>14}{:>10}", "", "a second", "CPU µs each", "MB");
    match are_installed(&["curl", "sqlite3"]) {
        true => {
            let few = accounts / ALONE;
            let script = Command::new(beside("curl"));
            let cost = script_cost(script, folder.path(), &server, few, None);
            print("bash, curl and sqlite3, one after the other", &cost);
        }
        false => println!("skipped: curl and sqlite3 are not both installed"),
    }
    match python() {
        Some(python) => {
            for (calls, what) in [
                (1, "Python, aiohttp, 64 at once, a commit for each"),
                (100, "the same, a commit for a hundred, which can be lost"),
            ] {
                let mut script = Command::new(&python);
                script.arg(beside("sixty_four.py"));
                print(what, &script_cost(script, folder.path(), &server, accounts, Some(calls)));
            }
        }
        None => println!("skipped: python3 with aiohttp is not available"),
    }
    let cost = growthd_cost(folder.path(), &server, accounts);
    print("growthd run, 64 at once, ledger first, durable", &cost);
}

fn print(what: &str, cost: &Cost) {
    let Cost { rate, cpu, peak } = cost;
    println!("{what:<52}{rate:>10.0}{cpu:>14.0}{peak:>10.1}");
}

/// Returns the path of a file in this folder.
fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/others").join(name)
}

fn are_installed(programs: &[&str]) -> bool {
    programs.iter().all(|program| {
        let version = Command::new(program).arg("--version").stdout(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    })
}

/// Returns a Python with aiohttp, from a virtual environment that the first run creates.
fn python() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("others");
    let python = folder.join("bin/python");
    let succeeds = |command: &mut Command| command.status().is_ok_and(|status| status.success());
    let has_aiohttp = || succeeds(Command::new(&python).args(["-c", "import aiohttp"]));
    if !python.exists() {
        succeeds(Command::new("python3").args(["-m", "venv"]).arg(&folder)).then_some(())?;
        succeeds(Command::new(&python).args(["-m", "pip", "install", "--quiet", "aiohttp"]))
            .then_some(())?;
    }
    has_aiohttp().then_some(python)
}

fn id(n: usize) -> String {
    format!("clx{n:022}")
}

fn script_cost(
    mut script: Command,
    folder: &Path,
    server: &Server,
    accounts: usize,
    calls_a_commit: Option<usize>,
) -> Cost {
    let ids: String = (0..accounts).map(|n| id(n) + "\n").collect();
    let list = folder.join("ids");
    std::fs::write(&list, ids).unwrap();
    let name = calls_a_commit.map_or("alone.db".to_owned(), |calls| format!("{calls}.db"));
    let database = folder.join(name);
    script.args([&server.base_url, KEY]).arg(&database);
    script.args(calls_a_commit.map(|calls| calls.to_string()));
    let mut script = Watched::start(script.stdin(std::fs::File::open(&list).unwrap()));
    while !script.has_ended() {
        thread::sleep(cost::SAMPLE);
    }
    let cost = script.cost(accounts);
    let sql = "SELECT count(*) FROM snapshot WHERE answer LIKE '%\"followers\"%'";
    assert_eq!(counted(&database, sql), accounts);
    cost
}

fn growthd_cost(folder: &Path, server: &Server, accounts: usize) -> Cost {
    let mut text = format!(
        "[api]\nbase_url = \"{}\"\nmax_in_flight = 64\nrequests_per_minute = 0\n\
         [database]\npath = \"growth.db\"\n",
        server.base_url
    );
    for n in 0..accounts {
        write!(text, "[[account]]\nid = \"{}\"\n", id(n)).unwrap();
    }
    let config = folder.join("config.toml");
    std::fs::write(&config, text).unwrap();
    // Created first, so that it can be queried from the beginning.
    let database = folder.join("growth.db");
    drop(Store::open(&database, Creation::Allowed).unwrap());
    let mut daemon = Watched::start(growthd(&config, &["run"]).env("GROWTHD_LOG", "warn"));
    while counted(&database, "SELECT ifnull(sum(snapshots), 0) FROM spend") < accounts {
        assert!(!daemon.has_ended());
        thread::sleep(cost::SAMPLE);
    }
    daemon.cost(accounts)
}

fn counted(database: &Path, sql: &str) -> usize {
    connect(database).query_row(sql, [], |row| row.get(0)).unwrap()
}
