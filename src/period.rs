//! Periods of time as given on the command line, the same for every verb.
//!
//! `--month 2026-10` and `--week 2026-W46` are that month and that week, in UTC. `--since` and
//! `--until` take a duration (`30d`, `1y`) or a moment (`2026-01-01`, `2026-11`, `2026-W46`: the
//! start of that day, month or week). A period without an end ends at each account's newest
//! measurement, and a duration counts back from there, so that no result depends on the time of the
//! query.

use std::fmt;
use std::str::FromStr;

use jiff::ToSpan;
use jiff::civil::{Date, ISOWeekDate, Weekday};

use crate::clock::Time;
use crate::config::{InvalidSpan, Span};

const DAY: i64 = 86_400;

/// The start or the end of a period, as given on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// A number of seconds ago.
    Back(i64),
    At(Time),
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidMoment {
    #[error(
        "expected a duration (30d, 1y), a day (2026-01-31), a month (2026-01), a week (2026-W05) or an instant (2026-01-31T06:00:00Z)"
    )]
    Shape,
    #[error("it {0}")]
    Span(InvalidSpan),
    #[error("expected a month, as in 2026-01")]
    Month,
    #[error("expected an ISO week, as in 2026-W05; a year has 52 or 53 of them")]
    Week,
}

fn midnight(day: Date) -> Time {
    Time(Date::constant(1970, 1, 1).duration_until(day).as_secs())
}

/// Parses a day as `YYYY-MM-DD`, and in no other form.
fn day(text: &str) -> Option<Date> {
    Date::strptime("%Y-%m-%d", text).ok().filter(|_| text.len() == 10)
}

impl FromStr for Moment {
    type Err = InvalidMoment;

    fn from_str(text: &str) -> Result<Moment, InvalidMoment> {
        let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(years) = text.strip_suffix('y').filter(is_number).filter(|y| !y.is_empty()) {
            // Only digits are left, so a number that does not parse is too large.
            return match years.parse() {
                Ok(years @ 0..=10) => Ok(Moment::Back(years * 365 * DAY)),
                Ok(_) | Err(_) => Err(InvalidMoment::Span(InvalidSpan::TooLong)),
            };
        }
        match text.parse::<Span>() {
            Ok(span) => return Ok(Moment::Back(span.seconds())),
            Err(InvalidSpan::TooLong) => return Err(InvalidMoment::Span(InvalidSpan::TooLong)),
            Err(InvalidSpan::Shape) => {}
        }
        if let Ok(Month { first }) = text.parse() {
            return Ok(Moment::At(midnight(first)));
        }
        if let Ok(Week { monday }) = text.parse() {
            return Ok(Moment::At(midnight(monday)));
        }
        if let Ok(instant) = text.parse() {
            return Ok(Moment::At(instant));
        }
        let day = day(text);
        Ok(Moment::At(midnight(day.ok_or(InvalidMoment::Shape)?)))
    }
}

/// A month, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Month {
    first: Date,
}

impl FromStr for Month {
    type Err = InvalidMoment;

    fn from_str(text: &str) -> Result<Month, InvalidMoment> {
        let first = day(&format!("{text}-01")).ok_or(InvalidMoment::Month)?;
        Ok(Month { first })
    }
}

/// An ISO week, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Week {
    monday: Date,
}

impl Week {
    /// Returns the last week that is over at `now`.
    pub fn last_over(now: Time) -> Option<Week> {
        let today = now.utc().date();
        let since_monday = i64::from(today.weekday().to_monday_zero_offset());
        let monday = today.checked_sub((7 + since_monday).days()).ok()?;
        Some(Week { monday })
    }
}

impl FromStr for Week {
    type Err = InvalidMoment;

