//! What can be wrong with the database, each with what to do about it.

use std::io;
use std::path::PathBuf;

/// Why the store cannot be used, or could not be just now.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A verb that only reads found no database.
    #[error("there is no database at {}; `growthd run` creates it", .0.display())]
    Missing(PathBuf),
    /// The file is no longer the one that was opened.
    #[error(
        "the database file {} was removed or replaced while in use; nothing is refreshed until it is put back", .0.display()
    )]
    Replaced(PathBuf),
    /// The journal's name is gone, and what it holds cannot be brought into the database.
    #[error(
        "the journal beside {} (-wal, -shm) was removed while in use, and a program that reads the database keeps it from being made anew; end that program", .0.display()
    )]
    JournalRemoved(PathBuf),
    /// A directory, device or FIFO stands there.
    #[error("{} is not a regular file; name another [database] path", .0.display())]
    NotAFile(PathBuf),
    /// A file of something else.
    #[error("{} is not a growthd database; name another [database] path", .0.display())]
    NotOurs(PathBuf),
    /// Made by a growthd from before the first release.
    #[error(
        "{} was written by a growthd from before its first release, whose databases are not read; move it away, and `growthd run` begins a new one", .0.display()
    )]
    PreRelease(PathBuf),
    /// Made by a newer growthd.
    #[error(
        "{} was written by a newer growthd (schema {found}, this one knows {known}); upgrade growthd", path.display()
    )]
    Newer {
        path: PathBuf,
        found: i64,
        /// The newest schema this version knows.
        known: i64,
    },
    #[error(
        "{} is damaged ({detail}); stop growthd, keep the file, and restore a backup or try `sqlite3 {} .recover`", path.display(), path.display()
    )]
    Corrupt {
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// Another growthd writes it.
    #[error("another growthd is using {}; stop it first", .0.display())]
    Held(PathBuf),
    /// Somebody who is no growthd holds a lock on it.
    #[error(
        "another program holds a shared lock on {}, which keeps growthd out; end that program", .0.display()
    )]
    Shared(PathBuf),
    /// Written as this user, the file would lock its owner out.
    #[error(
        "{} belongs to user {owner}, and this is user {user}; run this as its owner: sudo -u '{owner}' growthd …", folder.display()
    )]
    WrongUser {
        /// The database's folder.
        folder: PathBuf,
        /// Its owner, by name where known.
        owner: String,
        /// Who runs this.
        user: String,
    },
    /// The file is another user's, and cannot be written.
    #[error(
        "{} belongs to user {owner}, and user {user} cannot write it; give it back: chown '{user}' '{}'",
        path.display(), path.display()
    )]
    WrongOwner {
        path: PathBuf,
        /// Its owner, by name where known.
        owner: String,
        /// Who runs this.
        user: String,
    },
    /// A file or folder could not be opened, created or locked.
    #[error(
        "cannot use {}: {source}; the database needs a folder that this user can write: make it so, or name another [database] path", path.display()
    )]
    File { path: PathBuf, source: io::Error },
    /// A value that no version of growthd wrote, or a newer one did.
    #[error("the database holds {code} in {column}, which this growthd does not know")]
    Unknown {
        /// Table and column.
        column: &'static str,
        code: i64,
    },
    /// An account id that growthd would not have accepted.
    #[error("the database holds {0:?} as an account id, which is not one")]
    AccountId(String),
    /// An account's schedule in the database does not parse any more.
    #[error("the schedule stored for account {account}: {source}")]
    Schedule { account: String, source: crate::schedule::InvalidSchedule },
    /// What SQLite says.
    #[error("the database: {}", explain(.0))]
    Sqlite(#[from] rusqlite::Error),
}

impl StoreError {
    /// Whether a disk has no room.
    pub fn is_full(&self) -> bool {
        let full = Some(rusqlite::ErrorCode::DiskFull);
        matches!(self, StoreError::Sqlite(error) if error.sqlite_error_code() == full)
    }

    /// Whether others hold the database for a moment, so that trying again may help.
    pub fn is_busy(&self) -> bool {
        use rusqlite::ErrorCode;
        match self {
            StoreError::Shared(_) => true,
            StoreError::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
            ),
            _ => false,
        }
    }
}

/// SQLite's own words, with what a person can do where SQLite's code says it.
fn explain(error: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode;
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "free space on its disk",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process is holding a write lock on it; end that"
        }
        Some(ErrorCode::ReadOnly) => "make its disk, folder and file writable for this user",
        Some(ErrorCode::SystemIoFailure) => "look at its disk",
        Some(ErrorCode::CannotOpen) => "look at the permissions of the file and its folder",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            "the file is damaged: restore a backup"
        }
        // Nothing of growthd's takes as long.
        Some(ErrorCode::OperationInterrupted) => {
            "reading it did not end: somebody changed its views; restore a backup"
        }
        _ => return error.to_string(),
    };
    format!("{error}; {advice}")
}
