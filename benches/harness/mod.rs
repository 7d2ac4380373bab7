//! What several benchmarks are made of.
#![allow(dead_code, reason = "each benchmark takes what it needs")]

pub mod cost;
pub mod daemon;
pub mod history;
pub mod own;
#[path = "../../tests/scripted_api/mod.rs"]
pub mod scripted_api;
pub mod server;
pub mod year;

/// A number on the command line, else `default`.
pub fn number(default: u64) -> u64 {
    std::env::args().filter_map(|text| text.parse().ok()).next().unwrap_or(default)
}

/// A line of a table: what was measured, the figure, and what is aimed at.
pub fn line(what: &str, measured: impl std::fmt::Display, target: &str) {
    println!("{what:<58}{measured:>16}  {target}");
}
