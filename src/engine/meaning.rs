//! What a response means: for its ledger line, and for whoever has to bear the consequences. Pure.

use crate::api::{ClassifiedResponse, ResponseKind};
use crate::engine::breaker::Trouble;
use crate::store::{Outcome, Verdict};

pub(super) enum Meaning {
    Ok,
    /// Our clock differs from the vendor's by this many seconds. The trouble is that of the response
    /// otherwise (`None` for numbers), and counts if the date turns out to say nothing about our
    /// clock.
    ClockContradicted(i64, Option<(Trouble, Option<i64>)>),
    /// The vendor asks for a pause, of this many seconds if it says so.
    Throttled(Option<i64>),
    /// A trouble, with the vendor's `Retry-After` in seconds.
    Trouble(Trouble, Option<i64>),
}

impl Meaning {
    pub(super) fn of(response: &ClassifiedResponse) -> Meaning {
        let trouble = match &response.kind {
            // A requested pause is obeyed even if the date contradicts our clock.
            ResponseKind::Throttled { retry_after } => return Meaning::Throttled(*retry_after),
            ResponseKind::Ok(..) => None,
            ResponseKind::Broken { retry_after } => Some((Trouble::Broken, *retry_after)),
            ResponseKind::Unreachable => Some((Trouble::Unreachable, None)),
            ResponseKind::Unknown => Some((Trouble::Unknown, None)),
            ResponseKind::Unusable(_) => Some((Trouble::Unusable, None)),
            ResponseKind::Unauthorised => Some((Trouble::Unauthorised, None)),
            ResponseKind::Busy => Some((Trouble::Busy, None)),
            ResponseKind::Refused => Some((Trouble::Refused, None)),
        };
        match (response.clock_off, trouble) {
            (Some(seconds), trouble) => Meaning::ClockContradicted(seconds, trouble),
            (None, None) => Meaning::Ok,
            (None, Some((trouble, retry_after))) => Meaning::Trouble(trouble, retry_after),
        }
    }
}

fn outcome(kind: &ResponseKind) -> Outcome {
    match kind {
        ResponseKind::Ok(..) => Outcome::Ok,
        ResponseKind::Unknown => Outcome::Unknown,
        ResponseKind::Unreachable
        | ResponseKind::Unusable(_)
        | ResponseKind::Broken { .. }
        | ResponseKind::Throttled { .. }
        | ResponseKind::Unauthorised
        | ResponseKind::Busy
        | ResponseKind::Refused => Outcome::Failed,
    }
}

/// Returns what the ledger says of a call with this response.
pub(super) fn verdict(response: &ClassifiedResponse) -> Verdict {
    let outcome = outcome(&response.kind);
    Verdict {
        outcome,
        spent: response.spent,
        http_status: response.status,
        error: match (response.clock_off, &response.error) {
            (Some(seconds), Some(error)) => Some(format!("{error}; {}", date_error(seconds))),
            (Some(seconds), None) => Some(date_error(seconds)),
            (None, error) => error.clone(),
        },
        answer: match &response.kind {
            ResponseKind::Unusable(kept) => Some(kept.clone()),
            _ => None,
        },
        buys_slot: outcome == Outcome::Ok && response.clock_off.is_none(),
    }
}

/// Says that a response's date contradicts our clock, by this many seconds. Either may be wrong: a cache
/// may have kept the response for days.
fn date_error(seconds: i64) -> String {
    let direction = if seconds > 0 { "ahead of" } else { "behind" };
    format!(
        "the response's date is {} h {direction} this machine's clock; check the clock",
        hours(seconds)
    )
}

/// Says that our clock is taken to be wrong, by this many seconds.
pub(super) fn clock_reason(seconds: i64) -> String {
    let direction = if seconds > 0 { "behind" } else { "ahead of" };
    format!("this machine's clock is {} h {direction} the vendor's; set it right", hours(seconds))
}

fn hours(seconds: i64) -> i64 {
    seconds.saturating_abs() / 3600
}

/// Returns the reason of an open breaker that is shown to people: the latest error, with advice where
/// there is any. That only probes are sent is said wherever it is shown.
pub(super) fn reason(trouble: Trouble, error: &str) -> String {
    let advice = match trouble {
        // The error already says what to check.
        Trouble::Unauthorised => ", then reload growthd",
        Trouble::Refused => {
            "; if this is unexpected, check that the id is the API's and not a username (`growthd add` \
             looks ids up), [api] base_url and the key, then reload growthd"
        }
        Trouble::Unreachable
        | Trouble::Unknown
        | Trouble::Unusable
        | Trouble::Broken
        | Trouble::Busy
        | Trouble::Clock => "",
    };
    format!("{error}{advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_told_in_hours_and_which_way() {
        for (seconds, clock, date) in [
            (7300, "clock is 2 h behind the vendor's", "date is 2 h ahead of this machine's"),
            (-7300, "clock is 2 h ahead of the vendor's", "date is 2 h behind this machine's"),
        ] {
            assert!(clock_reason(seconds).contains(clock), "{}", clock_reason(seconds));
            assert!(date_error(seconds).contains(date), "{}", date_error(seconds));
        }
    }
}
