//! Metrics to be scraped, and whether the daemon is healthy.
//!
//! Events are counted as they happen. Everything else is read from the database for scrapes, so that
//! it agrees with `growthd status`.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tracing::debug;

use crate::clock::{self, Time};
use crate::config::Budget;
use crate::daemon::process::{self, gauge};
use crate::daemon::unused_edit::UnusedEdit;
use crate::engine::{Event, Holds};
use crate::store::{
    BudgetUse, LastBackup, Outcome, Overview, Reader, SCHEMA_VERSION, StoreError, free_space,
    wal_size,
};

/// A worker that has not completed a turn for this long is stuck. Twice its longest sleep.
const STUCK: Duration = Duration::from_secs(60);

/// The outcomes that are counted: those of settled lines.
const SETTLED: [Outcome; 4] = [Outcome::Ok, Outcome::Failed, Outcome::Unknown, Outcome::Skipped];

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct ByOutcome {
    outcome: Word,
}

/// A label value from a closed set.
#[derive(Clone, Copy, Hash, PartialEq, Eq, Debug)]
struct Word(&'static str);

impl EncodeLabelValue for Word {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        EncodeLabelValue::encode(&self.0, encoder)
    }
}

/// Counts events. Cheap to clone; clones share their counters.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    refreshes: Family<ByOutcome, Counter>,
    spent: Counter,
    kept_bytes: Counter,
    in_flight: Gauge,
    durations: Histogram,
    store_errors: Counter,
    reload_successful: Gauge,
    reload_time: Gauge,
    started: Instant,
    /// Milliseconds from `started` to the worker's last turn.
    last_turn: AtomicU64,
    trouble: Mutex<Option<String>>,
    not_listening: Mutex<Option<String>>,
    unused_edit: Mutex<Option<UnusedEdit>>,
    /// Returns the number of dropped log lines.
    dropped_lines: fn() -> u64,
    began: Time,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new(|| 0)
    }
}

impl Metrics {
    /// Creates the metrics with all counters at zero. `dropped_lines` returns the number of dropped
    /// log lines.
    pub fn new(dropped_lines: fn() -> u64) -> Metrics {
        let refreshes = Family::<ByOutcome, Counter>::default();
        for outcome in SETTLED {
            // Export every counter from zero on: no alert can be based on the first increment of a
            // counter that did not exist before.
            drop(refreshes.get_or_create(&ByOutcome { outcome: Word(outcome.as_str()) }));
        }
        Metrics(Arc::new(Counted {
            refreshes,
            spent: Counter::default(),
            kept_bytes: Counter::default(),
            in_flight: Gauge::default(),
            // From a response out of the vendor's cache to one at the longest timeout, an hour.
            durations: Histogram::new(exponential_buckets(0.05, 2.0, 18)),
            store_errors: Counter::default(),
            reload_successful: Gauge::default(),
            reload_time: Gauge::default(),
            started: clock::monotonic(),
            last_turn: AtomicU64::new(0),
            trouble: Mutex::new(None),
            not_listening: Mutex::new(None),
            unused_edit: Mutex::new(None),
            dropped_lines,
            began: clock::now().time(),
        }))
    }

    pub fn count(&self, event: &Event) {
        let outcome = match event {
            Event::Settled { outcome, spent, kept_bytes, .. } => {
                self.0.kept_bytes.inc_by(u64::try_from(*kept_bytes).unwrap_or(u64::MAX));
                self.0.spent.inc_by(u64::from(*spent));
                *outcome
            }
            Event::Found { outcome, spent, .. }
            | Event::NotFound { call: Some((outcome, spent)), .. } => {
                self.0.spent.inc_by(u64::from(*spent));
                *outcome
            }
            Event::Skipped { .. } => Outcome::Skipped,
            _ => return,
        };
        let label = ByOutcome { outcome: Word(outcome.as_str()) };
        self.0.refreshes.get_or_create(&label).inc();
    }

    /// Records a committed turn, and the calls in flight after it.
    pub fn turned(&self, in_flight: usize) {
        let since = clock::monotonic().duration_since(self.0.started).as_millis();
        self.0.last_turn.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.0.in_flight.set(i64::try_from(in_flight).unwrap_or(i64::MAX));
        *lock(&self.0.trouble) = None;
    }

    /// Records a failure of the store.
    pub fn store_failed(&self, error: &StoreError) {
        self.0.store_errors.inc();
        *lock(&self.0.trouble) = Some(error.to_string());
    }

