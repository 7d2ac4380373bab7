//! What the engine's decisions are a function of, beside the store and the time.

use crate::config::{Budget, CatchUp, Config, Retry};

/// The part of the configuration that the engine's decisions are a function of.
#[derive(Clone, PartialEq, Debug)]
pub struct EngineConfig {
    /// How often and how soon a slot is tried again.
    pub retry: Retry,
    pub budget: Option<Budget>,
    /// How many calls may be on their way.
    pub max_in_flight: usize,
    /// The pace; 0 is none.
    pub requests_per_minute: u32,
    /// How late a slot is still worth it.
    pub catch_up: CatchUp,
}

impl EngineConfig {
    /// The engine's part of `config`.
    pub fn of(config: &Config) -> EngineConfig {
        EngineConfig {
            retry: config.retry,
            budget: config.budget,
            max_in_flight: usize::try_from(config.api.max_in_flight).unwrap_or(usize::MAX),
            requests_per_minute: config.api.requests_per_minute,
            catch_up: config.catch_up,
        }
    }
}

/// What the engine claims of its own accord.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClaimMode {
    /// Everything due, for as long as it runs: the daemon.
    Due,
    /// Nothing but what it is asked for: `refresh`.
    Asked,
    /// Nothing more: it is stopping.
    Nothing,
}
