//! Taking the configuration anew, whole or not at all; and a valid one for good.
//!
//! A file that is wrong is refused, and the daemon goes on with the old one until the next edit.
//! What only could not be taken just now (a database that is locked, a key file or a configuration
//! that is away or not readable for a moment) is tried again until it is, or until there is a newer
//! edit.

use std::time::Duration;

use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::clock;
use crate::config::{Budget, Config, ConfigError, KeySource};
use crate::daemon::client::client;
use crate::daemon::error::{RunError, start_error};
use crate::daemon::metrics::Metrics;
use crate::daemon::notify::Notifier;
use crate::daemon::watchlist::{Outline, Watchlist};
use crate::engine::{Changes, EngineConfig};
use crate::runner::Handle;

/// How soon a configuration that could not be taken is tried again, at first and at most.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(15);

/// The configuration in force, and whoever hears of another.
pub struct Reloader {
    /// Without its accounts, of which nothing but the outline is in memory.
    pub config: Config,
    pub outline: Outline,
    pub handle: Handle,
    pub budgets: watch::Sender<Option<Budget>>,
    /// How long a call may take, and so a stop.
    pub timeouts: watch::Sender<Duration>,
    pub notifier: Notifier,
    pub metrics: Metrics,
}

/// A configuration that was taken.
struct Taken {
    config: Config,
    key: KeySource,
    outline: Outline,
    changes: Changes,
    is_moved: bool,
}

impl Reloader {
    /// Reloads each time `wanted` changes, until its sender is gone.
    pub async fn run(mut self, mut wanted: watch::Receiver<u64>) {
        while wanted.changed().await.is_ok() {
            self.notifier.reloading();
            self.reload(&mut wanted).await;
        }
    }

    async fn reload(&mut self, wanted: &mut watch::Receiver<u64>) {
        let mut retry = FIRST_RETRY;
        let mut said = String::new();
        loop {
            let taken = tokio::select! {
                taken = self.take() => taken,
                // A newer edit, or another try: what still waits for a file is given up.
                Ok(()) = wanted.changed() => continue,
            };
            let error = match taken {
                Ok(taken) => return self.finish(taken),
                Err(error) => error,
            };
            self.metrics.reloaded(false, clock::now().time());
            let is_passing = is_passing(&error);
            let text = error.to_string();
            if text != said {
                for line in text.lines() {
                    error!("{line}");
                }
                match is_passing {
                    true => warn!("the configuration could not be taken; trying again until it is"),
                    false => {
                        error!("the configuration was not reloaded; going on with the old one");
                    }
                }
                said = text;
            }
            if !is_passing {
                return self
                    .notifier
                    .ready("the configuration is wrong; going on with the old one");
            }
            self.notifier.ready("the configuration could not be taken yet; trying again");
            tokio::select! {
                () = tokio::time::sleep(retry) => retry = (retry * 2).min(LAST_RETRY),
                Ok(()) = wanted.changed() => retry = FIRST_RETRY,
            }
        }
    }

    async fn take(&self) -> Result<Taken, RunError> {
        let (path, database) = (self.config.path.clone(), self.config.database.clone());
        let load = move || {
            let config = Config::load(&path, clock::now().time())?;
            let is_moved = config.database != database;
            let (config, list) = Watchlist::of(Config { database, ..config })?;
            Ok::<_, RunError>((config, list, is_moved))
        };
        let (config, list, is_moved) =
            tokio::task::spawn_blocking(load).await.map_err(start_error)??;
        let (client, key) = client(&config)?;
        let Watchlist { diff, outline } = list;
        // Once it is sent it is taken, whatever else happens meanwhile.
        let handle = self.handle.clone();
        let engine_config = EngineConfig::of(&config);
        let taking =
            tokio::spawn(async move { handle.reconfigure(diff, engine_config, client).await });
        let changes = taking.await.map_err(start_error)?;
        let changes = changes.ok_or_else(|| RunError::Start("the engine ended".into()))??;
        Ok(Taken { config, key, outline, changes, is_moved })
    }

    fn finish(&mut self, taken: Taken) {
        let Taken { config, key, outline, changes, is_moved } = taken;
        if is_moved || config.http != self.config.http {
            warn!("a change of [database] or [http] takes effect at the next start");
        }
        let month = outline.refreshes_a_month - self.outline.refreshes_a_month;
        let budget = match &config.budget {
            Some(budget) => format!("budget {}", budget.refreshes),
            None => "no budget".to_owned(),
        };
        info!("the API key comes from {key}");
        info!("reloaded: {changes}, about {month:+.0} refreshes a month, {budget}");
        self.metrics.reloaded(true, clock::now().time());
        self.budgets.send_replace(config.budget);
        self.timeouts.send_replace(config.api.timeout);
        self.outline = outline;
        self.config = Config { http: self.config.http, ..config };
        self.notifier.ready(&self.outline.watching());
    }
}

/// Whether the same configuration may be taken a moment later.
fn is_passing(error: &RunError) -> bool {
    match error {
        RunError::Config(ConfigError::Invalid(_)) => false,
        RunError::Config(_) | RunError::Key(_) | RunError::Store(_) => true,
        RunError::Client(_)
        | RunError::Descriptors { .. }
        | RunError::Runner(_)
        | RunError::Start(_) => false,
    }
}
