//! Runs the engine on the demo's clock, which is set here.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::account::AccountId;
use crate::api::Client;
use crate::clock::{self, Clock, Hand, Now, Time};
use crate::config::{ApiKey, Config, KeySource};
use crate::daemon::StopSignals;
use crate::demo::creators::{self, CREATORS, Creators, NEWCOMER};
use crate::demo::folder::{Folder, KEY};
use crate::demo::show::Show;
use crate::demo::year::Year;
use crate::demo::{DemoError, Pace};
use crate::engine::{ClaimMode, Engine, EngineConfig, Event, Selection};
use crate::runner::{Notice, Observer, Runner, RunnerError, Work};
use crate::simulated_api::SimulatedApi;
use crate::store::{Creation, Reader, Store};

/// The longest time between two turns of the engine, in milliseconds: a daemon's heartbeat, but
/// slower. Some events, such as a spent budget, are reported only then.
const HEARTBEAT: i64 = 6 * 3_600_000;

/// How long the whole year takes at [`Pace::Watched`].
const WATCHED: Duration = Duration::from_secs(18);

/// A message from the engine's thread.
#[derive(Debug)]
enum Message {
    Event(Event),
    /// No call is in flight. Holds when there is more to do, as far as the engine knows.
    Idle(Option<Now>),
    StoreFailed(String),
}

pub(super) struct Stage<'a> {
    pub show: Show<'a>,
    folder: &'a Folder,
    api: SimulatedApi,
    clock: Clock,
    hand: Hand,
    pacing: Pacing,
    signals: StopSignals,
    /// `None` while the machine is off.
    running: Option<Running>,
}

struct Running {
    runner: Runner,
    messages: UnboundedReceiver<Message>,
    wake: Option<Now>,
}

impl<'a> Stage<'a> {
    /// Starts the simulated API and writes the configuration. The engine does not run yet.
    pub async fn new(
        folder: &'a Folder,
        year: &Year,
        pace: Pace,
        show: Show<'a>,
    ) -> Result<Stage<'a>, DemoError> {
        let signals = StopSignals::new()?;
        let (clock, hand) = Clock::by_hand(year.start);
        let api = SimulatedApi::start(KEY, clock.clone(), Creators(year.clone())).await?;
        folder.write(&api.base_url(), &CREATORS)?;
        let pacing = Pacing::new(year, pace);
        Ok(Stage { show, folder, api, clock, hand, pacing, signals, running: None })
    }

    /// Returns the simulated time.
    pub fn time(&self) -> Time {
        self.clock.now().time()
    }

    /// Starts the engine, as when the machine is switched on.
    pub async fn start(&mut self) -> Result<(), DemoError> {
        let (config, client) = self.configuration()?;
        let store = Store::open(&config.settings.database.path, Creation::Allowed)?;
        let mut engine = Engine::new(store, engine_config(&config), ClaimMode::Due);
        engine.watch(&config.accounts, engine_config(&config), self.clock.moment())?;
        let (observer, messages) = observer();
        let runner = Runner::start(engine, client, Work::Daemon, self.clock.clone(), observer)?;
        self.running = Some(Running { runner, messages, wake: None });
        self.settle().await
    }

    /// Stops the engine, after recording the calls in flight.
    pub async fn stop(&mut self) -> Result<(), DemoError> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        running.runner.handle().stop();
        // Waits for the end even if nothing can be shown any more.
        let mut shown = Ok(());
        while let Some(message) = running.messages.recv().await {
            if let Message::Event(event) = message
                && shown.is_ok()
            {
                shown = self.show.event(self.clock.now().time(), &event);
            }
        }
        running.runner.ended().await?;
        shown
    }

    fn configuration(&self) -> Result<(Config, Client), DemoError> {
        let config = Config::load(&self.folder.config(), self.time())?;
        // Not read from the file, which is refused if every user can read it, as on a file system
        // without modes. This key is no secret.
        let source = KeySource::File(config.settings.api.api_key_file.clone());
        let client = Client::new(&config.settings.api, ApiKey::new(KEY.as_bytes(), &source)?)?;
        Ok((config, client))
    }

    pub fn vendor_down(&self) {
        self.api.set_down(true);
    }

    pub fn vendor_up(&self) {
        self.api.set_down(false);
    }

    /// Adds the newcomer to the watchlist, and reconfigures the engine.
    pub async fn add_newcomer(&mut self) -> Result<(), DemoError> {
        self.folder.add(&NEWCOMER)?;
        let (config, client) = self.configuration()?;
        let diff =
            Reader::open(&config.settings.database.path)?.begin_read()?.diff(&config.accounts)?;
        let Some(running) = &self.running else { return Ok(()) };
        let handle = running.runner.handle();
        let result = handle.reconfigure(diff, engine_config(&config), client).await;
        result.ok_or(RunnerError::Ended)??;
        self.settle().await
    }

    /// Refreshes a client's accounts outside their schedule, as `growthd refresh` does.
    pub async fn refresh_by_hand(&mut self) -> Result<(), DemoError> {
        let ids = creators::of_campaign().filter_map(|id| id.parse::<AccountId>().ok()).collect();
        if let Some(running) = &self.running {
            running.runner.handle().refresh(Selection::Ids(ids)).detach();
        }
        self.settle().await
    }

    /// Advances the clock to `time`, and runs everything that becomes due until then.
    pub async fn wait_until(&mut self, time: Time) -> Result<(), DemoError> {
        let end = Now::from(time);
        loop {
            let wake = self.running.as_ref().and_then(|running| running.wake);
            let now = self.clock.now();
            let next = [wake.map(|wake| wake.max(now)), Some(Now(now.0 + HEARTBEAT))];
            let next = next.into_iter().flatten().fold(end, Now::min);
            self.show.advance(now.time(), next.time())?;
            self.advance(next).await?;
            if next == end && wake.is_none_or(|wake| wake > end) {
                return Ok(());
            }
            if let Some(running) = &self.running {
                running.runner.handle().wake();
            }
            self.settle().await?;
        }
    }

    /// Sets the clock to `next`, after a wait that keeps the pace.
    async fn advance(&mut self, next: Now) -> Result<(), DemoError> {
        let ahead = self.pacing.ahead(next);
        tokio::select! {
            biased;
            () = self.signals.recv() => return Err(DemoError::Stopped),
            () = wait(ahead) => {}
        }
        self.hand.move_to(next);
        Ok(())
    }

    /// Waits until the engine has done everything there is to do at this time. It sends no message
    /// after that until it is woken.
    async fn settle(&mut self) -> Result<(), DemoError> {
        let Some(running) = &mut self.running else { return Ok(()) };
        loop {
            match running.messages.recv().await {
                Some(Message::Event(event)) => self.show.event(self.clock.now().time(), &event)?,
                Some(Message::Idle(wake)) => {
                    running.wake = wake;
                    return Ok(());
                }
                Some(Message::StoreFailed(error)) => return Err(DemoError::StoreFailed(error)),
                None => return Err(RunnerError::Ended.into()),
            }
        }
    }
}

