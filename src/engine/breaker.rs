//! The circuit breaker before the vendor: a state machine on one page, pure.
//!
//! *Closed*, calls pass. When the last settled calls, without an ok between them, are troubles of
//! three different accounts (or of all there are to ask), the trouble is the vendor's, whatever
//! its shape: the breaker *opens*, and only probes are sent, one call at a time, at
//! growing distance. An ok closes it. *Half-open*, one probe leaves at once: after a start, a
//! reload, a clock that was set, and for a person's request; at most one a minute.
//!
//! Two series of probes are told apart. An account that failed since its last ok has said what it
//! can say, and is asked again at the distance of all probes so far. A *fresh* one, which did not
//! fail, says something new, and waits only for the probes of fresh accounts before it: so three
//! dead accounts at the end of a list do not hold up the whole list a week later.

use crate::clock::Time;
use crate::store::{AccountKey, BreakerRow, ReadTx, RefreshId, StoreError};

/// Troubles of so many different accounts in a row are the vendor's.
pub const ACCOUNTS: usize = 3;

/// The least distance between two half-open probes, in seconds.
const HALF_OPEN: i64 = 60;

/// The first and the longest distance between probes, in seconds, where a failed call is free.
const FREE: (i64, i64) = (10, 3600);

/// The same where a failed call may cost a credit.
const PAID: (i64, i64) = (60, 6 * 3600);

/// What is wrong with an answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Trouble {
    /// Nothing could be sent.
    Unreachable,
    /// The fate of the call is unknown.
    Unknown,
    /// A success that cannot be used.
    Unusable,
    /// The vendor's server failed.
    Broken,
    /// The key, the credits or the subscription are refused.
    Unauthorised,
    /// The same request may be right later.
    Busy,
    /// The request is refused.
    Refused,
    /// The answer's date contradicts our clock.
    Clock,
}

impl Trouble {
    /// All of them; a trouble's place here is its code in the database.
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

    /// Its name in the status and the metrics.
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

    /// Whether a call that ends so may have cost a credit.
    fn may_cost(self) -> bool {
        match self {
            Trouble::Unknown | Trouble::Unusable | Trouble::Broken | Trouble::Clock => true,
            Trouble::Unreachable | Trouble::Unauthorised | Trouble::Busy | Trouble::Refused => {
                false
            }
        }
    }
}

/// The distance before the probe after `probes` failed ones, in seconds.
fn distance(trouble: Trouble, probes: u32) -> i64 {
    let (first, longest) = if trouble.may_cost() { PAID } else { FREE };
    first.saturating_mul(1 << probes.min(20)).min(longest)
}

/// Whether the vendor is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Breaker {
    Closed,
    /// Nobody is, but by probes.
    Open(OpenBreaker),
}

/// Why nobody is asked, and what is known since.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenBreaker {
    pub since: Time,
    pub trouble: Trouble,
    /// For a person: the latest error, and what to do.
    pub reason: String,
    /// The newest call when it opened: only later ones can close it.
    pub opened_after: RefreshId,
    /// The probes of any account, and when the last left (when it opened, if none did).
    pub probes: Series,
    /// Those of accounts that had not failed since their last ok.
    pub fresh: Series,
    /// Who was asked last.
    pub last_account: AccountKey,
    /// Whether a probe may leave before its time.
    pub half_open: HalfOpen,
}

/// How many probes left, and when the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Series {
    pub count: u32,
    /// When the last left; when the breaker opened, if none did.
    pub last: Time,
}

/// Whether a probe may leave before its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HalfOpen {
    /// Whether there is a reason: a start, a reload, a clock that was set, a person's request.
    pub is_wanted: bool,
    /// When the last such probe left.
    pub last: Option<Time>,
}

/// Whether an account has failed since its last ok.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Candidate {
    /// It has not: its answer says something new.
    Fresh,
    Failed,
}

impl Breaker {
    /// What the database says.
    ///
    /// # Errors
    /// The store's.
    pub fn read(tx: &ReadTx<'_>) -> Result<Breaker, StoreError> {
        tx.breaker()?.try_into()
    }