    fn from_str(text: &str) -> Result<Week, InvalidMoment> {
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let monday = text
            .split_once("-W")
            .filter(|(year, week)| year.len() == 4 && week.len() == 2)
            .filter(|(year, week)| is_digits(year) && is_digits(week))
            .and_then(|(year, week)| Some((year.parse().ok()?, week.parse().ok()?)))
            .and_then(|(year, week)| ISOWeekDate::new(year, week, Weekday::Monday).ok());
        Ok(Week { monday: monday.ok_or(InvalidMoment::Week)?.date() })
    }
}

/// The options that select a period, each named after its field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PeriodOptions {
    pub since: Option<Moment>,
    pub until: Option<Moment>,
    pub month: Option<Month>,
    pub week: Option<Week>,
}

/// A period of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Period {
    /// The start of the previous period, to compare with: as many months before as this one has.
    /// `None` if it is as long as this one.
    pub before: Option<Time>,
    pub from: Beginning,
    /// `None` if the period ends at each account's newest measurement.
    pub until: Option<Time>,
    /// `None` if the period is over.
    pub unfinished: Option<Unfinished>,
    name: Name,
}

/// A period that is not over. Its numbers are not compared with those of the period before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfinished {
    /// It ends in the future.
    Until(Time),
    /// It has a beginning and no end.
    Endless,
}

/// A sentence for people.
impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("It is not over")?;
        if let Unfinished::Until(until) = self {
            write!(f, " before {until}")?;
        }
        f.write_str(": every number ends at the newest measurement.")
    }
}

/// The start of a period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Beginning {
    /// A number of seconds before each account's newest measurement.
    Back(i64),
    At(Time),
    /// The start of each account's history.
    History,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Name {
    Month(Date),
    Week(Date),
    Bounds,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidPeriod {
    #[error(
        "the period starts at {at}, in the future (it is {now}): choose one that has already started"
    )]
    Future { at: Time, now: Time },
    #[error("the period is empty: use a longer one, such as --since 30d for thirty days")]
    Empty,
    #[error(
        "the period ends ({until}) no later than it starts ({from}): --until must be after --since"
    )]
    Backwards { from: Time, until: Time },
}

impl PeriodOptions {
    /// Sets the start to `days` before the end, unless an option sets the start.
    #[must_use]
    pub fn or_last_days(mut self, days: i64) -> PeriodOptions {
        if self.since.is_none() && (self.month, self.week) == (None, None) {
            self.since = Some(Moment::Back(days * DAY));
        }
        self
    }

    /// Returns the period that the options mean at `now`, or `None` if there are no options.
    pub fn period(self, now: Time) -> Result<Option<Period>, InvalidPeriod> {
        let named = |first: Date, before: Option<Date>, next: Option<Date>, name| {
            let period = Period {
                before: before.map(midnight),
                from: Beginning::At(midnight(first)),
                until: next.map(midnight),
                unfinished: None,
                name,
            };
            period.at(now).map(Some)
        };
        if let Some(Month { first }) = self.month {
            let (before, next) = (first.checked_sub(1.month()), first.checked_add(1.month()));
            return named(first, before.ok(), next.ok(), Name::Month(first));
        }
        if let Some(Week { monday }) = self.week {
            let (before, next) = (monday.checked_sub(1.week()), monday.checked_add(1.week()));
            return named(monday, before.ok(), next.ok(), Name::Week(monday));
        }
        if self.since.is_none() && self.until.is_none() {
            return Ok(None);
        }
        if self.since == Some(Moment::Back(0)) {
            return Err(InvalidPeriod::Empty);
        }
        let until = self.until.map(|until| match until {
            Moment::Back(seconds) => now.plus(-seconds),
            Moment::At(at) => at,
        });
        let from = match (self.since, until) {
            (None, _) => Beginning::History,
            // Also if that is in the future: a silent account's last days are not this period.
            (Some(Moment::Back(seconds)), Some(until)) => Beginning::At(until.plus(-seconds)),
            (Some(Moment::Back(seconds)), None) => Beginning::Back(seconds),
            (Some(Moment::At(at)), _) => Beginning::At(at),
        };
        let before = match (from, until) {
            (Beginning::At(from), Some(until)) => months_before(from, until),
            _ => None,
        };
        let period = Period { before, from, until, unfinished: None, name: Name::Bounds };
        period.at(now).map(Some)
    }
}

