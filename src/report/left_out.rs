//! Sentences about the accounts whose growth in a period is not known, or is that of other days.

use crate::clock::Time;
use crate::period::{Beginning, Period};
use crate::report::{Sentence, counted, counted_have, quoted};
use crate::store::{AccountGrowth, ReadTx, StoreError};

/// How many accounts are named.
const NAMED: usize = 5;

/// Maximum width of a name, in columns.
const NAME: usize = 24;

/// Returns the names of the first accounts, each as [`quoted`].
pub fn names(growths: &[&AccountGrowth]) -> String {
    listed(growths, name)
}

/// Names the accounts that were not measured in the last days at all. Like all, they are shown with the
/// days that end at their newest measurement. `newest` is that of any account.
pub fn measured_earlier(
    growths: &[AccountGrowth],
    period: &Period,
    newest: Time,
) -> Option<Sentence> {
    let Beginning::Back(seconds) = period.from else { return None };
    let since = newest.plus(-seconds);
    let is_earlier = |growth: &&AccountGrowth| {
        growth.gained.is_some() && growth.newest.is_some_and(|newest| newest <= since)
    };
    let earlier: Vec<_> = growths.iter().filter(is_earlier).collect();
    if earlier.is_empty() {
        return None;
    }
    let dated = |growth: &AccountGrowth| {
        let newest = growth.newest.map_or(String::new(), |time| time.utc().date().to_string());
        format!("{} ({newest})", name(growth))
    };
    let (accounts, them) = (counted_have(earlier.len(), "account"), listed(&earlier, dated));
    let why = "not been measured since; shown up to the last measurement";
    Some(format!("{accounts} {why}: {them}").into())
}

/// Names the accounts whose growth is not known, so that they do not just disappear: a sentence for each
/// reason.
///
/// # Errors
/// Returns [`StoreError`] if the database cannot be read.
pub fn unknown(
    tx: &ReadTx<'_>,
    growths: &[AccountGrowth],
    period: &Period,
) -> Result<Vec<Sentence>, StoreError> {
    let (mut young, mut stale, mut uncounted, mut never) = (vec![], vec![], vec![], vec![]);
    for growth in growths.iter().filter(|growth| growth.gained.is_none()) {
        let of_its_kind = match growth.newest {
            Some(newest) if is_stale(period, newest) => &mut stale,
            Some(_) => &mut young,
            None if tx.last_measured_time(growth.key)?.is_some() => &mut uncounted,
            None => &mut never,
        };
        of_its_kind.push(growth);
    }
    let late = match period.unfinished {
        Some(_) => "not been measured since the period began",
        None => "not been measured up to the period's end",
    };
    let young_for: (fn(usize, &str) -> String, &str) = match period.from {
        // Each account's days end at its own newest measurement.
        Beginning::Back(_) => (counted_have, "a history shorter than the period"),
        _ => (counted, "had not been measured yet when the period began"),
    };
    let reasons = [
        (young, young_for.0, young_for.1),
        (stale, counted_have, late),
        (uncounted, counted_have, "been measured without a follower count"),
        (never, counted_have, "never been measured"),
    ];
    let known = reasons.into_iter().filter(|(them, ..)| !them.is_empty());
    let sentence = |(them, count, why): (Vec<_>, fn(usize, &str) -> String, &str)| {
        format!("{} {why}: {}", count(them.len(), "account"), names(&them)).into()
    };
    Ok(known.map(sentence).collect())
}

/// Returns whether an account last measured at `newest` was not measured up to the period's end, or,
/// while that is to come, since it began.
fn is_stale(period: &Period, newest: Time) -> bool {
    newest < period.end(newest) || newest <= period.begin(newest)
}

fn name(growth: &AccountGrowth) -> String {
    quoted(&growth.name, NAME)
}

fn listed(growths: &[&AccountGrowth], shown: impl Fn(&AccountGrowth) -> String) -> String {
    let named: Vec<_> = growths.iter().take(NAMED).map(|growth| shown(growth)).collect();
    let more = if growths.len() > NAMED { ", …" } else { "" };
    format!("{}{more}", named.join(", "))
}
