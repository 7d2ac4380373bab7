//! Checks the period and the selection on the command line against the database.

use std::io::{self, Write};

use crate::clock::Time;
use crate::commands::CommandError;
use crate::period::{Period, PeriodOptions};
use crate::report::terminal;
use crate::selection::Selection;
use crate::store::ReadTx;

/// Returns the period, or `None` if the command line names none.
///
/// # Errors
/// Returns an error if the period is invalid, or if it ends before the history begins.
pub(super) fn period(
    tx: &ReadTx<'_>,
    options: PeriodOptions,
    now: Time,
) -> Result<Option<Period>, CommandError> {
    let Some(period) = options.period(now)? else { return Ok(None) };
    if let Some(until) = period.until
        && let Some(first) = tx.begins_from(until)?
    {
        let why = format!("nothing was measured {period}: the history begins {first}");
        return Err(CommandError::Usage(why));
    }
    Ok(Some(period))
}

/// Prints a note if the period is not over.
pub(super) fn print_unfinished(period: &Period, out: &mut impl Write) -> io::Result<()> {
    match period.unfinished {
        None => Ok(()),
        Some(unfinished) => {
            writeln!(out, "{}", terminal::paragraph(&unfinished.to_string(), 0))
        }
    }
}

/// Refuses a selection by a tag or a platform that no account has.
pub(super) fn check_selection(tx: &ReadTx<'_>, selection: &Selection) -> Result<(), CommandError> {
    if selection.is_everything() {
        return Ok(());
    }
    let (tags, platforms) = tx.selectable()?;
    Ok(selection.check(&tags, &platforms)?)
}