    /// Nobody is asked from now on. `newest` is the newest call that has left.
    pub fn open(
        trouble: Trouble,
        reason: String,
        account: AccountKey,
        newest: RefreshId,
        now: Time,
    ) -> OpenBreaker {
        let none = Series { count: 0, last: now };
        OpenBreaker {
            since: now,
            trouble,
            reason,
            opened_after: newest,
            probes: none,
            fresh: none,
            last_account: account,
            half_open: HalfOpen { is_wanted: false, last: None },
        }
    }

    /// Whether troubles of `troubled` accounts in a row, of `askable` there are to ask, are the
    /// vendor's.
    pub fn is_due_to_open(troubled: usize, askable: usize) -> bool {
        troubled >= ACCOUNTS.min(askable.max(1))
    }

    /// What is known while it is open.
    pub fn as_open(&self) -> Option<&OpenBreaker> {
        match self {
            Breaker::Open(open) => Some(open),
            Breaker::Closed => None,
        }
    }
}

impl OpenBreaker {
    /// Whether the end of the call `refresh` says anything about the vendor now.
    pub fn is_probe(&self, refresh: RefreshId) -> bool {
        refresh > self.opened_after
    }

    /// A call ended in trouble while it is open: that is the latest reason.
    #[must_use]
    pub fn troubled(self, trouble: Trouble, reason: String) -> OpenBreaker {
        OpenBreaker { trouble, reason, ..self }
    }

    /// A start, a reload, a clock that was set, or a person's request: the next call may tell.
    #[must_use]
    pub fn want_half_open(self) -> OpenBreaker {
        OpenBreaker { half_open: HalfOpen { is_wanted: true, ..self.half_open }, ..self }
    }

    /// When a probe of such an account may leave, in seconds since 1970. A time in the future of
    /// a clock that has stepped back since holds nothing up.
    pub fn probe_time(&self, candidate: Candidate, now: Time) -> Time {
        let series = match candidate {
            Candidate::Fresh => self.fresh,
            Candidate::Failed => self.probes,
        };
        let by_distance = match series.last > now {
            true => now,
            false => series.last.plus(distance(self.trouble, series.count)),
        };
        match self.half_open_time(now) {
            Some(half_open) => by_distance.min(half_open),
            None => by_distance,
        }
    }

    /// When the next probe leaves at the latest, if anybody is due then.
    pub fn next_probe(&self, now: Time) -> Time {
        self.probe_time(Candidate::Failed, now)
    }

    /// When a half-open probe may leave, if one is wanted.
    fn half_open_time(&self, now: Time) -> Option<Time> {
        let HalfOpen { is_wanted, last } = self.half_open;
        let last = last.filter(|last| *last <= now);
        is_wanted.then(|| last.map_or(now, |last| last.plus(HALF_OPEN)))
    }

    /// A probe left. A half-open one neither counts nor lengthens the distance.
    #[must_use]
    pub fn probed(self, account: AccountKey, candidate: Candidate, now: Time) -> OpenBreaker {
        let last_account = account;
        if self.half_open_time(now).is_some_and(|time| time <= now) {
            let half_open = HalfOpen { is_wanted: false, last: Some(now) };
            return OpenBreaker { half_open, last_account, ..self };
        }
        let next = |series: Series| Series { count: series.count.saturating_add(1), last: now };
        let fresh = match candidate {
            Candidate::Fresh => next(self.fresh),
            Candidate::Failed => self.fresh,
        };
        OpenBreaker { probes: next(self.probes), fresh, last_account, ..self }
    }

    /// Whether the next call will tell, soon: there is nothing to alarm anybody about before.
    pub fn is_about_to_tell(&self) -> bool {
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
            probes: open.probes.count,
            probe: open.probes.last,
            fresh_probes: open.fresh.count,
            fresh_probe: open.fresh.last,
            last_account: open.last_account,
            is_half_open_wanted: open.half_open.is_wanted,
            half_open: open.half_open.last,
        }
    }
}

impl TryFrom<Option<BreakerRow>> for Breaker {
    type Error = StoreError;

