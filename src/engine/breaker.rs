//! The circuit breaker for calls to the vendor, as a pure state machine.
//!
//! While it is *closed*, all calls are allowed. When the last settled calls, without an ok among
//! them, are troubles of three different accounts (or of all that there are to ask: those that were
//! failing before are not among them), the trouble is considered the vendor's, whatever its kind.
//! The breaker then *opens*, and only probes are sent, one call at a time, at growing intervals. An
//! ok closes it. When it is *half-open*, one probe is sent immediately: after a start, a reload or a
//! change of the clock, and for a person's request, at most once a minute.
//!
//! There are two series of probes. An account that has failed since its last ok has nothing new to
//! say, and is probed at the interval of all probes so far. A *fresh* account, which has not
//! failed, is new evidence, and waits only for earlier probes of fresh accounts. Thus three dead
//! accounts at the end of a list do not hold up the whole list a week later.

use crate::clock::Time;
use crate::store::{AccountKey, BreakerRow, ReadTx, RefreshId, StoreError};

/// The number of different accounts with troubles in a row that makes the trouble the vendor's.
pub const ACCOUNTS_TO_OPEN: usize = 3;

/// The shortest interval between two half-open probes, in seconds.
const HALF_OPEN_INTERVAL: i64 = 60;

/// The first and the longest interval between probes if a failed call is free, in seconds.
const FREE_INTERVALS: (i64, i64) = (10, 3600);

/// The same if a failed call may cost a credit.
const PAID_INTERVALS: (i64, i64) = (60, 6 * 3600);

/// The kind of a failed call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Trouble {
    /// Nothing was sent.
    Unreachable,
    /// Whether the vendor served the call is not known.
    Unknown,
    /// A successful status, but a response that cannot be used.
    Unusable,
    /// The vendor's server failed.
    Broken,
    /// The key, the credits or the subscription were refused.
    Unauthorised,
    /// The same request may succeed later.
    Busy,
    /// The request was refused.
    Refused,
    /// The response's date contradicts our clock.
    Clock,
}

impl Trouble {
    /// All troubles. The index is the code in the database.
    pub const ALL: [Trouble; 8] = [
        Trouble::Unreachable,
        Trouble::Unknown,
        Trouble::Unusable,
        Trouble::Broken,
        Trouble::Unauthorised,
        Trouble::Busy,
        Trouble::Refused,
        Trouble::Clock,
    ];

    /// Returns the name shown in the status and the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Trouble::Unreachable => "unreachable",
            Trouble::Unknown => "unknown",
            Trouble::Unusable => "unusable",
            Trouble::Broken => "broken",
            Trouble::Unauthorised => "unauthorised",
            Trouble::Busy => "busy",
            Trouble::Refused => "refused",
            Trouble::Clock => "clock",
        }
    }

    /// Returns whether the vendor refused to serve the account, which costs nothing.
    pub fn is_refusal(self) -> bool {
        matches!(self, Trouble::Refused | Trouble::Unauthorised)
    }

    /// Returns whether such a call may have cost a credit.
    fn may_cost(self) -> bool {
        match self {
            Trouble::Unknown | Trouble::Unusable | Trouble::Broken | Trouble::Clock => true,
            Trouble::Unreachable | Trouble::Unauthorised | Trouble::Busy | Trouble::Refused => {
                false
            }
        }
    }
}

/// Returns the interval before the probe that follows `probes` failed ones, in seconds.
fn interval(trouble: Trouble, probes: u32) -> i64 {
    let (first, longest) = if trouble.may_cost() { PAID_INTERVALS } else { FREE_INTERVALS };
    first.saturating_mul(1 << probes.min(20)).min(longest)
}

/// Whether calls to the vendor are allowed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Breaker {
    Closed,
    /// Only probes are.
    Open(OpenBreaker),
}

