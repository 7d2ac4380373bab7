//! An edit of the configuration that the daemon does not use.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::printable::Printable;

/// Why the daemon uses an older configuration than the one on the disk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnusedEdit {
    /// It is not valid, and is not tried again until it is edited.
    Refused,
    /// It could not be applied, for this reason, and is tried again until it can be.
    Retried(String),
}

/// A short phrase, to be joined with others in one line.
impl fmt::Display for UnusedEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnusedEdit::Refused => f.write_str(
                "the configuration was refused, and the daemon keeps using an older one",
            ),
            UnusedEdit::Retried(why) => {
                let why = Printable(why);
                write!(f, "the configuration could not be applied yet, and is retried: {why}")
            }
        }
    }
}
