//! When an account is due: a cron pattern in a time zone, and an account's place in its spread.
//!
//! Everything here is pure. What happens at the edges of daylight saving time is croner 4's
//! rule: a fixed time that the clocks skip runs at the end of the gap, one that they repeat
//! runs once, at the first.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use crate::account::AccountId;
use crate::clock::Time;

/// How many occurrences are looked at to know a pattern's longest interval.
const LOOK_AHEAD: usize = 10;

/// How many are looked at to know its shortest: a quarter of daily ones, so that the short
/// step at the end of a month (`*/2` from the 31st to the 1st) is among them.
const LOOK_FOR_SHORTEST: usize = 100;

/// A cron pattern in a time zone, proven to fire again.
///
/// A parsed pattern takes about 5.5 KB: hold one per distinct pattern, never one an account.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: Cron,
    zone: Tz,
}

/// Why a text is not a schedule. The messages are for the person who wrote the text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidSchedule {
    /// Not a cron pattern.
    #[error("{0}")]
    Cron(String),
    /// A pattern that names only days that do not exist.
    #[error("the cron pattern {0:?} never fires: no such day exists")]
    NeverFires(String),
    /// Not an IANA zone.
    #[error("there is no time zone {name:?}; expected an IANA name such as \"Europe/London\" or \"UTC\"{}", nearest.map(|n| format!(" (nearest: {n:?})")).unwrap_or_default())]
    Zone {
        /// The name given.
        name: String,
        /// The known name that is written most alike, if one is near.
        nearest: Option<&'static str>,
    },
}

impl Schedule {
    /// Parses a pattern of five fields, of six with seconds in front, or a nickname such as
    /// `@weekly`; and checks that it fires after `now`.
    pub fn parse(cron: &str, zone: &str, now: Time) -> Result<Schedule, InvalidSchedule> {
        let zone = parse_zone(zone)?;
        let cron = parse_cron(cron)?;
        let schedule = Schedule { cron, zone };
        match schedule.find_after(now) {
            Some(_) => Ok(schedule),
            None => Err(InvalidSchedule::NeverFires(schedule.cron.as_str().to_owned())),
        }
    }

    /// The least distance between neighbouring occurrences, in seconds, as the pattern has it
    /// without a zone: a change of the clocks makes no schedule frequent.
    pub fn shortest_interval(&self, now: Time) -> i64 {
        let plain = Schedule { cron: self.cron.clone(), zone: Tz::UTC };
        plain.distances(now, LOOK_FOR_SHORTEST).min().unwrap_or(i64::MAX)
    }

    /// The longest distance among the next ten occurrences, in seconds.
    pub fn interval(&self, now: Time) -> i64 {
        self.distances(now, LOOK_AHEAD).max().unwrap_or(i64::MAX)
    }

    /// How many occurrences fall into the `seconds` after `now`, counted up to `most`.
    pub fn occurrences_within(&self, now: Time, seconds: i64, most: usize) -> usize {
        let end = now.plus(seconds);
        self.occurrences_after(now).take_while(|&time| time <= end).take(most).count()
    }

    fn distances(&self, now: Time, count: usize) -> impl Iterator<Item = i64> + '_ {
        let mut last = self.find_after(now);
        let rest = last.map(|first| self.occurrences_after(first)).into_iter().flatten();
        rest.take(count - 1).map(move |time| {
            let distance = last.map_or(i64::MAX, |last| time.since(last));
            last = Some(time);
            distance
        })
    }

    fn occurrences_after(&self, now: Time) -> impl Iterator<Item = Time> + '_ {
        std::iter::successors(self.find_after(now), |&time| self.find_after(time))
    }

    fn find_after(&self, time: Time) -> Option<Time> {
        self.cron.find_next_occurrence(&self.local(time)?, false).ok().map(instant)
    }

    fn find_at_or_before(&self, time: Time) -> Option<Time> {
        self.cron.find_previous_occurrence(&self.local(time)?, true).ok().map(instant)
    }

    fn local(&self, time: Time) -> Option<DateTime<Tz>> {
        DateTime::<Utc>::from_timestamp(time.0, 0).map(|utc| utc.with_timezone(&self.zone))
    }
}

fn instant(local: DateTime<Tz>) -> Time {
    Time(local.timestamp())
}

