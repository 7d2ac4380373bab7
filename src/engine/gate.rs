//! The limits on claiming: calls in flight, breaker, pause, pace and budget.

use std::ops::Range;

use crate::clock::{Now, Time};
use crate::engine::breaker::{Breaker, Candidate, OpenBreaker};
use crate::engine::progress::Progress;
use crate::engine::{EngineConfig, Event};
use crate::store::{ReadTx, StoreError, Wait};

/// The limits on claiming at a moment.
#[derive(Debug)]
pub(super) struct Gate {
    /// When the gate opens; `None`: not before a call completes.
    opens: Option<Now>,
    /// How many calls may be claimed at once when it is open.
    pub(super) limit: usize,
    /// How many of them may be manual.
    pub(super) manual_limit: usize,
    /// The number of calls in flight.
    in_flight: usize,
    /// The open breaker; each call is then a probe.
    pub(super) breaker: Option<OpenBreaker>,
    /// When the open breaker allows the next probe.
    probe: Option<Time>,
    /// The last pause that the vendor asked for, if it is over: its beginning and end.
    pub(super) last_pause: Option<Range<Time>>,
    /// A pause that is too long for a request to wait for.
    long_pause: Option<Wait>,
    /// Until when the budget is spent.
    spent_until: Option<Time>,
    /// Until when the manual part of the budget is spent.
    manual_until: Option<Time>,
    /// Whether it is used up by a call in flight, which may turn out to have cost nothing.
    pub(super) awaits_manual: bool,
}

impl Gate {
    pub(super) fn read(
        tx: &ReadTx<'_>,
        config: &EngineConfig,
        progress: &Progress,
        breaker: &Breaker,
        in_flight: usize,
        now: Now,
    ) -> Result<Gate, StoreError> {
        let time = now.time();
        let mut gate = Gate {
            opens: Some(now),
            limit: config.max_in_flight.saturating_sub(in_flight),
            manual_limit: usize::MAX,
            in_flight,
            breaker: breaker.as_open().cloned(),
            probe: None,
            last_pause: None,
            long_pause: None,
            spent_until: None,
            manual_until: None,
            awaits_manual: false,
        };
        if gate.limit == 0 {
            gate.opens = None;
        }
        if gate.breaker.is_some() || progress.is_clock_doubted() {
            gate.limit = gate.limit.min(1);
            if in_flight > 0 {
                gate.opens = None;
            }
        }
        if let Some(open) = &gate.breaker {
            let candidate = match tx.has_due_fresh(time)? {
                true => Candidate::Fresh,
                false => Candidate::Failed,
            };
            let probe = open.probe_time(candidate, time);
            gate.probe = Some(probe);
            gate.not_before(probe.into());
        }
        if let Some(wait) = tx.wait()? {
            gate.not_before(wait.until.into());
            gate.last_pause = (wait.until <= time).then_some(wait.from..wait.until);
            gate.long_pause = Some(wait).filter(|wait| wait.is_long(time));
        }
        if config.requests_per_minute > 0 {
            gate.limit = gate.limit.min(1);
            if let Some(last) = progress.last_claim {
                let step = 60_000 / i64::from(config.requests_per_minute);
                gate.not_before(Now(last.0.saturating_add(step)));
            }
        }
        if let Some(budget) = tx.budget_use(config.budget.as_ref(), time)? {
            let calls = |left: u64| usize::try_from(left).unwrap_or(usize::MAX);
            gate.limit = gate.limit.min(calls(budget.left()));
            gate.manual_limit = calls(budget.manual_left());
            if budget.left() == 0 {
                gate.spent_until = Some(budget.until);
                gate.not_before(budget.until.into());
            }
            if gate.manual_limit == 0 {
                gate.awaits_manual = tx.is_manual_pending()?;
                gate.manual_until = Some(budget.until).filter(|_| !gate.awaits_manual);
            }
        }
        Ok(gate)
    }

    fn not_before(&mut self, moment: Now) {
        self.opens = self.opens.map(|opens| opens.max(moment));
    }

    pub(super) fn is_open(&self, now: Now) -> bool {
        self.opens.is_some_and(|opens| opens <= now)
    }

    /// Returns when a turn has something to claim, given that something is due at `due`. `later` is
    /// when the first account falls due after now, which matters for probes.
    pub(super) fn wake(&self, due: Option<Time>, later: Option<Time>) -> Option<Now> {
        let opens = self.opens?;
        let due = due.map(|due| opens.max(due.into()));
        // An account that falls due later may be one that can be probed immediately.
        let later = later.filter(|_| self.breaker.is_some()).map(Now::from);
        due.into_iter().chain(later).min()
    }

    /// Reports, once, that the budget is spent while something waits for it. A call in flight counts
    /// as spent, and may turn out to have cost nothing.
    pub(super) fn report_spent_budget(
        &self,
        due: Option<Time>,
        now: Time,
        progress: &mut Progress,
        events: &mut Vec<Event>,
    ) {
        let is_waiting = self.in_flight == 0 && due.is_some_and(|due| due <= now);
        match self.spent_until {
            Some(until) if is_waiting && !progress.reported_spent => {
                progress.reported_spent = true;
                events.push(Event::BudgetSpent(until));
            }
            Some(_) => {}
            None => progress.reported_spent = false,
        }
    }

    /// Returns why manual refreshes are declined for the rest of the period.
    pub(super) fn manual_refusal(&self) -> Option<String> {
        let until = self.manual_until.filter(|_| self.spent_until.is_none())?;
        Some(format!("[budget] manual is spent until {until}"))
    }

    /// Returns why a request is declined whatever the calls in flight bring.
    pub(super) fn pause_refusal(&self) -> Option<String> {
        self.long_pause.as_ref().map(Wait::to_string)
    }

    /// Returns why a request is declined rather than kept waiting; the pace is no reason.
    pub(super) fn refusal(&self, now: Time) -> Option<String> {
        if let Some(until) = self.spent_until {
            return Some(format!("the budget is spent until {until}"));
        }
        let open = self.breaker.as_ref().filter(|_| self.probe > Some(now))?;
        Some(format!(
            "the vendor is in trouble; a named refresh or `add` probes it, once a minute: {}",
            open.reason
        ))
    }
}
