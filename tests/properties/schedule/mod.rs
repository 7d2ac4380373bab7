//! Schedules: valid and invalid patterns, and when they fire compared with clocks that are observed
//! moment by moment.

mod clocks;
mod pattern;

use growthd::clock::Time;
use growthd::config::Span;
use growthd::schedule::{Schedule, ScheduleCache};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use clocks::{Clocks, SOME_DAYS, clocks};
use pattern::Pattern;

const PIECES: &[&str] = &[
    "0",
    "1",
    "5",
    "29",
    "30",
    "31",
    "59",
    "60",
    "99999999999",
    "*",
    "*/2",
    "*/0",
    "?",
    "-",
    "1-5",
    "5-1",
    ",",
    "/",
    "#",
    "MON",
    "mon",
    "SUN#5",
    "7#6",
    "L",
    "LW",
    "15W",
    "FEB",
    "@daily",
    "@yearly",
    "@",
    "~",
    "é",
    "\u{0}",
    "\n",
    "+",
];

const ZONES: &[&str] =
    &["UTC", "Europe/London", "America/New_York", "Pacific/Apia", "", "Mars/X", "é"];

proptest! {
    /// An accepted schedule fires again and again without a panic, and one that is refused is
    /// explained in one line.
    #[test]
    fn a_pattern_is_refused_in_a_line_or_fires(
        fields in vec(vec(select(PIECES), 1..3), 1..7),
        zone in select(ZONES),
        now in 1_600_000_000i64..2_500_000_000,
    ) {
        let cron = fields.iter().map(|field| field.concat()).collect::<Vec<_>>().join(" ");
        match Schedule::parse(&cron, zone, Time(now)) {
            Err(error) => {
                let message = error.to_string();
                prop_assert!(!message.contains(char::is_control) && !message.is_empty(), "{message:?}");
            }
            Ok(schedule) => {
                prop_assert!(schedule.shortest_interval(Time(now)) > 0);
                let window = ScheduleCache::default().window(&cron, zone, 0, Time(now));
                let window = window.expect("slots");
                prop_assert!(window.slot <= Time(now) && Time(now) < window.next, "{window:?}");
            }
        }
    }

    #[test]
    fn any_text_is_a_length_of_time_or_is_not(text in "\\PC{0,12}|[0-9]{0,25}[smhdw]?") {
        if let Ok(span) = text.parse::<Span>() {
            prop_assert!((0..=Span::of_seconds(i64::MAX).seconds()).contains(&span.seconds()));
            prop_assert_eq!(span.to_string().parse::<Span>(), Ok(span));
        }
    }
}

