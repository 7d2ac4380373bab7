//! The SQLite file: the ledger, the history, and where every account stands.
//!
//! # Responsibility
//! [`Store`] owns the one connection that writes. Every change is made in a [`Batch`], which is
//! one transaction; what a batch claims may be called only after it is committed, and the type
//! [`Claim`] is the proof of that.
//!
//! # Locking
//! A lock on `FILE.lock` is held as long as the store is open: one writing growthd a database.
//! Readers need no lock (WAL). The journal is kept after a clean stop, since without it a reader
//! that may not write the folder cannot open the file.
//!
//! # Compatibility
//! Tables begin with `_` and are private; the views are the interface and grow by addition.
//! Migrations are numbered, appended, and never edited once released.
//!
//! # Durability
//! `synchronous=FULL`: a committed line survives a power cut. One commit serves a whole turn of
//! the engine, so its cost is shared by everything that the turn settles and claims.

mod account;
mod account_growth;
mod backup;
mod batch;
mod error;
mod export;
mod history;
mod journal;
mod ledger;
mod open;
mod open_reader;
mod overview;
mod pause;
mod rate;
mod read;
mod report_account;
mod snapshot;
mod watchlist;

pub use account::{Account, AccountState};
pub use account_growth::AccountGrowth;
pub use batch::{Batch, Recent, Verdict};
pub use error::StoreError;
pub use export::Exported;
pub use history::{AccountRef, Change, Gap, Named, Point};
pub use journal::journal_size;
pub use ledger::{AccountKey, AccountLookup, CallTarget, Cause, Claim, Outcome, RefreshId};
pub use open::{Creation, SCHEMA_VERSION, Store};
pub use overview::Overview;
pub use pause::{Pause, PauseKind, Wait};
pub use read::{AccountStatus, Extent, Reader, Totals, is_in_use};
pub use report_account::{DailySpend, Reading, ReportAccount};
pub use snapshot::Previous;
pub use watchlist::{StoredEntry, WatchlistDiff};

#[cfg(test)]
use open::MIGRATIONS;
