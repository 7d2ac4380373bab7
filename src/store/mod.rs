//! The SQLite file: the ledger, the history, and every account's state.
//!
//! # Responsibility
//! [`Store`] owns the only connection that writes. Every change is made in a [`WriteTx`], which is
//! one transaction. A call may be sent only after the transaction that claimed it has been
//! committed; the type [`Claim`] is the proof of that.
//!
//! # Locking
//! The store holds a lock on the file itself for as long as it is open, so a database has at most
//! one writing growthd, whatever name the file is opened by. Readers need no lock (WAL). The WAL
//! file is kept after a clean stop, because without it a reader that cannot write to the folder
//! cannot open the database.
//!
//! # Compatibility
//! Tables begin with `_` and are private. The views are the interface and only ever grow. They hold
//! no data, and are recreated whenever their SQL differs from this version's. Tables are changed by
//! numbered steps, which are appended and never edited once released; the file is copied before the
//! first missing step is applied.
//!
//! # Durability
//! `synchronous=FULL`: a committed line survives a power cut. Each turn of the engine commits once,
//! so everything that it settles and claims shares the cost of one commit.

mod account;
mod account_growth;
mod backup;
mod batch;
mod boundaries;
mod breaker;
mod budget_use;
mod disk;
mod due;
mod error;
mod events;
mod export;
mod file_lock;
mod history;
mod import;
mod last_backup;
mod ledger;
mod ledger_line;
mod open;
mod open_reader;
mod others;
mod overview;
mod ownership;
mod rate;
mod read;
mod report_account;
mod schema;
mod snapshot;
mod sql_types;
mod suspicion;
mod upgrade;
mod wal;
mod watchlist;

pub use account::{Account, FailureRow, StateRow, TRUSTED_RESTORES};
pub use account_growth::{AccountGrowth, percent};
pub use batch::{ReadTx, WriteTx};
pub use boundaries::{Boundary, Calendar};
pub use breaker::{BeforeTrouble, BreakerRow, Wait};
pub use budget_use::BudgetUse;
pub use disk::{disk_trouble, free_space, full_disk};
pub use error::StoreError;
pub use events::{EventPeriod, Milestone, ProfileChange, SilentAccount, Unusual};
pub use export::{Query, Rows, Unsupported};
pub use history::{AccountRef, Change, Gap, Point, UnknownName};
pub use import::{FirstSnapshots, OlderHistory};
pub use last_backup::LastBackup;
pub use ledger::{
    AccountKey, AccountLookup, CallTarget, Cause, Claim, Outcome, PendingLine, RefreshId,
};
pub use ledger_line::{LeftPending, Verdict};
pub use open::{Creation, Store};
pub use overview::{Attention, Overview};
pub use read::{AccountStatus, Extent, Reader, Totals, is_in_use};
pub use report_account::{DailySpend, Reading, ReportAccount, Suspect};
pub use schema::SCHEMA_VERSION;
pub use suspicion::Suspicion;
pub use wal::{has_journal, wal_size};
pub use watchlist::{StoredEntry, WatchlistDiff};
