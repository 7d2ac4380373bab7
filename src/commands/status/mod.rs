//! `growthd status`: the state of the daemon and its accounts, and whether anything needs attention.

mod json;
mod reason;
mod text;

use std::io;

use reason::Reason;

use crate::cli::StatusArgs;
use crate::clock::{self, Time};
use crate::commands::output::{UntilClosed, stdout};
use crate::commands::period::check_selection;
use crate::commands::{CommandError, Done, write_json};
use crate::config::Settings;
use crate::daemon::{Health, NoHealth};
use crate::engine::Holds;
use crate::selection::Selection;
use crate::store::{
    AccountStatus, Attention, Extent, LastBackup, Reader, Totals, full_disk, is_in_use,
};

/// Up to this many accounts are all listed. Of a longer list, up to as many that need attention are,
/// and of those that are retried.
const LISTED: usize = 100;

/// The format of the output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Text,
    /// One JSON value.
    Json,
}

/// How much is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scope {
    Everything,
    /// What needs attention.
    Attention,
}

/// Whether a daemon is expected to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Need {
    Running,
    /// Accounts are refreshed by a timer of the user's, or not at all.
    None,
}

/// Whether a daemon runs on the database.
enum Daemon {
    Running(Health),
    /// It listens and does not respond.
    Unresponsive,
    /// This user may not connect to it, so nothing can be said about it.
    Unreachable,
    Absent {
        /// Whether a process that is no daemon, such as a verb, uses the database.
        is_in_use: bool,
    },
}

/// Everything that is shown.
struct Status<'a> {
    settings: &'a Settings,
    /// Which accounts are shown and counted.
    selection: Selection,
    now: Time,
    need: Need,
    daemon: Daemon,
    schema: i64,
    totals: Totals,
    attention: Attention,
    holds: Holds,
    /// `None` if none was noted; an error if the note cannot be read.
    backup: io::Result<Option<LastBackup>>,
    /// What will keep the next refresh from being recorded.
    disk: Option<String>,
    /// All accounts of a short list, or the first of those that need attention and, if everything is
    /// shown, of those that are retried.
    accounts: Vec<AccountStatus>,
}

/// Prints the status.
pub fn status(settings: &Settings, args: &StatusArgs) -> Result<Done, CommandError> {
    let scope = if args.quiet { Scope::Attention } else { Scope::Everything };
    let form = if args.json { Form::Json } else { Form::Text };
    let need = if args.no_daemon { Need::None } else { Need::Running };
    let status = Status::read(settings, form, scope, need, args.selection.selection())?;
    match form {
        Form::Json => {
            let out = UntilClosed::new(stdout());
            write_json(out, &json::StatusJson::of(&status))?;
        }
        Form::Text => status.print(scope, &mut UntilClosed::new(io::stdout().lock()))?,
    }
    Ok(if status.reasons().is_empty() { Done::Well } else { Done::Attention })
}

