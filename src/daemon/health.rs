//! The daemon's health as far as its database does not show it, which `growthd status` requests
//! over the control socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::daemon::http::Served;
use crate::daemon::socket::{SocketAddress, socket_path};
use crate::daemon::unused_edit::UnusedEdit;
use crate::store::disk_trouble;

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
            trouble: metrics.trouble(),
            not_listening: metrics.why_not_listening(),
            unused_edit: metrics.unused_edit(),
        }
    }

    /// Requests the health of the daemon of `database`. Returns `None` if there is no response: no
    /// daemon runs, it belongs to another user, or a command holds the database.
    pub fn request(database: &Path) -> Option<Health> {
        let address = SocketAddress::of(&socket_path(database)).ok()?;
        let mut stream = UnixStream::connect(address.path()).ok()?;
        stream.set_read_timeout(Some(RESPONSE_TIMEOUT)).ok()?;
        stream.set_write_timeout(Some(RESPONSE_TIMEOUT)).ok()?;
        writeln!(stream, "{HEALTH_REQUEST}").ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }
}
