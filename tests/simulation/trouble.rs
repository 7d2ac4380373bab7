//! Whose trouble it is, according to runs of consecutive failed calls.
//!
//! The calls do not always show it. So a run is *certainly* shared by all accounts, *possibly*, or
//! not. The model requires what follows if it is certain, and permits what follows if it is
//! possible.

use std::collections::BTreeSet;

use super::plan::HOUR;
use super::promise::{Promise, Violation, ensure};
use super::vendor::{Kind, Nature};

/// How many accounts in trouble make it shared.
const ACCOUNTS_TO_SHARE: usize = 3;

/// How many probes an hour are permitted, in addition to early ones. In trouble of mixed kinds, the
/// delays after those that cost nothing and after those that may cost a credit each grow on their
/// own: at most 13 fit into the first hour. Those of accounts that have not failed have delays of their
/// own, and some of the others fit in between.
const MAX_PROBES_PER_HOUR: usize = 22;

/// The result of a call.
#[derive(Clone, Debug)]
pub struct End<'a> {
    pub account: &'a str,
    pub kind: Kind,
    /// Whether its `Date` contradicts the machine's clock.
    pub contradicts: bool,
    /// Its line in the ledger.
    pub line: i64,
    /// Whether the account was not failing before.
    pub was_well: bool,
    /// The accounts that are being called now; `None` for a lookup.
    pub pending: Vec<Option<String>>,
}

/// A run of failed calls without an ok between them.
#[derive(Clone, Debug, Default)]
struct Run {
    since: Option<i64>,
    /// When the last of them was claimed or ended.
    last: i64,
    well_before: BTreeSet<String>,
    all: BTreeSet<String>,
    /// The newest line when it was first certainly shared.
    certain: Option<i64>,
    /// The newest line by which the breaker has opened, if it did, and was not closed since.
    opened_by: Option<i64>,
    /// The newest line when it was first possibly shared.
    possible: Option<i64>,
    /// Whether one of them may have cost a credit.
    is_costly: bool,
    /// By how much the clock was set back since, which prolongs delays.
    set_back: i64,
}

/// The present and past runs of trouble.
#[derive(Debug, Default)]
pub struct Trouble {
    run: Run,
    /// The number of the run.
    pub number: u64,
    certain: BTreeSet<u64>,
    possible: BTreeSet<u64>,
    /// Claims during certainly shared trouble, in the world's seconds.
    probes: Vec<i64>,
    /// Actions that may allow an early probe, in the world's seconds.
    forced: Vec<i64>,
}

impl Trouble {
    pub fn was_certainly_shared(&self, run: u64) -> bool {
        self.certain.contains(&run)
    }

    pub fn was_possibly_shared(&self, run: u64) -> bool {
        self.possible.contains(&run)
    }

    /// Returns whether this run or a later one was possibly shared.
    pub fn was_possibly_shared_since(&self, run: u64) -> bool {
        self.possible.range(run..).next().is_some()
    }

    pub fn is_possibly_shared(&self) -> bool {
        self.run.possible.is_some()
    }

    /// Returns whether the account was not failing before the trouble began.
    pub fn was_well_before(&self, id: &str) -> bool {
        self.run.well_before.contains(id)
    }

    /// Returns by when the next probe must be sent. The delay is limited to a multiple of the time
    /// that the trouble has lasted (whose kinds may differ in cost), and to one or six hours.
    pub fn probe_by(&self) -> Option<i64> {
        let (_, since) = (self.run.possible?, self.run.since?);
        let most = if self.run.is_costly { 6 * HOUR } else { HOUR };
        let wait = most.min(7 * (self.run.last - since) + 150);
        Some(self.run.last + wait + self.run.set_back.min(wait))
    }

    /// Records that the clock was set back, which may prolong the present delay by as much.
    pub fn set_back(&mut self, seconds: i64) {
        self.run.set_back += seconds;
    }

    /// Records an action that may allow an early probe.
    pub fn force(&mut self, time: i64) {
        self.forced.push(time);
        if self.forced.len() > 1000 {
            self.forced.drain(..500);
        }
    }

