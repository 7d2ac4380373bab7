//! The control socket from the other side: a command's request to the daemon that holds the database.

use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::daemon::protocol::{Line, RawLookup, RawRequest};
use crate::daemon::socket::{SocketAddress, socket_path};
use crate::engine::Selection;
use crate::runner::{Lookup, Progress};
use crate::store::AccountLookup;

/// The response of a daemon, which ends when the request is complete.
#[derive(Debug)]
pub struct Remote<T> {
    steps: UnboundedReceiver<Result<T, Refused>>,
    /// Closing it cancels the request.
    writer: Option<OwnedWriteHalf>,
}

/// The daemon refused the request.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the running daemon refused the request: {0}")]
pub struct Refused(String);

impl<T> Remote<T> {
    /// Returns the next step; `None` when the request is complete or the daemon has ended.
    pub async fn next(&mut self) -> Option<Result<T, Refused>> {
        self.steps.recv().await
    }

    /// Cancels the request: no further call starts. Calls in flight are still reported.
    pub fn cancel(&mut self) {
        self.writer = None;
    }
}

/// Requests refreshes from the daemon of `database`.
///
/// # Errors
/// Returns an error if no daemon is listening.
pub async fn request_refresh(
    database: &Path,
    selection: &Selection,
) -> io::Result<Remote<Progress>> {
    request(database, &RawRequest::Refresh(selection.clone())).await
}

/// Requests lookups by name from the daemon of `database`.
///
/// # Errors
/// Returns an error if no daemon is listening.
pub async fn request_lookups(
    database: &Path,
    lookups: &[AccountLookup],
) -> io::Result<Remote<Lookup>> {
    request(database, &RawRequest::Add(lookups.iter().map(RawLookup::of).collect())).await
}

async fn request<T: DeserializeOwned + Send + 'static>(
    database: &Path,
    request: &RawRequest,
) -> io::Result<Remote<T>> {
    let address = SocketAddress::of(&socket_path(database))?;
    let (reader, mut writer) = UnixStream::connect(address.path()).await?.into_split();
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    writer.write_all(&line).await?;
    let (sender, steps) = unbounded_channel();
    tokio::spawn(async move {
        let mut lines = BufReader::new(reader).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let step = match serde_json::from_str(&line) {
                Ok(Line::Step(step)) => Ok(step),
                Ok(Line::Refused { refused }) => Err(Refused(refused)),
                Err(_) => return,
            };
            if sender.send(step).is_err() {
                return;
            }
        }
    });
    Ok(Remote { steps, writer: Some(writer) })
}
