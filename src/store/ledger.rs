//! The ledger's types, and the proof that a call may be made.

use crate::account::{AccountId, Handle};
use crate::clock::Time;
use crate::config::Watched;
use crate::store::StoreError;

/// The id of a ledger line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RefreshId(pub i64);

/// An account's row id, which other rows use in place of the vendor's id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AccountKey(pub i64);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// The account's first refresh, which is its baseline.
    First,
    Schedule,
    /// The slot passed while it could not be served.
    CatchUp,
    /// An earlier call for the slot failed.
    Retry,
    /// Requested by a person.
    Manual,
    /// Made to add an account by its name.
    Add,
}

/// The state of a ledger line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The call may be in flight.
    Pending,
    /// Answered, and the snapshot stored.
    Ok,
    /// Answered with anything else, or nothing was sent.
    Failed,
    /// Whether the vendor served the call is not known.
    Unknown,
    Skipped,
}

/// Each value with its name in the views. The index is its code in the schema.
const CAUSES: [(Cause, &str); 6] = [
    (Cause::First, "first"),
    (Cause::Schedule, "schedule"),
    (Cause::CatchUp, "catch_up"),
    (Cause::Retry, "retry"),
    (Cause::Manual, "manual"),
    (Cause::Add, "add"),
];
const OUTCOMES: [(Outcome, &str); 5] = [
    (Outcome::Pending, "pending"),
    (Outcome::Ok, "ok"),
    (Outcome::Failed, "failed"),
    (Outcome::Unknown, "unknown"),
    (Outcome::Skipped, "skipped"),
];

impl Cause {
    /// Returns the name in the `refreshes` view.
    pub fn as_str(self) -> &'static str {
        name(&CAUSES, self)
    }

    pub(super) fn code(self) -> i64 {
        self as i64
    }

    /// Decodes a stored code.
    ///
    /// # Errors
    /// Returns [`StoreError::Unknown`] if this version does not know the code.
    pub fn from_code(code: i64) -> Result<Cause, StoreError> {
        decode(&CAUSES, code, "_refresh.cause")
    }

    /// Returns whether the refresh is for an owed slot rather than requested by a person.
    pub fn is_scheduled(self) -> bool {
        match self {
            Cause::First | Cause::Schedule | Cause::CatchUp | Cause::Retry => true,
            Cause::Manual | Cause::Add => false,
        }
    }
}

impl Outcome {
    /// Returns the name in the `refreshes` view.
    pub fn as_str(self) -> &'static str {
        name(&OUTCOMES, self)
    }

    pub(super) fn code(self) -> i64 {
        self as i64
    }

    /// Decodes a stored code.
    ///
    /// # Errors
    /// Returns [`StoreError::Unknown`] if this version does not know the code.
    pub fn from_code(code: i64) -> Result<Outcome, StoreError> {
        decode(&OUTCOMES, code, "_refresh.outcome")
    }
}

fn name<T: PartialEq>(names: &[(T, &'static str)], value: T) -> &'static str {
    names.iter().find(|(known, _)| *known == value).map_or("", |(_, name)| name)
}

fn decode<T: Copy>(names: &[(T, &str)], code: i64, column: &'static str) -> Result<T, StoreError> {
    let index = usize::try_from(code).ok();
    let found = index.and_then(|index| names.get(index));
    found.map(|(value, _)| *value).ok_or(StoreError::Unknown { column, code })
}

/// The account that a call is about.
#[derive(Clone, PartialEq, Debug)]
pub enum CallTarget {
    /// A known account.
    Account(AccountKey, AccountId),
    /// An account known by its name only, whose id the response will contain.
    Lookup(Box<AccountLookup>),
}

/// An account to be added, known by its name.
#[derive(Clone, PartialEq, Debug)]
pub struct AccountLookup {
    pub handle: Handle,
    /// The account's future watchlist entry, complete except for the id.
    pub entry: Watched,
}

/// A ledger line whose call has not been settled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PendingLine {
    pub refresh: RefreshId,
    pub cause: Cause,
    /// The slot it serves; `None` for a baseline and for a manual refresh.
    pub slot: Option<Time>,
    /// When the call was claimed.
    pub started: Time,
}

/// The right to make one paid call, and the duty to settle it.
///
/// Its ledger line is committed: a claim can only be obtained from [`super::WriteTx::commit`]. It
/// is not `Clone`, so that a line cannot be used for two calls.
#[derive(Debug)]
pub struct Claim {
    pub(super) line: PendingLine,
    pub(super) target: CallTarget,
}

impl Claim {
    pub fn line(&self) -> PendingLine {
        self.line
    }

    pub fn refresh(&self) -> RefreshId {
        self.line.refresh
    }

    /// Returns the account's id; `None` for a lookup.
    pub fn account_id(&self) -> Option<&AccountId> {
        match &self.target {
            CallTarget::Account(_, id) => Some(id),
            CallTarget::Lookup(_) => None,
        }
    }

    pub fn target(&self) -> &CallTarget {
        &self.target
    }

    pub fn cause(&self) -> Cause {
        self.line.cause
    }

    /// Returns when the call was claimed.
    pub fn started(&self) -> Time {
        self.line.started
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;

    #[test]
    fn codes_and_names_match_the_view() {
        let connection = rusqlite::Connection::open_in_memory().expect("a database");
        connection.pragma_update(None, "foreign_keys", false).expect("a pragma");
        schema::create_tables(&connection).expect("the tables");
        schema::create_views(&connection).expect("the views");
        let name_of = |column: &str, code: usize| -> String {
            let sql = format!(
                "SELECT {column} FROM refreshes WHERE refresh_id = \
                 (SELECT max(refresh_id) FROM _refresh WHERE {column} = {code})"
            );
            connection.query_row(&sql, [], |row| row.get(0)).expect("a name")
        };
        let insert = |cause: usize, outcome: usize| {
            connection
                .execute(
                    "INSERT INTO _refresh (cause, outcome, spent, started_time) VALUES (?1, ?2, 0, 0)",
                    [cause, outcome],
                )
                .map(|_| ())
        };
        connection.execute_batch("PRAGMA ignore_check_constraints = ON").expect("a pragma");
        for (code, (cause, name)) in CAUSES.iter().enumerate() {
            insert(code, 1).expect("a line");
            assert_eq!((name_of("cause", code).as_str(), cause.as_str()), (*name, *name));
            assert_eq!(Cause::from_code(cause.code()).expect("known"), *cause);
        }
        for (code, (outcome, name)) in OUTCOMES.iter().enumerate() {
            insert(5, code).expect("a line");
            assert_eq!((name_of("outcome", code).as_str(), outcome.as_str()), (*name, *name));
            assert_eq!(Outcome::from_code(outcome.code()).expect("known"), *outcome);
        }
        assert!(Cause::from_code(6).is_err() && Outcome::from_code(-1).is_err());
    }
}
