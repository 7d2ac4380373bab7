//! The vendor's API, simulated on loopback: for `growthd demo`, the tests and the benches.
//!
//! It answers in the documented shapes, and misbehaves as it is told to while it runs. What
//! the documentation leaves open is decided the expensive way: a call that is not refused
//! (3xx, 4xx) takes a credit, even if its answer never arrives.

mod account;
mod behaviour;
mod call;
mod vendor;
mod world;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tracing::{debug, warn};

pub use account::{Account, Analytics, Growth, Platform, Stats};
pub use behaviour::Behaviour;
pub use call::{Call, KeySeen};
pub use world::World;

use vendor::{Script, Vendor};

/// A running simulated API: a cheap handle, and the last one dropped stops it.
#[derive(Clone)]
pub struct SimulatedApi {
    running: Arc<Running>,
}

struct Running {
    address: SocketAddr,
    /// None once it was stopped.
    server: Mutex<Option<JoinHandle<()>>>,
    vendor: Arc<Vendor>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(server) = lock(&self.server).take() {
            server.abort();
        }
    }
}

impl SimulatedApi {
    /// Listens on a free port of 127.0.0.1 and serves on the current runtime.
    pub async fn start(world: World) -> io::Result<SimulatedApi> {
        SimulatedApi::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), world).await
    }

    /// Listens there: an API that comes back where another was stopped.
    pub async fn start_at(address: SocketAddr, world: World) -> io::Result<SimulatedApi> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let vendor = Arc::new(Vendor::new(world));
        let server = Mutex::new(Some(tokio::spawn(serve(listener, Arc::clone(&vendor)))));
        Ok(SimulatedApi { running: Arc::new(Running { address, server, vendor }) })
    }

    /// Stops listening and cuts every connection. What was seen can still be asked for, and
    /// the address is free for [`SimulatedApi::start_at`]; a dropped API frees it somewhat
    /// later.
    pub async fn stop(&self) {
        let server = lock(&self.running.server).take();
        if let Some(server) = server {
            server.abort();
            if let Err(error) = server.await
                && !error.is_cancelled()
            {
                warn!(%error, "the simulated API had stopped by itself");
            }
        }
    }

    /// What goes into `api.base_url`, without a slash at its end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.running.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// Behaviours for the next calls for an account, one each, after those already queued.
    /// A queued behaviour goes before [`SimulatedApi::always`], that before
    /// [`SimulatedApi::everywhere`], and [`Behaviour::Answer`] is last.
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

    /// The behaviour for every call from now on, for whatever account; None ends it.
    pub fn everywhere(&self, behaviour: Option<Behaviour>) {
        self.script(|script| script.everywhere = behaviour);
    }

    fn script(&self, change: impl FnOnce(&mut Script)) {
        change(&mut lock(&self.running.vendor.script));
    }

    /// All calls in the order they arrived; empty under [`World::without_call_list`].
    pub fn calls(&self) -> Vec<Call> {
        self.running.vendor.log.calls()
    }

    /// The calls for one account; empty under [`World::without_call_list`].
    pub fn calls_for(&self, id: &str) -> Vec<Call> {
        let mut calls = self.calls();
        calls.retain(|call| call.account_id.as_deref() == Some(id));
        calls
    }

    /// How many calls arrived, whatever they asked for.
    pub fn call_count(&self) -> usize {
        self.running.vendor.log.count()
    }

    /// How many calls a vendor that charges whenever it may would have charged for.
    pub fn charged_count(&self) -> usize {
        self.running.vendor.log.charged()
    }

    /// How many calls are waiting for the end of their answer.
    pub fn in_flight(&self) -> usize {
        self.running.vendor.log.in_flight()
    }

    /// The most calls that were ever in flight at once.
    pub fn most_in_flight(&self) -> usize {
        self.running.vendor.log.most_in_flight()
    }

    /// Waits until this many calls have arrived; they need not be answered yet.
    pub async fn wait_for_calls(&self, count: usize) {
        let log = &self.running.vendor.log;
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

/// Accepts until it is aborted, which aborts every connection with it.
async fn serve(listener: TcpListener, vendor: Arc<Vendor>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, Arc::clone(&vendor)));
                }
                Err(error) => {
                    warn!(%error, "the simulated API cannot accept a connection");
                    // Out of file descriptors, most likely: some may be closed by then.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(stream: TcpStream, vendor: Arc<Vendor>) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "answers of the simulated API may be late");
    }
    let service = service_fn(move |request| vendor::answer(Arc::clone(&vendor), request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        debug!(%error, "a connection to the simulated API ended early");
    }
}

#[cfg(test)]
mod tests;
