//! What must hold of any bytes whatsoever. The property tests ask it of a few hundred on every
//! run, the fuzzers under `tests/fuzz/` of millions.

pub mod answer;
pub mod config;
