//! The folder that a demo leaves: a configuration to start from, a key, a database and a report.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::demo::DemoError;
use crate::demo::creators::Creator;
use crate::demo::year::ZONE;

/// The name of the folder, which is created in the working folder.
pub const FOLDER: &str = "growthd-demo";

/// The key of the simulated API, which is no secret.
pub(super) const KEY: &str = "demo-key";

/// The first line of the demo's configuration, by which a later demo recognizes the folder.
const MARK: &str = "# Written by `growthd demo`, which overwrites it each time.";

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
    /// demo's.
    pub fn claim(parent: &Path) -> Result<Folder, DemoError> {
        let folder = Folder { path: parent.join(FOLDER) };
        match fs::create_dir(&folder.path) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(named(&folder.path, &error).into()),
        }
        let is_ours = fs::read_to_string(folder.config()).is_ok_and(|text| text.starts_with(MARK));
        let is_empty = fs::read_dir(&folder.path).is_ok_and(|mut files| files.next().is_none());
        if !is_ours && !is_empty {
            return Err(DemoError::Taken(FOLDER));
        }
        let database =
            ["growth.db", "growth.db-wal", "growth.db-shm"].map(|name| folder.file(name));
        // The configuration last, since it marks the rest as a demo's.
        for path in database.into_iter().chain([folder.key(), folder.report(), folder.config()]) {
            match fs::remove_file(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(named(&path, &error).into()),
            }
        }
        Ok(folder)
    }

    pub fn config(&self) -> PathBuf {
        self.file("config.toml")
    }

    pub fn report(&self) -> PathBuf {
        self.file("growthd-report.html")
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
