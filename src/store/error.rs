//! Errors of the store. Each message says what to do.

use std::io;
use std::path::PathBuf;

/// Why the store cannot be used at all, or not at the moment.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A command that does not create a database found none.
    #[error("there is no database at {}; `growthd run` creates it", .0.display())]
    Missing(PathBuf),
    /// There is no database, but the WAL of one.
    #[error(
        "there is no database at {}, but {}-wal has the newest rows of one; put the database back, or move that file and the -shm away too",
        .0.display(), .0.display()
    )]
    OrphanedWal(PathBuf),
    /// The WAL was left by another file that was at this path.
    #[error(
        "{}-wal was left by another database, and would be applied to {}; if a backup was just restored, remove what the old file left: rm -f '{}-wal' '{}-shm'",
        .0.display(), .0.display(), .0.display(), .0.display()
    )]
    ForeignWal(PathBuf),
    /// The file is no longer the one that was opened.
    #[error(
        "the database file {} was removed or replaced while in use; put it back", .0.display()
    )]
    Replaced(PathBuf),
    /// The WAL file was removed, and its content cannot be checkpointed.
    #[error(
        "the write-ahead log beside {} (-wal, -shm) was removed while in use, and a program that reads the database keeps it from being recreated; end that program", .0.display()
    )]
    WalRemoved(PathBuf),
    /// The path is a directory, device or FIFO.
    #[error("{} is not a regular file; set another [database] path", .0.display())]
    NotAFile(PathBuf),
    /// The file is of another kind, or another application's database.
    #[error("{} is not a growthd database; set another [database] path", .0.display())]
    NotOurs(PathBuf),
    /// The database was written before growthd's first release.
    #[error(
        "{} was written by a growthd from before its first release, which is not supported; move it away with its -wal and -shm, and `growthd run` will create a new one", .0.display()
    )]
    PreRelease(PathBuf),
    #[error(
        "{} was written by a newer growthd (schema {found}, this one supports {known}); upgrade growthd", path.display()
    )]
    Newer {
        path: PathBuf,
        found: i64,
        /// The newest schema version that this growthd supports.
        known: i64,
    },
    #[error(
        "{} is damaged ({detail}); stop growthd, keep the file with its -wal, and restore a backup or try `sqlite3 {} .recover`; if it was just restored, remove the -wal and -shm that the old file left, and restore it again", path.display(), path.display()
    )]
    Corrupt {
        path: PathBuf,
        /// SQLite's message.
        detail: String,
    },
    /// Another growthd holds the lock.
    #[error("another growthd is using {}; wait until it ends, or stop it", .0.display())]
    Held(PathBuf),
    /// A program other than growthd holds a shared lock on the file.
    #[error(
        "another program holds a shared lock on {}, which keeps growthd out; end that program", .0.display()
    )]
    Shared(PathBuf),
    /// Files written by this user would lock out the folder's owner.
    #[error(
        "{} belongs to user {owner}, but this process runs as user {user}; run it as the owner: sudo -u '{owner}' growthd …", folder.display()
    )]
    WrongUser {
        /// The database's folder.
        folder: PathBuf,
        /// The folder's owner, by name if it is known.
        owner: String,
        /// The user running this process.
        user: String,
    },
    /// The file belongs to another user, and this one cannot write to it.
    #[error(
        "{} belongs to user {owner}, and user {user} cannot write to it; change its owner: chown '{user}' '{}'",
        path.display(), path.display()
    )]
    WrongOwner {
        path: PathBuf,
        /// The file's owner, by name if it is known.
        owner: String,
        /// The user running this process.
        user: String,
    },
    /// A file or folder could not be opened, created or locked.
    #[error(
        "cannot access {}: {source}; make sure that this user can write to its folder, or set another [database] path", path.display()
    )]
    File { path: PathBuf, source: io::Error },
    /// A file could not be accessed by a process that would only read it.
    #[error(
        "cannot access {}: {source}; add this user to the group of its folder, or set another [database] path", path.display()
    )]
    Unreadable { path: PathBuf, source: io::Error },
    /// A code that this version does not know, written by a newer growthd or by another program.
    #[error(
        "the database contains the unknown code {code} in {column}; upgrade growthd, or restore a backup"
    )]
    Unknown {
        /// The table and column.
        column: &'static str,
        code: i64,
    },
    /// An account id that growthd would not have accepted.
    #[error("the database contains the invalid account id {0:?}; restore a backup")]
    AccountId(String),
    /// The schedule of a watchlist entry is invalid, which was valid when the entry was read.
    #[error("the schedule of account {account} is invalid: {source}")]
    Schedule { account: String, source: crate::schedule::InvalidSchedule },
    #[error("database error: {}", explain(.0))]
    Sqlite(#[from] rusqlite::Error),
}

impl StoreError {
    /// Returns whether the disk is full.
    pub fn is_full(&self) -> bool {
        let full = Some(rusqlite::ErrorCode::DiskFull);
        matches!(self, StoreError::Sqlite(error) if error.sqlite_error_code() == full)
    }

    /// Returns whether the path leads to something that no growthd of this version can use, whoever
    /// runs it.
    pub fn is_unusable_file(&self) -> bool {
        use StoreError::{Corrupt, Newer, NotAFile, NotOurs, PreRelease};
        matches!(self, NotAFile(_) | NotOurs(_) | PreRelease(_) | Newer { .. } | Corrupt { .. })
    }

    /// Returns whether another process holds a lock for the moment, so that trying again may help.
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

/// Returns SQLite's message, with advice if its error code allows some.
fn explain(error: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode;
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "free space on its disk",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process is holding a write lock on it; end that process"
        }
        Some(ErrorCode::ReadOnly) => "make its disk, folder and file writable for this user",
        Some(ErrorCode::SystemIoFailure) => {
            "check its disk, and that its -wal was not left by another database"
        }
        Some(ErrorCode::CannotOpen) => "check the permissions of the file and its folder",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            "the file is damaged: restore a backup"
        }
        // No statement of growthd's own takes long enough to reach the limit.
        Some(ErrorCode::OperationInterrupted) => {
            "a query did not end: its views were changed by another program; restore a backup"
        }
        _ => return error.to_string(),
    };
    format!("{error}; {advice}")
}
