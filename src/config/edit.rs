//! Adding an account to the watchlist's file, and nothing else: every comment, the order and the
//! line endings stay as they are.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::include::folder_of;
use super::{Config, ConfigError};
use crate::account::AccountId;
use crate::clock::{self, Time};
use crate::paths::GROUP_READABLE;
use crate::replacement::{Placed, Replace, Replacement};

/// How long another process's edit is waited for, and how often it is looked whether it is over.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// A watchlist's file as it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WatchlistFile {
    /// The main file of its configuration, as it was given.
    main: PathBuf,
    /// This one: the main file, or one that it includes.
    path: PathBuf,
    text: String,
}

/// Why an account cannot be added to the file.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The file cannot be read, or is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// With the account at its end it would be wrong.
    #[error(
        "an [[account]] at the end of {} would not be valid there; write the accounts as [[account]] tables",
        .0.display()
    )]
    Form(PathBuf),
    /// The file that entries are to go to is another.
    #[error(
        "{} is none of the files that {} includes; put an empty one where `include` finds it first",
        path.display(), main.display()
    )]
    NotIncluded { path: PathBuf, main: PathBuf },
    /// The file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl WatchlistFile {
    /// Reads the main file of a valid configuration, or the one at `to` that it includes.
    ///
    /// # Errors
    /// It cannot be read, is no UTF-8, or is not valid (any more); `to` is not included.
    pub fn read(
        main: &Path,
        to: Option<&Path>,
        now: Time,
    ) -> Result<(WatchlistFile, Config), EditError> {
        let config = Config::load(main, now)?;
        let path = match to {
            None => main.to_owned(),
            Some(to) => as_included(&config, to).ok_or_else(|| EditError::NotIncluded {
                path: to.to_owned(),
                main: main.to_owned(),
            })?,
        };
        let unreadable = |source| ConfigError::Unreadable { path: path.clone(), source };
        let text = fs::read_to_string(&path).map_err(unreadable)?;
        Ok((WatchlistFile { main: main.to_owned(), path, text }, config))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration as it would be with this account.
    ///
    /// # Errors
    /// An account cannot simply be added at the end of this file.
    pub fn try_with(
        &self,
        id: &AccountId,
        label: Option<&str>,
        now: Time,
    ) -> Result<Config, EditError> {
        let text = self.with(id, label);
        Config::load_edited(&self.main, &self.path, text.as_bytes(), now)
            .map_err(|_| EditError::Form(self.path.clone()))
    }

    /// Finds out whether [`WatchlistFile::add`] could write the file, before anything is paid
    /// for what it is to write.
    ///
    /// # Errors
    /// [`EditError::Write`].
    pub fn check_writable(&self) -> Result<(), EditError> {
        let begun = Replacement::begin(&self.path, GROUP_READABLE);
        begun.map(drop).map_err(|source| self.unwritable(source))
    }

    /// Adds this account at the end of the file as it is now, whoever has changed it since it
    /// was read: whole, with the owner, mode and attributes that it has. `None`: it is there
    /// already.
    ///
    /// # Errors
    /// It cannot be written, or would not be valid.
    pub fn add(
        &self,
        id: &AccountId,
        label: Option<&str>,
        now: Time,
    ) -> Result<Option<Placed>, EditError> {
        // Until this is done another `add` waits, or it would write what it read before.
        let _lock = lock(&self.path).map_err(|source| self.unwritable(source))?;
        let (current, config) = WatchlistFile::read(&self.main, Some(&self.path), now)?;
        if config.accounts.iter().any(|account| account.id == *id) {
            return Ok(None);
        }
        current.try_with(id, label, now)?;
        let placed = current.write(&current.with(id, label));
        placed.map(Some).map_err(|source| self.unwritable(source))
    }

    fn write(&self, text: &str) -> io::Result<Placed> {
        let mut new = Replacement::begin(&self.path, GROUP_READABLE)?;
        new.file().write_all(text.as_bytes())?;
        new.finish(Replace::Allowed)
    }

    fn unwritable(&self, source: io::Error) -> EditError {
        EditError::Write { path: self.path.clone(), source }
    }

    fn with(&self, id: &AccountId, label: Option<&str>) -> String {
        let end = if self.text.contains("\r\n") { "\r\n" } else { "\n" };
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

/// The name under which a configuration has the file at `to`, from the working folder or from the
/// configuration's own.
fn as_included(config: &Config, to: &Path) -> Option<PathBuf> {
    [to.to_owned(), folder_of(&config.path).join(to)].iter().find_map(|path| {
        let wanted = fs::canonicalize(path).ok()?;
        let is_it = |file: &&PathBuf| fs::canonicalize(file).is_ok_and(|file| file == wanted);
        config.files().iter().find(is_it).cloned()
    })
}

/// The lines of an account's entry.
pub fn entry(id: &AccountId, label: Option<&str>) -> Vec<String> {
    let mut lines = vec!["[[account]]".to_owned(), format!("id = \"{id}\"")];
    // A TOML string has the escapes of a JSON string.
    lines.extend(label.map(|label| format!("label = {}", serde_json::Value::from(label))));
    lines
}

/// Locks the file that is at `path` when the lock is had: another edit may have replaced the one
/// that was waited for.
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
    fn what_cannot_be_added_changes_nothing() {
        let id: AccountId = "clx9".parse().expect("an id");
        let inline = "account = [{ id = \"a\" }]\n";
        let (_folder, path) = file(inline);
        let (list, _) = WatchlistFile::read(&path, None, NOW).expect("a list");
        assert!(matches!(list.add(&id, None, NOW), Err(EditError::Form(_))));
        assert_eq!(fs::read_to_string(&path).expect("a file"), inline);
    }

    #[test]
    fn two_at_once_do_not_lose_each_others_entry() {
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
    fn an_edit_that_is_made_meanwhile_is_kept() {
        let (_folder, path) = file("");
        let (list, _) = WatchlistFile::read(&path, None, NOW).expect("a list");
        list.check_writable().expect("writable");
        fs::write(&path, "# meanwhile\n").expect("a file");
        list.add(&"clx9".parse().expect("an id"), None, NOW).expect("added");
        let text = fs::read_to_string(&path).expect("a file");
        assert_eq!(text, "# meanwhile\n\n[[account]]\nid = \"clx9\"\n");
    }
}
