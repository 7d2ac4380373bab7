//! An account's events: milestones, unusual steps and profile changes. They are marked on its chart
//! and listed.

use std::collections::HashMap;

use crate::clock::Time;
use crate::report::html::figure::Change;
use crate::report::{Grouped, Sentence, described, whole};
use crate::selection::Selection;
use crate::store::{Milestone, ReadTx, StoreError, Unusual};

/// Maximum width of a text quoted from the vendor, in columns.
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
    pub text: Sentence,
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
    for reached in Milestone::largest_of_steps(&tx.milestones(selection, None)?) {
        let text = format!("{} {}", Grouped(reached.milestone), reached.count).into();
        push(reached.id.clone(), reached.time, reached.dated, Kind::Milestone, text);
    }
    for step in tx.unusual(selection, None)? {
        let text = unusual(&step);
        push(step.id, step.time, step.dated, Kind::Unusual, text);
    }
    for change in tx.profile_changes(selection, None)? {
        let text = described(&change, QUOTED);
        push(change.id, change.time, change.dated, Kind::Profile, text);
    }
    for events in events.values_mut() {
        events.sort_by_key(|event| (std::cmp::Reverse(event.time), event.kind));
    }
    Ok(events)
}

fn unusual(step: &Unusual) -> Sentence {
    let (per_week, usual) = (Change(whole(step.per_7d)), Change(whole(step.usual_per_7d)));
    format!("{per_week} {} a week, where {usual} is usual", step.count).into()
}
