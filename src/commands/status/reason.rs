//! The reasons for which growthd needs attention.

use std::fmt;
use std::io;

use crate::clock::Time;
use crate::daemon::UnusedEdit;
use crate::engine::OpenBreaker;
use crate::printable::Printable;
use crate::report::counted_are;
use crate::store::Wait;

/// One thing that needs attention.
#[derive(Clone, Copy)]
pub(super) enum Reason<'a> {
    /// No daemon runs, although one is expected to.
    NotRunning,
    /// The daemon does not respond.
    Unresponsive,
    /// This user may not ask the daemon.
    Unreachable,
    /// The daemon cannot write to the database, so it makes no calls.
    Store(&'a str),
    /// The database's file system is full or read-only.
    Disk(&'a str),
    /// The daemon uses an older configuration than the one on the disk.
    UnusedEdit(&'a UnusedEdit),
    /// The circuit breaker is open: only probes are sent.
    Breaker(&'a OpenBreaker),
    /// The vendor asked for a pause of all calls.
    Pause(&'a Wait),
    /// The budget is used up while accounts are due.
    Budget { held: u64, until: Time },
    /// Number of accounts whose slot has been open for too long.
    Overdue(u64),
    /// Number of accounts given up for their last slot.
    Failing(u64),
    /// The next backup is late.
    Backup { last: Time },
    /// The last backup is noted for a time to come, so that the next one would not be late before it.
    BackupAhead { last: Time },
    /// Whether the next backup is late cannot be known, because the note of the last one is unreadable.
    BackupNote(&'a io::Error),
}

impl Reason<'_> {
    /// Returns the name used in JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Reason::NotRunning => "not_running",
            Reason::Unresponsive => "unresponsive",
            Reason::Unreachable => "unreachable",
            Reason::Store(_) => "store",
            Reason::Disk(_) => "disk",
            Reason::UnusedEdit(UnusedEdit::Refused) => "edit_refused",
            Reason::UnusedEdit(UnusedEdit::Retried(_)) => "edit_retried",
            Reason::Breaker(_) => "breaker",
            Reason::Pause(_) => "pause",
            Reason::Budget { .. } => "budget",
            Reason::Overdue(_) => "overdue",
            Reason::Failing(_) => "failing",
            Reason::Backup { .. } | Reason::BackupAhead { .. } | Reason::BackupNote(_) => "backup",
        }
    }
}

/// A short phrase, to be joined with others in one line.
impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NotRunning => f.write_str("no daemon is running"),
            Reason::Unresponsive => f.write_str("the daemon does not respond"),
            Reason::Unreachable => f.write_str(
                "this user may not ask the daemon; add the user to the group of its socket",
            ),
            Reason::Store(why) => write!(f, "nothing is refreshed: {}", Printable(why)),
            Reason::Disk(why) => f.write_str(why),
            Reason::UnusedEdit(edit) => edit.fmt(f),
            Reason::Breaker(breaker) => {
                let reason = Printable(&breaker.reason);
                write!(
                    f,
                    "the vendor has been in trouble since {}, so only probes are sent: {reason}",
                    breaker.since
                )
            }
            Reason::Pause(wait) => wait.fmt(f),
            Reason::Budget { held, until } => {
                let accounts = counted_are(*held, "account");
                write!(f, "the budget is used up, {accounts} held back until {until}")
            }
            Reason::Overdue(count) => write!(f, "{} overdue", counted_are(*count, "account")),
            Reason::Failing(count) => write!(f, "{} failing", counted_are(*count, "account")),
            Reason::Backup { last } => write!(f, "no backup since {last}"),
            Reason::BackupAhead { last } => {
                write!(f, "the last backup is noted for {last}, in the future; make another")
            }
            Reason::BackupNote(error) => {
                write!(f, "the note of the last backup cannot be read ({error}); make another")
            }
        }
    }
}

/// The first line of the status, with all reasons.
pub(super) struct Verdict<'a>(pub &'a [Reason<'a>]);

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, others)) = self.0.split_first() else {
            return f.write_str("growthd is well");
        };
        write!(f, "growthd needs attention: {first}")?;
        others.iter().try_for_each(|reason| write!(f, "; {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_everything_that_needs_attention() {
        let until = Time(1_767_225_600);
        for (reasons, said) in [
            (&[][..], "growthd is well"),
            (&[Reason::NotRunning], "growthd needs attention: no daemon is running"),
            (
                &[Reason::Budget { held: 1, until }, Reason::Overdue(2), Reason::Failing(1)],
                "growthd needs attention: the budget is used up, 1 account is held back until \
                 2026-01-01T00:00:00Z; 2 accounts are overdue; 1 account is failing",
            ),
            (
                &[Reason::Store("disk I/O\u{1b} error"), Reason::Backup { last: until }],
                "growthd needs attention: nothing is refreshed: disk I/O\u{fffd} error; \
                 no backup since 2026-01-01T00:00:00Z",
            ),
        ] {
            assert_eq!(Verdict(reasons).to_string(), said);
        }
    }
}
