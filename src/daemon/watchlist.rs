//! The watchlist on its way from the configuration into the database.

use crate::clock;
use crate::config::Config;
use crate::forecast::per_month;
use crate::store::{Reader, StoreError, WatchlistDiff};

/// A watchlist, held against the database.
pub struct Watchlist {
    pub diff: WatchlistDiff,
    pub outline: Outline,
}

/// What stays in memory of a watchlist once the database has it.
#[derive(Clone, Copy)]
pub struct Outline {
    pub listed: usize,
    pub enabled: usize,
    pub refreshes_a_month: f64,
}

impl Watchlist {
    /// Takes the list out of a configuration. Blocks, for a long one; the engine need not wait
    /// for it, since only it changes what is compared.
    pub fn of(mut config: Config) -> Result<(Config, Watchlist), StoreError> {
        let accounts = std::mem::take(&mut config.accounts);
        let outline = Outline {
            listed: accounts.len(),
            enabled: accounts.iter().filter(|account| account.enabled).count(),
            refreshes_a_month: per_month(&accounts, clock::now().time()),
        };
        let mut reader = Reader::open(&config.database.path)?;
        let diff = reader.look()?.diff(&accounts)?;
        Ok((config, Watchlist { diff, outline }))
    }
}

impl Outline {
    pub fn watching(self) -> String {
        format!("watching {} accounts", self.enabled)
    }
}
