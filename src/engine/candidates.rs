//! Whose turn it is, fetched many at a time.

use std::collections::VecDeque;

use crate::clock::Time;
use crate::store::{AccountKey, ReadTx, StoreError};

/// How many due accounts are fetched at a time, at least and at most. A fetch sorts everything
/// that is due; so where many calls are made, many share one, and where few are, the order stays
/// fresh.
const FETCHED: (usize, usize) = (256, 65_536);

/// In how many seconds a fetch is to be used up, for the next to be larger.
const SOON: i64 = 60;

/// Due accounts, in the order that was the fair one when they were fetched. Whether each is still
/// due is looked at again when its turn comes.
///
/// Each has its turn before there is another order: else one that fails, and is due again soon,
/// would stay before those that wait, since it is the longest without a snapshot.
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
    ) -> Result<Option<AccountKey>, StoreError> {
        if self.keys.is_empty() {
            let (least, most) = FETCHED;
            let is_soon = self.fetched.is_some_and(|then| (0..SOON).contains(&now.since(then)));
            self.count = if is_soon { (self.count * 4).min(most) } else { least };
            self.keys = tx.due(now, self.count)?.into();
            self.fetched = Some(now);
        }
        Ok(self.keys.pop_front())
    }
}