fn parse_zone(name: &str) -> Result<Tz, InvalidSchedule> {
    name.parse().map_err(|_| InvalidSchedule::Zone {
        name: name.to_owned(),
        nearest: chrono_tz::TZ_VARIANTS
            .iter()
            .map(|zone| {
                (
                    strsim::jaro_winkler(&name.to_lowercase(), &zone.name().to_lowercase()),
                    zone.name(),
                )
            })
            .filter(|(likeness, _)| *likeness > 0.85)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, name)| name),
    })
}

/// The fields as people know them, with what may stand in each.
const FIELDS: [(&str, &str); 6] = [
    ("second", "0-59"),
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day of month", "1-31"),
    ("month", "1-12 or JAN-DEC"),
    ("day of week", "0-7 or SUN-SAT"),
];

const NICKNAMES: [&str; 6] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@hourly"];

fn parse_cron(text: &str) -> Result<Cron, InvalidSchedule> {
    let pattern = text.trim();
    if pattern.starts_with('@') && !NICKNAMES.iter().any(|n| n.eq_ignore_ascii_case(pattern)) {
        return Err(InvalidSchedule::Cron(format!(
            "{text:?} is no cron nickname; expected one of {}",
            NICKNAMES.join(", ")
        )));
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    parser.parse(pattern).map_err(|error| InvalidSchedule::Cron(explain(text, &error.to_string())))
}

/// Says which field of a refused pattern is at fault by trying each one alone.
fn explain(text: &str, error: &str) -> String {
    const EXAMPLE: &str = "for example \"0 6 * * MON\" (Mondays at 06:00)";
    let fields: Vec<&str> = text.split_whitespace().collect();
    if !text.trim().starts_with('@') && !(5..=6).contains(&fields.len()) {
        return format!(
            "a cron pattern has five fields (minute, hour, day of month, month, day of week), \
             or six with seconds in front; this one has {}; {EXAMPLE}",
            fields.len()
        );
    }
    let names = &FIELDS[FIELDS.len() - fields.len().min(FIELDS.len())..];
    for (place, (field, (name, range))) in fields.iter().zip(names).enumerate() {
        let mut alone = vec!["*"; fields.len()];
        alone[place] = field;
        let parser =
            CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        if parser.parse(&alone.join(" ")).is_err() {
            return format!(
                "{field:?} cannot be the {name} of a cron pattern; expected {range}, `*`, a list, a range or a step; {EXAMPLE}"
            );
        }
    }
    format!("{text:?} is not a cron pattern ({error}); {EXAMPLE}")
}

/// A cron occurrence and its surroundings: `from ≤ t < next` for the asked `t`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Window {
    from: Time,
    next: Time,
    after: Time,
}

impl Window {
    fn holds(&self, time: Time) -> bool {
        self.from <= time && time < self.next
    }
}

/// An account's slots around some moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlotWindow {
    /// The latest slot that is not after the moment.
    pub slot: Time,
    /// The first slot after the moment.
    pub next: Time,
    /// The slot after that.
    pub after: Time,
}

impl SlotWindow {
    /// From the slot to the one after it, in seconds.
    pub fn interval(&self) -> i64 {
        self.next.since(self.slot)
    }

    /// From the next slot to the one after it, in seconds.
    pub fn next_interval(&self) -> i64 {
        self.after.since(self.next)
    }
}

/// The distinct schedules in use, each parsed once, with the last answer of each kept: most
/// accounts share a schedule, and most questions fall between the same two occurrences.
#[derive(Default, Debug)]
pub struct ScheduleCache {
    /// By zone, then by pattern: two look-ups by reference, where a pair as the key would
    /// allocate at every claim.
    known: HashMap<Box<str>, HashMap<Box<str>, Interned>>,
}

#[derive(Debug)]
struct Interned {
    schedule: Schedule,
    window: Window,
}

impl ScheduleCache {
    /// Where an account on `cron` in `zone`, `offset` seconds after each occurrence, stands at
    /// `now`.
    ///
    /// # Errors
    /// What [`Schedule::parse`] says: texts that came through the configuration do parse.
    pub fn window(
        &mut self,
        cron: &str,
        zone: &str,
        offset: i64,
        now: Time,
    ) -> Result<SlotWindow, InvalidSchedule> {
        let asked = now.plus(-offset);
        let window = match self.known.get_mut(zone).and_then(|patterns| patterns.get_mut(cron)) {
            Some(known) if known.window.holds(asked) => known.window,
            Some(known) => {
                known.window = known.schedule.window(asked)?;
                known.window
            }
            None => {
                let schedule = Schedule::parse(cron, zone, asked)?;
                let window = schedule.window(asked)?;
                let patterns = self.known.entry(zone.into()).or_default();
                patterns.insert(cron.into(), Interned { schedule, window });
                window
            }
        };
        Ok(SlotWindow {
            slot: window.from.plus(offset),
            next: window.next.plus(offset),
            after: window.after.plus(offset),
        })
    }

