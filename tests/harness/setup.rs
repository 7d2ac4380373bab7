//! A folder with a configuration and a key.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use growthd::store::{Creation, Store};
use tempfile::TempDir;

use super::program::{self, Ended};
use super::{Daemon, Database, EACH_SECOND, KEY, Vendor, WEEKLY, poll};

/// The content of a configuration, other than the vendor's URL and the database's path.
#[derive(Clone)]
pub struct Settings {
    /// Lines of `[api]`. Calls have no rate limit.
    pub api: String,
    /// Lines of `[retry]`.
    pub retry: &'static str,
    /// Lines of `[schedule]`.
    pub schedule: &'static str,
    /// Whole tables.
    pub tables: String,
    /// Ids, each optionally followed by lines of its `[[account]]`.
    pub accounts: Vec<String>,
}

impl Settings {
    /// Refreshes these accounts weekly.
    pub fn weekly(accounts: &[&str]) -> Settings {
        Settings {
            api: String::new(),
            retry: "first_delay = \"1s\"\nmax_delay = \"1s\"",
            schedule: WEEKLY,
            tables: String::new(),
            accounts: accounts.iter().map(|&id| id.to_owned()).collect(),
        }
    }

    /// Refreshes these accounts each second.
    pub fn each_second(accounts: &[&str]) -> Settings {
        Settings { schedule: EACH_SECOND, ..Settings::weekly(accounts) }
    }

    fn text(&self, base_url: &str) -> String {
        let Settings { api, retry, schedule, tables, accounts } = self;
        let mut text = format!(
            "[api]\nbase_url = \"{base_url}\"\nrequests_per_minute = 0\n{api}\n\
             [retry]\n{retry}\n[schedule]\n{schedule}\n[database]\npath = \"growth.db\"\n{tables}\n"
        );
        for account in accounts {
            let (id, lines) = account.split_once('\n').unwrap_or((account, ""));
            text += &format!("[[account]]\nid = \"{id}\"\n{lines}\n");
        }
        text
    }
}

/// A temporary folder for growthd.
pub struct Setup {
    folder: TempDir,
}

impl Setup {
    /// Creates an empty folder.
    pub fn empty() -> Setup {
        let folder = tempfile::tempdir().expect("a folder");
        // So that a test can let another user read.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
        Setup { folder }
    }

    /// Creates an empty folder in `parent`.
    pub fn within(parent: &Path) -> Setup {
        Setup { folder: tempfile::tempdir_in(parent).expect("a folder") }
    }

    /// Creates a folder with a key and this configuration.
    pub fn new(vendor: &Vendor, settings: &Settings) -> Setup {
        let place = Setup::empty();
        place.write_key();
        place.configure(vendor, settings);
        place
    }

    pub fn write_key(&self) {
        self.write("api-key", KEY);
        self.set_mode("api-key", 0o600);
    }

    pub fn configure(&self, vendor: &Vendor, settings: &Settings) {
        self.write("config.toml", &settings.text(&vendor.base_url()));
    }

    pub fn configure_for(&self, base_url: &str, settings: &Settings) {
        self.write("config.toml", &settings.text(base_url));
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).expect("a file");
    }

    pub fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.file(name), fs::Permissions::from_mode(mode)).expect("a mode");
    }

    pub fn has(&self, name: &str) -> bool {
        self.file(name).exists()
    }

    /// Creates the database, as the daemon's first start does.
    pub fn create_database(&self) {
        let path = self.file("growth.db");
        drop(Store::open(&path, Creation::Allowed).expect("a new database"));
    }

    pub fn database(&self) -> Database {
        Database::open(&self.file("growth.db"))
    }

    /// Waits for the database of a daemon that was just started, and opens it.
    pub fn database_when_made(&self) -> Database {
        let path = self.file("growth.db");
        poll("a database", || Database::of_growthd(&path))
    }

    /// Returns the program with these arguments, to be run in this folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        program::command(self.path(), arguments)
    }

    /// Runs a verb to its end.
    pub fn growthd(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments))
    }

    /// Starts the daemon.
    pub fn run(&self) -> Daemon {
        Daemon::start(self.command(&["run"]))
    }
}
