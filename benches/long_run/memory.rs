//! The daemon's memory over many refreshes.

use std::fmt::Write;
use std::thread;
use std::time::Duration;

use growthd::clock;

use crate::harness::cost::memory_of;
use crate::harness::daemon::Daemon;
use crate::harness::history::connect;
use crate::harness::server::Server;

/// The accounts, each due every second: more than can be refreshed, so that there is always work.
const ACCOUNTS: usize = 20_000;

pub fn measure(refreshes: u64) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start();
    let mut text = format!(
        "[api]\nbase_url = \"{}\"\nmax_in_flight = 64\nrequests_per_minute = 0\n\
         [database]\npath = \"growth.db\"\n\
         [schedule]\ncron = \"* * * * * *\"\nallow_frequent = true\n",
        server.base_url
    );
    for n in 0..ACCOUNTS {
        write!(text, "[[account]]\nid = \"clx{n:022}\"\n").unwrap();
    }
    let config = folder.path().join("config.toml");
    std::fs::write(&config, text).unwrap();

    println!("growthd run, {ACCOUNTS} accounts that are always due, 64 at once");
    println!("{:>12}{:>12}{:>14}{:>14}", "refreshes", "a second", "resident MB", "peak MB");
    let daemon = Daemon::start(&config);
    let database = connect(&folder.path().join("growth.db"));
    let (mut then, mut before) = (clock::monotonic(), 0);
    for tenth in 1..=10 {
        let done = loop {
            let sql = "SELECT ifnull(sum(snapshots), 0) FROM spend";
            let done: u64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
            if done >= tenth * refreshes / 10 {
                break done;
            }
            thread::sleep(Duration::from_millis(100));
        };
        let memory = memory_of(&daemon.process()).unwrap();
        println!(
            "{done:>12}{:>12.0}{:>14.1}{:>14.1}",
            (done - before) as f64 / then.elapsed().as_secs_f64(),
            memory.resident as f64 / 1e6,
            memory.peak as f64 / 1e6
        );
        (then, before) = (clock::monotonic(), done);
    }
}
