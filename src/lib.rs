//! growthd: scheduled refreshes of social-media accounts, with their growth history in SQLite.
#![forbid(unsafe_code)]

pub mod account;
pub mod api;
pub mod budget;
pub mod clock;
pub mod config;
pub mod engine;
pub mod measurement;
pub mod schedule;
pub mod simulated_api;
pub mod store;
