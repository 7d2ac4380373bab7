//! The configuration: wholly valid, or every problem with its line.
//!
//! Two stages: `raw` sorts out what was typed, `valid` and `accounts` make of it a
//! [`Config`] that nothing later need check again. Both go on after a problem, so that a person
//! sees all of them at once.

mod accounts;
mod duration;
mod edit;
mod key;
mod pieces;
mod problem;
mod raw;
mod schema;
mod source;
#[cfg(test)]
mod tests;
mod valid;

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use toml::de::DeTable;

use crate::account::AccountId;
use crate::clock::Time;

use pieces::Pieces;

pub use duration::{InvalidSpan, Span};
pub use edit::{EditError, WatchlistFile, entry};
pub use key::{ApiKey, KeyError, KeySource};
pub use problem::{Problem, Problems};

/// Largest file read, in bytes: a million accounts with everything set take a fifth of it.
const LARGEST_FILE: u64 = 1 << 30;

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
    /// `[[account]]`, in the order of the file, disabled ones included; no id stands twice.
    pub accounts: Vec<Watched>,
}

/// The vendor's API and how fast to call it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Api {
    /// Its path has no slash at its end, other than the root's. Holds no password.
    pub base_url: Url,
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
    /// How many of them people may ask for; `None`: all.
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
    /// However late.
    Always,
    /// Not at all.
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

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error(
        "cannot read the configuration {}: {source}; {}",
        source::visible_path(path),
        advice(path)
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is not valid.
    #[error(transparent)]
    Invalid(#[from] Problems),
}

impl Config {
    /// Reads and checks the file at `path`. Schedules must fire after `now`.
    ///
    /// # Errors
    /// The file cannot be read or is over 1 GiB; or everything that is wrong in it.
    pub fn load(path: &Path, now: Time) -> Result<Config, ConfigError> {
        let bytes = read_bounded(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Config::parse(path, &bytes, now)
    }

    /// Checks `bytes` as the content of the file at `path`, which is not read. Schedules must
    /// fire after `now`.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with everything that is wrong.
    pub fn parse(path: &Path, bytes: &[u8], now: Time) -> Result<Config, ConfigError> {
        Config::parse_pieces(path, bytes, now, |text| Pieces::of(text))
    }

    fn parse_pieces(
        path: &Path,
        bytes: &[u8],
        now: Time,
        cut: impl FnOnce(&str) -> Pieces<'_>,
    ) -> Result<Config, ConfigError> {
        let mut findings = problem::Findings::default();
        let text = decode(bytes, &mut findings);
        match assemble(path, &text, cut(&text), now, &mut findings) {
            Some(config) if findings.is_empty() => Ok(config),
            _ => Err(findings.into_problems(path, &text).into()),
        }
    }

    /// `$GROWTHD_CONFIG`, else `config.toml` in the working folder if it is there, else
    /// `/etc/growthd/config.toml`.
    pub fn default_path() -> PathBuf {
        default_path(std::env::var_os("GROWTHD_CONFIG"), Path::exists)
    }
}

fn assemble(
    path: &Path,
    text: &str,
    pieces: Pieces<'_>,
    now: Time,
    findings: &mut problem::Findings,
) -> Option<Config> {
    let (file, errors) = DeTable::parse_recoverable(&pieces.settings);
    if !pieces.lists.is_empty() && file.get_ref().contains_key(schema::ACCOUNT.name) {
        // Accounts in two ways, which the parser knows to tell when it sees both.
        return assemble(path, text, Pieces::whole(text), now, findings);
    }
    let raw = read(&file, errors, findings);
    let mut values = valid::Values { path, findings };
    let api = values.api(raw.api);
    let budget = raw.budget.and_then(|budget| values.budget(budget));
    let retry = values.retry(raw.retry);
    let database = values.database(raw.database_path);
    let http = raw.http.map(|http| values.http(http));
    let mut schedule = raw.schedule;
    let catch_up = values.catch_up(schedule.catch_up.take());
    let mut list = values.list(schedule, now);
    values.take(&mut list, raw.accounts);
    for piece in pieces.lists {
        values.findings.in_piece(piece.start);
        let (file, errors) = DeTable::parse_recoverable(&text[piece]);
        let raw = read(&file, errors, values.findings);
        values.take(&mut list, raw.accounts);
    }
    let accounts = values.accounts(list);
    Some(Config {
        path: path.to_owned(),
        api: api?,
        budget,
        retry,
        database,
        http,
        catch_up,
        accounts,
    })
}

fn read<'a>(
    file: &'a toml::Spanned<DeTable<'a>>,
    errors: Vec<toml::de::Error>,
    findings: &mut problem::Findings,
) -> raw::Raw<'a> {
    for error in errors {
        let span = error.span().unwrap_or_default();
        findings.syntax(span.start, syntax_message(error.message(), span.is_empty()));
    }
    raw::read(file.get_ref(), findings)
}

/// What the parser says, in other words where a beginner would not understand it.
fn syntax_message(message: &str, nothing_is_there: bool) -> String {
    match message {
        text if !text.starts_with("string values must be quoted") => text.to_owned(),
        _ if nothing_is_there => "missing value after `=`".to_owned(),
        _ => "text must stand in quotes, as in key = \"text\"; bare words are only true, false, \
              numbers and dates"
            .to_owned(),
    }
}

/// The text without a byte order mark; what is not UTF-8 becomes replacement characters, so that the rest can be checked too.
fn decode<'a>(bytes: &'a [u8], findings: &mut problem::Findings) -> Cow<'a, str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    let mut line_is_named = false;
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        line_is_named &= !chunk.valid().contains('\n');
        if !chunk.invalid().is_empty() {
            if !line_is_named {
                let message = "this is not UTF-8 text; save the file as UTF-8".to_owned();
                findings.syntax(text.len(), message);
                line_is_named = true;
            }
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    Cow::Owned(text)
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(io::Error::other("it is over 1 GiB"));
    }
    Ok(bytes)
}

/// What to do about a configuration that cannot be read.
fn advice(path: &Path) -> &'static str {
    match path == Path::new(valid::INSTALLED.0) {
        // Nobody named it.
        true => "put one there or into ./config.toml, or name one with --config or $GROWTHD_CONFIG",
        false => "name another with --config or $GROWTHD_CONFIG",
    }
}

fn default_path(variable: Option<OsString>, is_there: impl Fn(&Path) -> bool) -> PathBuf {
    match variable {
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ if is_there(Path::new("config.toml")) => PathBuf::from("config.toml"),
        _ => PathBuf::from(valid::INSTALLED.0),
    }
}
