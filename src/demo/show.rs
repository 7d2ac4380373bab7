//! The demo's output: a line for each event, a line for each month, and a progress bar.

use std::collections::{HashMap, HashSet};
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::clock::Time;
use crate::demo::creators::{CREATORS, NEWCOMER, VIRAL_LABEL};
use crate::demo::year::{Year, YearEvent};
use crate::demo::{DemoError, Pace};
use crate::engine::Event;
use crate::printable::Printable;
use crate::report::Grouped;
use crate::store::{Cause, Outcome};

const DAY: i64 = 24 * 3600;

/// The time without calls after which a round of them is over, in seconds.
const ROUND: i64 = 600;

pub(super) struct Show<'a> {
    out: &'a mut dyn Write,
    bar: ProgressBar,
    start: Time,
    month: Month,
    /// The latest followers by account.
    last: HashMap<String, i64>,
    /// The accounts whose failure was already shown.
    failing: HashSet<String>,
    round: Round,
    is_vendor_down: bool,
}

/// The totals of a month so far.
#[derive(Default)]
struct Month {
    snapshots: usize,
    spent: usize,
}

/// Calls shortly after one another, which share a line.
#[derive(Default)]
struct Round {
    first: usize,
    caught_up: usize,
}

impl<'a> Show<'a> {
    pub fn new(year: &Year, pace: Pace, out: &'a mut dyn Write) -> Show<'a> {
        let target = match pace == Pace::Watched && io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let days = u64::try_from(year.end.since(year.start) / DAY).unwrap_or(0);
        let bar = ProgressBar::with_draw_target(Some(days), target);
        let style = ProgressStyle::with_template("{bar:40} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Show {
            out,
            bar,
            start: year.start,
            month: Month::default(),
            last: HashMap::new(),
            failing: HashSet::new(),
            round: Round::default(),
            is_vendor_down: false,
        }
    }

    pub fn begin(&mut self) -> Result<(), DemoError> {
        let count = CREATORS.len();
        let written = writeln!(
            self.out,
            "A year of {count} accounts, refreshed by growthd from a simulated API on loopback:\n\
             nine of them each Monday, two every day. Only the clock is fast.\n"
        );
        written.map_err(DemoError::Output)
    }

    pub fn close(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&mut self, time: Time, text: &str) -> Result<(), DemoError> {
        let day = time.utc().date();
        // Redraws the bar below the line.
        let written = self.bar.suspend(|| writeln!(self.out, "{day}  {text}"));
        written.map_err(DemoError::Output)
    }

    /// Advances from `now` to `next`.
    pub fn advance(&mut self, now: Time, next: Time) -> Result<(), DemoError> {
        self.bar.set_position(u64::try_from(next.since(self.start) / DAY).unwrap_or(0));
        self.bar.set_message(next.utc().date().to_string());
        if next.since(now) < ROUND {
            return Ok(());
        }
        let round = std::mem::take(&mut self.round);
        if round.first > 1 {
            self.line(now, &format!("{} accounts have their first snapshot", round.first))?;
        }
        if round.caught_up > 0 {
            let count = round.caught_up;
            self.line(
                now,
                &format!("caught up: {count} calls, one for each account that missed a slot"),
            )?;
        }
        Ok(())
    }

    pub fn year_event(&mut self, time: Time, event: YearEvent) -> Result<(), DemoError> {
        let text = match event {
            YearEvent::MonthEnds => return self.month_ends(time),
            YearEvent::ByHand { is_first: false } => return Ok(()),
            YearEvent::Renamed => {
                "@sourdough_robot calls itself @sourdough.robotics from now on".to_owned()
            }
            YearEvent::MachineOff => "the machine is switched off, for three weeks".to_owned(),
            YearEvent::MachineOn => "the machine is on again: three Mondays were missed".to_owned(),
            YearEvent::VendorDown => "the vendor is down for the evening".to_owned(),
            YearEvent::VendorUp => "the vendor is back; the next probe will find out".to_owned(),
            YearEvent::Viral => format!("a video of {VIRAL_LABEL} goes viral"),
            YearEvent::Added => format!("{} joins the watchlist", NEWCOMER.label),
            YearEvent::ByHand { is_first: true } => {
                "a campaign: client-a is refreshed by hand too, for two weeks".to_owned()
            }
            YearEvent::Vanished => "Comet Watch deletes its account".to_owned(),
            YearEvent::ClocksChange { hours, six_is } => {
                let way = if hours > 0 { "forward" } else { "back" };
                format!("the clocks go {way}: Monday 06:00 in Berlin is 0{six_is}:00 UTC now")
            }
        };
        self.line(time, &text)
    }

    fn month_ends(&mut self, time: Time) -> Result<(), DemoError> {
        let total: i64 = self.last.values().sum();
        let Month { snapshots, spent } = self.month;
        let total = Grouped(total);
        let text = format!("month: {snapshots} snapshots, {spent} credits; {total} followers");
        self.month = Month::default();
        self.line(time, &text)
    }

    pub fn event(&mut self, now: Time, event: &Event) -> Result<(), DemoError> {
        match event {
            Event::Settled { id, cause, outcome, spent, error, followers, .. } => {
                self.month.spent += usize::from(*spent);
                let label = label(id.as_str());
                if *outcome == Outcome::Ok {
                    self.month.snapshots += 1;
                    self.round.first += usize::from(*cause == Cause::First);
                    self.round.caught_up += usize::from(*cause == Cause::CatchUp);
                    self.failing.remove(id.as_str());
                    return self.measured(now, id.as_str(), label, *followers);
                }
                let is_new = !self.is_vendor_down && self.failing.insert(id.as_str().to_owned());
                match error {
                    Some(error) if is_new => {
                        self.line(now, &format!("{label}: {}", Printable(error)))
                    }
                    _ => Ok(()),
                }
            }
            Event::BreakerOpened(_) => {
                self.is_vendor_down = true;
                let text = "the breaker opens: the vendor is failing, so only probes are sent";
                self.line(now, text)
            }
            Event::BreakerClosed { since } => {
                let minutes = now.since(*since) / 60;
                let (hours, minutes) = (minutes / 60, minutes % 60);
                self.is_vendor_down = false;
                self.line(now, &format!("the breaker closes after {hours} h {minutes} min"))
            }
            Event::BudgetSpent(until) => self.line(
                now,
                &format!("the budget is spent: due accounts wait until {}", until.utc().date()),
            ),
            _ => Ok(()),
        }
    }

    fn measured(
        &mut self,
        now: Time,
        id: &str,
        label: &str,
        followers: Option<i64>,
    ) -> Result<(), DemoError> {
        let Some(followers) = followers else { return Ok(()) };
        let before = self.last.get(id).copied();
        if let Some(before) = before
            && followers == 0
            && before > 0
        {
            let before = Grouped(before);
            return self
                .line(now, &format!("{label}: 0 followers after {before}? Kept, but suspect"));
        }
        self.last.insert(id.to_owned(), followers);
        match before {
            // A gain of a quarter in one step is unusual.
            Some(before) if followers > before + before / 4 => {
                let (before, followers) = (Grouped(before), Grouped(followers));
                self.line(now, &format!("{label}: {followers} followers, after {before}"))
            }
            None if id == NEWCOMER.id => self.line(
                now,
                &format!("{label}: {} followers, its first snapshot", Grouped(followers)),
            ),
            _ => Ok(()),
        }
    }
}

fn label(id: &str) -> &str {
    let known = CREATORS.iter().chain([&NEWCOMER]).find(|creator| creator.id == id);
    known.map_or(id, |creator| creator.label)
}
