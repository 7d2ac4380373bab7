//! Opening the database file for writing: checks its type, its owner, its schema and its lock.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, FileControl, OpenFlags};

use crate::paths::{GROUP_READABLE, beside};
use crate::replacement::real_path;
use crate::store::disk::free_space_at;
use crate::store::file_lock::{FileLock, Inode};
use crate::store::ownership::check_owner;
use crate::store::schema::{APPLICATION_ID, EMPTY, FIRST_VERSION, SCHEMA_VERSION, STEPS};
use crate::store::upgrade::upgrade;
use crate::store::wal::check_wal;
use crate::store::{ReadTx, StoreError, WriteTx};

/// How long to wait for another connection's write lock. Readers never block a writer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Files below this size, in bytes, are checked completely at start, in well under a second.
const CHECKED_COMPLETELY: u64 = 64 << 20;

/// The size of a page of a new database, in bytes. A single refresh changes a row or two in each of
/// seven trees, and writes a page for each to the WAL. With SQLite's default of 4096 bytes, these
/// are twice as many bytes, and no query is faster.
const PAGE_SIZE: i64 = 2048;

/// The WAL size, in pages, at which it is checkpointed during operation: 16 MB. A page that is
/// rewritten often until then is copied into the database only once.
const CHECKPOINT_PAGES: i64 = (16 << 20) / PAGE_SIZE;

/// The size, in bytes, to which a larger WAL file is truncated.
const WAL_LIMIT: i64 = 64 << 20;

/// Free disk space, in bytes, below which the WAL is kept small. Otherwise the WAL alone could fill
/// a disk that still has room for the history, and could then no longer be checkpointed.
const TIGHT: u64 = 64 << 20;

/// The same two limits below [`TIGHT`].
const TIGHT_CHECKPOINT_PAGES: i64 = 32;
const TIGHT_WAL_LIMIT: i64 = 256 << 10;

/// Whether opening may create a missing database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Creation {
    Allowed,
    /// Return [`StoreError::Missing`].
    Refused,
}

/// How carefully a file is treated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Care {
    /// What is committed is on the disk, and the file is checked when it is opened.
    Durable,
    /// Neither, and no lock is waited for.
    Volatile,
}

/// The WAL and its index, which SQLite keeps open even if the files are removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct WalFiles([Inode; 2]);

impl WalFiles {
    fn of(database: &Path) -> WalFiles {
        let inode = |suffix| Inode::of(&beside(database, suffix)).unwrap_or(Inode::NONE);
        WalFiles(["-wal", "-shm"].map(inode))
    }
}

/// What tells whether another program has written into the file, and whether the watchlist there
/// is still the one that was written last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Content {
    /// Changes when another connection commits.
    version: i64,
    watchlist: i64,
}

impl Content {
    fn of(connection: &Connection) -> rusqlite::Result<Content> {
        let version = Content::version(connection)?;
        let sql = "SELECT token FROM _watchlist";
        let watchlist = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
        Ok(Content { version, watchlist })
    }

    fn version(connection: &Connection) -> rusqlite::Result<i64> {
        connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
    }
}

/// The only writing connection, and the lock that makes it the only one.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    /// The path as configured, which may be a symlink.
    name: PathBuf,
    /// Where it led when the file was opened. The WAL is beside this.
    path: PathBuf,
    inode: Inode,
    wal_files: WalFiles,
    content: Content,
    /// Whether another program has written into the file since the engine looked.
    has_foreign_changes: bool,
    /// The open database file, which holds the lock. Declared after the connection, so that it is
    /// dropped after it: closing any descriptor of a file drops the process's other locks on it.
    lock: FileLock,
    care: Care,
    /// Whether the WAL is kept small because the disk is nearly full.
    is_tight: bool,
}

