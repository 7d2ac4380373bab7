//! The part of the configuration that the engine needs.

use crate::config::{Budget, CatchUp, Retry, Settings};

/// The part of the configuration that the engine's decisions depend on.
#[derive(Clone, PartialEq, Debug)]
pub struct EngineConfig {
    pub retry: Retry,
    pub budget: Option<Budget>,
    /// The maximum number of calls in flight.
    pub max_in_flight: usize,
    /// The pace of calls; 0 means unlimited.
    pub requests_per_minute: u32,
    /// How late a missed slot may be served.
    pub catch_up: CatchUp,
}

impl EngineConfig {
    pub fn of(settings: &Settings) -> EngineConfig {
        EngineConfig {
            retry: settings.retry,
            budget: settings.budget,
            max_in_flight: usize::try_from(settings.api.max_in_flight).unwrap_or(usize::MAX),
            requests_per_minute: settings.api.requests_per_minute,
            catch_up: settings.catch_up,
        }
    }
}

/// What the engine claims.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClaimMode {
    /// Everything due, and requests: the daemon.
    Due,
    /// Only requests: `refresh`.
    Requested,
    /// Nothing: the engine is stopping.
    Nothing,
}
