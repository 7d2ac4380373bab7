//! Local times and instants, by the rules of a time zone.
//!
//! The rules are the operating system's (`TZDIR`, or else its zoneinfo folder), since they
//! change several times a year and a compiled-in copy is soon wrong; the copy in this binary is
//! for machines that have none.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{self, AmbiguousOffset, TimeZone};

use crate::clock::Time;

use super::invalid::InvalidSchedule;

/// No IANA name is half as long. Longer texts are not compared with anything.
const LONGEST_NAME: usize = 64;

/// How like a known name a text must be to be taken for a slip of the pen.
const LIKE: f64 = 0.85;

/// Files in a zoneinfo folder that are no place's time, but this machine's or nobody's.
const NOT_ZONES: [&str; 4] = ["Etc/Unknown", "Factory", "localtime", "posixrules"];

/// A time zone, with a monotonic reading of its clocks: a change of them skips local times or
/// shows some twice, but time never goes back.
#[derive(Clone, Debug)]
pub(super) struct Zone(TimeZone);

impl Zone {
    /// The zone of this IANA name, written as IANA writes it.
    ///
    /// Looked up anew each time it is asked for, it follows an update of the system's rules
    /// within minutes.
    pub fn find(name: &str) -> Result<Zone, InvalidSchedule> {
        let is_name = name.len() <= LONGEST_NAME && !NOT_ZONES.contains(&name);
        let found = if is_name { tz::db().get(name).ok() } else { None };
        found
            .filter(|zone| zone.iana_name() == Some(name))
            .map(Zone)
            .ok_or_else(|| InvalidSchedule::no_zone(name, nearest(name)))
    }

    /// The latest local time that the clocks have shown up to `time`: what they show then, or,
    /// while they show an hour for the second time, the end of that hour.
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

    /// The instant of a local time. One that a change of the clocks skips is the end of the gap,
    /// one that comes twice is the first.
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

    /// The change of the clocks that is after `early` and not after `late`.
    fn change_between(&self, early: Timestamp, late: Timestamp) -> Option<Timestamp> {
        let beyond = late.checked_add(jiff::Span::new().seconds(1)).ok()?;
        let changes = self.0.preceding(beyond).map(|change| change.timestamp());
        changes.take_while(|change| *change > early).last()
    }
}

/// The known name that is written most alike, if one is near.
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
        .filter(|(likeness, _)| *likeness > LIKE)
        // Of two equally near, the first in the alphabet: folders have no order.
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1)))
        .map(|(_, known)| known)
}
