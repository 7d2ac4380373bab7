//! What holds back the calls that are due, as told to people: an open breaker, a pause that the vendor
//! asked for, a spent budget. Read from the same rows as the limits on claiming.

use crate::clock::Time;
use crate::config::Budget;
use crate::engine::breaker::{Breaker, OpenBreaker};
use crate::store::{AccountStatus, BudgetUse, ReadTx, StoreError, Wait};

/// Something that holds back calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hold {
    /// Only probes are sent.
    Breaker,
    /// The vendor asked for a pause of all calls.
    Pause,
    Budget,
}

impl Hold {
    /// Returns the name shown in the plan.
    pub fn as_str(self) -> &'static str {
        match self {
            Hold::Breaker => "breaker",
            Hold::Pause => "pause",
            Hold::Budget => "budget",
        }
    }
}

/// Everything that may hold back calls, at a moment.
#[derive(Clone, PartialEq, Debug)]
pub struct Holds {
    pub now: Time,
    pub breaker: Option<OpenBreaker>,
    /// `None` if it is over.
    pub pause: Option<Wait>,
    /// How much of the budget is used; `None` if none is configured.
    pub budget: Option<BudgetUse>,
}

impl Holds {
    pub fn read(tx: &ReadTx<'_>, budget: Option<&Budget>, now: Time) -> Result<Holds, StoreError> {
        Ok(Holds {
            now,
            breaker: Breaker::read(tx)?.as_open().cloned(),
            pause: tx.wait()?.filter(|wait| wait.until > now),
            budget: tx.budget_use(budget, now)?,
        })
    }

    /// Returns the pause, unless it is over in a moment.
    pub fn long_pause(&self) -> Option<&Wait> {
        self.pause.as_ref().filter(|wait| wait.is_long(self.now))
    }

    /// Returns the budget, if it is used up.
    pub fn spent_budget(&self) -> Option<&BudgetUse> {
        self.budget.as_ref().filter(|budget| budget.left() == 0)
    }

    /// Returns what holds back calls for longest, and until when. Behind an open breaker, that is when
    /// the next probe is sent.
    pub fn longest(&self) -> Option<(Hold, Time)> {
        let breaker = self.breaker.as_ref();
        let breaker = breaker.map(|open| (Hold::Breaker, open.next_probe(self.now).max(self.now)));
        let pause = self.pause.as_ref().map(|wait| (Hold::Pause, wait.until));
        let budget = self.spent_budget().map(|budget| (Hold::Budget, budget.until));
        [breaker, pause, budget].into_iter().flatten().max_by_key(|(_, until)| *until)
    }

    /// Returns when something that is due at this time is called at the earliest, and what holds it back
    /// until then.
    pub fn earliest(&self, due: Time) -> (Time, Option<Hold>) {
        match self.longest() {
            Some((hold, until)) if due <= until => (until, Some(hold)),
            _ => (due, None),
        }
    }

    /// Returns when an account is called next at the earliest, and what holds it back until then; `None`
    /// if it is disabled.
    pub fn next(&self, account: &AccountStatus) -> Option<(Time, Option<Hold>)> {
        let due = account.next_due?;
        Some(if account.is_in_flight { (due, None) } else { self.earliest(due) })
    }

    /// Returns how many accounts are held back of `waiting` ones, which are due and not in flight.
    pub fn held_back<N: Default>(&self, waiting: N) -> N {
        self.longest().map_or_else(N::default, |_| waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Period;
    use crate::engine::Trouble;
    use crate::store::{AccountKey, RefreshId};

    #[test]
    fn what_lasts_longest_is_told_and_what_is_due_later_is_not_held_back() {
        let now = Time(1_767_225_600);
        let none = Holds { now, breaker: None, pause: None, budget: None };
        let pause =
            |seconds| Some(Wait { from: now, until: now.plus(seconds), reason: "x".to_owned() });
        let budget = |refreshes, spent| {
            let budget = Budget { refreshes, per: Period::Day, manual: None };
            Some(BudgetUse { budget, spent, manual_spent: 0, until: now.plus(86_400) })
        };
        // The first probe is sent after ten seconds.
        let open =
            Breaker::open(Trouble::Refused, "x".to_owned(), AccountKey(1), RefreshId(1), now);
        let breaker = Some(open);
        for (holds, expected) in [
            (none.clone(), None),
            (Holds { budget: budget(2, 1), ..none.clone() }, None),
            (Holds { budget: budget(2, 2), ..none.clone() }, Some((Hold::Budget, 86_400))),
            (Holds { pause: pause(5), ..none.clone() }, Some((Hold::Pause, 5))),
            (
                Holds { pause: pause(5), breaker: breaker.clone(), ..none.clone() },
                Some((Hold::Breaker, 10)),
            ),
            (
                Holds { pause: pause(3600), breaker, budget: budget(2, 1), ..none },
                Some((Hold::Pause, 3600)),
            ),
        ] {
            let expected = expected.map(|(hold, seconds)| (hold, now.plus(seconds)));
            assert_eq!(holds.longest(), expected);
            let (hold, until) = expected.unzip();
            for due in [now.plus(-60), until.unwrap_or(now)] {
                assert_eq!(holds.earliest(due), (until.unwrap_or(due), hold));
            }
            let later = now.plus(90_000);
            assert_eq!(holds.earliest(later), (later, None));
        }
    }

    #[test]
    fn each_hold_has_its_name() {
        let names = [Hold::Breaker, Hold::Pause, Hold::Budget].map(Hold::as_str);
        assert_eq!(names, ["breaker", "pause", "budget"]);
    }

    #[test]
    fn a_pause_of_over_a_minute_is_a_long_one() {
        let now = Time(1_767_225_600);
        for (seconds, is_long) in [(60, false), (61, false), (62, true)] {
            let pause = Some(Wait { from: now, until: now.plus(seconds), reason: String::new() });
            let holds = Holds { now, breaker: None, pause, budget: None };
            assert_eq!(holds.long_pause().is_some(), is_long, "{seconds}");
        }
    }
}
