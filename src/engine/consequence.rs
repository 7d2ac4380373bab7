//! What follows from an answer: for its account, and for everybody.
//!
//! Pure: the facts that an answer is held against are gathered by the caller.

use crate::api::{ClassifiedResponse, ResponseKind};
use crate::config::{OnUnknown, Retry};
use crate::store::{AccountKey, Outcome, PauseKind, Recent};

/// How long everybody waits where the vendor says "too fast" and not for how long, in seconds.
const DEFAULT_WAIT: i64 = 60;

/// The how-manieth answer of one account in a row that asks everybody to wait is held to be the
/// account's own trouble.
const THROTTLED_ALONE: usize = 3;

/// So many failures of the vendor in a row, over so many accounts, are an outage.
const OUTAGE: (usize, usize) = (10, 3);

/// What a person can do about an outage.
const PROBED: &str = "one account is asked now and then until it answers";

/// How many settled calls the facts are taken from.
pub const REMEMBERED: usize = 64;

/// What follows for the account's slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Nothing more is owed until the next.
    Served,
    /// Tried again after the usual back-off.
    BackOff(Attempt),
    /// Tried again after the longest back-off.
    BackOffLong(Attempt),
    /// Not tried again in this slot.
    GivenUp,
    /// As if the call had not been made.
    AsItWas,
}

/// Whether a failure counts towards `retry.max_paid_attempts`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attempt {
    /// It does.
    Paid,
    /// It does not.
    Free,
}

/// What follows for everybody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// Nobody is asked but by probes.
    Pause(PauseKind, String),
    /// Nobody is asked for so many seconds.
    Wait(i64, String),
}

/// What follows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Consequence {
    /// For the account's slot.
    pub effect: Effect,
    /// For everybody.
    pub stop: Option<Stop>,
    /// Whether the pause there is, is over.
    pub lifts: bool,
}

/// What an answer is held against.
#[derive(Clone, PartialEq, Debug)]
pub struct Facts<'a> {
    /// The account asked.
    pub account: AccountKey,
    /// Its paid attempts in the slot so far.
    pub paid: u32,
    /// The status for which its slot was given up before, if it was and has not been ok since.
    pub failing_status: Option<u16>,
    /// Whether others are given up for a 403.
    pub others_forbidden: bool,
    /// Whether others are given up for a redirect.
    pub others_redirected: bool,
    /// How many accounts are watched.
    pub watched: usize,
    /// The settled calls before this one, newest first.
    pub recent: &'a [Recent],
    /// The pause there is.
    pub pause: Option<PauseKind>,
    /// Whether this answers a probe of it: what left before it began cannot end it.
    pub is_probe: bool,
}

/// What follows from `heard`.
pub fn consequence(heard: &ClassifiedResponse, facts: &Facts<'_>, retry: &Retry) -> Consequence {
    let lifts = facts.is_probe && facts.pause.is_some_and(|kind| lifts(kind, heard));
    let pause = facts.pause.filter(|_| !lifts);
    let (effect, stop) = follows(heard, facts, pause, retry);
    let Some(off) = heard.clock_off else {
        return Consequence { effect, stop, lifts };
    };
    let effect = if effect == Effect::Served { Effect::Served } else { Effect::AsItWas };
    let (hours, direction) =
        (off.saturating_abs() / 3600, if off > 0 { "behind" } else { "ahead" });
    let reason = format!(
        "this machine's clock is {hours} h {direction} the vendor's; set it right, then reload growthd"
    );
    Consequence { effect, stop: Some(Stop::Pause(PauseKind::Clock, reason)), lifts }
}

