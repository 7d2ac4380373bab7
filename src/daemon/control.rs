//! The control socket, over which commands reach the daemon that holds the database: the daemon's
//! side.
//!
//! A request is one line of JSON, which is answered by lines of JSON until it is complete and the
//! daemon closes the connection (`protocol.rs`). Anyone who can write to the socket (its owner and
//! group) can spend credits within the budget, as can anyone who can edit the watchlist. Requests
//! are not trusted beyond that: their length, duration and number are limited, and they are parsed
//! by the same types as the configuration.
//!
//! A client that closes its side cancels its request: no further call starts for it, and it is
//! still sent the results of its calls in flight. A client that merely reads too slowly is
//! disconnected, and its request is completed.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use crate::daemon::connections::{Connection, Connections};
use crate::daemon::health::Health;
use crate::daemon::http::Served;
use crate::daemon::protocol::{Line, Request, invalid};
use crate::daemon::socket::{SocketAddress, socket_path};
use crate::runner::{Handle, Steps};

/// The maximum length of a request, in bytes: a few hundred thousand ids.
const MAX_REQUEST_BYTES: u64 = 8 << 20;

/// The maximum length of a request that is one word, in bytes.
const MAX_WORD_BYTES: u64 = 64;

/// The maximum number of requests that are served at once, apart from those of one word, which are
/// answered immediately.
const MAX_REQUESTS: usize = 16;

/// The maximum number of concurrent connections, including those that wait to be served.
const MAX_CONNECTIONS: usize = 48;

/// How long a client may take to send its request, and to accept each line of the response.
const IO_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait for the end of a connection that the client has closed already. If this process
/// was stopped, it has cancelled its request meanwhile.
const CANCELLED_WITHIN: Duration = Duration::from_millis(2);

/// How often to check whether the socket is still there. No shorter, since each check is a wake-up.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// The mode bit that lets every user connect.
const WORLD_WRITABLE: u32 = 0o002;

/// Creates the socket and listens on it. The caller holds the database's lock, so an existing
/// socket was left by a process that has ended.
///
/// # Errors
/// Returns an error if the socket cannot be created, or if other users could connect to it.
fn listen(database: &Path) -> io::Result<Socket> {
    let path = socket_path(database);
    // Bind it in a private folder, so that it already has its mode when it becomes reachable.
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let private = tempfile::Builder::new()
        .prefix(".growthd-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(folder)?;
    let private_path = private.path().join("s");
    let listener = UnixListener::bind(SocketAddress::of(&private_path)?.path())?;
    // A file system without modes returns an error, or silently ignores the mode.
    fs::set_permissions(&private_path, fs::Permissions::from_mode(0o660)).ok();
    if fs::metadata(&private_path)?.permissions().mode() & WORLD_WRITABLE != 0 {
        return Err(io::Error::other("every user of this machine could write to it"));
    }
    let inode = fs::symlink_metadata(&private_path)?.ino();
    fs::rename(&private_path, &path)?;
    Ok(Socket { listener, path, inode })
}

/// A socket that is listened on, and removed when this is dropped.
#[derive(Debug)]
struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// It tells the socket from that of another daemon, which may have taken its place since.
    inode: u64,
}

impl Drop for Socket {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode);
        if is_ours && let Err(error) = fs::remove_file(&self.path) {
            debug!("the control socket was not removed: {error}");
        }
    }
}

/// Creates the socket, and keeps serving it until this is dropped, which removes it. One that was
/// removed, with its folder or by a cleanup, is created again, as is one that could not be created.
/// One that is in its place belongs to a daemon with another database there, and is left alone.
pub fn keep(
    database: PathBuf,
    handle: Handle,
    served: Served,
) -> impl Future<Output = ()> + Send + 'static {
    let mut socket = listen(&database);
    async move {
        let mut last_logged = None;
        loop {
            match socket {
                Ok(socket) => {
                    last_logged = None;
                    tokio::select! {
                        () = serve(&socket.listener, handle.clone(), served.clone()) => {}
                        () = removed(&database) => {}
                    }
                    info!(
                        "the control socket was removed, or the database moved; creating it again"
                    );
                }
                Err(error) => {
                    // The text of an error may name a temporary folder.
                    if last_logged != Some(error.kind()) {
                        warn!(
                            "no control socket at {}: {error}; `growthd refresh` and `growthd status` cannot reach this daemon",
                            socket_path(&database).display()
                        );
                        last_logged = Some(error.kind());
                    }
                    tokio::time::sleep(CHECK_INTERVAL).await;
                }
            }
            socket = listen(&database);
        }
    }
}

