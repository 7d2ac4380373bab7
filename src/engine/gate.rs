//! The gate: what stands between a due account and its call.

use crate::clock::{Now, Time};
use crate::engine::breaker::{Breaker, Candidate, OpenBreaker};
use crate::engine::progress::Progress;
use crate::engine::{EngineConfig, Event};
use crate::store::{ReadTx, StoreError, Wait};

/// What stands between a due account and its call.
#[derive(Debug)]
pub(super) struct Gate {
    /// When it opens; `None`: not before a call comes back.
    opens: Option<Now>,
    /// How many may pass at once when it is open.
    pub(super) limit: usize,
    /// How many of them may be what people asked for.
    pub(super) manual_limit: usize,
    /// The open breaker; whoever passes is its probe.
    pub(super) breaker: Option<OpenBreaker>,
    /// Until when the budget is spent.
    spent_until: Option<Time>,
    /// Until when people's part of the budget is spent.
    manual_until: Option<Time>,
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
            breaker: breaker.as_open().cloned(),
            spent_until: None,
            manual_until: None,
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
            let candidate = match tx.due_fresh(time, 1)?.is_empty() {
                false => Candidate::Fresh,
                true => Candidate::Failed,
            };
            let probe = open.probe_time(candidate, time);
            gate.not_before(probe.into());
        }
        if let Some(Wait { until, .. }) = tx.wait()? {
            gate.not_before(until.into());
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
                gate.manual_until = Some(budget.until);
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

    /// When a turn has something to claim, if something is due at `due`, and (for a probe) first
    /// falls due after now at `later`.
    pub(super) fn wake(&self, due: Option<Time>, later: Option<Time>) -> Option<Now> {
        let opens = self.opens?;
        let due = due.map(|due| opens.max(due.into()));
        // Whoever falls due later may be one that can be asked at once.
        let later = later.filter(|_| self.breaker.is_some()).map(Now::from);
        due.into_iter().chain(later).min()
    }

    /// Says once that the budget is spent while something waits for it.
    pub(super) fn tell(
        &self,
        due: Option<Time>,
        now: Time,
        progress: &mut Progress,
        events: &mut Vec<Event>,
    ) {
        let waits = due.is_some_and(|due| due <= now);
        match self.spent_until {
            Some(until) if waits && !progress.said_spent => {
                progress.said_spent = true;
                events.push(Event::BudgetSpent(until));
            }
            Some(_) => {}
            None => progress.said_spent = false,
        }
    }

    /// Why nothing more is done in this period of what people ask for beside the schedule.
    pub(super) fn manual_refusal(&self) -> Option<String> {
        let until = self.manual_until.filter(|_| self.spent_until.is_none())?;
        Some(format!("[budget] manual is spent until {until}"))
    }

    /// Why what a person asks for is not even kept waiting.
    pub(super) fn refusal(&self) -> Option<String> {
        if let Some(until) = self.spent_until {
            return Some(format!("the budget is spent until {until}"));
        }
        let open = self.breaker.as_ref()?;
        Some(format!("only probes are sent: {}", open.reason))
    }
}
