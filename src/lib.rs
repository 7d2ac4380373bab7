//! growthd: scheduled refreshes of social-media accounts, with their growth history in SQLite.
//!
//! # The map, in reading order
//! Data flows one way: configuration → schedule → engine → API → store → report.
//!
//! - [`account`], [`clock`]: the types that everything else speaks in.
//! - [`config`]: the TOML as typed, then wholly valid; and where the API key comes from.
//! - [`schedule`], [`budget`], [`forecast`]: when, how many, how much. Pure.
//! - [`api`], [`measurement`]: asking the vendor, and what its answers mean.
//! - [`store`]: the SQLite file. Ledger, snapshots, standing; its views are the public interface.
//! - [`engine`]: settle and claim. What follows from an answer, what is due, and why.
//! - [`daemon`], [`memory`]: the engine's thread, the calls it makes, signals, reload, the control
//!   socket.
//! - [`period`], [`selection`]: from when to when, and which accounts, as a person says it. Pure.
//! - [`replacement`]: files of a person's that are written whole or not at all.
//! - [`log_queue`]: the log, which may be lost, and never holds anything up.
//! - [`report`], [`commands`], [`cli`]: what people see and type.
//! - [`simulated_api`], [`demo`]: the vendor on loopback, for the tests, and for a year before a
//!   person's eyes.
//!
//! # Invariants
//! - **A paid call has its ledger line first.** [`store::Claim`] is the only way to make one, and
//!   comes only out of a committed [`store::WriteTx`].
//! - **One writer.** [`engine::Engine`] owns the [`store::Store`], which holds the database's
//!   lock; everything that writes goes through a turn of the engine.
//! - **Due-ness is data.** An account is due when its `next_due` is not after now, and for no
//!   other reason. No timer, job or queue in memory is needed to know it.
//! - **Decisions are functions of `now`.** Only [`clock`] reads a clock, so that years can be
//!   simulated.
//! - **What an answer means is said once** ([`api::classify`]), and what follows from it once
//!   ([`engine::consequence`]).
//! - **Absent on purpose**: automatic retries below the engine, an HTTP redirect or proxy, a
//!   cache of what the database says, a job per account, `unsafe` but for the one call in
//!   [`memory`].
#![deny(unsafe_code)]

pub mod account;
pub mod api;
pub mod budget;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod engine;
pub mod forecast;
pub mod log_queue;
pub mod measurement;
pub mod memory;
pub mod period;
pub mod replacement;
pub mod report;
pub mod runner;
pub mod schedule;
pub mod selection;
pub mod simulated_api;
pub mod store;
