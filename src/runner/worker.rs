//! The thread that owns the engine.

use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use crate::api::Client;
use crate::clock::{self, Clock, Moment, Now};
use crate::engine::{Engine, Selection, Turn};
use crate::memory;
use crate::runner::calls::Claims;
use crate::runner::error::RunnerError;
use crate::runner::handle::{Input, Reconfiguration};
use crate::runner::notice::{Notice, Observer};
use crate::runner::subscribers::Subscribers;
use crate::store::{StoreError, wal_size};

/// The longest the worker sleeps: how late a machine that slept is noticed. It is the monotonic
/// timer beside the heartbeat, and wakes the engine if that fails.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// By how much the clock that counts sleep may outrun the one that does not before the machine
/// counts as having slept, in milliseconds.
const SLEPT: i64 = 60_000;

/// How soon a store that failed is tried again, at first and at most.
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LAST_RETRY: Duration = Duration::from_secs(15);

/// How long a stop waits for a store that cannot commit.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// A one-shot run does not wait longer than this for the breaker, a wait or the budget.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long nothing is on its way before the journal is brought into the database: that writes its
/// pages a second time, which a list that is refreshed one account after the other shares so.
const IDLE: Duration = Duration::from_secs(30);

/// A journal larger than this after it was brought into the file is held by a reader, and worth
/// a word, in bytes.
const OVERGROWN: u64 = 256 << 20;

/// For how long a runner works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// Until it is told to stop.
    Daemon,
    /// Until nothing is left that can be done soon.
    OneShot,
}

/// The engine's thread, as a value.
pub(super) struct Worker {
    engine: Engine,
    client: Client,
    inbox: Receiver<Input>,
    claims: UnboundedSender<Claims>,
    subscribers: Subscribers,
    observer: Observer,
    work: Work,
    clock: Clock,
    trouble: Option<StoreTrouble>,
    stopping: Option<Instant>,
    last_seen: Option<(Moment, Instant)>,
    /// When to leave the file nearly whole and the process small, if nothing is on its way then.
    checkpoint_due: Option<Instant>,
    is_overgrown: bool,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("engine", &self.engine).finish_non_exhaustive()
    }
}

/// A store that failed.
#[derive(Debug)]
struct StoreTrouble {
    said: String,
    since: Instant,
    retry: Duration,
}

impl Worker {
    pub(super) fn new(
        engine: Engine,
        client: Client,
        inbox: Receiver<Input>,
        claims: UnboundedSender<Claims>,
        work: Work,
        clock: Clock,
        observer: Observer,
    ) -> Worker {
        Worker {
            engine,
            client,
            inbox,
            claims,
            subscribers: Subscribers::default(),
            observer,
            work,
            clock,
            trouble: None,
            stopping: None,
            last_seen: None,
            checkpoint_due: Some(clock::monotonic()),
            is_overgrown: false,
        }
    }

    /// Works until it is stopped or done. Blocks its thread.
    pub(super) fn run(mut self) -> Result<(), RunnerError> {
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
        let (moment, instant) = (self.clock.moment(), clock::monotonic());
        if let Some((then, before)) = self.last_seen
            && self.clock.is_system()
        {
            let awake = i64::try_from(instant.duration_since(before).as_millis());
            if moment.machine - then.machine - awake.unwrap_or(i64::MAX) > SLEPT {
                (self.observer)(Notice::Slept);
                self.engine.resumed(moment);
            }
        }
        self.last_seen = Some((moment, instant));
        self.engine.turn(moment)
    }