    fn try_from(row: Option<BreakerRow>) -> Result<Breaker, StoreError> {
        let Some(row) = row else { return Ok(Breaker::Closed) };
        let code = row.trouble;
        let trouble = usize::try_from(code).ok().and_then(|place| Trouble::ALL.get(place));
        Ok(Breaker::Open(OpenBreaker {
            since: row.since,
            trouble: *trouble.ok_or(StoreError::Unknown { column: "_breaker.trouble", code })?,
            reason: row.reason,
            opened_after: row.opened_after,
            probes: Series { count: row.probes, last: row.probe },
            fresh: Series { count: row.fresh_probes, last: row.fresh_probe },
            last_account: row.last_account,
            half_open: HalfOpen { is_wanted: row.is_half_open_wanted, last: row.half_open },
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

    /// The distances between the probes of one candidate, each sent as soon as it may be.
    fn distances(trouble: Trouble, candidate: Candidate, count: usize) -> Vec<i64> {
        let (mut breaker, mut now) = (open(trouble), NOW);
        let mut distances = Vec::new();
        for _ in 0..count {
            let time = breaker.probe_time(candidate, now);
            distances.push(time.since(now));
            now = time;
            breaker = breaker.probed(AccountKey(2), candidate, now);
        }
        distances
    }

    #[test]
    fn distances_grow_to_an_hour_where_a_call_is_free_and_to_six_where_it_may_cost() {
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
                let distances = distances(trouble, candidate, 40);
                assert_eq!(distances[..2], [first, second], "{trouble:?}");
                assert_eq!(distances[39], last, "{trouble:?}");
                assert!(distances.is_sorted());
            }
        }
    }

    #[test]
    fn three_accounts_or_all_there_are_open_it() {
        for (troubled, askable, opens) in
            [(1, 1, true), (1, 2, false), (2, 2, true), (2, 3, false), (3, 3, true), (1, 0, true)]
        {
            assert_eq!(
                Breaker::is_due_to_open(troubled, askable),
                opens,
                "{troubled} of {askable}"
            );
        }
    }

    #[test]
    fn a_fresh_account_waits_only_for_fresh_ones_before_it() {
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
    fn a_half_open_probe_comes_once_a_minute_and_lengthens_nothing() {
        let mut breaker = open(Trouble::Broken);
        let regular = breaker.probe_time(Candidate::Failed, NOW);
        let now = NOW.plus(5);
        breaker = breaker.want_half_open();
        assert!(breaker.is_about_to_tell());
        assert_eq!(breaker.probe_time(Candidate::Failed, now), now);
        breaker = breaker.probed(AccountKey(2), Candidate::Failed, now);
        assert!(!breaker.is_about_to_tell());
        for second in [5, 6, 7] {
            breaker = breaker.want_half_open();
            let time = breaker.probe_time(Candidate::Failed, NOW.plus(second));
            assert_eq!(time, regular.min(NOW.plus(65)), "{second}");
        }
        let probes = (breaker.probes.count, breaker.probes.last, breaker.last_account);
        assert_eq!(probes, (0, NOW, AccountKey(2)));
        assert_eq!(breaker.probe_time(Candidate::Fresh, NOW.plus(8)), regular);
        // Not before the regular one, a minute later again.
        assert_eq!(breaker.probe_time(Candidate::Failed, NOW.plus(200)), regular);
    }

    #[test]
    fn a_clock_that_stepped_back_holds_no_probe_up() {
        let breaker = open(Trouble::Broken).want_half_open();
        let breaker = breaker.probed(AccountKey(2), Candidate::Fresh, NOW);
        let earlier = NOW.plus(-1000);
        assert_eq!(breaker.probe_time(Candidate::Failed, earlier), earlier);
        assert_eq!(breaker.clone().want_half_open().probe_time(Candidate::Fresh, earlier), earlier);
    }

    #[test]
    fn only_a_call_that_left_later_can_close_it() {
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
                prop_assert!(breaker.fresh.count <= breaker.probes.count);
            }
        }
    }

    #[test]
    fn a_trouble_that_is_not_known_is_an_error() {
        for code in [-1, 8] {
            let row = BreakerRow { trouble: code, ..BreakerRow::from(&open(Trouble::Busy)) };
            assert!(Breaker::try_from(Some(row)).is_err());
        }
        assert_eq!(Breaker::try_from(None).ok(), Some(Breaker::Closed));
    }
}
