//! One scheduler job an account, as a process of its own.

use tokio_cron_scheduler::{Job, JobScheduler};

use crate::harness::number;
use crate::harness::own::{Own, be_until_ended, is_started_as};

/// The argument that makes the benchmark's program the scheduler.
const JOBS: &str = "--jobs";

/// Starts a scheduler, and waits until it has its jobs.
pub fn start(accounts: u64) -> Own {
    Own::start(&[JOBS, &accounts.to_string()])
}

/// Schedules until it is ended, if that is what this process was started for.
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
        tokio::task::spawn_blocking(|| be_until_ended("ready")).await.unwrap();
    });
    true
}
