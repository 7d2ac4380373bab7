//! The daemon's life: start, signals, reload, stop.

use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc::unbounded_channel, oneshot, watch};
use tracing::{error, info, warn};

use crate::api::{Client, ClientError};
use crate::clock;
use crate::config::{ApiKey, Budget, Config, ConfigError, KeyError};
use crate::daemon::http::Served;
use crate::daemon::metrics::Metrics;
use crate::daemon::notify::Notifier;
use crate::daemon::stop_signals::{EXIT_AT_ONCE, StopSignals};
use crate::daemon::watched_file::WatchedFile;
use crate::daemon::worker::{Input, Work, WorkError, Worker};
use crate::daemon::{control, heartbeat, listening, make_calls, status_line};
use crate::engine::{Breaker, Changes, ClaimMode, Engine, EngineConfig, OpenBreaker};
use crate::forecast::per_month;
use crate::report::Printable;
use crate::store::{Creation, Reader, Store, StoreError, WatchlistDiff};

/// How long a stop may take beyond the slowest call: a store that cannot commit is tried for a
/// while.
const STOP_MARGIN: Duration = Duration::from_secs(30);

/// Why the daemon did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// HTTPS.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What came back could not be recorded.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// A thread, a signal handler or the heartbeat could not be had.
    #[error("cannot start: {0}")]
    Start(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn start_error(error: impl std::error::Error + Send + Sync + 'static) -> RunError {
    RunError::Start(Box::new(error))
}

/// Runs until SIGTERM or SIGINT; reloads at SIGHUP, and when `file`, the configuration's, changes.
///
/// # Errors
/// What keeps it from starting; a store that could not record the last answers.
pub async fn run(config: Config, mut file: Option<WatchedFile>) -> Result<(), RunError> {
    let mut stop = StopSignals::new().map_err(start_error)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(start_error)?;
    // Before the database, so that a start that lacks the key leaves nothing behind.
    let client = client(&config)?;
    let store = Store::open(&config.database.path, Creation::Allowed)?;
    let mut engine = Engine::new(store, EngineConfig::of(&config), ClaimMode::Due);
    let (config, list) = Watchlist::of(config)?;
    let changes = engine.amend(&list.amendment, EngineConfig::of(&config), clock::moment())?;
    let list = list.outline;
    let breaker = Breaker::read(&engine.store().look()?)?;
    let notifier = Notifier::from_env();

    let (inbox, received) = channel();
    let (claims, claimed) = unbounded_channel();
    let (clients, current) = watch::channel(client);
    let metrics = Metrics::default();
    metrics.reloaded(true, clock::now().time());
    let calls =
        make_calls(claimed, move || current.borrow().clone(), inbox.clone(), metrics.clone());
    tokio::spawn(calls);
    let (budgets, budget) = watch::channel(config.budget);
    let database = config.database.path.clone();
    let served = Served { metrics: metrics.clone(), database, budget };
    if let Some(http) = &config.http {
        tokio::spawn(listening::keep(http.listen, served.clone()));
    }
    let (ended, mut end) = oneshot::channel();
    let (tells, mut replaced) = unbounded_channel();
    let worker =
        Worker::new(engine, received, claims, notifier.clone(), metrics.clone(), Work::Daemon)
            .telling_of_replacement(tells);
    thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || ended.send(worker.run()))
        .map_err(start_error)?;
    let _heartbeat = heartbeat::start(&inbox).await.map_err(start_error)?;
    match control::listen(&config.database.path) {
        Ok(listener) => {
            drop(tokio::spawn(control::serve(listener, inbox.clone(), served.clone())));
        }
        Err(error) => {
            let socket = control::socket_path(&config.database.path);
            warn!(
                "no control socket at {}: {error}; `growthd refresh` cannot reach this daemon",
                socket.display()
            );
        }
    }

    announce(&config, list, changes, breaker.as_open());
    notifier.ready(&list.watching());
    if notifier.is_heard() {
        tokio::spawn(status_line::keep(notifier.clone(), served));
    }
    let mut daemon = Daemon { config, list, clients, budgets, inbox, notifier, metrics };
    let mut is_stopping = false;
    loop {
        tokio::select! {
            result = &mut end => {
                remove_socket(&daemon.config.database.path);
                return match result {
                    Ok(result) => Ok(result?),
                    Err(_) => Err(RunError::Start("the engine's thread ended".into())),
                };
            }
            () = stop.recv() => {
                if is_stopping {
                    warn!("stopped at once; the next start marks the calls in flight unknown");
                    std::process::exit(EXIT_AT_ONCE);
                }
                is_stopping = true;
                info!("stopping: waiting for the calls in flight");
                daemon.notifier.stopping(daemon.config.api.timeout + STOP_MARGIN);
                daemon.send(Input::Stop);
            }
            _ = hangup.recv() => daemon.reload().await,
            Some(()) = replaced.recv() => daemon.reload().await,
            () = changed(&mut file) => daemon.reload().await,
        }
    }
}

