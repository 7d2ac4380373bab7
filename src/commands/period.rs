//! The period and the accounts that a verb is asked about, held against what there is.

use std::io::{self, Write};

use crate::clock::Time;
use crate::commands::CommandError;
use crate::period::{Period, Wanted};
use crate::report::Printable;
use crate::selection::Selection;
use crate::store::ReadTx;

/// The period that is meant; `None` where nothing was said.
///
/// # Errors
/// What is wrong with it, and that nothing was measured in it.
pub(super) fn period(
    look: &ReadTx<'_>,
    wanted: Wanted,
    now: Time,
) -> Result<Option<Period>, CommandError> {
    let Some(period) = wanted.period(now)? else { return Ok(None) };
    if let (Some(until), Some(first)) = (period.until, look.history_begins()?)
        && until <= first
    {
        let why = format!("nothing was measured {period}: the history begins {first}");
        return Err(CommandError::Usage(why));
    }
    Ok(Some(period))
}

/// Says of a period that it is not over, to a person who reads its numbers.
pub(super) fn say_unfinished(period: &Period, out: &mut impl Write) -> io::Result<()> {
    match period.unfinished {
        None => Ok(()),
        Some(until) => writeln!(
            out,
            "It is not over before {until}: every number ends at the newest measurement."
        ),
    }
}

/// Refuses a selection of what no account has.
pub(super) fn check(look: &ReadTx<'_>, selection: &Selection) -> Result<(), CommandError> {
    if selection.is_everything() {
        return Ok(());
    }
    let (tags, platforms) = look.selectable()?;
    Ok(selection.check(&tags, &platforms)?)
}

/// A selection as it stands behind "accounts": " with the tag a or b, on tiktok".
pub(super) fn selected(selection: &Selection) -> String {
    let mut text = String::new();
    if !selection.tags.is_empty() {
        text = format!(" of {}", Printable(&selection.tags.join(" or ")));
    }
    if let Some(platform) = &selection.platform {
        text += &format!(" on {}", Printable(platform));
    }
    text
}
