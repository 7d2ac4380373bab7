//! The control socket: how a verb reaches the daemon that holds the database.
//!
//! A line of JSON asks, lines of JSON answer ([`Progress`]) until all is done and the daemon
//! closes. Whoever may write the socket (its owner and group) may spend credits within the budget,
//! as whoever may edit the watchlist can. Nothing that comes over it is trusted beyond that: it is
//! bounded in length, time and number, and goes through the same types as the configuration.
//!
//! Whoever closes their side no longer wants what they asked for: no further call starts for them,
//! and they still hear of those on their way. Whoever only reads too slowly is told no more, and
//! what they asked for is done.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;
use tracing::debug;

use crate::account::{AccountId, Handle as AccountHandle};
use crate::clock;
use crate::config::Watched;
use crate::daemon::connections::{Connection, Connections};
use crate::daemon::health::Health;
use crate::daemon::http::Served;
use crate::daemon::socket::socket_path;
use crate::engine::Selection;
use crate::runner::{Answers, Handle, Lookup, Progress};
use crate::schedule::Schedule;
use crate::store::AccountLookup;

/// Stands for the id of an account whose id is not known yet.
const PLACEHOLDER: &str = "unknown";

/// The longest request read, in bytes: some hundred thousand ids.
const LONGEST_REQUEST: u64 = 8 << 20;

/// How many may be connected at once.
const CONNECTIONS: usize = 16;

/// How long a request may take to arrive, and each line of an answer to be taken.
const PATIENCE: Duration = Duration::from_secs(10);

/// The bit of a mode that lets every user connect.
const OTHERS_WRITE: u32 = 0o002;

/// The longest text in a lookup, in bytes: beyond what any platform or schedule needs.
const LONGEST_TEXT: usize = 200;

/// The longest spread taken over the socket, in seconds.
const LONGEST_SPREAD: i64 = 366 * 86_400;

/// The most accounts named in one request: for a longer list there is `--all`.
const MOST_IDS: usize = 100_000;

/// The most names looked up in one request.
const MOST_LOOKUPS: usize = 1000;

/// What may be asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawRequest {
    Refresh(Selected),
    /// Look accounts up by name.
    Add(Vec<Wanted>),
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
    DueOf(Vec<String>),
}

impl Selected {
    fn of(selection: &Selection) -> Selected {
        match selection {
            Selection::Ids(ids) => Selected::Ids(ids.iter().map(ToString::to_string).collect()),
            Selection::All => Selected::All,
            Selection::Due => Selected::Due,
            Selection::DueOf(ids) => Selected::DueOf(ids.iter().map(ToString::to_string).collect()),
        }
    }

    fn selection(&self) -> io::Result<Selection> {
        Ok(match self {
            Selected::Ids(ids) | Selected::DueOf(ids) if ids.len() > MOST_IDS => {
                return Err(invalid(
                    "too many accounts at once: ask for at most 100,000, or for all",
                ));
            }
            Selected::Ids(ids) => Selection::Ids(parsed(ids)?),
            Selected::DueOf(ids) => Selection::DueOf(parsed(ids)?),
            Selected::All => Selection::All,
            Selected::Due => Selection::Due,
        })
    }
}

