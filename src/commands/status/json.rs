//! The status for programs. Members stand in the order of their names, as in every other answer.

use serde::{Serialize, Serializer};

use super::{BudgetUse, Status};
use crate::clock::Time;
use crate::commands::as_text;
use crate::engine::OpenBreaker;
use crate::store::{AccountStatus, SCHEMA_VERSION, Wait};

/// The one value that is printed.
#[derive(Serialize)]
pub(super) struct Answer<'a> {
    accounts: Accounts<'a>,
    budget: Option<Budget>,
    database: String,
    failing: usize,
    in_flight: u64,
    last_snapshot: Option<Moment>,
    listed: u64,
    needs_attention: bool,
    next: Option<Moment>,
    overdue: usize,
    breaker: Option<OpenState<'a>>,
    running: bool,
    schema: i64,
    snapshots: u64,
    version: &'static str,
    wait: Option<Waiting<'a>>,
    watched: u64,
}

impl<'a> Answer<'a> {
    pub(super) fn of(status: &'a Status<'_>) -> Answer<'a> {
        Answer {
            accounts: Accounts(status),
            budget: status.budget.as_ref().map(Budget::of),
            database: status.config.database.path.display().to_string(),
            failing: status.failing().count(),
            in_flight: status.totals.in_flight,
            last_snapshot: status.totals.last_snapshot.map(Moment::of),
            listed: status.totals.listed,
            needs_attention: status.needs_attention(),
            next: status.totals.next_due.map(Moment::of),
            overdue: status.overdue().count(),
            breaker: status.breaker.as_ref().map(|open| OpenState::of(open, status.now)),
            running: status.is_running,
            schema: SCHEMA_VERSION,
            snapshots: status.totals.snapshots,
            version: env!("CARGO_PKG_VERSION"),
            wait: status.wait.as_ref().map(Waiting::of),
            watched: status.totals.watched,
        }
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
struct Budget {
    left: u64,
    per: &'static str,
    refreshes: u64,
    spent: u64,
    until: Moment,
}

impl Budget {
    fn of(budget: &BudgetUse) -> Budget {
        let BudgetUse { refreshes, per, spent, until } = *budget;
        let left = refreshes.saturating_sub(spent);
        Budget { left, per, refreshes, spent, until: Moment::of(until) }
    }
}

#[derive(Serialize)]
struct OpenState<'a> {
    trouble: &'static str,
    next_probe: Moment,
    probes: u32,
    reason: &'a str,
    since: Moment,
}

impl OpenState<'_> {
    fn of(open: &OpenBreaker, now: Time) -> OpenState<'_> {
        OpenState {
            trouble: open.trouble.as_str(),
            next_probe: Moment::of(open.next_probe(now)),
            probes: open.probes.count,
            reason: &open.reason,
            since: Moment::of(open.since),
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

/// The list. An account becomes JSON when it is its turn: of a long list a tree of all would be
/// ten times what they take.
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
    next: Option<Moment>,
    owed_since: Option<Moment>,
    state: &'static str,
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
            next: account.next_due.map(Moment::of),
            owed_since: account.owed_since.map(Moment::of),
            state: status.state(account),
            tries: account.tries,
            username: account.username.as_deref(),
        }
    }
}
