//! The HTTP server of `[http]`, for metrics and health.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tracing::debug;

use crate::clock;
use crate::config::Budget;
use crate::daemon::connections::Connections;
use crate::daemon::exposition::Exposition;
use crate::daemon::metrics::{Metrics, Stored};
use crate::daemon::read_share::pause_after;

/// The maximum number of concurrent connections. Each takes a file descriptor, of which calls need
/// theirs.
pub const MAX_HTTP_CONNECTIONS: u32 = 32;

/// The maximum number of requests that wait for the database or read it.
const MAX_CONCURRENT_SCRAPES: usize = 2;

/// How long a client may take to send its headers, and how long a connection may take in total.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum size of a request's head, and of buffered output, in bytes.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// The pause after a failed accept, which usually means that no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// The sources of the responses.
#[derive(Clone, Debug)]
pub struct Served {
    pub metrics: Metrics,
    pub database: PathBuf,
    /// The budget as of the last reload.
    pub budget: watch::Receiver<Option<Budget>>,
}

impl Served {
    /// Returns why nothing is refreshed; `None` if the sweep runs, the store commits, and its file is
    /// there. Accesses the file system.
    pub fn trouble(&self) -> Option<String> {
        let database = self.database.display();
        self.metrics.trouble().or_else(|| match self.database.is_file() {
            true => None,
            false => Some(format!(
                "the database file {database} was removed; nothing is refreshed until it is put back"
            )),
        })
    }
}

/// Serves a limited number of connections at a time. Others wait in the kernel's queue.
pub async fn serve(listener: TcpListener, served: Served) {
    let scrapes = Arc::new(Scrapes::of(served));
    let connections = Connections::new(MAX_HTTP_CONNECTIONS as usize);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                debug!("a connection could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let scrapes = scrapes.clone();
        let connection = connections.admit().await;
        tokio::spawn(async move {
            let service = service_fn(|request| {
                connection.mark_busy();
                respond(request, scrapes.clone())
            });
            let served = http1::Builder::new()
                // A client that closes its sending side, as `nc` does, still waits for a response.
                .half_close(true)
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                // One request per connection, so that none idles and none is pipelined.
                .keep_alive(false)
                .max_buf_size(MAX_HEAD_BYTES)
                .serve_connection(TokioIo::new(stream), service);
            let served = tokio::time::timeout(CONNECTION_TIMEOUT, served);
            match connection.unless_evicted(served).await {
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => debug!("an HTTP connection ended: {error}"),
                Some(Err(_)) => debug!("an HTTP connection took too long"),
                None => debug!("an HTTP connection sent no request"),
            }
        });
    }
}

/// Reads the database for scrapes, and checks its file: only a few at a time, and the database not again
/// for every request.
#[derive(Debug)]
struct Scrapes {
    served: Served,
    permits: Arc<Semaphore>,
    health_permit: Arc<Semaphore>,
    last: Mutex<Option<Scrape>>,
}

/// The result of a read.
#[derive(Debug)]
struct Scrape {
    stored: Stored,
    read: Instant,
    took: Duration,
}

impl Scrapes {
    fn of(served: Served) -> Scrapes {
        Scrapes {
            served,
            permits: Arc::new(Semaphore::new(MAX_CONCURRENT_SCRAPES)),
            health_permit: Arc::new(Semaphore::new(1)),
            last: Mutex::new(None),
        }
    }

    /// Returns the metrics. Blocks while the database is read.
    fn text(&self) -> String {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = last.take().filter(|scrape| scrape.is_fresh(clock::monotonic()));
        let scrape = last.insert(fresh.unwrap_or_else(|| self.read()));
        self.served.metrics.text(&scrape.stored)
    }

    fn read(&self) -> Scrape {
        let begun = clock::monotonic();
        let budget = *self.served.budget.borrow();
        let stored = Stored::read(&self.served.database, budget.as_ref(), clock::now().time());
        let read = clock::monotonic();
        Scrape { stored, read, took: read.duration_since(begun) }
    }
}

impl Scrape {
    /// Returns whether the result may be reused, so that reading takes only its share of the time.
    fn is_fresh(&self, now: Instant) -> bool {
        now.duration_since(self.read) < pause_after(self.took)
    }
}

async fn respond(
    request: Request<Incoming>,
    scrapes: Arc<Scrapes>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    Ok(match request.uri().path() {
        _ if !is_read => {
            let mut response =
                text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are allowed\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
        "/metrics" => {
            let format = Exposition::accepted(request.headers().get(ACCEPT));
            metrics(scrapes, format).await
        }
        "/healthz" => {
            let served = scrapes.served.clone();
            // The semaphore is never closed.
            let permit = scrapes.health_permit.clone().acquire_owned().await.ok();
            let check = move || {
                // Held until the check ends, even if the client has disconnected: it never ends on a
                // file system that hangs.
                let _permit = permit;
                served.trouble()
            };
            match tokio::task::spawn_blocking(check).await {
                Ok(None) => text(StatusCode::OK, "ok\n"),
                Ok(Some(trouble)) => text(StatusCode::SERVICE_UNAVAILABLE, &format!("{trouble}\n")),
                Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
            }
        }
        _ => text(StatusCode::NOT_FOUND, "not found; try /metrics or /healthz\n"),
    })
}

async fn metrics(scrapes: Arc<Scrapes>, format: Exposition) -> Response<Full<Bytes>> {
    let Ok(permit) = scrapes.permits.clone().try_acquire_owned() else {
        let mut response = text(StatusCode::SERVICE_UNAVAILABLE, "too many scrapes at once\n");
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    };
    let read = tokio::task::spawn_blocking(move || {
        // Held until the read ends, even if the client has disconnected.
        let _permit = permit;
        scrapes.text()
    });
    match read.await {
        Ok(metrics) => typed(StatusCode::OK, format.content_type(), &format.write(metrics)),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
    }
}

fn text(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    typed(status, TEXT_TYPE, body)
}

fn typed(status: StatusCode, kind: &'static str, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
