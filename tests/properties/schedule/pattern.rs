//! Generated cron patterns whose meaning is known without a parser.

use jiff::Span;
use jiff::civil::{Date, DateTime};
use proptest::collection::vec;
use proptest::prelude::*;

/// A field as text, and the values that it means.
#[derive(Clone, Debug)]
struct Field {
    text: String,
    values: Vec<i8>,
}

impl Field {
    fn is_given(&self) -> bool {
        self.text != "*"
    }

    fn has(&self, value: i8) -> bool {
        self.values.contains(&value)
    }
}

/// A pattern as its fields.
#[derive(Clone, Debug)]
pub struct Pattern {
    second: Option<Field>,
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

impl Pattern {
    pub fn text(&self) -> String {
        let five = [&self.minute, &self.hour, &self.day, &self.month, &self.weekday];
        let fields = self.second.iter().chain(five);
        fields.map(|field| field.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    pub fn names(&self, time: DateTime) -> bool {
        let second = self.second.as_ref().map_or(time.second() == 0, |f| f.has(time.second()));
        second
            && self.minute.has(time.minute())
            && self.hour.has(time.hour())
            && self.names_day(time.date())
    }

    pub fn names_day(&self, date: Date) -> bool {
        let day = self.day.has(date.day());
        let sunday = date.weekday().to_sunday_zero_offset();
        let weekday = self.weekday.has(sunday) || (sunday == 0 && self.weekday.has(7));
        let is_day = match (self.day.is_given(), self.weekday.is_given()) {
            (true, true) => day || weekday,
            _ => day && weekday,
        };
        is_day && self.month.has(date.month())
    }

    /// Returns the least distance between two consecutive times, by comparing all within the 28
    /// years after which the calendar repeats.
    pub fn shortest_interval(&self, from: Date) -> Option<i64> {
        let seconds = || (0..60).filter(|s| self.second.as_ref().map_or(*s == 0, |f| f.has(*s)));
        let minutes = || (0..60).filter(|minute| self.minute.has(*minute));
        let hours = (0..24).filter(|hour| self.hour.has(*hour));
        let of_day: Vec<i64> = hours
            .flat_map(|hour| minutes().map(move |minute| (hour, minute)))
            .flat_map(|time| seconds().map(move |second| (time, second)))
            .map(|((hour, minute), second)| {
                i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second)
            })
            .collect();
        let days = (0..28 * 366).filter(|days| self.names_day(from + Span::new().days(*days)));
        // The first and the last time of a day are the same on every matching day.
        let (first, last) = (*of_day.first()?, *of_day.last()?);
        let within = of_day.windows(2).map(|pair| pair[1] - pair[0]);
        let days: Vec<i64> = days.collect();
        let across = days.windows(2).map(|pair| (pair[1] - pair[0]) * 86_400 + first - last);
        within.chain(across).min()
    }
}

fn field(least: i8, most: i8) -> impl Strategy<Value = Field> {
    let all = Field { text: "*".to_owned(), values: (least..=most).collect() };
    prop_oneof![
        2 => Just(all),
        1 => (2..=most / 2).prop_map(move |step| Field {
            text: format!("*/{step}"),
            values: (least..=most).step_by(usize::from(step.unsigned_abs())).collect(),
        }),
        3 => vec(least..=most, 1..4).prop_map(|values| Field {
            text: values.iter().map(i8::to_string).collect::<Vec<_>>().join(","),
            values,
        }),
        1 => (least..=most, least..=most).prop_map(|(one, other)| {
            let (from, to) = (one.min(other), one.max(other));
            Field { text: format!("{from}-{to}"), values: (from..=to).collect() }
        }),
    ]
}

/// Mostly every day, so that most patterns fire within a week.
fn often_all(least: i8, most: i8) -> impl Strategy<Value = Field> {
    let all = Field { text: "*".to_owned(), values: (least..=most).collect() };
    prop_oneof![3 => Just(all), 1 => field(least, most)]
}

prop_compose! {
    fn of_minutes()(
        minute in field(0, 59),
        hour in field(0, 23),
        day in often_all(1, 31),
        month in often_all(1, 12),
        weekday in often_all(0, 7),
    ) -> Pattern {
        Pattern { second: None, minute, hour, day, month, weekday }
    }
}

/// Patterns of five fields.
pub fn minutes() -> impl Strategy<Value = Pattern> {
    of_minutes()
}

/// Patterns of six fields.
pub fn seconds() -> impl Strategy<Value = Pattern> {
    (field(0, 59), of_minutes()).prop_map(|(second, rest)| Pattern { second: Some(second), ..rest })
}
