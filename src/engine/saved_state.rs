//! What an account owes, as it is saved: in its row, and as it was before the present run of troubles,
//! which an open breaker restores.

use crate::engine::account_state::AccountState;
use crate::schedule::SlotWindow;
use crate::store::{Account, AccountKey, BeforeTrouble, FailureRow, StoreError, WriteTx};

/// Returns the copy to be restored.
pub(super) fn before_trouble(account: &Account) -> BeforeTrouble {
    let FailureRow { own: own_failure, is_failing, .. } = account.failure;
    BeforeTrouble { account: account.key, state: account.state, own_failure, is_failing }
}

/// Restores what the account owed before a run of troubles, and whether it was failing.
pub(super) fn restore_state(account: &mut Account, before: &BeforeTrouble) {
    account.state = before.state;
    account.failure.own = before.own_failure;
    account.failure.is_failing = before.is_failing;
}

/// Writes what an account owes into its row, with the interval of the slot concerned.
pub(super) fn set_state(account: &mut Account, state: AccountState, window: SlotWindow) {
    account.state = state.into();
    account.interval = match state {
        AccountState::Settled { .. } => window.next_interval(),
        AccountState::Baseline { .. } | AccountState::Open { .. } | AccountState::Unwatched(_) => {
            window.interval()
        }
    };
}

/// Applies a change to the state that an open breaker would restore. An edit, an absence and a
/// replaced slot change what the account owes, but are no ok: the account stays in the run of
/// troubles.
pub(super) fn change_before_trouble(
    tx: &WriteTx<'_>,
    account: AccountKey,
    change: impl FnOnce(AccountState) -> AccountState,
) -> Result<(), StoreError> {
    let Some(before) = tx.troubled_account(account)? else { return Ok(()) };
    let state = change(AccountState::try_from(before.state)?).into();
    tx.replace_troubled(&BeforeTrouble { state, ..before })
}
