//! What several benchmarks are made of.
#![allow(dead_code, reason = "each benchmark takes what it needs")]

pub mod cost;
pub mod server;
pub mod year;
