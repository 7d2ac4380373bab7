//! Validation of the tables other than the accounts.

use std::ffi::OsString;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;

use super::at::At;
use super::duration::{LONGEST, Span};
use super::findings::Findings;
use super::proxy::{Proxy, is_loopback};
use super::raw::{Integer, RawApi, RawBudget, RawHttp, RawRetry, Text};
use super::schema;
use super::{Api, Budget, CatchUp, Database, Http, OnUnknown, Period, Retry};
use crate::paths::folder_of;

/// The path of the configuration of an installed package.
pub(super) const INSTALLED: &str = "/etc/growthd/config.toml";

/// In seconds.
const DEFAULT_FIRST_DELAY: i64 = 30;
const DEFAULT_MAX_DELAY: i64 = 6 * 3600;

const DEFAULT_KEY_FILE: &str = "api-key";

pub const DEFAULT_BASE_URL: &str = "https://api.hooked.ai";

/// The vendor's host in its newer pages.
pub const NEWER_BASE_URL: &str = "https://api.hooked.so";

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9464);

/// Checks values. An invalid one is reported and replaced by its default, so that all values are
/// checked.
pub(super) struct Values<'f> {
    /// The path of the main file, whose folder relative paths are relative to.
    pub path: &'f Path,
    pub findings: &'f mut Findings,
}

