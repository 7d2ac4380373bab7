//! What is drawn from a seed: a watchlist, a configuration, the vendor's health, and the events.

use std::collections::BTreeSet;

use growthd::config::{Budget, CatchUp, OnUnknown, Period, Retry, Watched};
use growthd::engine::EngineConfig;
use growthd::schedule::spread_offset;

use super::calendar::Calendar;
use super::process::watched;
use super::random::Random;
use super::vendor::Kind;
use super::world_event::WorldEvent;

pub const HOUR: i64 = 3600;
pub const DAY: i64 = 24 * HOUR;
pub const YEAR: i64 = 365 * DAY;

/// An account of the watchlist, with its slots as the person meant them.
#[derive(Clone, Debug)]
pub struct Entry {
    pub watched: Watched,
    pub calendar: Calendar,
}

impl Entry {
    pub fn draw(number: usize, random: &mut Random) -> Entry {
        let calendar = Calendar::draw(random);
        Entry::with(number, calendar, random)
    }

    /// Returns an entry with this schedule and a random spread.
    fn with(number: usize, mut calendar: Calendar, random: &mut Random) -> Entry {
        let spread = match random.chance(40) {
            true => random.between(1, calendar.longest_spread()),
            false => 0,
        };
        let watched = Watched {
            spread,
            enabled: random.chance(92),
            ..watched(&id_of(number), &calendar.cron(), calendar.zone())
        };
        calendar.offset = spread_offset(&watched.id, spread);
        Entry { watched, calendar }
    }

    pub fn number(&self) -> usize {
        number_of(self.watched.id.as_str())
    }
}

/// Returns the id of the account with this number.
pub fn id_of(number: usize) -> String {
    format!("account-{number}")
}

/// Returns the number in an id.
pub fn number_of(id: &str) -> usize {
    id["account-".len()..].parse().expect("a number")
}

/// A time in which all calls fail.
#[derive(Clone, Debug)]
pub struct Outage {
    pub from: i64,
    pub to: i64,
    /// Each call gets one of these at random.
    pub kinds: Vec<Kind>,
}

impl Outage {
    fn is_at(&self, time: i64) -> bool {
        self.from <= time && time < self.to
    }
}

/// A time in which the calls for one account fail.
#[derive(Clone, Debug)]
pub struct AccountTrouble {
    pub account: usize,
    pub from: i64,
    pub to: i64,
    pub kind: Kind,
}

impl AccountTrouble {
    fn is_at(&self, time: i64) -> bool {
        self.from <= time && time < self.to
    }
}

/// Everything that is drawn in advance. Times are the world's, in seconds.
#[derive(Debug)]
pub struct Plan {
    pub start: i64,
    pub end: i64,
    pub entries: Vec<Entry>,
    pub config: EngineConfig,
    /// The timeout of calls, in seconds.
    pub timeout: i64,
    /// The percentage of calls that fail independently.
    pub noise: i64,
    /// Whether the vendor sends `Date`.
    pub has_date: bool,
    pub outages: Vec<Outage>,
    pub account_troubles: Vec<AccountTrouble>,
    /// From, to, and the error of the vendor's `Date` in seconds.
    pub wrong_dates: Vec<(i64, i64, i64)>,
    pub events: Vec<(i64, WorldEvent)>,
}

impl Plan {
    /// Draws a plan. Most lists are short and run for `years`; long ones run for a few weeks.
    pub fn draw(seed: u64, years: i64) -> Plan {
        let random = &mut Random::new(seed);
        let start = 1_767_225_600 + random.between(0, 3 * YEAR);
        let (count, span) = match random.between(0, 99) {
            0..90 => (random.pick(&[1, 2, 3, 3, 4, 5, 7, 12]), years * YEAR),
            90..97 => (random.below(40) + 20, years * YEAR / 8),
            _ => (random.below(250) + 100, years * 30 * DAY),
        };
        let end = start + span;
        let trouble = random.pick(&[0, 1, 3, 10]) * (span / (YEAR / 2)).max(1);
        let mut plan = Plan {
            start,
            end,
            entries: draw_list(count, random),
            config: draw_config(count, random),
            timeout: random.pick(&[20, 120]),
            noise: random.pick(&[0, 0, 2, 10]),
            has_date: random.chance(60),
            outages: Vec::new(),
            account_troubles: Vec::new(),
            wrong_dates: Vec::new(),
            events: Vec::new(),
        };
        for _ in 0..trouble {
            plan.draw_outage(random);
            let (from, length) =
                (random.between(start, end), random.pick(&[DAY, 9 * DAY, 60 * DAY]));
            let (account, kind) = (random.below(count), Kind::draw(random).for_a_while(length));
            plan.account_troubles.push(AccountTrouble { account, from, to: from + length, kind });
        }
        plan.draw_dead(random);
        if random.chance(30) {
            let (from, length) = (random.between(start, end), random.pick(&[HOUR, DAY]));
            plan.wrong_dates.push((from, from + length, random.pick(&[-2 * HOUR, 5 * HOUR, YEAR])));
        }
        for _ in 0..trouble * random.between(1, 5) {
            let mut time = random.between(start, end);
            if random.chance(30) {
                time =
                    plan.entries[random.below(count)].calendar.after(time) + random.between(0, 10);
            }
            let drawn = WorldEvent::draw(time, random);
            plan.events.extend(drawn);
        }
        plan.events.sort_by_key(|(time, _)| *time);
        plan
    }

