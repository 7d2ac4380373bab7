//! What a seed draws: a watchlist, terms, the vendor's health, and what happens to the machine.

use std::sync::Arc;

use growthd::config::{Budget, CatchUp, OnUnknown, Period, Retry, Watched};
use growthd::engine::EngineConfig;
use growthd::schedule::spread_offset;

use super::calendar::Calendar;
use super::random::Random;
use super::vendor::Kind;

pub const HOUR: i64 = 3600;
pub const DAY: i64 = 24 * HOUR;
pub const YEAR: i64 = 365 * DAY;

/// An account of the watchlist, and its slots as the person meant them.
#[derive(Clone, Debug)]
pub struct Entry {
    pub watched: Watched,
    pub calendar: Calendar,
}

impl Entry {
    pub fn draw(number: usize, random: &mut Random) -> Entry {
        let mut calendar = Calendar::draw(random);
        let spread = match random.chance(40) {
            true => random.between(1, calendar.longest_spread()),
            false => 0,
        };
        let watched = Watched {
            id: format!("account-{number}").parse().expect("an id"),
            label: None,
            tags: Vec::new(),
            cron: Arc::from(calendar.cron()),
            timezone: Arc::from(calendar.zone()),
            spread,
            enabled: random.chance(92),
        };
        calendar.offset = spread_offset(&watched.id, spread);
        Entry { watched, calendar }
    }
}

/// Where the process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Wherever it is.
    Idle,
    /// The claims are committed, and nothing was sent.
    Claimed,
    /// Some of the requests have left.
    HalfSent,
    /// All have.
    Sent,
    /// An answer is here, and not settled.
    Answered,
    /// It is settled.
    Settled,
}

/// What happens to the machine, the file or the list. Durations in seconds.
#[derive(Clone, Copy, Debug)]
pub enum Happening {
    /// The list or the terms are edited; the number says how.
    Edit(u64),
    Crash {
        at: Step,
        down: i64,
    },
    Stop {
        down: i64,
    },
    Suspend(i64),
    /// The wall clock is set.
    ClockStep(i64),
    DiskFull(i64),
    Locked(i64),
    /// The file is moved away, and put back.
    Moved(i64),
    /// A person asks for a refresh.
    RefreshRequest(u64),
}

/// All that a seed decides beforehand. Times are the world's, in seconds.
#[derive(Debug)]
pub struct Plan {
    pub start: i64,
    pub end: i64,
    pub entries: Vec<Entry>,
    pub terms: EngineConfig,
    /// The API's own timeout, in seconds.
    pub timeout: i64,
    /// Percent of calls that go wrong by themselves.
    pub noise: i64,
    /// Whether the vendor sends `Date`.
    pub has_date: bool,
    /// From, to, and what everybody gets.
    pub outages: Vec<(i64, i64, Kind)>,
    /// Whose, from, to, and what it gets.
    pub sick: Vec<(usize, i64, i64, Kind)>,
    /// From, to, and how far the vendor's `Date` is off.
    pub wrong_dates: Vec<(i64, i64, i64)>,
    pub happenings: Vec<(i64, Happening)>,
}

impl Plan {
    pub fn draw(seed: u64, years: i64) -> Plan {
        let random = &mut Random::new(seed);
        let start = 1_767_225_600 + random.between(0, 3 * YEAR);
        let end = start + years * YEAR;
        let count = random.pick(&[1, 2, 3, 3, 4, 5, 7, 12]);
        let terms = draw_terms(count, random);
        let trouble = random.pick(&[0, 1, 3, 10]) * years;
        let mut plan = Plan {
            start,
            end,
            entries: (0..count).map(|number| Entry::draw(number, random)).collect(),
            terms,
            timeout: random.pick(&[20, 120]),
            noise: random.pick(&[0, 0, 2, 10]),
            has_date: random.chance(60),
            outages: Vec::new(),
            sick: Vec::new(),
            wrong_dates: Vec::new(),
            happenings: Vec::new(),
        };
        let span = |random: &mut Random, lengths: &[i64]| {
            let from = random.between(start, end);
            let length = random.pick(lengths);
            (from, from + random.between(length / 2, length))
        };
        let long = [HOUR, DAY, DAY, 4 * DAY, 20 * DAY];
        for _ in 0..trouble {
            let (from, to) = span(random, &long);
            plan.outages.push((from, to, Kind::draw_outage(random)));
        }
        for _ in 0..trouble {
            let (from, to) = span(random, &[DAY, 9 * DAY, 60 * DAY]);
            plan.sick.push((random.below(count), from, to, Kind::draw_trouble(random)));
        }
        if random.chance(30) {
            let (from, to) = span(random, &[HOUR, DAY]);
            plan.wrong_dates.push((from, to, random.pick(&[-2 * HOUR, 5 * HOUR, YEAR])));
        }
        for _ in 0..trouble * random.between(1, 5) {
            let time = random.between(start, end);
            plan.draw_happening(time, random);
        }
        plan.happenings.sort_by_key(|(time, _)| *time);
        plan
    }