async fn wait(ahead: Duration) {
    // A timer takes at least a millisecond, too long for each of thousands of steps.
    if !ahead.is_zero() {
        tokio::time::sleep(ahead).await;
    }
}

/// Returns the engine's configuration, but without a rate limit: with a second between any two
/// calls each would be a commit of its own, and a year of these takes a minute on a slow disk.
fn engine_config(config: &Config) -> EngineConfig {
    EngineConfig { requests_per_minute: 0, ..EngineConfig::of(&config.settings) }
}

fn observer() -> (Observer, UnboundedReceiver<Message>) {
    let (sender, messages) = unbounded_channel();
    let observer = move |notice: Notice<'_>| {
        let message = match notice {
            Notice::Event(event) => Message::Event(event.clone()),
            Notice::Turned { in_flight: 0, wake } => Message::Idle(wake),
            Notice::StoreFailed { error, .. } => Message::StoreFailed(error.to_string()),
            _ => return,
        };
        // The receiver is gone only if the demo has failed.
        sender.send(message).ok();
    };
    (Box::new(observer), messages)
}

/// Maps simulated time to real time.
struct Pacing {
    began: Instant,
    start: Now,
    /// How long the year is to take, and its length in milliseconds; `None` if as fast as possible.
    watched: Option<(Duration, i64)>,
}

impl Pacing {
    fn new(year: &Year, pace: Pace) -> Pacing {
        let (start, end) = (Now::from(year.start), Now::from(year.end));
        let length = end.0 - start.0;
        let watched = (pace == Pace::Watched).then_some((WATCHED, length));
        Pacing { began: clock::monotonic(), start, watched }
    }

    /// Returns how long to wait until `next`.
    fn ahead(&self, next: Now) -> Duration {
        let Some((watched, length)) = self.watched else { return Duration::ZERO };
        #[expect(clippy::cast_precision_loss, reason = "a year of milliseconds is below 2^53")]
        let share = (next.0 - self.start.0) as f64 / length as f64;
        let at = watched.mul_f64(share.clamp(0.0, 1.0));
        at.saturating_sub(clock::monotonic().duration_since(self.began))
    }
}