/// Returns the start of as many months before `from` as there are until `until`, if both are the
/// first instant of a month.
fn months_before(from: Time, until: Time) -> Option<Time> {
    let first = |time: Time| {
        let day = time.utc().date();
        (day.day() == 1 && midnight(day) == time).then_some(day)
    };
    let (from, until) = (first(from)?, first(until)?);
    let index = |day: Date| i32::from(day.year()) * 12 + i32::from(day.month());
    from.checked_sub((index(until) - index(from)).months()).ok().map(midnight)
}

impl Period {
    pub fn last_days(days: i64) -> Period {
        Period {
            before: None,
            from: Beginning::Back(days * DAY),
            until: None,
            unfinished: None,
            name: Name::Bounds,
        }
    }

    /// Validates the period at `now`, and lets one that is not over end at the newest measurements.
    fn at(mut self, now: Time) -> Result<Period, InvalidPeriod> {
        if let Beginning::At(at) = self.from {
            if at > now {
                return Err(InvalidPeriod::Future { at, now });
            }
            if let Some(until) = self.until.filter(|until| *until <= at) {
                return Err(InvalidPeriod::Backwards { from: at, until });
            }
        }
        self.unfinished = match (self.from, self.until) {
            (_, Some(until)) if until > now => Some(Unfinished::Until(until)),
            (Beginning::At(_), None) => Some(Unfinished::Endless),
            // The days before the newest measurement are always over.
            (Beginning::Back(_) | Beginning::History, None) | (_, Some(_)) => None,
        };
        self.until = self.until.filter(|until| *until <= now);
        Ok(self)
    }

    /// Returns when the period ends for an account that was last measured at `newest`.
    pub fn end(&self, newest: Time) -> Time {
        self.until.unwrap_or(newest)
    }

    /// Returns when the period starts for an account that was last measured at `newest`.
    pub fn begin(&self, newest: Time) -> Time {
        match self.from {
            Beginning::At(at) => at,
            Beginning::Back(seconds) => self.end(newest).plus(-seconds),
            Beginning::History => Time(i64::MIN),
        }
    }
}

/// To be put after "gained" or "taken": "in 2026-10", "in the last 30 days".
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Name::Month(first) => return write!(f, "in {}", first.strftime("%Y-%m")),
            Name::Week(monday) => {
                let week = monday.iso_week_date();
                return write!(f, "in {:04}-W{:02}", week.year(), week.week());
            }
            Name::Bounds => {}
        }
        match (self.from, self.until) {
            (Beginning::Back(seconds), _) => write!(f, "in the last {}", spelled(seconds)),
            (Beginning::At(from), None) => write!(f, "since {from}"),
            (Beginning::At(from), Some(until)) => write!(f, "from {from} to {until}"),
            (Beginning::History, None) => write!(f, "since the beginning"),
            (Beginning::History, Some(until)) => write!(f, "until {until}"),
        }
    }
}

