//! Granting: what people and commands request is called, declined, or kept waiting for the limits.

use crate::engine::breaker::{Breaker, Candidate, OpenBreaker};
use crate::engine::claiming::{Allowance, Claiming, Considered, MAX_CONSIDERED};
use crate::engine::gate::Gate;
use crate::engine::in_flight::NOBODY;
use crate::engine::lookup::{MAX_TROUBLED, TOO_MANY_TROUBLED};
use crate::engine::requests::{RefreshRequest, RequestQueue};
use crate::engine::{ClaimMode, Event, NOT_IN_WATCHLIST};
use crate::store::{AccountLookup, Cause, StoreError};

impl Claiming<'_, '_> {
    /// Returns how many more calls requests may have in flight. A call takes as long as the vendor
    /// needs, so one place is kept for a slot that falls due meanwhile.
    pub(super) fn room_for_requests(&self) -> usize {
        let most = self.config.max_in_flight;
        let kept = usize::from(self.mode == ClaimMode::Due && most > 1);
        most.saturating_sub(self.busy.calls + kept)
    }

    /// Returns whether the request cannot be granted before a call in flight has ended.
    pub(super) fn awaits_call(&self, request: &RefreshRequest, gate: &Gate) -> bool {
        let is_manual = !matches!(request, RefreshRequest::OpenSlot(_));
        let is_lookup = matches!(request, RefreshRequest::Lookup(_));
        self.room_for_requests() == 0
            || (is_manual && gate.awaits_manual)
            || (is_lookup && self.awaits_lookups())
    }

    /// Returns whether the account and the manual budget of one of the first requests allow a call.
    /// Only such a request justifies probing the vendor early. What the schedule owes does so once: it
    /// may be requested by a timer, again and again, rather than by a person who knows more.
    pub(super) fn is_grantable(
        &self,
        requests: &RequestQueue,
        gate: &Gate,
    ) -> Result<bool, StoreError> {
        let is_affordable = gate.manual_limit > 0;
        let is_first = gate.breaker.as_ref().is_some_and(OpenBreaker::is_unprobed_early);
        let is_watched = |id| {
            let account = self.tx.account_by_id(id)?;
            Ok::<_, StoreError>(account.is_some_and(|account| account.is_watched()))
        };
        for request in requests.iter().take(MAX_CONSIDERED) {
            let is_grantable = match request {
                RefreshRequest::Lookup(lookup) => {
                    is_affordable && self.tx.find_handle(&lookup.handle)?.is_none()
                }
                RefreshRequest::Now(id) => is_affordable && is_watched(id)?,
                RefreshRequest::OpenSlot(id) => is_first && is_watched(id)?,
            };
            if is_grantable {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Allows an early probe in this turn only. If the request cannot be granted now, it is
    /// declined.
    pub(super) fn want_half_open(&mut self) {
        if let Breaker::Open(open) = &self.breaker
            && !open.half_open.is_wanted
        {
            *self.breaker = Breaker::Open(open.clone().want_half_open());
        }
    }

    /// Handles a request, and returns whether it is done. It is not if it has to wait for the
    /// limits.
    pub(super) fn grant(
        &mut self,
        request: &RefreshRequest,
        gate: &Gate,
        allowance: &mut Allowance,
    ) -> Result<bool, StoreError> {
        let (id, is_open_slot) = match request {
            RefreshRequest::Lookup(lookup) => return self.grant_lookup(lookup, gate, allowance),
            RefreshRequest::Now(id) => (id, false),
            RefreshRequest::OpenSlot(id) => (id, true),
        };
        let decline = |why: String| Event::Declined { id: id.clone(), why };
        let Some(mut account) = self.tx.account_by_id(id)? else {
            self.events.push(decline(NOT_IN_WATCHLIST.to_owned()));
            return Ok(true);
        };
        if !account.is_watched() {
            let why = "it is disabled in the watchlist, or not in it as last read";
            self.events.push(decline(why.to_owned()));
            return Ok(true);
        }
        // A call for an open slot counts as scheduled, whoever requests it.
        let is_manual = !is_open_slot;
        if allowance.calls == 0 || (is_manual && allowance.manual == 0) {
            let refusal = self.refusal(gate, is_manual);
            let is_refused = refusal.is_some();
            self.events.extend(refusal.map(decline));
            return Ok(is_refused);
        }
        if is_manual {
            let window = account.window(self.schedules, self.now.time());
            let mut due = self.due(&account, window)?;
            self.replace(&mut account, &mut due)?;
            let is_called =
                self.call(&account, Cause::Manual, None, window.interval(), allowance)?;
            allowance.manual -= usize::from(is_called);
            return Ok(true);
        }
        let not_needed = |why: &str| Event::NotNeeded { id: id.clone(), why: why.to_owned() };
        let event = match self.consider(account.key, gate, allowance)? {
            Considered::Called => return Ok(true),
            Considered::Skipped(why) => not_needed(why),
            Considered::NothingOwed => not_needed("nothing is owed"),
            Considered::Left => {
                let why = "it waits until a response confirms the clock, which is in doubt";
                decline(why.to_owned())
            }
        };
        self.events.push(event);
        Ok(true)
    }

    /// Claims a lookup, unless the account is known or the limits do not allow it.
    fn grant_lookup(
        &mut self,
        lookup: &AccountLookup,
        gate: &Gate,
        allowance: &mut Allowance,
    ) -> Result<bool, StoreError> {
        let handle = lookup.handle.clone();
        // An account that was ever refreshed is known by its id, which costs nothing.
        if let Some(id) = self.tx.find_handle(&handle)? {
            self.events.push(Event::Known { handle, id });
            return Ok(true);
        }
        if self.progress.troubled_lookups >= MAX_TROUBLED {
            let why = TOO_MANY_TROUBLED.to_owned();
            self.events.push(Event::NotFound { handle, why, call: None });
            return Ok(true);
        }
        if allowance.calls > 0 && self.awaits_lookups() {
            return Ok(false);
        }
        if allowance.calls == 0 || allowance.manual == 0 {
            let refusal = self.refusal(gate, true);
            let is_refused = refusal.is_some();
            self.events.extend(refusal.map(|why| Event::NotFound { handle, why, call: None }));
            return Ok(is_refused);
        }
        self.tx.claim_lookup(lookup, self.now.time())?;
        allowance.manual -= 1;
        self.record_claim(NOBODY, Candidate::Fresh, allowance).map(|()| true)
    }

    /// Returns whether another lookup has to wait for the results of those in flight.
    fn awaits_lookups(&self) -> bool {
        self.progress.troubled_lookups + self.busy.lookups >= MAX_TROUBLED
    }

    /// Returns why a request is declined rather than kept waiting; `None` if the limits may soon
    /// allow it.
    fn refusal(&self, gate: &Gate, is_manual: bool) -> Option<String> {
        let is_blocked = !gate.is_open(self.now) && self.busy.calls == 0;
        let blocked = || gate.refusal(self.now.time()).filter(|_| is_blocked);
        let manual = gate.manual_refusal().filter(|_| is_manual);
        manual.or_else(|| gate.pause_refusal()).or_else(blocked)
    }
}
