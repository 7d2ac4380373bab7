//! A cron pattern on the calendar alone: which local times it names, whatever clocks show them.

use croner::parser::{CronParser, Seconds, Year};
use croner::{Cron, Weekday};
use jiff::civil::{Date, DateTime};

use super::invalid::InvalidSchedule;

const DAY: i64 = 24 * 3600;

/// A pattern of every minute and every second, written out, has under 400 characters.
const LONGEST: usize = 1024;

/// Within so many days every day comes that ever comes: the rarest, a 29th of February on a given
/// day of the week, is up to forty years away where a century has no leap day.
const EVERY_DAY_COMES: usize = 41 * 366;

/// So many named days show every distance that there is between two of them, if they are not so
/// rare that [`EVERY_DAY_COMES`] ends before: where a day of month is named beside one of the
/// week, they meet in one month of three or four.
const EVERY_DISTANCE_COMES: usize = 200;

/// The fields as people know them, with what may stand in each.
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
    /// Parses a pattern of five fields, of six with seconds in front, or a nickname such as
    /// `@weekly`.
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
            Ok(cron) if is_nickname || first_lenient(&fields).is_none() => Ok(Pattern(cron)),
            Ok(_) => Err(InvalidSchedule::Cron(explain(text, &fields, ""))),
            Err(error) => Err(InvalidSchedule::Cron(explain(text, &fields, &error.to_string()))),
        }
    }

    /// As it was parsed.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The latest local time it names that is not after `local`.
    pub fn at_or_before(&self, local: DateTime) -> Option<DateTime> {
        self.0.find_previous_occurrence(&local, true).ok()
    }

    /// The first local time it names that is after `local`.
    pub fn after(&self, local: DateTime) -> Option<DateTime> {
        self.0.find_next_occurrence(&local, false).ok()
    }

    /// Whether it gives a day of month and a day of week, and means the days that match either.
    pub fn gives_both_days(&self) -> bool {
        let pattern = &self.0.pattern;
        !pattern.is_dom_wildcard() && !pattern.is_dow_wildcard() && !pattern.matches_dom_and_dow()
    }

    /// Whether there is any day that it names: 30 February never comes.
    pub fn fires(&self, from: Date) -> bool {
        self.days(from).next().is_some()
    }

    /// The least distance between two neighbouring local times that it names, in seconds.
    pub fn shortest_interval(&self, from: Date) -> i64 {
        let pattern = &self.0.pattern;
        let seconds = Values::of(60, |value| pattern.second_match(value).unwrap_or(false));
        let minutes = Values::of(60, |value| pattern.minute_match(value).unwrap_or(false));
        let hours = Values::of(24, |value| pattern.hour_match(value).unwrap_or(false));
        // From the first time named to the last.
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

    /// The days it names, as their distances from `from`, as far as there is anything new.
    fn days(&self, from: Date) -> impl Iterator<Item = i64> + '_ {
        let dates = std::iter::successors(Some(from), |date| date.tomorrow().ok());
        let is_named = |date: &Date| self.names(*date).unwrap_or(false);
        (0..).zip(dates.take(EVERY_DAY_COMES)).filter(move |(_, d)| is_named(d)).map(|(n, _)| n)
    }

    fn names(&self, date: Date) -> Option<bool> {
        let pattern = &self.0.pattern;
        let month = u32::try_from(date.month()).ok()?;
        let day = u32::try_from(date.day()).ok()?;
        let weekday = u32::try_from(date.weekday().to_sunday_zero_offset()).ok()?;
        let weekday = Weekday::from_days_from_sunday(weekday);
        let is_month = pattern.month_match(month).ok()?;
        Some(is_month && pattern.day_match(date.year().into(), month, day, weekday).ok()?)
    }
}

/// What ascending values are apart.
struct Values {
    /// From the first to the last.
    span: i64,
    /// The least distance of neighbours, if there are two.
    least_step: Option<i64>,
}

impl Values {
    fn of(end: u32, is_named: impl Fn(u32) -> bool) -> Values {
        Values::from_ascending((0..end).filter(|value| is_named(*value)).map(i64::from))
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

/// Says which field of a refused pattern is at fault by trying each one alone.
fn explain(text: &str, fields: &[&str], error: &str) -> String {
    if !text.trim().starts_with('@') && !(5..=6).contains(&fields.len()) {
        return format!(
            "a cron pattern has five fields (minute, hour, day of month, month, day of week), \
             or six with seconds in front; this one has {}; {EXAMPLE}",
            fields.len()
        );
    }
    let is_refused = |place: &usize| {
        let mut alone = vec!["*"; fields.len()];
        alone[*place] = fields[*place];
        parser().parse(&alone.join(" ")).is_err()
    };
    let refused = (0..fields.len()).find(is_refused).or_else(|| first_lenient(fields));
    let names = &FIELDS[FIELDS.len() - fields.len().min(FIELDS.len())..];
    match refused.map(|place| (fields[place], names[place])) {
        Some((field, (name, range))) => format!(
            "{field:?} cannot be the {name} of a cron pattern; expected {range}, `*`, a list, \
             a range or a step; {EXAMPLE}"
        ),
        None => format!("{text:?} is not a cron pattern ({error}); {EXAMPLE}"),
    }
}

/// The first of the fields that only the parser takes: one with a name that does not belong there,
/// or with nothing between two commas. The parser replaces names wherever they stand: to it
/// `SUN 6 * * *` is minute 0, and `1MON` an 11.
fn first_lenient(fields: &[&str]) -> Option<usize> {
    let names = &FIELDS[FIELDS.len().saturating_sub(fields.len())..];
    fields.iter().zip(names).position(|(field, (name, _))| {
        let mut parts = field.split([',', '-', '/', '#', '+']);
        field.split(',').any(str::is_empty)
            || !parts.all(|part| !part.contains(char::is_alphabetic) || may_stand(part, name))
    })
}

fn may_stand(part: &str, field: &str) -> bool {
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
