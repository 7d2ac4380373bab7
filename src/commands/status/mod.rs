//! `growthd status`: how everything stands.

mod json;

use std::io::{self, Write};

use crate::budget::Days1970;
use crate::clock::{self, Time};
use crate::commands::{CommandError, Done, print_json};
use crate::config::Config;
use crate::engine::{Breaker, OpenBreaker};
use crate::report::{Ago, Grouped, In, Printable, Table};
use crate::store::{AccountStatus, Extent, Reader, SCHEMA_VERSION, Totals, Wait, is_in_use};

/// Up to this many accounts are listed one by one; of a longer list, those that need a look.
const LISTED: u64 = 100;

/// How the status is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// To a person.
    Text,
    /// As one JSON value.
    Json,
    /// To a person, and only what needs attention.
    Quiet,
}

/// Everything a status tells.
struct Status<'a> {
    config: &'a Config,
    now: Time,
    is_running: bool,
    totals: Totals,
    breaker: Option<OpenBreaker>,
    wait: Option<Wait>,
    budget: Option<BudgetUse>,
    accounts: Vec<AccountStatus>,
}

/// What of the budget is used.
struct BudgetUse {
    refreshes: u64,
    per: &'static str,
    spent: u64,
    until: Time,
}

/// Tells how everything stands.
pub fn status(config: &Config, form: Form) -> Result<Done, CommandError> {
    let now = clock::now().time();
    let mut reader = Reader::open(&config.database.path)?;
    let look = reader.look()?;
    let totals = look.totals()?;
    let extent = match form {
        Form::Json => Extent::All,
        Form::Text if totals.listed <= LISTED => Extent::All,
        Form::Text | Form::Quiet => Extent::Attention,
    };
    let budget = match &config.budget {
        None => None,
        Some(budget) => {
            let period = budget.period(now);
            let Days1970 { from, to } = period;
            let per = budget.per.as_str();
            let spent = look.spent(from, to)?;
            Some(BudgetUse { refreshes: budget.refreshes, per, spent, until: period.end() })
        }
    };
    let status = Status {
        config,
        now,
        is_running: is_in_use(&config.database.path),
        totals,
        breaker: Breaker::read(&look)?.as_open().cloned(),
        wait: look.wait()?.filter(|wait| wait.until > now),
        budget,
        accounts: look.statuses(extent, now)?,
    };
    match form {
        Form::Json => print_json(&json::Answer::of(&status))?,
        Form::Text => status.print(&mut io::stdout().lock())?,
        Form::Quiet => status.print_attention(&mut io::stdout().lock())?,
    }
    Ok(if status.needs_attention() { Done::Attention } else { Done::Well })
}

