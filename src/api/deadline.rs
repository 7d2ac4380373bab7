//! The deadline of a whole call.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep};

use crate::clock;

/// A timer that fires late by at least this much shows that the process was stopped meanwhile.
const STOPPED: Duration = Duration::from_millis(100);

/// How long a process that was stopped may then read what arrived meanwhile.
const GRACE: Duration = Duration::from_secs(1);

/// The deadline of a call. A response that arrived while the process was stopped (by Ctrl-Z, or
/// with the whole machine) was paid for and waits in the socket, so there is time to read it,
/// however late.
pub(super) struct Deadline {
    due: Instant,
    timer: Pin<Box<Sleep>>,
}

/// The error that a deadline has passed.
pub(super) struct Passed;

impl Deadline {
    pub(super) fn after(timeout: Duration) -> Deadline {
        Deadline { due: clock::monotonic() + timeout, timer: Box::pin(sleep(timeout)) }
    }

    /// Waits for `work`, unless the deadline passes first. Work that is already done is not too
    /// late.
    pub(super) async fn bound<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Passed> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = &mut self.timer => {}
            }
            if clock::monotonic().saturating_duration_since(self.due) < STOPPED {
                return Err(Passed);
            }
            *self = Deadline::after(GRACE);
        }
    }

    /// Waits for `work`, and does not count the time that this takes.
    pub(super) async fn suspended<T>(&mut self, work: impl Future<Output = T>) -> T {
        let began = clock::monotonic();
        let done = work.await;
        let waited = clock::monotonic().saturating_duration_since(began);
        self.due += waited;
        let due = self.timer.deadline() + waited;
        self.timer.as_mut().reset(due);
        done
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn work_that_is_ready_is_taken_even_after_the_deadline() {
        let mut deadline = Deadline::after(Duration::from_millis(1));
        assert!(deadline.bound(pending::<()>()).await.is_err());
        assert_eq!(deadline.bound(ready(7)).await.ok(), Some(7));
    }

    #[tokio::test]
    async fn a_suspended_deadline_is_as_far_away_afterwards() {
        let mut deadline = Deadline::after(Duration::from_millis(200));
        deadline.suspended(sleep(Duration::from_millis(400))).await;
        let soon = sleep(Duration::from_millis(20));
        assert!(deadline.bound(soon).await.is_ok());
        assert!(deadline.bound(pending::<()>()).await.is_err());
    }

    /// Stops the thread in real time. Another task has to run before the work is done, as a
    /// connection's does.
    #[tokio::test]
    async fn work_done_while_the_process_was_stopped_counts() {
        let mut deadline = Deadline::after(Duration::from_millis(20));
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let other = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            sender.send(7).ok();
        });
        let work = async {
            tokio::task::yield_now().await;
            // Neither timer has fired; now both are late.
            thread::sleep(Duration::from_millis(20) + STOPPED);
            receiver.await.ok()
        };
        assert_eq!(deadline.bound(work).await.ok().flatten(), Some(7));
        assert!(other.await.is_ok());
    }
}
