//! Opening the file: whose it is, what it is, and that nobody else writes it.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, FileControl, OpenFlags};

use crate::paths::{GROUP_READABLE, beside, folder_of};
use crate::store::disk::free_space;
use crate::store::file_lock::{FileLock, Inode};
use crate::store::schema::{APPLICATION_ID, FIRST_VERSION, SCHEMA_VERSION, STEPS};
use crate::store::upgrade::upgrade;
use crate::store::{ReadTx, StoreError, WriteTx};

/// How long a writer waits for another's lock before it says so. Readers never block it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Below this size the whole file is checked at start; it takes well under a second.
const CHECKED_WHOLE: u64 = 64 << 20;

/// At how many pages the journal is brought into the file while there is work: 16 MB. What is
/// written again and again until then goes into the file once.
const CHECKPOINT: i64 = 4096;

/// What is left of a journal that grew beyond it, in bytes.
const JOURNAL_LIMIT: i64 = 64 << 20;

/// Below this much room on the disk, in bytes, the journal is kept small: otherwise it alone could
/// fill a disk on which the history has room still, and nothing could be brought into the file.
const TIGHT: u64 = 64 << 20;

/// The same two on such a disk.
const TIGHT_CHECKPOINT: i64 = 32;
const TIGHT_JOURNAL_LIMIT: i64 = 256 << 10;

/// Whether opening may make a database that is not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Creation {
    Allowed,
    /// Say that there is none.
    Refused,
}

/// The journal and its index, which SQLite keeps open whatever becomes of their names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Journal([Inode; 2]);

impl Journal {
    fn of(database: &Path) -> Journal {
        let inode = |suffix| Inode::of(&beside(database, suffix)).unwrap_or(Inode::NONE);
        Journal(["-wal", "-shm"].map(inode))
    }
}

/// The one writing connection, and the lock that makes it the only one.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    inode: Inode,
    journal: Journal,
    /// The file itself, held for its lock. After the connection, since closing any descriptor of
    /// a file drops what other locks the process has on it.
    lock: FileLock,
    /// Whether the journal is kept small.
    is_tight: bool,
}

impl Store {
    /// Opens `path` for writing, and brings its schema up to date.
    ///
    /// # Errors
    /// Every [`StoreError`]; nothing was changed unless it is ours and up to date.
    pub fn open(path: &Path, creation: Creation) -> Result<Store, StoreError> {
        let exists = check_file(path)?;
        if !exists && creation == Creation::Refused {
            return Err(StoreError::Missing(path.to_owned()));
        }
        let path = &real_path(path);
        check_owner(path)?;
        if !exists {
            create(path)?;
        }
        let lock = FileLock::take(path)?;
        let (connection, inode) = connect(path)?;
        let journal = Journal::of(path);
        Ok(Store { connection, path: path.to_owned(), inode, journal, lock, is_tight: false })
    }