impl Status<'_> {
    fn overdue(&self) -> impl Iterator<Item = &AccountStatus> {
        self.accounts.iter().filter(|account| account.is_overdue(self.now))
    }

    fn failing(&self) -> impl Iterator<Item = &AccountStatus> {
        self.accounts.iter().filter(|account| account.failing_since.is_some())
    }

    /// Tried in vain, and neither late nor given up yet.
    fn retrying(&self) -> impl Iterator<Item = &AccountStatus> {
        let is_listed = |account: &AccountStatus| {
            account.is_overdue(self.now) || account.failing_since.is_some()
        };
        self.accounts.iter().filter(move |account| account.tries > 0 && !is_listed(account))
    }

    fn needs_attention(&self) -> bool {
        self.breaker.as_ref().is_some_and(|open| !open.is_about_to_tell())
            || self.overdue().next().is_some()
            || self.failing().next().is_some()
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let Totals { listed, watched, in_flight, snapshots, .. } = self.totals;
        let daemon = if self.is_running { "running" } else { "not running" };
        writeln!(out, "daemon     {daemon}")?;
        writeln!(
            out,
            "database   {} (schema {SCHEMA_VERSION})",
            self.config.database.path.display()
        )?;
        let disabled = listed.saturating_sub(watched);
        writeln!(out, "accounts   {watched} watched, {disabled} disabled, {in_flight} in flight")?;
        let last = self.totals.last_snapshot;
        let last = last.map(|time| format!(", the last {}", Ago { time, now: self.now }));
        writeln!(out, "snapshots  {snapshots}{}", last.unwrap_or_default())?;
        let next = self.totals.next_due.map_or("nothing is due".to_owned(), |time| {
            format!("{time} ({})", In { time, now: self.now })
        });
        writeln!(out, "next       {next}")?;
        writeln!(out, "budget     {}", self.budget_line())?;
        if let Some(wait) = &self.wait {
            writeln!(
                out,
                "waiting    until {}, as the vendor asks: {}",
                wait.until,
                Printable(&wait.reason)
            )?;
        }
        self.print_attention(out)?;
        for account in self.retrying() {
            let error = account.last_error.as_deref().unwrap_or_default();
            let next = account.next_due.map(|time| In { time, now: self.now }.to_string());
            let next = next.unwrap_or_default();
            writeln!(out, "retrying   {} {next}: {}", name(account), Printable(error))?;
        }
        if self.totals.listed <= LISTED && !self.accounts.is_empty() {
            writeln!(out)?;
            write!(out, "{}", self.table())?;
        }
        Ok(())
    }

    fn budget_line(&self) -> String {
        match &self.budget {
            None => "none: nothing caps what is spent".to_owned(),
            Some(BudgetUse { refreshes, per, spent, until }) => {
                format!("{spent} of {refreshes} spent this {per}; it turns {until}")
            }
        }
    }

    fn print_attention(&self, out: &mut impl Write) -> io::Result<()> {
        if let Some(open) = &self.breaker {
            writeln!(
                out,
                "BREAKER    open since {}: {}; the next probe is {}",
                open.since,
                Printable(&open.reason),
                In { time: open.next_probe(self.now), now: self.now }
            )?;
        }
        for account in self.overdue() {
            let since = account.owed_since.unwrap_or(self.now);
            let error = account.last_error.as_deref().unwrap_or("not tried yet");
            writeln!(out, "OVERDUE    {} since {since}: {}", name(account), Printable(error))?;
        }
        for account in self.failing() {
            let since = account.failing_since.unwrap_or(self.now);
            let error = account.last_error.as_deref().unwrap_or_default();
            writeln!(out, "FAILING    {} since {since}: {}", name(account), Printable(error))?;
        }
        Ok(())
    }

    fn table(&self) -> Table {
        let mut table = Table::new(&["ACCOUNT", "LABEL", "FOLLOWERS", "LAST", "NEXT", "STATE"]);
        for account in &self.accounts {
            let label = account.label.as_deref().or(account.username.as_deref()).unwrap_or("-");
            let ago = |time| Ago { time, now: self.now }.to_string();
            let next = |time| In { time, now: self.now }.to_string();
            table.row([
                account.id.to_string(),
                Printable(label).to_string(),
                account.followers.map_or("-".to_owned(), |count| Grouped(count).to_string()),
                account.last.map_or("never".to_owned(), ago),
                account.next_due.map_or("-".to_owned(), next),
                self.state(account).to_owned(),
            ]);
        }
        table
    }

    fn state(&self, account: &AccountStatus) -> &'static str {
        match account {
            account if account.next_due.is_none() => "disabled",
            account if account.is_in_flight => "in flight",
            account if account.is_overdue(self.now) => "overdue",
            account if account.failing_since.is_some() => "failing",
            account if account.tries > 0 => "retrying",
            account if account.owed_since.is_some() => "due",
            _ => "ok",
        }
    }
}

fn name(account: &AccountStatus) -> String {
    match account.label.as_deref().or(account.username.as_deref()) {
        Some(label) => format!("{} ({})", account.id, Printable(label)),
        None => account.id.to_string(),
    }
}
