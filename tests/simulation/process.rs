//! The simulated process. Only this file knows how the engine is driven.

use std::path::Path;
use std::sync::Arc;

use growthd::account::{Handle, Platform};
use growthd::api::CallResult;
use growthd::clock::{Moment, Now};
use growthd::config::Watched;
use growthd::engine::{ClaimMode, CompletedCall, Engine, EngineConfig, RequesterId, Selection};
use growthd::store::{AccountLookup, Claim, Creation, Store, StoreError};

use super::time::At;

/// Returns an entry of the watchlist.
pub fn watched(id: &str, cron: &str, timezone: &str) -> Watched {
    Watched {
        id: id.parse().expect("an id"),
        label: None,
        tags: Vec::new(),
        cron: Arc::from(cron),
        timezone: Arc::from(timezone),
        spread: 0,
        enabled: true,
    }
}

/// The result of a turn.
#[derive(Debug)]
pub struct Turned {
    pub claims: Vec<Claim>,
    /// For the trace.
    pub events: Vec<String>,
    /// When the next turn is needed, in the world's milliseconds.
    pub wake: Option<i64>,
}

/// A daemon without its threads.
#[derive(Debug)]
pub struct Process {
    engine: Engine,
    /// When the machine's monotonic clock was 0, in the world's milliseconds.
    boot: i64,
    /// Whether the monotonic clock is independent of the wall clock, as it should be.
    has_own_clock: bool,
}

impl Process {
    /// Creates the database.
    pub fn create(path: &Path) -> Result<(), StoreError> {
        Store::open_volatile(path, Creation::Allowed).map(drop)
    }

    /// Starts a process on an existing database.
    pub fn start(
        path: &Path,
        config: EngineConfig,
        boot: i64,
        has_own_clock: bool,
    ) -> Result<Process, StoreError> {
        let store = Store::open_volatile(path, Creation::Refused)?;
        let engine = Engine::new(store, config, ClaimMode::Due);
        Ok(Process { engine, boot, has_own_clock })
    }

    fn moment(&self, at: At) -> Moment {
        let machine = if self.has_own_clock { at.world_ms } else { at.wall_ms() };
        Moment { wall: Now(at.wall_ms()), machine: machine - self.boot }
    }

    /// Applies a list and a configuration. Returns a description of the changes.
    pub fn watch(
        &mut self,
        list: &[Watched],
        config: EngineConfig,
        at: At,
    ) -> Result<String, StoreError> {
        let now = self.moment(at);
        self.engine.watch(list, config, now).map(|changes| changes.to_string())
    }

    /// Records that the machine was suspended until now.
    pub fn resumed(&mut self, at: At) {
        let now = self.moment(at);
        self.engine.resumed(now);
    }

    pub fn take(&mut self, claim: Claim, result: CallResult, at: At) {
        let now = self.moment(at);
        self.engine.take(CompletedCall::new(claim, result, now.wall.time()));
    }

    pub fn turn(&mut self, at: At) -> Result<Turned, StoreError> {
        let now = self.moment(at);
        let turn = self.engine.turn(now)?;
        Ok(Turned {
            claims: turn.claims,
            events: turn.events.iter().map(|event| format!("{event:?}")).collect(),
            wake: turn.wake.map(|wake| wake.0.saturating_sub(at.skew_ms)),
        })
    }

    /// Requests refreshes.
    pub fn request(&mut self, requester: u64, ids: &[String], at: At) -> Result<(), StoreError> {
        let now = self.moment(at);
        let ids = ids.iter().map(|id| id.parse().expect("an id")).collect();
        self.engine.request(RequesterId(requester), &Selection::Ids(ids), now).map(drop)
    }

    /// Requests a lookup by name.
    pub fn look_up(&mut self, requester: u64, name: &str) {
        let entry = watched("unknown", "@weekly", "UTC");
        let handle = Handle::new(name, Platform::Tiktok).expect("a handle");
        self.engine.look_up(RequesterId(requester), AccountLookup { handle, entry });
    }

    /// Cancels a request.
    pub fn cancel(&mut self, requester: u64) {
        self.engine.cancel(RequesterId(requester));
    }

    /// Starts no further call.
    pub fn stop(&mut self) {
        self.engine.stop();
    }

    pub fn is_idle(&self) -> bool {
        self.engine.in_flight() == 0
    }

    /// Limits the size of the file, as a full disk does (0: no limit).
    pub fn limit_pages(&mut self, pages: u32) {
        self.engine.store().limit_pages(pages).expect("a bound");
    }
}
