//! For whom a page is.

use crate::selection::Selection;

/// For whom a page is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Edition {
    /// Whoever runs growthd: everything.
    Operator,
    /// A client, by a tag: the client's accounts and how they grew. Neither ids and other tags,
    /// nor what refreshing costs and how it goes.
    Client,
}

impl Edition {
    pub fn of(selection: &Selection) -> Edition {
        if selection.tags.is_empty() { Edition::Operator } else { Edition::Client }
    }
}
