//! The engine's thread: it waits until a turn is due, makes the turn, hands out its claims, and retries
//! what the store refused, until it is stopped.

use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use crate::api::Client;
use crate::clock::{self, Clock, Moment, Now};
use crate::engine::{Engine, Turn};
use crate::memory;
use crate::runner::calls::Claims;
use crate::runner::error::RunnerError;
use crate::runner::handle::{Input, Reconfiguration};
use crate::runner::notice::{Notice, Observer};
use crate::runner::progress::Progress;
use crate::runner::subscribers::Subscribers;
use crate::store::{StoreError, wal_size};

/// The longest sleep, and so the longest delay before a suspended machine is noticed. This
/// monotonic timer also wakes the engine if the heartbeat fails.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// If the clock that counts suspended time has advanced by this much more than the one that does
/// not, in milliseconds, the machine was suspended.
const SUSPENDED: i64 = 60_000;

/// The first and the longest delay before a failed store is tried again.
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LAST_RETRY: Duration = Duration::from_secs(15);

/// For how long a request waits for a store that cannot commit, before it is declined.
const REQUEST_PATIENCE: Duration = Duration::from_secs(60);

/// How long a stop waits for a store that cannot commit.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// The longest time that a one-shot run waits for the breaker, a pause or the budget.
const ONE_SHOT_WAIT: Duration = Duration::from_secs(120);

/// How long no call must have been active before the WAL is checkpointed. A checkpoint writes each
/// changed page a second time; waiting lets refreshes that follow each other share it.
const CHECKPOINT_DELAY: Duration = Duration::from_secs(30);

/// The size, in bytes, of a WAL after a checkpoint above which some reader must be holding it, and
/// is reported.
const LARGE_WAL: u64 = 256 << 20;

/// When a runner ends by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// Never; only when it is stopped.
    Daemon,
    /// When nothing is left that can be done soon.
    OneShot,
}

/// The thread that owns the engine.
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
    /// When the last turn began. It may have waited for the store since.
    turn_began: Instant,
    /// When to checkpoint and to release memory, if no call is in flight then.
    checkpoint_due: Option<Instant>,
    is_wal_large: bool,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("engine", &self.engine).finish_non_exhaustive()
    }
}

