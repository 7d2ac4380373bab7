//! Validation of the accounts and of the schedules they share.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::account::AccountId;
use crate::clock::Time;
use crate::schedule::Schedule;

use super::Watched;
use super::at::At;
use super::duration::{LONGEST, Span};
use super::findings::Place;
use super::raw::{RawAccount, RawDefaults, RawSchedule, RawTimes};
use super::schema;
use super::valid::{Values, check_name};

const DEFAULT_CRON: &str = "0 6 * * MON";
const DEFAULT_TIMEZONE: &str = "UTC";

/// The shortest interval allowed by default, in seconds. Each run costs a credit, so a shorter one
/// is more often a mistake than intended.
const FREQUENT: i64 = 3600;

/// Longest cron pattern or zone that is parsed, in bytes; no real one comes near.
const LONGEST_TEXT: usize = 1000;

/// A text that many accounts share, and the result of parsing it.
struct Known<T> {
    text: Arc<str>,
    outcome: Result<T, String>,
}

impl<T> Known<T> {
    /// Parses each distinct text once.
    fn of<'k>(
        known: &'k mut HashMap<Arc<str>, Known<T>>,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> &'k Known<T> {
        // Looked up by reference first, which does not allocate: most accounts' texts are known.
        if !known.contains_key(text) {
            let shared: Arc<str> = text.into();
            let outcome = match text.len() <= LONGEST_TEXT {
                true => parse(text),
                false => Err(format!("too long: over {LONGEST_TEXT} characters")),
            };
            known.insert(shared.clone(), Known { outcome, text: shared });
        }
        &known[text]
    }
}

/// The distinct cron patterns and zones, each parsed once: parsing one costs more than everything
/// else about an account. The result for a pattern is its shortest interval in seconds, which does
/// not depend on the zone.
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
            "fires every {}, and every run costs a refresh: set allow_frequent = true in \
             [schedule] to refresh more than once an hour",
            Span::of_seconds(shortest)
        ));
    }
    Ok(shortest)
}

/// The defaults for an account, from its file's `[defaults]` and then from `[schedule]`.
#[derive(Clone)]
pub(super) struct Defaults {
    tags: Vec<String>,
    cron: Arc<str>,
    /// The shortest interval of `cron`. `None` if `cron` is invalid, which is reported where it was
    /// written and not again at every account.
    shortest: Option<i64>,
    timezone: Arc<str>,
    spread: i64,
    /// The title of the table that sets the spread.
    spread_is_from: &'static str,
    /// That the spread is too wide for `cron`, and where that was written. It is a problem only of an
    /// account that inherits both.
    too_wide: Option<(Place, String)>,
}

/// The valid accounts so far; the problems of the others are in the findings.
pub(super) struct List {
    shared: Shared,
    /// The defaults of the file that is being read.
    defaults: Defaults,
    valid: Vec<Watched>,
    /// The place of the id of each account in `valid`.
    places: Vec<Place>,
}

impl List {
    /// Returns the defaults of the current file; before an included one, those of `[schedule]`.
    pub fn defaults(&self) -> Defaults {
        self.defaults.clone()
    }
}

