//! The thread that owns the engine.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;
use tracing::{error, info, warn};

use crate::account::{AccountId, Handle};
use crate::clock::{self, Now};
use crate::daemon::journal::Journal;
use crate::daemon::metrics::Metrics;
use crate::daemon::notify::Notifier;
use crate::daemon::progress::{Lookup, Progress};
pub use crate::engine::Selection;
use crate::engine::{Changes, Engine, EngineConfig, Event, RequesterId, Turn};
use crate::memory;
use crate::store::{AccountLookup, Claim, StoreError, WatchlistDiff, journal_size};

/// The longest the worker sleeps: how late a machine that slept is noticed. It is the monotonic
/// timer beside the heartbeat, and wakes the engine if that fails.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// By how much the wall clock may outrun the monotonic one before the machine counts as having
/// slept, in milliseconds.
const SLEPT: i64 = 60_000;

/// How soon a store that failed is tried again, at first and at most.
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LAST_RETRY: Duration = Duration::from_secs(15);

/// How long a stop waits for a store that cannot commit.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// A one-shot run does not wait longer than this for a pause, a wait or the budget.
const PATIENCE: Duration = Duration::from_secs(120);

/// A journal larger than this after it was brought into the file is held by a reader, and worth
/// a word, in bytes.
const OVERGROWN: u64 = 256 << 20;

/// What reaches the engine.
#[derive(Debug)]
pub enum Input {
    /// A call came back.
    Returned(crate::engine::CompletedCall),
    /// It may be time.
    Wake,
    /// The journal may be brought into the file.
    Maintain,
    /// What is new in the watchlist, and new terms.
    Amend(
        Box<(WatchlistDiff, EngineConfig)>,
        tokio::sync::oneshot::Sender<Result<Changes, StoreError>>,
    ),
    /// Somebody wants accounts refreshed, and to hear of it.
    RefreshRequest(Selection, UnboundedSender<Progress>),
    /// Somebody wants an account looked up by name.
    Add(Box<AccountLookup>, UnboundedSender<Lookup>),
    /// Somebody wants to hear of everything.
    Follow(UnboundedSender<Progress>),
    /// Start nothing more, and end when nothing is on its way.
    Stop,
}

/// Somebody who waits for accounts to be refreshed.
#[derive(Debug)]
struct Watcher {
    waits_for: HashSet<AccountId>,
    tells: UnboundedSender<Progress>,
}

/// For how long the worker works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// Until it is told to stop.
    Daemon,
    /// Until nothing is left that can be done soon.
    OneShot,
}

/// Why the worker ended without being done.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// What came back could not be recorded.
    #[error("{0} (calls in flight: {1}; the next start marks them unknown)")]
    Store(#[source] StoreError, usize),
}

/// The engine's thread, as a value.
#[derive(Debug)]
pub struct Worker {
    engine: Engine,
    inbox: Receiver<Input>,
    calls: UnboundedSender<Vec<Claim>>,
    watchers: Vec<Watcher>,
    followers: Vec<UnboundedSender<Progress>>,
    lookups: Vec<(Handle, UnboundedSender<Lookup>)>,
    tells_replaced: Option<UnboundedSender<()>>,
    notifier: Notifier,
    metrics: Metrics,
    journal: Journal,
    work: Work,
    trouble: Option<Trouble>,
    stopping: Option<Instant>,
    last_seen: Option<(Now, Instant)>,
    is_unsettled: bool,
    is_overgrown: bool,
}

/// A store that failed.
#[derive(Debug)]
struct Trouble {
    said: String,
    since: Instant,
    retry: Duration,
}

impl Worker {
    /// A worker for `engine` that takes from `inbox` and gives its claims to `calls`.
    pub fn new(
        engine: Engine,
        inbox: Receiver<Input>,
        calls: UnboundedSender<Vec<Claim>>,
        notifier: Notifier,
        metrics: Metrics,
        work: Work,
    ) -> Worker {
        Worker {
            engine,
            inbox,
            calls,
            watchers: Vec::new(),
            followers: Vec::new(),
            lookups: Vec::new(),
            tells_replaced: None,
            notifier,
            metrics,
            journal: Journal::default(),
            work,
            trouble: None,
            stopping: None,
            last_seen: None,
            is_unsettled: true,
            is_overgrown: false,
        }
    }

    /// The worker, telling when another database took the file's place and needs its watchlist.
    pub fn telling_of_replacement(mut self, tells: UnboundedSender<()>) -> Worker {
        self.tells_replaced = Some(tells);
        self
    }

