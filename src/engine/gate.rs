//! The gate: what stands between a due account and its call.

use crate::budget::Days1970;
use crate::clock::{Now, Time};
use crate::engine::consequence::probe_distance;
use crate::engine::{EngineConfig, Event, Progress};
use crate::store::{Pause, ReadTx, StoreError, Wait};

/// What stands between a due account and its call.
#[derive(Debug)]
pub(super) struct Gate {
    /// When it opens; `None`: not before a call comes back.
    opens: Option<Now>,
    /// How many may pass at once when it is open.
    pub(super) limit: usize,
    /// The pause there is; whoever passes is its probe.
    pub(super) pause: Option<Pause>,
    /// Until when the budget is spent.
    spent_until: Option<Time>,
}

impl Gate {
    pub(super) fn read(
        batch: &ReadTx<'_>,
        terms: &EngineConfig,
        progress: &Progress,
        in_flight: usize,
        now: Now,
    ) -> Result<Gate, StoreError> {
        let time = now.time();
        let mut gate = Gate {
            opens: Some(now),
            limit: terms.max_in_flight.saturating_sub(in_flight),
            pause: batch.pause()?,
            spent_until: None,
        };
        if gate.limit == 0 {
            gate.opens = None;
        }
        if let Some(pause) = &gate.pause {
            gate.limit = gate.limit.min(1);
            // A probe further off than its distance was set by a clock that has stepped back.
            let distance = probe_distance(pause.kind, pause.probes);
            let is_now = progress.probe_now || pause.probe.since(time) > distance;
            match in_flight {
                0 if is_now => {}
                0 => gate.not_before(pause.probe.into()),
                _ => gate.opens = None,
            }
        }
        if let Some(Wait { until, .. }) = batch.wait()?
            && until.since(time) <= terms.retry.max_delay
        {
            gate.not_before(until.into());
        }
        if terms.requests_per_minute > 0 {
            gate.limit = gate.limit.min(1);
            if let Some(last) = progress.last_claim {
                let step = 60_000 / i64::from(terms.requests_per_minute);
                gate.not_before(Now(last.0.saturating_add(step)));
            }
        }
        if let Some(budget) = &terms.budget {
            let Days1970 { from, to } = budget.period(time);
            let room = budget.room(batch.spent(from, to)?);
            gate.limit = gate.limit.min(usize::try_from(room).unwrap_or(usize::MAX));
            if room == 0 {
                let end = budget.period(time).end();
                gate.spent_until = Some(end);
                gate.not_before(end.into());
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

    /// Whether it opens without a call that comes back.
    pub(super) fn opens_by_itself(&self) -> bool {
        self.opens.is_some()
    }

    /// When a turn has something to claim, if something is due at `due`.
    pub(super) fn wake(&self, due: Option<Time>) -> Option<Now> {
        Some(self.opens?.max(due?.into()))
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

    /// Why a person's wish is not even kept waiting.
    pub(super) fn refusal(&self) -> Option<String> {
        if let Some(until) = self.spent_until {
            return Some(format!("the budget is spent until {until}"));
        }
        self.pause.as_ref().map(|pause| format!("paused: {}", pause.reason))
    }
}
