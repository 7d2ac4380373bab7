//! Comparing the configured watchlist with the stored one.

use tracing::warn;

use crate::clock;
use crate::config::{Config, Settings};
use crate::forecast::per_month;
use crate::report::counted;
use crate::store::{Reader, StoreError, WatchlistDiff};

/// The differences between a configured watchlist and the stored one.
pub struct Watchlist {
    pub diff: WatchlistDiff,
    pub outline: Outline,
}

/// What is kept in memory of a watchlist once it is stored.
#[derive(Clone, Copy)]
pub struct Outline {
    pub listed: usize,
    pub enabled: usize,
    pub refreshes_a_month: f64,
}

impl Watchlist {
    /// Takes the list out of a configuration and compares it. This blocks for a long list. The
    /// engine may go on meanwhile, since only a reload changes the stored list.
    pub fn of(config: Config) -> Result<(Settings, Watchlist), StoreError> {
        let Config { settings, accounts } = config;
        let outline = Outline {
            listed: accounts.len(),
            enabled: accounts.iter().filter(|account| account.enabled).count(),
            refreshes_a_month: per_month(&accounts, clock::now().time()),
        };
        let mut reader = Reader::open(&settings.database.path)?;
        let diff = reader.begin_read()?.diff(&accounts)?;
        Ok((settings, Watchlist { diff, outline }))
    }
}

/// Warns of each folder in which `include` finds nothing because it does not exist.
pub fn warn_of_absent_folders(settings: &Settings) {
    for folder in &settings.absent_folders {
        warn!("`include` finds nothing in {}, which does not exist", folder.display());
    }
}

impl Outline {
    pub fn watching(self) -> String {
        format!("watching {}", counted(self.enabled, "account"))
    }
}