fn parsed(ids: &[String]) -> io::Result<Vec<AccountId>> {
    ids.iter().map(|id| id.parse().map_err(invalid)).collect()
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
    fn of(lookup: &AccountLookup) -> Wanted {
        let AccountLookup { handle, entry } = lookup;
        Wanted {
            username: handle.username().to_owned(),
            platform: handle.platform().to_owned(),
            cron: entry.cron.to_string(),
            timezone: entry.timezone.to_string(),
            spread: entry.spread,
        }
    }

    fn lookup(self) -> io::Result<AccountLookup> {
        let is_long = |text: &String| text.len() > LONGEST_TEXT;
        if [&self.username, &self.platform, &self.cron, &self.timezone].into_iter().any(is_long) {
            return Err(invalid("a text is too long"));
        }
        let handle = AccountHandle::new(&self.username, &self.platform)
            .map_err(|error| invalid(format!("what was to be looked up {error}")))?;
        if !(0..=LONGEST_SPREAD).contains(&self.spread) {
            return Err(invalid("not a spread"));
        }
        Schedule::parse(&self.cron, &self.timezone, clock::now().time()).map_err(invalid)?;
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
        Ok(AccountLookup { handle, entry })
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Serves the socket until it is dropped. The caller holds the database's lock, so a socket
/// that is there already is a dead process's.
///
/// # Errors
/// The socket cannot be made, as where its path is longer than a socket's may be; or cannot be
/// kept from strangers.
pub fn listen(database: &Path) -> io::Result<UnixListener> {
    let path = socket_path(database);
    // Bound where nobody else can reach it, so that it has its mode from its first moment.
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let private = tempfile::Builder::new()
        .prefix(".growthd-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(folder)?;
    let inside = private.path().join("s");
    let listener = UnixListener::bind(&inside)?;
    // A file system without modes refuses, or says nothing and does not.
    fs::set_permissions(&inside, fs::Permissions::from_mode(0o660)).ok();
    if fs::metadata(&inside)?.permissions().mode() & OTHERS_WRITE != 0 {
        return Err(io::Error::other("every user of this machine could write it"));
    }
    fs::rename(&inside, &path)?;
    Ok(listener)
}

/// Answers everybody who connects, each at their own pace.
pub async fn serve(listener: UnixListener, handle: Handle, served: Served) {
    let connections = Connections::new(CONNECTIONS);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (handle, served) = (handle.clone(), served.clone());
                let connection = connections.admit().await;
                tokio::spawn(async move {
                    if let Err(error) = answer(stream, &connection, &handle, served).await {
                        debug!("a control connection ended: {error}");
                    }
                });
            }
            // Out of file descriptors, most likely: those of running calls will come back.
            Err(error) => {
                debug!("a control connection could not be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(
    stream: UnixStream,
    connection: &Connection,
    handle: &Handle,
    served: Served,
) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader.take(LONGEST_REQUEST));
    let mut line = Vec::new();
    let read = timeout(PATIENCE, reader.read_until(b'\n', &mut line));
    match connection.unless_shown_out(read).await {
        Some(read) => read??,
        None => return Err(invalid("it asked nothing")),
    };
    connection.asked();
    let wanted = Request::of(&line);
    drop(line);
    let reader = reader.into_inner().into_inner();
    match wanted {
        Ok(Request::Refresh(selection)) => pass_on(handle.refresh(selection), reader, writer).await,
        Ok(Request::LookUp(lookups)) => pass_on(handle.look_up(lookups), reader, writer).await,
        Ok(Request::Health) => {
            // The file system is asked, which may hang.
            let health = tokio::task::spawn_blocking(move || Health::of(&served));
            write(&mut writer, &Line::Step(health.await.map_err(io::Error::other)?)).await?;
            writer.shutdown().await
        }
        Err(error) => {
            let refusal = Line::<()>::Refused { refused: error.to_string() };
            write(&mut writer, &refusal).await?;
            writer.shutdown().await
        }
    }
}

/// A request that holds to every bound.
enum Request {
    Refresh(Selection),
    LookUp(Vec<AccountLookup>),
    Health,
}

impl Request {
    fn of(line: &[u8]) -> io::Result<Request> {
        if !line.ends_with(b"\n") {
            return Err(invalid("the request has no end, or is too long"));
        }
        match serde_json::from_slice(line).map_err(|_| invalid("this is no request"))? {
            RawRequest::Refresh(selected) => Ok(Request::Refresh(selected.selection()?)),
            RawRequest::Health => Ok(Request::Health),
            RawRequest::Add(wanted) if wanted.len() > MOST_LOOKUPS => {
                Err(invalid("too many names at once: ask for at most 1,000"))
            }
            RawRequest::Add(wanted) => {
                let lookups = wanted.into_iter().map(Wanted::lookup).collect::<io::Result<_>>()?;
                Ok(Request::LookUp(lookups))
            }
        }
    }
}

/// A line of an answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Line<T> {
    /// Nothing comes of the request.
    Refused {
        refused: String,
    },
    Step(T),
}

/// Writes a line for each step, and cancels the request when the other side is closed.
async fn pass_on<T: Serialize>(
    mut answers: Answers<T>,
    mut reader: OwnedReadHalf,
    mut writer: OwnedWriteHalf,
) -> io::Result<()> {
    let mut byte = [0];
    let mut is_wanted = true;
    loop {
        let step = tokio::select! {
            step = answers.next() => step,
            // Nothing more is said on that side; its end is the end of interest.
            _ = reader.read(&mut byte), if is_wanted => {
                answers.cancel();
                is_wanted = false;
                continue;
            }
        };
        let Some(step) = step else { break };
        if let Err(error) = write(&mut writer, &Line::Step(step)).await {
            if error.kind() == io::ErrorKind::TimedOut {
                answers.detach();
            }
            return Err(error);
        }
    }
    writer.shutdown().await
}

async fn write<T: Serialize>(writer: &mut OwnedWriteHalf, line: &Line<T>) -> io::Result<()> {
    let mut line = serde_json::to_vec(line)?;
    line.push(b'\n');
    timeout(PATIENCE, writer.write_all(&line)).await?
}

/// What a daemon answers; it ends when all is done.
#[derive(Debug)]
pub struct Remote<T> {
    steps: UnboundedReceiver<Result<T, Refused>>,
    /// Its end cancels what was asked for.
    writer: Option<OwnedWriteHalf>,
}

/// The daemon refuses a request.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the running daemon refused it: {0}")]
pub struct Refused(String);

impl<T> Remote<T> {
    /// The next step; `None` when all is done, or the daemon has ended.
    pub async fn next(&mut self) -> Option<Result<T, Refused>> {
        self.steps.recv().await
    }

    /// Ends what was asked for: no further call starts. What is on its way is still told.
    pub fn cancel(&mut self) {
        self.writer = None;
    }
}

/// Asks the daemon of `database` for refreshes.
///
/// # Errors
/// There is no daemon, or it does not listen.
pub async fn ask(database: &Path, selection: &Selection) -> io::Result<Remote<Progress>> {
    request(database, &RawRequest::Refresh(Selected::of(selection))).await
}

/// Asks the daemon of `database` to look accounts up by name.
///
/// # Errors
/// As [`ask`].
pub async fn ask_to_add(database: &Path, lookups: &[AccountLookup]) -> io::Result<Remote<Lookup>> {
    request(database, &RawRequest::Add(lookups.iter().map(Wanted::of).collect())).await
}

async fn request<T: DeserializeOwned + Send + 'static>(
    database: &Path,
    request: &RawRequest,
) -> io::Result<Remote<T>> {
    let (reader, mut writer) = UnixStream::connect(socket_path(database)).await?.into_split();
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    writer.write_all(&line).await?;
    let (tells, steps) = unbounded_channel();
    tokio::spawn(async move {
        let mut lines = BufReader::new(reader).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let step = match serde_json::from_str(&line) {
                Ok(Line::Step(step)) => Ok(step),
                Ok(Line::Refused { refused }) => Err(Refused(refused)),
                Err(_) => return,
            };
            if tells.send(step).is_err() {
                return;
            }
        }
    });
    Ok(Remote { steps, writer: Some(writer) })
}
