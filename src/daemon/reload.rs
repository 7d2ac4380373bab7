//! Reloading the configuration: completely or not at all, and never losing a valid edit.
//!
//! An invalid configuration is refused, and the daemon keeps the old one until the next edit. If a
//! configuration cannot be applied for the moment (the database is locked, or a file or folder is
//! missing or unreadable: one of the configuration, the key or the CA certificates), it is retried
//! until it can be, or until a newer edit is announced; also if the file is invalid meanwhile, as while
//! it is being written.

use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{debug, error, info, warn};

use crate::api::Client;
use crate::clock;
use crate::config::{Budget, Config, KeySource, Settings};
use crate::daemon::client::client;
use crate::daemon::error::{RunError, start_error};
use crate::daemon::limits::check_limits;
use crate::daemon::metrics::Metrics;
use crate::daemon::notify::Notifier;
use crate::daemon::unused_edit::UnusedEdit;
use crate::daemon::watchlist::{Outline, Watchlist, warn_of_absent_folders};
use crate::engine::{Changes, EngineConfig};
use crate::runner::Handle;
use crate::store::{Reader, StoreError};

/// The first and the longest delay before a configuration is tried again.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(15);

/// The configuration in use, and everything to be updated by a reload.
pub struct Reloader {
    /// Without its accounts, of which only the outline is kept in memory.
    pub settings: Settings,
    pub outline: Outline,
    pub handle: Handle,
    pub budgets: watch::Sender<Option<Budget>>,
    /// The longest API timeout so far, which bounds how long a stop may take: a call keeps the timeout
    /// that it began with.
    pub timeouts: watch::Sender<Duration>,
    pub notifier: Notifier,
    pub metrics: Metrics,
}

/// A valid configuration, and its differences from the stored watchlist.
struct Loaded {
    settings: Settings,
    list: Watchlist,
    client: Client,
    key: KeySource,
    is_moved: bool,
}

/// A configuration that has been applied.
struct Applied {
    settings: Settings,
    key: KeySource,
    outline: Outline,
    changes: Changes,
    is_moved: bool,
}

impl Reloader {
    /// Reloads each time `requests` changes, until its sender is dropped.
    pub async fn run(mut self, mut requests: watch::Receiver<u64>) {
        while next_request(&mut requests, &self.notifier).await {
            self.reload(&mut requests).await;
        }
    }

    async fn reload(&mut self, requests: &mut watch::Receiver<u64>) {
        let mut retry = FIRST_RETRY;
        let mut last_logged = String::new();
        // Whether a valid edit waits to be applied.
        let mut is_pending = false;
        loop {
            let loaded = tokio::select! {
                loaded = self.load() => loaded,
                // A newer edit, or another request. Abandon this attempt, which may be waiting for
                // a file.
                true = next_request(requests, &self.notifier) => {
                    is_pending = false;
                    continue;
                }
            };
            // Not abandoned any more: the next attempt's differences are to the list that this one
            // leaves, and what is said to be in use must be so.
            let applied = match loaded {
                Ok(loaded) => self.apply(loaded).await,
                Err(error) => Err(error),
            };
            let error = match applied {
                Ok(applied) => return self.finish(applied),
                Err(error) => error,
            };
            is_pending |= is_transient(&error);
            let text = error.to_string();
            let why = text.lines().next().unwrap_or_default().to_owned();
            self.metrics.edit_unused(match is_pending {
                true => UnusedEdit::Retried(why),
                false => UnusedEdit::Refused,
            });
            if text != last_logged {
                for line in text.lines() {
                    error!("{line}");
                }
                match is_pending {
                    true => warn!("the configuration could not be applied; retrying"),
                    false => {
                        error!("the configuration was not reloaded; keeping the old one");
                    }
                }
                last_logged = text;
            }
            if !is_pending {
                return self.notifier.ready("the configuration is invalid; keeping the old one");
            }
            self.notifier.ready("the configuration could not be applied yet; retrying");
            tokio::select! {
                () = tokio::time::sleep(retry) => retry = (retry * 2).min(LAST_RETRY),
                true = next_request(requests, &self.notifier) => {
                    retry = FIRST_RETRY;
                    is_pending = false;
                }
            }
        }
    }

