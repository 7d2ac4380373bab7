//! An account's slots, computed differently from the program: day by day, from a description of
//! the schedule, without a cron parser or a library's handling of clock changes.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt::Write;

use super::random::Random;
use super::zone::Zone;

/// How many days are searched: a 31st recurs within two months.
const SEARCHED: i64 = 70;

/// The days of a schedule.
#[derive(Clone, Copy, PartialEq, Debug)]
enum On {
    Every,
    /// Days of the week, Sunday as bit 0.
    Weekdays(u8),
    /// A day of the month, in the months that have it.
    Monthday(i64),
    /// A day of the month, and also days of the week.
    Either(i64, u8),
}

/// A schedule with an account's offset.
#[derive(Clone, Debug)]
pub struct Calendar {
    on: On,
    hours: Vec<i64>,
    minutes: Vec<i64>,
    second: Option<i64>,
    zone: Zone,
    /// Seconds after each occurrence.
    pub offset: i64,
    /// The last two windows computed, each between two consecutive occurrences.
    known: [Cell<(i64, i64)>; 2],
}

impl Calendar {
    /// Draws a calendar, most often a weekly one, as the vendor recommends.
    pub fn draw(random: &mut Random) -> Calendar {
        let weekday = 1 << random.between(0, 6);
        let on = match random.between(0, 19) {
            0..=2 => On::Every,
            3..=4 => On::Monthday(random.pick(&[1, 15, 28, 29, 30, 31])),
            5..=6 => On::Weekdays(0b001_0010),
            7 => On::Either(random.pick(&[1, 15]), weekday),
            _ => On::Weekdays(weekday),
        };
        // The hours of clock changes are drawn more often.
        let hour = random.pick(&[0, 1, 1, 2, 2, 3, 6, 6, 9, 14, 23]);
        let minute = random.pick(&[0, 0, 15, 30, 30, 45, 59]);
        let (hours, minutes) = match random.between(0, 19) {
            0 if on != On::Every => (vec![5, 12, 18], vec![minute]),
            1 => (vec![1, 13], vec![minute]),
            2 if on != On::Every => (vec![hour], vec![0, 30]),
            _ => (vec![hour], vec![minute]),
        };
        Calendar {
            on,
            hours,
            minutes,
            second: random.chance(20).then(|| random.between(0, 59)),
            zone: Zone::draw(random),
            offset: 0,
            known: [const { Cell::new((0, 0)) }; 2],
        }
    }

    /// Returns the equivalent cron pattern.
    pub fn cron(&self) -> String {
        let list = |values: &[i64]| values.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        let weekdays =
            |bits: u8| list(&(0..7).filter(|day| bits & (1 << day) != 0).collect::<Vec<i64>>());
        let mut cron = String::new();
        if let Some(second) = self.second {
            write!(cron, "{second} ").expect("a string takes all");
        }
        write!(cron, "{} {} ", list(&self.minutes), list(&self.hours)).expect("a string takes all");
        cron += &match self.on {
            On::Every => "* * *".to_owned(),
            On::Weekdays(bits) => format!("* * {}", weekdays(bits)),
            On::Monthday(day) => format!("{day} * *"),
            On::Either(day, bits) => format!("{day} * {}", weekdays(bits)),
        };
        cron
    }

    /// Returns the zone's IANA name.
    pub fn zone(&self) -> &'static str {
        self.zone.name()
    }

    /// Returns a spread shorter than the distance of any two occurrences.
    pub fn longest_spread(&self) -> i64 {
        match (self.hours.len(), self.minutes.len()) {
            (_, 2..) => 20 * 60,
            (2.., _) => 4 * 3600,
            _ => 20 * 3600,
        }
    }

    /// Returns the latest slot at or before `time`.
    pub fn at_or_before(&self, time: i64) -> i64 {
        self.window(time).0
    }

    /// Returns the first slot after `time`.
    pub fn after(&self, time: i64) -> i64 {
        self.window(time).1
    }

    /// Returns the distance of `slot` from the one before it.
    pub fn since_previous(&self, slot: i64) -> i64 {
        slot - self.at_or_before(slot - 1)
    }

    /// Returns the shortest and the longest distance of consecutive slots in about a year around
    /// `time`.
    pub fn distances(&self, time: i64) -> (i64, i64) {
        let (mut shortest, mut longest) = (i64::MAX, 0);
        let mut slot = self.at_or_before(time - 200 * 86_400);
        while slot < time + 200 * 86_400 {
            let next = self.after(slot);
            shortest = shortest.min(next - slot);
            longest = longest.max(next - slot);
            slot = next;
        }
        (shortest, longest)
    }

    fn window(&self, time: i64) -> (i64, i64) {
        let time = time - self.offset;
        let is_in = |(from, next): &(i64, i64)| *from <= time && time < *next;
        let known = self.known.iter().map(Cell::get).find(is_in);
        let (from, next) = known.unwrap_or_else(|| {
            let today = time.div_euclid(86_400);
            let from = (0..SEARCHED)
                .find_map(|days| self.on_day(today + 1 - days).range(..=time).next_back().copied());
            let next = (0..SEARCHED)
                .find_map(|days| self.on_day(today - 1 + days).range(time + 1..).next().copied());
            let found = (from.expect("it fired before"), next.expect("it fires again"));
            self.known[1].set(self.known[0].get());
            self.known[0].set(found);
            found
        });
        (from + self.offset, next + self.offset)
    }

    /// Returns the occurrences on a day, counted from 1970.
    fn on_day(&self, day: i64) -> BTreeSet<i64> {
        let in_week = |bits: u8| bits & (1 << (day + 4).rem_euclid(7)) != 0;
        let is_on = match self.on {
            On::Every => true,
            On::Weekdays(bits) => in_week(bits),
            On::Monthday(number) => day_of_month(day) == number,
            On::Either(number, bits) => day_of_month(day) == number || in_week(bits),
        };
        let mut instants = BTreeSet::new();
        for hour in self.hours.iter().filter(|_| is_on) {
            for minute in &self.minutes {
                let second = self.second.unwrap_or(0);
                let local = day * 86_400 + hour * 3600 + minute * 60 + second;
                instants.insert(self.zone.first_at_or_after(local));
            }
        }
        instants
    }
}

/// Returns the day of the month of a day counted from 1970.
fn day_of_month(day: i64) -> i64 {
    // The calendar repeats every 400 years, counted here from a 1st of March.
    let day = (day + 719_468).rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    day - (153 * month + 2) / 5 + 1
}
