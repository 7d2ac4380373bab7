//! Tests of schedules, mostly of their edge cases.

use super::*;

const NEW_YEAR_2026: Time = Time(1_767_225_600);
const DAY: i64 = 24 * 3600;

fn parse(cron: &str, zone: &str) -> Schedule {
    Schedule::parse(cron, zone, NEW_YEAR_2026).expect("a schedule")
}

fn at(text: &str) -> Time {
    text.parse().expect("a time")
}

/// Returns the occurrences in `from..to`, and checks that searching backwards finds the same.
fn runs(cron: &str, zone: &str, from: &str, to: &str) -> Vec<String> {
    let (from, to) = (at(from), at(to));
    let schedule = parse(cron, zone);
    let forth = std::iter::successors(schedule.after(from.plus(-1)), |&run| schedule.after(run));
    let forth: Vec<Time> = forth.take_while(|run| *run < to).collect();
    let mut schedules = ScheduleCache::default();
    let back = schedules.slots_between(cron, zone, 0, from.plus(-1), to.plus(-1), usize::MAX);
    assert_eq!(back.expect("slots"), forth, "{cron} in {zone}");
    forth.into_iter().map(|run| run.to_string()).collect()
}

#[test]
fn a_pattern_has_five_fields_or_six_or_a_nickname() {
    for (cron, next) in [
        ("0 6 * * MON", "2026-01-05T06:00:00Z"),
        ("30 0 6 * * MON", "2026-01-05T06:00:30Z"),
        ("@weekly", "2026-01-04T00:00:00Z"),
        ("@Daily", "2026-01-02T00:00:00Z"),
        ("@midnight", "2026-01-02T00:00:00Z"),
        ("0 6 * feb,MAR mon-fri", "2026-02-02T06:00:00Z"),
        ("0 6 * * 7", "2026-01-04T06:00:00Z"),
        ("0 6 * * 7-7", "2026-01-04T06:00:00Z"),
        ("0 6 * * 0-0", "2026-01-04T06:00:00Z"),
        ("0 6 * * SUN-7", "2026-01-01T06:00:00Z"),
        ("0 6 * * FRIL", "2026-01-30T06:00:00Z"),
        ("0 6 * * 5L", "2026-01-30T06:00:00Z"),
        ("0 6 * * MON#2", "2026-01-12T06:00:00Z"),
        ("0 6 L * *", "2026-01-31T06:00:00Z"),
        ("0 6 * * FRIL", "2026-01-30T06:00:00Z"),
        ("0 6 * * FRI#L", "2026-01-30T06:00:00Z"),
        ("0 6 LW * *", "2026-01-30T06:00:00Z"),
        ("0 6 3W * *", "2026-01-02T06:00:00Z"),
        ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
        ("0 0 29 2 +MON", "2044-02-29T00:00:00Z"),
    ] {
        assert_eq!(parse(cron, "UTC").after(NEW_YEAR_2026), Some(at(next)), "{cron}");
    }
}