    /// Records the end of a call at `time`, in seconds, when `newest` was the newest line, with
    /// `watched` accounts of which `failing` had failed before. If this ends a run that was
    /// certainly shared, returns its number and the accounts that were certainly part of it.
    pub fn ended(
        &mut self,
        end: &End<'_>,
        watched: usize,
        failing: usize,
        newest: i64,
        time: i64,
    ) -> Option<(u64, BTreeSet<String>)> {
        let nature = end.kind.nature();
        if nature == Nature::Throttled && !end.contradicts {
            return None;
        }
        if nature == Nature::Served && !end.contradicts {
            if self.run.opened_by.is_some_and(|opened| end.line <= opened) {
                // A breaker that had opened by then ignores it. One that had not is closed, and the
                // run has ended.
                let was_open = self.run.possible.is_some_and(|opened| end.line <= opened);
                if !was_open || self.run.certain.is_none() {
                    self.certain.remove(&self.number);
                    self.run.certain = None;
                    self.run.well_before.clear();
                    self.run.all.clear();
                }
                return None;
            }
            let over = self.run.certain.map(|_| (self.number, self.run.well_before.clone()));
            // An account that was failing before need not have been part of it.
            self.certain.remove(&self.number);
            self.number += 1;
            self.run = Run::default();
            self.probes.clear();
            return over;
        }
        let run = &mut self.run;
        run.since.get_or_insert(time);
        run.last = run.last.max(time);
        run.is_costly |= end.contradicts || matches!(nature, Nature::Paid | Nature::Unknown);
        run.all.insert(end.account.to_owned());
        // A crash says nothing about the vendor, nor does the trouble of an account that was failing
        // before: it does not make the trouble of those that are left everyone's, once the list is
        // shorter.
        let is_evidence = end.was_well && end.kind != Kind::Lost;
        if is_evidence {
            run.well_before.insert(end.account.to_owned());
        }
        // What is being called will tell soon, also of an account whose trouble was long ago.
        let is_everyone = is_evidence
            && watched.max(1) <= run.well_before.len()
            && failing == 0
            && end.pending.is_empty();
        let is_over = |id: &&String| !end.pending.contains(&Some((*id).clone()));
        let is_shared = run.well_before.iter().filter(is_over).count() >= ACCOUNTS_TO_SHARE;
        let is_contradicted = end.contradicts && nature == Nature::Served && end.was_well;
        let was_certain = run.certain.is_some();
        if is_shared || is_everyone || is_contradicted {
            run.certain.get_or_insert(newest);
            self.certain.insert(self.number);
        }
        let is_possible = end.contradicts
            || run.all.len() >= ACCOUNTS_TO_SHARE.min(watched.saturating_sub(failing)).max(1);
        if run.certain.is_some() || is_possible {
            run.possible.get_or_insert(newest);
            self.possible.insert(self.number);
            if !was_certain {
                run.opened_by = Some(newest);
            }
        }
        None
    }

    /// Checks a claim at `time`, in seconds, with this many calls in flight that were claimed since
    /// the trouble was certainly shared.
    pub fn claimed(&mut self, time: i64, in_flight: usize) -> Result<(), Violation> {
        self.run.last = self.run.last.max(time);
        if self.run.certain.is_none() {
            return Ok(());
        }
        ensure(in_flight == 0, Promise::FewProbes, || {
            format!("a probe while {in_flight} others are in flight")
        })?;
        self.probes.push(time);
        let within = |times: &[i64], span: i64| {
            times.iter().rev().take_while(|at| **at > time - span).count()
        };
        let hour = within(&self.probes, HOUR);
        let forced = within(&self.forced, HOUR + 60).min(60);
        ensure(hour <= MAX_PROBES_PER_HOUR + forced, Promise::FewProbes, || {
            format!("{hour} probes in an hour, {forced} of them early")
        })?;
        // With delays growing from ten seconds there are three in the first minute, and an early
        // one.
        let minute = within(&self.probes, 60);
        ensure(minute <= 4 + usize::from(forced > 0), Promise::FewProbes, || {
            format!("{minute} probes in a minute")
        })
    }

    /// The newest line when it was first certainly shared.
    pub fn certain_after(&self) -> Option<i64> {
        self.run.certain
    }
}
