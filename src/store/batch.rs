//! One transaction, and the proofs that it gives out.

use std::ops::Deref;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::store::StoreError;
use crate::store::ledger::Claim;

/// One consistent look at the database. It cannot change anything, and so cannot claim.
#[derive(Debug)]
pub struct ReadTx<'store> {
    pub(super) tx: Transaction<'store>,
}

/// A transaction of the one writing connection. Dropped without [`WriteTx::commit`], it leaves
/// nothing behind.
#[derive(Debug)]
pub struct WriteTx<'store> {
    read: ReadTx<'store>,
    pub(super) claims: Vec<Claim>,
}

/// What can be read can be read before it is committed, too.
impl<'store> Deref for WriteTx<'store> {
    type Target = ReadTx<'store>;

    fn deref(&self) -> &ReadTx<'store> {
        &self.read
    }
}

impl<'store> ReadTx<'store> {
    pub(super) fn begin(connection: &'store mut Connection) -> Result<ReadTx<'store>, StoreError> {
        // It waits for no writer.
        let tx = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        Ok(ReadTx { tx })
    }
}

impl<'store> WriteTx<'store> {
    pub(super) fn begin(connection: &'store mut Connection) -> Result<WriteTx<'store>, StoreError> {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        Ok(WriteTx { read: ReadTx { tx }, claims: Vec::new() })
    }

    /// Makes everything of this batch last, and hands out the rights to make its calls.
    ///
    /// # Errors
    /// What SQLite says; then nothing of the batch happened, and no call may be made.
    pub fn commit(self) -> Result<Vec<Claim>, StoreError> {
        self.read.tx.commit()?;
        Ok(self.claims)
    }
}