    /// Begins a batch: one transaction, holding SQLite's write lock from its first statement.
    ///
    /// # Errors
    /// [`StoreError::Replaced`] when the file is not the one that was opened: what is committed
    /// to a removed file is lost, so nothing may be bought on it.
    pub fn begin(&mut self) -> Result<WriteTx<'_>, StoreError> {
        self.check_in_place()?;
        self.keep_journal()?;
        self.mind_the_disk()?;
        WriteTx::begin(&mut self.connection)
    }

    /// Begins a batch that only looks: it waits for no writer.
    pub fn look(&mut self) -> Result<ReadTx<'_>, StoreError> {
        self.check_in_place()?;
        ReadTx::begin(&mut self.connection)
    }

    /// Opens the file anew where it was replaced by another database of ours.
    ///
    /// # Errors
    /// As [`Store::open`] with [`Creation::Refused`]; to be tried again then.
    pub fn reopen(&mut self) -> Result<(), StoreError> {
        if !check_file(&self.path)? {
            return Err(StoreError::Replaced(self.path.clone()));
        }
        // The journal is found by its name. What it holds is the old file's, wherever that is
        // now, and SQLite would lay it over the new one.
        if !self.empty_journal()? {
            return Err(StoreError::Replaced(self.path.clone()));
        }
        self.reconnect()
    }

    /// Brings the whole journal into the file; answers whether it could, or a reader is in the way.
    fn empty_journal(&self) -> Result<bool, StoreError> {
        if self.inode == Inode::NONE {
            return Ok(true);
        }
        let is_busy = |row: &rusqlite::Row<'_>| row.get::<_, bool>(0);
        Ok(!self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], is_busy)?)
    }

    fn reconnect(&mut self) -> Result<(), StoreError> {
        // Closed before the new one is opened: both would lock the same journal index, and a
        // process that closes a file gives up all its locks on it.
        self.connection = Connection::open_in_memory()?;
        self.inode = Inode::NONE;
        // The file that was moved away may be back: its lock is held still.
        let lock = match self.lock.is_on(&self.path) {
            true => None,
            false => Some(FileLock::take(&self.path)?),
        };
        let (connection, inode) = connect(&self.path)?;
        self.connection = connection;
        self.is_tight = false;
        self.inode = inode;
        self.journal = Journal::of(&self.path);
        if let Some(lock) = lock {
            self.lock = lock;
        }
        Ok(())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Brings the journal into the file, as far as no reader is in the way, so that a plain
    /// copy of the file alone is nearly whole; and gives back the memory that holds its pages.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        Ok(self.connection.execute_batch("PRAGMA shrink_memory")?)
    }

    /// Trades durability for speed, and waits for no lock: for simulations, whose files nobody
    /// keeps and whose time does not pass by itself.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn make_volatile(&self) -> Result<(), StoreError> {
        self.connection.busy_timeout(Duration::ZERO)?;
        Ok(self.connection.pragma_update(None, "synchronous", "OFF")?)
    }

    /// Bounds the file to `pages` pages (0: no bound): a full disk, for simulations.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn bound_pages(&self, pages: u32) -> Result<(), StoreError> {
        let pages = if pages == 0 { u32::MAX - 1 } else { pages };
        Ok(self.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?)
    }

    /// Keeps the journal as small as the disk asks for.
    fn mind_the_disk(&mut self) -> Result<(), StoreError> {
        let is_tight = free_space(&self.path).is_some_and(|free| free < TIGHT);
        if is_tight == self.is_tight {
            return Ok(());
        }
        bound_journal(&self.connection, is_tight)?;
        if is_tight {
            // What it holds by now. A reader may be in the way, or the disk full already.
            self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).ok();
        }
        self.is_tight = is_tight;
        Ok(())
    }

    /// Goes on with a new journal where the old one was removed: what that holds has no name any
    /// more, and would be lost with the process.
    fn keep_journal(&mut self) -> Result<(), StoreError> {
        if Journal::of(&self.path) == self.journal {
            return Ok(());
        }
        if !self.empty_journal()? {
            return Err(StoreError::JournalRemoved(self.path.clone()));
        }
        tracing::warn!(
            "the journal beside the database (-wal, -shm) was removed by another program; going on \
             with a new one"
        );
        self.reconnect()
    }

    fn check_in_place(&self) -> Result<(), StoreError> {
        match Inode::of(&self.path) {
            Ok(inode) if inode == self.inode => Ok(()),
            _ => Err(StoreError::Replaced(self.path.clone())),
        }
    }
}

/// Whether a regular file is there.
pub(super) fn check_file(path: &Path) -> Result<bool, StoreError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(true),
        Ok(_) => Err(StoreError::NotAFile(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(StoreError::File { path: path.to_owned(), source }),
    }
}

/// A file left behind by root would lock the service's own user out. What somebody leaves in a
/// folder of root's that they may write, as a container's volume, locks nobody out.
fn check_owner(path: &Path) -> Result<(), StoreError> {
    const ROOT: u32 = 0;
    let folder = folder_of(path);
    let owner = |path: &Path| match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.uid()),
        Err(source) => Err(StoreError::File { path: path.to_owned(), source }),
    };
    let user = rustix::process::geteuid().as_raw();
    let of_folder = owner(folder)?;
    if ![user, ROOT].contains(&of_folder) {
        return Err(StoreError::WrongUser {
            folder: folder.to_owned(),
            owner: user_name(of_folder),
            user: user_name(user),
        });
    }
    // As after a restore by root, or a look at the file that was restored so.
    for file in [path, &beside(path, "-wal"), &beside(path, "-shm")] {
        let access = rustix::fs::access(file, rustix::fs::Access::WRITE_OK);
        // What else is wrong is told where it is opened.
        if access == Err(rustix::io::Errno::ACCESS) && owner(file)? != user {
            return Err(StoreError::WrongOwner {
                path: file.to_owned(),
                owner: user_name(owner(file)?),
                user: user_name(user),
            });
        }
    }
    Ok(())
}

