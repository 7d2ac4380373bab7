//! From what was typed to what is wholly valid: the accounts and the schedules they share.

use std::collections::HashMap;
use std::sync::Arc;

use crate::account::AccountId;
use crate::clock::Time;
use crate::schedule::Schedule;

use super::Watched;
use super::duration::{LONGEST, Span};
use super::raw::{At, RawAccount, RawSchedule, Text};
use super::valid::Values;

const DEFAULT_CRON: &str = "0 6 * * MON";
const DEFAULT_TIMEZONE: &str = "UTC";

/// Seconds below which a paid call a firing is more often a slip than a wish.
const FREQUENT: i64 = 3600;

/// A text that many accounts share, and what came of reading it.
struct Known<T> {
    text: Arc<str>,
    outcome: Result<T, String>,
}

impl<T> Known<T> {
    /// Reads each text once.
    fn of<'k>(
        known: &'k mut HashMap<Arc<str>, Known<T>>,
        text: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> &'k Known<T> {
        // Looked up by reference first: nearly every account finds what it asks for.
        if !known.contains_key(text) {
            let shared: Arc<str> = text.into();
            known.insert(shared.clone(), Known { outcome: read(text), text: shared });
        }
        &known[text]
    }
}

/// Each distinct cron pattern and each distinct zone, read once: parsing one costs more than
/// everything else about an account. Patterns hold their shortest interval in seconds, which
/// does not depend on the zone.
struct Shared {
    now: Time,
    allow_frequent: bool,
    crons: HashMap<Arc<str>, Known<i64>>,
    zones: HashMap<Arc<str>, Known<()>>,
}

impl Shared {
    fn cron(&mut self, text: &str) -> &Known<i64> {
        let (now, allow_frequent) = (self.now, self.allow_frequent);
        Known::of(&mut self.crons, text, |text| shortest_interval(text, now, allow_frequent))
    }

    fn zone(&mut self, text: &str) -> &Known<()> {
        let now = self.now;
        Known::of(&mut self.zones, text, |text| match Schedule::parse("@daily", text, now) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        })
    }
}

fn shortest_interval(cron: &str, now: Time, allow_frequent: bool) -> Result<i64, String> {
    let schedule = Schedule::parse(cron, "UTC", now).map_err(|error| error.to_string())?;
    let shortest = schedule.shortest_interval(now);
    if shortest < FREQUENT && !allow_frequent {
        return Err(format!(
            "fires every {}, and every firing is a paid refresh: at most one an hour, \
             unless allow_frequent = true in [schedule]",
            Span::of_seconds(shortest)
        ));
    }
    Ok(shortest)
}

/// What an account takes from `[schedule]`; `shortest` is `None` if its cron is wrong, which
/// has been said there and is not said again at every account.
struct Defaults {
    cron: Arc<str>,
    shortest: Option<i64>,
    timezone: Arc<str>,
    spread: i64,
}

/// The accounts read so far; what is wrong with the others went to the findings.
pub(super) struct List {
    shared: Shared,
    defaults: Defaults,
    valid: Vec<Watched>,
    /// Where the id of each valid one stands.
    places: Vec<usize>,
}