/// The state of an open breaker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenBreaker {
    pub since: Time,
    pub trouble: Trouble,
    /// The latest error and advice, for people.
    pub reason: String,
    /// The newest ledger line when the breaker opened. Only a later call can close it.
    pub opened_after: RefreshId,
    /// The probes of all accounts.
    pub probes: Series,
    /// The probes of accounts that had not failed since their last ok.
    pub fresh: Series,
    /// The account that was called last.
    pub last_account: AccountKey,
    pub half_open: HalfOpen,
    pub requested: RequestedWait,
}

/// For how long the vendor last asked to be left alone while it was in trouble (`Retry-After`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestedWait {
    /// When it asked.
    pub from: Time,
    /// Seconds.
    pub seconds: i64,
}

/// A series of probes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Series {
    /// Those sent while the trouble was of a kind that costs nothing.
    pub free: u32,
    /// Those sent while it was of a kind that may cost a credit. They are counted apart: in mixed
    /// trouble, cheap probes must not put off the next by hours.
    pub paid: u32,
    /// When the last probe was sent; when the breaker opened, if there was none.
    pub last: Time,
}

impl Series {
    pub fn count(self) -> u32 {
        self.free.saturating_add(self.paid)
    }

    /// Returns the interval before the next probe, in seconds.
    fn interval(self, trouble: Trouble) -> i64 {
        interval(trouble, if trouble.may_cost() { self.paid } else { self.free })
    }

    /// Adds a probe that is sent while the trouble is this one.
    fn probed(self, trouble: Trouble, now: Time) -> Series {
        let add = |count: u32, is_it: bool| count.saturating_add(u32::from(is_it));
        Series {
            free: add(self.free, !trouble.may_cost()),
            paid: add(self.paid, trouble.may_cost()),
            last: now,
        }
    }
}

/// Whether a probe may be sent before its regular time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HalfOpen {
    /// Whether one is wanted, after a start, a reload or a change of the clock, or for a request.
    pub is_wanted: bool,
    /// When the last such probe was sent.
    pub last: Option<Time>,
}

/// Whether an account has failed since its last ok.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Candidate {
    /// It has not, so its response is new evidence.
    Fresh,
    Failed,
}

impl Breaker {
    /// Reads the breaker from the database.
    pub fn read(tx: &ReadTx<'_>) -> Result<Breaker, StoreError> {
        tx.breaker()?.try_into()
    }

    /// Opens the breaker. `newest` is the newest ledger line.
    pub fn open(
        trouble: Trouble,
        reason: String,
        account: AccountKey,
        newest: RefreshId,
        now: Time,
    ) -> OpenBreaker {
        let none = Series { free: 0, paid: 0, last: now };
        OpenBreaker {
            since: now,
            trouble,
            reason,
            opened_after: newest,
            probes: none,
            fresh: none,
            last_account: account,
            half_open: HalfOpen { is_wanted: false, last: None },
            requested: RequestedWait { from: now, seconds: 0 },
        }
    }

    /// Returns whether troubles of `troubled` accounts in a row are the vendor's, given whether there
    /// is another account to ask.
    pub fn is_due_to_open(troubled: usize, has_other: bool) -> bool {
        troubled >= ACCOUNTS_TO_OPEN || (troubled > 0 && !has_other)
    }

    /// Returns the state of the breaker if it is open.
    pub fn as_open(&self) -> Option<&OpenBreaker> {
        match self {
            Breaker::Open(open) => Some(open),
            Breaker::Closed => None,
        }
    }
}

impl OpenBreaker {
    /// Returns whether the result of the call `refresh` says anything about the vendor's present
    /// state.
    pub fn is_probe(&self, refresh: RefreshId) -> bool {
        refresh > self.opened_after
    }

    /// Records that a call ended in trouble while the breaker is open, which becomes its reason.
    #[must_use]
    pub fn troubled(self, trouble: Trouble, reason: String) -> OpenBreaker {
        OpenBreaker { trouble, reason, ..self }
    }

    /// Records that the vendor asked not to be called for this many seconds.
    #[must_use]
    pub fn wait_at_least(self, seconds: i64, now: Time) -> OpenBreaker {
        let requested = RequestedWait { from: now, seconds };
        let until = |wait: RequestedWait| wait.from.plus(wait.seconds);
        let is_longer = until(requested) > until(self.requested);
        OpenBreaker { requested: if is_longer { requested } else { self.requested }, ..self }
    }