/// Returns once no socket is beside the database, to which a link may lead elsewhere by then.
async fn removed(database: &Path) {
    loop {
        tokio::time::sleep(CHECK_INTERVAL).await;
        let found = fs::symlink_metadata(socket_path(database));
        if found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return;
        }
    }
}

/// Serves all connections concurrently.
async fn serve(listener: &UnixListener, handle: Handle, served: Served) {
    let connections = Connections::new(MAX_CONNECTIONS);
    let requests = Arc::new(Semaphore::new(MAX_REQUESTS));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (handle, served) = (handle.clone(), served.clone());
                let requests = Arc::clone(&requests);
                let connection = connections.admit().await;
                tokio::spawn(async move {
                    let ended = respond(stream, &connection, &requests, &handle, served).await;
                    if let Err(error) = ended {
                        debug!("a control connection ended: {error}");
                    }
                });
            }
            // Most likely there are no file descriptors left until running calls end.
            Err(error) => {
                debug!("a control connection could not be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn respond(
    stream: UnixStream,
    connection: &Connection,
    requests: &Semaphore,
    handle: &Handle,
    served: Served,
) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let is_word = in_time(connection, reader.fill_buf()).await?.first() == Some(&b'"');
    // Until it is served, the connection may still be evicted by newer ones.
    let permit = match is_word {
        true => None,
        false => match connection.unless_evicted(requests.acquire()).await {
            Some(permit) => Some(permit.map_err(io::Error::other)?),
            None => {
                return refuse(&mut writer, "too many requests are waiting; try again later").await;
            }
        },
    };
    let longest = if is_word { MAX_WORD_BYTES } else { MAX_REQUEST_BYTES };
    let mut line = Vec::new();
    let mut limited = (&mut reader).take(longest);
    in_time(connection, limited.read_until(b'\n', &mut line)).await?;
    connection.mark_busy();
    let request = Request::of(&line);
    drop(line);
    let mut reader = reader.into_inner();
    if let Ok(Request::Refresh(_) | Request::LookUp(_)) = request
        && timeout(CANCELLED_WITHIN, reader.read(&mut [0])).await.is_ok()
    {
        return Ok(());
    }
    match request {
        Ok(Request::Refresh(selection)) => {
            stream_steps(handle.refresh(selection), reader, writer).await?;
        }
        Ok(Request::LookUp(lookups)) => {
            stream_steps(handle.look_up(lookups), reader, writer).await?;
        }
        Ok(Request::Health) => {
            // Checking the file system may block.
            let health = tokio::task::spawn_blocking(move || Health::of(&served));
            write(&mut writer, &Line::Step(health.await.map_err(io::Error::other)?)).await?;
            writer.shutdown().await?;
        }
        Err(error) => refuse(&mut writer, &error.to_string()).await?,
    }
    drop(permit);
    Ok(())
}

/// Waits for a part of the request.
async fn in_time<T>(
    connection: &Connection,
    read: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    match connection.unless_evicted(timeout(IO_TIMEOUT, read)).await {
        Some(read) => read?,
        None => Err(invalid("no request was sent")),
    }
}

async fn refuse(writer: &mut OwnedWriteHalf, why: &str) -> io::Result<()> {
    write(writer, &Line::<()>::Refused { refused: why.to_owned() }).await?;
    writer.shutdown().await
}

/// Writes a line for each step, and cancels the request when the client closes its side.
async fn stream_steps<T: Serialize>(
    mut steps: Steps<T>,
    mut reader: OwnedReadHalf,
    mut writer: OwnedWriteHalf,
) -> io::Result<()> {
    let mut byte = [0];
    let mut is_open = true;
    loop {
        let step = tokio::select! {
            step = steps.next() => step,
            // The client sends nothing after its request, so any read means that it has closed its
            // side.
            _ = reader.read(&mut byte), if is_open => {
                steps.cancel();
                is_open = false;
                continue;
            }
        };
        let Some(step) = step else { break };
        if let Err(error) = write(&mut writer, &Line::Step(step)).await {
            if error.kind() == io::ErrorKind::TimedOut {
                steps.detach();
            }
            return Err(error);
        }
    }
    writer.shutdown().await
}

async fn write<T: Serialize>(writer: &mut OwnedWriteHalf, line: &Line<T>) -> io::Result<()> {
    let mut line = serde_json::to_vec(line)?;
    line.push(b'\n');
    timeout(IO_TIMEOUT, writer.write_all(&line)).await?
}
