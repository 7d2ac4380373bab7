//! What a running daemon knows of itself and its database does not: asked over the control
//! socket by `growthd status`.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::daemon::http::Served;
use crate::daemon::socket::socket_path;
use crate::store::disk_trouble;

/// What [`Health::ask`] sends.
const HEALTH_REQUEST: &str = "\"health\"";

/// How long a daemon may take over its answer, which needs no database.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a daemon is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Health {
    /// Why nothing is refreshed: the store fails, or the sweep does not run.
    pub trouble: Option<String>,
    /// What will keep the next refresh from being recorded. Whoever asks may see the same file
    /// system otherwise: a service's sandbox makes it read-only.
    pub disk: Option<String>,
    /// Why nothing listens on the address of `[http]`, which is tried again.
    pub not_listening: Option<String>,
    /// Whether the configuration as it is now was refused, and the one before it is in force.
    pub is_edit_refused: bool,
}

impl Health {
    /// Of the daemon that serves this.
    pub(crate) fn of(served: &Served) -> Health {
        let Served { metrics, database, .. } = served;
        Health {
            disk: disk_trouble(database),
            trouble: metrics.trouble(),
            not_listening: metrics.why_not_listening(),
            is_edit_refused: metrics.is_edit_refused(),
        }
    }

    /// Asks the daemon of `database`. `None` if none answers: none runs, it is another user's, or
    /// a verb holds the database.
    pub fn ask(database: &Path) -> Option<Health> {
        let mut stream = UnixStream::connect(socket_path(database)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.set_write_timeout(Some(PATIENCE)).ok()?;
        writeln!(stream, "{HEALTH_REQUEST}").ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }
}
