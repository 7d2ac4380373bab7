//! The consequence of a failed call if the trouble is the account's own. Pure.

use crate::config::{OnUnknown, Retry};
use crate::engine::account_state::{Attempt, RetryState};
use crate::engine::breaker::Trouble;

/// The delays where a quick retry is pointless, in seconds. So a momentary 404 costs no week.
const SLOW_DELAYS: [i64; 3] = [3600, 6 * 3600, DAY];

const DAY: i64 = 24 * 3600;

/// The longest delay whatever the configuration says, in seconds.
pub const LONGEST_SLOW_DELAY: i64 = 2 * DAY;

/// The consequence of a failed call for its slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Consequence {
    /// The slot is tried again.
    TryAgain {
        /// The delay in seconds, unless the next slot comes earlier.
        delay: i64,
        /// The delay that the vendor asked for, in seconds. It holds for the next slot as well.
        requested: i64,
        /// How the call counts in the retry state.
        attempt: Attempt,
    },
    /// The slot is given up.
    GiveUp,
}

/// A failed call for a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FailedCall {
    pub trouble: Trouble,
    /// The vendor's `Retry-After`, in seconds.
    pub retry_after: Option<i64>,
    /// The slot's earlier failed calls.
    pub state: RetryState,
    /// Determines the jitter, so that a run can be replayed.
    pub seed: u64,
}

impl FailedCall {
    /// Returns the delay that the vendor asked for, in seconds.
    fn requested(&self, retry: &Retry) -> i64 {
        let longest = match self.trouble {
            Trouble::Broken => longest_request(retry),
            _ => retry.max_delay,
        };
        self.retry_after.unwrap_or(0).clamp(0, longest)
    }

    /// Returns the delay according to `[retry]` and to the vendor, in seconds.
    fn back_off(&self, retry: &Retry) -> i64 {
        back_off(retry, self.state.tries, self.seed).max(self.requested(retry))
    }
}

/// Returns the longest delay that a vendor which is down may ask for, in seconds. It knows when it will
/// be back, but a mistaken header must not stop everything for weeks.
pub fn longest_request(retry: &Retry) -> i64 {
    LONGEST_SLOW_DELAY.max(retry.max_delay)
}

/// Returns the consequence of a failed call for its slot.
pub fn own_trouble(call: FailedCall, retry: &Retry) -> Consequence {
    let (delay, attempt) = match call.trouble {
        Trouble::Unreachable | Trouble::Busy => (call.back_off(retry), Attempt::Free),
        Trouble::Unknown if retry.unknown == OnUnknown::Skip => return Consequence::GiveUp,
        Trouble::Unknown | Trouble::Unusable | Trouble::Broken | Trouble::Clock => {
            if call.state.paid.saturating_add(1) >= retry.max_paid_attempts {
                return Consequence::GiveUp;
            }
            (call.back_off(retry), Attempt::Paid)
        }
        Trouble::Refused | Trouble::Unauthorised => {
            let refusals = usize::try_from(call.state.refusals).unwrap_or(usize::MAX);
            let Some(&delay) = SLOW_DELAYS.get(refusals) else { return Consequence::GiveUp };
            (delay, Attempt::Refused)
        }
    };
    Consequence::TryAgain { delay, requested: call.requested(retry), attempt }
}

/// Returns the consequence for a slot that would be given up, but for a trouble that several accounts
/// may share: it is asked for ever less often, until the next slot replaces it. The more slots there
/// are, the sooner a trouble of hours costs one, so paid calls come at least six times in an `interval`
/// between two slots, in seconds, but not more often than hourly, nor than `[retry]` says.
pub fn ask_slowly(call: FailedCall, interval: i64, retry: &Retry) -> Consequence {
    let (delay, attempt) = match call.trouble.is_refusal() {
        true => (DAY, Attempt::Refused),
        false => {
            let paid = call.state.paid.saturating_add(1).saturating_sub(retry.max_paid_attempts);
            let index = usize::try_from(paid).unwrap_or(usize::MAX);
            let slow = SLOW_DELAYS.get(index).copied().unwrap_or(LONGEST_SLOW_DELAY);
            let slow = slow.min((interval / 6).max(SLOW_DELAYS[0]));
            (slow.max(call.back_off(retry)), Attempt::Paid)
        }
    };
    Consequence::TryAgain { delay, requested: call.requested(retry), attempt }
}

