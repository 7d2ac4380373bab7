//! The running engine: a thread of its own, the calls it makes, and what wakes it.
//!
//! The engine is synchronous and waits for the disk; so it lives on a thread ([`Worker`]) that
//! owns it, and everything reaches it through one inbox. The calls live on the async runtime;
//! each puts its answer into the inbox. Nothing else is shared.

mod calls;
pub mod control;
mod exposition;
mod heartbeat;
mod http;
mod journal;
mod metrics;
mod notify;
mod progress;
mod run;
mod status_line;
mod stop_signals;
mod watched_file;
mod worker;

pub use calls::make_calls;
pub use http::HTTP_CONNECTIONS;
pub use metrics::Metrics;
pub use notify::Notifier;
pub use progress::{Lookup, Progress};
pub use run::{RunError, run};
pub use stop_signals::{EXIT_AT_ONCE, StopSignals};
pub use watched_file::WatchedFile;
pub use worker::{Input, Selection, Work, WorkError, Worker};