    /// Works until it is stopped or done. Blocks its thread.
    ///
    /// # Errors
    /// A store that could not record what came back before the end.
    pub fn run(mut self) -> Result<(), WorkError> {
        // What a one-shot run was asked for must be known before it finds nothing to do.
        loop {
            while let Ok(input) = self.inbox.try_recv() {
                self.take(input);
            }
            let sleep = match self.turn() {
                Ok(turn) => self.after(turn),
                Err(error) => self.in_trouble(error)?,
            };
            let Some(sleep) = sleep else { return Ok(()) };
            self.wait(sleep);
        }
    }

    fn turn(&mut self) -> Result<Turn, StoreError> {
        let (now, instant) = (clock::now(), clock::monotonic());
        if let Some((then, before)) = self.last_seen {
            let elapsed = i64::try_from(instant.duration_since(before).as_millis());
            if now.0 - then.0 - elapsed.unwrap_or(i64::MAX) > SLEPT {
                info!("the clock went ahead by more than a minute: the machine slept, or was set");
                self.engine.resumed(clock::moment());
            }
        }
        self.last_seen = Some((now, instant));
        self.engine.turn(clock::moment())
    }

    /// Hands out what a turn claimed and told; answers how long to sleep, `None` at the end.
    fn after(&mut self, turn: Turn) -> Option<Duration> {
        if !turn.claims.is_empty() {
            // All at once, and before anything is told: each send may have to wake a thread. The
            // receiving end lives as long as the runtime, which outlives this thread.
            self.calls.send(turn.claims).ok();
        }
        if let Some(trouble) = self.trouble.take() {
            let lasted = clock::monotonic().duration_since(trouble.since).as_secs();
            info!(seconds = lasted, "the database can be written again");
            self.notifier.changed();
        }
        if !turn.events.is_empty() {
            self.notifier.changed();
        }
        self.is_unsettled |= !turn.events.is_empty();
        for event in &turn.events {
            self.journal.log(event);
            self.metrics.count(event);
            self.tell(event);
        }
        self.metrics.turned(self.engine.in_flight());
        self.notifier.alive();
        if self.is_done(turn.wake) {
            return None;
        }
        let until = turn.wake.map(|wake| clock::now().until(wake));
        Some(until.unwrap_or(LONGEST_SLEEP).min(self.longest_sleep()))
    }

    fn longest_sleep(&self) -> Duration {
        LONGEST_SLEEP.min(self.notifier.longest_silence())
    }

    fn is_done(&mut self, wake: Option<Now>) -> bool {
        if self.engine.in_flight() > 0 {
            return false;
        }
        if self.stopping.is_some() {
            return true;
        }
        let is_far = wake.is_none_or(|wake| clock::now().until(wake) > PATIENCE);
        self.work == Work::OneShot && is_far
    }

    /// Answers how long to wait before the store is tried again, `None` at the end.
    fn in_trouble(&mut self, error: StoreError) -> Result<Option<Duration>, WorkError> {
        let now = clock::monotonic();
        if let StoreError::Replaced(_) = error
            && let Ok(()) = self.engine.reopen()
        {
            // The watchlist in it may be another; whoever has the right one brings it.
            if let Some(tells) = &self.tells_replaced {
                tells.send(()).ok();
            }
            warn!("the database file was replaced; going on with the new one");
            return Ok(Some(Duration::ZERO));
        }
        if self.stopping.is_some() && self.engine.in_flight() == 0 {
            return Ok(None);
        }
        if let Some(stopping) = self.stopping
            && now.duration_since(stopping) > STOP_GRACE
        {
            return Err(WorkError::Store(error, self.engine.in_flight()));
        }
        if self.work == Work::OneShot && self.engine.in_flight() == 0 {
            return Err(WorkError::Store(error, 0));
        }
        self.metrics.store_failed(&error);
        let said = error.to_string();
        let trouble = self.trouble.get_or_insert(Trouble {
            said: String::new(),
            since: now,
            retry: FIRST_RETRY,
        });
        if trouble.said != said {
            error!("nothing is refreshed until it can be recorded: {said}");
            self.notifier.status(&format!("nothing is refreshed: {said}"));
            self.notifier.changed();
            trouble.said = said;
        }
        let retry = trouble.retry;
        trouble.retry = (retry * 2).min(LAST_RETRY);
        // A restart would mend no full disk, and lose the answers that wait to be recorded.
        self.notifier.alive();
        Ok(Some(retry.min(self.longest_sleep())))
    }

