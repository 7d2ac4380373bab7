//! What a request asks for.

/// A request that the vendor would look into.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// An account by its id, whether or not it exists.
    Refresh {
        /// As in the path.
        id: String,
    },
    /// An account by its name.
    Analyze {
        /// `None` if nobody is called so.
        id: Option<String>,
    },
}

impl Question {
    /// The account's id, as far as it is known.
    pub fn id(&self) -> Option<&str> {
        match self {
            Question::Refresh { id } => Some(id),
            Question::Analyze { id } => id.as_deref(),
        }
    }
}
