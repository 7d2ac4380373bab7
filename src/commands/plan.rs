//! `growthd plan`: the next runs, account by account.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};

use serde::Serialize;

use crate::cli::PlanArgs;
use crate::clock::{self, Time};
use crate::commands::period::check_selection;
use crate::commands::{CommandError, Done, as_text, print_json_list};
use crate::config::{Config, Settings};
use crate::engine::{Hold, Holds};
use crate::printable::Printable;
use crate::report::{ALWAYS_SHOWN, Column, Shape, Table, TimeUntil, counted, terminal};
use crate::schedule::{ScheduleCache, spread_offset};
use crate::selection::Selection;
use crate::store::{AccountStatus, Extent, Reader};

/// How many runs of each account are computed.
const RUNS: usize = 3;

/// Prints the next runs.
pub fn plan(settings: &Settings, args: &PlanArgs) -> Result<Done, CommandError> {
    let now = clock::now().time();
    let mut reader = Reader::open(&settings.database.path)?;
    let selection = args.selection.selection();
    let tx = reader.begin_read()?;
    check_selection(&tx, &selection)?;
    let mut accounts = tx.statuses(&selection, Extent::All, now)?;
    let listed = accounts.len();
    accounts.retain(|account| account.next_due.is_some());
    accounts.sort_by_key(|account| account.next_due);
    let holds = Holds::read(&tx, settings.budget.as_ref(), now)?;
    let mut known = Known { holds, schedules: ScheduleCache::default(), following: HashMap::new() };
    if args.json {
        print_json_list(accounts.iter().map(|account| {
            let (runs, hold) = known.runs(account, now);
            entry(account, runs, hold)
        }))?;
        return Ok(Done::Well);
    }
    let mut out = BufWriter::new(io::stdout().lock());
    if accounts.is_empty() {
        writeln!(out, "{}", why_none(settings, &selection, listed, now))?;
        return Ok(out.flush().map(|()| Done::Well)?);
    }
    let mut table = Table::new([
        Column::new("ACCOUNT", Shape::Text, ALWAYS_SHOWN),
        Column::new("NAME", Shape::Name, ALWAYS_SHOWN),
        Column::new("NEXT", Shape::Text, ALWAYS_SHOWN),
        Column::new("", Shape::Text, 1),
        Column::new("WHY", Shape::Text, 2),
        Column::new("THEN", Shape::Text, 0),
    ]);
    for account in &accounts {
        let (runs, hold) = known.runs(account, now);
        let first = runs.first().copied().unwrap_or(now);
        table.row([
            account.id.to_string(),
            account.name.clone(),
            first.to_string(),
            TimeUntil { time: first, now }.to_string(),
            why(account, hold).to_owned(),
            runs.get(1).map(ToString::to_string).unwrap_or_default(),
        ]);
    }
    write!(out, "{}", table.narrowed(terminal::width()))?;
    Ok(out.flush().map(|()| Done::Well)?)
}

/// Returns why no run is planned, although `disabled` selected accounts are known to the database.
fn why_none(settings: &Settings, selection: &Selection, disabled: usize, now: Time) -> String {
    let path = Printable(&settings.path.to_string_lossy()).to_string();
    if !selection.is_everything() {
        return match disabled {
            0 => format!("no account{selection} is watched"),
            _ => format!("every account{selection} is disabled ({disabled})"),
        };
    }
    // Only here is the list read: it may be long.
    let listed = Config::load(&settings.path, now)
        .map(|config| config.accounts.iter().filter(|account| account.enabled).count());
    match listed {
        Ok(0) | Err(_) if disabled > 0 => format!("every account is disabled ({disabled})"),
        Ok(0) => format!(
            "no account is watched yet: add an [[account]] to {path}, and reload the daemon if one runs"
        ),
        Ok(1) => format!("1 account in {path} will be refreshed once `growthd run` has read it"),
        Ok(more) => format!(
            "{} in {path} will be refreshed once `growthd run` has read them",
            counted(more, "account")
        ),
        Err(_) => format!(
            "no account is watched yet: correct the list of accounts in {path}, see `growthd check`"
        ),
    }
}

/// A cache of the occurrence that follows another, by pattern and zone. Nearly all accounts of a long
/// list share these and differ only in their offset within the spread.
struct Known<'a> {
    holds: Holds,
    schedules: ScheduleCache,
    following: HashMap<(&'a str, &'a str, Time), Option<Time>>,
}

impl<'a> Known<'a> {
    /// Returns when the account is tried next and its slots after that, and what holds it back.
    fn runs(&mut self, account: &'a AccountStatus, now: Time) -> (Vec<Time>, Option<Hold>) {
        let Some((next, hold)) = self.holds.next(account) else { return (Vec::new(), None) };
        let offset = spread_offset(&account.id, account.spread);
        let mut runs = vec![next];
        let mut after = next.max(now);
        while runs.len() < RUNS {
            match self.following(&account.cron, &account.timezone, after.plus(-offset)) {
                Some(occurrence) => after = occurrence.plus(offset),
                None => break,
            }
            runs.push(after);
        }
        (runs, hold)
    }

    /// Returns the first occurrence after `time`.
    fn following(&mut self, cron: &'a str, zone: &'a str, time: Time) -> Option<Time> {
        let schedules = &mut self.schedules;
        let next = || schedules.window(cron, zone, 0, time).ok().map(|window| window.next);
        *self.following.entry((cron, zone, time)).or_insert_with(next)
    }
}

fn why(account: &AccountStatus, hold: Option<Hold>) -> &'static str {
    if let Some(hold) = hold {
        return hold.as_str();
    }
    match account {
        account if account.is_in_flight => "in flight",
        account if account.tries > 0 => "retry",
        account if account.owed_since.is_none() => "schedule",
        account if account.last.is_none() => "first",
        _ => "due",
    }
}

/// An account in JSON, with members in alphabetical order as in all other output.
#[derive(Serialize)]
struct Entry<'a> {
    account_id: &'a str,
    cron: &'a str,
    label: Option<&'a str>,
    name: &'a str,
    next_time: Option<i64>,
    next_utc: Option<String>,
    runs: Vec<Run>,
    timezone: &'a str,
    username: Option<&'a str>,
    why: &'static str,
}

#[derive(Serialize)]
struct Run {
    time: i64,
    #[serde(serialize_with = "as_text")]
    time_utc: Time,
}

fn entry(account: &AccountStatus, runs: Vec<Time>, hold: Option<Hold>) -> Entry<'_> {
    let next = runs.first();
    Entry {
        account_id: account.id.as_str(),
        cron: &account.cron,
        label: account.label.as_deref(),
        name: &account.name,
        next_time: next.map(|time| time.0),
        next_utc: next.map(ToString::to_string),
        runs: runs.into_iter().map(|time| Run { time: time.0, time_utc: time }).collect(),
        timezone: &account.timezone,
        username: account.username.as_deref(),
        why: why(account, hold),
    }
}
