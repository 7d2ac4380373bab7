//! growthd: scheduled refreshes of social-media accounts, with their growth history in SQLite.
#![forbid(unsafe_code)]

pub mod account;
pub mod api;
pub mod budget;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod daemon;
pub mod engine;
pub mod forecast;
pub mod measurement;
pub mod report;
pub mod schedule;
pub mod simulated_api;
pub mod store;
