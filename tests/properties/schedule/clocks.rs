//! Zones, and the local times that their clocks show moment by moment.

use growthd::clock::Time;
use jiff::civil::DateTime;
use jiff::tz::{self, TimeZone};
use jiff::{Span, Timestamp};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// The clocks of a zone, and a moment of interest.
#[derive(Clone, Debug)]
pub struct Clocks {
    pub name: String,
    zone: TimeZone,
    pub start: i64,
}

/// From when all offsets are whole minutes, and until when the rules are likely to hold.
const YEARS: std::ops::Range<i64> = 157_766_400..2_145_916_800;

const DAY: i64 = 24 * 3600;

/// Zones with every kind of clock change.
const STRANGE: &[&str] = &[
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Vancouver",
    "Antarctica/Troll",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Europe/London",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Pacific/Kwajalein",
    "UTC",
];

/// Files in a zoneinfo folder that are not zones.
const NOT_ZONES: [&str; 4] = ["Etc/Unknown", "Factory", "localtime", "posixrules"];

impl Clocks {
    /// Returns the clocks of this zone from `start` on.
    pub fn new(name: &str, start: i64) -> Clocks {
        let zone = tz::db().get(name).expect("a zone");
        Clocks { name: name.to_owned(), zone, start }
    }

    /// Returns the moments in the `length` seconds from the start, each `step` seconds, at which
    /// the clocks show a local time that `is_named` for the first time, or have just skipped one.
    pub fn moments(
        &self,
        length: i64,
        step: i64,
        is_named: impl Fn(DateTime) -> bool,
    ) -> Vec<Time> {
        let show = |time: i64| self.zone.to_datetime(Timestamp::from_second(time).expect("a time"));
        // In these years, no clock went back by more than two hours.
        let before = (self.start - 4 * 3600..self.start).step_by(step.try_into().expect("small"));
        let mut shown = before.map(show).max().expect("it showed something");
        let mut moments = Vec::new();
        for time in (self.start..self.start + length).step_by(step.try_into().expect("small")) {
            let now = show(time);
            let mut is_moment = false;
            while shown < now {
                shown += Span::new().seconds(step);
                is_moment |= is_named(shown);
            }
            if is_moment {
                moments.push(Time(time));
            }
        }
        moments
    }
}

/// Any zone, starting some time before a clock change, if it has one, or at any time.
pub fn clocks(before_change: i64) -> impl Strategy<Value = Clocks> {
    let all: Vec<String> = tz::db()
        .available()
        .map(|name| name.to_string())
        .filter(|name| !NOT_ZONES.contains(&name.as_str()))
        .collect();
    let strange = select(STRANGE).prop_map(str::to_owned);
    let change =
        prop_oneof![1 => Just(None), 4 => (any::<Index>(), 0..before_change).prop_map(Some)];
    (prop_oneof![strange, select(all)], YEARS, change).prop_map(|(name, any, change)| {
        let mut clocks = Clocks::new(&name, any - any.rem_euclid(60));
        let first = Timestamp::from_second(YEARS.start).expect("a time");
        let changes: Vec<i64> = clocks
            .zone
            .following(first)
            .map(|change| change.timestamp().as_second())
            .take_while(|change| YEARS.contains(change))
            .collect();
        if let (Some((index, before)), false) = (change, changes.is_empty()) {
            let start = changes[index.index(changes.len())] - before;
            clocks.start = start - start.rem_euclid(60);
        }
        clocks
    })
}

/// Clocks with a change a few days after their start.
pub const SOME_DAYS: i64 = 8 * DAY;