fn client(config: &Config) -> Result<Client, RunError> {
    let (key, source) = ApiKey::find(config, |name| std::env::var_os(name))?;
    info!("the API key comes from {source}");
    Ok(Client::new(&config.api, key)?)
}

/// A watchlist, held against the database.
struct Watchlist {
    amendment: WatchlistDiff,
    outline: Outline,
}

/// What stays in memory of a watchlist once the database has it.
#[derive(Clone, Copy)]
struct Outline {
    listed: usize,
    enabled: usize,
    refreshes_a_month: f64,
}

impl Watchlist {
    /// Takes the list out of a configuration. Blocks, for a long one; the engine need not wait
    /// for it, since only it changes what is compared.
    fn of(mut config: Config) -> Result<(Config, Watchlist), StoreError> {
        let accounts = std::mem::take(&mut config.accounts);
        let outline = Outline {
            listed: accounts.len(),
            enabled: accounts.iter().filter(|account| account.enabled).count(),
            refreshes_a_month: per_month(&accounts, clock::now().time()),
        };
        let mut reader = Reader::open(&config.database.path)?;
        let amendment = reader.look()?.diff(&accounts)?;
        Ok((config, Watchlist { amendment, outline }))
    }
}

impl Outline {
    fn watching(self) -> String {
        format!("watching {} accounts", self.enabled)
    }
}

fn announce(config: &Config, list: Outline, changes: Changes, open: Option<&OpenBreaker>) {
    if list.listed == 0 {
        warn!("the watchlist is empty: add an [[account]] to {}", config.path.display());
    }
    info!(
        accounts = list.listed,
        database = %config.database.path.display(),
        "growthd {} watches ({changes})", env!("CARGO_PKG_VERSION")
    );
    if let Some(open) = open {
        warn!(
            "the vendor is in trouble since {}: {}; trying one account",
            open.since,
            Printable(&open.reason)
        );
    }
}

fn remove_socket(database: &Path) {
    if let Err(error) = std::fs::remove_file(control::socket_path(database)) {
        tracing::debug!("the control socket was not removed: {error}");
    }
}

struct Daemon {
    /// Without its accounts, of which nothing but the outline is in memory.
    config: Config,
    list: Outline,
    clients: watch::Sender<Client>,
    budgets: watch::Sender<Option<Budget>>,
    inbox: Sender<Input>,
    notifier: Notifier,
    metrics: Metrics,
}

impl Daemon {
    fn send(&self, input: Input) {
        // Without a worker `end` is ready, and the loop ends with what it says.
        self.inbox.send(input).ok();
    }

    /// Takes the configuration anew, whole or not at all.
    async fn reload(&mut self) {
        self.notifier.reloading();
        let reloaded = self.try_reload().await;
        self.metrics.reloaded(reloaded.is_ok(), clock::now().time());
        match reloaded {
            Ok(()) => self.notifier.ready(&self.list.watching()),
            Err(error) => {
                for line in error.to_string().lines() {
                    error!("{line}");
                }
                error!("the configuration was not reloaded; going on with the old one");
                self.notifier.ready("the configuration is wrong; going on with the old one");
            }
        }
    }

    async fn try_reload(&mut self) -> Result<(), RunError> {
        let (path, database) = (self.config.path.clone(), self.config.database.clone());
        let load = move || {
            let config = Config::load(&path, clock::now().time())?;
            let is_moved = config.database != database;
            let (config, list) = Watchlist::of(Config { database, ..config })?;
            Ok::<_, RunError>((config, list, is_moved))
        };
        let (config, list, is_moved) =
            tokio::task::spawn_blocking(load).await.map_err(start_error)??;
        let client = client(&config)?;
        let (reply, answered) = oneshot::channel();
        self.send(Input::Amend(Box::new((list.amendment, EngineConfig::of(&config))), reply));
        let changes = answered.await.map_err(start_error)??;
        if is_moved || config.http != self.config.http {
            warn!("a change of [database] or [http] takes effect at the next start");
        }
        let month = list.outline.refreshes_a_month - self.list.refreshes_a_month;
        let budget = match &config.budget {
            Some(budget) => format!("budget {}", budget.refreshes),
            None => "no budget".to_owned(),
        };
        info!("reloaded: {changes}, about {month:+.0} refreshes a month, {budget}");
        // The receiving end lives in the task that makes the calls, as long as this one.
        self.clients.send_replace(client);
        self.budgets.send_replace(config.budget);
        self.list = list.outline;
        self.config = Config { http: self.config.http, ..config };
        Ok(())
    }
}

async fn changed(file: &mut Option<WatchedFile>) {
    match file {
        Some(file) => file.changed().await,
        None => std::future::pending().await,
    }
}