impl Values<'_> {
    /// Creates an empty list whose accounts default to `[schedule]`.
    pub fn list(&mut self, schedule: RawSchedule<'_>, now: Time) -> List {
        let mut shared = Shared {
            now,
            allow_frequent: schedule.allow_frequent.is_some_and(|allow| allow.value),
            crons: HashMap::new(),
            zones: HashMap::new(),
        };
        let cron = shared.cron(DEFAULT_CRON);
        let base = Defaults {
            tags: Vec::new(),
            shortest: cron.outcome.as_ref().ok().copied(),
            cron: cron.text.clone(),
            timezone: shared.zone(DEFAULT_TIMEZONE).text.clone(),
            spread: 0,
            spread_is_from: schema::SCHEDULE.title,
            too_wide: None,
        };
        let RawSchedule { cron, timezone, spread, .. } = schedule;
        let times = RawTimes { cron, timezone, spread };
        let defaults = self.default_times(&mut shared, &base, times, schema::SCHEDULE.title);
        List { shared, defaults, valid: Vec::new(), places: Vec::new() }
    }

    /// Makes further accounts default to `[defaults]`, and then to `schedule`.
    pub fn defaults(&mut self, list: &mut List, schedule: &Defaults, raw: RawDefaults<'_>) {
        let RawDefaults { tags, times } = raw;
        let own = self.default_times(&mut list.shared, schedule, times, schema::DEFAULTS.title);
        list.defaults = Defaults { tags: self.tags(&[], tags), ..own };
    }

    /// Validates accounts and adds them to the list.
    pub fn take(&mut self, list: &mut List, accounts: Vec<RawAccount<'_>>) {
        list.valid.reserve(accounts.len());
        list.places.reserve(accounts.len());
        for account in accounts {
            let place = account.id.as_ref().map(|id| self.findings.place(id.at));
            let valid = self.account(&mut list.shared, &mut list.defaults, account);
            if let (Some(place), Some(valid)) = (place, valid) {
                list.places.push(place);
                list.valid.push(valid);
            }
        }
    }

    /// Reports duplicate ids, and returns the accounts.
    pub fn accounts(&mut self, list: List) -> Vec<Watched> {
        let List { valid, places, .. } = list;
        let mut order: Vec<usize> = (0..valid.len()).collect();
        // A stable sort: accounts with the same id stay in the order of the files.
        order.sort_by_key(|&index| &valid[index].id);
        for same in order.chunk_by(|&one, &other| valid[one].id == valid[other].id) {
            for &duplicate in &same[1..] {
                let message = format!("duplicate `id` \"{}\"", valid[duplicate].id);
                self.findings.duplicate(places[duplicate], message, places[same[0]]);
            }
        }
        valid
    }

    fn account(
        &mut self,
        shared: &mut Shared,
        defaults: &mut Defaults,
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
        let tags = self.tags(&defaults.tags, raw.tags);
        let is_own = raw.times.cron.is_some() || raw.times.spread.is_some();
        let times = self.times(shared, defaults, raw.times, schema::ACCOUNT.title);
        if !is_own {
            // Reported once, and not for each account that inherits it.
            defaults.too_wide = None;
        }
        if let Some((place, message)) = times.too_wide {
            self.findings.add_at(place, message);
        }
        Some(Watched {
            id: id?,
            label,
            tags,
            cron: times.cron,
            timezone: times.timezone,
            spread: times.spread,
            enabled: raw.enabled.is_none_or(|enabled| enabled.value),
        })
    }

    /// Returns the tags of `base` and then those of `own`, without duplicates.
    fn tags(&mut self, base: &[String], own: Vec<At<&str>>) -> Vec<String> {
        let mut tags = base.to_vec();
        // A list without an end is as long as the rest of the file.
        let mut seen: HashSet<&str> = base.iter().map(String::as_str).collect();
        for field in own {
            let tag = field.value.trim();
            if let Err(why) = check_name(field.value) {
                self.findings.wrong(&field, format!("contains an item that {why}"));
            } else if seen.insert(tag) {
                tags.push(tag.to_owned());
            }
        }
        tags
    }

    /// Returns the schedule of a table of defaults, with missing keys from `base`. If it sets both a
    /// cron and a spread, they must fit; else that depends on what the accounts set.
    fn default_times(
        &mut self,
        shared: &mut Shared,
        base: &Defaults,
        raw: RawTimes<'_>,
        table: &'static str,
    ) -> Defaults {
        let has_both = raw.cron.is_some() && raw.spread.is_some();
        let mut times = self.times(shared, base, raw, table);
        if let Some((place, message)) = times.too_wide.take_if(|_| has_both) {
            self.findings.add_at(place, message);
        }
        times
    }

    /// Returns the schedule of `table`, with missing keys from `base`. The place of a spread that is
    /// too wide is the spread's if the table has one, else the cron's.
    fn times(
        &mut self,
        shared: &mut Shared,
        base: &Defaults,
        raw: RawTimes<'_>,
        table: &'static str,
    ) -> Defaults {
        let (cron, shortest) = match &raw.cron {
            Some(field) => self.cron(shared, field),
            None => (base.cron.clone(), base.shortest),
        };
        let timezone = match &raw.timezone {
            Some(field) => self.zone(shared, field),
            None => base.timezone.clone(),
        };
        let place = match (&raw.spread, &raw.cron) {
            (Some(spread), _) => Some((spread.at, String::new())),
            (None, Some(cron)) => {
                Some((cron.at, format!(" (from {}; set `spread` here too)", base.spread_is_from)))
            }
            (None, None) => None,
        };
        let is_own = raw.spread.is_some();
        let spread = if is_own { self.span(raw.spread, 0..=LONGEST, 0) } else { base.spread };
        let too_wide = match place {
            Some((at, origin)) => shortest.filter(|shortest| spread >= *shortest).map(|shortest| {
                (self.findings.place(at), format!("{}{origin}", too_wide(spread, shortest)))
            }),
            None => base.too_wide.clone(),
        };
        let spread_is_from = if is_own { table } else { base.spread_is_from };
        Defaults { tags: Vec::new(), cron, shortest, timezone, spread, spread_is_from, too_wide }
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
}

fn too_wide(spread: i64, shortest: i64) -> String {
    format!(
        "`spread` ({}) must be shorter than the schedule's shortest interval ({})",
        Span::of_seconds(spread),
        Span::of_seconds(shortest)
    )
}