#[test]
fn an_invalid_schedule_is_explained() {
    let endless = "0,".repeat(10_000_000);
    for (cron, zone, words) in [
        ("0 6 * *", "UTC", "this one has 4"),
        ("0 0 6 * * MON 2026", "UTC", "this one has 7"),
        ("61 6 * * *", "UTC", "\"61\" cannot be the minute of a cron pattern; expected 0-59"),
        ("0 6 * * FUNDAY", "UTC", "cannot be the day of week"),
        ("0 6 * * MONDAY", "UTC", "cannot be the day of week"),
        ("0 6 * * 1MON", "UTC", "cannot be the day of week"),
        ("SUN 6 * * *", "UTC", "\"SUN\" cannot be the minute"),
        ("0 6 * * L", "UTC", "\"L\" cannot be the day of week"),
        ("0 6 * * MON,l", "UTC", "\"MON,l\" cannot be the day of week"),
        ("0 6 * MON *", "UTC", "\"MON\" cannot be the month"),
        ("0 6 FEB * *", "UTC", "\"FEB\" cannot be the day of month"),
        ("0 6 * * \u{17f}UN", "UTC", "cannot be the day of week"),
        ("0 6 1,,15 * *", "UTC", "\"1,,15\" cannot be the day of month"),
        ("0 6 * * MON,", "UTC", "\"MON,\" cannot be the day of week"),
        ("0 6 */0 * *", "UTC", "\"*/0\" cannot be the day of month"),
        (
            "0 6 * * FRI-MON",
            "UTC",
            "\"FRI-MON\" cannot be the day of week of a cron pattern; a range must ascend; one across \
             the end is a list, as in \"FRI-SAT,SUN-MON\"",
        ),
        (
            "0 22-6 * * *",
            "UTC",
            "a range must ascend; one across the end is a list, as in \"18-23,0-6\"",
        ),
        (
            "0 6 * * */8",
            "UTC",
            "\"*/8\" cannot be the day of week of a cron pattern; \"*/8\" steps",
        ),
        ("0 6 */40 * *", "UTC", "a step there is at most 31"),
        ("0 */25 * * *", "UTC", "a step there is at most 24"),
        ("0 8-17/11 * * *", "UTC", "a step there is at most 10"),
        ("0 6 * NOV-FEB *", "UTC", "as in \"NOV-DEC,JAN-FEB\""),
        ("0 6 * DEC-11 *", "UTC", "as in \"NOV-DEC,JAN-FEB\""),
        ("0 6 28-3 * *", "UTC", "as in \"28-31,1-3\""),
        ("50-9 6 * * *", "UTC", "as in \"45-59,0-15\""),
        ("0 6 * JAN-x *", "UTC", "expected 1-12"),
        ("0 6 5/10 * *", "UTC", "a step needs a range or `*`"),
        (
            "0 6 L-3 * *",
            "UTC",
            "\"L-3\" cannot be the day of month of a cron pattern; expected 1-31",
        ),
        ("0 6 L,LW * *", "UTC", "\"L,LW\" cannot be the day of month"),
        ("0 6 * * sun-SUN/2", "UTC", "\"sun-SUN/2\" cannot be the day of week"),
        ("0 6 * * SUN-SUN", "UTC", "\"SUN-SUN\" cannot be the day of week"),
        ("0 61 6 * * MON", "UTC", "\"61\" cannot be the minute"),
        ("61 0 6 * * MON", "UTC", "\"61\" cannot be the second"),
        ("0 6 * * +", "UTC", "\"+\" cannot be the day of week"),
        ("@sometimes", "UTC", "expected one of @yearly"),
        ("", "UTC", "this one has 0"),
        (&endless, "UTC", "at most 1024 characters"),
        ("0 0 30 2 *", "UTC", "never fires"),
        ("0 0 31 2,4,6,9,11 *", "UTC", "never fires"),
        ("0 0 1-7 * +MON#2", "UTC", "never fires"),
        ("0 6 * * *", "Europe/Londn", "nearest: \"Europe/London\""),
        ("0 6 * * *", "europe/london", "nearest: \"Europe/London\""),
        ("0 6 * * *", "Europe\\London", "nearest: \"Europe/London\""),
        ("0 6 * * *", "utc", "nearest: \"UTC\""),
        ("0 6 * * *", "", "IANA name"),
    ] {
        let error = Schedule::parse(cron, zone, NEW_YEAR_2026).expect_err(cron).to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_pattern_has_at_most_1024_characters() {
    let padded = |length: usize| format!("{:length$}", "0 6 * * MON");
    parse(&padded(1024), "UTC");
    let error = Schedule::parse(&padded(1025), "UTC", NEW_YEAR_2026).expect_err("it is too long");
    assert!(error.to_string().contains("at most 1024 characters"), "{error}");
}

#[test]
fn a_step_may_be_as_long_as_its_range() {
    for cron in [
        "*/60 * * * *",
        "*/30 */24 * * *",
        "0 6 */31 * *",
        "0 6 * */12 *",
        "0 6 * * */7",
        "0 6 * * MON-FRI/5",
        "0 0 6 * * 0-6/2",
    ] {
        parse(cron, "UTC");
    }
}

#[test]
fn a_zone_is_an_iana_name_and_not_a_path() {
    let endless = "Europe/London".repeat(2_000_000);
    for name in [
        "../../etc/passwd",
        "/etc/localtime",
        "/usr/share/zoneinfo/Europe/London",
        "./Europe/London",
        "Europe/../Europe/London",
        "Europe",
        "Europe/",
        "right/Europe/London",
        "zone.tab",
        "localtime",
        "posixrules",
        "Factory",
        "Etc/Unknown",
        "EST5EDT,M3.2.0,M11.1.0",
        "+02:00",
        "Europe/London\0",
        " UTC",
        &endless,
    ] {
        let error = Schedule::parse("@daily", name, NEW_YEAR_2026).expect_err(name).to_string();
        assert!(error.starts_with("there is no time zone") && error.len() < 300, "{error}");
    }
    let [shown, shortened] = [40, 41].map(|length| {
        let name = "x".repeat(length);
        let error = Schedule::parse("@daily", &name, NEW_YEAR_2026).expect_err("no zone");
        error.to_string().contains(&format!("{:?}", "x".repeat(40)))
    });
    assert!(shown && !shortened, "a longer one ends with …");
    for name in ["UTC", "Europe/London", "Etc/GMT-14", "America/Argentina/ComodRivadavia"] {
        parse("@daily", name);
    }
}

#[test]
fn the_shortest_interval_is_that_of_the_calendar() {
    for (cron, shortest) in [
        ("0 6 * * MON", 7 * DAY),
        ("0 6 * * MON,TUE", DAY),
        ("0 6 */2 * *", DAY),
        ("0 6 1,28 * *", DAY),
        ("0 6 1 * *", 28 * DAY),
        ("0 6 L,1 * *", DAY),
        ("0 6 29 2 *", 4 * 365 * DAY + DAY),
        // The 29th of February next to a Monday.
        ("0 6 29 2 MON", DAY),
        ("0 * * * *", 3600),
        ("0,45 1,3 * * *", 45 * 60),
        ("0,45 1,2 * * *", 15 * 60),
        ("0 0,23 * * *", 3600),
        ("0,1 0 1 1 *", 60),
        // Between the last second of an hour and the first of the next.
        ("0,59 0,59 1,2 * * *", 1),
        ("*/2 * * * * *", 2),
        ("0,59 0 0 * * *", 59),
    ] {
        // In a zone whose clocks change, which must not count.
        let schedule = parse(cron, "America/New_York");
        assert_eq!(schedule.shortest_interval(NEW_YEAR_2026), shortest, "{cron}");
    }
}

#[test]
fn a_pattern_that_gives_both_days_is_recognized() {
    for (cron, both) in [
        ("0 6 1 * MON", true),
        ("0 6 */2 * MON", true),
        ("0 6 1 * */2", true),
        ("0 6 1-7 * +MON", false),
        ("0 6 * * MON", false),
        ("0 6 1 * *", false),
        ("0 6 ? * MON", false),
        ("@weekly", false),
    ] {
        assert_eq!(parse(cron, "UTC").gives_both_days(), both, "{cron}");
    }
    // Such a pattern fires on days that match either.
    let week = runs("0 6 1 * MON", "UTC", "2026-09-29T00:00:00Z", "2026-10-06T00:00:00Z");
    assert_eq!(week, ["2026-10-01T06:00:00Z", "2026-10-05T06:00:00Z"]);
}

/// A pattern, a zone, a start, an end, and the days and times in UTC of the runs between them.
type Change = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str]);

