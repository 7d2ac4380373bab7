//! Cron patterns on the calendar alone: the local times that a pattern names, in no time zone.

use croner::parser::{CronParser, Seconds, Year};
use croner::{Cron, Weekday};
use jiff::civil::{Date, DateTime};

use super::invalid::InvalidSchedule;

const DAY: i64 = 24 * 3600;

/// Longest pattern accepted, in bytes. One that lists every minute and second has under 400.
const LONGEST: usize = 1024;

/// Any day that ever comes does so within this many days. The rarest is a 29th of February on a
/// given day of the week: up to forty years away across a century year without a leap day.
const EVERY_DAY_COMES: usize = 41 * 366;

/// This many matching days show every distance between two of them, unless they are so rare that
/// [`EVERY_DAY_COMES`] ends the search first: a day of month and a day of week that are both given
/// meet in one of three or four months.
const EVERY_DISTANCE_COMES: usize = 200;

/// The names of the fields in messages, with the values allowed in each.
const FIELDS: [(&str, &str); 6] = [
    ("second", "0-59"),
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day of month", "1-31"),
    ("month", "1-12 or JAN-DEC"),
    ("day of week", "0-7 or SUN-SAT"),
];

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const NICKNAMES: [&str; 7] =
    ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

const EXAMPLE: &str = "for example \"0 6 * * MON\" (Mondays at 06:00)";

/// A parsed cron pattern. It takes about 5.5 KB: hold one per distinct text.
#[derive(Debug)]
pub(super) struct Pattern(Cron);

impl Pattern {
    /// Parses a pattern of five fields, of six with seconds first, or a nickname such as `@weekly`.
    pub fn parse(text: &str) -> Result<Pattern, InvalidSchedule> {
        if text.len() > LONGEST {
            let message = format!("a cron pattern has at most {LONGEST} characters; {EXAMPLE}");
            return Err(InvalidSchedule::Cron(message));
        }
        let pattern = text.trim();
        let is_nickname = pattern.starts_with('@');
        if is_nickname && !NICKNAMES.iter().any(|n| n.eq_ignore_ascii_case(pattern)) {
            return Err(InvalidSchedule::Cron(format!(
                "{text:?} is not a cron nickname; expected one of {}",
                NICKNAMES.join(", ")
            )));
        }
        let fields: Vec<&str> = pattern.split_whitespace().collect();
        // The parser does not know this one.
        let known = if pattern.eq_ignore_ascii_case("@midnight") { "@daily" } else { pattern };
        match parser().parse(known) {
            Ok(cron) if is_nickname || first_malformed(&fields).is_none() => Ok(Pattern(cron)),
            Ok(_) => Err(InvalidSchedule::Cron(explain(text, &fields, ""))),
            Err(error) => Err(InvalidSchedule::Cron(explain(text, &fields, &error.to_string()))),
        }
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the latest matching local time that is not after `local`.
    pub fn at_or_before(&self, local: DateTime) -> Option<DateTime> {
        self.0.find_previous_occurrence(&local, true).ok()
    }

    /// Returns the first matching local time after `local`.
    pub fn after(&self, local: DateTime) -> Option<DateTime> {
        self.0.find_next_occurrence(&local, false).ok()
    }

    /// Returns whether it restricts both day of month and day of week, and matches days of either.
    pub fn gives_both_days(&self) -> bool {
        let pattern = &self.0.pattern;
        !pattern.is_dom_wildcard() && !pattern.is_dow_wildcard() && !pattern.matches_dom_and_dow()
    }

    /// Returns whether it matches any day; 30 February never comes.
    pub fn fires(&self, from: Date) -> bool {
        self.days(from).next().is_some()
    }

    /// Counts the matching local times on a matching day.
    pub fn times_a_day(&self) -> usize {
        let pattern = &self.0.pattern;
        let count = |end: u32, matches: &dyn Fn(u32) -> bool| {
            (0..end).filter(|value| matches(*value)).count()
        };
        count(60, &|value| pattern.second_match(value).unwrap_or(false))
            * count(60, &|value| pattern.minute_match(value).unwrap_or(false))
            * count(24, &|value| pattern.hour_match(value).unwrap_or(false))
    }

    /// Counts the matching ones of `days` days from `from` on.
    pub fn days_among(&self, from: Date, days: i64) -> usize {
        self.days(from).take_while(|day| *day < days).count()
    }

    /// Returns the least distance between two consecutive matching local times, in seconds.
    pub fn shortest_interval(&self, from: Date) -> i64 {
        let pattern = &self.0.pattern;
        let seconds = Values::of(60, |value| pattern.second_match(value).unwrap_or(false));
        let minutes = Values::of(60, |value| pattern.minute_match(value).unwrap_or(false));
        let hours = Values::of(24, |value| pattern.hour_match(value).unwrap_or(false));
        // From the first matching time to the last.
        let in_a_minute = seconds.span;
        let in_an_hour = minutes.span * 60 + in_a_minute;
        let in_a_day = hours.span * 3600 + in_an_hour;
        let days = Values::from_ascending(self.days(from).take(EVERY_DISTANCE_COMES));
        [
            seconds.least_step,
            minutes.least_step.map(|step| step * 60 - in_a_minute),
            hours.least_step.map(|step| step * 3600 - in_an_hour),
            days.least_step.map(|step| step * DAY - in_a_day),
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(i64::MAX)
    }

    /// Returns the matching days, in days after `from`, up to [`EVERY_DAY_COMES`].
    fn days(&self, from: Date) -> impl Iterator<Item = i64> + '_ {
        let dates = std::iter::successors(Some(from), |date| date.tomorrow().ok());
        let matches = |date: &Date| self.matches(*date).unwrap_or(false);
        (0..).zip(dates.take(EVERY_DAY_COMES)).filter(move |(_, d)| matches(d)).map(|(n, _)| n)
    }

    fn matches(&self, date: Date) -> Option<bool> {
        let pattern = &self.0.pattern;
        let month = u32::try_from(date.month()).ok()?;
        let day = u32::try_from(date.day()).ok()?;
        let weekday = u32::try_from(date.weekday().to_sunday_zero_offset()).ok()?;
        let weekday = Weekday::from_days_from_sunday(weekday);
        let is_month = pattern.month_match(month).ok()?;
        Some(is_month && pattern.day_match(date.year().into(), month, day, weekday).ok()?)
    }
}

/// The distances between ascending values.
struct Values {
    /// From the first to the last.
    span: i64,
    /// The least distance of two consecutive values; `None` if there is at most one.
    least_step: Option<i64>,
}

impl Values {
    fn of(end: u32, matches: impl Fn(u32) -> bool) -> Values {
        Values::from_ascending((0..end).filter(|value| matches(*value)).map(i64::from))
    }

