//! A file that is there whole or not at all.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::commands::CommandError;

/// A file being written in the folder it is for, under another name. Dropped unfinished, it is
/// removed.
#[derive(Debug)]
pub struct Target {
    path: PathBuf,
    file: NamedTempFile,
}

/// Whether a file that is there may be replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replace {
    /// Replace it.
    Allowed,
    /// Leave it, and say so.
    Refused,
}

impl Target {
    /// Begins the file that is to be at `path`, readable by its group.
    ///
    /// # Errors
    /// Where no file can be: the database or one with a journal lies there, a folder or device
    /// does, or the folder cannot be written.
    pub fn begin(path: &Path, database: &Path, replace: Replace) -> Result<Target, CommandError> {
        let refuse = |why: &str| CommandError::Target(format!("{} {why}", path.display()));
        // A link stays, and what it points to is replaced.
        let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if let Ok(there) = fs::metadata(path) {
            if !there.is_file() {
                return Err(refuse("is not a regular file; name another file"));
            }
            let is_database = fs::metadata(database)
                .is_ok_and(|ours| (ours.dev(), ours.ino()) == (there.dev(), there.ino()));
            if is_database {
                return Err(refuse("is the database itself; name another file"));
            }
            if replace == Replace::Refused {
                return Err(refuse("is there already; name another file, or say --force"));
            }
        }
        let mut journal = path.as_os_str().to_owned();
        journal.push("-wal");
        if fs::metadata(journal).is_ok_and(|journal| journal.len() > 0) {
            // SQLite would play it into whatever takes the file's place.
            return Err(refuse("belongs to a database with a journal (-wal); name another file"));
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let made = Builder::new().prefix(".growthd-").tempfile_in(folder).and_then(|file| {
            file.as_file().set_permissions(Permissions::from_mode(0o640))?;
            Ok(file)
        });
        match made {
            Ok(file) => Ok(Target { path: path.clone(), file }),
            Err(error) => Err(refuse(&format!("cannot be written: {}", cause(&error)))),
        }
    }

    /// Where it lies until it is finished.
    pub fn temporary(&self) -> &Path {
        self.file.path()
    }

    /// The file.
    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Makes it last, and puts it in its place.
    ///
    /// # Errors
    /// Where a file has come there meanwhile, or the disk says so.
    pub fn finish(self, replace: Replace) -> Result<(), CommandError> {
        let Target { path, file } = self;
        let failed = |error: &io::Error| {
            let why = match error.kind() {
                io::ErrorKind::AlreadyExists => "is there already; say --force".to_owned(),
                _ => format!("cannot be written: {}", cause(error)),
            };
            CommandError::Target(format!("{} {why}", path.display()))
        };
        file.as_file().sync_all().map_err(|error| failed(&error))?;
        let placed = match replace {
            Replace::Allowed => file.persist(&path),
            Replace::Refused => file.persist_noclobber(&path),
        };
        placed.map_err(|error| failed(&error.error))?;
        // The name itself is on the disk once its folder is; some file systems cannot say so.
        if let Some(folder) = path.parent()
            && let Ok(folder) = File::open(folder)
        {
            folder.sync_all().ok();
        }
        Ok(())
    }
}

/// What the system says, without the temporary file's name.
fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "its folder is not there".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not write its folder".to_owned(),
        kind => kind.to_string(),
    }
}
