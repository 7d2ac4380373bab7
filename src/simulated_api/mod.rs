//! A simulation of the vendor's API on loopback, for `growthd demo` and as the base of the tests'
//! own, which misbehaves.
//!
//! [`Vendor`] produces the documented responses, and [`Server`] serves them.

mod account;
mod reply;
mod request;
mod server;
mod vendor;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};

use crate::clock::Clock;

pub use account::{Account, Analytics, Stats};
pub use reply::{JSON, Reply, error_body, refusal_body};
pub use request::ApiRequest;
pub use server::Server;
pub use vendor::{Population, Vendor};

/// Longest request body read, in bytes.
const MAX_REQUEST_BODY: usize = 64 * 1024;

/// A simulated API that responds as documented, or with 503 while it is down. It stops when
/// dropped.
pub struct SimulatedApi {
    server: Server,
    is_down: Arc<AtomicBool>,
}

impl SimulatedApi {
    /// Listens on a free port of 127.0.0.1 and serves on the current runtime.
    pub async fn start(
        key: &str,
        clock: Clock,
        population: impl Population,
    ) -> io::Result<SimulatedApi> {
        let vendor = Arc::new(Vendor::new(key, clock, population));
        let is_down = Arc::new(AtomicBool::new(false));
        let service = {
            let is_down = Arc::clone(&is_down);
            move |request| respond(Arc::clone(&vendor), Arc::clone(&is_down), request)
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Ok(SimulatedApi { server: Server::start(address, service).await?, is_down })
    }

    /// Returns the value for `api.base_url`, without a trailing slash.
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    /// Sets whether every further call gets a 503.
    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }
}

async fn respond(
    vendor: Arc<Vendor>,
    is_down: Arc<AtomicBool>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = read_body(body).await;
    let reply = match vendor.read(&head, &body) {
        Err(reply) => reply,
        Ok(_) if is_down.load(Ordering::SeqCst) => {
            Reply::refusal(503, "UNAVAILABLE", "Down for maintenance")
        }
        Ok(request) => vendor.respond(&request),
    };
    Ok(vendor.dated(reply.into_response()))
}

/// Reads the body of a request. Returns an empty one, which is as invalid, if it is too long.
pub async fn read_body(body: Incoming) -> Bytes {
    let body = Limited::new(body, MAX_REQUEST_BODY).collect().await;
    body.map(Collected::to_bytes).unwrap_or_default()
}
