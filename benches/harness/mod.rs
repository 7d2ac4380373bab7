//! What several benchmarks are made of.

pub mod year;
