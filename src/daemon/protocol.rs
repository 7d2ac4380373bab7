//! What is said over the control socket: a request, which is not trusted, and the lines that answer it.

use std::io;

use serde::{Deserialize, Serialize};

use crate::account::Handle;
use crate::clock;
use crate::config::Watched;
use crate::engine::Selection;
use crate::schedule::Schedule;
use crate::store::AccountLookup;

/// The placeholder for the id of an account whose id is not known yet.
const PLACEHOLDER: &str = "unknown";

/// The maximum length of a text in a lookup, in bytes, which is more than any platform or schedule
/// needs.
const MAX_TEXT_BYTES: usize = 200;

/// The maximum spread in a lookup, in seconds.
const MAX_SPREAD: i64 = 366 * 86_400;

/// The maximum number of accounts named in one request; `--all` serves longer lists.
const MAX_IDS: usize = 100_000;

/// The maximum number of names looked up in one request.
pub const MAX_LOOKUPS: usize = 1000;

/// A request as received.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawRequest {
    Refresh(Selection),
    /// Look up accounts by name.
    Add(Vec<RawLookup>),
    /// Report the daemon's health in one line, immediately.
    Health,
}

/// An account to look up, with its future schedule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct RawLookup {
    username: String,
    platform: String,
    cron: String,
    timezone: String,
    spread: i64,
}

impl RawLookup {
    pub(super) fn of(lookup: &AccountLookup) -> RawLookup {
        let AccountLookup { handle, entry } = lookup;
        RawLookup {
            username: handle.username().to_owned(),
            platform: handle.platform().as_str().to_owned(),
            cron: entry.cron.to_string(),
            timezone: entry.timezone.to_string(),
            spread: entry.spread,
        }
    }

    fn lookup(self) -> io::Result<AccountLookup> {
        let is_long = |text: &String| text.len() > MAX_TEXT_BYTES;
        if [&self.username, &self.platform, &self.cron, &self.timezone].into_iter().any(is_long) {
            return Err(invalid("a value is too long"));
        }
        let handle = self.platform.parse();
        let handle = handle
            .and_then(|platform| Handle::new(&self.username, platform))
            .map_err(|error| invalid(format!("the name to look up {error}")))?;
        if !(0..=MAX_SPREAD).contains(&self.spread) {
            return Err(invalid("invalid spread"));
        }
        Schedule::parse(&self.cron, &self.timezone, clock::now().time()).map_err(invalid)?;
        let entry = Watched {
            // Replaced by the id that the vendor returns.
            id: PLACEHOLDER.parse().map_err(invalid)?,
            label: None,
            tags: Vec::new(),
            cron: self.cron.into(),
            timezone: self.timezone.into(),
            spread: self.spread,
            enabled: true,
        };
        Ok(AccountLookup { handle, entry })
    }
}

pub(super) fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// A validated request.
pub(super) enum Request {
    Refresh(Selection),
    LookUp(Vec<AccountLookup>),
    Health,
}

impl Request {
    pub(super) fn of(line: &[u8]) -> io::Result<Request> {
        if !line.ends_with(b"\n") {
            return Err(invalid("the request does not end with a newline, or is too long"));
        }
        let request = serde_json::from_slice(line)
            .map_err(|error| invalid(format!("not a valid request: {error}")))?;
        match request {
            RawRequest::Refresh(Selection::Ids(ids) | Selection::DueOf(ids))
                if ids.len() > MAX_IDS =>
            {
                Err(invalid("too many accounts: name at most 100,000, or request all"))
            }
            RawRequest::Refresh(selection) => Ok(Request::Refresh(selection)),
            RawRequest::Health => Ok(Request::Health),
            RawRequest::Add(lookups) if lookups.is_empty() => Err(invalid("no name to look up")),
            RawRequest::Add(lookups) if lookups.len() > MAX_LOOKUPS => {
                Err(invalid("too many names: look up at most 1,000 at once"))
            }
            RawRequest::Add(lookups) => {
                let lookups =
                    lookups.into_iter().map(RawLookup::lookup).collect::<io::Result<_>>()?;
                Ok(Request::LookUp(lookups))
            }
        }
    }
}

/// A line of a response.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Line<T> {
    /// The request was refused.
    Refused {
        refused: String,
    },
    Step(T),
}