/// Returns the back-off after `tries` failures, in seconds. It doubles from `first_delay` up to
/// `max_delay`, with a jitter of up to a quarter either way, so that accounts that failed together
/// do not retry together.
fn back_off(retry: &Retry, tries: u32, seed: u64) -> i64 {
    let doubled =
        retry.first_delay.saturating_mul(1_i64.checked_shl(tries).unwrap_or(i64::MAX).max(1));
    let full = if tries >= 62 { retry.max_delay } else { doubled.min(retry.max_delay) };
    let quarter = full / 4;
    let jitter = i64::try_from(seed % 1024).unwrap_or(0) * 2 * quarter / 1023 - quarter;
    (full + jitter).clamp(1, retry.max_delay.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Retry = Retry {
        first_delay: 30,
        max_delay: 21_600,
        max_paid_attempts: 3,
        unknown: OnUnknown::Retry,
    };

    fn after(trouble: Trouble, paid: u32, refusals: u32) -> Consequence {
        own_trouble(call(trouble, paid, refusals), &RETRY)
    }

    fn call(trouble: Trouble, paid: u32, refusals: u32) -> FailedCall {
        let state = RetryState { tries: paid + refusals, paid, refusals };
        FailedCall { trouble, retry_after: None, state, seed: 512 }
    }

    #[test]
    fn paid_attempts_and_refusals_are_bounded_and_free_ones_are_not() {
        for trouble in [Trouble::Unknown, Trouble::Unusable, Trouble::Broken, Trouble::Clock] {
            for paid in 0..2 {
                let Consequence::TryAgain { attempt, .. } = after(trouble, paid, 0) else {
                    panic!("{trouble:?} is given up after {paid}")
                };
                assert_eq!(attempt, Attempt::Paid);
            }
            assert_eq!(after(trouble, 2, 0), Consequence::GiveUp);
        }
        for trouble in [Trouble::Refused, Trouble::Unauthorised] {
            let delays = [0, 1, 2].map(|refusals| match after(trouble, 0, refusals) {
                Consequence::TryAgain { delay, attempt: Attempt::Refused, .. } => delay,
                other => panic!("{other:?}"),
            });
            assert_eq!(delays, [3600, 21_600, 86_400]);
            assert_eq!(after(trouble, 0, 3), Consequence::GiveUp);
        }
        for trouble in [Trouble::Unreachable, Trouble::Busy] {
            let Consequence::TryAgain { attempt, .. } = after(trouble, 99, 99) else {
                panic!("{trouble:?} is given up")
            };
            assert_eq!(attempt, Attempt::Free);
        }
    }

    #[test]
    fn what_several_accounts_share_is_asked_for_ever_less_often() {
        let delay = |trouble, paid, refusals, interval| match ask_slowly(
            call(trouble, paid, refusals),
            interval,
            &RETRY,
        ) {
            Consequence::TryAgain { delay, .. } => delay,
            Consequence::GiveUp => panic!("given up"),
        };
        let paid = |interval| [2, 3, 4, 5].map(|paid| delay(Trouble::Broken, paid, 0, interval));
        assert_eq!(paid(30 * DAY), [3600, 21_600, DAY, 2 * DAY]);
        assert_eq!(paid(7 * DAY), [3600, 21_600, DAY, 28 * 3600]);
        assert_eq!(paid(DAY), [3600, 14_400, 14_400, 14_400]);
        assert_eq!(paid(3600), [3600; 4]);
        // No sooner than `[retry]` says, and the vendor.
        let rare = Retry { first_delay: 21_600, max_delay: 86_400, ..RETRY };
        let broken = call(Trouble::Broken, 2, 0);
        for (call, retry, expected) in [
            (broken, &rare, 86_400),
            (FailedCall { retry_after: Some(20_000), ..broken }, &RETRY, 20_000),
        ] {
            assert!(
                matches!(ask_slowly(call, 3600, retry), Consequence::TryAgain { delay, .. } if delay == expected)
            );
        }
        assert_eq!([3, 4].map(|refusals| delay(Trouble::Refused, 0, refusals, DAY)), [DAY; 2]);
    }

    #[test]
    fn an_unknown_result_is_not_retried_if_configured_so() {
        let skip = Retry { unknown: OnUnknown::Skip, ..RETRY };
        let consequence = own_trouble(call(Trouble::Unknown, 0, 0), &skip);
        assert_eq!(consequence, Consequence::GiveUp);
    }

    #[test]
    fn retry_after_is_the_minimum_delay() {
        for (retry_after, expected) in
            [(None, 30), (Some(7), 30), (Some(900), 900), (Some(i64::MAX), 2 * DAY)]
        {
            let call = FailedCall { retry_after, ..call(Trouble::Broken, 0, 0) };
            let Consequence::TryAgain { delay, requested, .. } = own_trouble(call, &RETRY) else {
                panic!("given up")
            };
            assert_eq!(delay, expected, "{retry_after:?}");
            assert_eq!(requested, retry_after.unwrap_or(0).min(2 * DAY), "{retry_after:?}");
        }
        // A throttled account waits at most as long as `[retry]` says.
        let busy = FailedCall { retry_after: Some(i64::MAX), ..call(Trouble::Busy, 0, 0) };
        let Consequence::TryAgain { requested, .. } = own_trouble(busy, &RETRY) else {
            panic!("given up")
        };
        assert_eq!(requested, 21_600);
    }

    #[test]
    fn the_back_off_doubles_within_its_bounds() {
        for seed in [0, 511, 1023, u64::MAX] {
            for tries in 0..80 {
                let delay = back_off(&RETRY, tries, seed);
                let full = if tries > 20 { 21_600 } else { (30_i64 << tries).min(21_600) };
                let is_within = full * 3 / 4 <= delay && delay <= (full * 5 / 4).min(21_600);
                assert!(is_within, "{tries} {seed}: {delay}");
            }
        }
        // Up to a quarter less and more, at a delay that divides by four.
        let extremes = [0, 1023].map(|seed| back_off(&RETRY, 3, seed));
        assert_eq!(extremes, [180, 300]);
    }
}
