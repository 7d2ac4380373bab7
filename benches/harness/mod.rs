//! Code shared by the benchmarks.
#![allow(dead_code, reason = "each benchmark uses only some of it")]

pub mod cost;
pub mod daemon;
pub mod history;
pub mod own;
#[path = "../../tests/scripted_api/mod.rs"]
pub mod scripted_api;
pub mod server;
pub mod year;

/// Returns the first number on the command line, or else `default`.
pub fn number(default: u64) -> u64 {
    std::env::args().filter_map(|text| text.parse().ok()).next().unwrap_or(default)
}

/// Prints a line of a table: what was measured, the result, and the target.
pub fn line(what: &str, measured: impl std::fmt::Display, target: &str) {
    println!("{what:<58}{measured:>16}  {target}");
}