/// Compares the program's slots with the moments at which `clocks` show times that match `pattern`.
fn compare(
    pattern: &Pattern,
    clocks: &Clocks,
    length: i64,
    step: i64,
    offset: i64,
    probes: &[Index],
) -> Result<(), TestCaseError> {
    let (cron, zone) = (pattern.text(), clocks.name.as_str());
    let expected = clocks.moments(length, step, |local| pattern.names(local));
    let expected: Vec<Time> = expected.into_iter().map(|time| time.plus(offset)).collect();
    let (from, until) = (Time(clocks.start - 1 + offset), Time(clocks.start + length - 1 + offset));
    if let Err(error) = Schedule::parse(&cron, zone, from) {
        prop_assert!(error.to_string().contains("never fires"), "{error}");
        prop_assert!(expected.is_empty());
        return Ok(());
    }
    let mut schedules = ScheduleCache::default();
    let mut between =
        |most| schedules.slots_between(&cron, zone, offset, from, until, most).expect("slots");
    prop_assert_eq!(&between(usize::MAX), &expected);
    let few = expected.len().min(3);
    prop_assert_eq!(&between(3), &expected[expected.len() - few..]);
    let edges = expected.iter().flat_map(|slot| [slot.plus(-1), *slot, slot.plus(1)]).take(300);
    let length = usize::try_from(length).expect("small");
    let anywhere = probes.iter().map(|probe| {
        Time(clocks.start + offset + i64::try_from(probe.index(length)).expect("small"))
    });
    for at in edges.chain(anywhere).filter(|at| from < *at && *at <= until) {
        let window = schedules.window(&cron, zone, offset, at).expect("slots");
        prop_assert!(window.slot <= at && at < window.next, "{at}: {window:?}");
        prop_assert_eq!(window.interval(), window.next.since(window.slot));
        match expected.iter().rfind(|slot| **slot <= at) {
            Some(slot) => prop_assert_eq!(window.slot, *slot, "at {}", at),
            None => prop_assert!(window.slot <= from),
        }
        match expected.iter().find(|slot| **slot > at) {
            Some(next) => prop_assert_eq!(window.next, *next, "at {}", at),
            None => prop_assert!(window.next > until),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Each local time that a pattern names is a slot once, in any zone, however its clocks change.
    #[test]
    fn each_local_time_is_a_slot_once(
        pattern in pattern::minutes(),
        clocks in clocks(SOME_DAYS),
        offset in prop_oneof![Just(0), 0i64..100_000],
        probes in vec(any::<Index>(), 20),
    ) {
        compare(&pattern, &clocks, SOME_DAYS + 2 * 86_400, 60, offset, &probes)?;
    }

    /// With patterns of seconds, in the hours around a clock change.
    #[test]
    fn each_local_second_is_a_slot_once(
        pattern in pattern::seconds(),
        clocks in clocks(2 * 3600),
        probes in vec(any::<Index>(), 20),
    ) {
        compare(&pattern, &clocks, 5 * 3600, 1, 0, &probes)?;
    }

    /// A spread shorter than that never lets two slots coincide.
    #[test]
    fn the_shortest_interval_is_the_shortest(
        pattern in prop_oneof![pattern::minutes(), pattern::seconds()],
        start in 1_700_000_000i64..3_000_000_000,
    ) {
        let schedule = match Schedule::parse(&pattern.text(), "UTC", Time(start)) {
            Ok(schedule) => schedule,
            Err(error) => {
                prop_assert!(error.to_string().contains("never fires"), "{error}");
                return Ok(());
            }
        };
        let expected = pattern.shortest_interval(Time(start).utc().date());
        prop_assert_eq!(Some(schedule.shortest_interval(Time(start))), expected);
    }
}

/// A whole year with both clock changes, for patterns that fire often, seldom, and around the
/// changes.
#[test]
fn each_local_time_of_a_year_is_a_slot_once() {
    const YEAR: i64 = 365 * 86_400;
    for (zone, start) in [
        ("Europe/London", 1_767_225_600),
        ("Australia/Lord_Howe", 1_767_225_600),
        ("Pacific/Apia", 1_293_840_000),
    ] {
        let clocks = Clocks::new(zone, start);
        for (cron, count, is_named) in patterns() {
            let expected = clocks.moments(YEAR, 60, is_named);
            let (from, until) = (Time(start - 1), Time(start + YEAR - 1));
            let mut schedules = ScheduleCache::default();
            let slots = schedules.slots_between(cron, zone, 0, from, until, usize::MAX);
            assert_eq!(slots.as_ref(), Ok(&expected), "{cron} in {zone}");
            // Except for the hours, or the day, by which years differ.
            assert!(expected.len().abs_diff(count) <= 25, "{cron} in {zone}: {}", expected.len());
        }
    }
}

type Named = fn(jiff::civil::DateTime) -> bool;

/// A pattern, how often it fires in a year, and what it matches.
fn patterns() -> [(&'static str, usize, Named); 4] {
    [
        ("0 * * * *", 8760, |time| time.minute() == 0),
        ("30 1,2,13 * * *", 3 * 365, |time| {
            time.minute() == 30 && [1, 2, 13].contains(&time.hour())
        }),
        ("15 2 * * SUN", 53, |time| {
            (time.hour(), time.minute(), time.weekday().to_sunday_zero_offset()) == (2, 15, 0)
        }),
        ("0 6 30,31 * *", 18, |time| {
            (time.hour(), time.minute()) == (6, 0) && [30, 31].contains(&time.day())
        }),
    ]
}
