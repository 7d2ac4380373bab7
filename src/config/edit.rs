//! Adding an account to the watchlist's file, and nothing else: every comment, the order and the
//! line endings stay as they are.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{Config, ConfigError};
use crate::account::AccountId;
use crate::clock::Time;

/// A watchlist's file as it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WatchlistFile {
    /// As it was given.
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
    /// The file was changed meanwhile.
    #[error("{} was changed meanwhile", .0.display())]
    Changed(PathBuf),
    /// The file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl WatchlistFile {
    /// Reads the file of a valid configuration.
    ///
    /// # Errors
    /// It cannot be read, is no UTF-8, or is not valid (any more).
    pub fn read(path: &Path, now: Time) -> Result<(WatchlistFile, Config), EditError> {
        let config = Config::load(path, now)?;
        let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
        let text = fs::read_to_string(path).map_err(unreadable)?;
        Ok((WatchlistFile { path: path.to_owned(), text }, config))
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
        Config::parse(&self.path, text.as_bytes(), now)
            .map_err(|_| EditError::Form(self.path.clone()))
    }

    /// Writes the file with this account at its end: whole, in one step, with the mode that it
    /// has.
    ///
    /// # Errors
    /// It cannot be written, was changed since it was read, or would not be valid.
    pub fn add(&self, id: &AccountId, label: Option<&str>, now: Time) -> Result<(), EditError> {
        self.try_with(id, label, now)?;
        let failed = |source| EditError::Write { path: self.path.clone(), source };
        // A link stays a link, to the file that is edited.
        let target = fs::canonicalize(&self.path).map_err(failed)?;
        let _lock = lock(&target).map_err(failed)?;
        if fs::read_to_string(&target).map_err(failed)? != self.text {
            return Err(EditError::Changed(self.path.clone()));
        }
        replace(&target, &self.with(id, label)).map_err(failed)
    }

    /// Finds out whether the file can be written, before anything is paid for.
    ///
    /// # Errors
    /// It cannot.
    pub fn check_writable(&self) -> Result<(), EditError> {
        let failed = |source| EditError::Write { path: self.path.clone(), source };
        let target = fs::canonicalize(&self.path).map_err(failed)?;
        let folder = target.parent().unwrap_or_else(|| Path::new("/"));
        OpenOptions::new().append(true).open(&target).map_err(failed)?;
        tempfile::Builder::new().prefix(".growthd-").tempfile_in(folder).map_err(failed)?;
        Ok(())
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

/// The lines of an account's entry.
pub fn entry(id: &AccountId, label: Option<&str>) -> Vec<String> {
    let mut lines = vec!["[[account]]".to_owned(), format!("id = \"{id}\"")];
    // A TOML string has the escapes of a JSON string.
    lines.extend(label.map(|label| format!("label = {}", serde_json::Value::from(label))));
    lines
}

/// Keeps other edits of growthd's away until the answer is dropped. Whoever waited for it may hold
/// a file that was replaced meanwhile, and looks again.
fn lock(target: &Path) -> io::Result<File> {
    loop {
        let file = File::open(target)?;
        file.lock()?;
        if file.metadata()?.ino() == fs::metadata(target)?.ino() {
            return Ok(file);
        }
    }
}

fn replace(target: &Path, text: &str) -> io::Result<()> {
    let mode = fs::metadata(target)?.permissions().mode() & 0o7777;
    let mut name = target.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(name);
    let write = || {
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.sync_all()?;
        fs::rename(&temporary, target)
    };
    let written = write();
    if written.is_err() {
        // It may not have been made at all.
        fs::remove_file(&temporary).ok();
    }
    written
}

#[cfg(test)]
mod tests {
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
            let (list, _) = WatchlistFile::read(&path, NOW).expect("a list");
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
        let (list, _) = WatchlistFile::read(&path, NOW).expect("a list");
        assert!(matches!(list.add(&id, None, NOW), Err(EditError::Form(_))));
        assert_eq!(fs::read_to_string(&path).expect("a file"), inline);

        let (_folder, path) = file("");
        let (list, _) = WatchlistFile::read(&path, NOW).expect("a list");
        fs::write(&path, "# meanwhile\n").expect("a file");
        assert!(matches!(list.add(&id, None, NOW), Err(EditError::Changed(_))));
        assert_eq!(fs::read_to_string(&path).expect("a file"), "# meanwhile\n");
    }
}