/// A user's name, from the file that lists the local ones; `#UID`, as sudo takes it, otherwise.
fn user_name(uid: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("#{uid}"))
}

/// The file that `path` leads to, where it is a link; else as it was given.
pub fn real_path(path: &Path) -> PathBuf {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => {
            fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
        }
        _ => path.to_owned(),
    }
}

/// Makes the empty file first, since the journal's files take their mode from it.
fn create(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().create_new(true).write(true).mode(GROUP_READABLE).open(path) {
        Ok(_) => Ok(()),
        // Another start made it meanwhile; the lock says whose it is.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(StoreError::File { path: path.to_owned(), source }),
    }
}

fn connect(path: &Path) -> Result<(Connection, Inode), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    let inode =
        Inode::of(path).map_err(|source| StoreError::File { path: path.to_owned(), source })?;
    let refuse = |error| refused(path, error);
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let version = version(&connection, path)?;
    configure(&connection).map_err(refuse)?;
    check_health(&connection, path).map_err(refuse)??;
    upgrade(&mut connection, path, version, STEPS)?;
    Ok((connection, inode))
}

/// The schema of a database of ours, 0 for an empty one; refuses every other.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let refuse = |error| refused(path, error);
    let application = pragma("application_id").map_err(refuse)?;
    let found = pragma("user_version").map_err(refuse)?;
    let pages = pragma("page_count").map_err(refuse)?;
    match (application, found) {
        (0, 0) if pages == 0 => Ok(0),
        (APPLICATION_ID, 1..FIRST_VERSION) => Err(StoreError::PreRelease(path.to_owned())),
        (APPLICATION_ID, 1..) if found <= SCHEMA_VERSION => Ok(found),
        (APPLICATION_ID, 1..) => {
            Err(StoreError::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION })
        }
        _ => Err(StoreError::NotOurs(path.to_owned())),
    }
}

fn refused(path: &Path, error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::NotOurs(path.to_owned()),
        Some(ErrorCode::DatabaseCorrupt) => {
            StoreError::Corrupt { path: path.to_owned(), detail: error.to_string() }
        }
        _ => StoreError::Sqlite(error),
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    bound_journal(connection, false)?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // A plan that looked at a parameter's value, as each with `LIMIT ?` does, is compiled anew for
    // every use: that was half of a turn's work.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    let mut keep = 1;
    connection.file_control(None::<&str>, FileControl::PersistWal(&mut keep))
}

/// Says when the journal is brought into the file, and what is left of it then.
fn bound_journal(connection: &Connection, is_tight: bool) -> rusqlite::Result<()> {
    let (checkpoint, limit) = match is_tight {
        true => (TIGHT_CHECKPOINT, TIGHT_JOURNAL_LIMIT),
        false => (CHECKPOINT, JOURNAL_LIMIT),
    };
    // With a limit, the journal that is kept after a clean stop is empty: a backup copied over
    // the file is then not overlaid with what the old one had in its journal.
    connection.pragma_update_and_check(None, "journal_size_limit", limit, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", checkpoint, |_| Ok(()))
}

fn check_health(connection: &Connection, path: &Path) -> rusqlite::Result<Result<(), StoreError>> {
    let size = fs::metadata(path).map_or(0, |metadata| metadata.len());
    if size == 0 || size > CHECKED_WHOLE {
        return Ok(Ok(()));
    }
    let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok(match said.as_str() {
        "ok" => Ok(()),
        _ => Err(StoreError::Corrupt {
            path: path.to_owned(),
            detail: said.lines().last().unwrap_or_default().to_owned(),
        }),
    })
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_statement_is_compiled_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("growth.db");
        let store = Store::open(&path, Creation::Allowed).expect("a store");
        let sql = "SELECT account FROM _account LIMIT ?1";
        let mut statement = store.connection.prepare(sql).expect("a statement");
        for limit in 1..4 {
            assert!(!statement.exists([limit]).expect("an answer"));
        }
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
