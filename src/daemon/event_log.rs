//! Logging the engine's events.

use tracing::{debug, error, info, warn};

use crate::account::AccountId;
use crate::clock;
use crate::engine::{Event, NOT_IN_WATCHLIST};
use crate::printable::Printable;
use crate::store::Outcome;

/// How many equal failures in a row are logged individually.
const LOGGED_INDIVIDUALLY: u64 = 10;

/// Logs events. If the vendor is down, a long list fails constantly and always in the same way. Of
/// equal failures in a row, only the first few are therefore logged, then the 100th, the 1,000th
/// and so on. All of them are in the ledger.
#[derive(Debug, Default)]
pub struct EventLog {
    failure: FailureSeries,
    declined: FailureSeries,
}

/// A series of equal failures.
#[derive(Debug, Default)]
struct FailureSeries {
    error: Option<String>,
    count: u64,
}

impl FailureSeries {
    /// Counts a failure, and returns its number in the series.
    fn count(&mut self, error: Option<&str>) -> u64 {
        if self.count == 0 || self.error.as_deref() != error {
            *self = FailureSeries { error: error.map(str::to_owned), count: 0 };
        }
        self.count += 1;
        self.count
    }

    /// Returns whether the last failure is to be logged.
    fn is_logged(&self) -> bool {
        let mut rest = self.count;
        while rest > LOGGED_INDIVIDUALLY && rest.is_multiple_of(10) {
            rest /= 10;
        }
        self.count <= LOGGED_INDIVIDUALLY || rest == LOGGED_INDIVIDUALLY
    }
}

impl EventLog {
    /// Logs that accounts were requested that are not in the watchlist: in one line, since a request
    /// may name very many.
    pub fn not_in_watchlist(ids: &[AccountId]) {
        match ids {
            [] => {}
            [id] => warn!(account = %id, "not refreshed: {NOT_IN_WATCHLIST}"),
            [first, ..] => warn!(
                account = %first, accounts = ids.len(),
                "not refreshed: this and other requested accounts are not in the watchlist as last read"
            ),
        }
    }

    /// Logs an event. Text from the vendor is made printable, so that it cannot forge log lines.
    pub fn log(&mut self, event: &Event) {
        if let Event::Declined { id, why } = event {
            let count = self.declined.count(Some(why));
            if self.declined.is_logged() {
                let in_a_row = (count >= LOGGED_INDIVIDUALLY).then_some(count);
                warn!(account = %id, in_a_row, "not refreshed: {}", Printable(why));
            }
            return;
        }
        self.declined = FailureSeries::default();
        let Event::Settled {
            id,
            cause,
            refresh,
            outcome,
            error,
            followers,
            suspicion,
            next_due,
            took,
            ..
        } = event
        else {
            return log(event);
        };
        // While the breaker is open, what is due stays due.
        let now = clock::now().time();
        let next = next_due.filter(|next| *next > now).map(|next| next.to_string());
        if *outcome == Outcome::Ok {
            let failures = std::mem::take(&mut self.failure).count;
            if failures > LOGGED_INDIVIDUALLY {
                info!(failures, "refreshing works again after consecutive failures");
            }
            info!(
                account = %id, cause = cause.as_str(), refresh_id = refresh.0,
                followers, suspect = suspicion.reason(), took_seconds = took, next, "refreshed"
            );
            return;
        }
        let count = self.failure.count(error.as_deref());
        let error = error.as_deref().map(|error| Printable(error).to_string());
        if !self.failure.is_logged() {
            debug!(account = %id, refresh_id = refresh.0, error, "not refreshed, with the same error as before");
            return;
        }
        warn!(
            account = %id, cause = cause.as_str(), refresh_id = refresh.0,
            outcome = outcome.as_str(), error, took_seconds = took, next,
            in_a_row = (count >= LOGGED_INDIVIDUALLY).then_some(count), "not refreshed"
        );
        if count == LOGGED_INDIVIDUALLY {
            warn!("of further failures like this one, the 100th, the 1,000th … are logged");
        }
    }
}

/// Logs an event other than a settled or declined refresh.
fn log(event: &Event) {
    match event {
        Event::Started { id, cause, refresh } => {
            debug!(account = %id, cause = cause.as_str(), refresh_id = refresh.0, "refreshing");
        }
        // Logged by the caller.
        Event::Settled { .. } | Event::Declined { .. } => {}
        Event::Skipped { id, slot, why } => {
            info!(account = %id, slot = %slot, why, "slot skipped");
        }
        Event::NotNeeded { id, why } => {
            debug!(account = %id, "no refresh is needed: {why}");
        }
        Event::Known { handle, id } => {
            info!(account = %id, "already known: {}", Printable(&handle.to_string()));
        }
        Event::Found { handle, id, other: None, followers, error: Some(error), .. } => {
            let handle = handle.to_string();
            let (handle, error) = (Printable(&handle), Printable(error));
            warn!(account = %id, followers, "found {handle}, but {error}");
        }
        Event::Found { handle, id, other: None, followers, .. } => {
            info!(account = %id, followers, "found {}", Printable(&handle.to_string()));
        }
        Event::Found { handle, id, other: Some(other), followers, .. } => {
            let handle = handle.to_string();
            let (handle, other) = (Printable(&handle), Printable(other));
            warn!(account = %id, followers, "looked up {handle}, and found {other}");
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
            warn!(until = %until, "the budget is spent; due refreshes wait until it resets");
        }
        Event::ClockSteppedBack(accounts) => {
            warn!(
                accounts,
                "the clock was set back; accounts that were ahead of it were corrected"
            );
        }
        Event::ClockSet(seconds) => {
            warn!(seconds, "the clock was set; one call at a time until a response confirms it");
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
    fn equal_failures_are_logged_at_powers_of_ten() {
        let mut failure = FailureSeries::default();
        let logged: Vec<u64> = (1..=2500)
            .filter(|_| {
                failure.count(Some("no network"));
                failure.is_logged()
            })
            .collect();
        let first: Vec<u64> = (1..=10).chain([100, 1000]).collect();
        assert_eq!(logged, first);
        assert_eq!(failure.count(Some("HTTP 500")), 1, "another failure starts a new series");
        assert!(failure.is_logged());
    }
}
