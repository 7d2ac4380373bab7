//! The status as text.

use std::io::{self, Write};

use super::reason::Verdict;
use super::{Daemon, LISTED, Scope, Status};
use crate::printable::{Printable, visible_path};
use crate::report::terminal::{self, entry, warning};
use crate::report::{ALWAYS_SHOWN, Column, Grouped, Shape, Table, TimeAgo, TimeUntil};
use crate::store::{AccountStatus, BudgetUse, LastBackup, SCHEMA_VERSION, Totals};

impl Status<'_> {
    pub(super) fn print(&self, scope: Scope, out: &mut impl Write) -> io::Result<()> {
        let reasons = self.reasons();
        let verdict = || terminal::paragraph(&Verdict(&reasons).to_string(), 0);
        match scope {
            Scope::Attention if reasons.is_empty() => Ok(()),
            Scope::Attention => {
                writeln!(out, "{}", verdict())?;
                self.print_attention(out)
            }
            Scope::Everything => {
                writeln!(out, "{}", verdict())?;
                self.print_everything(out)
            }
        }
    }

    fn print_everything(&self, out: &mut impl Write) -> io::Result<()> {
        let Totals { listed, watched, snapshots, .. } = self.totals;
        let daemon = match &self.daemon {
            Daemon::Running(_) => "running",
            Daemon::Unresponsive => "running, but does not respond",
            Daemon::Unreachable => "the database is in use by a process that this user may not ask",
            Daemon::Absent { is_in_use: false } => "not running",
            Daemon::Absent { is_in_use: true } => {
                "not running, or without a control socket; the database is in use"
            }
        };
        entry(out, "daemon", daemon)?;
        if let Some(why) = self.health().and_then(|health| health.not_listening.as_deref()) {
            entry(out, "http", format_args!("{}; trying again", Printable(why)))?;
        }
        let older = match self.schema {
            SCHEMA_VERSION => String::new(),
            _ => format!(", {SCHEMA_VERSION} once the daemon has opened it"),
        };
        let path = visible_path(&self.settings.database.path);
        entry(out, "database", format_args!("{path} (schema {}{older})", self.schema))?;
        let disabled = listed.saturating_sub(watched);
        let in_flight = self.in_flight();
        let interrupted = match self.totals.in_flight - in_flight {
            0 => String::new(),
            count => format!(", {count} interrupted"),
        };
        let of = match self.selection.is_everything() {
            true => String::new(),
            false => format!(" ({})", self.selection.to_string().trim_start()),
        };
        entry(
            out,
            "accounts",
            format_args!(
                "{watched} watched, {disabled} disabled, {in_flight} in flight{interrupted}{of}"
            ),
        )?;
        let last = self.totals.last_snapshot;
        let last = last.map(|time| format!(", the last {}", TimeAgo { time, now: self.now }));
        entry(
            out,
            "snapshots",
            format_args!("{}{}", Grouped(snapshots.cast_signed()), last.unwrap_or_default()),
        )?;
        let next = self.totals.next_due.map_or("nothing is due".to_owned(), |due| {
            let (time, _) = self.holds.earliest(due);
            format!("{time} ({})", TimeUntil { time, now: self.now })
        });
        entry(out, "next", next)?;
        entry(out, "budget", self.budget_line())?;
        entry(out, "backup", self.backup_line())?;
        if let Some(wait) = &self.holds.pause {
            entry(
                out,
                "waiting",
                format_args!(
                    "until {}, as the vendor asks: {}",
                    wait.until,
                    Printable(&wait.reason)
                ),
            )?;
        }
        self.print_attention(out)?;
        for account in self.retrying() {
            let error = account.last_error.as_deref().unwrap_or_default();
            let next = self.next(account).unwrap_or_default();
            entry(out, "retrying", format_args!("{} {next}: {}", name(account), Printable(error)))?;
        }
        more(out, self.attention.retrying, self.retrying().count())?;
        if listed > LISTED as u64 {
            let count = Grouped(listed.cast_signed());
            writeln!(
                out,
                "\n{count} accounts are too many to list here; --tag or --platform selects some, and --json lists all"
            )?;
        } else if !self.accounts.is_empty() {
            writeln!(out)?;
            write!(out, "{}", self.table())?;
        }
        Ok(())
    }

    /// Returns when an account is called next at the earliest.
    fn next(&self, account: &AccountStatus) -> Option<String> {
        let (time, _) = self.holds.next(account)?;
        Some(TimeUntil { time, now: self.now }.to_string())
    }

    fn backup_line(&self) -> String {
        match &self.backup {
            Ok(None) => "none is known".to_owned(),
            Ok(Some(last)) if last.is_ahead_of(self.now) => format!("{}, in the future", last.time),
            Ok(Some(last)) => TimeAgo { time: last.time, now: self.now }.to_string(),
            Err(error) => {
                let note = LastBackup::note_path(&self.settings.database.path);
                format!("{} cannot be read: {error}", visible_path(&note))
            }
        }
    }

    fn budget_line(&self) -> String {
        match &self.holds.budget {
            None => "none: spending is not limited".to_owned(),
            Some(used) => {
                let BudgetUse { budget, spent, manual_spent, until } = used;
                let manual = budget.manual.map_or_else(String::new, |manual| {
                    format!(", {manual_spent} of {manual} manually")
                });
                format!(
                    "{spent} of {} spent {}{manual}; it resets {until}",
                    budget.refreshes,
                    used.current()
                )
            }
        }
    }

    /// Lists what the first line only counts.
    fn print_attention(&self, out: &mut impl Write) -> io::Result<()> {
        if let Some(breaker) = &self.holds.breaker {
            warning(
                out,
                "BREAKER",
                format_args!(
                    "open since {}: {}; the next probe is {}{}",
                    breaker.since,
                    Printable(&breaker.reason),
                    TimeUntil { time: self.next_probe(), now: self.now },
                    if breaker.is_half_open_pending() { ", and will tell" } else { "" }
                ),
            )?;
        }
        for account in self.overdue() {
            let since = account.owed_since.unwrap_or(self.now);
            let error = account.why_owed();
            warning(
                out,
                "OVERDUE",
                format_args!("{} since {since}: {}", name(account), Printable(&error)),
            )?;
        }
        for account in self.failing() {
            let since = account.failing_since.unwrap_or(self.now);
            let error = account.last_error.as_deref().unwrap_or_default();
            warning(
                out,
                "FAILING",
                format_args!("{} since {since}: {}", name(account), Printable(error)),
            )?;
        }
        let listed =
            self.accounts.iter().filter(|account| account.needs_attention(self.now)).count();
        more(out, self.attention.overdue_or_failing, listed)
    }

    fn table(&self) -> Table {
        let ago = |time| TimeAgo { time, now: self.now }.to_string();
        let followers = |account: &AccountStatus| {
            account.followers.map_or("-".to_owned(), |count| Grouped(count).to_string())
        };
        let column = |heading, shape, priority, cell: &dyn Fn(&AccountStatus) -> String| {
            Column::new(heading, shape, priority).with(self.accounts.iter().map(cell))
        };
        let columns = vec![
            column("ACCOUNT", Shape::Text, ALWAYS_SHOWN, &|account| account.id.to_string()),
            column("NAME", Shape::Name, ALWAYS_SHOWN, &|account| account.name.clone()),
            column("FOLLOWERS", Shape::Number, 1, &followers),
            column("LAST", Shape::Text, 2, &|account| {
                let suspect = if account.suspect.is_some() { ", suspect" } else { "" };
                account.last.map_or("never".to_owned(), |last| format!("{}{suspect}", ago(last)))
            }),
            column("NEXT", Shape::Text, 0, &|account| self.next(account).unwrap_or("-".to_owned())),
            column("STATE", Shape::Text, ALWAYS_SHOWN, &|account| self.state(account).to_owned()),
        ];
        Table::new(columns).narrowed(terminal::width())
    }
}

/// Writes how many accounts there are beside those that are listed.
fn more(out: &mut impl Write, all: u64, listed: usize) -> io::Result<()> {
    match all.saturating_sub(listed as u64) {
        0 => Ok(()),
        more => {
            let more = Grouped(more.cast_signed());
            entry(out, "", format_args!("and {more} more; --json lists all"))
        }
    }
}

fn name(account: &AccountStatus) -> String {
    match account.name.as_str() {
        id if id == account.id.as_str() => id.to_owned(),
        name => format!("{} ({})", account.id, Printable(name)),
    }
}
