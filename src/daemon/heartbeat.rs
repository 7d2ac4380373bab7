//! The heartbeat: a few fixed jobs that wake the engine and checkpoint its database.
//!
//! The jobs decide nothing. Whether an account is due is in the database; if beats are lost, the
//! worker's own timer notices what is due.

use std::time::Duration;

use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::runner::Handle;

/// Every ten seconds, so that a resumed machine or a changed clock is noticed soon.
const WAKE: &str = "*/10 * * * * *";

/// Hourly, away from the full hour, when most schedules fire.
const CHECKPOINT: &str = "0 41 * * * *";

/// Starts the heartbeat, which stops when the returned scheduler is dropped.
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

/// Wakes the engine often enough for it to notify a watchdog in time.
pub async fn wake_every(interval: Duration, handle: Handle) {
    loop {
        tokio::time::sleep(interval).await;
        handle.wake();
    }
}