/// Only clock changes that are in the past, or in zones whose rules have been the same for decades:
/// other rules depend on the system's version of them.
const CHANGES: &[Change] = &[
    // A time in a gap becomes the end of the gap; of a time in an overlap, the first is taken.
    ("30 1 * * *", "Europe/London", "2026-03-28T12", "2026-03-30T12", &["29T01:00", "30T00:30"]),
    ("30 1 * * *", "Europe/London", "2026-10-24T12", "2026-10-26T12", &["25T00:30", "26T01:30"]),
    ("30 2 * * *", "America/New_York", "2026-03-07T12", "2026-03-09T12", &["08T07:00", "09T06:30"]),
    ("30 1 * * *", "America/New_York", "2026-10-31T12", "2026-11-02T12", &["01T05:30", "02T06:30"]),
    // The same with lists and steps.
    ("0 1,13 * * *", "Europe/London", "2026-10-25T00", "2026-10-26T00", &["25T00:00", "25T13:00"]),
    ("0,30 1 * * SUN", "Europe/London", "2026-03-23T00", "2026-03-30T00", &["29T01:00"]),
    (
        "0,30 1 * * SUN",
        "Europe/London",
        "2026-10-19T00",
        "2026-10-26T00",
        &["25T00:00", "25T00:30"],
    ),
    (
        "30 2,14 * * *",
        "America/New_York",
        "2026-03-08T00",
        "2026-03-09T00",
        &["08T07:00", "08T18:30"],
    ),
    (
        "*/20 * * * *",
        "Europe/London",
        "2026-03-29T00:30",
        "2026-03-29T01:50",
        &["29T00:40", "29T01:00", "29T01:20", "29T01:40"],
    ),
    (
        "*/20 * * * *",
        "Europe/London",
        "2026-10-24T23:30",
        "2026-10-25T02:30",
        &["24T23:40", "25T00:00", "25T00:20", "25T00:40", "25T02:00", "25T02:20"],
    ),
    // By half an hour, and on the other half of the globe.
    (
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2026-10-03T12",
        "2026-10-05T12",
        &["03T15:30", "04T15:15"],
    ),
    (
        "45 1 * * *",
        "Australia/Lord_Howe",
        "2026-04-04T10",
        "2026-04-06T10",
        &["04T14:45", "05T15:15"],
    ),
    // A change at midnight: the day begins at one.
    ("0 0 * * *", "America/Sao_Paulo", "2018-11-03T12", "2018-11-05T12", &["04T03:00", "05T02:00"]),
    (
        "30 23 * * *",
        "America/Sao_Paulo",
        "2018-02-17T12",
        "2018-02-19T12",
        &["18T01:30", "19T02:30"],
    ),
    ("30 0 * * *", "Africa/Cairo", "2014-05-15T12", "2014-05-17T12", &["15T22:00", "16T21:30"]),
    // A day that was skipped: all of its slots become the next midnight.
    (
        "0 6,18 * * *",
        "Pacific/Apia",
        "2011-12-29T12",
        "2012-01-01T00",
        &["29T16:00", "30T04:00", "30T10:00", "30T16:00", "31T04:00", "31T16:00"],
    ),
    ("0 0 31 12 *", "Pacific/Apia", "2011-12-25T00", "2012-12-01T00", &["30T10:00"]),
    ("0 12 30 12 *", "Pacific/Apia", "2011-12-25T00", "2012-12-01T00", &["30T10:00"]),
    (
        "*/10 * * * * *",
        "Pacific/Apia",
        "2011-12-30T09:59:40",
        "2011-12-30T10:00:20",
        &["30T09:59:40", "30T09:59:50", "30T10:00", "30T10:00:10"],
    ),
    // A day that came twice, less an hour, has its slots once.
    (
        "0 */6 * * *",
        "Pacific/Kwajalein",
        "1969-09-30T00",
        "1969-10-01T13",
        &["30T01:00", "30T07:00", "01T12:00"],
    ),
];

