//! Looking up an account by its name: a paid call that returns the id and the baseline.

use crate::account::Handle;
use crate::api::{ClassifiedResponse, ResponseKind};
use crate::clock::Time;
use crate::config::Watched;
use crate::engine::Event;
use crate::engine::account_state::AccountState;
use crate::engine::breaker::Trouble;
use crate::engine::in_flight::NOBODY;
use crate::engine::meaning::{clock_reason, verdict};
use crate::engine::settling::Settling;
use crate::measurement::{Field, Profile};
use crate::store::{AccountLookup, PendingLine, StoreError, Verdict};

/// How many lookups in a row may end in trouble before the requested ones are declined. As many may
/// be in flight that could: an outage costs this many calls, however many names are requested.
pub(super) const MAX_TROUBLED: usize = 3;

/// Why a lookup is declined after as many troubles.
pub(super) const TOO_MANY_TROUBLED: &str = "not looked up, and nothing spent: three lookups in a row failed; add it again once that is over";

impl Settling<'_, '_> {
    /// Settles a lookup: its ledger line, and the snapshot in its response. A name that is not
    /// found is the requester's trouble, and says nothing about the vendor. Other troubles count for
    /// the lookups that were requested, and delay no account. A requested pause or a contradicted clock
    /// concerns every account.
    pub(super) fn settle_lookup(
        &mut self,
        line: &PendingLine,
        lookup: &AccountLookup,
        response: &ClassifiedResponse,
        arrived: Time,
    ) -> Result<(), StoreError> {
        let handle = lookup.handle.clone();
        let settled = verdict(response);
        let ResponseKind::Ok(id, measurement) = &response.kind else {
            self.tx.settle(line, None, &settled, arrived)?;
            let why = settled.error.unwrap_or_default();
            let call = Some((settled.outcome, settled.spent));
            self.events.push(Event::NotFound { handle, why: why.clone(), call });
            if !matches!(response.kind, ResponseKind::Refused | ResponseKind::Throttled { .. }) {
                self.progress.troubled_lookups += 1;
            }
            if let ResponseKind::Throttled { retry_after } = response.kind {
                self.wait(retry_after, why)?;
            }
            if let Some(seconds) = response.clock_off {
                self.vendor_troubled(NOBODY, Trouble::Clock, clock_reason(seconds), None)?;
            }
            return Ok(());
        };
        let stored = self.tx.account_by_id(id)?;
        let account = match stored {
            Some(account) => Some(account),
            None => {
                let entry = Watched { id: id.clone(), ..lookup.entry.clone() };
                let key =
                    self.tx.add_unwatched(&entry, &AccountState::unwatched().into(), arrived)?;
                self.tx.account(key)?
            }
        };
        let Some(mut account) = account else { return Ok(()) };
        let refresh = self.tx.settle(line, Some(account.key), &settled, arrived)?;
        self.apply(&mut account, line, refresh, response, arrived)?;
        let (id, followers) = (id.clone(), measurement.followers);
        let other = other_than(&handle, &measurement.profile);
        let Verdict { outcome, spent, error, .. } = settled;
        self.events.push(Event::Found { handle, id, other, followers, outcome, spent, error });
        Ok(())
    }
}

/// Returns whom a profile is of, if it is not of the account with this handle. What the vendor left out
/// is taken to be right.
fn other_than(handle: &Handle, profile: &Profile) -> Option<String> {
    let stated = |field: &Field<String>, wanted: &str| match field {
        Field::Value(value) => value.clone(),
        Field::Nothing | Field::Null => wanted.to_owned(),
    };
    let (username, platform) = (handle.username(), handle.platform().as_str());
    let found = (stated(&profile.username, username), stated(&profile.platform, platform));
    let is_same = |found: &str, wanted: &str| found.to_lowercase() == wanted.to_lowercase();
    let is_wanted = is_same(&found.0, username) && is_same(&found.1, platform);
    (!is_wanted).then(|| format!("@{} on {}", found.0, found.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Platform;

    #[test]
    fn a_profile_is_compared_with_the_handle_that_was_looked_up() {
        let handle = Handle::new("FitnessGuru", Platform::Tiktok).expect("a handle");
        let value = |text: &str| Field::Value(text.to_owned());
        for (username, platform, other) in [
            (value("fitnessguru"), value("tiktok"), None),
            (value("FITNESSGURU"), value("TikTok"), None),
            (Field::Nothing, Field::Null, None),
            (value("stranger"), Field::Nothing, Some("@stranger on tiktok")),
            (value("fitnessguru"), value("youtube"), Some("@fitnessguru on youtube")),
        ] {
            let profile = Profile { username, platform, ..Profile::default() };
            assert_eq!(other_than(&handle, &profile).as_deref(), other, "{profile:?}");
        }
    }
}