    fn from_ascending(mut values: impl Iterator<Item = i64>) -> Values {
        let Some(first) = values.next() else { return Values { span: 0, least_step: None } };
        let (mut last, mut least_step) = (first, None::<i64>);
        for value in values {
            let step = value - last;
            least_step = Some(least_step.map_or(step, |least| least.min(step)));
            last = value;
        }
        Values { span: last - first, least_step }
    }
}

fn parser() -> CronParser {
    CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build()
}

/// Explains which field makes a pattern invalid, by trying each field alone.
fn explain(text: &str, fields: &[&str], error: &str) -> String {
    if !text.trim().starts_with('@') && !(5..=6).contains(&fields.len()) {
        return format!(
            "a cron pattern has five fields (minute, hour, day of month, month, day of week), \
             or six with seconds first; this one has {}; {EXAMPLE}",
            fields.len()
        );
    }
    let is_invalid = |index: &usize| {
        let mut alone = vec!["*"; fields.len()];
        alone[*index] = fields[*index];
        parser().parse(&alone.join(" ")).is_err()
    };
    let invalid = (0..fields.len()).find(is_invalid).or_else(|| first_malformed(fields));
    let names = &FIELDS[FIELDS.len() - fields.len().min(FIELDS.len())..];
    match invalid.map(|index| (fields[index], names[index])) {
        Some((field, (name, range))) => {
            let expected = match hint(field, name) {
                Some(hint) => hint,
                None => format!("expected {range}, `*`, a list, a range or a step"),
            };
            format!("{field:?} cannot be the {name} of a cron pattern; {expected}; {EXAMPLE}")
        }
        None => format!("{text:?} is not a cron pattern ({error}); {EXAMPLE}"),
    }
}

/// Returns what is wrong with a field whose parts are all right by themselves.
fn hint(field: &str, name: &str) -> Option<String> {
    field.split(',').find_map(|item| match (item.split_once('/'), ends(item)) {
        (Some((start, _)), _) if value(start).is_some() => {
            Some("a step needs a range or `*`, as in \"5-31/10\" or \"*/10\"".to_owned())
        }
        (_, Some((from, to))) if from > to => {
            let list = match name {
                "day of week" => "FRI-SAT,SUN-MON",
                "month" => "NOV-DEC,JAN-FEB",
                "day of month" => "28-31,1-3",
                "hour" => "18-23,0-6",
                _ => "45-59,0-15",
            };
            Some(format!("a range must ascend; one across the end is a list, as in {list:?}"))
        }
        _ => too_long_step(item, name).map(|most| {
            format!(
                "{item:?} steps past its end, and so would mean only its first value; a step there is \
                 at most {most}"
            )
        }),
    })
}

/// Returns the longest step that a range or `*` of a field allows, if its step is longer: the number of
/// its values.
fn too_long_step(item: &str, name: &str) -> Option<usize> {
    let (_, step) = item.split_once('/')?;
    let step: usize = step.split('#').next()?.parse().ok()?;
    let most = match (ends(item), name) {
        (Some((from, to)), _) => to.checked_sub(from)? + 1,
        (None, "hour") => 24,
        (None, "day of month") => 31,
        (None, "month") => 12,
        (None, "day of week") => 7,
        (None, _) => 60,
    };
    (step > most).then_some(most)
}

/// Returns the values at the ends of a range.
fn ends(item: &str) -> Option<(usize, usize)> {
    let (from, to) = item.split('/').next()?.split_once('-')?;
    Some((value(from)?, value(to)?))
}

/// Returns the value of a number or a name.
fn value(text: &str) -> Option<usize> {
    let is_name = |name: &&str| name.eq_ignore_ascii_case(text);
    let month = MONTHS.iter().position(&is_name).map(|month| month + 1);
    let weekday = WEEKDAYS.iter().position(is_name);
    text.parse().ok().or(month).or(weekday)
}

/// Returns the index of the first field that only the parser accepts: one that contains a name
/// which does not belong there, a step longer than its range, or nothing between two commas. The
/// parser replaces names in any field: it reads `SUN 6 * * *` as minute 0, and `1MON` as 11. Of `L,LW`
/// it forgets the first, `+` alone is no day to it, and `SUN-SUN` is `0-7`.
fn first_malformed(fields: &[&str]) -> Option<usize> {
    let names = &FIELDS[FIELDS.len().saturating_sub(fields.len())..];
    fields.iter().zip(names).position(|(field, (name, _))| {
        let mut parts = field.split([',', '-', '/', '#', '+']);
        // The last day of a month is a day of month; of a weekday, it is `FRIL` or `FRI#L`.
        let is_no_weekday = |item: &str| *name == "day of week" && item.eq_ignore_ascii_case("L");
        let has = |text: &str| field.split(',').any(|item| item.eq_ignore_ascii_case(text));
        field.split(',').any(|item| item.is_empty() || is_no_weekday(item))
            || field.to_ascii_uppercase().contains("SUN-SUN")
            || field.split(',').any(|item| too_long_step(item, name).is_some())
            || has("+")
            || (has("L") && has("LW"))
            || !parts.all(|part| !part.contains(char::is_alphabetic) || is_allowed(part, name))
    })
}

fn is_allowed(part: &str, field: &str) -> bool {
    let part = part.to_ascii_uppercase();
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match field {
        "day of month" => {
            part == "L" || part == "LW" || part.strip_suffix('W').is_some_and(is_number)
        }
        "month" => MONTHS.contains(&part.as_str()),
        "day of week" => {
            let day = part.strip_suffix('L').unwrap_or(&part);
            WEEKDAYS.contains(&day) || is_number(day)
        }
        _ => false,
    }
}