    /// Sleeps until something comes.
    fn wait(&mut self, sleep: Duration) {
        if self.is_unsettled && sleep > Duration::from_secs(1) && self.engine.in_flight() == 0 {
            self.checkpoint();
        }
        match self.inbox.recv_timeout(sleep) {
            Ok(input) => self.take(input),
            Err(RecvTimeoutError::Timeout) => {}
            // Whoever could stop this thread is gone.
            Err(RecvTimeoutError::Disconnected) => self.take(Input::Stop),
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Returned(returned) => self.engine.take(returned),
            Input::Wake => {}
            Input::Maintain => self.checkpoint(),
            Input::Amend(new, reply) => {
                let (amendment, terms) = *new;
                self.is_unsettled = true;
                // Whoever asked may have gone; the list is taken all the same.
                reply.send(self.engine.amend(&amendment, terms, clock::moment())).ok();
            }
            // Whoever asks a daemon that is stopping hears at once that nothing comes of it.
            Input::RefreshRequest(..) if self.stopping.is_some() => {}
            Input::RefreshRequest(selection, tells) => self.wish(selection, tells),
            Input::Add(newcomer, tells) => {
                self.lookups.push((newcomer.handle.clone(), tells));
                self.engine.look_up(RequesterId(0), *newcomer);
            }
            Input::Follow(tells) => self.followers.push(tells),
            Input::Stop => {
                self.engine.stop();
                self.stopping.get_or_insert(clock::monotonic());
            }
        }
    }

    fn wish(&mut self, selection: Selection, tells: UnboundedSender<Progress>) {
        match self.engine.request(RequesterId(0), &selection, clock::moment()) {
            Ok(ids) => {
                let waits_for: HashSet<AccountId> = ids.into_iter().collect();
                // Whoever asked may have gone; what they asked for is done all the same.
                tells.send(Progress::Selected { accounts: waits_for.len() }).ok();
                if !waits_for.is_empty() {
                    self.watchers.push(Watcher { waits_for, tells });
                }
            }
            Err(error) => warn!("a request for refreshes could not be read: {error}"),
        }
    }

    fn tell(&mut self, event: &Event) {
        self.tell_lookups(event);
        let (id, is_last) = match event {
            Event::Settled { id, .. } | Event::Declined { id, .. } => (id, true),
            Event::Started { id, .. } => (id, false),
            _ => return,
        };
        let Some(progress) = Progress::of(event) else { return };
        self.followers.retain(|follower| follower.send(progress.clone()).is_ok());
        self.watchers.retain_mut(|watcher| {
            if !watcher.waits_for.contains(id) {
                return true;
            }
            if is_last {
                watcher.waits_for.remove(id);
            }
            watcher.tells.send(progress.clone()).is_ok() && !watcher.waits_for.is_empty()
        });
    }

    fn tell_lookups(&mut self, event: &Event) {
        let (about, lookup) = match event {
            Event::Found { handle, id, followers, is_watched, call } => {
                let lookup = Lookup::Found {
                    account_id: id.to_string(),
                    followers: *followers,
                    is_watched: *is_watched,
                    was_called: call.is_some(),
                };
                (handle, lookup)
            }
            Event::NotFound { handle, why, call } => {
                (handle, Lookup::NotFound { error: why.clone(), was_called: call.is_some() })
            }
            _ => return,
        };
        self.lookups.retain(|(handle, tells)| {
            if handle == about {
                // Whoever asked may have gone.
                tells.send(lookup.clone()).ok();
            }
            handle != about
        });
    }

    /// For when nothing is on its way: leaves the file nearly whole, and the process small.
    fn checkpoint(&mut self) {
        match self.engine.store().checkpoint() {
            Ok(()) => self.is_unsettled = false,
            Err(error) => warn!("the journal could not be brought into the database: {error}"),
        }
        self.look_at_journal();
        memory::release();
    }

    fn look_at_journal(&mut self) {
        let size = journal_size(self.engine.store().path());
        if size > OVERGROWN && !self.is_overgrown {
            warn!(
                megabytes = size >> 20,
                "the journal beside the database grows with every refresh, as long as some program \
                 goes on reading the state it once began with; end that program, or its transaction"
            );
        }
        self.is_overgrown = size > OVERGROWN;
    }
}