    /// Records the duration of a call.
    pub fn took(&self, duration: Duration) {
        self.0.durations.observe(duration.as_secs_f64());
    }

    /// Records that a configuration was applied.
    pub fn reloaded(&self, now: Time) {
        *lock(&self.0.unused_edit) = None;
        self.0.reload_successful.set(1);
        self.0.reload_time.set(now.0);
    }

    /// Records why the current configuration is not in use.
    pub fn edit_unused(&self, edit: UnusedEdit) {
        *lock(&self.0.unused_edit) = Some(edit);
        self.0.reload_successful.set(0);
    }

    /// Returns why the current configuration is not in use; `None` if it is.
    pub fn unused_edit(&self) -> Option<UnusedEdit> {
        lock(&self.0.unused_edit).clone()
    }

    /// Returns why the daemon is not healthy; `None` if its sweep runs and its store commits.
    pub fn trouble(&self) -> Option<String> {
        let trouble = lock(&self.0.trouble).clone();
        let turned = Duration::from_millis(self.0.last_turn.load(Ordering::Relaxed));
        let silence = clock::monotonic().duration_since(self.0.started).saturating_sub(turned);
        match trouble {
            None if silence > STUCK => Some("the sweep does not run".to_owned()),
            trouble => trouble,
        }
    }

    /// Records why nothing listens on the address in `[http]`; `None` if the daemon does.
    pub fn not_listening(&self, why: Option<&str>) {
        *lock(&self.0.not_listening) = why.map(str::to_owned);
    }

    /// Returns why nothing listens on the address in `[http]`; `None` if the daemon does, or if
    /// `[http]` is absent.
    pub fn why_not_listening(&self) -> Option<String> {
        lock(&self.0.not_listening).clone()
    }

    /// Returns all metrics as OpenMetrics text. If the database could not be read, its metrics are
    /// omitted, and `growthd_database_readable` is 0.
    pub fn text(&self, stored: &Stored) -> String {
        let mut registry = Registry::default();
        process::register(&mut registry, self.0.began);
        let ours = registry.sub_registry_with_prefix("growthd");
        self.register(ours);
        if let Some(free) = stored.disk_free {
            let help = "Free space on the file system of the database";
            ours.register_with_unit("disk_free", help, Unit::Bytes, gauge(free));
        }
        ours.register(
            "database_readable",
            "Whether the database could be read for this scrape",
            gauge(u64::from(stored.database.is_some())),
        );
        if let Some(database) = &stored.database {
            database.register(ours);
        }
        let mut text = String::new();
        // Writing to a string cannot fail.
        encode(&mut text, &registry).ok();
        text
    }

    fn register(&self, registry: &mut Registry) {
        let counted = &self.0;
        let build = Info::new(vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("schema", SCHEMA_VERSION.to_string()),
        ]);
        registry.register("build", "Version and schema version", build);
        registry.register(
            "refreshes",
            "Refreshes settled since the start, by outcome",
            counted.refreshes.clone(),
        );
        registry.register(
            "spent_refreshes",
            "Refreshes since the start that may have cost a credit",
            counted.spent.clone(),
        );
        registry.register_with_unit(
            "kept",
            "Size of what was stored from responses since the start, other than the numbers",
            Unit::Bytes,
            counted.kept_bytes.clone(),
        );
        registry.register("calls_in_flight", "Calls in flight", counted.in_flight.clone());
        registry.register_with_unit(
            "call_duration",
            "Duration of calls, including the response body",
            Unit::Seconds,
            counted.durations.clone(),
        );
        registry.register(
            "store_failing",
            "Whether refreshes have stopped because the store fails or the sweep is stuck",
            gauge(u64::from(self.trouble().is_some())),
        );
        let dropped = Counter::<u64>::default();
        dropped.inc_by((counted.dropped_lines)());
        registry.register(
            "log_lines_dropped",
            "Log lines dropped because they were not read in time",
            dropped,
        );
        registry.register(
            "store_errors",
            "Engine turns that could not be committed to the database",
            counted.store_errors.clone(),
        );
        registry.register(
            "config_last_reload_successful",
            "Whether the last attempt to load the configuration succeeded",
            counted.reload_successful.clone(),
        );
        registry.register_with_unit(
            "config_last_reload_success_timestamp",
            "When the configuration was last loaded successfully",
            Unit::Seconds,
            counted.reload_time.clone(),
        );
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What does not depend on the process: the database and its disk.
#[derive(Debug)]
pub struct Stored {
    /// Free space in bytes, if the system says.
    disk_free: Option<u64>,
    /// `None` if the database cannot be read.
    database: Option<DatabaseState>,
}

impl Stored {
    pub fn read(database: &Path, budget: Option<&Budget>, now: Time) -> Stored {
        let state = DatabaseState::read(database, budget, now);
        if let Err(error) = &state {
            debug!("metrics without the database: {error}");
        }
        Stored { disk_free: free_space(database), database: state.ok() }
    }
}

/// The metrics that are read from the database.
#[derive(Debug)]
struct DatabaseState {
    overview: Overview,
    /// Since when the circuit breaker is open.
    breaker: Option<Time>,
    /// Until when the vendor asked for a pause.
    pause: Option<Time>,
    budget: Option<BudgetUse>,
    last_backup: Option<Time>,
    database_bytes: u64,
    wal_bytes: u64,
}

impl DatabaseState {
    fn read(
        database: &Path,
        budget: Option<&Budget>,
        now: Time,
    ) -> Result<DatabaseState, StoreError> {
        let mut reader = Reader::open(database)?;
        let tx = reader.begin_read()?;
        let Holds { breaker, pause, budget, .. } = Holds::read(&tx, budget, now)?;
        Ok(DatabaseState {
            overview: tx.overview(now)?,
            breaker: breaker.map(|open| open.since),
            pause: pause.map(|wait| wait.until),
            budget,
            last_backup: LastBackup::read(database).ok().flatten().map(|backup| backup.time),
            database_bytes: fs::metadata(database).map_or(0, |file| file.len()),
            wal_bytes: wal_size(database),
        })
    }