    async fn load(&self) -> Result<Loaded, RunError> {
        let Settings { path, database, files, .. } = self.settings.clone();
        let load = move || {
            let mut config = Config::reload(&path, &files, clock::now().time())?;
            // As at a start, so that the next one accepts the same configuration.
            check_limits(&config.settings)?;
            let is_moved = config.settings.database != database;
            if is_moved {
                check_usable(&config.settings.database.path)?;
            }
            config.settings.database = database;
            let (settings, list) = Watchlist::of(config)?;
            let (client, key) = client(&settings)?;
            Ok::<_, RunError>(Loaded { settings, list, client, key, is_moved })
        };
        tokio::task::spawn_blocking(load).await.map_err(start_error)?
    }

    async fn apply(&self, loaded: Loaded) -> Result<Applied, RunError> {
        let Loaded { settings, list, client, key, is_moved } = loaded;
        let Watchlist { diff, outline } = list;
        debug!(
            "applying {} changed and {} removed entries",
            diff.entries.len(),
            diff.removed.len()
        );
        let changes = self.handle.reconfigure(diff, EngineConfig::of(&settings), client).await;
        let changes = changes.ok_or_else(|| RunError::Start("the engine ended".into()))??;
        Ok(Applied { settings, key, outline, changes, is_moved })
    }

    fn finish(&mut self, applied: Applied) {
        let Applied { settings, key, outline, changes, is_moved } = applied;
        if is_moved || settings.http != self.settings.http {
            warn!("a change to [database] or [http] takes effect at the next start");
        }
        let month = (outline.refreshes_a_month - self.outline.refreshes_a_month).round();
        let forecast = match month {
            0.0 => String::new(),
            less if less < 0.0 => format!("about {:.0} fewer refreshes a month, ", -less),
            more => format!("about {more:.0} more refreshes a month, "),
        };
        let budget = match &settings.budget {
            Some(budget) => format!("budget {}", budget.refreshes),
            None => "no budget".to_owned(),
        };
        warn_of_absent_folders(&settings);
        if outline.listed == 0 && self.outline.listed > 0 {
            warn!("the watchlist is empty now: the edit removed every account from it");
        }
        info!("the API key comes from {key}");
        info!("reloaded: {changes}, {forecast}{budget}");
        self.metrics.reloaded(clock::now().time());
        self.budgets.send_replace(settings.budget);
        self.timeouts.send_modify(|longest| *longest = settings.api.timeout.max(*longest));
        self.outline = outline;
        self.settings = Settings { http: self.settings.http, ..settings };
        self.notifier.ready(&self.outline.watching());
    }
}

/// Waits for the next request and announces it: the service manager waits for the end of a reload
/// only if its beginning was reported. Returns false if there are no more requests.
async fn next_request(requests: &mut watch::Receiver<u64>, notifier: &Notifier) -> bool {
    let is_requested = requests.changed().await.is_ok();
    if is_requested {
        notifier.reloading();
    }
    is_requested
}

/// Checks that a later start could use the database at `path`, or create it.
fn check_usable(path: &Path) -> Result<(), StoreError> {
    match Reader::open(path) {
        Err(error) if error.is_unusable_file() => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Returns whether the same configuration may be accepted a moment later.
fn is_transient(error: &RunError) -> bool {
    match error {
        RunError::Config(error) => error.may_pass(),
        RunError::Client(error) => error.may_pass(),
        RunError::Key(_) | RunError::Store(_) => true,
        RunError::Descriptors { .. }
        | RunError::SocketName { .. }
        | RunError::Runner(_)
        | RunError::Start(_) => false,
    }
}
