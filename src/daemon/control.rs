//! The control socket: how a verb reaches the daemon that holds the database.
//!
//! A line of JSON asks, lines of JSON answer ([`Progress`]) until all is done and
//! the daemon closes. Whoever may write the socket (its owner and group, mode 0660) may spend
//! credits within the budget, as whoever may edit the watchlist can.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tracing::debug;

use crate::daemon::{Input, Progress, Selection};

/// The longest request read, in bytes: a million ids.
const LONGEST_REQUEST: u64 = 64 << 20;

/// What may be asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    /// Refresh these accounts now.
    Ids(Vec<String>),
    /// Refresh every watched account now.
    All,
    /// Refresh what is due.
    Due,
}

impl From<&Selection> for Request {
    fn from(selection: &Selection) -> Request {
        match selection {
            Selection::Ids(ids) => Request::Ids(ids.iter().map(ToString::to_string).collect()),
            Selection::All => Request::All,
            Selection::Due => Request::Due,
        }
    }
}

impl Request {
    fn selection(&self) -> Option<Selection> {
        Some(match self {
            Request::Ids(ids) => {
                Selection::Ids(ids.iter().map(|id| id.parse().ok()).collect::<Option<_>>()?)
            }
            Request::All => Selection::All,
            Request::Due => Selection::Due,
        })
    }
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
pub async fn serve(listener: UnixListener, inbox: Sender<Input>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let inbox = inbox.clone();
                tokio::spawn(async move {
                    if let Err(error) = answer(stream, &inbox).await {
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

async fn answer(stream: UnixStream, inbox: &Sender<Input>) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    BufReader::new(reader.take(LONGEST_REQUEST)).read_line(&mut line).await?;
    let request: Request = serde_json::from_str(&line)?;
    let Some(selection) = request.selection() else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not an account id"));
    };
    let (tells, mut told) = unbounded_channel();
    if inbox.send(Input::Wish(selection, tells)).is_err() {
        return Ok(());
    }
    while let Some(progress) = told.recv().await {
        let mut line = serde_json::to_vec(&progress)?;
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
    let (reader, mut writer) = UnixStream::connect(socket_path(database)).await?.into_split();
    let mut line = serde_json::to_vec(&Request::from(selection))?;
    line.push(b'\n');
    writer.write_all(&line).await?;
    let (tells, told) = unbounded_channel();
    tokio::spawn(async move {
        // The writing half stays open: some servers take its end for the end of interest.
        let _writer = writer;
        let mut lines = BufReader::new(reader).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let Ok(progress) = serde_json::from_str(&line) else { return };
            if tells.send(progress).is_err() {
                return;
            }
        }
    });
    Ok(told)
}