impl Store {
    /// Opens `path` for writing, and brings its schema up to date.
    ///
    /// # Errors
    /// Returns any [`StoreError`]. A file that is not a growthd database of a known schema is left
    /// unchanged.
    pub fn open(path: &Path, creation: Creation) -> Result<Store, StoreError> {
        Store::open_with(path, creation, Care::Durable)
    }

    /// Opens a file that is discarded afterwards. Trades durability and the check of the file for
    /// speed, and waits for no lock. For simulations, whose clock does not advance by itself.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_volatile(path: &Path, creation: Creation) -> Result<Store, StoreError> {
        Store::open_with(path, creation, Care::Volatile)
    }

    fn open_with(path: &Path, creation: Creation, care: Care) -> Result<Store, StoreError> {
        let exists = check_file(path)?;
        let name = path.to_owned();
        let path = &real_path(path);
        check_wal(path)?;
        if !exists && creation == Creation::Refused {
            return Err(StoreError::Missing(path.to_owned()));
        }
        check_owner(path)?;
        if !exists {
            create(path)?;
        }
        let lock = FileLock::take(path)?;
        let (connection, inode) = connect(path, creation, care)?;
        let wal_files = WalFiles::of(path);
        let content = Content::of(&connection)?;
        let path = path.to_owned();
        Ok(Store {
            connection,
            name,
            path,
            inode,
            wal_files,
            content,
            has_foreign_changes: false,
            lock,
            care,
            is_tight: false,
        })
    }

    /// Begins a write transaction, which holds SQLite's write lock from its first statement.
    ///
    /// # Errors
    /// Returns [`StoreError::Replaced`] if the file is no longer the one that was opened. What is
    /// committed to a removed file is lost, so nothing may be bought on it. The same if another
    /// database, or an older copy with another watchlist, was restored into the file.
    pub fn begin_write(&mut self) -> Result<WriteTx<'_>, StoreError> {
        self.check_not_replaced()?;
        self.replace_removed_wal()?;
        self.check_not_restored()?;
        self.adapt_to_free_space()?;
        WriteTx::begin(&mut self.connection)
    }

    /// Begins a read transaction, which does not wait for writers.
    ///
    /// # Errors
    /// As [`Store::begin_write`].
    pub fn begin_read(&mut self) -> Result<ReadTx<'_>, StoreError> {
        self.check_not_replaced()?;
        self.check_not_restored()?;
        ReadTx::begin(&mut self.connection)
    }

    /// Limits how long to wait for another connection's write lock.
    pub(crate) fn wait_at_most(&self, longest: Duration) -> Result<(), StoreError> {
        Ok(self.connection.busy_timeout(longest.min(BUSY_TIMEOUT))?)
    }

    /// Reopens the file after it was replaced by another growthd database.
    ///
    /// # Errors
    /// As [`Store::open`] with [`Creation::Refused`]. The caller should then try again later.
    pub fn reopen(&mut self) -> Result<(), StoreError> {
        if !check_file(&self.name)? {
            return Err(StoreError::Replaced(self.name.clone()));
        }
        // SQLite finds the WAL by its name. If the old file's WAL were left there, wherever that
        // file is now, SQLite would apply it to the new file.
        if !self.truncate_wal()? {
            return Err(StoreError::Replaced(self.path.clone()));
        }
        self.path = real_path(&self.name);
        self.reconnect()
    }

    /// Checkpoints and truncates the WAL. Returns whether it could; a reader may prevent it.
    fn truncate_wal(&self) -> Result<bool, StoreError> {
        if self.inode == Inode::NONE {
            return Ok(true);
        }
        let is_busy = |row: &rusqlite::Row<'_>| row.get::<_, bool>(0);
        Ok(!self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], is_busy)?)
    }

    fn reconnect(&mut self) -> Result<(), StoreError> {
        // Close the old connection before opening the new one: both would lock the same WAL index
        // (`-shm`), and closing a file drops all of the process's locks on it.
        self.connection = Connection::open_in_memory()?;
        self.inode = Inode::NONE;
        // The file that was moved away may be back, and its lock is still held.
        let lock = match self.lock.is_on(&self.path) {
            true => None,
            false => Some(FileLock::take(&self.path)?),
        };
        let (connection, inode) = connect(&self.path, Creation::Refused, self.care)?;
        self.content = Content::of(&connection)?;
        self.connection = connection;
        self.is_tight = false;
        self.inode = inode;
        self.wal_files = WalFiles::of(&self.path);
        if let Some(lock) = lock {
            self.lock = lock;
        }
        Ok(())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Checkpoints the WAL as far as readers allow, so that a plain copy of the database file alone
    /// is nearly complete, and frees SQLite's page cache.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        Ok(self.connection.execute_batch("PRAGMA shrink_memory")?)
    }

    /// Limits the file to `pages` pages (0: no limit), to simulate a full disk.
    pub fn limit_pages(&self, pages: u32) -> Result<(), StoreError> {
        let pages = if pages == 0 { u32::MAX - 1 } else { pages };
        Ok(self.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?)
    }

    /// Switches between the normal and the tight WAL limits as the free space requires.
    fn adapt_to_free_space(&mut self) -> Result<(), StoreError> {
        let is_tight = free_space_at(&self.path).is_some_and(|free| free < TIGHT);
        if is_tight == self.is_tight {
            return Ok(());
        }
        limit_wal(&self.connection, is_tight)?;
        if is_tight {
            // Shrink what the WAL holds already. This fails if a reader is active or the disk is
            // full.
            self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).ok();
        }
        self.is_tight = is_tight;
        Ok(())
    }

    /// Continues with a new WAL if its file was removed: its content has no name any more, and would
    /// be lost with the process.
    fn replace_removed_wal(&mut self) -> Result<(), StoreError> {
        if WalFiles::of(&self.path) == self.wal_files {
            return Ok(());
        }
        if !self.truncate_wal()? {
            return Err(StoreError::WalRemoved(self.path.clone()));
        }
        tracing::warn!(
            "the write-ahead log beside the database (-wal, -shm) was removed by another program; \
             continuing with a new one"
        );
        self.reconnect()
    }

    pub(crate) fn has_foreign_changes(&self) -> bool {
        self.has_foreign_changes
    }

    pub(crate) fn foreign_changes_seen(&mut self) {
        self.has_foreign_changes = false;
    }

    /// Looks whether another program has written into the file.
    ///
    /// # Errors
    /// Returns [`StoreError::Replaced`] if a file with another watchlist was restored into it.
    pub(crate) fn check_not_restored(&mut self) -> Result<(), StoreError> {
        if Content::version(&self.connection)? == self.content.version {
            return Ok(());
        }
        let content = Content::of(&self.connection)?;
        if content.watchlist != self.content.watchlist {
            return Err(StoreError::Replaced(self.path.clone()));
        }
        self.content = content;
        self.has_foreign_changes = true;
        Ok(())
    }

    /// Records the token of a watchlist that was committed.
    pub(crate) fn watchlist_changed(&mut self, token: i64) {
        self.content.watchlist = token;
    }

    /// A link that leads elsewhere now, or has taken the file's place, is a replacement too: everyone
    /// else finds another WAL beside the file, or another file.
    fn check_not_replaced(&self) -> Result<(), StoreError> {
        let is_same = |inode: io::Result<Inode>| inode.is_ok_and(|inode| inode == self.inode);
        let is_linked = self.name != self.path;
        match is_same(Inode::of_itself(&self.path))
            && (!is_linked || is_same(Inode::of(&self.name)))
        {
            true => Ok(()),
            false => Err(StoreError::Replaced(self.name.clone())),
        }
    }
}

