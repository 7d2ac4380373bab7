//! The status as JSON, with members in alphabetical order as in all other output.

use serde::{Serialize, Serializer};

use super::reason::Reason;
use super::{Daemon, Status};
use crate::clock::Time;
use crate::commands::as_text;
use crate::engine::OpenBreaker;
use crate::store::{AccountStatus, BudgetUse, LastBackup, Wait};

/// The whole value.
#[derive(Serialize)]
pub(super) struct StatusJson<'a> {
    accounts: Accounts<'a>,
    summary: Summary<'a>,
}

impl<'a> StatusJson<'a> {
    pub(super) fn of(status: &'a Status<'_>) -> StatusJson<'a> {
        StatusJson { accounts: Accounts(status), summary: Summary::of(status) }
    }
}

/// Everything whose size does not depend on the number of accounts.
#[derive(Serialize)]
struct Summary<'a> {
    attention: Vec<Attention>,
    backup: Option<Backup>,
    breaker: Option<Breaker<'a>>,
    budget: Option<Budget>,
    database: String,
    disabled: u64,
    failing: u64,
    in_flight: u64,
    last_snapshot: Option<Moment>,
    needs_attention: bool,
    next: Option<Moment>,
    not_listening: Option<&'a str>,
    overdue: u64,
    running: bool,
    schema: i64,
    snapshots: u64,
    version: &'static str,
    wait: Option<Waiting<'a>>,
    watched: u64,
}

impl<'a> Summary<'a> {
    fn of(status: &'a Status<'_>) -> Summary<'a> {
        let totals = &status.totals;
        let reasons = status.reasons();
        let last_backup = status.backup.as_ref().ok().and_then(Option::as_ref);
        Summary {
            attention: reasons.iter().map(Attention::of).collect(),
            backup: last_backup.map(|backup| Backup::of(*backup, status.now)),
            breaker: status.holds.breaker.as_ref().map(|open| Breaker::of(open, status)),
            budget: status
                .holds
                .budget
                .as_ref()
                .map(|budget| Budget::of(budget, status.held_back())),
            database: status.settings.database.path.display().to_string(),
            disabled: totals.listed.saturating_sub(totals.watched),
            failing: status.attention.failing,
            in_flight: status.in_flight(),
            last_snapshot: totals.last_snapshot.map(Moment::of),
            needs_attention: !reasons.is_empty(),
            next: totals.next_due.map(|due| Moment::of(status.holds.earliest(due).0)),
            not_listening: status.health().and_then(|health| health.not_listening.as_deref()),
            overdue: status.attention.overdue,
            running: !matches!(status.daemon, Daemon::Absent { .. }),
            schema: status.schema,
            snapshots: totals.snapshots,
            version: env!("CARGO_PKG_VERSION"),
            wait: status.holds.pause.as_ref().map(Waiting::of),
            watched: totals.watched,
        }
    }
}

#[derive(Serialize)]
struct Attention {
    reason: &'static str,
    text: String,
}

impl Attention {
    fn of(reason: &Reason<'_>) -> Attention {
        Attention { reason: reason.as_str(), text: reason.to_string() }
    }
}

#[derive(Serialize)]
struct Moment {
    time: i64,
    #[serde(serialize_with = "as_text")]
    utc: Time,
}

impl Moment {
    fn of(time: Time) -> Moment {
        Moment { time: time.0, utc: time }
    }
}

#[derive(Serialize)]
struct Backup {
    is_late: bool,
    last: Moment,
}

impl Backup {
    fn of(backup: LastBackup, now: Time) -> Backup {
        let is_late = backup.is_late(now);
        Backup { is_late, last: Moment::of(backup.time) }
    }
}

#[derive(Serialize)]
struct Budget {
    held_back: u64,
    left: u64,
    manual: Option<Manual>,
    per: &'static str,
    refreshes: u64,
    spent: u64,
    until: Moment,
}

/// The part of the budget for manual requests, if it is limited.
#[derive(Serialize)]
struct Manual {
    left: u64,
    refreshes: u64,
    spent: u64,
}

impl Budget {
    fn of(used: &BudgetUse, held_back: u64) -> Budget {
        Budget {
            held_back,
            left: used.left(),
            manual: used.budget.manual.map(|refreshes| Manual {
                left: used.manual_left(),
                refreshes,
                spent: used.manual_spent,
            }),
            per: used.per(),
            refreshes: used.budget.refreshes,
            spent: used.spent,
            until: Moment::of(used.until),
        }
    }
}

#[derive(Serialize)]
struct Breaker<'a> {
    next_probe: Moment,
    probes: u32,
    reason: &'a str,
    since: Moment,
    trouble: &'static str,
}

impl Breaker<'_> {
    fn of<'a>(open: &'a OpenBreaker, status: &Status<'_>) -> Breaker<'a> {
        Breaker {
            next_probe: Moment::of(status.next_probe()),
            probes: open.probes.count(),
            reason: &open.reason,
            since: Moment::of(open.since),
            trouble: open.trouble.as_str(),
        }
    }
}

#[derive(Serialize)]
struct Waiting<'a> {
    reason: &'a str,
    until: Moment,
}

impl Waiting<'_> {
    fn of(wait: &Wait) -> Waiting<'_> {
        Waiting { reason: &wait.reason, until: Moment::of(wait.until) }
    }
}

/// The accounts that were read. Each is converted only when it is written: a JSON tree of a long list
/// would take ten times the memory.
struct Accounts<'a>(&'a Status<'a>);

impl Serialize for Accounts<'_> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        let Accounts(status) = self;
        json.collect_seq(status.accounts.iter().map(|account| Account::of(account, status)))
    }
}

#[derive(Serialize)]
struct Account<'a> {
    account_id: &'a str,
    failing_since: Option<Moment>,
    followers: Option<i64>,
    label: Option<&'a str>,
    last: Option<Moment>,
    last_error: Option<&'a str>,
    name: &'a str,
    next: Option<Moment>,
    owed_since: Option<Moment>,
    state: &'static str,
    suspect: Option<&'a str>,
    tries: u32,
    username: Option<&'a str>,
}

impl Account<'_> {
    fn of<'a>(account: &'a AccountStatus, status: &Status<'_>) -> Account<'a> {
        Account {
            account_id: account.id.as_str(),
            failing_since: account.failing_since.map(Moment::of),
            followers: account.followers,
            label: account.label.as_deref(),
            last: account.last.map(Moment::of),
            last_error: account.last_error.as_deref(),
            name: &account.name,
            next: status.holds.next(account).map(|(time, _)| Moment::of(time)),
            owed_since: account.owed_since.map(Moment::of),
            state: status.state(account),
            suspect: account.suspect.as_deref(),
            tries: account.tries,
            username: account.username.as_deref(),
        }
    }
}