    /// Draws an outage of seconds to weeks. It often begins just as an account falls due, and
    /// people sometimes react to it.
    fn draw_outage(&mut self, random: &mut Random) {
        let mut from = random.between(self.start, self.end);
        let length = random.pick(&[12, 120, HOUR, DAY, DAY, 4 * DAY, 20 * DAY]);
        if length < DAY || random.chance(40) {
            let index = random.below(self.entries.len());
            from = self.entries[index].calendar.after(from) - random.between(0, 10);
        }
        let to = from + random.between(length / 2, length);
        let count = random.pick(&[1, 1, 2, 4]);
        let kinds = (0..count).map(|_| Kind::draw(random).for_a_while(length)).collect();
        self.outages.push(Outage { from, to, kinds });
        if random.chance(30) {
            let mut time = random.between(from, to);
            let apart = random.pick(&[1, 1, 30, 400]);
            for _ in 0..random.between(3, 20) {
                self.events.push((time, WorldEvent::draw_impatience(random)));
                time += random.between(0, apart);
            }
        }
    }

    /// Draws accounts that fail until the end: none in most short lists, some in each long one.
    fn draw_dead(&mut self, random: &mut Random) {
        let count = self.entries.len();
        let percent = match count {
            ..=12 => random.pick(&[0, 0, 0, 30]),
            _ => random.between(1, 30),
        };
        let dead = (0..count).filter(|_| random.chance(percent)).collect::<Vec<_>>();
        for account in dead {
            let from = match random.chance(50) {
                true => self.start,
                false => random.between(self.start, self.end),
            };
            let kind = Kind::draw(random).for_a_while(YEAR);
            self.account_troubles.push(AccountTrouble { account, from, to: self.end, kind });
        }
    }

    /// Draws the result of a call for the account at `time`.
    pub fn kind(&self, account: Option<usize>, time: i64, random: &mut Random) -> Kind {
        if let Some(outage) = self.outages.iter().find(|outage| outage.is_at(time)) {
            return outage.kinds[random.below(outage.kinds.len())];
        }
        let is_its =
            |trouble: &&AccountTrouble| Some(trouble.account) == account && trouble.is_at(time);
        if let Some(trouble) = self.account_troubles.iter().find(is_its) {
            return trouble.kind;
        }
        if random.chance(self.noise) { Kind::draw_noise(random) } else { Kind::Ok }
    }

    /// Returns whether all calls fail at `time`, or some at random.
    pub fn is_unwell(&self, time: i64) -> bool {
        let is_out = self.outages.iter().any(|outage| outage.is_at(time));
        self.noise > 0 || is_out || self.date_error(time) != 0
    }

    /// Returns the accounts whose calls fail at `time`, although others' do not.
    pub fn failing_accounts(&self, time: i64) -> BTreeSet<usize> {
        let failing = self.account_troubles.iter().filter(|trouble| trouble.is_at(time));
        failing.map(|trouble| trouble.account).collect()
    }

    /// Returns the error of the vendor's `Date`, in seconds.
    pub fn date_error(&self, time: i64) -> i64 {
        let wrong = self.wrong_dates.iter().find(|(from, to, _)| *from <= time && time < *to);
        wrong.map_or(0, |(_, _, error)| *error)
    }
}

/// Draws a list. Most accounts of a long one share a schedule.
fn draw_list(count: usize, random: &mut Random) -> Vec<Entry> {
    if count <= 12 {
        return (0..count).map(|number| Entry::draw(number, random)).collect();
    }
    let common: Vec<Calendar> = (0..3).map(|_| Calendar::draw(random)).collect();
    let entry = |number: usize| {
        let index = if random.chance(80) { 0 } else { random.below(common.len()) };
        Entry::with(number, common[index].clone(), random)
    };
    (0..count).map(entry).collect()
}

fn draw_config(accounts: usize, random: &mut Random) -> EngineConfig {
    let first_delay = random.pick(&[10, 30, 30, 300]);
    let budget = random.chance(30).then(|| {
        let per = random.pick(&[Period::Day, Period::Week, Period::Month]);
        let weeks = match per {
            Period::Day => 1,
            Period::Week => 2,
            Period::Month => 8,
        };
        let most = i64::try_from(accounts).expect("few") * weeks;
        let refreshes = u64::try_from(random.between(1, most)).expect("positive");
        let manual = random.chance(30).then(|| random.next() % refreshes);
        Budget { refreshes, per, manual }
    });
    let paces: &[u32] = if accounts > 12 { &[0, 60, 600] } else { &[0, 1, 60, 60, 6000] };
    EngineConfig {
        retry: Retry {
            first_delay,
            max_delay: random.pick(&[HOUR, 6 * HOUR, 6 * HOUR, DAY]),
            max_paid_attempts: u32::try_from(random.between(1, 4)).expect("small"),
            unknown: random.pick(&[OnUnknown::Retry, OnUnknown::Retry, OnUnknown::Skip]),
        },
        budget,
        max_in_flight: random.pick(&[1, 2, 4, 4]),
        requests_per_minute: random.pick(paces),
        catch_up: random.pick(&[
            CatchUp::Always,
            CatchUp::Always,
            CatchUp::Always,
            CatchUp::Never,
            CatchUp::Within(6 * HOUR),
        ]),
    }
}
