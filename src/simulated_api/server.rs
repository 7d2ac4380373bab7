//! An HTTP server for any service.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tracing::{debug, warn};

/// A running HTTP/1.1 server. It stops when dropped.
pub struct Server {
    address: SocketAddr,
    /// `None` once the server was stopped.
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Server {
    /// Listens at `address` and serves on the current runtime. If `service` fails for a request,
    /// its connection is closed without a response.
    pub async fn start<S, F, B, E>(address: SocketAddr, service: S) -> io::Result<Server>
    where
        S: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response<B>, E>> + Send + 'static,
        B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let task = Mutex::new(Some(tokio::spawn(serve(listener, service))));
        Ok(Server { address, task })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns `http://` and the address, without a trailing slash.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops listening and closes every connection. Afterwards the address is free again, whereas a
    /// dropped server frees it somewhat later.
    pub async fn stop(&self) {
        if let Some(task) = self.take_task() {
            task.abort();
            if let Err(error) = task.await
                && !error.is_cancelled()
            {
                warn!(%error, "the simulated API had already stopped");
            }
        }
    }

    fn take_task(&self) -> Option<JoinHandle<()>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(task) = self.take_task() {
            task.abort();
        }
    }
}

/// Accepts connections until it is aborted, which aborts every connection too.
async fn serve<S, F, B, E>(listener: TcpListener, service: S)
where
    S: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, service.clone()));
                }
                Err(error) => {
                    warn!(%error, "the simulated API cannot accept a connection");
                    // Most likely out of file descriptors, some of which may soon be closed.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection<S, F, B, E>(stream: TcpStream, service: S)
where
    S: Fn(Request<Incoming>) -> F,
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "responses of the simulated API may be delayed");
    }
    let connection =
        http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(service));
    if let Err(error) = connection.await {
        debug!(%error, "a connection to the simulated API ended early");
    }
}
