//! The SQLite file: the ledger, the history, and where every account stands.
//!
//! # Responsibility
//! [`Store`] owns the one connection that writes. Every change is made in a [`WriteTx`], which is
//! one transaction; what a batch claims may be called only after it is committed, and the type
//! [`Claim`] is the proof of that.
//!
//! # Locking
//! A lock on the file itself is held as long as the store is open: one writing growthd a database,
//! whatever name it is reached by.
//! Readers need no lock (WAL). The journal is kept after a clean stop, since without it a reader
//! that may not write the folder cannot open the file.
//!
//! # Compatibility
//! Tables begin with `_` and are private; the views are the interface and grow by addition.
//! The views hold no data, and are made anew whenever their text differs. What changes a table is a
//! numbered step, appended, and never edited once released; a copy is kept before one is taken.
//!
//! # Durability
//! `synchronous=FULL`: a committed line survives a power cut. One commit serves a whole turn of
//! the engine, so its cost is shared by everything that the turn settles and claims.

mod account;
mod account_growth;
mod backup;
mod batch;
mod boundaries;
mod breaker;
mod budget_use;
mod disk;
mod error;
mod events;
mod export;
mod file_lock;
mod history;
mod import;
mod journal;
mod last_backup;
mod ledger;
mod ledger_line;
mod open;
mod open_reader;
mod overview;
mod rate;
mod read;
mod report_account;
mod schema;
mod snapshot;
mod sql_types;
mod suspicion;
mod upgrade;
mod watchlist;

pub use account::{Account, FailureRow, StateRow};
pub use account_growth::AccountGrowth;
pub use batch::{ReadTx, WriteTx};
pub use boundaries::Calendar;
pub use breaker::{BeforeTrouble, BreakerRow, Wait};
pub use budget_use::BudgetUse;
pub use disk::{disk_trouble, free_space};
pub use error::StoreError;
pub use events::{Between, Milestone, ProfileChange, Silence, Unusual};
pub use export::{Query, Rows, Unsupported};
pub use history::{AccountRef, Change, Gap, Point, UnknownName};
pub use journal::journal_size;
pub use last_backup::LastBackup;
pub use ledger::{
    AccountKey, AccountLookup, CallTarget, Cause, Claim, Outcome, PendingLine, RefreshId,
};
pub use ledger_line::{LeftPending, Verdict};
pub use open::{Creation, Store, real_path};
pub use overview::Overview;
pub use read::{AccountStatus, Extent, Reader, Totals, is_in_use};
pub use report_account::{DailySpend, Reading, ReportAccount};
pub use schema::SCHEMA_VERSION;
pub use suspicion::Suspicion;
pub use watchlist::{StoredEntry, WatchlistDiff};
