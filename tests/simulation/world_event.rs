//! Events that befall the machine, the database file and the watchlist.

use super::plan::{DAY, Entry, HOUR, YEAR};
use super::random::Random;

/// The point at which the process crashes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CrashPoint {
    /// Between two turns.
    Idle,
    /// The claims are committed, and no request was sent.
    Claimed,
    /// Some of the requests were sent.
    HalfSent,
    /// All requests were sent.
    Sent,
    /// A response has arrived and is not settled.
    Answered,
    /// A response was settled.
    Settled,
}

/// An event. Durations are in seconds.
#[derive(Clone, Copy, Debug)]
pub enum WorldEvent {
    /// An edit of the list or the configuration, drawn from this seed.
    Edit(u64),
    /// A reload without an edit.
    Reload,
    /// The list is empty for this long.
    Emptied(i64),
    Crash {
        at: CrashPoint,
        down: i64,
    },
    Stop {
        down: i64,
    },
    /// The machine is suspended.
    Suspend(i64),
    /// The process is stopped (SIGSTOP) while the machine runs on.
    Frozen(i64),
    /// The wall clock is set by this many seconds.
    ClockStep(i64),
    DiskFull(i64),
    Locked(i64),
    /// The file is moved away, and back after this long.
    Moved(i64),
    /// A person requests refreshes, perhaps of an unknown account, drawn from this seed.
    Requested(u64),
    /// The last request is cancelled.
    Cancelled,
    /// A person requests a lookup by name.
    LookUp,
}

impl WorldEvent {
    /// Draws an event, together with the one that undoes it.
    pub fn draw(time: i64, random: &mut Random) -> Vec<(i64, WorldEvent)> {
        let down = random.pick(&[0, 5, 5, HOUR, DAY, 3 * DAY, 25 * DAY]);
        let down = random.between(down / 2, down);
        let event = match random.between(0, 19) {
            0..=3 => WorldEvent::Edit(random.next()),
            4..=6 => {
                let at = random.pick(&[
                    CrashPoint::Idle,
                    CrashPoint::Claimed,
                    CrashPoint::HalfSent,
                    CrashPoint::Sent,
                    CrashPoint::Answered,
                    CrashPoint::Settled,
                ]);
                WorldEvent::Crash { at, down }
            }
            7..=8 => WorldEvent::Stop { down },
            9 => WorldEvent::Suspend(down),
            10 => WorldEvent::Frozen(down),
            11..=12 => return WorldEvent::draw_clock(time, random),
            13 => WorldEvent::DiskFull(down.min(3 * DAY)),
            14 => WorldEvent::Locked(down.min(HOUR)),
            15 => WorldEvent::Moved(down.min(3 * DAY)),
            16 => WorldEvent::LookUp,
            17 => WorldEvent::Emptied(down.min(3 * DAY)),
            _ => WorldEvent::Requested(random.next()),
        };
        vec![(time, event)]
    }

    /// Draws a step of the clock, which may be undone after seconds or days.
    fn draw_clock(time: i64, random: &mut Random) -> Vec<(i64, WorldEvent)> {
        let step = random.pick(&[60, HOUR, 5 * HOUR, DAY, 6 * DAY, YEAR]);
        let step = random.between(step / 2, step) * random.pick(&[1, -1]);
        let mut drawn = vec![(time, WorldEvent::ClockStep(step))];
        if random.chance(85) {
            let longest = random.pick(&[30, DAY, 2 * DAY]);
            drawn.push((time + random.between(10, longest), WorldEvent::ClockStep(-step)));
        }
        drawn
    }

    /// Draws what people do during an outage.
    pub fn draw_impatience(random: &mut Random) -> WorldEvent {
        match random.between(0, 9) {
            0..=3 => WorldEvent::Reload,
            4..=6 => WorldEvent::Requested(random.next()),
            7 => WorldEvent::Stop { down: random.between(0, 3) },
            8 if random.chance(50) => WorldEvent::Cancelled,
            8 => WorldEvent::Emptied(random.between(1, 60)),
            _ => WorldEvent::Edit(random.next()),
        }
    }
}

/// Edits a list at random, as people do.
pub fn edit(entries: &mut Vec<Entry>, removed: &mut Vec<Entry>, most: usize, how: u64) {
    let random = &mut Random::new(how);
    for _ in 0..random.between(1, 3) {
        let index = random.below(entries.len());
        match random.between(0, 8) {
            0 => {
                let number = entries.len() + removed.len();
                if number < most {
                    entries.push(Entry::draw(number, random));
                }
            }
            1 if entries.len() > 1 => removed.push(entries.remove(index)),
            2 if !removed.is_empty() => {
                let entry = removed.remove(random.below(removed.len()));
                entries.insert(index, entry);
            }
            3..=5 => {
                let enabled = entries[index].watched.enabled;
                entries[index] = Entry::draw(entries[index].number(), random);
                entries[index].watched.enabled = enabled;
            }
            6 => entries[index].watched.enabled = !entries[index].watched.enabled,
            7 => entries.reverse(),
            _ => entries[index].watched.label = Some(format!("label {how}")),
        }
    }
}
