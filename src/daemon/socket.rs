//! The path of the control socket, and how to reach it however long it is.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::paths::{beside, folder_of};
use crate::replacement::real_path;

/// The longest path that fits into a socket's address, in bytes.
const MAX_PATH: usize = 107;

/// The start of a path that leads through an open folder's descriptor.
const BY_DESCRIPTOR: &str = "/proc/self/fd/";

/// The longest file name of a socket that is reached through its folder's descriptor, in bytes.
const MAX_NAME: usize = MAX_PATH - BY_DESCRIPTOR.len() - "2147483647/".len();

/// Returns the path of a database's control socket, which is beside the file itself even if
/// `database` is a symbolic link.
pub fn socket_path(database: &Path) -> PathBuf {
    beside(&real_path(database), ".sock")
}

/// A path that is short enough for a socket's address, and valid for as long as this value exists.
#[derive(Debug)]
pub struct SocketAddress {
    path: PathBuf,
    /// The socket's folder, if the path leads through its descriptor.
    _folder: Option<OwnedFd>,
}

impl SocketAddress {
    /// # Errors
    /// Returns an error if the file name is too long as well, or if the folder cannot be opened.
    pub fn of(socket: &Path) -> io::Result<SocketAddress> {
        if socket.as_os_str().len() <= MAX_PATH {
            return Ok(SocketAddress { path: socket.to_owned(), _folder: None });
        }
        let name = socket.file_name().unwrap_or_default();
        if name.len() > MAX_NAME {
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, "its name is too long"));
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(folder_of(socket), flags, Mode::empty())?;
        let path = Path::new(BY_DESCRIPTOR).join(folder.as_raw_fd().to_string()).join(name);
        Ok(SocketAddress { path, _folder: Some(folder) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The path of the control socket and its file name are too long for a socket's address.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "the name of the control socket, {name:?}, is {length} bytes long, and in so deep a folder at most {MAX_NAME} are possible: set a shorter [database] path"
)]
pub struct SocketNameTooLong {
    name: String,
    length: usize,
}

/// Checks that the control socket of `database` can be reached.
pub fn check_name(database: &Path) -> Result<(), SocketNameTooLong> {
    let socket = std::path::absolute(socket_path(database));
    let socket = socket.unwrap_or_else(|_| socket_path(database));
    let name = socket.file_name().unwrap_or_default();
    match socket.as_os_str().as_bytes().len() > MAX_PATH && name.len() > MAX_NAME {
        true => {
            Err(SocketNameTooLong { name: name.to_string_lossy().into_owned(), length: name.len() })
        }
        false => Ok(()),
    }
}