#[test]
fn each_local_time_occurs_once_when_clocks_change() {
    for (cron, zone, from, to, expected) in CHANGES {
        let year = |text: &str| format!("{text}{}Z", &":00:00"[(text.len() - 13).min(6)..]);
        let found = runs(cron, zone, &year(from), &year(to));
        let found: Vec<&str> = found.iter().map(|run| run[8..].trim_end_matches('Z')).collect();
        let found: Vec<&str> =
            found.iter().map(|run| run.strip_suffix(":00").unwrap_or(run)).collect();
        assert_eq!(&found, expected, "{cron} in {zone} from {from}");
    }
}

#[test]
fn a_window_includes_its_slot_and_an_offset_moves_both() {
    let mut schedules = ScheduleCache::default();
    let monday = at("2026-01-05T06:00:00Z");
    let mut window = |time: Time| schedules.window("0 6 * * MON", "UTC", 600, time).expect("slots");
    let before = SlotWindow {
        slot: monday.plus(600 - 7 * DAY),
        next: monday.plus(600),
        after: monday.plus(600 + 7 * DAY),
    };
    assert_eq!(window(monday.plus(599)), before);
    assert_eq!(window(monday.plus(600)).slot, monday.plus(600));
    assert_eq!(window(monday.plus(600)).interval(), 7 * DAY);
    assert_eq!(window(monday.plus(599)), before, "asked again");
}

