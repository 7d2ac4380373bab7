//! A queue of due accounts, fetched in batches.

use std::collections::VecDeque;

use crate::clock::Time;
use crate::engine::in_flight::Busy;
use crate::store::{AccountKey, ReadTx, StoreError};

/// The smallest and largest batch of due accounts. A fetch sorts everything that is due. At a high
/// rate of calls, many calls share one fetch; at a low rate, batches are small, so that the order
/// stays current.
const BATCH_SIZE: (usize, usize) = (256, 65_536);

/// If a batch is used up within this many seconds, the next one is larger.
const QUICK: i64 = 60;

/// Due accounts, in the fair order as of when they were fetched. Whether an account is still due is
/// checked again when it is taken.
///
/// A new batch is fetched only when the previous one is used up. Otherwise an account that fails
/// and is soon due again would always precede those that wait, because it has been longest without
/// a snapshot.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    keys: VecDeque<AccountKey>,
    count: usize,
    fetched: Option<Time>,
}

impl Candidates {
    pub(super) fn next(
        &mut self,
        tx: &ReadTx<'_>,
        now: Time,
        busy: &Busy,
    ) -> Result<Option<AccountKey>, StoreError> {
        if self.keys.is_empty() {
            let (smallest, largest) = BATCH_SIZE;
            let was_quick = self.fetched.is_some_and(|then| (0..QUICK).contains(&now.since(then)));
            self.count = if was_quick { (self.count * 4).min(largest) } else { smallest };
            let due = tx.due(now, self.count + busy.accounts.len())?.into_iter();
            self.keys = due.filter(|key| !busy.accounts.contains(key)).collect();
            self.fetched = Some(now);
        }
        Ok(self.keys.pop_front())
    }
}
