//! What operators scrape, and whether the daemon is healthy.
//!
//! What happens is counted as it happens; how things stand is read from the database when it is
//! asked for, so that it agrees with `growthd status`.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::clock::{self, Time};
use crate::config::Budget;
use crate::engine::Event;
use crate::engine::{Breaker, Trouble};
use crate::store::{Outcome, Reader, SCHEMA_VERSION, StoreError, journal_size};

/// A worker that has made no turn for so long is stuck: twice its longest sleep.
const STUCK: Duration = Duration::from_secs(60);

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct ByOutcome {
    outcome: Word,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct ByState {
    state: Word,
}

#[derive(Clone, Hash, PartialEq, Eq, Debug, EncodeLabelSet)]
struct ByKind {
    kind: Word,
}

/// A label's value out of a closed set.
#[derive(Clone, Copy, Hash, PartialEq, Eq, Debug)]
struct Word(&'static str);

impl EncodeLabelValue for Word {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        EncodeLabelValue::encode(&self.0, encoder)
    }
}

/// Counts what happens. Cheap to clone; all clones count together.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    refreshes: Family<ByOutcome, Counter>,
    spent: Counter,
    in_flight: Gauge,
    durations: Histogram,
    store_errors: Counter,
    reload_successful: Gauge,
    reload_time: Gauge,
    started: Instant,
    /// Milliseconds from `started` to the worker's last turn.
    last_turn: AtomicU64,
    trouble: Mutex<Option<String>>,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics(Arc::new(Counted {
            refreshes: Family::default(),
            spent: Counter::default(),
            in_flight: Gauge::default(),
            // From an answer out of a cache to a scrape at the longest timeout, an hour.
            durations: Histogram::new(exponential_buckets(0.05, 2.0, 17)),
            store_errors: Counter::default(),
            reload_successful: Gauge::default(),
            reload_time: Gauge::default(),
            started: clock::monotonic(),
            last_turn: AtomicU64::new(0),
            trouble: Mutex::new(None),
        }))
    }
}

impl Metrics {
    /// Counts an event.
    pub fn count(&self, event: &Event) {
        let outcome = match event {
            Event::Settled { outcome, spent, .. } => {
                self.0.spent.inc_by(u64::from(*spent));
                *outcome
            }
            Event::Found { call: Some((outcome, spent)), .. }
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

    /// A turn was made, with so many calls on their way after it.
    pub fn turned(&self, in_flight: usize) {
        let since = clock::monotonic().duration_since(self.0.started).as_millis();
        self.0.last_turn.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.0.in_flight.set(i64::try_from(in_flight).unwrap_or(i64::MAX));
        *self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The store failed.
    pub fn store_failed(&self, error: &StoreError) {
        self.0.store_errors.inc();
        let mut trouble = self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        *trouble = Some(error.to_string());
    }

    /// A call took so long.
    pub fn took(&self, duration: Duration) {
        self.0.durations.observe(duration.as_secs_f64());
    }

    /// The configuration was read anew, or was not.
    pub fn reloaded(&self, succeeded: bool, now: Time) {
        self.0.reload_successful.set(i64::from(succeeded));
        if succeeded {
            self.0.reload_time.set(now.0);
        }
    }

    /// Whether the configuration was refused when it was last read.
    pub fn is_edit_refused(&self) -> bool {
        self.0.reload_successful.get() == 0
    }

    /// Why the daemon is not healthy; `None` if it is: its sweep runs, and its store commits.
    pub fn illness(&self) -> Option<String> {
        let trouble = self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let turned = Duration::from_millis(self.0.last_turn.load(Ordering::Relaxed));
        let silence = clock::monotonic().duration_since(self.0.started).saturating_sub(turned);
        match trouble {
            None if silence > STUCK => Some("the sweep does not run".to_owned()),
            trouble => trouble,
        }
    }

    /// Everything, as OpenMetrics.
    ///
    /// # Errors
    /// What keeps the database from being read.
    pub fn text(
        &self,
        database: &Path,
        budget: Option<&Budget>,
        now: Time,
    ) -> Result<String, StoreError> {
        let mut registry = Registry::with_prefix("growthd");
        self.register(&mut registry);
        register_standing(&mut registry, database, budget, now)?;
        let mut text = String::new();
        // Writing to a string does not fail.
        encode(&mut text, &registry).ok();
        Ok(text)
    }

    fn register(&self, registry: &mut Registry) {
        let counted = &self.0;
        let build = Info::new(vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("schema", SCHEMA_VERSION.to_string()),
        ]);
        registry.register("build", "Version and schema", build);
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
        registry.register("calls_in_flight", "Calls on their way", counted.in_flight.clone());
        registry.register_with_unit(
            "call_duration",
            "How long calls took, body and all",
            Unit::Seconds,
            counted.durations.clone(),
        );
        registry.register(
            "store_errors",
            "Turns that the database could not record",
            counted.store_errors.clone(),
        );
        registry.register(
            "config_last_reload_successful",
            "Whether the configuration was valid when it was last read",
            counted.reload_successful.clone(),
        );
        registry.register_with_unit(
            "config_last_reload_success_timestamp",
            "When the configuration was last taken",
            Unit::Seconds,
            counted.reload_time.clone(),
        );
    }
}

fn register_standing(
    registry: &mut Registry,
    database: &Path,
    budget: Option<&Budget>,
    now: Time,
) -> Result<(), StoreError> {
    let mut reader = Reader::open(database)?;
    let look = reader.look()?;
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let gauge = |value: i64| {
        let gauge = Gauge::<i64>::default();
        gauge.set(value);
        gauge
    };
    let overview = look.overview(now)?;
    let accounts = Family::<ByState, Gauge>::default();
    for (state, number) in [
        ("watched", overview.watched),
        ("overdue", overview.overdue),
        ("failing", overview.failing),
    ] {
        accounts.get_or_create(&ByState { state: Word(state) }).set(count(number));
    }
    registry.register("accounts", "Accounts, by how they stand", accounts);
    if let Some(last) = overview.last_snapshot {
        registry.register_with_unit(
            "last_snapshot_timestamp",
            "When the newest snapshot was taken",
            Unit::Seconds,
            gauge(last.0),
        );
    }
    registry.register_with_unit(
        "journal",
        "How large the journal beside the database is",
        Unit::Bytes,
        gauge(count(journal_size(database))),
    );
    let breaker = Breaker::read(&look)?;
    let trouble = breaker.as_open().map(|open| open.trouble);
    let paused = Family::<ByKind, Gauge>::default();
    for kind in Trouble::ALL {
        let is_paused = i64::from(trouble == Some(kind));
        paused.get_or_create(&ByKind { kind: Word(kind.as_str()) }).set(is_paused);
    }
    registry.register("paused", "Whether everything waits, and why", paused);
    if let Some(budget) = budget {
        let period = budget.period(now);
        let left = budget.room(look.spent(period.from, period.to)?);
        registry.register(
            "budget_left_refreshes",
            "What is left of the budget until it turns",
            gauge(count(left)),
        );
    }
    Ok(())
}
