//! Tests growthd from outside, with the real binary, a real file and the simulated API over
//! loopback; and its engine over simulated years.
//!
//! Each module covers a part of what growthd promises; `harness` and `scripted_api` are shared.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may panic; clippy allows that by itself only inside #[test] functions"
)]

mod harness;
mod scripted_api;

mod adding;
mod backup;
mod bad_input;
mod budget;
mod control_socket;
mod crash;
mod dashboard;
mod demo;
mod digest;
mod events;
mod export;
mod growth;
mod handover;
mod history;
mod holds;
mod hostile_answers;
mod import;
mod imports;
mod invariants;
mod life;
mod logs;
mod measured;
mod modeless;
mod network;
mod outcomes;
mod output;
mod past;
mod properties;
mod readers;
mod reload;
mod report;
mod scrapes;
mod scripting;
mod secrecy;
mod selecting;
mod signals;
mod simulation;
mod status;
mod store_trouble;
mod verbs;
mod views;
mod words;
mod zones;
