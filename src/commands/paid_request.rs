//! A request of a verb that spends: in the daemon if one runs on this database, else in an engine of
//! the verb's own process.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::{self, Clock};
use crate::commands::CommandError;
use crate::commands::output::Printer;
use crate::commands::signals::{Requested, Signals};
use crate::config::Config;
use crate::daemon::{Health, NoHealth, Remote, RunError, check_not_removed, client};
use crate::descriptors;
use crate::engine::{ClaimMode, Engine, EngineConfig};
use crate::runner::{Handle, Notice, Prepared, Runner, Steps, Work};
use crate::store::{Creation, Reader, Store, is_in_use};

/// How long nothing may happen before the reason is shown.
const SILENCE: Duration = Duration::from_secs(2);

/// How long a daemon may take from its lock to its socket, and how often to look for that.
const START_PATIENCE: Duration = Duration::from_secs(5);
const START_POLL: Duration = Duration::from_millis(50);

/// A request in progress, with steps of type `T`.
pub struct PaidRequest<T> {
    source: Source<T>,
    database: PathBuf,
    trouble: Trouble,
    explanation: Explanation,
    /// Whether the daemon was asked to cancel the request.
    is_cancelled: bool,
}

/// Why an engine of this process cannot record a call; `None` if it can.
type Trouble = watch::Receiver<Option<String>>;

/// The reason for waiting, shown once.
enum Explanation {
    /// None was found yet.
    Missing,
    Sought(JoinHandle<Option<Obstacle>>),
    Shown,
}

/// What keeps calls from starting.
enum Obstacle {
    /// The daemon does not respond.
    Silence,
    /// The daemon, or this process, cannot record a call.
    Unrecorded(String),
    /// The vendor asked for a pause.
    Pause(String),
}

/// Who serves the request.
enum Source<T> {
    Remote(Remote<T>),
    Local(Steps<T>, Runner),
}

/// How a request is sent.
pub struct Sending<'a> {
    pub config: &'a Config,
    /// Whether an engine of this process may create a missing database.
    pub creation: Creation,
}

impl Sending<'_> {
    /// Sends the request to the daemon with `remote`, or, if none runs, to an engine of this process
    /// with `local`.
    ///
    /// # Errors
    /// Among others, returns [`CommandError::NotSent`] after a signal to stop.
    pub async fn send<T, R: Future<Output = io::Result<Remote<T>>>>(
        self,
        remote: impl Fn() -> R,
        local: impl FnOnce(&Handle) -> Steps<T>,
        signals: &mut Signals,
        output: &mut Printer,
    ) -> Result<PaidRequest<T>, CommandError> {
        let database = self.config.settings.database.path.clone();
        let mut explanation = Explanation::Missing;
        let (told, trouble) = watch::channel(None);
        // If the request fails, the lock's holder may have ended or be unreachable: then opening the
        // database succeeds, or fails with the reason.
        let mut remote = std::pin::pin!(connect(&database, &remote));
        let remote = loop {
            tokio::select! {
                remote = &mut remote => break remote,
                requested = signals.next() => match requested {
                    Requested::Stop => return Err(CommandError::NotSent),
                    Requested::PrintNoMore => output.close(),
                },
                obstacle = explanation.next(&database, &trouble) => if let Obstacle::Silence = obstacle {
                    output.note(format_args!("waiting: the daemon does not respond"));
                },
            }
        };
        if let Some(remote) = remote {
            return Ok(PaidRequest::of(Source::Remote(remote), database.clone(), trouble));
        }
        let engine = prepare(self.config, self.creation, told)?;
        let steps = local(engine.handle());
        let source = Source::Local(steps, engine.start().map_err(RunError::from)?);
        Ok(PaidRequest::of(source, database.clone(), trouble))
    }
}

/// Sends the request to the daemon that uses the database. Returns `None` if none does, or if it
/// cannot be reached for longer than a start takes.
async fn connect<T, R: Future<Output = io::Result<Remote<T>>>>(
    database: &Path,
    remote: impl Fn() -> R,
) -> Option<Remote<T>> {
    let begun = clock::monotonic();
    while is_in_use(database) {
        match remote().await {
            Ok(remote) => return Some(remote),
            // A daemon creates its socket a moment after it has locked the database.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
                    && clock::monotonic().duration_since(begun) < START_PATIENCE =>
            {
                tokio::time::sleep(START_POLL).await;
            }
            Err(_) => return None,
        }
    }
    None
}

impl<T> PaidRequest<T> {
    fn of(source: Source<T>, database: PathBuf, trouble: Trouble) -> PaidRequest<T> {
        let explanation = Explanation::Missing;
        PaidRequest { source, database, trouble, explanation, is_cancelled: false }
    }

