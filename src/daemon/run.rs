//! The daemon: starting, handling signals, and stopping.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::api::Client;
use crate::clock::{self, Clock};
use crate::config::{Config, KeySource, Settings, WatchedFiles};
use crate::daemon::client::client;
use crate::daemon::error::{RunError, start_error};
use crate::daemon::health::check_not_removed;
use crate::daemon::http::Served;
use crate::daemon::limits::check_limits;
use crate::daemon::metrics::Metrics;
use crate::daemon::notify::Notifier;
use crate::daemon::observer::observer;
use crate::daemon::reload::Reloader;
use crate::daemon::stop_signals::{EXIT_AT_ONCE, StopSignals};
use crate::daemon::watchlist::{Outline, Watchlist, warn_of_absent_folders};
use crate::daemon::{control, heartbeat, listening, status_line};
use crate::engine::{Breaker, Changes, ClaimMode, Engine, EngineConfig, OpenBreaker};
use crate::log_queue;
use crate::printable::Printable;
use crate::runner::{Runner, Work};
use crate::store::{Creation, Store, StoreError};

/// How long a stop may take in addition to the slowest call, because a store that cannot commit is
/// retried for a while.
const STOP_MARGIN: Duration = Duration::from_secs(30);

/// How long an immediate exit waits for its last log line to be written.
const LOG_FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

/// How often to retry opening a database that another process holds.
const START_RETRY: Duration = Duration::from_secs(1);

/// The signals that the daemon handles.
#[derive(Debug)]
pub struct Signals {
    stop: StopSignals,
    hangup: Signal,
}

impl Signals {
    /// Installs the signal handlers. Call it before anything that takes time.
    pub fn new() -> Result<Signals, RunError> {
        Ok(Signals {
            stop: StopSignals::new().map_err(start_error)?,
            hangup: signal(SignalKind::hangup()).map_err(start_error)?,
        })
    }
}

/// Runs until SIGTERM or SIGINT. Reloads on SIGHUP, and when the configuration files in `files`
/// change.
///
/// # Errors
/// Returns an error if the daemon cannot start, or if the last responses could not be recorded.
pub async fn run(
    path: PathBuf,
    mut signals: Signals,
    files: Option<WatchedFiles>,
) -> Result<(), RunError> {
    let notifier = Notifier::from_env();
    let started = tokio::select! {
        started = start(&path) => started?,
        () = signals.stop.recv() => return Ok(()),
    };
    let Started { engine, client, key, settings, outline, changes, breaker } = started;
    let metrics = Metrics::new(log_queue::dropped);
    metrics.reloaded(clock::now().time());
    let (reload, reload_requests) = watch::channel(0);
    let observer = observer(notifier.clone(), metrics.clone(), reload.clone());
    let prepared = Runner::prepare(engine, client, Work::Daemon, Clock::system(), observer);
    let handle = prepared.handle().clone();

    let (budgets, budget) = watch::channel(settings.budget);
    let database = settings.database.path.clone();
    let served = Served { metrics: metrics.clone(), database: database.clone(), budget };
    if let Some(http) = &settings.http {
        tokio::spawn(listening::keep(http.listen, served.clone()));
    }
    let _heartbeat = heartbeat::start(&handle).await.map_err(start_error)?;
    if let Some(interval) = notifier.longest_silence() {
        tokio::spawn(heartbeat::wake_every(interval, handle.clone()));
    }
    // From here on calls may be in flight, and only a stop may end the process.
    let mut runner = prepared.start()?;
    let control = tokio::spawn(control::keep(database, handle.clone(), served.clone()));

    info!("the API key comes from {key}");
    announce(&settings, outline, changes, breaker.as_open());
    notifier.ready(&outline.watching());
    if notifier.has_manager() {
        tokio::spawn(status_line::keep(notifier.clone(), served));
    }
    let (timeouts, timeout) = watch::channel(settings.api.timeout);
    let reloader = Reloader {
        settings,
        outline,
        handle: handle.clone(),
        budgets,
        timeouts,
        notifier: notifier.clone(),
        metrics,
    };
    tokio::spawn(reloader.run(reload_requests));
    if let Some(files) = files {
        tokio::spawn(watch_files(files, reload.clone()));
    }
    let mut is_stopping = false;
    loop {
        tokio::select! {
            result = runner.ended() => {
                // Its end removes the socket.
                control.abort();
                control.await.ok();
                return Ok(result?);
            }
            () = signals.stop.recv() => {
                if is_stopping {
                    warn!("exiting immediately; the next start marks the calls in flight as unknown");
                    log_queue::flush(LOG_FLUSH_TIMEOUT);
                    std::process::exit(EXIT_AT_ONCE);
                }
                is_stopping = true;
                handle.stop();
                // Whoever reads this may send another signal.
                signals.stop.rest().await;
                info!("stopping: waiting for the calls in flight");
                notifier.stopping(*timeout.borrow() + STOP_MARGIN);
            }
            _ = signals.hangup.recv() => request_reload(&reload),
        }
    }
}