impl Values<'_> {
    /// An empty list, of accounts that take from `[schedule]` what they do not say.
    pub fn list(&mut self, schedule: RawSchedule<'_>, now: Time) -> List {
        let mut shared = Shared {
            now,
            allow_frequent: schedule.allow_frequent.is_some_and(|allow| allow.value),
            crons: HashMap::new(),
            zones: HashMap::new(),
        };
        let defaults = self.defaults(&mut shared, schedule);
        List { shared, defaults, valid: Vec::new(), places: Vec::new() }
    }

    /// Takes accounts into the list.
    pub fn take(&mut self, list: &mut List, accounts: Vec<RawAccount<'_>>) {
        list.valid.reserve(accounts.len());
        list.places.reserve(accounts.len());
        for account in accounts {
            let place = account.id.as_ref().map(|id| self.findings.place(id.at));
            let valid = self.account(&mut list.shared, &list.defaults, account);
            if let (Some(place), Some(valid)) = (place, valid) {
                list.places.push(place);
                list.valid.push(valid);
            }
        }
    }

    /// The accounts, no id among them twice.
    pub fn accounts(&mut self, list: List) -> Vec<Watched> {
        let List { valid, places, .. } = list;
        let mut order: Vec<usize> = (0..valid.len()).collect();
        // Stable: those of one id stay in the order of the file.
        order.sort_by_key(|&index| &valid[index].id);
        for same in order.chunk_by(|&one, &other| valid[one].id == valid[other].id) {
            for &again in &same[1..] {
                let message = "this `id` stands in the watchlist already".to_owned();
                self.findings.again(places[again], message, places[same[0]]);
            }
        }
        valid
    }

    fn defaults(&mut self, shared: &mut Shared, raw: RawSchedule<'_>) -> Defaults {
        let (cron, shortest) = match &raw.cron {
            Some(field) => self.cron(shared, field),
            None => {
                let known = shared.cron(DEFAULT_CRON);
                (known.text.clone(), known.outcome.as_ref().ok().copied())
            }
        };
        let timezone = match &raw.timezone {
            Some(field) => self.zone(shared, field),
            None => shared.zone(DEFAULT_TIMEZONE).text.clone(),
        };
        let place = raw.spread.as_ref().map(|field| field.at);
        let spread = self.spread(raw.spread).unwrap_or(0);
        if let (Some(shortest), Some(at)) = (shortest, place)
            && spread >= shortest
        {
            self.findings.add(at, too_wide(spread, shortest));
        }
        Defaults { cron, shortest, timezone, spread }
    }

    fn account(
        &mut self,
        shared: &mut Shared,
        defaults: &Defaults,
        raw: RawAccount<'_>,
    ) -> Option<Watched> {
        let id = raw.id.and_then(|field| match field.value.parse::<AccountId>() {
            Ok(id) => Some(id),
            Err(error) => {
                self.findings.add(field.at, error.to_string());
                None
            }
        });
        let label = raw.label.and_then(|field| self.name(field));
        let tags = raw.tags.into_iter().filter_map(|field| self.name(field)).collect();
        let (cron, shortest) = match &raw.cron {
            Some(field) => self.cron(shared, field),
            None => (defaults.cron.clone(), defaults.shortest),
        };
        let timezone = match &raw.timezone {
            Some(field) => self.zone(shared, field),
            None => defaults.timezone.clone(),
        };
        let place = match (&raw.spread, &raw.cron) {
            (Some(spread), _) => Some((spread.at, "")),
            (None, Some(cron)) => Some((cron.at, " (from [schedule]; give this account its own)")),
            (None, None) => None,
        };
        let own_spread = self.spread(raw.spread);
        let spread = own_spread.unwrap_or(defaults.spread);
        if let (Some(shortest), Some((at, origin))) = (shortest, place)
            && spread >= shortest
        {
            self.findings.add(at, format!("{}{origin}", too_wide(spread, shortest)));
        }
        Some(Watched {
            id: id?,
            label,
            tags,
            cron,
            timezone,
            spread,
            enabled: raw.enabled.is_none_or(|enabled| enabled.value),
        })
    }

    fn cron(&mut self, shared: &mut Shared, field: &At<&str>) -> (Arc<str>, Option<i64>) {
        let known = shared.cron(field.value);
        if let Err(why) = &known.outcome {
            self.findings.add(field.at, format!("`cron`: {why}"));
        }
        (known.text.clone(), known.outcome.as_ref().ok().copied())
    }

    fn zone(&mut self, shared: &mut Shared, field: &At<&str>) -> Arc<str> {
        let known = shared.zone(field.value);
        if let Err(why) = &known.outcome {
            self.findings.add(field.at, format!("`timezone`: {why}"));
        }
        known.text.clone()
    }

    fn spread(&mut self, raw: Text<'_>) -> Option<i64> {
        raw.is_some().then(|| self.span(raw, 0..=LONGEST, 0))
    }
}

fn too_wide(spread: i64, shortest: i64) -> String {
    format!(
        "`spread`, {}, is not shorter than the schedule's shortest interval, {}",
        Span::of_seconds(spread),
        Span::of_seconds(shortest)
    )
}
