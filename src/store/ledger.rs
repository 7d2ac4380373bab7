//! The ledger's words, and the proof that a call may be made.

use crate::account::{AccountId, Handle};
use crate::clock::Time;
use crate::config::Watched;
use crate::store::StoreError;

/// A line of the ledger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RefreshId(pub i64);

/// An account's row: the small key that other rows use in place of its id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AccountKey(pub i64);

/// Why a refresh was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// The account's baseline: it was never refreshed before.
    First,
    Schedule,
    /// Its slot had passed while nobody could serve it.
    CatchUp,
    /// The slot was tried before.
    Retry,
    /// A person asked.
    Manual,
    /// A person added the account by name.
    Add,
}

/// How a line of the ledger stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The call may be on its way.
    Pending,
    /// Answered, and a snapshot stored.
    Ok,
    /// Answered otherwise, or refused before anything was sent.
    Failed,
    /// Nobody knows what became of it.
    Unknown,
    /// No call was made.
    Skipped,
}

/// Text and code of each word; the codes are those of the schema.
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
    /// The word in the `refreshes` view.
    pub fn as_str(self) -> &'static str {
        word(&CAUSES, self)
    }

    pub(super) fn code(self) -> i64 {
        self as i64
    }

    /// The cause a code stands for.
    ///
    /// # Errors
    /// A code this version does not know.
    pub fn from_code(code: i64) -> Result<Cause, StoreError> {
        decode(&CAUSES, code, "_refresh.cause")
    }

    /// Whether this is an account's owed slot, rather than a person's wish.
    pub fn is_scheduled(self) -> bool {
        match self {
            Cause::First | Cause::Schedule | Cause::CatchUp | Cause::Retry => true,
            Cause::Manual | Cause::Add => false,
        }
    }
}

impl Outcome {
    /// The word in the `refreshes` view.
    pub fn as_str(self) -> &'static str {
        word(&OUTCOMES, self)
    }

    pub(super) fn code(self) -> i64 {
        self as i64
    }

    /// The outcome a code stands for.
    ///
    /// # Errors
    /// A code this version does not know.
    pub fn from_code(code: i64) -> Result<Outcome, StoreError> {
        decode(&OUTCOMES, code, "_refresh.outcome")
    }
}

fn word<T: PartialEq>(words: &[(T, &'static str)], value: T) -> &'static str {
    words.iter().find(|(known, _)| *known == value).map_or("", |(_, word)| word)
}

fn decode<T: Copy>(words: &[(T, &str)], code: i64, column: &'static str) -> Result<T, StoreError> {
    let place = usize::try_from(code).ok();
    let found = place.and_then(|place| words.get(place));
    found.map(|(value, _)| *value).ok_or(StoreError::Unknown { column, code })
}

/// Whom a call is about.
#[derive(Clone, PartialEq, Debug)]
pub enum CallTarget {
    /// An account of the watchlist.
    Account(AccountKey, AccountId),
    /// Somebody known by name, whose id the answer will tell.
    Lookup(Box<AccountLookup>),
}

/// Somebody who shall be watched, known by name.
#[derive(Clone, PartialEq, Debug)]
pub struct AccountLookup {
    pub handle: Handle,
    /// The entry it will have in the watchlist, but for the id.
    pub entry: Watched,
}

/// A line of the ledger whose call has not been settled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PendingLine {
    pub refresh: RefreshId,
    /// Why the call was made.
    pub cause: Cause,
    /// The slot it serves; `None` for a baseline and what a person asked for.
    pub slot: Option<Time>,
    /// When it was claimed.
    pub started: Time,
}

/// The right to make one paid call, and the duty to settle it.
///
/// Its ledger line is committed: the only way to get one is [`super::WriteTx::commit`]. It is not
/// `Clone`, so a call cannot be made twice on one line.
#[derive(Debug)]
pub struct Claim {
    pub(super) line: PendingLine,
    pub(super) target: CallTarget,
}

impl Claim {
    /// Its line in the ledger.
    pub fn line(&self) -> PendingLine {
        self.line
    }

    /// The line's number.
    pub fn refresh(&self) -> RefreshId {
        self.line.refresh
    }

    /// The account of the watchlist that it is about; `None` for a lookup.
    pub fn account_id(&self) -> Option<&AccountId> {
        match &self.target {
            CallTarget::Account(_, id) => Some(id),
            CallTarget::Lookup(_) => None,
        }
    }

    /// Whom to ask for.
    pub fn target(&self) -> &CallTarget {
        &self.target
    }

    /// Why.
    pub fn cause(&self) -> Cause {
        self.line.cause
    }

    /// The slot it serves; `None` for a baseline and what a person asked for.
    pub fn slot(&self) -> Option<Time> {
        self.line.slot
    }

    /// When it was claimed.
    pub fn started(&self) -> Time {
        self.line.started
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;

    #[test]
    fn codes_and_words_are_those_of_the_view() {
        let connection = rusqlite::Connection::open_in_memory().expect("a database");
        connection.pragma_update(None, "foreign_keys", false).expect("a pragma");
        schema::make_tables(&connection).expect("the tables");
        schema::make_views(&connection).expect("the views");
        let word_of = |column: &str, code: usize| -> String {
            let sql = format!(
                "SELECT {column} FROM refreshes WHERE refresh_id = \
                 (SELECT max(refresh_id) FROM _refresh WHERE {column} = {code})"
            );
            connection.query_row(&sql, [], |row| row.get(0)).expect("a word")
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
        for (code, (cause, word)) in CAUSES.iter().enumerate() {
            insert(code, 1).expect("a line");
            assert_eq!(word_of("cause", code), *word);
            assert_eq!(Cause::from_code(cause.code()).expect("known"), *cause);
        }
        for (code, (outcome, word)) in OUTCOMES.iter().enumerate() {
            insert(5, code).expect("a line");
            assert_eq!(word_of("outcome", code), *word);
            assert_eq!(Outcome::from_code(outcome.code()).expect("known"), *outcome);
        }
        assert!(Cause::from_code(6).is_err() && Outcome::from_code(-1).is_err());
    }
}