/// Spells out a duration, because `12m` could be read as twelve months.
fn spelled(seconds: i64) -> String {
    let units = [("day", DAY), ("hour", 3600), ("minute", 60)];
    let exact = units.into_iter().find(|(_, length)| seconds % length == 0);
    let (unit, length) = exact.unwrap_or(("second", 1));
    let plural = if seconds == length { "" } else { "s" };
    format!("{} {unit}{plural}", seconds / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2027-01-15T08:00:00Z, a Friday.
    const NOW: Time = Time(1_800_000_000);

    fn at(text: &str) -> Time {
        text.parse().expect("an instant")
    }

    #[test]
    fn a_moment_has_six_forms() {
        let moment = |text: &str| Ok(Moment::At(at(text)));
        for (text, expected) in [
            ("90d", Ok(Moment::Back(90 * DAY))),
            ("1y", Ok(Moment::Back(365 * DAY))),
            ("2026-01-01", moment("2026-01-01T00:00:00Z")),
            ("2026-11", moment("2026-11-01T00:00:00Z")),
            ("2026-W46", moment("2026-11-09T00:00:00Z")),
            ("2026-W53", moment("2026-12-28T00:00:00Z")),
            ("2026-01-01T06:00:00+02:00", moment("2026-01-01T04:00:00Z")),
            ("2027-W53", Err(InvalidMoment::Shape)),
            ("2026-W1", Err(InvalidMoment::Shape)),
            ("2026-13", Err(InvalidMoment::Shape)),
            ("2026-02-30", Err(InvalidMoment::Shape)),
            ("2026-1-1", Err(InvalidMoment::Shape)),
            ("4000d", Err(InvalidMoment::Span(InvalidSpan::TooLong))),
            ("11y", Err(InvalidMoment::Span(InvalidSpan::TooLong))),
            ("99999999999999999999y", Err(InvalidMoment::Span(InvalidSpan::TooLong))),
            // An empty period, as 0d is.
            ("0y", Ok(Moment::Back(0))),
            ("+1y", Err(InvalidMoment::Shape)),
            ("-1y", Err(InvalidMoment::Shape)),
            ("yesterday", Err(InvalidMoment::Shape)),
            ("y", Err(InvalidMoment::Shape)),
            ("", Err(InvalidMoment::Shape)),
        ] {
            assert_eq!(text.parse(), expected, "{text:?}");
        }
        assert_eq!("2026-1".parse::<Month>(), Err(InvalidMoment::Month));
        assert_eq!("2026-W+1".parse::<Week>(), Err(InvalidMoment::Week));
    }

    fn options(since: Option<&str>, until: Option<&str>) -> PeriodOptions {
        PeriodOptions {
            since: since.map(|text| text.parse().expect("a moment")),
            until: until.map(|text| text.parse().expect("a moment")),
            ..PeriodOptions::default()
        }
    }

    #[test]
    fn a_period_is_named_bounded_and_compared_with_the_one_before() {
        let month = |text: &str| PeriodOptions {
            month: Some(text.parse().expect("a month")),
            ..PeriodOptions::default()
        };
        let week = PeriodOptions {
            week: Some("2026-W53".parse().expect("a week")),
            ..PeriodOptions::default()
        };
        let newest = at("2027-01-11T06:00:00Z");
        for (options, begin, end, title) in [
            (
                options(Some("30d"), None),
                "2026-12-12T06:00:00Z",
                "2027-01-11T06:00:00Z",
                "in the last 30 days",
            ),
            (
                options(Some("12m"), None),
                "2027-01-11T05:48:00Z",
                "2027-01-11T06:00:00Z",
                "in the last 12 minutes",
            ),
            (
                options(Some("90s"), None),
                "2027-01-11T05:58:30Z",
                "2027-01-11T06:00:00Z",
                "in the last 90 seconds",
            ),
            // Not the last days of an account that has long been silent.
            (
                options(Some("1d"), Some("2027-01-16")),
                "2027-01-15T00:00:00Z",
                "2027-01-11T06:00:00Z",
                "since 2027-01-15T00:00:00Z",
            ),
            (
                options(Some("2026-12"), None),
                "2026-12-01T00:00:00Z",
                "2027-01-11T06:00:00Z",
                "since 2026-12-01T00:00:00Z",
            ),
            (
                options(Some("7d"), Some("2026-12")),
                "2026-11-24T00:00:00Z",
                "2026-12-01T00:00:00Z",
                "from 2026-11-24T00:00:00Z to 2026-12-01T00:00:00Z",
            ),
            (month("2026-12"), "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z", "in 2026-12"),
            (month("2027-01"), "2027-01-01T00:00:00Z", "2027-01-11T06:00:00Z", "in 2027-01"),
            (week, "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z", "in 2026-W53"),
        ] {
            let period = options.period(NOW).expect("valid").expect("one");
            assert_eq!((period.begin(newest), period.end(newest)), (at(begin), at(end)), "{title}");
            assert_eq!(period.to_string(), title);
        }
        let early = PeriodOptions { week: "0999-W05".parse().ok(), ..PeriodOptions::default() };
        let early = early.period(NOW).expect("valid").expect("one");
        assert_eq!(early.to_string(), "in 0999-W05");
        let unfinished = month("2027-01").period(NOW).expect("valid").expect("one");
        let until = Unfinished::Until(at("2027-02-01T00:00:00Z"));
        assert_eq!(unfinished.unfinished, Some(until));
        assert_eq!(unfinished.before, Some(at("2026-12-01T00:00:00Z")));
        assert_eq!(PeriodOptions::default().period(NOW), Ok(None));
        for (since, until, before) in [
            ("2026-11", "2026-12", Some("2026-10-01T00:00:00Z")),
            ("2026-07-01", "2026-10", Some("2026-04-01T00:00:00Z")),
            ("2025-01", "2026-01", Some("2024-01-01T00:00:00Z")),
            ("2026-11-02", "2026-12", None),
            ("2026-11", "2026-11-30T23:59:59Z", None),
            ("2026-W45", "2026-W46", None),
        ] {
            let period = options(Some(since), Some(until)).period(NOW).expect("valid");
            assert_eq!(period.expect("one").before, before.map(at), "{since} {until}");
        }
        let refused = |options: PeriodOptions| options.period(NOW).expect_err("none").to_string();
        assert_eq!(
            refused(options(Some("0d"), None)),
            "the period is empty: use a longer one, such as --since 30d for thirty days"
        );
        for (options, begin) in [
            (options(None, Some("2026-12")), "2026-11-24T00:00:00Z"),
            (options(Some("2026-11"), Some("2026-12")), "2026-11-01T00:00:00Z"),
            (month("2026-12"), "2026-12-01T00:00:00Z"),
        ] {
            let period = options.or_last_days(7).period(NOW).expect("valid").expect("one");
            assert_eq!(period.begin(newest), at(begin));
        }
        assert_eq!(
            refused(month("2027-02")),
            "the period starts at 2027-02-01T00:00:00Z, in the future (it is 2027-01-15T08:00:00Z): \
             choose one that has already started"
        );
        assert_eq!(
            refused(options(Some("2026-12"), Some("2026-11"))),
            "the period ends (2026-11-01T00:00:00Z) no later than it starts (2026-12-01T00:00:00Z): \
             --until must be after --since"
        );
    }

    #[test]
    fn a_period_with_a_first_day_and_no_end_in_the_past_is_not_over() {
        let until = Unfinished::Until(at("2027-02-01T00:00:00Z"));
        for (since, until, unfinished) in [
            (Some("2026-12"), None, Some(Unfinished::Endless)),
            (Some("30d"), None, None),
            (Some("2026-12"), Some("2027-02"), Some(until)),
            (Some("30d"), Some("2027-02"), Some(until)),
            (None, Some("2027-02"), Some(until)),
            (Some("2026-11"), Some("2026-12"), None),
        ] {
            let period = options(since, until).period(NOW).expect("valid").expect("one");
            assert_eq!(period.unfinished, unfinished, "{since:?} {until:?}");
        }
        assert_eq!(
            [until, Unfinished::Endless].map(|one| one.to_string()),
            [
                "It is not over before 2027-02-01T00:00:00Z: every number ends at the newest measurement.",
                "It is not over: every number ends at the newest measurement.",
            ]
        );
    }
}
