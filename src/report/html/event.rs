//! What happened to an account beside growing: the marks on its chart, and the list of them.

use std::collections::HashMap;

use crate::clock::Time;
use crate::report::{Grouped, Signed};
use crate::selection::Selection;
use crate::store::{Between, ProfileChange, ReadTx, StoreError, Unusual};

const DAY: i64 = 86_400;

/// Of a text of the vendor's so many characters are quoted.
const QUOTED: usize = 120;

/// What kind of event it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Kind {
    Milestone,
    Unusual,
    Profile,
}

impl Kind {
    /// As style sheet and script call it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Milestone => "milestone",
            Kind::Unusual => "unusual",
            Kind::Profile => "profile",
        }
    }

    /// As people call it.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Milestone => "Milestone",
            Kind::Unusual => "Unusual",
            Kind::Profile => "Profile",
        }
    }
}

/// An event of an account's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Event {
    /// When the measurement arrived that tells of it.
    pub time: Time,
    pub kind: Kind,
    /// In words, which may be the vendor's.
    pub text: String,
}

/// The events of every selected account up to now, by its id; the newest first.
pub(super) fn read(
    look: &ReadTx<'_>,
    selection: &Selection,
    now: Time,
) -> Result<HashMap<String, Vec<Event>>, StoreError> {
    let ever = Between { from: Time(0), until: now.plus(DAY) };
    let mut events: HashMap<String, Vec<Event>> = HashMap::new();
    let mut push = |id: String, time, kind, text| {
        events.entry(id).or_default().push(Event { time, kind, text });
    };
    for reached in look.milestones(selection, ever)? {
        let text = format!("{} {}", Grouped(reached.milestone), reached.count);
        push(reached.id, reached.time, Kind::Milestone, text);
    }
    for step in look.unusual(selection, ever)? {
        let text = unusual(&step);
        push(step.id, step.time, Kind::Unusual, text);
    }
    for change in look.profile_changes(selection, ever)? {
        let text = changed(&change);
        push(change.id, change.time, Kind::Profile, text);
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
        ("username", ..) => "another handle".to_owned(),
        ("display_name", Some(old), Some(new)) => {
            format!("“{}” is now called “{}”", quoted(old), quoted(new))
        }
        ("display_name", ..) => "another name".to_owned(),
        ("is_verified", _, Some("1")) => "verified".to_owned(),
        ("is_verified", ..) => "no longer verified".to_owned(),
        ("bio", _, None) => "the bio was removed".to_owned(),
        ("bio", _, Some(new)) => format!("a new bio: “{}”", quoted(new)),
        (field, ..) => format!("another {}", field.replace('_', " ")),
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
    fn a_change_is_told_in_words() {
        let told = |field: &str, old: Option<&str>, new: Option<&str>| {
            changed(&ProfileChange {
                id: "clx1".to_owned(),
                name: "Guru".to_owned(),
                time: Time(0),
                field: field.to_owned(),
                old: old.map(str::to_owned),
                new: new.map(str::to_owned),
            })
        };
        for (told, text) in [
            (told("username", Some("old"), Some("new")), "@old is now @new"),
            (told("username", None, Some("new")), "another handle"),
            (told("display_name", Some("A"), Some("B")), "“A” is now called “B”"),
            (told("is_verified", Some("0"), Some("1")), "verified"),
            (told("is_verified", Some("1"), Some("0")), "no longer verified"),
            (told("bio", Some("x"), None), "the bio was removed"),
            (told("bio", None, Some("Hi")), "a new bio: “Hi”"),
            (told("external_url", None, Some("u")), "another external url"),
        ] {
            assert_eq!(told, text);
        }
        let long = told("bio", None, Some(&"é".repeat(QUOTED + 1)));
        assert_eq!(long, format!("a new bio: “{}…”", "é".repeat(QUOTED)));
    }
}
