//! `[http]`: metrics and health, for whoever asks on that address.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
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
use crate::daemon::metrics::Metrics;

/// How many may be connected at a time. Each takes a descriptor, of which the calls need theirs.
pub const HTTP_CONNECTIONS: u32 = 32;

/// How many may have the database read for them at a time.
const CONCURRENT_SCRAPES: usize = 2;

/// How long a client may take over its headers, and over everything.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// What a client may send, and what is buffered of an answer, in bytes.
const LARGEST_HEAD: usize = 16 << 10;

/// The pause after a connection that could not be taken: no descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Of the time, at most one part in so many goes into reading for scrapes.
const SHARE: u32 = 50;

const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// What is needed to answer.
#[derive(Clone, Debug)]
pub struct Served {
    /// What is counted.
    pub metrics: Metrics,
    /// Where the rest is read.
    pub database: PathBuf,
    /// The budget as of the last reload.
    pub budget: watch::Receiver<Option<Budget>>,
}

/// Begins to listen.
///
/// # Errors
/// The address is in use, or not this machine's.
pub async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers everybody who connects, so many at a time; the others wait in the system's queue.
pub async fn serve(listener: TcpListener, served: Served) {
    let scrapes = Arc::new(Scrapes::of(served));
    let connections = Connections::new(HTTP_CONNECTIONS as usize);
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
                connection.asked();
                answer(request, scrapes.clone())
            });
            let served = http1::Builder::new()
                // Whoever says that nothing follows, as `nc` does, waits for an answer all the same.
                .half_close(true)
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                // One answer a connection: nothing idles, and nothing is asked for in advance.
                .keep_alive(false)
                .max_buf_size(LARGEST_HEAD)
                .serve_connection(TokioIo::new(stream), service);
            let served = tokio::time::timeout(CONNECTION_TIMEOUT, served);
            match connection.unless_shown_out(served).await {
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => debug!("an HTTP connection ended: {error}"),
                Some(Err(_)) => debug!("an HTTP connection took too long"),
                None => debug!("an HTTP connection asked nothing"),
            }
        });
    }
}

/// Reads the database for whoever scrapes: for few at a time, and not anew for each.
#[derive(Debug)]
struct Scrapes {
    served: Served,
    permits: Arc<Semaphore>,
    last: Mutex<Option<Scrape>>,
}

/// What was read, and when.
#[derive(Debug)]
struct Scrape {
    text: String,
    read: Instant,
    took: Duration,
}

impl Scrapes {
    fn of(served: Served) -> Scrapes {
        Scrapes {
            served,
            permits: Arc::new(Semaphore::new(CONCURRENT_SCRAPES)),
            last: Mutex::new(None),
        }
    }

    /// Blocks while the database is read.
    fn text(&self) -> String {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = clock::monotonic();
        if let Some(scrape) = last.as_ref()
            && scrape.is_fresh(begun)
        {
            return scrape.text.clone();
        }
        let budget = *self.served.budget.borrow();
        let Served { metrics, database, .. } = &self.served;
        let text = metrics.text(database, budget.as_ref(), clock::now().time());
        let read = clock::monotonic();
        *last = Some(Scrape { text: text.clone(), read, took: read.duration_since(begun) });
        text
    }
}

impl Scrape {
    /// Reading takes at most one part in so many of the time, however often it is asked for.
    fn is_fresh(&self, now: Instant) -> bool {
        now.duration_since(self.read) < self.took * SHARE
    }
}

async fn answer(
    request: Request<Incoming>,
    scrapes: Arc<Scrapes>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    Ok(match request.uri().path() {
        _ if !is_read => text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n"),
        "/metrics" => {
            let format = Exposition::accepted(request.headers().get(ACCEPT));
            metrics(scrapes, format).await
        }
        "/healthz" => match scrapes.served.metrics.trouble() {
            None => text(StatusCode::OK, "ok\n"),
            Some(why) => text(StatusCode::SERVICE_UNAVAILABLE, &format!("{why}\n")),
        },
        _ => text(StatusCode::NOT_FOUND, "there are /metrics and /healthz\n"),
    })
}

async fn metrics(scrapes: Arc<Scrapes>, format: Exposition) -> Response<Full<Bytes>> {
    let Ok(permit) = scrapes.permits.clone().try_acquire_owned() else {
        let mut response = text(StatusCode::SERVICE_UNAVAILABLE, "too many scrapes at once\n");
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    };
    let read = tokio::task::spawn_blocking(move || {
        // Held until it is read, also where whoever asked has left.
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