impl<'a> Status<'a> {
    fn read(
        settings: &'a Settings,
        form: Form,
        scope: Scope,
        need: Need,
        selection: Selection,
    ) -> Result<Status<'a>, CommandError> {
        let now = clock::now().time();
        let path = &settings.database.path;
        let mut reader = Reader::open(path)?;
        let schema = reader.schema()?;
        let tx = reader.begin_read()?;
        check_selection(&tx, &selection)?;
        let totals = tx.totals_of(&selection)?;
        let is_short = totals.listed <= LISTED as u64;
        let extents = match (form, scope) {
            (_, Scope::Attention) => &[Extent::Attention(LISTED)][..],
            (Form::Json, Scope::Everything) => &[Extent::All],
            (Form::Text, Scope::Everything) if is_short => &[Extent::All],
            (Form::Text, Scope::Everything) => {
                &[Extent::Attention(LISTED), Extent::Retrying(LISTED)]
            }
        };
        let mut accounts = Vec::new();
        for extent in extents {
            accounts.extend(tx.statuses(&selection, *extent, now)?);
        }
        let daemon = match Health::request(path) {
            Ok(health) => Daemon::Running(health),
            Err(NoHealth::NoResponse) => Daemon::Unresponsive,
            Err(NoHealth::Unreachable) if is_in_use(path) => Daemon::Unreachable,
            Err(NoHealth::Unreachable | NoHealth::NoDaemon) => {
                Daemon::Absent { is_in_use: is_in_use(path) }
            }
        };
        let disk = match &daemon {
            Daemon::Running(health) => health.disk.clone(),
            Daemon::Unresponsive | Daemon::Unreachable | Daemon::Absent { .. } => full_disk(path),
        };
        Ok(Status {
            settings,
            now,
            need,
            daemon,
            disk,
            schema,
            totals,
            holds: Holds::read(&tx, settings.budget.as_ref(), now)?,
            backup: LastBackup::read(path),
            attention: tx.attention(&selection, now)?,
            accounts,
            selection,
        })
    }

    /// Returns whether any process may have calls in flight.
    fn may_be_calling(&self) -> bool {
        !matches!(self.daemon, Daemon::Absent { is_in_use: false })
    }

    /// Returns how many calls are in flight.
    fn in_flight(&self) -> u64 {
        if self.may_be_calling() { self.totals.in_flight } else { 0 }
    }

    /// Returns when the next probe is sent at the latest, for which an account has to be due.
    fn next_probe(&self) -> Time {
        let due = self.totals.next_due.filter(|_| self.selection.is_everything());
        self.holds.earliest(due.unwrap_or(self.now)).0
    }

    fn health(&self) -> Option<&Health> {
        match &self.daemon {
            Daemon::Running(health) => Some(health),
            Daemon::Unresponsive | Daemon::Unreachable | Daemon::Absent { .. } => None,
        }
    }

    fn overdue(&self) -> impl Iterator<Item = &AccountStatus> {
        self.accounts.iter().filter(|account| account.is_overdue(self.now))
    }

    fn failing(&self) -> impl Iterator<Item = &AccountStatus> {
        self.accounts.iter().filter(|account| account.failing_since.is_some())
    }

    /// Returns the accounts whose last try failed, but which are neither overdue nor given up yet.
    fn retrying(&self) -> impl Iterator<Item = &AccountStatus> {
        self.accounts.iter().filter(|account| account.is_retrying(self.now))
    }

    /// Returns how many due accounts wait because the budget is used up.
    fn held_back(&self) -> u64 {
        self.holds.spent_budget().map_or(0, |_| self.holds.held_back(self.attention.waiting))
    }

    /// Returns everything that needs attention, most important first.
    fn reasons(&self) -> Vec<Reason<'_>> {
        let mut reasons = Vec::new();
        match (&self.daemon, self.need) {
            (Daemon::Absent { .. }, Need::Running) => reasons.push(Reason::NotRunning),
            (Daemon::Unresponsive, _) => reasons.push(Reason::Unresponsive),
            (Daemon::Unreachable, _) => reasons.push(Reason::Unreachable),
            (Daemon::Running(_), _) | (Daemon::Absent { .. }, Need::None) => {}
        }
        if let Some(trouble) = self.health().and_then(|health| health.trouble.as_deref()) {
            reasons.push(Reason::Store(trouble));
        }
        reasons.extend(self.disk.as_deref().map(Reason::Disk));
        let edit = self.health().and_then(|health| health.unused_edit.as_ref());
        reasons.extend(edit.map(Reason::UnusedEdit));
        // After a start or a reload, the next call shows whether the trouble is over.
        let open = self.holds.breaker.as_ref().filter(|open| !open.is_half_open_pending());
        reasons.extend(open.map(Reason::Breaker));
        reasons.extend(self.holds.pause.as_ref().map(Reason::Pause));
        if let (Some(budget), held @ 1..) = (&self.holds.budget, self.held_back()) {
            reasons.push(Reason::Budget { held, until: budget.until });
        }
        if let count @ 1.. = self.attention.overdue {
            reasons.push(Reason::Overdue(count));
        }
        if let count @ 1.. = self.attention.failing {
            reasons.push(Reason::Failing(count));
        }
        reasons.extend(self.backup_reason());
        reasons
    }

    fn backup_reason(&self) -> Option<Reason<'_>> {
        match &self.backup {
            Ok(Some(backup)) if backup.is_late(self.now) => {
                let last = backup.time;
                Some(match backup.is_ahead_of(self.now) {
                    true => Reason::BackupAhead { last },
                    false => Reason::Backup { last },
                })
            }
            Ok(_) => None,
            Err(error) => Some(Reason::BackupNote(error)),
        }
    }

    fn state(&self, account: &AccountStatus) -> &'static str {
        match account {
            account if account.next_due.is_none() || !account.is_in_flight => {
                account.state(self.now)
            }
            _ if self.may_be_calling() => "in flight",
            // The next start marks its call as unknown.
            _ => "interrupted",
        }
    }
}
