//! The heartbeat: a few fixed jobs that wake the engine and keep its file in order.
//!
//! The jobs decide nothing. What is due stands in the database; were a beat lost, or all of
//! them, the worker's own timer finds the same.

use std::time::Duration;

use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::runner::Handle;

/// Every ten seconds: a machine that wakes from sleep, or whose clock is set, is noticed soon.
const WAKE: &str = "*/10 * * * * *";

/// Hourly, away from the full hour, when most schedules fall due.
const CHECKPOINT: &str = "0 41 * * * *";

/// Starts the heartbeat; it beats as long as the answer is kept.
///
/// # Errors
/// What the scheduler says.
pub async fn start(handle: &Handle) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    for (pattern, beat) in [(WAKE, Handle::wake as fn(&Handle)), (CHECKPOINT, Handle::checkpoint)] {
        let handle = handle.clone();
        let job = Job::new(pattern, move |_, _| beat(&handle))?;
        scheduler.add(job).await?;
    }
    scheduler.start().await?;
    Ok(scheduler)
}

/// Wakes the engine so often that a watchdog hears of it in time.
pub async fn wake_every(interval: Duration, handle: Handle) {
    loop {
        tokio::time::sleep(interval).await;
        handle.wake();
    }
}
