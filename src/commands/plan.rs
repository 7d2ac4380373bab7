//! `growthd plan`: the next runs, account by account.

use std::collections::HashMap;
use std::io::{self, Write};
use std::rc::Rc;

use serde_json::{Value, json};

use crate::clock::{self, Time};
use crate::commands::{CommandError, Done, print_json};
use crate::config::Config;
use crate::report::{In, Shown, Table};
use crate::schedule::{Timetable, spread_offset};
use crate::store::{AccountStatus, Extent, Reader};

/// How many runs of an account are shown.
const RUNS: usize = 3;

/// Prints what runs when.
pub fn plan(config: &Config, as_json: bool) -> Result<Done, CommandError> {
    let now = clock::now().time();
    let mut reader = Reader::open(&config.database.path)?;
    let mut accounts = reader.look()?.statuses(Extent::All, now)?;
    accounts.retain(|account| account.next_due.is_some());
    accounts.sort_by_key(|account| account.next_due);
    let mut known = Known::default();
    let planned: Vec<(&AccountStatus, Rc<[Time]>)> =
        accounts.iter().map(|account| (account, known.runs(account, now))).collect();
    if as_json {
        print_json(&Value::Array(
            planned.iter().map(|(account, runs)| entry(account, runs)).collect(),
        ))?;
        return Ok(Done::Well);
    }
    let mut out = io::stdout().lock();
    if planned.is_empty() {
        writeln!(out, "no account is watched: add an [[account]] to {}", config.path.display())?;
        return Ok(Done::Well);
    }
    let mut table = Table::new(&["ACCOUNT", "LABEL", "NEXT", "", "WHY", "THEN"]);
    for (account, runs) in planned {
        let first = runs.first().copied().unwrap_or(now);
        let label = account.label.as_deref().or(account.username.as_deref()).unwrap_or_default();
        table.row([
            account.id.to_string(),
            Shown(label).to_string(),
            first.to_string(),
            In { time: first, now }.to_string(),
            why(account).to_owned(),
            runs.get(1).map(ToString::to_string).unwrap_or_default(),
        ]);
    }
    write!(out, "{table}")?;
    Ok(Done::Well)
}

/// The runs of accounts that share pattern, zone, place in the spread and next run: of a long
/// list nearly all do.
#[derive(Default)]
struct Known<'a> {
    timetable: Timetable,
    runs: HashMap<(&'a str, &'a str, i64, Time), Rc<[Time]>>,
}

impl<'a> Known<'a> {
    /// When the account is tried next, and its slots after that.
    fn runs(&mut self, account: &'a AccountStatus, now: Time) -> Rc<[Time]> {
        let Some(next) = account.next_due else { return Rc::new([]) };
        let offset = spread_offset(&account.id, account.spread);
        let (cron, zone) = (account.cron.as_str(), account.timezone.as_str());
        let timetable = &mut self.timetable;
        let runs = self.runs.entry((cron, zone, offset, next)).or_insert_with(|| {
            let mut runs = vec![next];
            let mut after = next.max(now);
            while runs.len() < RUNS {
                match timetable.place(cron, zone, offset, after) {
                    Ok(place) => after = place.next,
                    Err(_) => break,
                }
                runs.push(after);
            }
            runs.into()
        });
        runs.clone()
    }
}

fn why(account: &AccountStatus) -> &'static str {
    match account {
        account if account.is_in_flight => "in flight",
        account if account.tries > 0 => "retry",
        account if account.owed_since.is_none() => "schedule",
        account if account.last.is_none() => "first",
        _ => "due",
    }
}

fn entry(account: &AccountStatus, runs: &[Time]) -> Value {
    json!({
        "account_id": account.id.as_str(),
        "label": account.label,
        "username": account.username,
        "cron": account.cron,
        "timezone": account.timezone,
        "why": why(account),
        "next_time": runs.first().map(|time| time.0),
        "next_utc": runs.first().map(ToString::to_string),
        "runs": runs.iter().map(|time| json!({"time": time.0, "time_utc": time.to_string()})).collect::<Vec<_>>(),
    })
}
