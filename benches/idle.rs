//! Measures what a long list costs while nothing is due, at the start, when ten accounts change, and
//! when all of it is requested.
//!
//! `cargo bench --bench idle [-- ACCOUNTS]`. The daemon is the real program, with a list whose next
//! refresh is days away. For comparison, one tokio-cron-scheduler job per account is what a program
//! with a timer for each would use. The last part measures how a reload delays refreshes.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a benchmark may panic, and rounds what it prints"
)]

use std::fmt::Write;
use std::process::Stdio;
use std::time::Duration;

use growthd::clock::{self, Now};
use harness::cost::{Memory, activity_of, memory_of};
use harness::daemon::{Daemon, growthd as growthd_verb};
use harness::history::History;
use harness::scripted_api::{Behaviour, ScriptedApi, World};
use harness::server::KEY;
use harness::{line, number};

mod harness;
#[path = "idle/jobs.rs"]
mod jobs;

const REST: Duration = Duration::from_secs(20);

/// How many accounts an edit changes.
const EDITED: u64 = 10;

fn main() {
    if jobs::run_if_asked() {
        return;
    }
    let accounts = number(100_000);
    println!("{accounts} accounts, weekly; the targets are for 100,000\n");
    let history = History::new(accounts, 1);
    growthd(&history);
    let scheduler = jobs::start(accounts);
    println!("\none tokio-cron-scheduler job per account");
    rest(&scheduler.process(), "", "");
    drop(scheduler);
    first_calls(&history);
    reload_under_way(&history);
}

fn growthd(history: &History) {
    let config = history.configure("[api]\nbase_url = \"http://127.0.0.1:9\"\n", 0);
    let daemon = Daemon::start(&config);
    assert!(daemon.announced.contains("+0 accounts, -0, 0 changed"), "{}", daemon.announced);
    println!("growthd run");
    line("start to ready", seconds(daemon.ready), "at most 1 s");
    rest(&daemon.process(), "at most 40 MB", "at most 0.1 %");
    history.configure("[api]\nbase_url = \"http://127.0.0.1:9\"\n", EDITED);
    let begin = clock::monotonic();
    daemon.reload();
    let reloaded = daemon.wait_for("reloaded");
    line("reload with ten accounts changed", seconds(begin.elapsed()), "at most 1 s");
    assert!(reloaded.contains("10 changed"), "{reloaded}");
    std::thread::sleep(Duration::from_secs(2));
    let Memory { resident, peak } = memory_of(&daemon.process()).unwrap();
    line("memory two seconds later", megabytes(resident), "");
    line("peak memory", megabytes(peak), "at most 300 MB");
}

/// Prints what an idle process uses.
fn rest(process: &str, memory: &str, cpu: &str) {
    std::thread::sleep(Duration::from_secs(2));
    let Memory { resident, peak } = memory_of(process).unwrap();
    line("memory at rest", megabytes(resident), memory);
    line("peak memory so far", megabytes(peak), "");
    let activity = activity_of(process, REST);
    let share = 100.0 * activity.cpu.as_secs_f64() / REST.as_secs_f64();
    line("CPU, of one core", format!("{share:.3} %"), cpu);
    line("wake-ups a second", format!("{:.1}", activity.wake_ups as f64 / REST.as_secs_f64()), "");
}

/// Measures the time until the first paid call, after a start with one due account, and after
/// `refresh --all`.
fn first_calls(history: &History) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let api = runtime.block_on(ScriptedApi::start(World::with_any_account(KEY))).unwrap();
    let more = format!(
        "[api]\nbase_url = \"{}\"\nrequests_per_minute = 0\n[[account]]\nid = \"new\"\n",
        api.base_url()
    );
    let config = history.configure(&more, EDITED);
    let begin = clock::monotonic();
    let _daemon = Daemon::start(&config);
    runtime.block_on(api.wait_for_calls(1));
    println!("\nthe first paid call");
    line("after the start, with one account due", seconds(begin.elapsed()), "at most 1 s");
    let begin = clock::monotonic();
    let mut request =
        growthd_verb(&config, &["refresh", "--all"]).stdout(Stdio::null()).spawn().unwrap();
    runtime.block_on(api.wait_for_calls(2));
    line("after `refresh --all`", seconds(begin.elapsed()), "at most 1 s");
    request.kill().unwrap();
    request.wait().unwrap();
}

/// Reloads while accounts that are new to the list are refreshed.
fn reload_under_way(history: &History) {
    /// More than are refreshed before the reload ends.
    const NEW: u64 = 20_000;
    const ANSWER: Duration = Duration::from_millis(10);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let api = runtime.block_on(ScriptedApi::start(World::with_any_account(KEY))).unwrap();
    api.everywhere(Some(Behaviour::After(ANSWER, Box::new(Behaviour::Answer))));
    let mut more = format!("[api]\nbase_url = \"{}\"\nrequests_per_minute = 0\n", api.base_url());
    for n in 0..NEW {
        write!(more, "[[account]]\nid = \"new{n}\"\n").unwrap();
    }
    let daemon = Daemon::start(&history.configure(&more, EDITED));
    runtime.block_on(api.wait_for_calls(200));
    history.configure(&more, 2 * EDITED);
    let begin = clock::now();
    daemon.reload();
    daemon.wait_for("reloaded");
    let end = clock::now();
    drop(daemon);
    let calls: Vec<Now> = api.calls().iter().map(|call| call.received).collect();
    let (before, rest) = calls.split_at(calls.partition_point(|call| *call < begin));
    let (during, _) = rest.split_at(rest.partition_point(|call| *call < end));
    println!("\na reload during calls, 4 at a time, each answered after 10 ms");
    line("calls during the reload", during.len(), "");
    line("longest pause between calls, before", longest_pause(before), "");
    line("longest pause between calls, during", longest_pause(during), "");
}

fn longest_pause(calls: &[Now]) -> String {
    let pauses = calls.windows(2).map(|pair| pair[0].until(pair[1]));
    format!("{} ms", pauses.max().unwrap_or_default().as_millis())
}

fn seconds(span: Duration) -> String {
    format!("{:.2} s", span.as_secs_f64())
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
