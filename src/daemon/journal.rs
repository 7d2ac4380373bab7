//! What happened, as log lines: one a refresh, nothing repeated.

use tracing::{debug, error, info, warn};

use crate::engine::Event;
use crate::printable::Printable;
use crate::store::Outcome;

/// So many equal failures in a row are logged one by one.
const ONE_BY_ONE: u64 = 10;

/// Writes the log. An outage with a long list fails at every moment, and always in the same way:
/// of equal failures in a row only the first few are logged, then the 100th, the 1,000th ….
/// All of them are in the ledger.
#[derive(Debug, Default)]
pub struct Journal {
    failure: Failure,
}

/// The failures in a row that are equal.
#[derive(Debug, Default)]
struct Failure {
    error: Option<String>,
    count: u64,
}

impl Failure {
    /// Counts one more; answers how many there are now.
    fn again(&mut self, error: Option<&str>) -> u64 {
        if self.count == 0 || self.error.as_deref() != error {
            *self = Failure { error: error.map(str::to_owned), count: 0 };
        }
        self.count += 1;
        self.count
    }

    /// Whether the last one is logged.
    fn is_told(&self) -> bool {
        let mut rest = self.count;
        while rest > ONE_BY_ONE && rest.is_multiple_of(10) {
            rest /= 10;
        }
        self.count <= ONE_BY_ONE || rest == ONE_BY_ONE
    }
}

impl Journal {
    /// Logs an event. Text from the vendor is shown without what could forge a line.
    pub fn log(&mut self, event: &Event) {
        let Event::Settled {
            id, cause, refresh, outcome, error, followers, next_due, took, ..
        } = event
        else {
            return log(event);
        };
        let next = next_due.map(|time| time.to_string());
        if *outcome == Outcome::Ok {
            let failures = std::mem::take(&mut self.failure).count;
            if failures > ONE_BY_ONE {
                info!(failures, "the first refresh after failures in a row");
            }
            info!(
                account = %id, cause = cause.as_str(), refresh_id = refresh.0,
                followers, took_seconds = took, next, "refreshed"
            );
            return;
        }
        let count = self.failure.again(error.as_deref());
        let error = error.as_deref().map(|error| Printable(error).to_string());
        if !self.failure.is_told() {
            debug!(account = %id, refresh_id = refresh.0, error, "not refreshed, as those before");
            return;
        }
        warn!(
            account = %id, cause = cause.as_str(), refresh_id = refresh.0,
            outcome = outcome.as_str(), error, took_seconds = took, next,
            in_a_row = (count >= ONE_BY_ONE).then_some(count), "not refreshed"
        );
        if count == ONE_BY_ONE {
            warn!("more failures like this one are logged at the 100th, the 1,000th …");
        }
    }
}

/// Logs what is no answer.
fn log(event: &Event) {
    match event {
        Event::Started { id, cause, refresh } => {
            debug!(account = %id, cause = cause.as_str(), refresh_id = refresh.0, "refreshing");
        }
        // Told above.
        Event::Settled { .. } => {}
        Event::Skipped { id, slot, why } => {
            info!(account = %id, slot = %slot, why, "slot passed over");
        }
        Event::Declined { id, why } => {
            warn!(account = %id, "not refreshed: {}", Printable(why));
        }
        Event::Found { handle, id, followers, .. } => {
            info!(account = %id, followers, "found {}", Printable(&handle.to_string()));
        }
        Event::NotFound { handle, why, .. } => {
            warn!("not found: {}: {}", Printable(&handle.to_string()), Printable(why));
        }
        Event::BreakerOpened(open) => {
            let trouble = open.trouble.as_str();
            error!(
                trouble,
                "the vendor is in trouble; only probes are sent until one succeeds: {}",
                Printable(&open.reason)
            );
        }
        Event::BreakerClosed { since } => {
            info!(since = %since, "the vendor answers again; refreshing what is due");
        }
        Event::Waiting(wait) => {
            warn!(until = %wait.until, "waiting, as the vendor asks: {}", Printable(&wait.reason));
        }
        Event::BudgetSpent(until) => {
            warn!(until = %until, "the budget is spent; what is due waits and is caught up then");
        }
        Event::ClockSteppedBack(accounts) => {
            warn!(
                accounts,
                "the clock was set back; accounts that were ahead of it were corrected"
            );
        }
        Event::ClockSet(seconds) => {
            warn!(seconds, "the clock was set; one call at a time until an answer confirms it");
        }
        Event::LeftPending(calls) => {
            warn!(
                calls,
                "growthd ended during these calls; their fate is unknown, and they count as spent"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_failures_are_told_ever_more_seldom() {
        let mut failure = Failure::default();
        let told: Vec<u64> = (1..=2500)
            .filter(|_| {
                failure.again(Some("no network"));
                failure.is_told()
            })
            .collect();
        let first: Vec<u64> = (1..=10).chain([100, 1000]).collect();
        assert_eq!(told, first);
        assert_eq!(failure.again(Some("HTTP 500")), 1, "another failure is told");
        assert!(failure.is_told());
    }
}
