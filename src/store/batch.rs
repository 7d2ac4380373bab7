//! Transactions, and the claims that a commit hands out.

use std::ops::Deref;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::store::StoreError;
use crate::store::ledger::Claim;

/// A read transaction: one consistent view of the database. It cannot change or claim anything.
#[derive(Debug)]
pub struct ReadTx<'store> {
    pub(super) tx: Transaction<'store>,
}

/// A transaction of the only writing connection. Dropping it without [`WriteTx::commit`] rolls it
/// back.
#[derive(Debug)]
pub struct WriteTx<'store> {
    read: ReadTx<'store>,
    pub(super) claims: Vec<Claim>,
}

/// A write transaction can also read, and sees its own changes.
impl<'store> Deref for WriteTx<'store> {
    type Target = ReadTx<'store>;

    fn deref(&self) -> &ReadTx<'store> {
        &self.read
    }
}

impl<'store> ReadTx<'store> {
    pub(super) fn begin(connection: &'store mut Connection) -> Result<ReadTx<'store>, StoreError> {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        Ok(ReadTx { tx })
    }
}

impl<'store> WriteTx<'store> {
    pub(super) fn begin(connection: &'store mut Connection) -> Result<WriteTx<'store>, StoreError> {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        Ok(WriteTx { read: ReadTx { tx }, claims: Vec::new() })
    }

    /// Commits the transaction, and returns the right to make each of its calls.
    ///
    /// # Errors
    /// If the commit fails, the transaction is rolled back, and none of its calls may be made.
    pub fn commit(self) -> Result<Vec<Claim>, StoreError> {
        self.read.tx.commit()?;
        Ok(self.claims)
    }
}