    /// The slots after `after`, up to `until`, oldest first; the newest `most` of them.
    ///
    /// # Errors
    /// As [`ScheduleCache::window`].
    pub fn slots_between(
        &mut self,
        cron: &str,
        zone: &str,
        offset: i64,
        after: Time,
        until: Time,
        most: usize,
    ) -> Result<Vec<Time>, InvalidSchedule> {
        let mut slots = Vec::new();
        let mut end = until;
        while slots.len() < most {
            let slot = self.window(cron, zone, offset, end)?.slot;
            if slot <= after {
                break;
            }
            slots.push(slot);
            end = slot.plus(-1);
        }
        slots.reverse();
        Ok(slots)
    }
}

impl Schedule {
    fn window(&self, time: Time) -> Result<Window, InvalidSchedule> {
        let never = || InvalidSchedule::NeverFires(self.cron.as_str().to_owned());
        let next = self.find_after(time).ok_or_else(never)?;
        Ok(Window {
            from: self.find_at_or_before(time).ok_or_else(never)?,
            next,
            after: self.find_after(next).unwrap_or(next),
        })
    }
}

/// An account's own place in a spread of `spread` seconds: the same on every machine and in
/// every version, so that it never moves a slot.
pub fn spread_offset(id: &AccountId, spread: i64) -> i64 {
    match u64::try_from(spread) {
        Ok(spread @ 1..) => {
            i64::try_from(stable_hash(id.as_str().as_bytes()) % spread).unwrap_or(0)
        }
        _ => 0,
    }
}

