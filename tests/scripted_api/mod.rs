//! A simulated API that misbehaves on demand while it runs, and records its calls.
//!
//! Where the documentation leaves the cost open, it charges: a call that is not refused (3xx, 4xx)
//! takes a credit, even if its response never arrives.
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

/// A cheap handle to a running API, which stops when the last one is dropped.
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

    /// Listens at `address`, as an API that comes back after another was stopped there.
    pub async fn start_at(address: SocketAddr, world: World) -> io::Result<ScriptedApi> {
        let answering = Arc::new(Answering::new(world));
        let service = {
            let answering = Arc::clone(&answering);
            move |request| answering::answer(Arc::clone(&answering), request)
        };
        let server = Arc::new(Server::start(address, service).await?);
        Ok(ScriptedApi { server, answering })
    }

    /// Stops listening and cuts every connection. The recorded calls stay available, and the
    /// address is free for [`ScriptedApi::start_at`].
    pub async fn stop(&self) {
        self.server.stop().await;
    }

    /// Returns the value for `api.base_url`, without a trailing slash.
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Queues behaviours for the next calls for an account, one each. A queued behaviour takes
    /// precedence over [`ScriptedApi::always`], that over [`ScriptedApi::everywhere`], and that
    /// over the default, [`Behaviour::Answer`].
    pub fn queue(&self, id: &str, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.script(|script| {
            script.account(id).queue.extend(behaviours);
        });
    }

    /// Sets the behaviour for every further call for an account.
    pub fn always(&self, id: &str, behaviour: Behaviour) {
        self.script(|script| {
            script.account(id).always = Some(Box::new(behaviour));
        });
    }

    /// Sets the behaviour for every further call for any account, or with `None` resets it.
    pub fn everywhere(&self, behaviour: Option<Behaviour>) {
        self.script(|script| script.everywhere = behaviour);
    }

    fn script(&self, change: impl FnOnce(&mut Script)) {
        change(&mut lock(&self.answering.script));
    }

    /// Returns all calls in the order of arrival; none with [`World::without_call_list`].
    pub fn calls(&self) -> Vec<Call> {
        self.answering.log.calls()
    }

    /// Returns the calls for one account; none with [`World::without_call_list`].
    pub fn calls_for(&self, id: &str) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.account_id.as_deref() == Some(id));
        calls
    }

    /// Returns how many calls of any kind have arrived.
    pub fn call_count(&self) -> usize {
        self.answering.log.count()
    }

    /// Returns how many calls were charged.
    pub fn charged_count(&self) -> usize {
        self.answering.log.charged()
    }

    /// Returns how many calls are in flight.
    pub fn in_flight(&self) -> usize {
        self.answering.log.in_flight()
    }

    /// Returns the most calls that were in flight at once.
    pub fn most_in_flight(&self) -> usize {
        self.answering.log.most_in_flight()
    }

    /// Waits until `count` calls have arrived, whether or not they have a response.
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

/// Locks the state. It is consistent between any two statements, so that poisoning can be ignored.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
