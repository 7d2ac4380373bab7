//! The control socket: how a verb reaches the daemon that holds the database.
//!
//! A line of JSON asks, lines of JSON answer ([`Progress`]) until all is done and
//! the daemon closes. Whoever may write the socket (its owner and group, mode 0660) may spend
//! credits within the budget, as whoever may edit the watchlist can.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tracing::debug;

use crate::account::{Handle, InvalidAccountId};
use crate::config::Watched;
use crate::daemon::http::Served;
use crate::daemon::{Health, Input, Lookup, Progress, Selection};
use crate::store::AccountLookup;

/// Stands for the id of somebody whose id is not known yet.
const PLACEHOLDER: &str = "unknown";

/// What [`Health::ask`] sends.
pub(super) const HEALTH_REQUEST: &str = "\"health\"";

/// The longest request read, in bytes: a million ids.
const LONGEST_REQUEST: u64 = 64 << 20;

/// What may be asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    /// Refresh now.
    Refresh(Selected),
    /// Look somebody up by name.
    Add(Wanted),
    /// Tell how the daemon is: one line, at once.
    Health,
}

/// Whom to refresh.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Selected {
    Ids(Vec<String>),
    All,
    Due,
}

impl Selected {
    fn of(selection: &Selection) -> Selected {
        match selection {
            Selection::Ids(ids) => Selected::Ids(ids.iter().map(ToString::to_string).collect()),
            Selection::All => Selected::All,
            Selection::Due => Selected::Due,
        }
    }

    fn selection(&self) -> io::Result<Selection> {
        Ok(match self {
            Selected::Ids(ids) => {
                let ids = ids.iter().map(|id| id.parse().map_err(invalid));
                Selection::Ids(ids.collect::<io::Result<_>>()?)
            }
            Selected::All => Selection::All,
            Selected::Due => Selection::Due,
        })
    }
}

/// Somebody to look up, and the schedule that they will have.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Wanted {
    username: String,
    platform: String,
    cron: String,
    timezone: String,
    spread: i64,
}

impl Wanted {
    fn of(newcomer: &AccountLookup) -> Wanted {
        let AccountLookup { handle, entry } = newcomer;
        Wanted {
            username: handle.username.clone(),
            platform: handle.platform.clone(),
            cron: entry.cron.to_string(),
            timezone: entry.timezone.to_string(),
            spread: entry.spread,
        }
    }

    fn newcomer(self) -> io::Result<AccountLookup> {
        let entry = Watched {
            // The vendor tells it.
            id: PLACEHOLDER.parse().map_err(invalid)?,
            label: None,
            tags: Vec::new(),
            cron: self.cron.into(),
            timezone: self.timezone.into(),
            spread: self.spread,
            enabled: true,
        };
        let handle = Handle { username: self.username, platform: self.platform };
        Ok(AccountLookup { handle, entry })
    }
}

fn invalid(error: InvalidAccountId) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Where the socket of a database lies.
pub fn socket_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".sock");
    name.into()
}

/// Serves the socket until it is dropped. The caller holds the database's lock, so a socket
/// that is there already is a dead process's.
///
/// # Errors
/// The socket cannot be made, as where its path is longer than a socket's may be.
pub fn listen(database: &Path) -> io::Result<UnixListener> {
    let path = socket_path(database);
    match std::fs::remove_file(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Answers everybody who connects, each at their own pace.
pub async fn serve(listener: UnixListener, inbox: Sender<Input>, served: Served) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (inbox, served) = (inbox.clone(), served.clone());
                tokio::spawn(async move {
                    if let Err(error) = answer(stream, &inbox, served).await {
                        debug!("a control connection ended: {error}");
                    }
                });
            }
            // Out of file descriptors, most likely: those of running calls will come back.
            Err(error) => {
                debug!("a control connection could not be taken: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(stream: UnixStream, inbox: &Sender<Input>, served: Served) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    BufReader::new(reader.take(LONGEST_REQUEST)).read_line(&mut line).await?;
    match serde_json::from_str::<Request>(&line)? {
        Request::Add(wanted) => {
            let (tells, told) = unbounded_channel();
            // Without a worker nobody tells, and the connection is closed.
            inbox.send(Input::Add(Box::new(wanted.newcomer()?), tells)).ok();
            pass_on(told, writer).await
        }
        Request::Refresh(selected) => {
            let (tells, told) = unbounded_channel();
            inbox.send(Input::RefreshRequest(selected.selection()?, tells)).ok();
            pass_on(told, writer).await
        }
        Request::Health => {
            // The file system is asked, which may hang.
            let health = tokio::task::spawn_blocking(move || Health::of(&served));
            let mut line = serde_json::to_vec(&health.await.map_err(io::Error::other)?)?;
            line.push(b'\n');
            writer.write_all(&line).await?;
            writer.shutdown().await
        }
    }
}

/// Writes a line for each thing told.
async fn pass_on<T: Serialize>(
    mut told: UnboundedReceiver<T>,
    mut writer: OwnedWriteHalf,
) -> io::Result<()> {
    while let Some(step) = told.recv().await {
        let mut line = serde_json::to_vec(&step)?;
        line.push(b'\n');
        writer.write_all(&line).await?;
    }
    writer.shutdown().await
}

/// Asks the daemon of `database` for refreshes; what it answers comes out of the receiver,
/// which closes at the end.
///
/// # Errors
/// There is no daemon, or it does not listen.
pub async fn ask(
    database: &Path,
    selection: &Selection,
) -> io::Result<UnboundedReceiver<Progress>> {
    request(database, &Request::Refresh(Selected::of(selection))).await
}

/// Asks the daemon of `database` to look somebody up by name.
///
/// # Errors
/// As [`ask`].
pub async fn ask_to_add(
    database: &Path,
    newcomer: &AccountLookup,
) -> io::Result<UnboundedReceiver<Lookup>> {
    request(database, &Request::Add(Wanted::of(newcomer))).await
}

async fn request<T: DeserializeOwned + Send + 'static>(
    database: &Path,
    request: &Request,
) -> io::Result<UnboundedReceiver<T>> {
    let (reader, mut writer) = UnixStream::connect(socket_path(database)).await?.into_split();
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    writer.write_all(&line).await?;
    let (tells, told) = unbounded_channel();
    tokio::spawn(async move {
        // The writing half stays open: some servers take its end for the end of interest.
        let _writer = writer;
        let mut lines = BufReader::new(reader).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let Ok(step) = serde_json::from_str(&line) else { return };
            if tells.send(step).is_err() {
                return;
            }
        }
    });
    Ok(told)
}