    /// Returns the next step; `None` when the request is complete. Meanwhile a signal to stop cancels
    /// the request, and a hangup closes `output`. A wait for the vendor or for the database is
    /// explained on stderr.
    ///
    /// # Errors
    /// Among others, returns [`CommandError::NoResponse`] or [`CommandError::NotRecorded`] if the
    /// request was cancelled and the daemon cannot confirm it.
    pub async fn next(
        &mut self,
        signals: &mut Signals,
        output: &mut Printer,
    ) -> Result<Option<T>, CommandError> {
        loop {
            tokio::select! {
                step = self.source.step() => return step,
                requested = signals.next() => match requested {
                    Requested::Stop => self.cancel(),
                    Requested::PrintNoMore => output.close(),
                },
                obstacle = self.explanation.next(&self.database, &self.trouble) => match obstacle {
                    Obstacle::Silence if self.is_cancelled => return Err(CommandError::NoResponse),
                    Obstacle::Silence => output.note(format_args!("waiting: the daemon does not respond")),
                    Obstacle::Unrecorded(why) if self.is_cancelled => {
                        return Err(CommandError::NotRecorded(why));
                    }
                    // A call in flight is recorded all the same.
                    Obstacle::Pause(_) if self.is_cancelled => {}
                    Obstacle::Unrecorded(why) | Obstacle::Pause(why) => {
                        output.note(format_args!("waiting: {why}"));
                    }
                },
            }
        }
    }

    /// Makes no further call start.
    fn cancel(&mut self) {
        match &mut self.source {
            Source::Remote(steps) => {
                steps.cancel();
                self.is_cancelled = true;
                // The daemon may have stopped responding since.
                self.explanation = Explanation::Missing;
            }
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

impl<T> Source<T> {
    async fn step(&mut self) -> Result<Option<T>, CommandError> {
        match self {
            Source::Remote(steps) => Ok(steps.next().await.transpose()?),
            Source::Local(steps, _) => Ok(steps.next().await),
        }
    }
}

impl Explanation {
    /// Waits until there is something to explain, which is only once. Cancel safe.
    async fn next(&mut self, database: &Path, trouble: &Trouble) -> Obstacle {
        loop {
            match self {
                Explanation::Shown => std::future::pending().await,
                Explanation::Missing => {
                    tokio::time::sleep(SILENCE).await;
                    let trouble = trouble.borrow().clone();
                    if let Some(why) = trouble {
                        *self = Explanation::Shown;
                        return Obstacle::Unrecorded(why);
                    }
                    let database = database.to_owned();
                    let sought = tokio::task::spawn_blocking(move || Obstacle::find(&database));
                    *self = Explanation::Sought(sought);
                }
                Explanation::Sought(sought) => match sought.await {
                    Ok(Some(obstacle)) => {
                        *self = Explanation::Shown;
                        return obstacle;
                    }
                    Ok(None) | Err(_) => *self = Explanation::Missing,
                },
            }
        }
    }
}

impl Obstacle {
    fn find(database: &Path) -> Option<Obstacle> {
        match Health::request(database) {
            Ok(Health { trouble: Some(trouble), .. }) => {
                return Some(Obstacle::Unrecorded(trouble));
            }
            Err(NoHealth::NoResponse) => return Some(Obstacle::Silence),
            Ok(_) | Err(NoHealth::NoDaemon | NoHealth::Unreachable) => {}
        }
        let wait = Reader::open(database).ok()?.begin_read().ok()?.wait().ok()??;
        (wait.until > clock::now().time()).then(|| Obstacle::Pause(wait.to_string()))
    }
}

/// Takes the database's lock and prepares an engine that serves one request and ends. It tells of its
/// store's trouble.
fn prepare(
    config: &Config,
    creation: Creation,
    trouble: watch::Sender<Option<String>>,
) -> Result<Prepared, CommandError> {
    descriptors::raise_limit();
    let (client, _) = client(&config.settings)?;
    let database = &config.settings.database.path;
    check_not_removed(database)?;
    let store = Store::open(database, creation)?;
    let mut engine = Engine::new(store, EngineConfig::of(&config.settings), ClaimMode::Requested);
    engine.watch(&config.accounts, EngineConfig::of(&config.settings), clock::moment())?;
    let observer = Box::new(move |notice: Notice<'_>| match notice {
        Notice::StoreFailed { error, .. } => {
            trouble.send_replace(Some(error.to_string()));
        }
        Notice::StoreRecovered(_) => {
            trouble.send_replace(None);
        }
        _ => {}
    });
    Ok(Runner::prepare(engine, client, Work::OneShot, Clock::system(), observer))
}
