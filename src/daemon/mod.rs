//! The daemon: an engine that runs for years, with its wake-ups and interfaces.

mod client;
mod connections;
mod control;
mod error;
mod event_log;
mod exposition;
mod health;
mod heartbeat;
mod http;
mod limits;
mod listening;
mod metrics;
mod notify;
mod observer;
mod process;
mod protocol;
mod read_share;
mod reload;
mod remote;
mod run;
mod socket;
mod status_line;
mod stop_signals;
mod unused_edit;
mod watchlist;

pub use client::client;
pub use error::RunError;
pub use health::{Health, NoHealth, check_not_removed};
pub use limits::check_limits;
pub use protocol::MAX_LOOKUPS;
pub use remote::{Refused, Remote, request_lookups, request_refresh};
pub use run::{Signals, run};
pub use stop_signals::{EXIT_AT_ONCE, StopSignals};
pub use unused_edit::UnusedEdit;
