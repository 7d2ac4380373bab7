//! growthd: scheduled refreshes of social-media accounts, with their growth history in SQLite.
//!
//! # The map, in reading order
//! Data flows one way: a watchlist from configuration to store; a refresh from engine to API and
//! back through the engine to the store; a query from store to report.
//!
//! - [`account`], [`clock`], [`paths`], [`printable`]: the types that all other modules share.
//! - [`replacement`]: files that are written completely or not at all.
//! - [`config`]: parses and validates the TOML, and finds the API key.
//! - [`schedule`], [`budget`], [`forecast`]: when to refresh, and what may still be spent. Pure.
//! - [`api`], [`measurement`]: requests to the vendor, and the decoded responses.
//! - [`store`]: the SQLite file: ledger, snapshots, account states. Its views are the public
//!   interface.
//! - [`engine`]: settles and claims. Decides what is due, and whether a failure is the account's
//!   own or the vendor's.
//! - [`runner`]: an engine's thread and the calls it makes, as one value.
//! - [`daemon`], [`descriptors`], [`memory`], [`log_queue`]: the long-running process: signals,
//!   reload, control socket, metrics, and a log that never blocks its callers.
//! - [`period`], [`selection`]: the periods and the groups of accounts that a user can name. Pure.
//! - [`report`], [`commands`], [`cli`]: output and the command line.
//! - [`simulated_api`], [`demo`]: the vendor on loopback, and a simulated year of refreshes.
//!
//! # Three paths through the code
//! - **An id, from TOML to a row**: [`config`] parses it into an [`account::AccountId`] in a
//!   [`config::Watched`]; [`store::ReadTx::diff`] compares the list with the database;
//!   [`engine::Engine::amend`] writes what is new, with an [`engine::AccountState`] whose baseline
//!   is due.
//! - **An edit, from SIGHUP to a row**: the daemon's reloader loads the files off the engine's
//!   thread, and hands the difference to [`runner::Handle::reconfigure`] with the new client;
//!   between two turns, the engine's thread amends the watchlist and replaces the client, or does
//!   neither.
//! - **A response, from socket to view**: [`api::Client::call`] returns a [`api::CallResult`] for a
//!   [`store::Claim`]; [`api::classify()`] assigns its kind; the engine's next turn settles the
//!   resulting [`engine::CompletedCall`]: it completes the ledger row, appends the snapshot, and
//!   updates the account's state. The views show all three.
//!
//! # Invariants
//! - **Imports are acyclic**: no file uses what uses it, by whatever way (`tests/imports.rs`).
//! - **A paid call has its ledger row first.** [`api::Client::call`] requires a [`store::Claim`],
//!   which only [`store::WriteTx::commit`] returns.
//! - **A slot is bought once**: the index `_refresh_slot` allows one row that is pending or ok.
//! - **One writer.** Only a [`store::Store`] writes, and it holds the database's lock. The
//!   [`engine::Engine`] owns one, and changes rows only in a turn and when the watchlist is amended;
//!   `import`, and a verb that upgrades an older schema, open one for a moment without an engine.
//! - **Due-ness is data.** An account is due when its `next_due` is not after now, and for no
//!   other reason. It depends on no timer, job or queue in memory, so a process may end at any
//!   moment (`tests/simulation` does so).
//! - **Decisions are functions of `now`.** In Rust, only [`clock`] reads a clock (enforced by
//!   `.clippy.toml`), so that years can be simulated. The views `latest` and `overdue` read SQLite's,
//!   and systemd is told its own.
//! - **Responses are classified in one place** ([`api::classify()`]), from statuses and codes
//!   alone. Failures are attributed where the engine settles a call, and nowhere else; what
//!   follows from the vendor's is the [`engine::Breaker`]'s to say.
//! - **What an account owes** is an [`engine::AccountState`], which changes only by its
//!   transitions.
//! - **Absent on purpose**: automatic retries below the engine, HTTP redirects, proxies from the
//!   environment, a cache of the database's contents (but for the text of the last scrape, and
//!   the keys of accounts that are due), a job per account, and `unsafe` except for the one call in
//!   [`memory`].
#![deny(unsafe_code)]
#![allow(rustdoc::private_intra_doc_links, reason = "the map is written for contributors")]

pub mod account;
pub mod api;
mod budget;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
mod daemon;
mod demo;
mod descriptors;
pub mod engine;
mod forecast;
mod log_queue;
mod measurement;
mod memory;
mod paths;
pub mod period;
pub mod printable;
mod replacement;
pub mod report;
pub mod runner;
pub mod schedule;
pub mod selection;
pub mod simulated_api;
pub mod store;
