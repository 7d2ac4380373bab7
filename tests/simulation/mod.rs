//! Years of refreshes in virtual time: the real engine, store and schedule, under everything that
//! can happen to a machine, as drawn from a seed.
//!
//! `cargo test simulation` runs [`SEEDS`] seeds of a year each. A failing seed is printed with its
//! trace, and replays identically: `GROWTHD_SEED=n cargo test simulation`. For a campaign:
//! `GROWTHD_SEEDS=10000 GROWTHD_YEARS=5 cargo test --release simulation`. `GROWTHD_KEEP=folder` copies
//! the database of a seed that failed there.
//!
//! [`plan`] draws the events, [`driver`] is the machine, and [`vendor`] responds to the calls.
//! After each turn [`oracle`] reads the database and compares it with the model: [`owed`], which
//! states what the contract owes an account, [`trouble`], and [`calendar`], which computes slots
//! without a cron parser. [`judge`] holds the rules. [`sabotage`] shows that each check can fail.

mod bench;
mod calendar;
mod cases;
mod driver;
mod gaps;
mod judge;
mod ledger;
mod oracle;
mod owed;
mod plan;
mod process;
mod promise;
mod random;
mod requests;
mod sabotage;
mod time;
mod trouble;
mod troubles;
mod vendor;
mod world_event;
mod zone;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use driver::Driver;
use plan::Plan;
use promise::{Promise, Violation};
use sabotage::{SABOTAGES, Sabotage};

/// The number of seeds in every test run.
const SEEDS: u64 = 12;

/// How many lines of a failing seed's trace are shown.
const TRACED: usize = 80;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// Returns a temporary folder, in memory where possible.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()),
        false => tempfile::tempdir(),
    };
    made.expect("a folder")
}

struct SeedRun {
    result: Result<(), Violation>,
    trace: Vec<String>,
    counts: (usize, usize),
}

fn run_seed(seed: u64, years: i64, sabotage: Option<Sabotage>, is_traced: bool) -> SeedRun {
    let folder = folder();
    let mut plan = Plan::draw(seed, years);
    if let Some(sabotage) = sabotage {
        sabotage.provoke(&mut plan);
    }
    let mut driver = match Driver::new(&plan, folder.path().to_owned(), seed, sabotage, is_traced) {
        Ok(driver) => driver,
        Err(broken) => return SeedRun { result: Err(broken), trace: Vec::new(), counts: (0, 0) },
    };
    let run = catch_unwind(AssertUnwindSafe(|| driver.run()));
    let result = run.unwrap_or_else(|_| Err(Violation::new(Promise::NoPanic, "it panicked")));
    // Once, with the trace: not for each seed that a sabotage breaks.
    let kept = std::env::var_os("GROWTHD_KEEP").filter(|_| is_traced && result.is_err());
    if let Some(to) = kept {
        std::process::Command::new("cp").arg("-r").arg(folder.path()).arg(to).status().expect("cp");
    }
    let counts = driver.oracle.counts;
    // The folder's name differs between runs.
    let index = folder.path().display().to_string();
    let trace = driver.trace.take().unwrap_or_default();
    let trace = trace.into_iter().map(|line| line.replace(&index, "")).collect();
    SeedRun { result, trace, counts }
}

/// Runs a failed seed again with a trace, and returns the report.
fn failure_report(seed: u64, years: i64, broken: &Violation) -> String {
    let again = run_seed(seed, years, None, true);
    let plan = Plan::draw(seed, years);
    let traced =
        number("GROWTHD_TRACED").map_or(TRACED, |count| usize::try_from(count).expect("few"));
    let trace = &again.trace[again.trace.len().saturating_sub(traced)..];
    format!(
        "\nseed {seed}: {broken}\n{}\nconfiguration {:?}\nreplay: GROWTHD_SEED={seed} GROWTHD_YEARS={years} cargo test simulation\n",
        trace.join("\n"),
        plan.config
    )
}

#[test]
fn every_promise_holds_in_every_seed() {
    let years = i64::try_from(number("GROWTHD_YEARS").unwrap_or(1)).expect("few");
    let (first, count) = match number("GROWTHD_SEED") {
        Some(seed) => (seed, 1),
        None => (number("GROWTHD_FIRST").unwrap_or(0), number("GROWTHD_SEEDS").unwrap_or(SEEDS)),
    };
    let next = AtomicU64::new(first);
    let broken = Mutex::new(BTreeMap::new());
    let total = Mutex::new((0, 0));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || broken.lock().expect("a lock").len() > 60 {
                        return;
                    }
                    let run = run_seed(seed, years, None, false);
                    let mut total = total.lock().expect("a lock");
                    total.0 += run.counts.0;
                    total.1 += run.counts.1;
                    if let Err(why) = run.result {
                        broken.lock().expect("a lock").insert(seed, why);
                    }
                }
            });
        }
    });
    let broken = broken.into_inner().expect("a lock");
    let (calls, snapshots) = total.into_inner().expect("a lock");
    println!("{count} seeds, {years} years each: {calls} calls, {snapshots} snapshots");
    if let Some((seed, why)) = broken.first_key_value() {
        let others: Vec<String> = broken
            .iter()
            .map(|(seed, why)| {
                format!("{seed} {}", why.to_string().chars().take(150).collect::<String>())
            })
            .collect();
        panic!("{}{}", failure_report(*seed, years, why), others.join("\n"));
    }
}

/// Returns how many of the first seeds it takes until `sabotage` breaks one of the `expected`
/// promises, and which others were broken before.
fn broken_by(sabotage: Sabotage, expected: &[Promise], within: u64) -> (Option<u64>, Vec<Promise>) {
    let mut broken = Vec::new();
    for seed in 0..within {
        if let Err(Violation { promise, .. }) = run_seed(seed, 1, Some(sabotage), false).result {
            if expected.contains(&promise) {
                return (Some(seed + 1), broken);
            }
            broken.push(promise);
        }
    }
    (None, broken)
}

#[test]
fn a_broken_promise_is_caught() {
    let next = AtomicU64::new(0);
    let missed = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((sabotage, expected, within)) =
                    usize::try_from(next.fetch_add(1, Ordering::Relaxed))
                        .ok()
                        .and_then(|index| SABOTAGES.get(index))
                {
                    let (seeds, others) = broken_by(*sabotage, expected, *within);
                    println!("{sabotage:?}: {seeds:?} seeds, before that {others:?}");
                    if seeds.is_none() {
                        missed.lock().expect("a lock").push((*sabotage, others));
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().expect("a lock");
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

#[test]
fn a_seed_replays_alike() {
    for seed in 0..3 {
        let [first, second] = [1, 2].map(|_| run_seed(seed, 1, None, true).trace);
        assert_eq!(first, second, "seed {seed}");
    }
}