    fn draw_happening(&mut self, time: i64, random: &mut Random) {
        let down = random.pick(&[0, 5, 5, HOUR, DAY, 3 * DAY, 25 * DAY]);
        let down = random.between(down / 2, down);
        let happening = match random.between(0, 15) {
            0..=2 => Happening::Edit(random.next()),
            3..=6 => {
                let at = random.pick(&[
                    Step::Idle,
                    Step::Claimed,
                    Step::HalfSent,
                    Step::Sent,
                    Step::Answered,
                    Step::Settled,
                ]);
                Happening::Crash { at, down }
            }
            7..=8 => Happening::Stop { down },
            9 => Happening::Suspend(down),
            10 => {
                let step = random.pick(&[60, HOUR, 5 * HOUR, DAY, 8 * DAY, YEAR]);
                let step = random.between(step / 2, step) * random.pick(&[1, -1]);
                if random.chance(85) {
                    let back = time + random.between(60, 2 * DAY);
                    self.happenings.push((back, Happening::ClockStep(-step)));
                }
                Happening::ClockStep(step)
            }
            11 => Happening::DiskFull(down.min(3 * DAY)),
            12 => Happening::Locked(down.min(HOUR)),
            13 => Happening::Moved(down.min(3 * DAY)),
            _ => Happening::RefreshRequest(random.next()),
        };
        self.happenings.push((time, happening));
    }

    /// What a call for the account gets at `time`.
    pub fn kind(&self, account: usize, time: i64, random: &mut Random) -> Kind {
        let is_in = |from: i64, to: i64| from <= time && time < to;
        let outage = self.outages.iter().find(|(from, to, _)| is_in(*from, *to));
        if let Some((_, _, kind)) = outage {
            return *kind;
        }
        let sick =
            self.sick.iter().find(|(sick, from, to, _)| *sick == account && is_in(*from, *to));
        if let Some((.., kind)) = sick {
            return *kind;
        }
        if random.chance(self.noise) { Kind::draw_trouble(random) } else { Kind::Ok }
    }

    /// How far the vendor's `Date` is off.
    pub fn date_error(&self, time: i64) -> i64 {
        let wrong = self.wrong_dates.iter().find(|(from, to, _)| *from <= time && time < *to);
        wrong.map_or(0, |(_, _, error)| *error)
    }
}

fn draw_terms(accounts: usize, random: &mut Random) -> EngineConfig {
    let first_delay = random.pick(&[10, 30, 30, 300]);
    let budget = random.chance(40).then(|| {
        let per = random.pick(&[Period::Day, Period::Week, Period::Month]);
        let weeks = match per {
            Period::Day => 1,
            Period::Week => 2,
            Period::Month => 8,
        };
        let most = i64::try_from(accounts).expect("few") * weeks;
        Budget {
            refreshes: u64::try_from(random.between(1, most)).expect("positive"),
            per,
            manual: None,
        }
    });
    EngineConfig {
        retry: Retry {
            first_delay,
            max_delay: random.pick(&[HOUR, 6 * HOUR, 6 * HOUR, DAY]),
            max_paid_attempts: u32::try_from(random.between(1, 4)).expect("small"),
            unknown: random.pick(&[OnUnknown::Retry, OnUnknown::Retry, OnUnknown::Skip]),
        },
        budget,
        max_in_flight: random.pick(&[1, 2, 4, 4]),
        requests_per_minute: random.pick(&[0, 1, 60, 60, 6000]),
        catch_up: random.pick(&[
            CatchUp::Always,
            CatchUp::Always,
            CatchUp::Always,
            CatchUp::Never,
            CatchUp::Within(6 * HOUR),
        ]),
    }
}

/// Edits a list the way people do.
pub fn edit(entries: &mut Vec<Entry>, removed: &mut Vec<Entry>, how: u64) {
    let random = &mut Random::new(how);
    for _ in 0..random.between(1, 3) {
        let place = random.below(entries.len());
        match random.between(0, 7) {
            0 => {
                let number = entries.len() + removed.len();
                if number < 14 {
                    entries.push(Entry::draw(number, random));
                }
            }
            1 if entries.len() > 1 => removed.push(entries.remove(place)),
            2 if !removed.is_empty() => {
                let entry = removed.remove(random.below(removed.len()));
                entries.insert(place, entry);
            }
            3 | 4 => {
                let old = &entries[place];
                let number = old.watched.id.as_str()["account-".len()..].parse().expect("a number");
                let enabled = old.watched.enabled;
                entries[place] = Entry::draw(number, random);
                entries[place].watched.enabled = enabled;
            }
            5 => entries[place].watched.enabled = !entries[place].watched.enabled,
            6 => entries.reverse(),
            _ => entries[place].watched.label = Some(format!("label {how}")),
        }
    }
}