    fn register(&self, registry: &mut Registry) {
        let Overview { watched, next_due, overdue, failing, last_snapshot } = self.overview;
        registry.register("accounts", "Enabled accounts in the watchlist", gauge(watched));
        let help = "Accounts whose refresh is overdue";
        registry.register("overdue", help, gauge(overdue));
        registry.register("failing", "Accounts that are failing", gauge(failing));
        let help = "Whether the circuit breaker is open, so that only probes are sent";
        registry.register("breaker_open", help, gauge(u64::from(self.breaker.is_some())));
        for (name, help, time) in [
            ("last_snapshot_timestamp", "When the newest snapshot was taken", last_snapshot),
            ("next_due_timestamp", "When the next account is due", next_due),
            ("breaker_open_since_timestamp", "When the circuit breaker opened", self.breaker),
            ("pause_until_timestamp", "Until when the vendor asked for a pause", self.pause),
            ("last_backup_timestamp", "When the last backup was completed", self.last_backup),
        ] {
            if let Some(time) = time {
                let time = gauge(u64::try_from(time.0).unwrap_or(0));
                registry.register_with_unit(name, help, Unit::Seconds, time);
            }
        }
        let help = "Size of the database file";
        registry.register_with_unit("database", help, Unit::Bytes, gauge(self.database_bytes));
        let help = "Size of the write-ahead log beside the database";
        registry.register_with_unit("journal", help, Unit::Bytes, gauge(self.wal_bytes));
        if let Some(used) = self.budget {
            let (refreshes, left) = (used.budget.refreshes, used.left());
            registry.register("budget_refreshes", "The budget per period", gauge(refreshes));
            let help = "Budget left until it resets";
            registry.register("budget_left_refreshes", help, gauge(left));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The metrics that need no database.
    const ALWAYS: [&str; 15] = [
        "growthd_build_info{version=\"0.1.0\",schema=",
        "growthd_refreshes_total{outcome=\"ok\"} 0",
        "growthd_refreshes_total{outcome=\"failed\"} 0",
        "growthd_refreshes_total{outcome=\"unknown\"} 0",
        "growthd_refreshes_total{outcome=\"skipped\"} 0",
        "growthd_spent_refreshes_total 0",
        "growthd_kept_bytes_total 0",
        "growthd_store_errors_total 0",
        "growthd_store_failing 0",
        "growthd_log_lines_dropped_total 7",
        "growthd_database_readable 0",
        "growthd_call_duration_seconds_count 0",
        "process_start_time_seconds ",
        "process_cpu_seconds_total ",
        "process_resident_memory_bytes ",
    ];

    #[test]
    fn counters_begin_at_zero_and_need_no_database() {
        let stored = Stored::read(Path::new("/nowhere/growth.db"), None, Time(0));
        let text = Metrics::new(|| 7).text(&stored);
        for line in ALWAYS {
            assert!(text.contains(&format!("\n{line}")), "{line} is not in\n{text}");
        }
        assert!(!text.contains("growthd_accounts"), "{text}");
    }
}
