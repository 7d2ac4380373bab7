//! The folder that a demo leaves: a configuration to start from, a key, a database and a report.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::demo::DemoError;
use crate::demo::creators::{CREATORS, Creator, NEWCOMER, is_creator};
use crate::demo::year::ZONE;
use crate::paths::database_files;
use crate::store::{Creation, Store, StoreError};

/// The name of the folder, which is created in the working folder.
pub const FOLDER: &str = "growthd-demo";

/// The key of the simulated API, which is no secret.
pub(super) const KEY: &str = "demo-key";

/// The first line of the demo's configuration, by which a later demo recognizes the folder.
const MARK: &str = "# Written by `growthd demo`, which replaces it unless it was edited.";

/// A folder without files of an earlier demo.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Creates the folder in `parent`, or removes an earlier demo's files from it, but no others.
    ///
    /// # Errors
    /// Returns [`DemoError::Taken`] if the folder exists, is not empty, and is not an earlier
    /// demo's, [`DemoError::Changed`] if it has been put to another use since, and
    /// [`StoreError::Held`] if a growthd is using its database.
    pub fn claim(parent: &Path) -> Result<Folder, DemoError> {
        let folder = Folder { path: parent.join(FOLDER) };
        match fs::create_dir(&folder.path) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(named(&folder.path, &error).into()),
        }
        if fs::read_dir(&folder.path).is_ok_and(|mut files| files.next().is_none()) {
            return Ok(folder);
        }
        let earlier = fs::read_to_string(folder.config()).unwrap_or_default();
        if !earlier.starts_with(MARK) {
            return Err(DemoError::Taken(FOLDER));
        }
        // Holds the database's lock until the files are removed.
        let mut store = match Store::open(&folder.database(), Creation::Refused) {
            Ok(store) => Some(store),
            Err(StoreError::Missing(_)) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(what) = folder.change(&earlier, store.as_mut())? {
            return Err(DemoError::Changed { folder: FOLDER, what });
        }
        folder.remove()?;
        Ok(folder)
    }

    /// Returns what in an earlier demo's folder is not the demo's any more: only its user could
    /// replace a key or a history.
    fn change(
        &self,
        config: &str,
        store: Option<&mut Store>,
    ) -> Result<Option<&'static str>, DemoError> {
        if !is_config(config) {
            return Ok(Some("config.toml was edited"));
        }
        if fs::read_to_string(self.key()).is_ok_and(|key| key.trim_end() != KEY) {
            return Ok(Some("api-key is another one"));
        }
        let Some(store) = store else { return Ok(None) };
        let has_others = store.begin_read()?.account_ids()?.iter().any(|id| !is_creator(id));
        Ok(has_others.then_some("growth.db has other accounts"))
    }

    fn remove(&self) -> io::Result<()> {
        let database = database_files(&self.database());
        // The configuration last, since it marks the rest as a demo's.
        for path in database.into_iter().chain([self.key(), self.report(), self.config()]) {
            match fs::remove_file(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(named(&path, &error)),
            }
        }
        Ok(())
    }

    pub fn config(&self) -> PathBuf {
        self.file("config.toml")
    }

    pub fn report(&self) -> PathBuf {
        self.file("growthd-report.html")
    }

    fn database(&self) -> PathBuf {
        self.file("growth.db")
    }

    fn key(&self) -> PathBuf {
        self.file("api-key")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes the key, and a configuration that watches `creators`.
    pub(super) fn write(&self, base_url: &str, creators: &[Creator]) -> io::Result<()> {
        // The configuration first: without it, the folder would not be recognized as a demo's.
        fs::write(self.config(), config(base_url, creators))?;
        let mut key = fs::OpenOptions::new();
        let mut key = key.write(true).create_new(true).mode(0o600).open(self.key())?;
        writeln!(key, "{KEY}")
    }

    /// Appends an account to the watchlist.
    pub(super) fn add(&self, creator: &Creator) -> io::Result<()> {
        let mut config = fs::OpenOptions::new().append(true).open(self.config())?;
        config.write_all(entry(creator).as_bytes())
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Returns whether a text is a demo's configuration, from before or after the newcomer was added.
fn is_config(text: &str) -> bool {
    let base_url =
        text.lines().find_map(|line| line.strip_prefix("base_url = \"")?.split('"').next());
    let base_url = base_url.filter(|url| url.starts_with("http://127.0.0.1:"));
    let written = config(base_url.unwrap_or_default(), &CREATORS);
    text.strip_prefix(&written).is_some_and(|rest| rest.is_empty() || rest == entry(&NEWCOMER))
}

fn config(base_url: &str, creators: &[Creator]) -> String {
    let mut text = format!(
        "{MARK}\n\
         # Everything but base_url could be the same for accounts of your own.\n\n\
         [api]\n\
         base_url = \"{base_url}\"   # the demo's API, which is gone; yours needs no such line\n\
         api_key_file = \"api-key\"\n\n\
         [budget]\n\
         refreshes = 150\n\
         per = \"month\"\n\n\
         [database]\n\
         path = \"growth.db\"\n\n\
         [schedule]\n\
         cron = \"0 6 * * MON\"\n\
         timezone = \"{ZONE}\"\n"
    );
    text.extend(creators.iter().map(entry));
    text
}

fn entry(creator: &Creator) -> String {
    let Creator { id, label, client, is_daily, .. } = creator;
    let mut text =
        format!("\n[[account]]\nid = \"{id}\"\nlabel = \"{label}\"\ntags = [\"{client}\"]\n");
    let cron = match (is_daily, *client) {
        (true, _) => Some("0 7 * * *"),
        (false, "client-b") => Some("0 18 * * MON"),
        _ => None,
    };
    if let Some(cron) = cron {
        // Writing to a string does not fail.
        writeln!(text, "cron = \"{cron}\"").ok();
    }
    text
}