    /// Hands out what a turn claimed and told; answers how long to sleep, `None` at the end.
    fn after(&mut self, turn: Turn) -> Option<Duration> {
        if !turn.claims.is_empty() {
            // All at once, and before anything is told: each send may have to wake a thread. The
            // receiving end lives as long as the runtime, which outlives this thread.
            self.claims.send(Claims { client: self.client.clone(), claims: turn.claims }).ok();
        }
        if let Some(trouble) = self.trouble.take() {
            let lasted = clock::monotonic().duration_since(trouble.since);
            (self.observer)(Notice::StoreRecovered(lasted));
        }
        if !turn.events.is_empty() {
            self.checkpoint_due = Some(clock::monotonic() + IDLE);
        }
        for event in &turn.events {
            (self.observer)(Notice::Event(event));
            self.subscribers.tell(event);
        }
        let in_flight = self.engine.in_flight();
        (self.observer)(Notice::Turned { in_flight, wake: turn.wake });
        if self.is_done(turn.wake) {
            return None;
        }
        let until = turn.wake.and_then(|wake| self.clock.real(self.clock.now().until(wake)));
        Some(until.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP))
    }

    fn is_done(&mut self, wake: Option<Now>) -> bool {
        if self.engine.in_flight() > 0 {
            return false;
        }
        if self.stopping.is_some() {
            return true;
        }
        let is_far = wake.is_none_or(|wake| self.clock.now().until(wake) > PATIENCE);
        self.work == Work::OneShot && is_far
    }

    /// Answers how long to wait before the store is tried again, `None` at the end.
    fn in_trouble(&mut self, error: StoreError) -> Result<Option<Duration>, RunnerError> {
        let now = clock::monotonic();
        if let StoreError::Replaced(_) = error
            && let Ok(()) = self.engine.reopen()
        {
            // The watchlist in it may be another; whoever has the right one brings it.
            (self.observer)(Notice::Replaced);
            return Ok(Some(Duration::ZERO));
        }
        if self.stopping.is_some() && self.engine.in_flight() == 0 {
            return Ok(None);
        }
        let is_patience_over = match self.stopping {
            Some(stopping) => now.duration_since(stopping) > STOP_GRACE,
            None => self.work == Work::OneShot && self.engine.in_flight() == 0,
        };
        if is_patience_over {
            return Err(RunnerError::Store(error, self.engine.in_flight()));
        }
        let said = error.to_string();
        let trouble = self.trouble.get_or_insert(StoreTrouble {
            said: String::new(),
            since: now,
            retry: FIRST_RETRY,
        });
        let is_new = trouble.said != said;
        trouble.said = said;
        let retry = trouble.retry;
        trouble.retry = (retry * 2).min(LAST_RETRY);
        // A restart would mend no full disk, and lose the answers that wait to be recorded.
        (self.observer)(Notice::StoreFailed { error: &error, is_new });
        Ok(Some(retry))
    }

    /// Sleeps until something comes.
    fn wait(&mut self, sleep: Duration) {
        // Where the clock is set by hand, the next slot may be no time away.
        let is_quiet = sleep > Duration::from_secs(1) && self.clock.is_system();
        let mut sleep = sleep;
        if let Some(due) = self.checkpoint_due
            && is_quiet
            && self.engine.in_flight() == 0
        {
            match due.saturating_duration_since(clock::monotonic()) {
                Duration::ZERO => self.checkpoint(),
                left => sleep = sleep.min(left),
            }
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
            Input::Completed(completed, took) => {
                (self.observer)(Notice::Took(took));
                self.engine.take(*completed);
            }
            Input::Wake => {}
            Input::Checkpoint => self.checkpoint(),
            Input::Reconfigure(new) => self.reconfigure(*new),
            // Whoever asks one that is stopping hears at once that nothing comes of it: the reply
            // is dropped.
            Input::Refresh(..) | Input::LookUp(..) if self.stopping.is_some() => {}
            Input::Refresh(requester, selection, reply) => {
                match self.request(requester, &selection) {
                    Ok(ids) => self.subscribers.wait_for_refreshes(requester, ids, reply),
                    Err(error) => {
                        (self.observer)(Notice::StoreFailed { error: &error, is_new: true });
                    }
                }
            }
            Input::LookUp(requester, lookups, reply) => {
                let handles = lookups.iter().map(|lookup| lookup.handle.clone()).collect();
                for lookup in lookups {
                    self.engine.look_up(requester, lookup);
                }
                self.subscribers.wait_for_lookups(requester, handles, reply);
            }
            Input::Cancel(requester) => {
                self.engine.cancel(requester);
                self.subscribers.cancel(requester, &self.engine);
            }
            Input::Stop => {
                self.engine.stop();
                self.stopping.get_or_insert(clock::monotonic());
            }
        }
    }

    fn request(
        &mut self,
        requester: crate::engine::RequesterId,
        selection: &Selection,
    ) -> Result<Vec<crate::account::AccountId>, StoreError> {
        let moment = self.clock.moment();
        self.engine.request(requester, selection, moment)
    }

    /// The client is replaced with the configuration or not at all.
    fn reconfigure(&mut self, new: Reconfiguration) {
        let Reconfiguration { diff, config, client, reply } = new;
        // A reload takes the memory of a whole list.
        self.checkpoint_due = Some(clock::monotonic());
        let result = self.engine.amend(&diff, config, self.clock.moment());
        if result.is_ok() {
            self.client = client;
        }
        // Whoever asked may have gone; the list is taken all the same.
        reply.send(result).ok();
    }

    /// For when nothing is on its way: leaves the file nearly whole, and the process small.
    fn checkpoint(&mut self) {
        match self.engine.store().checkpoint() {
            Ok(()) => self.checkpoint_due = None,
            Err(error) => {
                self.checkpoint_due = Some(clock::monotonic() + IDLE);
                (self.observer)(Notice::NotCheckpointed(&error));
            }
        }
        let size = wal_size(self.engine.store().path());
        let is_overgrown = size > OVERGROWN;
        if is_overgrown && !self.is_overgrown {
            (self.observer)(Notice::JournalHeld(size));
        }
        self.is_overgrown = is_overgrown;
        memory::release();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc::channel;

    use rusqlite::Connection;
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::api::Answer;
    use crate::config::{ApiKey, Config};
    use crate::engine::{ClaimMode, CompletedCall, EngineConfig};
    use crate::store::{Creation, Store};

    #[test]
    fn what_an_idle_daemon_recorded_is_in_the_file_itself_and_not_written_twice_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = clock::moment();
        let text = b"[[account]]\nid = 'a'";
        let config = Config::parse(&folder.path().join("c.toml"), text, now.wall.time());
        let config = config.expect("a configuration");
        let store = Store::open(&config.database.path, Creation::Allowed).expect("a store");
        let mut engine = Engine::new(store, EngineConfig::of(&config), ClaimMode::Due);
        engine.watch(&config.accounts, EngineConfig::of(&config), now).expect("a list");
        let (key, _) = ApiKey::find(&config, |_| Some("a-key".into())).expect("a key");
        let client = Client::new(&config.api, key).expect("a client");
        let (inbox, received) = channel();
        let (claims, mut claimed) = unbounded_channel();
        let observer = Box::new(|_: Notice<'_>| {});
        let clock = Clock::system();
        let mut worker =
            Worker::new(engine, client, received, claims, Work::Daemon, clock, observer);
        let turn = |worker: &mut Worker| {
            let turn = worker.turn().expect("a turn");
            worker.after(turn);
        };
        let refreshes_in_a_plain_copy = || {
            let copy = folder.path().join("copy.db");
            fs::copy(&config.database.path, &copy).expect("a copy");
            let copy = Connection::open(&copy).expect("a database");
            let count = copy.query_row("SELECT count(*) FROM _refresh", [], |row| row.get(0));
            count.unwrap_or(0_i64)
        };
        // Nothing that a wait has to wait for.
        let wait = |worker: &mut Worker| {
            inbox.send(Input::Wake).expect("a worker");
            worker.wait(LONGEST_SLEEP);
        };

        turn(&mut worker);
        wait(&mut worker);
        assert_eq!(refreshes_in_a_plain_copy(), 0, "a call is on its way");
        let claim = claimed.try_recv().expect("claims").claims.pop().expect("a claim");
        let answer = Answer::Unknown("cut".to_owned());
        worker.engine.take(CompletedCall::new(claim, answer, clock::now().time()));
        turn(&mut worker);
        wait(&mut worker);
        assert_eq!(refreshes_in_a_plain_copy(), 0, "the next call may be a second away");
        let due = worker.checkpoint_due.expect("a checkpoint to come");
        assert!(due.saturating_duration_since(clock::monotonic()) <= IDLE);
        worker.checkpoint_due = Some(clock::monotonic());
        wait(&mut worker);
        assert_eq!(refreshes_in_a_plain_copy(), 1);
        assert_eq!(worker.checkpoint_due, None);
    }
}