/// An ongoing failure of the store.
#[derive(Debug)]
struct StoreTrouble {
    message: String,
    since: Instant,
    /// Since when every turn has failed.
    failing_since: Option<Instant>,
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
            turn_began: clock::monotonic(),
            checkpoint_due: Some(clock::monotonic()),
            is_wal_large: false,
        }
    }

    /// Runs until it is stopped or done. Blocks its thread.
    pub(super) fn run(mut self) -> Result<(), RunnerError> {
        // Take a one-shot run's requests before a turn can find nothing to do.
        loop {
            while let Ok(input) = self.inbox.try_recv() {
                // The slots that are due take turns with requests that may name very many accounts.
                let is_long = self.work == Work::Daemon && matches!(input, Input::Refresh(..));
                self.take(input);
                if is_long {
                    break;
                }
            }
            let sleep = match self.turn() {
                Ok(turn) => self.finish(turn),
                Err(error) => self.retry_after(error)?,
            };
            let Some(sleep) = sleep else { return Ok(()) };
            self.wait(sleep);
        }
    }

    fn turn(&mut self) -> Result<Turn, StoreError> {
        let moment = self.awake_moment();
        self.turn_began = clock::monotonic();
        if let Some(left) = self.grace(self.turn_began) {
            self.engine.store().wait_at_most(left)?;
        }
        self.engine.turn(moment)
    }

    /// Returns the time now, after telling the engine of a suspension that has ended since the last
    /// time.
    fn awake_moment(&mut self) -> Moment {
        let (moment, instant) = (self.clock.moment(), clock::monotonic());
        if let Some((then, before)) = self.last_seen
            && self.clock.is_system()
        {
            let awake = i64::try_from(instant.duration_since(before).as_millis());
            if moment.machine - then.machine - awake.unwrap_or(i64::MAX) > SUSPENDED {
                (self.observer)(Notice::Slept);
                self.engine.resumed(moment);
            }
        }
        self.last_seen = Some((moment, instant));
        moment
    }

    /// Hands out a turn's claims and reports its events. Returns how long to sleep, or `None` at
    /// the end.
    fn finish(&mut self, turn: Turn) -> Option<Duration> {
        let is_written = !turn.events.is_empty() || !turn.claims.is_empty();
        if !turn.claims.is_empty() {
            // Send all claims at once and before reporting any events, since each send may have to
            // wake a thread. The receiver lives as long as the runtime, which outlives this thread.
            self.claims.send(Claims { client: self.client.clone(), claims: turn.claims }).ok();
        }
        if is_written && let Some(trouble) = self.trouble.take() {
            let lasted = clock::monotonic().duration_since(trouble.since);
            (self.observer)(Notice::StoreRecovered(lasted));
        }
        // A turn that had nothing to write, as after a request was withdrawn, does not tell whether the
        // store can be written again.
        if let Some(trouble) = &mut self.trouble {
            (trouble.failing_since, trouble.retry) = (None, FIRST_RETRY);
        }
        if is_written {
            self.checkpoint_due = Some(clock::monotonic() + CHECKPOINT_DELAY);
        }
        for event in &turn.events {
            (self.observer)(Notice::Event(event));
            self.subscribers.report(event);
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
        let is_far = wake.is_none_or(|wake| self.clock.now().until(wake) > ONE_SHOT_WAIT);
        self.work == Work::OneShot && is_far
    }

    /// Returns how long to wait before the store is tried again, or `None` at the end.
    fn retry_after(&mut self, error: StoreError) -> Result<Option<Duration>, RunnerError> {
        let error = match self.reopen_if_replaced(error) {
            Ok(()) => return Ok(Some(Duration::ZERO)),
            Err(error) => error,
        };
        if self.stopping.is_some() && self.engine.in_flight() == 0 {
            return Ok(None);
        }
        let now = clock::monotonic();
        let failing_since = self.failing_since();
        let grace = self.grace(now);
        let has_given_up = match grace {
            Some(grace) => grace.is_zero(),
            None => self.work == Work::OneShot && self.engine.in_flight() == 0,
        };
        if has_given_up {
            let in_flight = self.engine.in_flight();
            return Err(RunnerError::Store { error, in_flight });
        }
        let message = error.to_string();
        let trouble = self.trouble.get_or_insert(StoreTrouble {
            message: String::new(),
            since: now,
            failing_since: None,
            retry: FIRST_RETRY,
        });
        let is_new = trouble.message != message;
        trouble.message = message;
        let retry = trouble.retry;
        trouble.failing_since = Some(failing_since);
        let is_lasting = now.duration_since(failing_since) >= REQUEST_PATIENCE;
        trouble.retry = (retry * 2).min(LAST_RETRY);
        // Do not exit: a restart would not free a full disk, and would lose the completed calls
        // that wait to be recorded.
        (self.observer)(Notice::StoreFailed { error: &error, is_new });
        if is_lasting {
            self.decline_all(&error.to_string());
        }
        Ok(Some(grace.map_or(retry, |grace| retry.min(grace))))
    }

    /// Returns since when every turn has failed, or when the last one began.
    fn failing_since(&self) -> Instant {
        let failing_since = self.trouble.as_ref().and_then(|trouble| trouble.failing_since);
        failing_since.unwrap_or(self.turn_began)
    }

    /// Returns how long a stop still waits for the store; `None` if none was requested. A call may end
    /// long after that; what it returned is given the same time.
    fn grace(&self, now: Instant) -> Option<Duration> {
        let begin = self.stopping?.max(self.failing_since());
        Some(STOP_GRACE.saturating_sub(now.saturating_duration_since(begin)))
    }

    /// Reopens the database if the error is that its file was replaced.
    ///
    /// # Errors
    /// Returns the error if it is another one, or why the file in its place cannot be used.
    fn reopen_if_replaced(&mut self, error: StoreError) -> Result<(), StoreError> {
        let StoreError::Replaced(_) = error else { return Err(error) };
        self.engine.reopen(self.clock.moment())?;
        // The new file may have another watchlist; the observer has to supply the current one.
        (self.observer)(Notice::Replaced);
        self.decline_all("the database file was replaced; try again");
        Ok(())
    }

    /// Declines all requests that are not claimed yet.
    fn decline_all(&mut self, why: &str) {
        for requester in self.subscribers.decline_all(why, &self.engine) {
            self.take(Input::Cancel(requester));
        }
    }

    /// Sleeps until there is input or the time is up.
    fn wait(&mut self, sleep: Duration) {
        // On a simulated clock the next slot may be due without any real delay.
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
            // Nobody is left who could stop this thread.
            Err(RecvTimeoutError::Disconnected) => self.take(Input::Stop(clock::monotonic())),
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
            // A stopping runner drops the reply, which tells the requester that nothing will be
            // done.
            Input::Refresh(..) | Input::LookUp(..) if self.stopping.is_some() => {}
            Input::Refresh(requester, selection, reply) => {
                let taken = self.engine.request(requester, &selection, self.clock.moment());
                let taken = taken.or_else(|error| {
                    self.reopen_if_replaced(error)?;
                    self.engine.request(requester, &selection, self.clock.moment())
                });
                match taken {
                    Ok(requested) => {
                        (self.observer)(Notice::NotInWatchlist(&requested.unknown));
                        self.subscribers.wait_for_refreshes(requester, requested, reply);
                    }
                    Err(error) => {
                        reply.send(Progress::NotTaken { error: error.to_string() }).ok();
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
            Input::Stop(requested) => {
                self.engine.stop();
                self.stopping.get_or_insert(requested);
            }
        }
    }

    fn reconfigure(&mut self, new: Reconfiguration) {
        let Reconfiguration { diff, config, client, reply } = new;
        // A reload has loaded a whole list, whose memory can be released.
        self.checkpoint_due = Some(clock::monotonic());
        let moment = self.awake_moment();
        let result = self.engine.amend(&diff, config, moment);
        if result.is_ok() {
            self.client = client;
        }
        // The requester may have gone; the new list is in effect all the same.
        reply.send(result).ok();
    }

    /// Checkpoints the WAL and releases unused memory: when idle, and hourly if it is never idle.
    fn checkpoint(&mut self) {
        match self.engine.store().checkpoint() {
            Ok(()) => self.checkpoint_due = None,
            Err(error) => {
                self.checkpoint_due = Some(clock::monotonic() + CHECKPOINT_DELAY);
                (self.observer)(Notice::NotCheckpointed(&error));
            }
        }
        let size = wal_size(self.engine.store().path());
        let is_wal_large = size > LARGE_WAL;
        if is_wal_large && !self.is_wal_large {
            (self.observer)(Notice::WalHeld(size));
        }
        self.is_wal_large = is_wal_large;
        memory::release();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::mpsc::{Sender, channel};

    use rusqlite::Connection;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;
    use crate::api::CallResult;
    use crate::config::{ApiKey, Config, Watched};
    use crate::engine::{ClaimMode, CompletedCall, EngineConfig, RequesterId, Selection};
    use crate::runner::Progress;
    use crate::store::{Creation, Store};

    /// A daemon's worker with one account, and both ends of its channels.
    fn worker(database: &Path) -> (Worker, Sender<Input>, UnboundedReceiver<Claims>) {
        let now = clock::moment();
        let text = b"[[account]]\nid = 'a'";
        let config = Config::parse(&database.with_file_name("c.toml"), text, now.wall.time());
        let config = config.expect("a configuration");
        let store = Store::open(database, Creation::Allowed).expect("a store");
        let mut engine = Engine::new(store, EngineConfig::of(&config.settings), ClaimMode::Due);
        engine.watch(&config.accounts, EngineConfig::of(&config.settings), now).expect("a list");
        let (key, _) =
            ApiKey::find_with(&config.settings, |_| Some("a-key".into())).expect("a key");
        let client = Client::new(&config.settings.api, key).expect("a client");
        let (inbox, received) = channel();
        let (claims, claimed) = unbounded_channel();
        let observer = Box::new(|_: Notice<'_>| {});
        let clock = Clock::system();
        let worker = Worker::new(engine, client, received, claims, Work::Daemon, clock, observer);
        (worker, inbox, claimed)
    }

    #[test]
    fn a_request_waits_a_minute_for_a_store_that_cannot_commit() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut worker, _inbox, _claimed) = worker(&folder.path().join("growth.db"));
        let (reply, mut steps) = unbounded_channel();
        let id = "a".parse().expect("an id");
        worker.take(Input::Refresh(RequesterId(1), Selection::Ids(vec![id]), reply));
        assert!(matches!(steps.try_recv(), Ok(Progress::Selected { accounts: 1 })));
        let mut fail = |worker: &mut Worker| {
            let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
            let error = rusqlite::Error::SqliteFailure(full, None).into();
            worker.retry_after(error).expect("a daemon goes on");
            steps.try_recv()
        };
        assert!(fail(&mut worker).is_err(), "it waits");
        let trouble = worker.trouble.as_mut().expect("trouble");
        trouble.failing_since = trouble.failing_since.map(|since| since - REQUEST_PATIENCE);
        match fail(&mut worker) {
            Ok(Progress::Declined { error, .. }) => assert!(error.contains("full"), "{error}"),
            other => panic!("{other:?}"),
        }
        assert!(fail(&mut worker).is_err(), "it is declined once");
    }

    #[test]
    fn a_stop_gives_a_late_answer_ten_seconds_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut worker, _inbox, mut claimed) = worker(&folder.path().join("growth.db"));
        let turn = worker.turn().expect("a turn");
        worker.finish(turn);
        assert!(claimed.try_recv().is_ok());
        worker.take(Input::Stop(clock::monotonic()));
        worker.stopping = worker.stopping.map(|since| since - Duration::from_secs(60));
        let fail = |worker: &mut Worker| {
            let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
            worker.retry_after(rusqlite::Error::SqliteFailure(full, None).into())
        };
        for (failing, has_given_up) in [(0, false), (8, false), (3, true)] {
            if let Some(trouble) = &mut worker.trouble {
                trouble.failing_since =
                    trouble.failing_since.map(|since| since - Duration::from_secs(failing));
            }
            assert_eq!(fail(&mut worker).is_err(), has_given_up, "{failing} s later");
        }
    }

    /// The turn after the trouble may have nothing to write.
    #[test]
    fn a_recovered_store_is_reported_once_something_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut worker, _inbox, _claimed) = worker(&folder.path().join("growth.db"));
        let (reports, reported) = channel();
        worker.observer = Box::new(move |notice: Notice<'_>| {
            if let Notice::StoreRecovered(_) = notice {
                reports.send(()).ok();
            }
        });
        let full = || rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
        let error = rusqlite::Error::SqliteFailure(full(), None).into();
        worker.retry_after(error).expect("a daemon goes on");
        worker.finish(Turn { claims: Vec::new(), events: Vec::new(), wake: None });
        assert!(reported.try_recv().is_err(), "nothing tells that it can be written");
        let turn = worker.turn().expect("a turn");
        assert!(!turn.claims.is_empty());
        worker.finish(turn);
        assert!(reported.try_recv().is_ok());
        assert!(reported.try_recv().is_err());
    }

    /// The first turn settles the call that was lost, which is not the one requested.
    #[test]
    fn a_request_after_a_crash_gets_the_result_of_its_own_call() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("growth.db");
        let (mut crashed, _inbox, mut claimed) = worker(&database);
        let turn = crashed.turn().expect("a turn");
        crashed.finish(turn);
        assert!(claimed.try_recv().is_ok());
        drop(crashed);

        let (mut worker, _inbox, mut claimed) = worker(&database);
        let (reply, mut steps) = unbounded_channel();
        let id = "a".parse().expect("an id");
        worker.take(Input::Refresh(RequesterId(1), Selection::Ids(vec![id]), reply));
        let claim = loop {
            let turn = worker.turn().expect("a turn");
            let sleep = worker.finish(turn).expect("it goes on");
            match claimed.try_recv() {
                Ok(mut claims) => break claims.claims.pop().expect("a claim"),
                // The pace delays it.
                Err(_) => worker.wait(sleep),
            }
        };
        let steps_so_far: Vec<Progress> = std::iter::from_fn(|| steps.try_recv().ok()).collect();
        assert!(
            matches!(steps_so_far[..], [Progress::Selected { .. }, Progress::Started { .. }]),
            "{steps_so_far:?}"
        );
        let result = CallResult::NotSent("cannot connect".to_owned());
        worker.engine.take(CompletedCall::new(claim, result, clock::now().time()));
        let turn = worker.turn().expect("a turn");
        worker.finish(turn);
        match steps.try_recv() {
            Ok(Progress::Settled { error: Some(error), .. }) => assert_eq!(error, "cannot connect"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_wal_is_checkpointed_only_when_idle() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("growth.db");
        let (mut worker, inbox, mut claimed) = worker(&database);
        let turn = |worker: &mut Worker| {
            let turn = worker.turn().expect("a turn");
            worker.finish(turn);
        };
        let refreshes_in_a_plain_copy = || {
            let copy = folder.path().join("copy.db");
            fs::copy(&database, &copy).expect("a copy");
            let copy = Connection::open(&copy).expect("a database");
            let count = copy.query_row("SELECT count(*) FROM _refresh", [], |row| row.get(0));
            count.unwrap_or(0_i64)
        };
        // Waits without any input to wait for.
        let wait = |worker: &mut Worker| {
            inbox.send(Input::Wake).expect("a worker");
            worker.wait(LONGEST_SLEEP);
        };

        turn(&mut worker);
        wait(&mut worker);
        assert_eq!(refreshes_in_a_plain_copy(), 0, "a call is in flight");
        let claim = claimed.try_recv().expect("claims").claims.pop().expect("a claim");
        let result = CallResult::Unknown("cut".to_owned());
        worker.engine.take(CompletedCall::new(claim, result, clock::now().time()));
        turn(&mut worker);
        wait(&mut worker);
        assert_eq!(refreshes_in_a_plain_copy(), 0, "the next call may be a second away");
        let due = worker.checkpoint_due.expect("a checkpoint to come");
        assert!(due.saturating_duration_since(clock::monotonic()) <= CHECKPOINT_DELAY);
        worker.checkpoint_due = Some(clock::monotonic());
        wait(&mut worker);
        assert_eq!(refreshes_in_a_plain_copy(), 1);
        assert_eq!(worker.checkpoint_due, None);
    }

    #[test]
    fn a_replaced_files_watchlist_is_amended_before_it_is_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("growth.db");
        let (mut worker, _inbox, mut claimed) = worker(&database);
        let turn = |worker: &mut Worker| match worker.turn() {
            Ok(turn) => worker.finish(turn),
            Err(error) => worker.retry_after(error).expect("a daemon goes on"),
        };
        let (reply, mut steps) = unbounded_channel();
        let id = "a".parse().expect("an id");
        worker.take(Input::Refresh(RequesterId(1), Selection::Ids(vec![id]), reply));
        // Its account "a" has another key, and its account "removed" is no longer in the list.
        let other = folder.path().join("other.db");
        let list = |ids: &[&str]| -> Vec<Watched> {
            ids.iter().map(|id| Watched::example(id, "@weekly")).collect()
        };
        let settings = Config::parse(&database, b"", clock::now().time()).expect("a configuration");
        let config = EngineConfig::of(&settings.settings);
        let store = Store::open(&other, Creation::Allowed).expect("a store");
        let mut engine = Engine::new(store, config.clone(), ClaimMode::Due);
        let now = clock::moment();
        engine.watch(&list(&["removed", "a"]), config.clone(), now).expect("a list");
        drop(engine);
        fs::rename(&other, &database).expect("a replaced file");
        turn(&mut worker);
        turn(&mut worker);
        assert!(claimed.try_recv().is_err(), "its watchlist may be out of date");
        let answers: Vec<Progress> = std::iter::from_fn(|| steps.try_recv().ok()).collect();
        assert!(matches!(answers[..], [_, Progress::Declined { .. }]), "{answers:?}");

        let diff = worker.engine.store().begin_read().and_then(|tx| tx.diff(&list(&["a"])));
        let client = worker.client.clone();
        let (reply, _answer) = tokio::sync::oneshot::channel();
        let new = Reconfiguration { diff: diff.expect("a diff"), config, client, reply };
        worker.take(Input::Reconfigure(Box::new(new)));
        turn(&mut worker);
        let claims = claimed.try_recv().expect("claims").claims;
        let ids: Vec<String> =
            claims.iter().filter_map(|claim| Some(claim.account_id()?.to_string())).collect();
        assert_eq!(ids, ["a"]);
    }
}
