//! A scheduler with one job per account, as a separate process.

use tokio_cron_scheduler::{Job, JobScheduler};

use crate::harness::number;
use crate::harness::own::{Own, is_started_as, run_until_ended};

/// The argument that runs the benchmark's program as the scheduler.
const JOBS: &str = "--jobs";

/// Starts a scheduler, and waits until it has all jobs.
pub fn start(accounts: u64) -> Own {
    Own::start(&[JOBS, &accounts.to_string()])
}

/// Runs the scheduler until it is ended, if this process was started for that.
pub fn run_if_asked() -> bool {
    if !is_started_as(JOBS) {
        return false;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let scheduler = JobScheduler::new().await.unwrap();
        for _ in 0..number(0) {
            scheduler.add(Job::new("0 0 6 * * Mon", |_, _| {}).unwrap()).await.unwrap();
        }
        scheduler.start().await.unwrap();
        tokio::task::spawn_blocking(|| run_until_ended("ready")).await.unwrap();
    });
    true
}
