//! The vendor's API, simulated on loopback: for `growthd demo`, and underneath the tests' own,
//! which misbehaves.
//!
//! It answers in the documented shapes: [`Vendor`] is what it knows and says, [`Server`] listens.

mod account;
mod question;
mod reply;
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

pub use account::{Account, Analytics, Platform, Stats};
pub use question::Question;
pub use reply::{JSON, Reply, error_body, refusal_body};
pub use server::Server;
pub use vendor::{Population, Vendor};

/// Longest request body read, in bytes.
const MAX_REQUEST_BODY: usize = 64 * 1024;

/// A simulated API that answers as documented, or not at all for a while. It stops when it is
/// dropped.
pub struct SimulatedApi {
    server: Server,
    is_down: Arc<AtomicBool>,
}

impl SimulatedApi {
    /// Listens on a free port of 127.0.0.1 and serves on the current runtime.
    ///
    /// # Errors
    /// There is no port to listen on.
    pub async fn start(
        key: &str,
        clock: Clock,
        population: impl Population,
    ) -> io::Result<SimulatedApi> {
        let vendor = Arc::new(Vendor::new(key, clock, population));
        let is_down = Arc::new(AtomicBool::new(false));
        let service = {
            let is_down = Arc::clone(&is_down);
            move |request| answer(Arc::clone(&vendor), Arc::clone(&is_down), request)
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Ok(SimulatedApi { server: Server::start(address, service).await?, is_down })
    }

    /// What goes into `api.base_url`, without a slash at its end.
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    /// Whether every call is answered with 503 from now on.
    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }
}

async fn answer(
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
        Ok(question) => vendor.answer(&question),
    };
    Ok(vendor.dated(reply.into_response()))
}

/// The body of a request; one that is too long is as bad a question as none.
pub async fn read_body(body: Incoming) -> Bytes {
    let body = Limited::new(body, MAX_REQUEST_BODY).collect().await;
    body.map(Collected::to_bytes).unwrap_or_default()
}
