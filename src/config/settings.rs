//! The values of a valid configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use super::proxy::Proxy;
use crate::account::AccountId;

/// A valid configuration.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    pub settings: Settings,
    /// The accounts in the order of the files, including disabled ones. Ids are unique.
    pub accounts: Vec<Watched>,
}

/// A valid configuration without its accounts: all that is needed to read the database.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// The path of the main file, as it was given.
    pub path: PathBuf,
    pub api: Api,
    /// `None` if spending has no cap.
    pub budget: Option<Budget>,
    pub retry: Retry,
    pub database: Database,
    /// `None` if no port is opened.
    pub http: Option<Http>,
    /// `[schedule] catch_up`
    pub catch_up: CatchUp,
    /// The main file and the included ones, in the order of reading.
    pub(crate) files: Vec<PathBuf>,
    /// Folders that do not exist, in which `include` would find files.
    pub absent_folders: Vec<PathBuf>,
    /// The patterns of `include` that match no file, other than those of these folders.
    pub unmatched: Vec<String>,
}

/// The vendor's API and how fast to call it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Api {
    /// A URL without a password, whose path does not end with a slash unless it is the root.
    pub base_url: Url,
    pub proxy: Option<Proxy>,
    /// Joined to the configuration's folder. The file need not exist.
    pub api_key_file: PathBuf,
    /// The timeout of a whole call, from a second to an hour.
    pub timeout: Duration,
    /// From 1 to 1024.
    pub max_in_flight: u32,
    /// 0 is unlimited.
    pub requests_per_minute: u32,
    /// Whether plain http to another machine is allowed.
    pub allow_http: bool,
}

impl Api {
    /// Returns the base URL with `segments` appended to its path. Each segment is encoded, so that
    /// none can address another endpoint.
    pub fn url<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.base_url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}

/// A cap on paid refreshes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    pub refreshes: u64,
    pub per: Period,
    /// How many of the refreshes may be spent by hand, with `refresh` and `add`. At most
    /// `refreshes`; `None` means all of them.
    pub manual: Option<u64>,
}

/// A calendar period in UTC. A week begins on Monday.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Period {
    Day,
    Week,
    Month,
}

impl Period {
    /// The period as written in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Period::Day => "day",
            Period::Week => "week",
            Period::Month => "month",
        }
    }
}

/// When to retry a call that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retry {
    /// In seconds, at least 1.
    pub first_delay: i64,
    /// In seconds, at least `first_delay`.
    pub max_delay: i64,
    /// The most calls for one slot that may have cost a credit, at least 1.
    pub max_paid_attempts: u32,
    pub unknown: OnUnknown,
}

/// What to do after a call whose fate is unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnUnknown {
    /// Repeats the call, within `max_paid_attempts`.
    Retry,
    /// Gives the slot up.
    Skip,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Database {
    /// Joined to the configuration's folder.
    pub path: PathBuf,
    /// Whether the configuration sets the path; if not, this is the default.
    pub is_named: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Http {
    /// An address of this machine; not necessarily loopback.
    pub listen: SocketAddr,
}

/// How late a missed slot is still served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CatchUp {
    Always,
    Never,
    /// Up to this many seconds late, at least 1.
    Within(i64),
}

/// An account of the watchlist.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watched {
    pub id: AccountId,
    /// Not empty, without control characters.
    pub label: Option<String>,
    /// Each is not empty, and without control characters.
    pub tags: Vec<String>,
    /// A valid pattern that fires; one allocation is shared by all accounts that have it.
    pub cron: Arc<str>,
    /// An IANA zone that exists; one allocation is shared by all accounts that have it.
    pub timezone: Arc<str>,
    /// In seconds, shorter than the schedule's shortest interval.
    pub spread: i64,
    pub enabled: bool,
}

#[cfg(test)]
impl Watched {
    /// An account for tests, on a schedule in UTC.
    pub(crate) fn example(id: &str, cron: &str) -> Watched {
        Watched {
            id: id.parse().expect("an id"),
            label: None,
            tags: Vec::new(),
            cron: cron.into(),
            timezone: "UTC".into(),
            spread: 0,
            enabled: true,
        }
    }
}
