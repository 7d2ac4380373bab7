//! growthd: scheduled refreshes of social-media accounts, with their growth history in SQLite.
//!
//! # The map, in reading order
//! Data flows one way: a watchlist configuration → store, a refresh engine → API → engine → store,
//! a question store → report.
//!
//! - [`account`], [`clock`], [`paths`], [`printable`]: what everything else speaks in.
//! - [`replacement`]: files that are written whole or not at all.
//! - [`config`]: the TOML as typed, then wholly valid; and where the API key comes from.
//! - [`schedule`], [`budget`], [`forecast`]: when, how many, how much. Pure.
//! - [`api`], [`measurement`]: asking the vendor, and what its answers are.
//! - [`store`]: the SQLite file. Ledger, snapshots, account states; its views are the public
//!   interface.
//! - [`engine`]: settle and claim. Whose trouble an answer is, what is due, and why.
//! - [`runner`]: an engine's thread and the calls it makes, as one value.
//! - [`daemon`], [`descriptors`], [`memory`], [`log_queue`]: what runs for years: signals, reload,
//!   the control socket, metrics, a log that holds nothing up.
//! - [`period`], [`selection`]: from when to when, and which accounts, as a person says it. Pure.
//! - [`report`], [`commands`], [`cli`]: what people see and type.
//! - [`simulated_api`], [`demo`]: the vendor on loopback, and a year of it before a person's eyes.
//!
//! # The walks
//! - **An id, from TOML to a row**: [`config`] parses it into an [`account::AccountId`] in a
//!   [`config::Watched`]; [`store::ReadTx::diff`] holds the list against the database; the engine's
//!   `amend` writes what is new, with an [`engine::AccountState`] that says its baseline is due.
//! - **An edit, from SIGHUP to a row**: the daemon's reloader loads the files beside the engine, and
//!   hands the difference to [`runner::Handle::reconfigure`] with the new client; between two turns
//!   the engine takes both, or neither.
//! - **An answer, from socket to view**: [`api::Client::call`] returns an [`api::Answer`] for a
//!   [`store::Claim`]; [`api::classify()`] says what it is; the engine's next turn settles the claim's
//!   line, appends the snapshot, and moves the account's state; the views show it.
//!
//! # Invariants
//! - **A file uses only what stands below it**: no import leads back to where it began
//!   (`tests/imports.rs`).
//! - **A paid call has its ledger line first.** [`api::Client::call`] takes a [`store::Claim`] and
//!   nothing else, and a claim comes only out of a committed [`store::WriteTx`].
//! - **One writer.** [`engine::Engine`] owns the [`store::Store`], which holds the database's
//!   lock; what a daemon writes goes through a turn of the engine.
//! - **Due-ness is data.** An account is due when its `next_due` is not after now, and for no
//!   other reason. No timer, job or queue in memory is needed to know it.
//! - **Decisions are functions of `now`.** Only [`clock`] reads a clock (`.clippy.toml` holds it), so
//!   that years can be simulated.
//! - **What an answer is is said once** ([`api::classify()`]), from statuses and codes alone, and
//!   whose trouble it is once ([`engine::Breaker`], and the engine's settling).
//! - **What an account owes** is an [`engine::AccountState`], and changes only by its transitions.
//! - **Absent on purpose**: automatic retries below the engine, an HTTP redirect, the environment's
//!   proxy, a cache of what the database says, a job per account, `unsafe` but for the one call in
//!   [`memory`].
#![deny(unsafe_code)]
#![allow(rustdoc::private_intra_doc_links, reason = "the map is for those who work in here")]

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
