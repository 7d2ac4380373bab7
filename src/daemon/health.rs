//! The daemon's health as far as its database does not show it, which `growthd status` requests
//! over the control socket.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::daemon::http::Served;
use crate::daemon::socket::{SocketAddress, socket_path};
use crate::daemon::unused_edit::UnusedEdit;
use crate::store::{StoreError, disk_trouble};

const HEALTH_REQUEST: &str = "\"health\"";

/// How long a daemon may take to respond, which does not involve the database.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Health {
    /// Why nothing is refreshed: the store fails, or the sweep does not run.
    pub trouble: Option<String>,
    /// What will keep the next refresh from being recorded. The client cannot check this itself,
    /// because it may see the file system differently: a service's sandbox can make it read-only.
    pub disk: Option<String>,
    /// Why nothing listens on the address in `[http]`, which is retried.
    pub not_listening: Option<String>,
    /// Why the current configuration is not in use, but an older one.
    pub unused_edit: Option<UnusedEdit>,
}

impl Health {
    pub(crate) fn of(served: &Served) -> Health {
        let Served { metrics, database, .. } = served;
        Health {
            disk: disk_trouble(database),
            trouble: served.trouble(),
            not_listening: metrics.why_not_listening(),
            unused_edit: metrics.unused_edit(),
        }
    }

    /// Requests the health of the daemon of `database`.
    ///
    /// # Errors
    /// Returns why there is none.
    pub fn request(database: &Path) -> Result<Health, NoHealth> {
        let socket = socket_path(database);
        let (sender, response) = mpsc::channel();
        // In a thread, because a connection has no timeout: it waits for room in the queue of a
        // daemon that accepts none.
        thread::Builder::new()
            .spawn(move || sender.send(ask(&socket)).ok())
            .map_err(|_| NoHealth::Unreachable)?;
        response.recv_timeout(RESPONSE_TIMEOUT).unwrap_or(Err(NoHealth::NoResponse))
    }
}

/// Checks that no daemon runs whose database was removed. Another one in its place would not know
/// what was served and spent.
///
/// # Errors
/// Returns [`StoreError::Replaced`] if one does.
pub fn check_not_removed(database: &Path) -> Result<(), StoreError> {
    let is_missing = matches!(database.try_exists(), Ok(false));
    match is_missing.then(|| Health::request(database)) {
        Some(Ok(_) | Err(NoHealth::NoResponse)) => Err(StoreError::Replaced(database.to_owned())),
        None | Some(Err(NoHealth::NoDaemon | NoHealth::Unreachable)) => Ok(()),
    }
}

/// Why no daemon has reported its health.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoHealth {
    /// Nothing listens on the control socket.
    NoDaemon,
    /// Whether a daemon listens is unknown: this user may not connect to it.
    Unreachable,
    /// A daemon listens and does not respond.
    NoResponse,
}

fn ask(socket: &Path) -> Result<Health, NoHealth> {
    let address = SocketAddress::of(socket);
    let connected = address.and_then(|address| UnixStream::connect(address.path()));
    let stream = connected.map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => NoHealth::Unreachable,
        _ => NoHealth::NoDaemon,
    })?;
    converse(stream).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::InvalidData => NoHealth::NoResponse,
        // It ended at this moment.
        _ => NoHealth::NoDaemon,
    })
}

fn converse(mut stream: UnixStream) -> io::Result<Health> {
    stream.set_read_timeout(Some(RESPONSE_TIMEOUT))?;
    stream.set_write_timeout(Some(RESPONSE_TIMEOUT))?;
    writeln!(stream, "{HEALTH_REQUEST}")?;
    let mut line = String::new();
    match BufReader::new(stream).read_line(&mut line)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => serde_json::from_str(&line)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
    }
}
