//! Appending accounts to a watchlist file. Comments, order and line endings stay as they are.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::error::is_system_failure;
use super::findings::DUPLICATE;
use super::{Config, ConfigError, Problem, Settings};
use crate::account::AccountId;
use crate::clock::{self, Time};
use crate::paths::GROUP_READABLE;
use crate::replacement::{Replace, Replaced, Replacement};

/// How long to wait for another process's edit, and how often to retry the lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// How often a file is read anew because it has changed before it could be written.
const MAX_READS: usize = 20;

/// An upper bound for the size of one `[[account]]` in the file, in bytes.
const LARGEST_ENTRY: u64 = 2048;

/// A file of the watchlist, as it was when it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WatchlistFile {
    /// The main file of the configuration, as it was given.
    main: PathBuf,
    /// The file itself: the main one, or one that it includes.
    path: PathBuf,
    text: String,
}

#[derive(Debug, thiserror::Error)]
pub enum EditError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file would not be valid with an account appended.
    #[error(
        "an [[account]] at the end of {} would not be valid there; write the accounts as [[account]] tables, or name a file that `include` \
         finds with --to",
        .0.display()
    )]
    Form(PathBuf),
    /// An account would not be valid there for another reason, such as its schedule.
    #[error("an account added to {} would not be valid: {problem}", path.display())]
    Entry { path: PathBuf, problem: String },
    #[error(
        "{} does not include {}; first create an empty file where `include` finds it",
        main.display(), path.display()
    )]
    NotIncluded { path: PathBuf, main: PathBuf },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl EditError {
    /// Returns whether the cause is a failure of the machine, such as a full disk, which may pass.
    pub fn is_system_failure(&self) -> bool {
        match self {
            EditError::Config(error) => error.is_system_failure(),
            EditError::Write { source, .. } => is_system_failure(source),
            EditError::Form(_) | EditError::Entry { .. } | EditError::NotIncluded { .. } => false,
        }
    }
}