/// Returns whether `path` exists; an error if it is not a regular file.
pub(super) fn check_file(path: &Path) -> Result<bool, StoreError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(true),
        Ok(_) => Err(StoreError::NotAFile(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(StoreError::File { path: path.to_owned(), source }),
    }
}

/// Creates the empty file before SQLite opens it, because `-wal` and `-shm` inherit its mode.
fn create(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().create_new(true).write(true).mode(GROUP_READABLE).open(path) {
        Ok(_) => Ok(()),
        // Another process has just created it; the lock decides which of the two may use it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(StoreError::File { path: path.to_owned(), source }),
    }
}

fn connect(path: &Path, creation: Creation, care: Care) -> Result<(Connection, Inode), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    let inode =
        Inode::of(path).map_err(|source| StoreError::File { path: path.to_owned(), source })?;
    let refuse = |error| convert_error(path, error);
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A damaged file is left unchanged, and its WAL is kept.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let version = version(&connection, path)?;
    if version == EMPTY && creation == Creation::Refused {
        return Err(StoreError::Missing(path.to_owned()));
    }
    configure(&connection).map_err(refuse)?;
    match care {
        Care::Durable => check_health(&connection, path).map_err(refuse)??,
        Care::Volatile => {
            connection.busy_timeout(Duration::ZERO)?;
            connection.pragma_update(None, "synchronous", "OFF")?;
        }
    }
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    upgrade(&mut connection, path, version, STEPS)?;
    Ok((connection, inode))
}

