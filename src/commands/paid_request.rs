//! A request of a verb that spends: in the daemon if one runs on this database, else in an engine of
//! the verb's own process.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock::{self, Clock};
use crate::commands::CommandError;
use crate::commands::output::Printer;
use crate::commands::signals::{Requested, Signals};
use crate::config::Config;
use crate::daemon::control::Remote;
use crate::daemon::{Health, RunError, client};
use crate::descriptors;
use crate::engine::{ClaimMode, Engine, EngineConfig};
use crate::runner::{Handle, Notice, Prepared, Runner, Steps, Work};
use crate::store::{Creation, Reader, Store, is_in_use};

/// How long nothing may happen before the reason is shown.
const SILENCE: Duration = Duration::from_secs(2);

/// A request in progress, with steps of type `T`.
pub struct PaidRequest<T> {
    source: Source<T>,
    database: PathBuf,
    /// Whether the reason for waiting was shown.
    is_explained: bool,
}

/// Who serves the request.
enum Source<T> {
    Remote(Remote<T>),
    Local(Steps<T>, Runner),
}

impl<T> PaidRequest<T> {
    /// Sends the request to the daemon with `remote`, or, if none runs, to an engine of this process
    /// with `local`, which creates a missing database if `creation` allows it.
    pub async fn send(
        config: &Config,
        remote: impl Future<Output = io::Result<Remote<T>>>,
        creation: Creation,
        local: impl FnOnce(&Handle) -> Steps<T>,
    ) -> Result<PaidRequest<T>, CommandError> {
        // If the request fails, the lock's holder may have ended or be unreachable: then opening the
        // database succeeds, or fails with the reason.
        let database = config.settings.database.path.clone();
        if is_in_use(&database)
            && let Ok(remote) = remote.await
        {
            let source = Source::Remote(remote);
            return Ok(PaidRequest { source, database, is_explained: false });
        }
        let engine = prepare(config, creation)?;
        let steps = local(engine.handle());
        let source = Source::Local(steps, engine.start().map_err(RunError::from)?);
        Ok(PaidRequest { source, database, is_explained: false })
    }

    /// Returns the next step; `None` when the request is complete. Meanwhile a signal to stop cancels
    /// the request, and a hangup closes `output`. A wait for the vendor or for the database is
    /// explained on stderr.
    pub async fn next(
        &mut self,
        signals: &mut Signals,
        output: &mut Printer,
    ) -> Result<Option<T>, CommandError> {
        loop {
            tokio::select! {
                step = self.step() => return step,
                requested = signals.next() => match requested {
                    Requested::Stop => self.cancel(),
                    Requested::PrintNoMore => output.close(),
                },
                () = tokio::time::sleep(SILENCE), if !self.is_explained => {
                    let database = self.database.clone();
                    let why = tokio::task::spawn_blocking(move || why_waiting(&database)).await;
                    if let Ok(Some(why)) = why {
                        output.note(format_args!("waiting: {why}"));
                        self.is_explained = true;
                    }
                }
            }
        }
    }

    async fn step(&mut self) -> Result<Option<T>, CommandError> {
        match &mut self.source {
            Source::Remote(steps) => Ok(steps.next().await.transpose()?),
            Source::Local(steps, _) => Ok(steps.next().await),
        }
    }

    /// Makes no further call start.
    fn cancel(&mut self) {
        match &mut self.source {
            Source::Remote(steps) => steps.cancel(),
            Source::Local(steps, runner) => {
                steps.cancel();
                runner.handle().stop();
            }
        }
    }

    /// Waits until the calls in flight are recorded. A signal to stop ends anything else.
    pub async fn end(self, signals: &mut Signals) -> Result<(), CommandError> {
        let Source::Local(steps, mut runner) = self.source else { return Ok(()) };
        drop(steps);
        let handle = runner.handle().clone();
        loop {
            tokio::select! {
                ended = runner.ended() => return Ok(ended.map_err(RunError::from)?),
                requested = signals.next() => match requested {
                    Requested::Stop => handle.stop(),
                    Requested::PrintNoMore => {}
                },
            }
        }
    }
}

/// Returns why no call starts: the daemon cannot record one, or the vendor asked for a pause.
fn why_waiting(database: &Path) -> Option<String> {
    if let Ok(Health { trouble: Some(trouble), .. }) = Health::request(database) {
        return Some(trouble);
    }
    let wait = Reader::open(database).ok()?.begin_read().ok()?.wait().ok()??;
    (wait.until > clock::now().time()).then(|| wait.to_string())
}

/// Takes the database's lock and prepares an engine that serves one request and ends.
fn prepare(config: &Config, creation: Creation) -> Result<Prepared, CommandError> {
    descriptors::raise_limit();
    let (client, _) = client(&config.settings)?;
    let store = Store::open(&config.settings.database.path, creation)?;
    let mut engine = Engine::new(store, EngineConfig::of(&config.settings), ClaimMode::Requested);
    engine.watch(&config.accounts, EngineConfig::of(&config.settings), clock::moment())?;
    let observer = Box::new(|_: Notice<'_>| {});
    Ok(Runner::prepare(engine, client, Work::OneShot, Clock::system(), observer))
}