impl WatchlistFile {
    /// Reads the main file of a valid configuration, or the included file at `to`.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or is not UTF-8, if the configuration is not
    /// valid, or if `to` is not included.
    pub fn read(
        main: &Path,
        to: Option<&Path>,
        now: Time,
    ) -> Result<(WatchlistFile, Config), EditError> {
        let config = Config::load(main, now)?;
        let path = match to {
            None => main.to_owned(),
            Some(to) => as_included(&config.settings, to).ok_or_else(|| {
                EditError::NotIncluded { path: to.to_owned(), main: main.to_owned() }
            })?,
        };
        let unreadable = |source| ConfigError::Unreadable { path: path.clone(), source };
        let text = fs::read_to_string(&path).map_err(unreadable)?;
        Ok((WatchlistFile { main: main.to_owned(), path, text }, config))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the configuration as it would be with this account appended to the file.
    ///
    /// # Errors
    /// Returns [`EditError::Form`] if an account cannot be appended to this file, and
    /// [`EditError::Entry`] if it would not be valid there.
    pub fn try_with(
        &self,
        id: &AccountId,
        label: Option<&str>,
        now: Time,
    ) -> Result<Config, EditError> {
        let text = self.with(id, label);
        Config::load_edited(&self.main, &self.path, text.as_bytes(), now)
            .map_err(|error| self.unaddable(error))
    }

    /// Returns whether the configuration, as it is now, contains an account.
    pub fn lists(&self, id: &AccountId, now: Time) -> Result<bool, EditError> {
        let (_, config) = WatchlistFile::read(&self.main, Some(&self.path), now)?;
        Ok(config.accounts.iter().any(|account| account.id == *id))
    }

    /// Converts the error of this file with an account appended.
    fn unaddable(&self, error: ConfigError) -> EditError {
        let ConfigError::Invalid(problems) = error else { return error.into() };
        let path = self.path.clone();
        let is_about_form = |problem: &Problem| problem.message.starts_with(DUPLICATE);
        match problems.iter().find(|problem| !is_about_form(problem)) {
            None => EditError::Form(path),
            Some(problem) => EditError::Entry { path, problem: problem.to_string() },
        }
    }

    /// Checks that [`WatchlistFile::add`] could write the file with `entries` more accounts: the folder
    /// may be read-only, the disk full, or the file locked. To be called before paying for the
    /// accounts.
    pub fn check_writable(&self, entries: usize) -> Result<(), EditError> {
        drop(lock(&self.path).map_err(|source| self.unwritable(source))?);
        let written =
            Replacement::begin_with_its_owner(&self.path, GROUP_READABLE).and_then(|mut trial| {
                trial.file().write_all(self.text.as_bytes())?;
                let size = LARGEST_ENTRY.saturating_mul(entries as u64);
                io::copy(&mut io::repeat(b'\n').take(size), trial.file()).map(drop)
            });
        written.map_err(|source| self.unwritable(source))
    }

    /// Appends the account to the file's current content, which may have changed since it was read.
    /// The file is replaced atomically where possible, and keeps its owner, mode and attributes.
    /// Returns `None` if the account is already in the watchlist.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written, or would not be valid.
    pub fn add(
        &self,
        id: &AccountId,
        label: Option<&str>,
        now: Time,
    ) -> Result<Option<Replaced>, EditError> {
        // Makes another `add` wait, which would otherwise overwrite this edit with its older text.
        let _lock = lock(&self.path).map_err(|source| self.unwritable(source))?;
        for _ in 0..MAX_READS {
            let (current, config) = WatchlistFile::read(&self.main, Some(&self.path), now)?;
            if config.accounts.iter().any(|account| account.id == *id) {
                return Ok(None);
            }
            current.try_with(id, label, now)?;
            let placed = current.write(&current.with(id, label));
            if let Some(placed) = placed.map_err(|source| self.unwritable(source))? {
                return Ok(Some(placed));
            }
        }
        Err(self.unwritable(io::Error::other("it keeps changing")))
    }

    /// Returns `None` if the file has changed since it was read: someone edits it meanwhile.
    fn write(&self, text: &str) -> io::Result<Option<Replaced>> {
        let mut new = Replacement::begin_with_its_owner(&self.path, GROUP_READABLE)?;
        new.file().write_all(text.as_bytes())?;
        // Takes the time here that nothing may change in.
        new.file().sync_all()?;
        match fs::read(&self.path)? == self.text.as_bytes() {
            true => new.finish(Replace::Allowed).map(Some),
            false => Ok(None),
        }
    }

    fn unwritable(&self, source: io::Error) -> EditError {
        EditError::Write { path: self.path.clone(), source }
    }

    fn with(&self, id: &AccountId, label: Option<&str>) -> String {
        // As the last line ends, whatever another editor has left in a line before.
        let last = self.text.rsplit_once('\n').map_or("", |(before, _)| before);
        let end = if last.ends_with('\r') { "\r\n" } else { "\n" };
        let mut text = self.text.clone();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push_str(end);
        }
        if !text.is_empty() {
            text.push_str(end);
        }
        for line in entry(id, label) {
            text.push_str(&line);
            text.push_str(end);
        }
        text
    }
}

/// Returns the path by which the configuration includes the file at `to`, which is relative to the
/// working folder or to the configuration's.
fn as_included(settings: &Settings, to: &Path) -> Option<PathBuf> {
    [to.to_owned(), settings.path.with_file_name(to)].iter().find_map(|path| {
        let real_path = fs::canonicalize(path).ok()?;
        let is_same = |file: &&PathBuf| fs::canonicalize(file).is_ok_and(|file| file == real_path);
        settings.files().iter().find(is_same).cloned()
    })
}

/// Returns the lines of an account's entry.
pub fn entry(id: &AccountId, label: Option<&str>) -> Vec<String> {
    let mut lines = vec!["[[account]]".to_owned(), format!("id = \"{id}\"")];
    // A TOML string has the escapes of a JSON string.
    lines.extend(label.map(|label| format!("label = {}", serde_json::Value::from(label))));
    lines
}

