//! What happened, as log lines: one a refresh, nothing repeated.

use tracing::{debug, error, info, warn};

use crate::engine::Event;
use crate::report::Shown;
use crate::store::Outcome;

/// Logs an event. Text from the vendor is shown without what could forge a line.
pub fn log(event: &Event) {
    match event {
        Event::Started { id, cause, refresh } => {
            debug!(account = %id, cause = cause.as_str(), refresh_id = refresh.0, "refreshing");
        }
        Event::Settled {
            id, cause, refresh, outcome, error, followers, next_due, took, ..
        } => {
            let error = error.as_deref().map(|error| Shown(error).to_string());
            let next = next_due.map(|time| time.to_string());
            match outcome {
                Outcome::Ok => info!(
                    account = %id, cause = cause.as_str(), refresh_id = refresh.0,
                    followers, took_seconds = took, next, "refreshed"
                ),
                _ => warn!(
                    account = %id, cause = cause.as_str(), refresh_id = refresh.0,
                    outcome = outcome.as_str(), error, took_seconds = took, next, "not refreshed"
                ),
            }
        }
        Event::Skipped { id, slot, why } => {
            info!(account = %id, slot = %slot, why, "slot passed over");
        }
        Event::Declined { id, why } => {
            warn!(account = %id, "not refreshed: {}", Shown(why));
        }
        Event::Found { handle, id, followers, .. } => {
            info!(account = %id, followers, "found {}", Shown(&handle.to_string()));
        }
        Event::NotFound { handle, why, .. } => {
            warn!("not found: {}: {}", Shown(&handle.to_string()), Shown(why));
        }
        Event::Paused(pause) => {
            error!(next_probe = %pause.probe, "paused: {}", Shown(&pause.reason));
        }
        Event::Resumed(_) => info!("going on: the pause is over"),
        Event::Waiting(wait) => {
            warn!(until = %wait.until, "waiting, as the vendor asks: {}", Shown(&wait.reason));
        }
        Event::BudgetSpent(until) => {
            warn!(until = %until, "the budget is spent; what is due waits and is caught up then");
        }
        Event::ClockSteppedBack(accounts) => {
            warn!(accounts, "the clock was set back; accounts that were ahead are back with it");
        }
        Event::LeftPending(calls) => {
            warn!(
                calls,
                "growthd ended during these calls; their fate is unknown, and they count as spent"
            );
        }
    }
}
