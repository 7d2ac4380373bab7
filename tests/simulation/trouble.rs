//! Whose trouble it is, as far as the vendor's own record tells: runs of calls that came to
//! nothing, one after the other.
//!
//! The record cannot always tell. So a run is *surely* everybody's, *perhaps*, or not; what is
//! sure is demanded, and what is perhaps so is allowed.

use std::collections::BTreeSet;

use super::plan::HOUR;
use super::promise::{Broken, Promise, hold};
use super::vendor::{Kind, Nature};

/// How many accounts in trouble make it everybody's.
const MANY: usize = 3;

/// How many calls an hour are a few, beside those that somebody's doing forces.
const FEW: usize = 14;

/// The end of a call.
#[derive(Clone, Debug)]
pub struct End<'a> {
    pub account: &'a str,
    pub kind: Kind,
    /// Whether its `Date` contradicts the machine's clock.
    pub contradicts: bool,
    /// When it left, in the world's milliseconds.
    pub left: i64,
    /// Whether the account had been well before: its last call was ok, or it had none.
    pub was_well: bool,
}

/// Calls without an ok between them.
#[derive(Clone, Debug, Default)]
struct Run {
    since: Option<i64>,
    /// When the last of them left or ended.
    last: i64,
    well_before: BTreeSet<String>,
    all: BTreeSet<String>,
    /// Since when it is everybody's trouble for sure, in the world's milliseconds.
    sure: Option<i64>,
    /// Since when it may be.
    perhaps: Option<i64>,
    /// Whether asking may have cost something.
    is_costly: bool,
    /// By how much the clock was set back since: waits go by it.
    set_back: i64,
}

/// The trouble there is, and the trouble there was.
#[derive(Debug, Default)]
pub struct Trouble {
    run: Run,
    /// The number of the run.
    pub number: u64,
    sure: BTreeSet<u64>,
    perhaps: BTreeSet<u64>,
    /// Claims made while it was everybody's for sure, in the world's seconds.
    probes: Vec<i64>,
    /// When somebody did what may force a probe, in the world's seconds.
    forced: Vec<i64>,
}

impl Trouble {
    pub fn was_surely_shared(&self, run: u64) -> bool {
        self.sure.contains(&run)
    }

    pub fn was_perhaps_shared(&self, run: u64) -> bool {
        self.perhaps.contains(&run)
    }

    pub fn is_perhaps_shared(&self) -> bool {
        self.run.perhaps.is_some()
    }

    /// Whether the account was well before the trouble began.
    pub fn began_well(&self, id: &str) -> bool {
        self.run.well_before.contains(id)
    }

    /// Until when the next probe may be waited for. A wait is no longer than some times what the
    /// trouble has lasted, where one of its kinds costs nothing and the other may, and an hour or
    /// six at most.
    pub fn probe_by(&self) -> Option<i64> {
        let (_, since) = (self.run.perhaps?, self.run.since?);
        let most = if self.run.is_costly { 6 * HOUR } else { HOUR };
        let wait = most.min(7 * (self.run.last - since) + 150);
        Some(self.run.last + wait + self.run.set_back.min(wait))
    }

    /// The clock was set back by so many seconds: a wait that is left of it is no shorter.
    pub fn set_back(&mut self, seconds: i64) {
        self.run.set_back += seconds;
    }

    /// Somebody did what may force a probe.
    pub fn force(&mut self, time: i64) {
        self.forced.push(time);
        if self.forced.len() > 1000 {
            self.forced.drain(..500);
        }
    }

    /// A call came to its end at `ended`, in milliseconds; `watched` accounts there are to ask, of
    /// whom so many were `failing` already. Answers the run that is over, if it was surely
    /// everybody's, and who took part in it for sure.
    pub fn ended(
        &mut self,
        end: &End<'_>,
        watched: usize,
        failing: usize,
        ended: i64,
    ) -> Option<(u64, BTreeSet<String>)> {
        let nature = end.kind.nature();
        if nature == Nature::Throttled && !end.contradicts {
            return None;
        }
        if nature == Nature::Served && !end.contradicts {
            if self.run.perhaps.is_some_and(|opened| end.left < opened) {
                return None;
            }
            let over = self.run.sure.map(|_| (self.number, self.run.well_before.clone()));
            // Who was failing before need not have taken part.
            self.sure.remove(&self.number);
            self.number += 1;
            self.run = Run::default();
            self.probes.clear();
            return over;
        }
        let run = &mut self.run;
        let time = ended.div_euclid(1000);
        run.since.get_or_insert(time);
        run.last = run.last.max(time);
        run.is_costly |= end.contradicts || matches!(nature, Nature::Paid | Nature::Unknown);
        run.all.insert(end.account.to_owned());
        // Nobody need believe that a crash is the vendor's trouble.
        if end.was_well && end.kind != Kind::Lost {
            run.well_before.insert(end.account.to_owned());
        }
        let everybody = watched.max(1) <= run.well_before.len() && failing == 0;
        let is_contradicted = end.contradicts && nature == Nature::Served && end.was_well;
        if run.well_before.len() >= MANY || everybody || is_contradicted {
            run.sure.get_or_insert(ended);
            self.sure.insert(self.number);
        }
        if run.sure.is_some()
            || end.contradicts
            || run.all.len() >= MANY.min(watched.saturating_sub(failing)).max(1)
        {
            run.perhaps.get_or_insert(ended);
            self.perhaps.insert(self.number);
        }
        None
    }

    /// A call is claimed at `time`, in seconds, while so many of those claimed since the trouble
    /// was everybody's are on their way.
    pub fn claimed(&mut self, time: i64, on_their_way: usize) -> Result<(), Broken> {
        self.run.last = self.run.last.max(time);
        if self.run.sure.is_none() {
            return Ok(());
        }
        hold(on_their_way == 0, Promise::FewProbes, || {
            format!("a probe while {on_their_way} others are on their way")
        })?;
        self.probes.push(time);
        let within = |times: &[i64], span: i64| {
            times.iter().rev().take_while(|at| **at > time - span).count()
        };
        let hour = within(&self.probes, HOUR);
        let forced = within(&self.forced, HOUR + 60).min(60);
        hold(hour <= FEW + forced, Promise::FewProbes, || {
            format!("{hour} probes in an hour, {forced} of them forced")
        })?;
        // Growing from ten seconds there are three in the first minute, and one that is forced.
        let minute = within(&self.probes, 60);
        hold(minute <= 4 + usize::from(forced > 0), Promise::FewProbes, || {
            format!("{minute} probes in a minute")
        })
    }

    /// Since when it is everybody's trouble for sure, in the world's milliseconds.
    pub fn sure_since(&self) -> Option<i64> {
        self.run.sure
    }
}