impl Values<'_> {
    pub fn api(&mut self, raw: RawApi<'_>) -> Option<Api> {
        let allow_http = raw.allow_http.is_some_and(|allow| allow.value);
        let base_url = match &raw.base_url {
            Some(field) => match base_url(field.value, allow_http) {
                Ok(url) => Some(url),
                Err(why) => {
                    self.findings.wrong(field, why);
                    None
                }
            },
            None => Url::parse(DEFAULT_BASE_URL).ok(),
        };
        let proxy = raw.proxy.and_then(|field| self.proxy(&field, base_url.as_ref(), allow_http));
        let api_key_file = self
            .file(raw.api_key_file)
            .unwrap_or_else(|| self.path.with_file_name(DEFAULT_KEY_FILE));
        let timeout = self.span(raw.timeout, 1..=3600, 120);
        let max_in_flight = self.integer(raw.max_in_flight, 1..=1024, 4);
        let requests_per_minute = self.integer(raw.requests_per_minute, 0..=1_000_000, 60);
        Some(Api {
            base_url: base_url?,
            proxy,
            api_key_file,
            timeout: Duration::from_secs(timeout.unsigned_abs()),
            max_in_flight,
            requests_per_minute,
            allow_http,
        })
    }

    fn proxy(
        &mut self,
        field: &At<&str>,
        base_url: Option<&Url>,
        allow_http: bool,
    ) -> Option<Proxy> {
        let is_plain = base_url.is_some_and(|url| url.scheme() == "http");
        let why = match Proxy::parse(field.value) {
            Ok(proxy) if is_plain && !allow_http && !proxy.is_private() => {
                "would receive the API key unencrypted (use an https base_url, or set \
                 allow_http = true in [api] to permit it)"
            }
            Ok(proxy) => return Some(proxy),
            Err(why) => why,
        };
        self.findings.wrong(field, why);
        None
    }

    pub fn budget(&mut self, raw: RawBudget<'_>) -> Option<Budget> {
        let choices = [("day", Period::Day), ("week", Period::Week), ("month", Period::Month)];
        let per = self.choice(raw.per, choices, Period::Month);
        let manual = raw.manual.and_then(|field| Some((self.count(&field)?, field)));
        let refreshes = self.count(&raw.refreshes?)?;
        if let Some((manual, field)) = &manual
            && *manual > refreshes
        {
            self.findings.wrong(field, format!("is more than `refreshes`, {refreshes}"));
        }
        Some(Budget { refreshes, per, manual: manual.map(|(manual, _)| manual) })
    }

    fn count(&mut self, field: &At<i64>) -> Option<u64> {
        let count = u64::try_from(field.value).ok();
        if count.is_none() {
            self.findings.wrong(field, "is negative");
        }
        count
    }

    pub fn retry(&mut self, raw: RawRetry<'_>) -> Retry {
        let place = raw.first_delay.as_ref().or(raw.max_delay.as_ref()).map(|field| field.at);
        let first_delay = self.valid_span(raw.first_delay, 1..=LONGEST, DEFAULT_FIRST_DELAY);
        let max_delay = self.valid_span(raw.max_delay, 1..=LONGEST, DEFAULT_MAX_DELAY);
        if let (Some(first), Some(max), Some(at)) = (first_delay, max_delay, place)
            && first > max
        {
            let (first, max) = (Span::of_seconds(first), Span::of_seconds(max));
            let message = format!("`first_delay` ({first}) is longer than `max_delay` ({max})");
            self.findings.add(at, message);
        }
        let choices = [("retry", OnUnknown::Retry), ("skip", OnUnknown::Skip)];
        Retry {
            first_delay: first_delay.unwrap_or(DEFAULT_FIRST_DELAY),
            max_delay: max_delay.unwrap_or(DEFAULT_MAX_DELAY),
            max_paid_attempts: self.integer(raw.max_paid_attempts, 1..=1000, 3),
            unknown: self.choice(raw.unknown, choices, OnUnknown::Retry),
        }
    }

    pub fn database(&mut self, raw: Text<'_>) -> Database {
        match self.file(raw) {
            // SQLite would take these for something other than a file's name.
            Some(path) if [":", "file:"].iter().any(|start| starts_with(&path, start)) => {
                Database { path: Path::new(".").join(path), is_named: true }
            }
            Some(path) => Database { path, is_named: true },
            None => {
                let state = std::env::var_os("STATE_DIRECTORY");
                Database {
                    path: default_database(self.path, state, Path::new(INSTALLED)),
                    is_named: false,
                }
            }
        }
    }

    pub fn http(&mut self, raw: RawHttp<'_>) -> Http {
        let listen = match raw.listen {
            None => DEFAULT_LISTEN,
            Some(field) => field.value.parse().unwrap_or_else(|_| {
                self.findings.wrong(&field, "is not an address with a port");
                DEFAULT_LISTEN
            }),
        };
        Http { listen }
    }

    pub fn catch_up(&mut self, raw: Text<'_>) -> CatchUp {
        let Some(field) = raw else { return CatchUp::Always };
        match (field.value, field.value.parse::<Span>()) {
            ("always", _) => return CatchUp::Always,
            ("never", _) => return CatchUp::Never,
            (_, Ok(span)) if span.seconds() > 0 => return CatchUp::Within(span.seconds()),
            (_, Ok(_)) => self.findings.wrong(&field, "must be longer than zero"),
            (word, Err(why)) => match schema::nearest(word, ["always", "never"].into_iter()) {
                Some(near) => {
                    self.findings.wrong(&field, format!("is misspelled (did you mean {near:?}?)"));
                }
                None => self.findings.wrong(&field, why),
            },
        }
        CatchUp::Always
    }

    /// Returns a duration in seconds within `range`, or else the default.
    pub fn span(&mut self, raw: Text<'_>, range: RangeInclusive<i64>, default: i64) -> i64 {
        self.valid_span(raw, range, default).unwrap_or(default)
    }

    /// Like [`Values::span`], but returns `None` for a duration that was reported, with which no
    /// other is to be compared.
    fn valid_span(
        &mut self,
        raw: Text<'_>,
        range: RangeInclusive<i64>,
        default: i64,
    ) -> Option<i64> {
        let Some(field) = raw else { return Some(default) };
        match field.value.parse::<Span>() {
            Ok(span) if range.contains(&span.seconds()) => return Some(span.seconds()),
            Ok(_) => self.findings.wrong(&field, "is out of range"),
            Err(why) => self.findings.wrong(&field, why),
        }
        None
    }

    fn integer(&mut self, raw: Integer, range: RangeInclusive<u32>, default: u32) -> u32 {
        let Some(field) = raw else { return default };
        match u32::try_from(field.value) {
            Ok(value) if range.contains(&value) => value,
            _ => {
                self.findings.wrong(&field, "is out of range");
                default
            }
        }
    }

    fn choice<T: Copy, const N: usize>(
        &mut self,
        raw: Text<'_>,
        choices: [(&'static str, T); N],
        default: T,
    ) -> T {
        let Some(field) = raw else { return default };
        if let Some((_, chosen)) = choices.iter().find(|(word, _)| *word == field.value) {
            return *chosen;
        }
        match schema::nearest(field.value, choices.iter().map(|(word, _)| *word)) {
            Some(near) => {
                self.findings.wrong(&field, format!("is misspelled (did you mean {near:?}?)"));
            }
            None => self.findings.wrong(&field, "is not a valid value"),
        }
        default
    }

    fn file(&mut self, raw: Text<'_>) -> Option<PathBuf> {
        let field = raw?;
        if field.value.is_empty() || field.value.contains('\0') {
            self.findings.wrong(&field, "is not a path");
            return None;
        }
        if field.value.contains(char::is_control) {
            self.findings.wrong(&field, CONTROL_IN_PATH);
            return None;
        }
        if field.value.ends_with('/') {
            self.findings.wrong(&field, "is the path of a folder, not of a file");
            return None;
        }
        Some(self.path.with_file_name(field.value))
    }

    /// Returns a name without the blanks around it, which nobody would see.
    pub fn name(&mut self, field: At<&str>) -> Option<String> {
        match check_name(field.value) {
            Ok(()) => Some(field.value.trim().to_owned()),
            Err(why) => {
                self.findings.wrong(&field, why);
                None
            }
        }
    }
}

/// What is wrong with a path such as "C:\temp", which has a tab.
pub(super) const CONTROL_IN_PATH: &str =
    "contains a control character (write Windows paths in single quotes)";

fn starts_with(path: &Path, start: &str) -> bool {
    path.as_os_str().as_encoded_bytes().starts_with(start.as_bytes())
}

/// Checks a name, such as a label: 1 to 200 characters, without control characters.
///
/// # Errors
/// Returns what is wrong with it.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    const LONGEST_NAME: usize = 200;
    if name.trim().is_empty() {
        Err("is empty")
    } else if name.chars().any(char::is_control) {
        Err("contains a control character, such as a line break")
    } else if name.chars().nth(LONGEST_NAME).is_some() {
        Err("is too long")
    } else {
        Ok(())
    }
}

