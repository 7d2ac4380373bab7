//! growthd: scheduled refreshes of social-media accounts, with their growth history in SQLite.
#![forbid(unsafe_code)]

pub mod account;
pub mod clock;
pub mod schedule;
