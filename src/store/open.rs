//! Opening the file: whose it is, what it is, and that nobody else writes it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, FileControl, OpenFlags, OptionalExtension, TransactionBehavior};
use rustix::fs::OFlags;

use crate::store::{ReadTx, StoreError, WriteTx};

/// "grow", read as a big-endian number: how `file(1)` and growthd tell the file.
const APPLICATION_ID: i64 = 0x6772_6f77;

/// Applied in order; a database's `user_version` counts those it has.
pub(super) const MIGRATIONS: &[&str] =
    &[concat!(include_str!("schema/tables.sql"), include_str!("schema/views.sql"))];

/// The schema this version writes.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
pub const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// How long a writer waits for another's lock before it says so. Readers never block it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the lock is tried before it counts as held, and the pause after each try.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(2);

/// Below this size the whole file is checked at start; it takes well under a second.
const CHECKED_WHOLE: u64 = 64 << 20;

/// At how many pages the journal is brought into the file while there is work: 16 MB. What is
/// written again and again until then goes into the file once.
const CHECKPOINT: i64 = 4096;

/// What is left of a journal that grew beyond it, in bytes.
const JOURNAL_LIMIT: i64 = 64 << 20;

/// The database is the group's to read and nobody else's.
const FILE_MODE: u32 = 0o640;

/// Waits for nobody at the other end of a pipe.
const AS_A_FILE: i32 = OFlags::NONBLOCK.bits().cast_signed();

/// Whether opening may make a database that is not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Creation {
    /// Make it.
    Allowed,
    /// Say that there is none.
    Refused,
}

/// The one writing connection, and the lock that makes it the only one.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    inode: Inode,
    /// The file itself, held for its lock. After the connection, since closing any descriptor of
    /// a file drops what other locks the process has on it.
    lock: File,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Inode {
    device: u64,
    number: u64,
}

impl Inode {
    /// No file's: inode numbers begin with 1.
    const NONE: Inode = Inode { device: 0, number: 0 };

    fn of(path: &Path) -> io::Result<Inode> {
        let metadata = fs::metadata(path)?;
        Ok(Inode { device: metadata.dev(), number: metadata.ino() })
    }
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
        let lock = take_lock(path)?;
        let (connection, inode) = connect(path)?;
        Ok(Store { connection, path: path.to_owned(), inode, lock })
    }

    /// Begins a batch: one transaction, holding SQLite's write lock from its first statement.
    ///
    /// # Errors
    /// [`StoreError::Replaced`] when the file is not the one that was opened: what is committed
    /// to a removed file is lost, so nothing may be bought on it.
    pub fn begin(&mut self) -> Result<WriteTx<'_>, StoreError> {
        self.check_in_place()?;
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
        let is_busy = |row: &rusqlite::Row<'_>| row.get::<_, bool>(0);
        if self.inode != Inode::NONE
            && self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], is_busy)?
        {
            return Err(StoreError::Replaced(self.path.clone()));
        }
        // Closed before the new one is opened: both would lock the same journal index, and a
        // process that closes a file gives up all its locks on it.
        self.connection = Connection::open_in_memory()?;
        self.inode = Inode::NONE;
        let lock = take_lock(&self.path)?;
        let (connection, inode) = connect(&self.path)?;
        self.connection = connection;
        self.inode = inode;
        self.lock = lock;
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

pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
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
    match rustix::fs::access(path, rustix::fs::Access::WRITE_OK) {
        // As after a restore by root.
        Err(rustix::io::Errno::ACCESS) if owner(path)? != user => Err(StoreError::WrongOwner {
            path: path.to_owned(),
            owner: user_name(owner(path)?),
            user: user_name(user),
        }),
        // What else is wrong is told where it is opened.
        _ => Ok(()),
    }
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

/// A file beside the database: its name with something behind it.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The file that `path` leads to, links followed: as far as it is there.
pub fn real_path(path: &Path) -> PathBuf {
    if let Ok(real) = fs::canonicalize(path) {
        return real;
    }
    match (fs::canonicalize(folder_of(path)), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

/// Locks the file itself, so that no other name of it lets a second growthd in.
fn take_lock(path: &Path) -> Result<File, StoreError> {
    let failed = |source| StoreError::File { path: path.to_owned(), source };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(AS_A_FILE)
        .open(path)
        .map_err(failed)?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // It may be somebody who only looks whether it is held ([`is_held`]).
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
    }
    // A growthd holds it for itself alone; who shares it is some reader, and will be done.
    match file.try_lock_shared() {
        Ok(()) => Err(StoreError::Shared(path.to_owned())),
        Err(_) => Err(StoreError::Held(path.to_owned())),
    }
}

/// Whether some growthd holds the database at `path` now. Not for a process that has it open
/// itself: closing a file drops what locks the process has on it.
pub(super) fn is_held(path: &Path) -> bool {
    let file = OpenOptions::new().read(true).custom_flags(AS_A_FILE).open(path);
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Makes the empty file first, since the journal's files take their mode from it.
fn create(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().create_new(true).write(true).mode(FILE_MODE).open(path) {
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
    migrate(&mut connection, path, version).map_err(refuse)??;
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
    // With a limit, the journal that is kept after a clean stop is empty: a backup copied over
    // the file is then not overlaid with what the old one had in its journal.
    connection.pragma_update_and_check(None, "journal_size_limit", JOURNAL_LIMIT, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT, |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    let mut keep = 1;
    connection.file_control(None::<&str>, FileControl::PersistWal(&mut keep))
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

fn migrate(
    connection: &mut Connection,
    path: &Path,
    found: i64,
) -> rusqlite::Result<Result<(), StoreError>> {
    let applied = usize::try_from(found).unwrap_or(0);
    // A table that others refer to cannot be rebuilt while foreign keys are enforced, and that can
    // be turned off outside of a transaction only: at its end they are checked instead.
    connection.pragma_update(None, "foreign_keys", false)?;
    for (place, migration) in MIGRATIONS.iter().enumerate().skip(applied) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(migration)?;
        if let Some(detail) = dangling(&transaction)? {
            return Ok(Err(StoreError::Corrupt { path: path.to_owned(), detail }));
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", place + 1)?;
        transaction.commit()?;
    }
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(Ok(()))
}

/// Which row refers to one that is not there, if any does.
fn dangling(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let tables = |row: &rusqlite::Row<'_>| Ok((row.get("table")?, row.get("parent")?));
    let found: Option<(String, String)> =
        connection.query_row("PRAGMA foreign_key_check", [], tables).optional()?;
    Ok(found.map(|(table, parent)| format!("a row of {table} belongs to none of {parent}")))
}
