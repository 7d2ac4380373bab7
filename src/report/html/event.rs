//! An account's events: milestones, unusual steps and profile changes. They are marked on its chart
//! and listed.

use std::collections::HashMap;

use crate::clock::Time;
use crate::report::Grouped;
use crate::report::html::figure::Signed;
use crate::selection::Selection;
use crate::store::{ProfileChange, ReadTx, StoreError, Unusual};

/// Maximum number of characters quoted of a text from the vendor.
const QUOTED: usize = 120;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Kind {
    Milestone,
    Unusual,
    Profile,
}

impl Kind {
    /// Returns the name used by the style sheet and the script.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Milestone => "milestone",
            Kind::Unusual => "unusual",
            Kind::Profile => "profile",
        }
    }
}

/// An event of an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Event {
    /// When the snapshot that shows it arrived.
    pub time: Time,
    /// The instant that decides to which period it belongs.
    pub dated: Time,
    pub kind: Kind,
    /// A description, which may quote the vendor.
    pub text: String,
}

/// Reads the events of every selected account ever watched, by account id, newest first.
pub(super) fn read(
    tx: &ReadTx<'_>,
    selection: &Selection,
) -> Result<HashMap<String, Vec<Event>>, StoreError> {
    let mut events: HashMap<String, Vec<Event>> = HashMap::new();
    let mut push = |id: String, time, dated, kind, text| {
        events.entry(id).or_default().push(Event { time, dated, kind, text });
    };
    for reached in tx.milestones(selection, None)? {
        let text = format!("{} {}", Grouped(reached.milestone), reached.count);
        push(reached.id, reached.time, reached.dated, Kind::Milestone, text);
    }
    for step in tx.unusual(selection, None)? {
        let text = unusual(&step);
        push(step.id, step.time, step.dated, Kind::Unusual, text);
    }
    for change in tx.profile_changes(selection, None)? {
        let text = changed(&change);
        push(change.id, change.time, change.dated, Kind::Profile, text);
    }
    for events in events.values_mut() {
        events.sort_by_key(|event| (std::cmp::Reverse(event.time), event.kind));
    }
    Ok(events)
}

fn unusual(step: &Unusual) -> String {
    let (per_week, usual) = (Signed(whole(step.per_7d)), Signed(whole(step.usual_per_7d)));
    format!("{per_week} {} a week, where {usual} is usual", step.count)
}

#[expect(clippy::cast_possible_truncation, reason = "a rate is shown without its fraction")]
fn whole(rate: f64) -> i64 {
    rate.round() as i64
}

fn changed(change: &ProfileChange) -> String {
    let (old, new) = (change.old.as_deref(), change.new.as_deref());
    match (change.field.as_str(), old, new) {
        ("username", Some(old), Some(new)) => format!("@{old} is now @{new}"),
        ("username", ..) => "changed its handle".to_owned(),
        ("display_name", Some(old), Some(new)) => {
            format!("renamed from “{}” to “{}”", quoted(old), quoted(new))
        }
        ("display_name", ..) => "changed its display name".to_owned(),
        ("is_verified", _, Some("1")) => "verified".to_owned(),
        ("is_verified", ..) => "no longer verified".to_owned(),
        ("bio", _, None) => "the bio was removed".to_owned(),
        ("bio", _, Some(new)) => format!("a new bio: “{}”", quoted(new)),
        (field, ..) => format!("changed its {}", field.replace('_', " ")),
    }
}

fn quoted(text: &str) -> String {
    let mut rest = text.chars();
    let mut start: String = rest.by_ref().take(QUOTED).collect();
    if rest.next().is_some() {
        start.push('…');
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_described() {
        let describe = |field: &str, old: Option<&str>, new: Option<&str>| {
            changed(&ProfileChange {
                id: "clx1".to_owned(),
                name: "Guru".to_owned(),
                time: Time(0),
                dated: Time(0),
                field: field.to_owned(),
                old: old.map(str::to_owned),
                new: new.map(str::to_owned),
            })
        };
        for (shown, text) in [
            (describe("username", Some("old"), Some("new")), "@old is now @new"),
            (describe("username", None, Some("new")), "changed its handle"),
            (describe("display_name", Some("A"), Some("B")), "renamed from “A” to “B”"),
            (describe("is_verified", Some("0"), Some("1")), "verified"),
            (describe("is_verified", Some("1"), Some("0")), "no longer verified"),
            (describe("bio", Some("x"), None), "the bio was removed"),
            (describe("bio", None, Some("Hi")), "a new bio: “Hi”"),
            (describe("external_url", None, Some("u")), "changed its external url"),
        ] {
            assert_eq!(shown, text);
        }
        let long = describe("bio", None, Some(&"é".repeat(QUOTED + 1)));
        assert_eq!(long, format!("a new bio: “{}…”", "é".repeat(QUOTED)));
    }
}