/// Returns the file's schema version, or [`EMPTY`]. Refuses any other file.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let refuse = |error| convert_error(path, error);
    // One transaction, because another process may be creating the schema.
    let tx = connection.unchecked_transaction().map_err(refuse)?;
    let pragma = |name| tx.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = pragma("application_id").map_err(refuse)?;
    let found = pragma("user_version").map_err(refuse)?;
    let pages = pragma("page_count").map_err(refuse)?;
    let has_schema = || tx.prepare("SELECT 1 FROM sqlite_schema")?.exists([]);
    match (application, found) {
        // The switch to WAL mode writes the first page, before the schema is committed.
        (0, 0) if pages <= 1 && !has_schema().map_err(refuse)? => Ok(EMPTY),
        (APPLICATION_ID, 1..FIRST_VERSION) => Err(StoreError::PreRelease(path.to_owned())),
        (APPLICATION_ID, 1..) if found <= SCHEMA_VERSION => Ok(found),
        (APPLICATION_ID, 1..) => {
            Err(StoreError::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION })
        }
        _ => Err(StoreError::NotOurs(path.to_owned())),
    }
}

fn convert_error(path: &Path, error: rusqlite::Error) -> StoreError {
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
    connection.pragma_update(None, "page_size", PAGE_SIZE)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    limit_wal(connection, false)?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // Without QPSG, SQLite recompiles a plan that depends on a parameter's value, such as any with
    // `LIMIT ?`, at every use. That took half the time of an engine turn.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    let mut keep = 1;
    connection.file_control(None::<&str>, FileControl::PersistWal(&mut keep))
}

