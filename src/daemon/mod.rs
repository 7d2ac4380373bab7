//! The daemon: an engine that runs for years, what wakes it, and how it is reached.

mod client;
mod connections;
pub mod control;
mod error;
mod exposition;
mod health;
mod heartbeat;
mod http;
mod journal;
mod listening;
mod metrics;
mod notify;
mod observer;
mod process;
mod reload;
mod run;
mod socket;
mod status_line;
mod stop_signals;
mod watched_files;
mod watchlist;

pub use client::client;
pub use error::RunError;
pub use health::Health;
pub use run::{Signals, check_descriptors, run};
pub use stop_signals::{EXIT_AT_ONCE, StopSignals};
pub use watched_files::WatchedFiles;