#[test]
fn slots_between_returns_the_newest_ones_oldest_first() {
    let mut schedules = ScheduleCache::default();
    let mut between = |after: &str, until: &str, most| {
        let slots = schedules.slots_between("0 6 * * *", "UTC", 60, at(after), at(until), most);
        slots
            .expect("slots")
            .iter()
            .map(|slot| slot.to_string()[8..10].to_owned())
            .collect::<Vec<_>>()
    };
    let (first, fourth) = ("2026-01-01T06:01:00Z", "2026-01-04T06:01:00Z");
    assert_eq!(between(first, fourth, 10), ["02", "03", "04"]);
    assert_eq!(between(first, "2026-01-04T06:00:59Z", 10), ["02", "03"]);
    assert_eq!(between(first, fourth, 2), ["03", "04"]);
    assert!(between(first, fourth, 0).is_empty());
    assert!(between(first, first, 10).is_empty());
    assert!(between(fourth, first, 10).is_empty());
}

#[test]
fn beyond_the_calendar_there_is_no_slot() {
    for time in [i64::MIN, -99_999_999_999_999, 253_402_300_800, i64::MAX] {
        let window = ScheduleCache::default().window("@daily", "Europe/London", 0, Time(time));
        assert!(window.is_err(), "{time}");
    }
}

#[test]
fn zones_are_compiled_in_for_machines_without_any() {
    for name in ["Europe/London", "Pacific/Apia"] {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get(name).expect("a zone");
        assert_eq!(zone.iana_name(), Some(name));
    }
}

#[test]
fn a_call_is_on_time_within_an_hour_or_two_percent() {
    for (interval, expected) in [(60, 3600), (180_000, 3600), (604_800, 12_096)] {
        assert_eq!(on_time(interval), expected, "{interval}");
    }
}

#[test]
fn occurrences_are_counted_day_by_day() {
    for (cron, days, expected) in [
        ("0 6 * * *", 7, 7),
        ("0 6 * * MON", 364, 52),
        ("0 6 1 * *", 365, 12),
        ("*/10 9-17 * * MON", 364, 52 * 54),
        ("*/30 * 24 12 *", 365, 48),
        ("* * * * * *", 2, 2 * 86_400),
        ("15,45 0 6 * * *", 1, 2),
        ("0 6 29 2 *", 365, 0),
        ("0 6 13 * FRI", 364, 52 + 10),
    ] {
        for day in [0, 100, 200, 300] {
            let now = at("2026-01-05T12:00:00Z").plus(day * 86_400);
            let schedule = parse(cron, "America/New_York");
            let count = schedule.times_a_day() * schedule.days_among(now, days);
            // A Friday the 13th counts once.
            let tolerance = if cron.contains("FRI") { 2 } else { 0 };
            assert!(count.abs_diff(expected) <= tolerance, "{cron} {now}: {count}");
        }
    }
}

#[test]
fn a_window_spans_from_its_slot_to_the_one_after_the_next() {
    let mut schedules = ScheduleCache::default();
    let window = schedules.window("0 6 * * MON,WED", "UTC", 0, at("2026-01-05T12:00:00Z"));
    let window = window.expect("slots");
    assert_eq!((window.interval(), window.next_interval()), (2 * 86_400, 5 * 86_400));
}
