//! When an account's slots are, computed another way than the program does: day by day, from
//! what the person meant, without a cron parser.

use std::cell::Cell;
use std::fmt::Write;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

use super::random::Random;

/// How many days are searched: a 31st comes again within two months.
const SEARCHED: i64 = 70;

/// On which days.
#[derive(Clone, Copy, PartialEq, Debug)]
enum On {
    Every,
    /// Days of the week, Sunday as bit 0.
    Weekdays(u8),
    /// A day of the month, in the months that have it.
    Monthday(i8),
}

/// Days, times of day and a zone; and an account's own offset.
#[derive(Clone, Debug)]
pub struct Calendar {
    on: On,
    hours: Vec<i8>,
    minute: i8,
    second: Option<i8>,
    name: &'static str,
    zone: TimeZone,
    /// Seconds after each occurrence.
    pub offset: i64,
    last: Cell<(i64, i64)>,
}

/// Zones that never change their clocks, change by an hour in either half-year, and by half an
/// hour.
const ZONES: [&str; 6] = [
    "UTC",
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Pacific/Auckland",
];

impl Calendar {
    /// Weekly by preference, as the vendor recommends.
    pub fn draw(random: &mut Random) -> Calendar {
        let on = match random.between(0, 19) {
            0..=2 => On::Every,
            3..=4 => On::Monthday(random.pick(&[1, 15, 28, 29, 30, 31])),
            5..=6 => On::Weekdays(0b001_0010),
            _ => On::Weekdays(1 << random.between(0, 6)),
        };
        // The hours around which clocks change come up more often.
        let hour = random.pick(&[0, 1, 1, 2, 2, 3, 6, 6, 9, 14, 23]);
        let is_several = on != On::Every && random.chance(15);
        let hours = if is_several { vec![5, 12, 18] } else { vec![hour] };
        let minute = random.pick(&[0, 0, 15, 30, 30, 45, 59]);
        let second = random.chance(20).then(|| i8::try_from(random.between(0, 59)).expect("small"));
        let name = random.pick(&ZONES);
        Calendar {
            on,
            hours,
            minute,
            second,
            name,
            zone: TimeZone::get(name).expect("a zone"),
            offset: 0,
            last: Cell::new((0, 0)),
        }
    }

    /// The cron pattern that says the same.
    pub fn cron(&self) -> String {
        let mut cron = String::new();
        if let Some(second) = self.second {
            write!(cron, "{second} ").expect("a string takes all");
        }
        let hours: Vec<String> = self.hours.iter().map(i8::to_string).collect();
        write!(cron, "{} {} ", self.minute, hours.join(",")).expect("a string takes all");
        match self.on {
            On::Every => cron.push_str("* * *"),
            On::Weekdays(bits) => {
                let days: Vec<String> = (0..7u8)
                    .filter(|day| bits & (1 << day) != 0)
                    .map(|day| day.to_string())
                    .collect();
                write!(cron, "* * {}", days.join(",")).expect("a string takes all");
            }
            On::Monthday(day) => write!(cron, "{day} * *").expect("a string takes all"),
        }
        cron
    }

    /// The zone's IANA name.
    pub fn zone(&self) -> &'static str {
        self.name
    }

    /// Shorter than the distance of any two occurrences.
    pub fn longest_spread(&self) -> i64 {
        if self.hours.len() > 1 { 4 * 3600 } else { 20 * 3600 }
    }

    /// The latest slot at or before `time`.
    pub fn at_or_before(&self, time: i64) -> i64 {
        self.window(time).0
    }

    /// The first slot after `time`.
    pub fn after(&self, time: i64) -> i64 {
        self.window(time).1
    }

    fn window(&self, time: i64) -> (i64, i64) {
        let time = time - self.offset;
        let (mut from, mut next) = self.last.get();
        if !(from <= time && time < next) {
            let now = Timestamp::from_second(time).expect("a time");
            let today = self.zone.to_datetime(now).date();
            from = (0..SEARCHED)
                .map(|days| today + (1 - days).days())
                .find_map(|day| self.on_day(day).rfind(|slot| *slot <= time))
                .expect("it fired before");
            next = (0..SEARCHED)
                .map(|days| today + (days - 1).days())
                .find_map(|day| self.on_day(day).find(|slot| *slot > time))
                .expect("it fires again");
            self.last.set((from, next));
        }
        (from + self.offset, next + self.offset)
    }

    fn on_day(&self, day: Date) -> impl DoubleEndedIterator<Item = i64> + '_ {
        let is_on = match self.on {
            On::Every => true,
            On::Weekdays(bits) => bits & (1 << day.weekday().to_sunday_zero_offset()) != 0,
            On::Monthday(number) => day.day() == number,
        };
        let hours = if is_on { self.hours.as_slice() } else { &[] };
        hours.iter().map(move |&hour| {
            let second = self.second.unwrap_or(0);
            self.instant(day.at(hour, self.minute, second, 0))
        })
    }

    /// What the clocks repeat counts at the first, what they skip at the end of the gap.
    fn instant(&self, local: DateTime) -> i64 {
        let first = |local: DateTime| {
            let ambiguous = self.zone.to_ambiguous_timestamp(local);
            let is_skipped = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
            (!is_skipped).then(|| ambiguous.earlier().expect("a time").as_second())
        };
        if let Some(time) = first(local) {
            return time;
        }
        let mut minute = local - i64::from(self.second.unwrap_or(0)).seconds();
        loop {
            minute += 1.minute();
            if let Some(time) = first(minute) {
                return time;
            }
        }
    }
}
