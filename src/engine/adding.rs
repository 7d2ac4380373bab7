//! Adding somebody known by name: one paid call that tells the id and is the baseline too.

use crate::api::{ClassifiedResponse, ResponseKind};
use crate::config::Watched;
use crate::engine::claiming::Claiming;
use crate::engine::gate::Gate;
use crate::engine::settling::{NOBODY, Settling, verdict};
use crate::engine::{AccountLookup, Event};
use crate::store::{Account, StoreError};

impl Claiming<'_, '_> {
    /// Claims the call, unless the name is known or there is no room. Answers whether the wish
    /// is dealt with.
    pub(super) fn grant_newcomer(
        &mut self,
        newcomer: &AccountLookup,
        gate: &Gate,
        room: &mut usize,
    ) -> Result<bool, StoreError> {
        let handle = newcomer.handle.clone();
        // Whoever was ever refreshed is known by id: that costs nothing.
        if let Some((id, is_watched)) = self.batch.find_handle(&handle)? {
            self.events.push(Event::Found { handle, id, followers: None, is_watched, call: None });
            return Ok(true);
        }
        if *room == 0 {
            let refusal = self.refusal(gate);
            let is_refused = refusal.is_some();
            self.events.extend(refusal.map(|why| Event::NotFound { handle, why, call: None }));
            return Ok(is_refused);
        }
        self.batch.claim_newcomer(newcomer, self.now.time())?;
        self.called(NOBODY, gate, room)?;
        Ok(true)
    }
}

impl Settling<'_, '_> {
    /// Settles a look-up by name: its ledger line, and the snapshot that it is.
    pub(super) fn settle_newcomer(
        mut self,
        newcomer: &AccountLookup,
        heard: &ClassifiedResponse,
    ) -> Result<bool, StoreError> {
        let pause = self.batch.pause()?;
        let follows = self.follows(heard, None, pause.as_ref())?;
        let handle = newcomer.handle.clone();
        let ResponseKind::Measured(id, told) = &heard.reply else {
            let verdict = verdict(heard);
            self.batch.settle(self.claim, None, &verdict, self.arrived)?;
            let call = Some((verdict.outcome, verdict.spent));
            let why = heard.error.clone().unwrap_or_default();
            self.events.push(Event::NotFound { handle, why, call });
            return self.stop_or_go_on(NOBODY, pause, follows);
        };
        let known = self.batch.account_by_id(id)?;
        let is_watched = known.as_ref().is_some_and(Account::is_watched);
        let account = match known {
            Some(account) => account,
            None => {
                let entry = Watched { id: id.clone(), ..newcomer.entry.clone() };
                let key = self.batch.add_unwatched(&entry, self.arrived)?;
                match self.batch.account(key)? {
                    Some(account) => account,
                    None => return Ok(false),
                }
            }
        };
        let verdict = verdict(heard);
        let refresh = self.batch.settle(self.claim, Some(account.key), &verdict, self.arrived)?;
        self.keep(&account, refresh, told, heard.clock_off.is_some())?;
        let standing = self.standing(&account, refresh, heard, &follows)?;
        self.batch.save(account.key, &standing)?;
        let (id, followers) = (id.clone(), told.followers);
        let call = Some((verdict.outcome, verdict.spent));
        self.events.push(Event::Found { handle, id, followers, is_watched, call });
        self.stop_or_go_on(account.key, pause, follows)
    }
}