/// FNV-1a with a final mix, since ids that differ in their last letter differ in few low bits.
pub fn stable_hash(bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEW_YEAR_2026: Time = Time(1_767_225_600);

    fn parse(cron: &str, zone: &str) -> Schedule {
        Schedule::parse(cron, zone, NEW_YEAR_2026).expect("a schedule")
    }

    fn at(text: &str) -> Time {
        Time(DateTime::parse_from_rfc3339(text).expect("a time").timestamp())
    }

    #[test]
    fn a_pattern_has_five_fields_or_six_or_a_nickname() {
        for (cron, next) in [
            ("0 6 * * MON", "2026-01-05T06:00:00Z"),
            ("30 0 6 * * MON", "2026-01-05T06:00:30Z"),
            ("@weekly", "2026-01-04T00:00:00Z"),
            ("@daily", "2026-01-02T00:00:00Z"),
            ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
        ] {
            assert_eq!(parse(cron, "UTC").find_after(NEW_YEAR_2026), Some(at(next)), "{cron}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_schedule_is_said_to_a_person() {
        for (cron, zone, words) in [
            ("0 6 * *", "UTC", "this one has 4"),
            ("0 0 6 * * MON 2026", "UTC", "this one has 7"),
            ("61 6 * * *", "UTC", "\"61\" cannot be the minute of a cron pattern; expected 0-59"),
            ("0 6 * * FUNDAY", "UTC", "cannot be the day of week"),
            ("@sometimes", "UTC", "expected one of @yearly"),
            ("", "UTC", "this one has 0"),
            ("0 0 30 2 *", "UTC", "never fires"),
            ("0 6 * * *", "Europe/Londn", "nearest: \"Europe/London\""),
            ("0 6 * * *", "", "IANA name"),
        ] {
            let error = Schedule::parse(cron, zone, NEW_YEAR_2026).expect_err(cron).to_string();
            assert!(error.contains(words), "{cron:?}: {error}");
        }
    }

    #[test]
    fn intervals_are_the_shortest_without_a_zone_and_the_longest_ahead() {
        let day = 24 * 3600;
        for (cron, shortest, longest) in [
            ("0 6 * * MON", 7 * day, 7 * day),
            ("0 6 * * MON,TUE", day, 6 * day),
            ("0 6 */2 * *", day, 2 * day),
            ("0 * * * *", 3600, 3600),
            ("0,1 0 1 1 *", 60, 365 * day - 60),
            ("*/2 * * * * *", 2, 2),
        ] {
            let schedule = parse(cron, "America/New_York");
            assert_eq!(schedule.shortest_interval(NEW_YEAR_2026), shortest, "{cron}");
            let longest_ahead = schedule.interval(NEW_YEAR_2026);
            assert!((longest_ahead - longest).abs() <= 3600 + day, "{cron}: {longest_ahead}");
        }
    }

    #[test]
    fn a_gap_runs_at_its_end_and_an_overlap_at_the_first() {
        for (cron, zone, before, runs) in [
            ("30 1 * * *", "Europe/London", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
            ("30 1 * * *", "Europe/London", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"),
            ("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", "2026-03-08T07:00:00Z"),
            ("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", "2026-11-01T05:30:00Z"),
            ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", "2026-10-03T15:30:00Z"),
            ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T10:00:00Z", "2026-04-04T14:45:00Z"),
        ] {
            let schedule = parse(cron, zone);
            let first = schedule.find_after(at(before)).expect("an occurrence");
            assert_eq!(first, at(runs), "{cron} in {zone}");
            let second = schedule.find_after(first).expect("an occurrence");
            assert!(second.since(first) > 20 * 3600, "{cron} in {zone} ran twice in the overlap");
        }
    }

    #[test]
    fn a_list_of_hours_has_no_run_in_a_gap() {
        // croner's rule for patterns with a list, range or step of hours or minutes.
        let schedule = parse("30 2,14 * * *", "America/New_York");
        let run = schedule.find_after(at("2026-03-08T06:00:00Z")).expect("an occurrence");
        assert_eq!(run, at("2026-03-08T18:30:00Z"));
    }

    #[test]
    fn a_spread_keeps_every_account_its_own_place() {
        let id: AccountId = "clx123abc".parse().expect("an id");
        let offset = spread_offset(&id, 3600);
        // Stable across versions: a changed hash would move every slot of every user.
        assert_eq!(offset, 2166);
        assert_eq!(spread_offset(&id, 0), 0);
        let mut schedules = ScheduleCache::default();
        let monday = at("2026-01-05T06:00:00Z");
        let place = schedules.window("0 6 * * MON", "UTC", 600, monday.plus(599)).expect("a place");
        assert_eq!(place.slot, monday.plus(600 - 7 * 24 * 3600));
        assert_eq!(place.next, monday.plus(600));
        let place = schedules.window("0 6 * * MON", "UTC", 600, monday.plus(600)).expect("a place");
        assert_eq!(place.slot, monday.plus(600), "an occurrence is inclusive");
    }

    #[test]
    fn the_hash_spreads_similar_ids() {
        let mut quarters = [0; 4];
        for n in 0..1000 {
            let id: AccountId = format!("acct-{n:04}").parse().expect("an id");
            quarters[usize::try_from(spread_offset(&id, 4)).expect("small")] += 1;
        }
        assert!(quarters.iter().all(|&count| (200..300).contains(&count)), "{quarters:?}");
    }

    proptest! {
        /// Looking back and looking forward agree on what the occurrences are, in every zone
        /// whose clocks change: else a slot would be served under one name and missed under
        /// another.
        #[test]
        fn back_and_forth_agree(
            minute in 0..60u8,
            hour in prop_oneof![Just("*".to_owned()), Just("*/2".to_owned()), (0..24u8).prop_map(|h| h.to_string())],
            weekday in prop_oneof![Just("*"), Just("MON"), Just("SUN"), Just("SAT,SUN")],
            zone in prop::sample::select(&["UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]),
            start in 1_700_000_000i64..1_900_000_000,
        ) {
            let cron = format!("{minute} {hour} * * {weekday}");
            let schedule = parse(&cron, zone);
            let mut time = Time(start);
            for _ in 0..40 {
                let next = schedule.find_after(time).expect("fires again");
                prop_assert!(next > time);
                prop_assert_eq!(schedule.find_at_or_before(next), Some(next));
                let back = schedule.find_at_or_before(next.plus(-1)).expect("fired before");
                prop_assert!(back < next);
                prop_assert_eq!(schedule.find_after(back), Some(next), "{} in {} from {}", cron, zone, back);
                time = next;
            }
        }
    }
}