fn follows(
    heard: &ClassifiedResponse,
    facts: &Facts<'_>,
    pause: Option<PauseKind>,
    retry: &Retry,
) -> (Effect, Option<Stop>) {
    let error = || heard.error.clone().unwrap_or_default();
    let stop = |kind, advice: &str| Some(Stop::Pause(kind, format!("{}; {advice}", error())));
    let attempts_left = facts.paid.saturating_add(1) < retry.max_paid_attempts;
    match &heard.reply {
        ResponseKind::Measured(..) => (Effect::Served, None),
        ResponseKind::NotSent => (Effect::BackOff(Attempt::Free), None),
        ResponseKind::Unknown => match retry.unknown {
            OnUnknown::Retry if attempts_left && facts.paid == 0 => {
                (Effect::BackOff(Attempt::Paid), None)
            }
            OnUnknown::Retry if attempts_left => (Effect::BackOffLong(Attempt::Paid), None),
            OnUnknown::Retry | OnUnknown::Skip => (Effect::GivenUp, None),
        },
        ResponseKind::Unusable(_) if attempts_left => (Effect::BackOff(Attempt::Paid), None),
        ResponseKind::Unusable(_) | ResponseKind::Rejected => (Effect::GivenUp, None),
        ResponseKind::Refused => (
            Effect::AsItWas,
            stop(
                PauseKind::Refused,
                "mend the key, the credits or the subscription, then restart growthd",
            ),
        ),
        ResponseKind::Redirected(_) => {
            let is_known = facts.failing_status.is_some_and(|status| (300..400).contains(&status));
            let spreads = !is_known && (facts.others_redirected || facts.watched <= 1);
            if spreads || pause == Some(PauseKind::Redirected) {
                let advice = "if that is right, make it [api] base_url, then reload growthd";
                (Effect::AsItWas, stop(PauseKind::Redirected, advice))
            } else {
                (Effect::GivenUp, None)
            }
        }
        ResponseKind::Forbidden(wait) => {
            let is_known = facts.failing_status == Some(403);
            let spreads = !is_known && facts.others_forbidden;
            match wait {
                _ if spreads || pause == Some(PauseKind::Forbidden) => {
                    let advice = "see what the key may do, then reload growthd";
                    (Effect::AsItWas, stop(PauseKind::Forbidden, advice))
                }
                Some(_) => throttled(heard, facts, *wait, retry, error()),
                None => (Effect::GivenUp, None),
            }
        }
        // A vendor that is down and says when to come back is down all the same, and charges.
        ResponseKind::Throttled(_) if is_broken(heard) && pause.is_none() && is_outage(facts) => {
            (Effect::AsItWas, stop(PauseKind::Outage, PROBED))
        }
        ResponseKind::Throttled(wait) => throttled(heard, facts, *wait, retry, error()),
        ResponseKind::Broken => {
            if is_outage(facts) || pause == Some(PauseKind::Outage) {
                (Effect::AsItWas, stop(PauseKind::Outage, PROBED))
            } else {
                (Effect::BackOff(Attempt::Free), None)
            }
        }
    }
}

fn is_broken(heard: &ClassifiedResponse) -> bool {
    heard.status.is_some_and(|status| status >= 500)
}

fn throttled(
    heard: &ClassifiedResponse,
    facts: &Facts<'_>,
    wait: Option<i64>,
    retry: &Retry,
    error: String,
) -> (Effect, Option<Stop>) {
    let own = facts.recent.iter().filter(|call| call.account == Some(facts.account));
    let before = own.take_while(|call| call.http_status == heard.status).count();
    if before + 1 >= THROTTLED_ALONE {
        return (Effect::BackOff(Attempt::Free), None);
    }
    let seconds = wait.unwrap_or(DEFAULT_WAIT).clamp(1, retry.max_delay.max(1));
    (Effect::AsItWas, Some(Stop::Wait(seconds, error)))
}

fn is_outage(facts: &Facts<'_>) -> bool {
    let (calls, accounts) = OUTAGE;
    let broken = facts.recent.iter().take_while(|call| {
        call.outcome == Outcome::Failed && call.http_status.is_some_and(|status| status >= 500)
    });
    let mut seen = vec![Some(facts.account)];
    let mut count = 1;
    for call in broken.take(calls - 1) {
        count += 1;
        if !seen.contains(&call.account) {
            seen.push(call.account);
        }
    }
    count >= calls && seen.len() >= accounts.min(facts.watched)
}

/// Whether an answer shows that what a pause is about is over.
fn lifts(kind: PauseKind, heard: &ClassifiedResponse) -> bool {
    let is_answer = !matches!(heard.reply, ResponseKind::NotSent | ResponseKind::Unknown);
    let is_usual = matches!(heard.reply, ResponseKind::Measured(..) | ResponseKind::Rejected);
    match kind {
        PauseKind::Refused | PauseKind::Forbidden => is_usual,
        PauseKind::Redirected => {
            is_answer
                && !matches!(heard.reply, ResponseKind::Redirected(_) | ResponseKind::Unusable(_))
        }
        PauseKind::Outage => is_answer && heard.reply != ResponseKind::Broken && !is_broken(heard),
        PauseKind::Clock => is_answer && heard.clock_off.is_none(),
    }
}

/// How long after its `nth` probe (from 1) a pause sends the next, in seconds: hourly where a
/// refusal is free, at growing distance up to a day where every probe may cost a credit.
pub fn probe_distance(kind: PauseKind, nth: u32) -> i64 {
    const HOUR: i64 = 3600;
    match kind {
        PauseKind::Refused | PauseKind::Forbidden => HOUR,
        PauseKind::Redirected | PauseKind::Outage | PauseKind::Clock => {
            (HOUR / 4).saturating_mul(1 << nth.min(7)).min(24 * HOUR)
        }
    }
}

