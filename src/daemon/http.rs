//! `[http]`: metrics and health, for whoever asks on that address.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::debug;

use crate::clock;
use crate::config::Budget;
use crate::daemon::exposition::Exposition;
use crate::daemon::metrics::Metrics;

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

/// Answers everybody who connects.
pub async fn serve(listener: TcpListener, served: Served) {
    let served = Arc::new(served);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                debug!("a connection could not be taken: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        let served = served.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, served.clone()));
            // The timer bounds how long a client may take over its headers.
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                debug!("an HTTP connection ended: {error}");
            }
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    served: Arc<Served>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    Ok(match request.uri().path() {
        _ if !is_read => text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n"),
        "/metrics" => {
            let format = Exposition::accepted(request.headers().get(ACCEPT));
            metrics(served, format).await
        }
        "/healthz" => match served.metrics.illness() {
            None => text(StatusCode::OK, "ok\n"),
            Some(why) => text(StatusCode::SERVICE_UNAVAILABLE, &format!("{why}\n")),
        },
        _ => text(StatusCode::NOT_FOUND, "there are /metrics and /healthz\n"),
    })
}

async fn metrics(served: Arc<Served>, format: Exposition) -> Response<Full<Bytes>> {
    let read = tokio::task::spawn_blocking(move || {
        let budget = *served.budget.borrow();
        served.metrics.text(&served.database, budget.as_ref(), clock::now().time())
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
