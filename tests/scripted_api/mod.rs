//! The simulated API with bad days: it misbehaves as it is told to while it runs, and writes down
//! what it saw.
//!
//! What the documentation leaves open is decided the expensive way: a call that is not refused
//! (3xx, 4xx) takes a credit, even if its answer never arrives.
#![allow(dead_code, unused_imports, reason = "the benchmarks and the example use parts of it")]

pub mod account;
mod answering;
pub mod behaviour;
mod call;
mod content;
mod world;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use growthd::simulated_api::Server;

pub use behaviour::Behaviour;
pub use call::{Call, KeySeen};
pub use world::World;

use answering::{Answering, Script};

/// A running API: a cheap handle, and the last one dropped stops it.
#[derive(Clone)]
pub struct ScriptedApi {
    server: Arc<Server>,
    answering: Arc<Answering>,
}

impl ScriptedApi {
    /// Listens on a free port of 127.0.0.1 and serves on the current runtime.
    pub async fn start(world: World) -> io::Result<ScriptedApi> {
        ScriptedApi::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), world).await
    }

    /// Listens there: an API that comes back where another was stopped.
    pub async fn start_at(address: SocketAddr, world: World) -> io::Result<ScriptedApi> {
        let answering = Arc::new(Answering::new(world));
        let service = {
            let answering = Arc::clone(&answering);
            move |request| answering::answer(Arc::clone(&answering), request)
        };
        let server = Arc::new(Server::start(address, service).await?);
        Ok(ScriptedApi { server, answering })
    }

    /// Stops listening and cuts every connection. What was seen can still be asked for, and
    /// the address is free for [`ScriptedApi::start_at`].
    pub async fn stop(&self) {
        self.server.stop().await;
    }

    /// What goes into `api.base_url`, without a slash at its end.
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Behaviours for the next calls for an account, one each, after those already queued.
    /// A queued behaviour goes before [`ScriptedApi::always`], that before
    /// [`ScriptedApi::everywhere`], and [`Behaviour::Answer`] is last.
    pub fn queue(&self, id: &str, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.script(|script| {
            script.account(id).queue.extend(behaviours);
        });
    }

    /// The behaviour for every call for an account from now on.
    pub fn always(&self, id: &str, behaviour: Behaviour) {
        self.script(|script| {
            script.account(id).always = Some(Box::new(behaviour));
        });
    }

    /// The behaviour for every call from now on, for whatever account; `None` ends it.
    pub fn everywhere(&self, behaviour: Option<Behaviour>) {
        self.script(|script| script.everywhere = behaviour);
    }

    fn script(&self, change: impl FnOnce(&mut Script)) {
        change(&mut lock(&self.answering.script));
    }

    /// All calls in the order they arrived; empty under [`World::without_call_list`].
    pub fn calls(&self) -> Vec<Call> {
        self.answering.log.calls()
    }

    /// The calls for one account; empty under [`World::without_call_list`].
    pub fn calls_for(&self, id: &str) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.account_id.as_deref() == Some(id));
        calls
    }

    /// How many calls arrived, whatever they asked for.
    pub fn call_count(&self) -> usize {
        self.answering.log.count()
    }

    /// How many calls a vendor that charges whenever it may would have charged for.
    pub fn charged_count(&self) -> usize {
        self.answering.log.charged()
    }

    /// How many calls are waiting for the end of their answer.
    pub fn in_flight(&self) -> usize {
        self.answering.log.in_flight()
    }

    /// The most calls that were ever in flight at once.
    pub fn most_in_flight(&self) -> usize {
        self.answering.log.most_in_flight()
    }

    /// Waits until this many calls have arrived; they need not be answered yet.
    pub async fn wait_for_calls(&self, count: usize) {
        let log = &self.answering.log;
        let mut arrival = pin!(log.arrival());
        loop {
            arrival.as_mut().enable();
            if log.count() >= count {
                return;
            }
            arrival.as_mut().await;
            arrival.set(log.arrival());
        }
    }
}

/// The state is sound between any two statements, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
