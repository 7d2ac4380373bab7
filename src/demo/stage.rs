//! The engine at work on the demo's clock, whose hand is moved here.

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

/// How often the engine is woken in any case, in milliseconds: a daemon's heartbeat, but slower.
/// Some things, such as that the budget is spent, it says only then.
const HEARTBEAT: i64 = 6 * 3_600_000;

/// How long a person watches the year.
const WATCHED: Duration = Duration::from_secs(18);

/// What the engine's thread tells.
#[derive(Debug)]
enum Message {
    Event(Event),
    /// No call is on its way. When there is more to do, as far as it knows.
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
    /// The vendor listens, and the configuration is written; nothing runs yet.
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

    /// What time it is.
    pub fn time(&self) -> Time {
        self.clock.now().time()
    }

    /// Starts the daemon, as a machine that was switched on does.
    pub async fn start(&mut self) -> Result<(), DemoError> {
        let (config, client) = self.configuration()?;
        let store = Store::open(&config.database.path, Creation::Allowed)?;
        let mut engine = Engine::new(store, engine_config(&config), ClaimMode::Due);
        engine.watch(&config.accounts, engine_config(&config), self.clock.moment())?;
        let (observer, messages) = observer();
        let runner = Runner::start(engine, client, Work::Daemon, self.clock.clone(), observer)?;
        self.running = Some(Running { runner, messages, wake: None });
        self.settle().await
    }

    /// Ends the daemon; what is on its way is recorded.
    pub async fn stop(&mut self) -> Result<(), DemoError> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        running.runner.handle().stop();
        // It ends, even if nobody can be told any more.
        let mut shown = Ok(());
        while let Some(message) = running.messages.recv().await {
            if let Message::Event(event) = message
                && shown.is_ok()
            {
                shown = self.show.event(self.clock.now().time(), &event);
            }
        }
        running.runner.ended().await?;
        Ok(shown?)
    }

    fn configuration(&self) -> Result<(Config, Client), DemoError> {
        let config = Config::load(&self.folder.config(), self.time())?;
        // Not as a file's key is read, which everybody may not read: where there are no modes, they
        // may, and this one is no secret.
        let source = KeySource::File(config.api.api_key_file.clone());
        let client = Client::new(&config.api, ApiKey::new(KEY.into(), &source)?)?;
        Ok((config, client))
    }

    pub fn vendor_down(&self) {
        self.api.set_down(true);
    }

    pub fn vendor_up(&self) {
        self.api.set_down(false);
    }

    /// Adds the newcomer to the watchlist, and has the daemon take it.
    pub async fn add_newcomer(&mut self) -> Result<(), DemoError> {
        self.folder.add(&NEWCOMER)?;
        let (config, client) = self.configuration()?;
        let diff = Reader::open(&config.database.path)?.look()?.diff(&config.accounts)?;
        let Some(running) = &self.running else { return Ok(()) };
        let handle = running.runner.handle();
        let taken = handle.reconfigure(diff, engine_config(&config), client).await;
        taken.ok_or(RunnerError::Ended)??;
        self.settle().await
    }

    /// Asks for a client's accounts beside the schedule, as `growthd refresh` does.
    pub async fn refresh_by_hand(&mut self) -> Result<(), DemoError> {
        let ids = creators::of_campaign().filter_map(|id| id.parse::<AccountId>().ok()).collect();
        if let Some(running) = &self.running {
            running.runner.handle().refresh(Selection::Ids(ids)).detach();
        }
        self.settle().await
    }

    /// Lets the time pass until then, with everything that falls due in it.
    pub async fn wait_until(&mut self, time: Time) -> Result<(), DemoError> {
        let end = Now::from(time);
        loop {
            let wake = self.running.as_ref().and_then(|running| running.wake);
            let now = self.clock.now();
            let next = [wake.map(|wake| wake.max(now)), Some(Now(now.0 + HEARTBEAT))];
            let next = next.into_iter().flatten().fold(end, Now::min);
            self.show.passes(now.time(), next.time())?;
            self.pass(next).await?;
            if next == end && wake.is_none_or(|wake| wake > end) {
                return Ok(());
            }
            if let Some(running) = &self.running {
                running.runner.handle().wake();
            }
            self.settle().await?;
        }
    }

    /// Moves the hand, as fast as a person can watch it.
    async fn pass(&mut self, next: Now) -> Result<(), DemoError> {
        let ahead = self.pacing.ahead(next);
        tokio::select! {
            biased;
            () = self.signals.recv() => return Err(DemoError::Stopped),
            () = wait(ahead) => {}
        }
        self.hand.move_to(next);
        Ok(())
    }

    /// Waits until the engine has done what there is to do at this time. It has nothing else to
    /// say before it is asked again.
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
    // A timer takes a millisecond at least: too long for each of thousands of steps.
    if !ahead.is_zero() {
        tokio::time::sleep(ahead).await;
    }
}

/// As the configuration has it, but for the pace: with a second between any two calls, each would
/// be a commit of its own, and a year of them take a slow disk a minute.
fn engine_config(config: &Config) -> EngineConfig {
    EngineConfig { requests_per_minute: 0, ..EngineConfig::of(config) }
}

fn observer() -> (Observer, UnboundedReceiver<Message>) {
    let (tell, messages) = unbounded_channel();
    let observer = move |notice: Notice<'_>| {
        let message = match notice {
            Notice::Event(event) => Message::Event(event.clone()),
            Notice::Turned { in_flight: 0, wake } => Message::Idle(wake),
            Notice::StoreFailed { error, .. } => Message::StoreFailed(error.to_string()),
            _ => return,
        };
        // Nobody listens any more only where the demo has failed.
        tell.send(message).ok();
    };
    (Box::new(observer), messages)
}

/// When the time may pass.
struct Pacing {
    began: Instant,
    start: Now,
    /// How long it is to take, and its length in milliseconds; `None`: as short as can be.
    watched: Option<(Duration, i64)>,
}

impl Pacing {
    fn new(year: &Year, pace: Pace) -> Pacing {
        let (start, end) = (Now::from(year.start), Now::from(year.end));
        let length = end.0 - start.0;
        let watched = (pace == Pace::Watched).then_some((WATCHED, length));
        Pacing { began: clock::monotonic(), start, watched }
    }

    /// How long it is until `next` may be.
    fn ahead(&self, next: Now) -> Duration {
        let Some((watched, length)) = self.watched else { return Duration::ZERO };
        #[expect(clippy::cast_precision_loss, reason = "a year of milliseconds is below 2^53")]
        let share = (next.0 - self.start.0) as f64 / length as f64;
        let at = watched.mul_f64(share.clamp(0.0, 1.0));
        at.saturating_sub(clock::monotonic().duration_since(self.began))
    }
}