/// The result of a start.
struct Started {
    engine: Engine,
    client: Client,
    key: KeySource,
    settings: Settings,
    outline: Outline,
    changes: Changes,
    breaker: Breaker,
}

/// Reads the configuration and opens the database. If another process holds the database for the
/// moment, to read or copy it, waits for it. While it waits, a verb may use the database in between;
/// at first, another growthd means a second daemon, which is refused.
async fn start(path: &Path) -> Result<Started, RunError> {
    let mut last_logged = String::new();
    loop {
        let path = path.to_owned();
        let error = match tokio::task::spawn_blocking(move || try_start(&path)).await {
            Ok(Ok(started)) => return Ok(started),
            Ok(Err(RunError::Store(error))) if is_passing(&error, !last_logged.is_empty()) => {
                error.to_string()
            }
            Ok(Err(error)) => return Err(error),
            Err(error) => return Err(start_error(error)),
        };
        if error != last_logged {
            error!("waiting for the database: {error}");
            last_logged = error;
        }
        tokio::time::sleep(START_RETRY).await;
    }
}

/// Returns whether an error is a reason to wait, or to go on waiting.
fn is_passing(error: &StoreError, is_waiting: bool) -> bool {
    error.is_busy() || is_waiting && matches!(error, StoreError::Held(_))
}

fn try_start(path: &Path) -> Result<Started, RunError> {
    let config = Config::load(path, clock::now().time())?;
    check_limits(&config.settings)?;
    // Find the key before creating the database, so that a start without a key leaves nothing
    // behind.
    let (client, key) = client(&config.settings)?;
    let database = &config.settings.database.path;
    check_not_removed(database)?;
    let store = Store::open(database, Creation::Allowed)?;
    let mut engine = Engine::new(store, EngineConfig::of(&config.settings), ClaimMode::Due);
    let (settings, Watchlist { diff, outline }) = Watchlist::of(config)?;
    let changes = engine.amend(&diff, EngineConfig::of(&settings), clock::moment())?;
    let breaker = Breaker::read(&engine.store().begin_read()?)?;
    Ok(Started { engine, client, key, settings, outline, changes, breaker })
}

fn announce(settings: &Settings, list: Outline, changes: Changes, open: Option<&OpenBreaker>) {
    warn_of_absent_folders(settings);
    if list.listed == 0 {
        warn!("the watchlist is empty: add an [[account]] to {}", settings.path.display());
    }
    info!(
        accounts = list.listed,
        database = %settings.database.path.display(),
        "growthd {} started ({changes})", env!("CARGO_PKG_VERSION")
    );
    if let Some(open) = open {
        warn!(
            "the vendor has been in trouble since {}: {}; trying one account",
            open.since,
            Printable(&open.reason)
        );
    }
}

fn request_reload(requests: &watch::Sender<u64>) {
    requests.send_modify(|count| *count += 1);
}

/// Requests a reload after each edit of the files.
async fn watch_files(mut files: WatchedFiles, requests: watch::Sender<u64>) {
    loop {
        tokio::time::sleep(WatchedFiles::INTERVAL).await;
        // The file system may take its time, and blocks nothing but this.
        let poll = move || (files.poll_edit(), files);
        let Ok((is_edited, polled)) = tokio::task::spawn_blocking(poll).await else { return };
        files = polled;
        if is_edited {
            request_reload(&requests);
        }
    }
}
