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

/// Each distinct cron pattern and each distinct zone, read once: parsing one costs more than
/// everything else about an account. Patterns hold their shortest interval in seconds, which
/// does not depend on the zone.
struct Shared<'a> {
    now: Time,
    allow_frequent: bool,
    crons: HashMap<&'a str, Known<i64>>,
    zones: HashMap<&'a str, Known<()>>,
}

impl<'a> Shared<'a> {
    fn cron(&mut self, text: &'a str) -> &Known<i64> {
        let (now, allow_frequent) = (self.now, self.allow_frequent);
        self.crons.entry(text).or_insert_with(|| Known {
            text: text.into(),
            outcome: shortest_interval(text, now, allow_frequent),
        })
    }

    fn zone(&mut self, text: &'a str) -> &Known<()> {
        let now = self.now;
        self.zones.entry(text).or_insert_with(|| Known {
            text: text.into(),
            outcome: match Schedule::parse("@daily", text, now) {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            },
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

impl Values<'_> {
    /// The accounts that are valid; what is wrong with the others goes to the findings.
    pub fn accounts<'a>(
        &mut self,
        schedule: RawSchedule<'a>,
        accounts: Vec<RawAccount<'a>>,
        now: Time,
    ) -> Vec<Watched> {
        let mut shared = Shared {
            now,
            allow_frequent: schedule.allow_frequent.is_some_and(|allow| allow.value),
            crons: HashMap::new(),
            zones: HashMap::new(),
        };
        let defaults = self.defaults(&mut shared, schedule);
        let mut first_places: HashMap<&str, usize> = HashMap::with_capacity(accounts.len());
        let mut valid = Vec::with_capacity(accounts.len());
        for account in accounts {
            if let Some(id) = &account.id
                && let Some(first) = first_places.insert(id.value, id.at)
            {
                first_places.insert(id.value, first);
                let message = "this `id` stands in the watchlist already".to_owned();
                self.findings.again(id.at, message, first);
            }
            valid.extend(self.account(&mut shared, &defaults, account));
        }
        valid
    }

    fn defaults<'a>(&mut self, shared: &mut Shared<'a>, raw: RawSchedule<'a>) -> Defaults {
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

    fn account<'a>(
        &mut self,
        shared: &mut Shared<'a>,
        defaults: &Defaults,
        raw: RawAccount<'a>,
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

    fn cron<'a>(
        &mut self,
        shared: &mut Shared<'a>,
        field: &At<&'a str>,
    ) -> (Arc<str>, Option<i64>) {
        let known = shared.cron(field.value);
        if let Err(why) = &known.outcome {
            self.findings.add(field.at, format!("`cron`: {why}"));
        }
        (known.text.clone(), known.outcome.as_ref().ok().copied())
    }

    fn zone<'a>(&mut self, shared: &mut Shared<'a>, field: &At<&'a str>) -> Arc<str> {
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
