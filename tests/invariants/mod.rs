//! Invariants for arbitrary bytes. The property tests check them on a few hundred examples in every
//! run, the fuzzers in `tests/fuzz/` on millions.

pub mod answer;
pub mod config;