/// Parses a URL that the API key may be sent to. An error does not repeat the text, which may
/// contain a password.
fn base_url(text: &str, allow_http: bool) -> Result<Url, &'static str> {
    // The URL parser would silently drop these, and so make a different URL.
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("contains a space or a control character");
    }
    let mut url = Url::parse(text).map_err(|_| "is not a URL")?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) || allow_http => {}
        "http" => {
            return Err("would send the API key unencrypted \
                (set allow_http = true in [api] to permit it)");
        }
        _ => return Err("is not an https URL"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("contains a user name or a password, which is not supported");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("contains a query or a fragment (`?` or `#`)");
    }
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty();
    }
    Ok(url)
}

/// Returns the default path of the database: in the first folder of `$STATE_DIRECTORY`, which
/// systemd creates; else, for an installed configuration, where systemd would create it; else
/// beside the configuration.
fn default_database(config: &Path, state: Option<OsString>, installed: &Path) -> PathBuf {
    const NAME: &str = "growth.db";
    let state = state.and_then(|folders| std::env::split_paths(&folders).next());
    if let Some(folder) = state.filter(|folder| folder.is_absolute()) {
        return folder.join(NAME);
    }
    // Compared as folders, since a relative path, `..` or a link may lead to the installed
    // configuration too: with a second database, everything would be bought again.
    let folder = |file: &Path| {
        let folder = folder_of(file);
        fs::canonicalize(folder).or_else(|_| std::path::absolute(folder)).ok()
    };
    if folder(config) != folder(installed) {
        return config.with_file_name(NAME);
    }
    // /etc/growthd/NAME.toml is the configuration of the instance NAME.
    let mut folder = OsString::from("/var/lib/growthd");
    if config.file_name() != installed.file_name() {
        folder.push("-");
        folder.push(config.file_stem().unwrap_or_default());
    }
    Path::new(&folder).join(NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_https_or_on_this_machine() {
        for (text, allow_http, read) in [
            ("https://api.hooked.ai", false, Ok("https://api.hooked.ai/")),
            ("https://api.hooked.ai/", false, Ok("https://api.hooked.ai/")),
            ("https://proxy.example/hooked/", false, Ok("https://proxy.example/hooked")),
            ("http://127.0.0.1:8080", false, Ok("http://127.0.0.1:8080/")),
            ("http://127.9.9.9", false, Ok("http://127.9.9.9/")),
            ("http://[::1]:1", false, Ok("http://[::1]:1/")),
            ("http://LOCALHOST", false, Ok("http://localhost/")),
            ("http://10.0.0.1", true, Ok("http://10.0.0.1/")),
            ("http://10.0.0.1", false, Err("unencrypted")),
            ("http://localhost.example", false, Err("unencrypted")),
            ("http://127.0.0.1.example", false, Err("unencrypted")),
            ("https://me:secret@api.hooked.ai", false, Err("password")),
            ("https://me@api.hooked.ai", false, Err("user name")),
            ("https://api.hooked.ai?x=1", false, Err("query")),
            ("https://api.hooked.ai#x", false, Err("fragment")),
            ("https://api.hooked.ai\n", false, Err("space")),
            ("ftp://api.hooked.ai", true, Err("not an https URL")),
            ("file:///etc/passwd", true, Err("not an https URL")),
            ("api.hooked.ai", true, Err("not a URL")),
            ("https://", true, Err("not a URL")),
            ("", true, Err("not a URL")),
        ] {
            match (base_url(text, allow_http), read) {
                (Ok(url), Ok(read)) => assert_eq!(url.as_str(), read),
                (Err(why), Err(words)) => assert!(why.contains(words), "{text}: {why}"),
                (other, _) => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_database_is_beside_the_configuration_unless_that_is_installed() {
        for (config, state, database) in [
            ("/etc/growthd/config.toml", None, "/var/lib/growthd/growth.db"),
            ("/etc/growthd/./config.toml", None, "/var/lib/growthd/growth.db"),
            ("/etc/growthd/acme.toml", None, "/var/lib/growthd-acme/growth.db"),
            ("/etc/growthd/more/acme.toml", None, "/etc/growthd/more/growth.db"),
            ("config.toml", None, "growth.db"),
            ("a/b.toml", None, "a/growth.db"),
            ("a/b.toml", Some("/var/lib/x:/var/lib/x/backups"), "/var/lib/x/growth.db"),
            ("a/b.toml", Some(""), "a/growth.db"),
            ("a/b.toml", Some("relative"), "a/growth.db"),
        ] {
            let state = state.map(OsString::from);
            let found = default_database(Path::new(config), state, Path::new(INSTALLED));
            assert_eq!(found, Path::new(database));
        }
    }

    #[test]
    fn an_installed_configuration_has_one_database_however_it_is_reached() {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(root.path().join("growthd/list.d")).expect("a folder");
        std::os::unix::fs::symlink("growthd", root.path().join("link")).expect("a link");
        let installed = root.path().join("growthd/config.toml");
        for (path, database) in [
            ("growthd/config.toml", "/var/lib/growthd/growth.db"),
            ("growthd/list.d/../config.toml", "/var/lib/growthd/growth.db"),
            ("link/config.toml", "/var/lib/growthd/growth.db"),
            ("link/acme.toml", "/var/lib/growthd-acme/growth.db"),
        ] {
            let found = default_database(&root.path().join(path), None, &installed);
            assert_eq!(found, Path::new(database), "{path}");
        }
        let other = default_database(&root.path().join("growthd/list.d/a.toml"), None, &installed);
        assert_eq!(other, root.path().join("growthd/list.d/growth.db"));
    }
}
