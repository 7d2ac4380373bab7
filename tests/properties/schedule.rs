//! Schedules: patterns that people may type, good and bad.

use growthd::clock::Time;
use growthd::config::Span;
use growthd::schedule::{Schedule, ScheduleCache};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

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
    /// Whatever is taken for a schedule fires again and again, and says so without a panic;
    /// whatever is not is told about in one line.
    #[test]
    fn a_pattern_is_refused_in_a_line_or_fires(
        fields in vec(vec(select(PIECES), 1..3), 1..7),
        zone in select(ZONES),
        now in 1_600_000_000i64..2_500_000_000,
    ) {
        let cron = fields.iter().map(|field| field.concat()).collect::<Vec<_>>().join(" ");
        match Schedule::parse(&cron, zone, Time(now)) {
            Err(error) => {
                let told = error.to_string();
                prop_assert!(!told.contains(char::is_control) && !told.is_empty(), "{told:?}");
            }
            Ok(schedule) => {
                prop_assert!(schedule.shortest_interval(Time(now)) > 0);
                prop_assert!(schedule.interval(Time(now)) > 0);
                let place = ScheduleCache::default().window(&cron, zone, 0, Time(now));
                if let Ok(place) = place {
                    prop_assert!(place.slot <= Time(now) && Time(now) < place.next, "{place:?}");
                }
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
