//! The heartbeat: a few fixed jobs that wake the engine and keep its file in order.
//!
//! The jobs decide nothing. What is due stands in the database; were a beat lost, or all of
//! them, the worker's own timer finds the same.

use std::sync::mpsc::Sender;

use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::daemon::Input;

/// Every ten seconds: a machine that wakes from sleep, or whose clock is set, is noticed soon.
const SWEEP: &str = "*/10 * * * * *";

/// Hourly, away from the full hour, when most schedules fall due.
const MAINTENANCE: &str = "0 41 * * * *";

/// Starts the heartbeat; it beats as long as the answer is kept.
///
/// # Errors
/// What the scheduler says.
pub async fn start(inbox: &Sender<Input>) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    for (pattern, input) in
        [(SWEEP, (|| Input::Wake) as fn() -> Input), (MAINTENANCE, || Input::Maintain)]
    {
        let inbox = inbox.clone();
        let job = Job::new(pattern, move |_, _| {
            // The worker has ended: there is nobody left to wake.
            inbox.send(input()).ok();
        })?;
        scheduler.add(job).await?;
    }
    scheduler.start().await?;
    Ok(scheduler)
}
