//! When an account's slots are, computed another way than the program does: day by day, from
//! what the person meant, without a cron parser.

use std::cell::Cell;
use std::fmt::Write;

use chrono::{Datelike, Days, MappedLocalTime, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::random::Random;

/// How many days are searched: a 31st comes again within two months.
const SEARCHED: u64 = 70;

/// On which days.
#[derive(Clone, Copy, PartialEq, Debug)]
enum On {
    Every,
    /// Days of the week, Sunday as bit 0.
    Weekdays(u8),
    /// A day of the month, in the months that have it.
    Monthday(u32),
}

/// Days, times of day and a zone; and an account's own offset.
#[derive(Clone, Debug)]
pub struct Calendar {
    on: On,
    hours: Vec<u32>,
    minute: u32,
    second: Option<u32>,
    zone: Tz,
    /// Seconds after each occurrence.
    pub offset: i64,
    last: Cell<(i64, i64)>,
}

/// Zones that never change their clocks, change by an hour in either half-year, and by half an
/// hour.
const ZONES: [Tz; 6] = [
    Tz::UTC,
    Tz::Europe__London,
    Tz::America__New_York,
    Tz::Australia__Lord_Howe,
    Tz::Asia__Kolkata,
    Tz::Pacific__Auckland,
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
        // A list of hours is what croner calls an interval, whose slots the clocks may skip.
        let is_several = on != On::Every && random.chance(15);
        let hours = if is_several { vec![5, 12, 18] } else { vec![hour] };
        Calendar {
            on,
            hours,
            minute: random.pick(&[0, 0, 15, 30, 30, 45, 59]),
            second: random.chance(20).then(|| u32::try_from(random.between(0, 59)).expect("small")),
            zone: random.pick(&ZONES),
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
        let hours: Vec<String> = self.hours.iter().map(u32::to_string).collect();
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
        self.zone.name()
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
            let today = Utc.timestamp_opt(time, 0).unwrap().with_timezone(&self.zone).date_naive();
            from = (0..SEARCHED)
                .map(|days| today + TimeDelta::days(1) - Days::new(days))
                .find_map(|day| self.on_day(day).rfind(|slot| *slot <= time))
                .expect("it fired before");
            next = (0..SEARCHED)
                .map(|days| today - TimeDelta::days(1) + Days::new(days))
                .find_map(|day| self.on_day(day).find(|slot| *slot > time))
                .expect("it fires again");
            self.last.set((from, next));
        }
        (from + self.offset, next + self.offset)
    }

    fn on_day(&self, day: NaiveDate) -> impl DoubleEndedIterator<Item = i64> + '_ {
        let is_on = match self.on {
            On::Every => true,
            On::Weekdays(bits) => bits & (1 << day.weekday().num_days_from_sunday()) != 0,
            On::Monthday(number) => day.day() == number,
        };
        let hours = if is_on { self.hours.as_slice() } else { &[] };
        hours.iter().map(move |&hour| {
            let second = self.second.unwrap_or(0);
            self.instant(day.and_hms_opt(hour, self.minute, second).expect("a time of day"))
        })
    }

    /// What the clocks repeat counts at the first, what they skip at the end of the gap.
    fn instant(&self, local: NaiveDateTime) -> i64 {
        match self.zone.from_local_datetime(&local) {
            MappedLocalTime::Single(time) | MappedLocalTime::Ambiguous(time, _) => time.timestamp(),
            MappedLocalTime::None => {
                let seconds = TimeDelta::seconds(i64::from(self.second.unwrap_or(0)));
                let mut minute = local - seconds;
                loop {
                    minute += TimeDelta::minutes(1);
                    if let Some(time) = self.zone.from_local_datetime(&minute).earliest() {
                        return time.timestamp();
                    }
                }
            }
        }
    }
}