    /// Returns whether no half-open probe was sent yet.
    pub fn is_unprobed_early(&self) -> bool {
        self.half_open.last.is_none()
    }

    /// Allows a probe to be sent early.
    #[must_use]
    pub fn want_half_open(self) -> OpenBreaker {
        OpenBreaker { half_open: HalfOpen { is_wanted: true, ..self.half_open }, ..self }
    }

    /// Returns when a probe of such an account may be sent.
    pub fn probe_time(&self, candidate: Candidate, now: Time) -> Time {
        let regular = self.regular_time(candidate);
        match self.half_open_time(now) {
            Some(half_open) => regular.min(half_open),
            None => regular,
        }
    }

    /// Returns when a probe of such an account may be sent without a reason to send it early.
    fn regular_time(&self, candidate: Candidate) -> Time {
        let series = match candidate {
            Candidate::Fresh => self.fresh,
            Candidate::Failed => self.probes,
        };
        let RequestedWait { from, seconds } = self.requested;
        let time = series.last.plus(series.interval(self.trouble)).max(from.plus(seconds));
        match self.half_open.last {
            // It was due when a half-open probe was sent, which told as much.
            Some(last) if last >= time => last.plus(interval(self.trouble, 0)),
            _ => time,
        }
    }

    /// Returns when the next probe is sent at the latest, if an account is due then.
    pub fn next_probe(&self, now: Time) -> Time {
        self.probe_time(Candidate::Failed, now)
    }

    /// Returns when a half-open probe may be sent, if one is wanted.
    fn half_open_time(&self, now: Time) -> Option<Time> {
        let HalfOpen { is_wanted, last } = self.half_open;
        is_wanted.then(|| last.map_or(now, |last| last.plus(HALF_OPEN_INTERVAL)))
    }

    /// Corrects the times of a clock that was ahead, which would hold up probes until it is that
    /// late again. Intervals then begin now.
    #[must_use]
    pub fn step_back(self, now: Time) -> OpenBreaker {
        let clamped = |series: Series| Series { last: series.last.min(now), ..series };
        OpenBreaker {
            probes: clamped(self.probes),
            fresh: clamped(self.fresh),
            half_open: HalfOpen {
                last: self.half_open.last.filter(|last| *last <= now),
                ..self.half_open
            },
            requested: match self.requested.from > now {
                true => RequestedWait { from: now, seconds: 0 },
                false => self.requested,
            },
            ..self
        }
    }

    /// Records that a probe was sent. A half-open probe does not count, and does not lengthen the
    /// interval. A regular one tells what a half-open one was wanted for.
    #[must_use]
    pub fn probed(self, account: AccountKey, candidate: Candidate, now: Time) -> OpenBreaker {
        let last_account = account;
        if self.half_open_time(now).is_some_and(|time| time <= now) {
            let half_open = HalfOpen { is_wanted: false, last: Some(now) };
            return OpenBreaker { half_open, last_account, ..self };
        }
        let half_open = HalfOpen { is_wanted: false, ..self.half_open };
        let next = |series: Series| series.probed(self.trouble, now);
        let fresh = match candidate {
            Candidate::Fresh => next(self.fresh),
            Candidate::Failed => self.fresh,
        };
        OpenBreaker { probes: next(self.probes), fresh, last_account, half_open, ..self }
    }

    /// Returns whether the next call will soon show the vendor's state, so that there is no reason
    /// for an alarm before.
    pub fn is_half_open_pending(&self) -> bool {
        self.half_open.is_wanted
    }
}

impl From<&OpenBreaker> for BreakerRow {
    fn from(open: &OpenBreaker) -> BreakerRow {
        BreakerRow {
            since: open.since,
            trouble: open.trouble as i64,
            reason: open.reason.clone(),
            opened_after: open.opened_after,
            free_probes: open.probes.free,
            paid_probes: open.probes.paid,
            probe: open.probes.last,
            fresh_free_probes: open.fresh.free,
            fresh_paid_probes: open.fresh.paid,
            fresh_probe: open.fresh.last,
            last_account: open.last_account,
            is_half_open_wanted: open.half_open.is_wanted,
            half_open: open.half_open.last,
            requested: open.requested.from,
            requested_seconds: open.requested.seconds,
        }
    }
}

