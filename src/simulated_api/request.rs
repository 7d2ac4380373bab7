//! Valid requests to the simulated API.

/// A request with the right key, to an endpoint that exists.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ApiRequest {
    /// By id, whether or not the account exists.
    Refresh { id: String },
    /// By name.
    Analyze {
        /// `None` if no account has the name.
        id: Option<String>,
    },
}

impl ApiRequest {
    /// Returns the account's id, if it is known.
    pub fn id(&self) -> Option<&str> {
        match self {
            ApiRequest::Refresh { id } => Some(id),
            ApiRequest::Analyze { id } => id.as_deref(),
        }
    }
}
