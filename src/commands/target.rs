//! An output file, which must never replace one of growthd's own files.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::Settings;
use crate::paths::{GROUP_READABLE, beside, folder_of};
use crate::printable::visible_path;
use crate::replacement::{Replaced, Replacement, followed, real_path};

pub use crate::replacement::Replace;
use crate::store::{LastBackup, has_journal};

/// Why an output file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// A folder, device or pipe.
    #[error("{} is not a regular file; name another file", .0.display())]
    NotAFile(PathBuf),
    /// One of growthd's own files.
    #[error("{} is {what}; name another file", path.display())]
    Own {
        /// As given on the command line.
        path: PathBuf,
        /// Which of growthd's files it is.
        what: &'static str,
    },
    /// It exists, and replacing it was not requested.
    #[error("{} already exists; name another file, or use --force", .0.display())]
    Exists(PathBuf),
    /// SQLite would apply the journal to whatever file replaces the database.
    #[error(
        "{} belongs to a database with a journal (-wal or -journal), which SQLite would apply to the new file; name another file, or move it away with its journal",
        .0.display()
    )]
    HasJournal(PathBuf),
    /// The backup succeeded, but its time could not be recorded.
    #[error("the backup was made, but could not be noted beside {}, so that `status` does not know of it: {}", database.display(), cause(source))]
    NotNoted { database: PathBuf, source: io::Error },
    /// The file system returned an error.
    #[error("{} cannot be written: {}", path.display(), cause(source))]
    Write {
        /// As given on the command line.
        path: PathBuf,
        source: io::Error,
    },
}

/// An output file that is written under a temporary name and renamed when it is complete.
#[derive(Debug)]
pub struct Target {
    /// As given on the command line.
    path: PathBuf,
    file: Replacement,
}

impl Target {
    /// Begins to write the file at `path`.
    ///
    /// # Errors
    /// Returns an error if it would replace something that must not be replaced, or cannot be written.
    pub fn begin(
        path: &Path,
        settings: &Settings,
        replace: Replace,
    ) -> Result<Target, TargetError> {
        refuse_own(path, settings)?;
        match fs::metadata(path) {
            Ok(there) if !there.is_file() => return Err(TargetError::NotAFile(path.to_owned())),
            Ok(_) if replace == Replace::Refused => {
                return Err(TargetError::Exists(path.to_owned()));
            }
            _ => {}
        }
        let failed = |source| TargetError::Write { path: path.to_owned(), source };
        let file = Replacement::begin(path, GROUP_READABLE).map_err(failed)?;
        if has_journal(file.target()) {
            return Err(TargetError::HasJournal(path.to_owned()));
        }
        Ok(Target { path: path.to_owned(), file })
    }

    /// Returns its temporary path until it is finished.
    pub fn temporary(&self) -> &Path {
        self.file.temporary()
    }

    pub fn file(&mut self) -> &mut File {
        self.file.file()
    }

    /// Syncs the file and moves it to its path.
    ///
    /// # Errors
    /// Returns an error if another file has appeared at the path, or if the file system fails.
    pub fn finish(self, replace: Replace) -> Result<(), TargetError> {
        let Target { path, file } = self;
        match file.finish(replace) {
            Ok(replaced) => tell(replaced, &path),
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {
                return Err(TargetError::Exists(path));
            }
            Err(source) => return Err(TargetError::Write { path, source }),
        }
        Ok(())
    }
}

/// Says on stderr if the file at `path` was not replaced atomically.
pub fn tell(replaced: Replaced, path: &Path) {
    if replaced == Replaced::InPlace {
        // The file is written, so an error on stderr does not matter.
        writeln!(
            io::stderr(),
            "growthd: {} cannot be replaced, so it was overwritten in place",
            visible_path(path)
        )
        .ok();
    }
}

/// Returns whether a path means standard output. A file that this is redirected to must be written
/// through its descriptor, since opening it again would begin at its start.
pub fn is_stdout(path: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| path == Path::new(name))
}

/// Refuses a path that leads to one of growthd's own files, by whatever name, or to where one will be.
///
/// # Errors
/// Returns [`TargetError::Own`] for such a path.
pub fn refuse_own(path: &Path, settings: &Settings) -> Result<(), TargetError> {
    let target = followed(path).unwrap_or_else(|_| path.to_owned());
    let is_ours = |(own, _): &(PathBuf, _)| is_same(own, &target);
    let own = match own_files(settings).into_iter().find(is_ours) {
        Some((_, what)) => Some(what),
        None if settings.would_include(&target) => Some("where `include` looks for accounts"),
        None => None,
    };
    match own {
        Some(what) => Err(TargetError::Own { path: path.to_owned(), what }),
        None => Ok(()),
    }
}

fn own_files(settings: &Settings) -> Vec<(PathBuf, &'static str)> {
    let database = &real_path(&settings.database.path);
    let mut own = vec![
        (database.clone(), "the database itself"),
        (beside(database, "-wal"), "the database's journal"),
        (beside(database, "-shm"), "the index of the database's journal"),
        (beside(database, "-journal"), "the database's journal"),
        (beside(database, ".sock"), "the daemon's socket"),
        (LastBackup::note_path(&settings.database.path), "the note of the last backup"),
        (settings.api.api_key_file.clone(), "the API key's file"),
    ];
    own.extend(settings.files.iter().map(|file| (file.clone(), "part of the configuration")));
    if let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|f| !f.is_empty()) {
        own.push((Path::new(&folder).join("api-key"), "the API key's file"));
    }
    own
}

/// Returns whether both paths lead to the same file, compared by inode so that no link, mount or
/// spelling hides it. Files that do not exist are compared by folder and name, ignoring case because
/// some file systems do.
fn is_same(own: &Path, other: &Path) -> bool {
    let inode = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    match (inode(own), inode(other)) {
        (Some(own), Some(other)) => own == other,
        (None, None) => {
            let (Some(name), Some(other_name)) = (own.file_name(), other.file_name()) else {
                return false;
            };
            name.eq_ignore_ascii_case(other_name)
                && inode(folder_of(own)) == inode(folder_of(other))
        }
        _ => false,
    }
}

/// Describes an error without naming the temporary file.
pub fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "its folder does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "this user cannot write to its folder".to_owned(),
        kind => kind.to_string(),
    }
}