impl TryFrom<Option<BreakerRow>> for Breaker {
    type Error = StoreError;

    fn try_from(row: Option<BreakerRow>) -> Result<Breaker, StoreError> {
        let Some(row) = row else { return Ok(Breaker::Closed) };
        let code = row.trouble;
        let trouble = usize::try_from(code).ok().and_then(|index| Trouble::ALL.get(index));
        Ok(Breaker::Open(OpenBreaker {
            since: row.since,
            trouble: *trouble.ok_or(StoreError::Unknown { column: "_breaker.trouble", code })?,
            reason: row.reason,
            opened_after: row.opened_after,
            probes: Series { free: row.free_probes, paid: row.paid_probes, last: row.probe },
            fresh: Series {
                free: row.fresh_free_probes,
                paid: row.fresh_paid_probes,
                last: row.fresh_probe,
            },
            last_account: row.last_account,
            half_open: HalfOpen { is_wanted: row.is_half_open_wanted, last: row.half_open },
            requested: RequestedWait { from: row.requested, seconds: row.requested_seconds },
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Time = Time(1_767_592_800);

    fn open(trouble: Trouble) -> OpenBreaker {
        Breaker::open(trouble, "why".to_owned(), AccountKey(1), RefreshId(10), NOW)
    }

    /// Returns the intervals between the probes of one candidate, each sent as early as allowed.
    fn intervals(trouble: Trouble, candidate: Candidate, count: usize) -> Vec<i64> {
        let (mut breaker, mut now) = (open(trouble), NOW);
        let mut intervals = Vec::new();
        for _ in 0..count {
            let time = breaker.probe_time(candidate, now);
            intervals.push(time.since(now));
            now = time;
            breaker = breaker.probed(AccountKey(2), candidate, now);
        }
        intervals
    }

    #[test]
    fn intervals_grow_to_an_hour_if_a_call_is_free_and_to_six_if_it_may_cost() {
        for trouble in Trouble::ALL {
            let (first, second, last) = match trouble {
                Trouble::Unknown | Trouble::Unusable | Trouble::Broken | Trouble::Clock => {
                    (60, 120, 21_600)
                }
                Trouble::Unreachable | Trouble::Unauthorised | Trouble::Busy | Trouble::Refused => {
                    (10, 20, 3600)
                }
            };
            for candidate in [Candidate::Fresh, Candidate::Failed] {
                let intervals = intervals(trouble, candidate, 40);
                assert_eq!(intervals[..2], [first, second], "{trouble:?}");
                assert_eq!(intervals[39], last, "{trouble:?}");
                assert!(intervals.is_sorted());
            }
        }
    }

    #[test]
    fn three_accounts_or_all_that_can_be_called_open_it() {
        for (troubled, has_other, opens) in [
            (1, false, true),
            (1, true, false),
            (2, false, true),
            (2, true, false),
            (3, true, true),
            (0, false, false),
        ] {
            let is_due = Breaker::is_due_to_open(troubled, has_other);
            assert_eq!(is_due, opens, "{troubled}, others: {has_other}");
        }
    }

    #[test]
    fn a_fresh_account_waits_only_for_earlier_fresh_ones() {
        let mut breaker = open(Trouble::Broken);
        let mut now = NOW;
        for _ in 0..20 {
            now = breaker.probe_time(Candidate::Failed, now);
            breaker = breaker.probed(AccountKey(2), Candidate::Failed, now);
        }
        assert_eq!(breaker.probe_time(Candidate::Failed, now).since(now), 21_600);
        assert!(breaker.probe_time(Candidate::Fresh, now) <= now);
        breaker = breaker.probed(AccountKey(3), Candidate::Fresh, now);
        assert_eq!(breaker.probe_time(Candidate::Fresh, now).since(now), 120);
    }

    #[test]
    fn probes_that_cost_nothing_do_not_lengthen_the_interval_of_those_that_may() {
        let (mut breaker, mut now) = (open(Trouble::Refused), NOW);
        let mut waits = Vec::new();
        for trouble in [Trouble::Refused, Trouble::Broken].into_iter().cycle().take(8) {
            breaker = breaker.troubled(trouble, "why".to_owned());
            let time = breaker.probe_time(Candidate::Failed, now);
            waits.push(time.since(now));
            now = time;
            breaker = breaker.probed(AccountKey(2), Candidate::Failed, now);
        }
        assert_eq!(waits, [10, 60, 20, 120, 40, 240, 80, 480]);
    }

    #[test]
    fn a_requested_wait_holds_up_regular_probes_only() {
        let breaker = open(Trouble::Broken).wait_at_least(7200, NOW);
        for candidate in [Candidate::Fresh, Candidate::Failed] {
            assert_eq!(breaker.probe_time(candidate, NOW), NOW.plus(7200));
            assert_eq!(breaker.clone().want_half_open().probe_time(candidate, NOW), NOW);
        }
        // A shorter one later does not end it, and a clock that was set back does.
        let breaker = breaker.wait_at_least(60, NOW.plus(10));
        assert_eq!(breaker.next_probe(NOW.plus(20)), NOW.plus(7200));
        let earlier = NOW.plus(-86_400);
        assert_eq!(breaker.step_back(earlier).next_probe(earlier), earlier.plus(60));
    }

    #[test]
    fn a_half_open_probe_comes_once_a_minute_and_lengthens_nothing() {
        let mut breaker = open(Trouble::Broken);
        let regular = breaker.probe_time(Candidate::Failed, NOW);
        let now = NOW.plus(5);
        breaker = breaker.want_half_open();
        assert!(breaker.is_half_open_pending());
        assert_eq!(breaker.probe_time(Candidate::Failed, now), now);
        breaker = breaker.probed(AccountKey(2), Candidate::Failed, now);
        assert!(!breaker.is_half_open_pending());
        for second in [5, 6, 7] {
            breaker = breaker.want_half_open();
            let time = breaker.probe_time(Candidate::Failed, NOW.plus(second));
            assert_eq!(time, regular.min(NOW.plus(65)), "{second}");
        }
        let probes = (breaker.probes, breaker.last_account);
        assert_eq!(probes, (Series { free: 0, paid: 0, last: NOW }, AccountKey(2)));
        assert_eq!(breaker.probe_time(Candidate::Fresh, NOW.plus(8)), regular);
        // Another minute later, but not before the regular probe.
        assert_eq!(breaker.probe_time(Candidate::Failed, NOW.plus(200)), regular);
    }

    #[test]
    fn one_probe_tells_what_a_regular_and_a_half_open_one_were_to_tell() {
        for (trouble, shortest) in [(Trouble::Broken, 60), (Trouble::Refused, 10)] {
            for candidate in [Candidate::Fresh, Candidate::Failed] {
                // A start during an outage, when the next probe has long been due.
                let now = NOW.plus(86_400);
                let breaker = open(trouble).want_half_open();
                let breaker = breaker.probed(AccountKey(2), candidate, now);
                assert_eq!(breaker.probe_time(candidate, now), now.plus(shortest));
                // A reload shortly after, which another half-open probe would have to wait for.
                let breaker =
                    breaker.want_half_open().probed(AccountKey(3), candidate, now.plus(59));
                assert!(!breaker.is_half_open_pending());
                assert_eq!(breaker.probes.count(), 1);
            }
        }
    }

    #[test]
    fn the_latest_trouble_is_its_reason_and_the_last_probe_is_remembered() {
        let breaker = open(Trouble::Unreachable).troubled(Trouble::Broken, "HTTP 500".to_owned());
        assert_eq!((breaker.trouble, breaker.reason.as_str()), (Trouble::Broken, "HTTP 500"));
        let breaker = breaker.probed(AccountKey(7), Candidate::Failed, NOW.plus(60));
        assert_eq!(breaker.last_account, AccountKey(7));
    }

    #[test]
    fn a_clock_that_stepped_back_holds_no_probe_up() {
        let early = open(Trouble::Broken).want_half_open();
        let early = early.probed(AccountKey(2), Candidate::Fresh, NOW);
        let regular = early.clone().probed(AccountKey(2), Candidate::Fresh, NOW);
        let earlier = NOW.plus(-86_400);
        let (early, regular) = (early.step_back(earlier), regular.step_back(earlier));
        assert_eq!(early.want_half_open().probe_time(Candidate::Fresh, earlier), earlier);
        // Nor when that time comes again.
        for now in [earlier, NOW] {
            for candidate in [Candidate::Fresh, Candidate::Failed] {
                assert_eq!(regular.probe_time(candidate, now), earlier.plus(120));
            }
        }
        assert_eq!(regular.clone().step_back(NOW), regular, "nothing is ahead any more");
    }

    #[test]
    fn only_a_later_call_can_close_it() {
        let breaker = open(Trouble::Refused);
        assert!(!breaker.is_probe(RefreshId(10)) && breaker.is_probe(RefreshId(11)));
    }

    proptest! {
        #[test]
        fn a_row_is_read_as_it_was_written(
            trouble in 0..Trouble::ALL.len(), steps in proptest::collection::vec((0..4_u8, 0..9999_i64), 0..20)
        ) {
            let mut breaker = open(Trouble::ALL[trouble]);
            let mut now = NOW;
            for (step, later) in steps {
                now = now.plus(later);
                breaker = match step {
                    0 => breaker.probed(AccountKey(later), Candidate::Fresh, now),
                    1 => breaker.probed(AccountKey(later), Candidate::Failed, now),
                    2 => breaker.want_half_open(),
                    _ => breaker.troubled(Trouble::ALL[(trouble + 1) % 8], "new".to_owned()),
                };
                let row = BreakerRow::from(&breaker);
                prop_assert_eq!(Breaker::try_from(Some(row)).ok(), Some(Breaker::Open(breaker.clone())));
                let Series { free, paid, .. } = breaker.probes;
                prop_assert!(breaker.fresh.free <= free && breaker.fresh.paid <= paid);
            }
        }
    }

    #[test]
    fn an_unknown_trouble_is_an_error() {
        for code in [-1, 8] {
            let row = BreakerRow { trouble: code, ..BreakerRow::from(&open(Trouble::Busy)) };
            assert!(Breaker::try_from(Some(row)).is_err());
        }
        assert_eq!(Breaker::try_from(None).ok(), Some(Breaker::Closed));
    }

    #[test]
    fn each_trouble_has_its_name() {
        let names = Trouble::ALL.map(Trouble::as_str);
        let expected = [
            "unreachable",
            "unknown",
            "unusable",
            "broken",
            "unauthorised",
            "busy",
            "refused",
            "clock",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn probes_are_counted_whatever_they_cost() {
        let mut breaker = open(Trouble::Broken);
        for (number, trouble) in [(1, Trouble::Refused), (2, Trouble::Broken), (3, Trouble::Busy)] {
            breaker = breaker.probed(AccountKey(2), Candidate::Failed, NOW.plus(86_400));
            breaker = breaker.troubled(trouble, String::new());
            assert_eq!(breaker.probes.count(), number);
        }
    }

    #[test]
    fn the_first_half_open_probe_is_known_until_it_is_sent() {
        let breaker = open(Trouble::Broken).want_half_open();
        assert!(breaker.is_unprobed_early());
        let breaker = breaker.probed(AccountKey(2), Candidate::Failed, NOW.plus(5));
        assert!(!breaker.is_unprobed_early());
    }

    #[test]
    fn a_wait_requested_in_this_second_is_kept_when_the_clock_steps_back() {
        let breaker = open(Trouble::Broken).wait_at_least(7200, NOW);
        assert_eq!(breaker.clone().step_back(NOW).next_probe(NOW), NOW.plus(7200));
        assert_eq!(breaker.step_back(NOW.plus(-1)).next_probe(NOW), NOW.plus(59));
    }
}
