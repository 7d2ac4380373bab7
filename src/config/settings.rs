//! A configuration in which everything is valid, as values.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use super::proxy::Proxy;
use crate::account::AccountId;

/// A configuration in which everything is valid.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// The file it came from, as it was given.
    pub path: PathBuf,
    /// `[api]`
    pub api: Api,
    /// `[budget]`; without it nothing is capped.
    pub budget: Option<Budget>,
    /// `[retry]`
    pub retry: Retry,
    /// `[database]`
    pub database: Database,
    /// `[http]`; without it nothing listens.
    pub http: Option<Http>,
    /// `[schedule] catch_up`
    pub catch_up: CatchUp,
    /// `[[account]]`, in the order of the files, disabled ones included; no id is there twice.
    pub accounts: Vec<Watched>,
    /// The file at `path`, and those that it includes, in the order in which they are read.
    pub(crate) files: Vec<PathBuf>,
}

/// The vendor's API and how fast to call it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Api {
    /// Its path has no slash at its end, other than the root's. Holds no password.
    pub base_url: Url,
    /// What the calls go through.
    pub proxy: Option<Proxy>,
    /// Joined to the configuration's folder. It need not be there.
    pub api_key_file: PathBuf,
    /// Of a whole call; from a second to an hour.
    pub timeout: Duration,
    /// From 1 to 1024.
    pub max_in_flight: u32,
    /// 0 is unlimited.
    pub requests_per_minute: u32,
    /// Whether plain http may go to another machine.
    pub allow_http: bool,
}

impl Api {
    /// The URL of a path below the base URL. Each segment is encoded, so that none can lead to
    /// another endpoint.
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
    /// How many may be spent.
    pub refreshes: u64,
    /// In what time.
    pub per: Period,
    /// How many of them people may have with `refresh` and `add`, at most `refreshes`; `None` is
    /// as many.
    pub manual: Option<u64>,
}

/// A period of the calendar in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Period {
    /// From midnight.
    Day,
    /// From Monday.
    Week,
    /// From the first.
    Month,
}

impl Period {
    /// Its name, as the configuration writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Period::Day => "day",
            Period::Week => "week",
            Period::Month => "month",
        }
    }
}

/// What follows a call that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retry {
    /// In seconds, at least 1.
    pub first_delay: i64,
    /// In seconds, at least `first_delay`.
    pub max_delay: i64,
    /// Of one slot, at least 1.
    pub max_paid_attempts: u32,
    /// After a call whose fate is unknown.
    pub unknown: OnUnknown,
}

/// Whether a call whose fate is unknown is repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnUnknown {
    /// It is, within `max_paid_attempts`.
    Retry,
    /// Its slot is given up.
    Skip,
}

/// Where the history lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Database {
    /// Joined to the configuration's folder.
    pub path: PathBuf,
    /// Whether the configuration names it; if not, this is the default.
    pub is_named: bool,
}

/// The listening port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Http {
    /// An address of this machine; not necessarily loopback.
    pub listen: SocketAddr,
}

/// How late a missed slot is still worth its refresh.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CatchUp {
    Always,
    Never,
    /// Up to so many seconds, at least 1.
    Within(i64),
}

/// An account of the watchlist.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watched {
    /// The vendor's id.
    pub id: AccountId,
    /// Not empty, without control characters.
    pub label: Option<String>,
    /// None is empty or has control characters.
    pub tags: Vec<String>,
    /// A pattern that parses and fires; one allocation for all accounts that have it.
    pub cron: Arc<str>,
    /// An IANA zone that exists; one allocation for all accounts that have it.
    pub timezone: Arc<str>,
    /// In seconds, shorter than the schedule's shortest interval.
    pub spread: i64,
    /// Whether it is refreshed.
    pub enabled: bool,
}