/// Sets the WAL size at which it is checkpointed, and the size to which it is truncated.
fn limit_wal(connection: &Connection, is_tight: bool) -> rusqlite::Result<()> {
    let (checkpoint, limit) = match is_tight {
        true => (TIGHT_CHECKPOINT_PAGES, TIGHT_WAL_LIMIT),
        false => (CHECKPOINT_PAGES, WAL_LIMIT),
    };
    // With a limit, the WAL that is kept after a clean stop is empty. If a backup is then copied
    // over the database file, no pages of the old one are applied to it.
    connection.pragma_update_and_check(None, "journal_size_limit", limit, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", checkpoint, |_| Ok(()))
}

fn check_health(connection: &Connection, path: &Path) -> rusqlite::Result<Result<(), StoreError>> {
    let size = fs::metadata(path).map_or(0, |metadata| metadata.len());
    if size == 0 || size > CHECKED_COMPLETELY {
        return Ok(Ok(()));
    }
    let result: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok(match result.as_str() {
        "ok" => Ok(()),
        _ => Err(StoreError::Corrupt {
            path: path.to_owned(),
            detail: result.lines().last().unwrap_or_default().to_owned(),
        }),
    })
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::store::wal::wal_size;

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

    #[test]
    fn a_database_is_created_where_a_symbolic_link_leads() {
        let folder = tempfile::tempdir().expect("a folder");
        let (link, path) = (folder.path().join("link.db"), folder.path().join("growth.db"));
        std::os::unix::fs::symlink("growth.db", &link).expect("a link");
        let store = Store::open(&link, Creation::Allowed).expect("a store");
        assert!(path.is_file());
        drop(store);
        Store::open(&path, Creation::Refused).expect("the same store");
    }

    #[test]
    fn a_link_that_leads_elsewhere_counts_as_a_replaced_file() {
        use std::os::unix::fs::symlink;
        let write = |store: &mut Store, sql: &str| {
            let tx = store.begin_write().expect("a transaction");
            tx.tx.execute_batch(sql).expect("SQL");
            tx.commit().expect("a commit");
        };
        let count = |path: &Path| {
            let connection = Connection::open(path).expect("a connection");
            connection.query_row("SELECT count(*) FROM _other", [], |row| row.get::<_, i64>(0))
        };
        for takes_the_files_place in [true, false] {
            let folder = tempfile::tempdir().expect("a folder");
            let path = |name| folder.path().join(name);
            let (name, old, new) = (path("growth.db"), path("old.db"), path("new.db"));
            if !takes_the_files_place {
                symlink(&old, &name).expect("a link");
            }
            let mut store = Store::open(&name, Creation::Allowed).expect("a store");
            write(&mut store, "CREATE TABLE _other (x); INSERT INTO _other VALUES (1)");
            match takes_the_files_place {
                true => fs::rename(&name, &new).expect("renamed"),
                false => {
                    let other = Connection::open(&old).expect("a connection");
                    other.execute("VACUUM INTO ?1", [new.to_str()]).expect("a copy");
                    fs::remove_file(&name).expect("removed");
                }
            }
            symlink(&new, &name).expect("a link");
            assert!(matches!(store.begin_write(), Err(StoreError::Replaced(_))));
            assert!(matches!(store.begin_read(), Err(StoreError::Replaced(_))));
            store.reopen().expect("the file it leads to");
            write(&mut store, "INSERT INTO _other VALUES (2)");
            assert_eq!(count(&new).expect("a count"), 2);
            assert_eq!(count(&name).expect("a count"), 2);
            assert!(wal_size(&name) > 0 && wal_size(&name) == wal_size(&new));
        }
    }

    #[test]
    fn only_an_older_watchlist_that_was_restored_counts_as_another_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("growth.db");
        let mut store = Store::open(&path, Creation::Allowed).expect("a store");
        let other = Connection::open(&path).expect("a connection");
        // As Litestream does.
        other.execute_batch("CREATE TABLE _other (x); INSERT INTO _other VALUES (1)").expect("SQL");
        store.begin_write().expect("still the same");
        let copy = folder.path().join("copy.db");
        other.execute("VACUUM INTO ?1", [copy.to_str().expect("UTF-8")]).expect("a copy");
        let restore = || {
            let mut live = Connection::open(&path).expect("a connection");
            live.restore("main", &copy, None::<fn(_)>).expect("a restored copy");
        };
        restore();
        store.begin_write().expect("the same watchlist");
        let tx = store.begin_write().expect("a transaction");
        let token = tx.renew_watchlist().expect("a token");
        tx.commit().expect("a commit");
        store.watchlist_changed(token);
        other.execute_batch("INSERT INTO _other VALUES (2)").expect("SQL");
        store.begin_write().expect("its own change");
        restore();
        assert!(matches!(store.begin_write(), Err(StoreError::Replaced(_))));
        assert!(matches!(store.begin_read(), Err(StoreError::Replaced(_))));
        store.reopen().expect("the restored copy");
        store.begin_write().expect("it is used now");
    }
}
