//! Conversion between local times and instants, by the rules of a time zone.
//!
//! The rules are the operating system's (`TZDIR`, or else its zoneinfo folder), since they change
//! several times a year and a compiled-in copy is soon outdated. The copy in this binary is for
//! machines without any.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{self, AmbiguousOffset, TimeZone};

use crate::clock::Time;

use super::invalid::InvalidSchedule;

/// Longest name accepted, in bytes; no IANA name is half as long. A longer one is not compared.
const LONGEST_NAME: usize = 64;

/// The least similarity, of 1, at which a name may be a typo for another.
const SIMILAR: f64 = 0.85;

/// Files in a zoneinfo folder that are not an IANA zone: the machine's own zone, or placeholders.
const NOT_ZONES: [&str; 4] = ["Etc/Unknown", "Factory", "localtime", "posixrules"];

/// A time zone whose local times never go back: a clock change skips some, or repeats some.
#[derive(Clone, Debug)]
pub(super) struct Zone(TimeZone);

impl Zone {
    /// Finds the zone of this IANA name, which must be in IANA's spelling.
    ///
    /// Each call looks it up again, and so follows an update of the system's rules within minutes.
    pub fn find(name: &str) -> Option<Zone> {
        let is_name = name.len() <= LONGEST_NAME && !NOT_ZONES.contains(&name);
        let found = if is_name { tz::db().get(name).ok() } else { None };
        found.filter(|zone| zone.iana_name() == Some(name)).map(Zone)
    }

    /// As [`Zone::find`], with an error for the person who wrote the name.
    pub fn parse(name: &str) -> Result<Zone, InvalidSchedule> {
        Zone::find(name).ok_or_else(|| InvalidSchedule::no_zone(name, nearest(name)))
    }

    /// Returns the latest local time that clocks have shown up to `time`: the one at `time`, or,
    /// while an hour is repeated, the end of that hour.
    pub fn latest_shown(&self, time: Time) -> Option<DateTime> {
        let time = Timestamp::from_second(time.0).ok()?;
        let shown = self.0.to_datetime(time);
        match self.0.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Fold { before, after } if self.0.to_offset(time) == after => {
                let change = self.change_between(before.to_timestamp(shown).ok()?, time)?;
                before.to_datetime(change).checked_sub(jiff::Span::new().seconds(1)).ok()
            }
            _ => Some(shown),
        }
    }

    /// Returns the instant of a local time: the end of the gap for one that a clock change skips,
    /// and the first of two for one that occurs twice.
    pub fn instant(&self, local: DateTime) -> Option<Time> {
        let ambiguous = self.0.to_ambiguous_timestamp(local);
        let instant = match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok()?,
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok()?,
            AmbiguousOffset::Gap { before, after } => {
                let (early, late) = (after.to_timestamp(local), before.to_timestamp(local));
                self.change_between(early.ok()?, late.ok()?)?
            }
        };
        Some(Time(instant.as_second()))
    }

    /// Returns the clock change that is after `early` and not after `late`.
    fn change_between(&self, early: Timestamp, late: Timestamp) -> Option<Timestamp> {
        let beyond = late.checked_add(jiff::Span::new().seconds(1)).ok()?;
        let changes = self.0.preceding(beyond).map(|change| change.timestamp());
        changes.take_while(|change| *change > early).last()
    }
}

/// Returns the most similar known name, if one is similar enough.
fn nearest(name: &str) -> Option<String> {
    if name.len() > LONGEST_NAME {
        return None;
    }
    let name = name.to_lowercase();
    tz::db()
        .available()
        .map(|known| known.to_string())
        .filter(|known| !NOT_ZONES.contains(&known.as_str()))
        .map(|known| (strsim::jaro_winkler(&name, &known.to_lowercase()), known))
        .filter(|(similarity, _)| *similarity > SIMILAR)
        // Of two equally similar ones the first in the alphabet, since folders have no order.
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1)))
        .map(|(_, known)| known)
}
