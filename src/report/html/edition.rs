//! The audience of a page.

use crate::selection::Selection;

/// The audience of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Edition {
    /// The operator of growthd, who is shown everything.
    Operator,
    /// A client, selected by a tag, who is shown their accounts and how these grew, but no ids, no
    /// other tags, and neither the cost nor the state of refreshing.
    Client,
}

impl Edition {
    pub fn of(selection: &Selection) -> Edition {
        if selection.tags.is_empty() { Edition::Operator } else { Edition::Client }
    }
}