/// Locks the file at `path`. If another edit replaces the file while this waits for the lock, locks
/// the new file instead.
fn lock(path: &Path) -> io::Result<File> {
    let begun = clock::monotonic();
    loop {
        let file = File::open(path)?;
        match file.try_lock() {
            Ok(()) => {
                let (locked, there) = (file.metadata()?, fs::metadata(path)?);
                if (locked.dev(), locked.ino()) == (there.dev(), there.ino()) {
                    return Ok(file);
                }
            }
            // A file system without locks is no reason to fail.
            Err(TryLockError::Error(_)) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                if clock::monotonic().duration_since(begun) > LOCK_PATIENCE {
                    return Err(io::Error::new(
                        io::ErrorKind::WouldBlock,
                        "another process has locked it",
                    ));
                }
                thread::sleep(LOCK_PAUSE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NOW: Time = Time(1_767_225_600);

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config.toml");
        fs::write(&path, text).expect("a file");
        (folder, path)
    }

    #[test]
    fn an_account_is_added_and_nothing_else_changes() {
        let id: AccountId = "clx9".parse().expect("an id");
        for (text, added) in [
            ("", "[[account]]\nid = \"clx9\"\nlabel = \"A \\\"b\\\"\"\n"),
            (
                "# theirs\r\n# mine\n",
                "# theirs\r\n# mine\n\n[[account]]\nid = \"clx9\"\nlabel = \"A \\\"b\\\"\"\n",
            ),
            ("# only this", "# only this\n\n[[account]]\nid = \"clx9\"\nlabel = \"A \\\"b\\\"\"\n"),
            (
                "[[account]] # mine\r\nid = 'a'\r\n",
                "[[account]] # mine\r\nid = 'a'\r\n\r\n[[account]]\r\nid = \"clx9\"\r\nlabel = \"A \\\"b\\\"\"\r\n",
            ),
        ] {
            let (_folder, path) = file(text);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
            let (list, _) = WatchlistFile::read(&path, None, NOW).expect("a list");
            list.add(&id, Some("A \"b\""), NOW).expect("added");
            assert_eq!(fs::read_to_string(&path).expect("a file"), added);
            let config = Config::load(&path, NOW).expect("a config");
            assert_eq!(config.accounts.last().map(|account| &account.id), Some(&id));
            let mode = fs::metadata(&path).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o640);
            assert_eq!(
                fs::read_dir(path.parent().expect("a folder")).expect("a folder").count(),
                1
            );
        }
    }

    #[test]
    fn a_file_that_was_edited_since_it_was_read_is_not_overwritten() {
        let (_folder, path) = file("");
        let (list, _) = WatchlistFile::read(&path, None, NOW).expect("a list");
        fs::write(&path, "# mine").expect("a file");
        assert!(list.write("# theirs").expect("readable").is_none());
        assert_eq!(fs::read_to_string(&path).expect("a file"), "# mine");
    }

    #[test]
    fn an_account_that_cannot_be_added_changes_nothing() {
        let id: AccountId = "clx9".parse().expect("an id");
        let inline = "account = [{ id = \"a\" }]\n";
        let (_folder, path) = file(inline);
        let (list, _) = WatchlistFile::read(&path, None, NOW).expect("a list");
        assert!(matches!(list.add(&id, None, NOW), Err(EditError::Form(_))));
        assert_eq!(fs::read_to_string(&path).expect("a file"), inline);
        // No account has this spread yet.
        let long = "[schedule]\nspread = \"8d\"\n";
        let (_folder, path) = file(long);
        let (list, _) = WatchlistFile::read(&path, None, NOW).expect("a list");
        let error = list.try_with(&id, None, NOW).expect_err("too long a spread").to_string();
        let path_shown = path.display().to_string();
        assert_eq!(
            error.replace(&path_shown, "config.toml"),
            "an account added to config.toml would not be valid: config.toml:2:10: `spread` (8d) \
             must be shorter than the schedule's shortest interval (7d)"
        );
    }

    #[test]
    fn concurrent_edits_do_not_lose_each_others_entry() {
        let (_folder, path) = file("[[account]]\nid = \"a\"\n");
        let ids: Vec<AccountId> =
            (0..8).map(|n| format!("clx{n}").parse().expect("an id")).collect();
        thread::scope(|scope| {
            for id in &ids {
                // All have read the file before any has written it.
                let (list, _) = WatchlistFile::read(&path, None, NOW).expect("a list");
                scope.spawn(move || list.add(id, None, NOW).expect("added"));
            }
        });
        let config = Config::load(&path, NOW).expect("a config");
        assert_eq!(config.accounts.len(), 9);
        let (list, _) = WatchlistFile::read(&path, None, NOW).expect("a list");
        assert_eq!(list.add(&ids[0], None, NOW).expect("it is there"), None);
    }

    #[test]
    fn an_edit_made_meanwhile_is_kept() {
        let (_folder, path) = file("");
        let (list, _) = WatchlistFile::read(&path, None, NOW).expect("a list");
        list.check_writable(1).expect("writable");
        fs::write(&path, "# meanwhile\n").expect("a file");
        list.add(&"clx9".parse().expect("an id"), None, NOW).expect("added");
        let text = fs::read_to_string(&path).expect("a file");
        assert_eq!(text, "# meanwhile\n\n[[account]]\nid = \"clx9\"\n");
    }
}