/// The back-off before the try after `tries` failures, in seconds: doubling from `first_delay`
/// up to `max_delay`, spread by up to a quarter either way so that accounts that failed together
/// do not come back together. `seed` decides the spread, so that it can be replayed.
pub fn back_off(retry: &Retry, tries: u32, seed: u64) -> i64 {
    let doubled =
        retry.first_delay.saturating_mul(1_i64.checked_shl(tries).unwrap_or(i64::MAX).max(1));
    let full = if tries >= 62 { retry.max_delay } else { doubled.min(retry.max_delay) };
    let quarter = full / 4;
    let spread = i64::try_from(seed % 1024).unwrap_or(0) * 2 * quarter / 1023 - quarter;
    (full + spread).clamp(1, retry.max_delay.max(1))
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
    const A: AccountKey = AccountKey(1);

    fn heard(reply: ResponseKind, status: Option<u16>) -> ClassifiedResponse {
        ClassifiedResponse {
            reply,
            status,
            error: Some("why".to_owned()),
            spent: true,
            clock_off: None,
        }
    }

    fn facts(recent: &[Recent]) -> Facts<'_> {
        Facts {
            account: A,
            paid: 0,
            failing_status: None,
            others_forbidden: false,
            others_redirected: false,
            watched: 5,
            recent,
            pause: None,
            is_probe: false,
        }
    }

    fn effect(reply: ResponseKind, status: Option<u16>, facts: &Facts<'_>) -> Effect {
        consequence(&heard(reply, status), facts, &RETRY).effect
    }

    fn call(account: i64, status: u16) -> Recent {
        let account = Some(AccountKey(account));
        Recent { account, outcome: Outcome::Failed, http_status: Some(status) }
    }

    #[test]
    fn paid_attempts_are_counted_and_free_ones_are_not() {
        let paid = |paid| Facts { paid, ..facts(&[]) };
        let unusable = || ResponseKind::Unusable(String::new());
        for (reply, paid_before, expected) in [
            (ResponseKind::NotSent, 9, Effect::BackOff(Attempt::Free)),
            (ResponseKind::Broken, 9, Effect::BackOff(Attempt::Free)),
            (unusable(), 0, Effect::BackOff(Attempt::Paid)),
            (unusable(), 1, Effect::BackOff(Attempt::Paid)),
            (unusable(), 2, Effect::GivenUp),
            (ResponseKind::Unknown, 0, Effect::BackOff(Attempt::Paid)),
            (ResponseKind::Unknown, 1, Effect::BackOffLong(Attempt::Paid)),
            (ResponseKind::Unknown, 2, Effect::GivenUp),
            (ResponseKind::Rejected, 0, Effect::GivenUp),
            (ResponseKind::Forbidden(None), 0, Effect::GivenUp),
            (ResponseKind::Redirected(None), 0, Effect::GivenUp),
            (ResponseKind::Refused, 0, Effect::AsItWas),
        ] {
            assert_eq!(effect(reply.clone(), None, &paid(paid_before)), expected, "{reply:?}");
        }
        let skip = Retry { unknown: OnUnknown::Skip, ..RETRY };
        let follows = consequence(&heard(ResponseKind::Unknown, None), &facts(&[]), &skip);
        assert_eq!(follows.effect, Effect::GivenUp);
    }

    #[test]
    fn a_refusal_of_two_accounts_is_everybodys_and_only_once_for_each() {
        let forbidden = || heard(ResponseKind::Forbidden(None), Some(403));
        let second = Facts { others_forbidden: true, ..facts(&[]) };
        let follows = consequence(&forbidden(), &second, &RETRY);
        assert_eq!(follows.effect, Effect::AsItWas);
        assert!(matches!(follows.stop, Some(Stop::Pause(PauseKind::Forbidden, _))));
        let again = Facts { failing_status: Some(403), ..second };
        assert_eq!(consequence(&forbidden(), &again, &RETRY).effect, Effect::GivenUp);
    }

    #[test]
    fn a_redirect_of_two_accounts_or_all_there_are_pauses() {
        let redirected = || heard(ResponseKind::Redirected(Some("https://x".into())), Some(307));
        for (others, watched, pauses) in [(false, 5, false), (true, 5, true), (false, 1, true)] {
            let facts = Facts { others_redirected: others, watched, ..facts(&[]) };
            let follows = consequence(&redirected(), &facts, &RETRY);
            assert_eq!(follows.stop.is_some(), pauses, "{others} {watched}");
        }
    }

    #[test]
    fn the_third_throttling_of_one_account_is_its_own() {
        let others = [call(2, 429), call(3, 429)];
        let own = [call(1, 429), call(2, 200), call(1, 429)];
        let throttle = |recent: &[Recent], wait| {
            consequence(&heard(ResponseKind::Throttled(wait), Some(429)), &facts(recent), &RETRY)
        };
        for (wait, seconds) in [(None, 60), (Some(5), 5), (Some(0), 1), (Some(i64::MAX), 21_600)] {
            let follows = throttle(&others, wait);
            assert_eq!(follows.effect, Effect::AsItWas);
            assert_eq!(follows.stop, Some(Stop::Wait(seconds, "why".to_owned())));
        }
        let follows = throttle(&own, None);
        assert_eq!((follows.effect, follows.stop), (Effect::BackOff(Attempt::Free), None));
    }

    #[test]
    fn ten_failures_over_three_accounts_are_an_outage() {
        let over = |accounts: i64| -> Vec<Recent> {
            (0..9).map(|n| call(n % accounts + 1, 502)).collect()
        };
        let pauses = |recent: &[Recent], watched| {
            let facts = Facts { watched, ..facts(recent) };
            consequence(&heard(ResponseKind::Broken, Some(500)), &facts, &RETRY).stop.is_some()
        };
        assert!(pauses(&over(3), 5));
        assert!(!pauses(&over(2), 5), "two accounts of five");
        assert!(pauses(&over(2), 2), "all there are");
        assert!(!pauses(&over(3)[1..], 5), "nine in a row");
        let mut broken = over(3);
        broken[4].http_status = None;
        assert!(!pauses(&broken, 5), "not in a row");
        let maintenance = heard(ResponseKind::Throttled(Some(1)), Some(503));
        let recent = over(3);
        let facts_then = Facts { watched: 5, ..facts(&recent) };
        let follows = consequence(&maintenance, &facts_then, &RETRY);
        assert!(
            matches!(follows.stop, Some(Stop::Pause(PauseKind::Outage, _))),
            "with Retry-After"
        );
        let facts_then = Facts { pause: Some(PauseKind::Outage), is_probe: true, ..facts_then };
        let follows = consequence(&maintenance, &facts_then, &RETRY);
        assert!(!follows.lifts && matches!(follows.stop, Some(Stop::Wait(1, _)) | None));
    }

    #[test]
    fn a_pause_ends_with_an_answer_that_disproves_it() {
        let measured = || ResponseKind::Measured("a".parse().expect("an id"), Box::default());
        for (kind, reply, expected) in [
            (PauseKind::Refused, measured(), true),
            (PauseKind::Refused, ResponseKind::Rejected, true),
            (PauseKind::Refused, ResponseKind::Refused, false),
            (PauseKind::Refused, ResponseKind::Broken, false),
            (PauseKind::Outage, ResponseKind::Broken, false),
            (PauseKind::Outage, ResponseKind::Rejected, true),
            (PauseKind::Outage, ResponseKind::NotSent, false),
            (PauseKind::Redirected, ResponseKind::Redirected(None), false),
            (PauseKind::Redirected, measured(), true),
            (PauseKind::Clock, measured(), true),
            (PauseKind::Clock, ResponseKind::Unknown, false),
        ] {
            let facts = Facts { pause: Some(kind), is_probe: true, ..facts(&[]) };
            let status = if reply == ResponseKind::Broken { 500 } else { 418 };
            let follows = consequence(&heard(reply.clone(), Some(status)), &facts, &RETRY);
            assert_eq!(follows.lifts, expected, "{kind:?} {reply:?}");
            let facts = Facts { is_probe: false, ..facts };
            assert!(!consequence(&heard(reply, Some(status)), &facts, &RETRY).lifts);
        }
    }

    #[test]
    fn a_clock_that_is_off_pauses_and_keeps_what_was_paid_for() {
        let mut answer = heard(ResponseKind::Rejected, Some(404));
        answer.clock_off = Some(-7200);
        let follows = consequence(&answer, &facts(&[]), &RETRY);
        assert_eq!(follows.effect, Effect::AsItWas);
        assert!(matches!(follows.stop, Some(Stop::Pause(PauseKind::Clock, _))));
        answer.reply = ResponseKind::Measured("a".parse().expect("an id"), Box::default());
        assert_eq!(consequence(&answer, &facts(&[]), &RETRY).effect, Effect::Served);
    }

    #[test]
    fn back_off_doubles_within_its_bounds() {
        for (tries, least, most) in [
            (0, 22, 38),
            (1, 45, 75),
            (5, 720, 1200),
            (20, 16_200, 21_600),
            (63, 16_200, 21_600),
            (400, 16_200, 21_600),
        ] {
            for seed in [0, 1, 511, 512, 1023, u64::MAX] {
                let delay = back_off(&RETRY, tries, seed);
                assert!((least..=most).contains(&delay), "{tries} {seed}: {delay}");
            }
        }
    }

    #[test]
    fn probes_come_hourly_or_ever_more_rarely() {
        assert_eq!(probe_distance(PauseKind::Refused, 100), 3600);
        assert_eq!(probe_distance(PauseKind::Outage, 0), 900);
        assert_eq!(probe_distance(PauseKind::Outage, 1), 1800);
        assert_eq!(probe_distance(PauseKind::Outage, 100), 86_400);
    }
}
