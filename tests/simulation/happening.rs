//! What happens to the machine, the file and the list.

use super::plan::{DAY, Entry, HOUR, YEAR};
use super::random::Random;

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

/// What happens. Durations in seconds.
#[derive(Clone, Copy, Debug)]
pub enum Happening {
    /// The list or the configuration is edited; the number says how.
    Edit(u64),
    /// The list is read again as it is.
    Reload,
    /// The list has nobody for a while.
    Emptied(i64),
    Crash {
        at: Step,
        down: i64,
    },
    Stop {
        down: i64,
    },
    /// The machine sleeps.
    Suspend(i64),
    /// The process is stopped, and the machine goes on.
    Frozen(i64),
    /// The wall clock is set.
    ClockStep(i64),
    DiskFull(i64),
    Locked(i64),
    /// The file is moved away, and put back.
    Moved(i64),
    /// A person asks for some refreshes, or for whom nobody knows; the number says for which.
    Requested(u64),
    /// What was asked for is asked for no more.
    Cancelled,
    /// A person asks for an account by its name.
    LookUp,
}

impl Happening {
    /// One, with what undoes it.
    pub fn draw(time: i64, random: &mut Random) -> Vec<(i64, Happening)> {
        let down = random.pick(&[0, 5, 5, HOUR, DAY, 3 * DAY, 25 * DAY]);
        let down = random.between(down / 2, down);
        let happening = match random.between(0, 19) {
            0..=3 => Happening::Edit(random.next()),
            4..=6 => {
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
            10 => Happening::Frozen(down),
            11..=12 => return Happening::draw_clock(time, random),
            13 => Happening::DiskFull(down.min(3 * DAY)),
            14 => Happening::Locked(down.min(HOUR)),
            15 => Happening::Moved(down.min(3 * DAY)),
            16 => Happening::LookUp,
            17 => Happening::Emptied(down.min(3 * DAY)),
            _ => Happening::Requested(random.next()),
        };
        vec![(time, happening)]
    }

    /// A clock that is set: back after some seconds, after days, or not at all.
    fn draw_clock(time: i64, random: &mut Random) -> Vec<(i64, Happening)> {
        let step = random.pick(&[60, HOUR, 5 * HOUR, DAY, 6 * DAY, YEAR]);
        let step = random.between(step / 2, step) * random.pick(&[1, -1]);
        let mut drawn = vec![(time, Happening::ClockStep(step))];
        if random.chance(85) {
            let longest = random.pick(&[30, DAY, 2 * DAY]);
            drawn.push((time + random.between(10, longest), Happening::ClockStep(-step)));
        }
        drawn
    }

    /// What people do while nothing works.
    pub fn draw_impatience(random: &mut Random) -> Happening {
        match random.between(0, 9) {
            0..=3 => Happening::Reload,
            4..=6 => Happening::Requested(random.next()),
            7 => Happening::Stop { down: random.between(0, 3) },
            8 if random.chance(50) => Happening::Cancelled,
            8 => Happening::Emptied(random.between(1, 60)),
            _ => Happening::Edit(random.next()),
        }
    }
}

/// Edits a list the way people do.
pub fn edit(entries: &mut Vec<Entry>, removed: &mut Vec<Entry>, most: usize, how: u64) {
    let random = &mut Random::new(how);
    for _ in 0..random.between(1, 3) {
        let place = random.below(entries.len());
        match random.between(0, 8) {
            0 => {
                let number = entries.len() + removed.len();
                if number < most {
                    entries.push(Entry::draw(number, random));
                }
            }
            1 if entries.len() > 1 => removed.push(entries.remove(place)),
            2 if !removed.is_empty() => {
                let entry = removed.remove(random.below(removed.len()));
                entries.insert(place, entry);
            }
            3..=5 => {
                let enabled = entries[place].watched.enabled;
                entries[place] = Entry::draw(entries[place].number(), random);
                entries[place].watched.enabled = enabled;
            }
            6 => entries[place].watched.enabled = !entries[place].watched.enabled,
            7 => entries.reverse(),
            _ => entries[place].watched.label = Some(format!("label {how}")),
        }
    }
}
