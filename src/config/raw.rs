//! The configuration's keys with values of the right type, which [`super::valid`] then checks.

use std::borrow::Borrow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::at::At;
use super::findings::Findings;
use super::schema::{self, Key, Section};
use super::source::is_plain_name;
use super::split::ONE_BRACKET;

pub(super) type Text<'a> = Option<At<&'a str>>;
pub(super) type Integer = Option<At<i64>>;
pub(super) type Boolean = Option<At<bool>>;

/// The main file.
#[derive(Default)]
pub(super) struct Raw<'a> {
    pub include: Vec<At<&'a str>>,
    pub api: RawApi<'a>,
    pub budget: Option<RawBudget<'a>>,
    pub retry: RawRetry<'a>,
    pub database_path: Text<'a>,
    pub schedule: RawSchedule<'a>,
    pub http: Option<RawHttp<'a>>,
    pub accounts: Vec<RawAccount<'a>>,
}

#[derive(Default)]
pub(super) struct RawApi<'a> {
    pub base_url: Text<'a>,
    pub proxy: Text<'a>,
    pub api_key_file: Text<'a>,
    pub timeout: Text<'a>,
    pub max_in_flight: Integer,
    pub requests_per_minute: Integer,
    pub allow_http: Boolean,
}

/// A file that the main one includes.
#[derive(Default)]
pub(super) struct RawIncluded<'a> {
    pub defaults: RawDefaults<'a>,
    pub accounts: Vec<RawAccount<'a>>,
}

#[derive(Default)]
pub(super) struct RawDefaults<'a> {
    pub tags: Vec<At<&'a str>>,
    pub times: RawTimes<'a>,
}

#[derive(Default)]
pub(super) struct RawTimes<'a> {
    pub cron: Text<'a>,
    pub timezone: Text<'a>,
    pub spread: Text<'a>,
}

pub(super) struct RawBudget<'a> {
    pub refreshes: Integer,
    pub manual: Integer,
    pub per: Text<'a>,
}

#[derive(Default)]
pub(super) struct RawRetry<'a> {
    pub first_delay: Text<'a>,
    pub max_delay: Text<'a>,
    pub max_paid_attempts: Integer,
    pub unknown: Text<'a>,
}

#[derive(Default)]
pub(super) struct RawSchedule<'a> {
    pub cron: Text<'a>,
    pub timezone: Text<'a>,
    pub spread: Text<'a>,
    pub catch_up: Text<'a>,
    pub allow_frequent: Boolean,
}

pub(super) struct RawHttp<'a> {
    pub listen: Text<'a>,
}

pub(super) struct RawAccount<'a> {
    pub id: Text<'a>,
    pub label: Text<'a>,
    pub tags: Vec<At<&'a str>>,
    pub times: RawTimes<'a>,
    pub enabled: Boolean,
}

/// Reads the keys of a parsed main file; unknown keys and values of the wrong type go to
/// `findings`.
pub(super) fn read<'a>(file: &'a DeTable<'a>, findings: &mut Findings) -> Raw<'a> {
    let mut raw = Raw::default();
    for (key, value) in file {
        let name: &str = key.get_ref();
        if name == schema::INCLUDE.name {
            raw.include = texts(value, &schema::INCLUDE, findings);
            continue;
        }
        let Some(section) = schema::MAIN.into_iter().find(|section| section.name == name) else {
            // A list with another name was meant to be that of the accounts.
            let is_list = value.get_ref().is_array();
            let is_misspelled =
                schema::nearest(name, section_names()) == Some(schema::ACCOUNT.name);
            findings.of_list(is_list || is_misspelled);
            findings.add(key.span().start, unknown_at_top(name));
            if is_list && is_misspelled {
                raw.accounts.extend(read_accounts(value, findings));
            }
            findings.of_list(false);
            continue;
        };
        if name == schema::ACCOUNT.name {
            findings.of_list(true);
            raw.accounts.extend(read_accounts(value, findings));
            findings.of_list(false);
        } else if let Some(mut table) = Table::of(section, key, value, findings) {
            raw.take(section.name, &mut table);
        }
    }
    raw
}

/// Reads the keys of a parsed file that the main one includes.
pub(super) fn read_included<'a>(file: &'a DeTable<'a>, findings: &mut Findings) -> RawIncluded<'a> {
    let mut raw = RawIncluded::default();
    for (key, value) in file {
        let name: &str = key.get_ref();
        if name == schema::ACCOUNT.name {
            raw.accounts = read_accounts(value, findings);
        } else if name != schema::DEFAULTS.name {
            findings.add(key.span().start, unknown_in_included(name));
        } else if let Some(mut table) = Table::of(&schema::DEFAULTS, key, value, findings) {
            raw.defaults =
                RawDefaults { tags: table.texts(&schema::TAGS), times: RawTimes::of(&mut table) };
        }
    }
    raw
}

impl<'a> RawTimes<'a> {
    fn of(table: &mut Table<'a, '_>) -> RawTimes<'a> {
        RawTimes {
            cron: table.text(&schema::CRON),
            timezone: table.text(&schema::TIMEZONE),
            spread: table.text(&schema::SPREAD),
        }
    }
}

impl<'a> Raw<'a> {
    fn take(&mut self, section: &str, table: &mut Table<'a, '_>) {
        match section {
            "api" => {
                self.api = RawApi {
                    base_url: table.text(&schema::BASE_URL),
                    proxy: table.text(&schema::PROXY),
                    api_key_file: table.text(&schema::API_KEY_FILE),
                    timeout: table.text(&schema::TIMEOUT),
                    max_in_flight: table.integer(&schema::MAX_IN_FLIGHT),
                    requests_per_minute: table.integer(&schema::REQUESTS_PER_MINUTE),
                    allow_http: table.boolean(&schema::ALLOW_HTTP),
                };
            }
            "budget" => {
                table.require(&schema::REFRESHES);
                self.budget = Some(RawBudget {
                    refreshes: table.integer(&schema::REFRESHES),
                    manual: table.integer(&schema::MANUAL),
                    per: table.text(&schema::PER),
                });
            }
            "retry" => {
                self.retry = RawRetry {
                    first_delay: table.text(&schema::FIRST_DELAY),
                    max_delay: table.text(&schema::MAX_DELAY),
                    max_paid_attempts: table.integer(&schema::MAX_PAID_ATTEMPTS),
                    unknown: table.text(&schema::UNKNOWN),
                };
            }
            "database" => self.database_path = table.text(&schema::PATH),
            "schedule" => {
                self.schedule = RawSchedule {
                    cron: table.text(&schema::CRON),
                    timezone: table.text(&schema::TIMEZONE),
                    spread: table.text(&schema::SPREAD),
                    catch_up: table.text(&schema::CATCH_UP),
                    allow_frequent: table.boolean(&schema::ALLOW_FREQUENT),
                };
            }
            _ => self.http = Some(RawHttp { listen: table.text(&schema::LISTEN) }),
        }
    }
}

fn read_accounts<'a>(
    value: &'a Spanned<DeValue<'a>>,
    findings: &mut Findings,
) -> Vec<RawAccount<'a>> {
    let DeValue::Array(list) = value.get_ref() else {
        if is_readable(value) {
            findings.add(value.span().start, ONE_BRACKET.to_owned());
        }
        return Vec::new();
    };
    let mut accounts = Vec::with_capacity(list.len());
    for account in list.iter() {
        let DeValue::Table(entries) = account.get_ref() else {
            let message = "expected an account: a table with an `id`";
            findings.add(account.span().start, message.to_owned());
            continue;
        };
        let mut table = Table::open(&schema::ACCOUNT, account.span().start, entries, findings);
        table.require(&schema::ID);
        accounts.push(RawAccount {
            id: table.text(&schema::ID),
            label: table.text(&schema::LABEL),
            tags: table.texts(&schema::TAGS),
            times: RawTimes::of(&mut table),
            enabled: table.boolean(&schema::ENABLED),
        });
    }
    accounts
}

/// A table of the file.
struct Table<'a, 'f> {
    section: &'static Section,
    at: usize,
    entries: &'a DeTable<'a>,
    findings: &'f mut Findings,
}

impl<'a, 'f> Table<'a, 'f> {
    /// Opens a table, and reports its unknown keys.
    fn open(
        section: &'static Section,
        at: usize,
        entries: &'a DeTable<'a>,
        findings: &'f mut Findings,
    ) -> Table<'a, 'f> {
        for key in entries.keys() {
            let name: &str = key.get_ref();
            if !section.keys.iter().any(|known| known.name == name) {
                findings.add(key.span().start, unknown_in(section, name));
            }
        }
        Table { section, at, entries, findings }
    }

    /// Opens the table of `section`, or reports that `value` is not one.
    fn of(
        section: &'static Section,
        key: &Spanned<impl Sized>,
        value: &'a Spanned<DeValue<'a>>,
        findings: &'f mut Findings,
    ) -> Option<Table<'a, 'f>> {
        if let DeValue::Table(entries) = value.get_ref() {
            return Some(Table::open(section, value.span().start, entries, findings));
        }
        if is_readable(value) {
            let Section { name, title, .. } = section;
            findings.add(key.span().start, format!("`{name}` is a table: write {title}"));
        }
        None
    }

    fn require(&mut self, key: &Key) {
        if !self.entries.contains_key(key.name) {
            let Section { title, .. } = self.section;
            let message = format!("{title} needs `{}`: {}", key.name, key.expected);
            self.findings.missing(self.at, message);
        }
    }

    fn read<T>(
        &mut self,
        key: &'static Key,
        convert: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<At<T>> {
        read_value(self.entries.get(key.name)?, key, self.findings, convert)
    }

    fn text(&mut self, key: &'static Key) -> Text<'a> {
        self.read(key, DeValue::as_str)
    }

    fn boolean(&mut self, key: &'static Key) -> Boolean {
        self.read(key, DeValue::as_bool)
    }

    fn integer(&mut self, key: &'static Key) -> Integer {
        self.read(key, |value| {
            let number = value.as_integer()?;
            i64::from_str_radix(number.as_str(), number.radix()).ok()
        })
    }

    fn texts(&mut self, key: &'static Key) -> Vec<At<&'a str>> {
        let value = self.entries.get(key.name);
        value.map(|value| texts(value, key, self.findings)).unwrap_or_default()
    }
}

fn read_value<'a, T>(
    value: &'a Spanned<DeValue<'a>>,
    key: &'static Key,
    findings: &mut Findings,
    convert: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
) -> Option<At<T>> {
    if !is_readable(value) {
        return None;
    }
    let at = value.span().start;
    let read = convert(value.get_ref());
    if read.is_none() {
        findings.wrong(&At { value: (), at, key }, kind(value.get_ref()));
    }
    read.map(|value| At { value, at, key })
}

fn texts<'a>(
    value: &'a Spanned<DeValue<'a>>,
    key: &'static Key,
    findings: &mut Findings,
) -> Vec<At<&'a str>> {
    let Some(list) = read_value(value, key, findings, DeValue::as_array) else {
        return Vec::new();
    };
    let mut texts = Vec::with_capacity(list.value.len());
    for item in list.value.iter() {
        let at = item.span().start;
        match item.get_ref() {
            DeValue::String(text) => texts.push(At { value: text.borrow(), at, key }),
            other => findings.wrong(
                &At { value: (), at, key },
                format!("contains an item that {}", kind(other)),
            ),
        }
    }
    texts
}

/// Returns whether a value is in the text. Where the parser could not read one, it reports that and
/// inserts a value without a position.
fn is_readable(value: &Spanned<DeValue<'_>>) -> bool {
    value.span() != (0..0)
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "is a string",
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(_) => "is a number",
            Err(_) => "is out of range",
        },
        DeValue::Float(_) => "is a number with a fraction",
        DeValue::Boolean(_) => "is true or false",
        DeValue::Datetime(_) => "is a date or a time",
        DeValue::Array(_) => "is an array",
        DeValue::Table(_) => "is a table",
    }
}

fn unknown_in(section: &'static Section, name: &str) -> String {
    let title = section.title;
    let unknown = format!("unknown key{} in {title}", named(name));
    if is_api_key(name) {
        return format!("{unknown}{KEY_HINT}");
    }
    if name == schema::INCLUDE.name {
        return format!("{unknown}; it belongs at the top of the file, above the first [table]");
    }
    if let Some(places) = places_of(name) {
        return format!("{unknown}; it belongs in {places}");
    }
    if let Some(key) = schema::nearest(name, section.keys.iter().map(|key| key.name)) {
        return format!("{unknown}; did you mean `{key}`?");
    }
    let known: Vec<&str> = section.keys.iter().map(|key| key.name).collect();
    match &known[..] {
        [only] => format!("{unknown}; expected {only}"),
        _ => format!("{unknown}; expected one of {}", known.join(", ")),
    }
}

fn unknown_at_top(name: &str) -> String {
    let unknown = format!("unknown key{} at the top level", named(name));
    if is_api_key(name) {
        return format!("{unknown}{KEY_HINT}");
    }
    if name == schema::DEFAULTS.name {
        return format!("{unknown}; here the defaults are in {}", schema::SCHEDULE.title);
    }
    if let Some(places) = places_of(name) {
        return format!("{unknown}; it belongs in {places}");
    }
    let sections = schema::MAIN.iter().map(|section| (section.name, section.title));
    let known: Vec<(&str, &str)> =
        std::iter::once((schema::INCLUDE.name, "`include`")).chain(sections).collect();
    one_of(&unknown, name, &known)
}

fn unknown_in_included(name: &str) -> String {
    let unknown = format!("unknown key{} in an included file", named(name));
    if is_api_key(name) {
        return format!("{unknown}{KEY_HINT}");
    }
    if name == schema::SCHEDULE.name {
        return format!("{unknown}; here it is {}", schema::DEFAULTS.title);
    }
    if name == schema::INCLUDE.name || schema::MAIN.iter().any(|section| section.name == name) {
        return format!("{unknown}; it belongs in the main configuration");
    }
    let known: Vec<(&str, &str)> =
        schema::INCLUDED.iter().map(|section| (section.name, section.title)).collect();
    one_of(&unknown, name, &known)
}

/// Completes a message with the known name nearest to `name`, or else with all known names.
fn one_of(unknown: &str, name: &str, known: &[(&'static str, &'static str)]) -> String {
    let nearest = schema::nearest(name, known.iter().map(|(name, _)| *name));
    if let Some((_, title)) = known.iter().find(|(name, _)| nearest == Some(name)) {
        return format!("{unknown}; did you mean {title}?");
    }
    let titles: Vec<&str> = known.iter().map(|(_, title)| *title).collect();
    format!("{unknown}; expected one of {}", titles.join(", "))
}

fn section_names() -> impl Iterator<Item = &'static str> {
    schema::MAIN.into_iter().map(|section| section.name)
}

const KEY_HINT: &str = "; the API key does not belong in the configuration: put it into a file \
    of its own and name that file in [api], as api_key_file = \"api-key\"";

/// Returns whether a key's name means that its value is the API key itself.
fn is_api_key(name: &str) -> bool {
    let letters: String =
        name.chars().take(40).filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase();
    matches!(letters.as_str(), "apikey" | "key" | "token" | "apitoken" | "secret" | "password")
}

/// Returns the name to show; nothing if it may be an API key in place of a name.
fn named(name: &str) -> String {
    if is_plain_name(name) { format!(" `{name}`") } else { String::new() }
}

fn places_of(name: &str) -> Option<String> {
    let titles: Vec<&str> = schema::MAIN
        .iter()
        .filter(|section| section.keys.iter().any(|key| key.name == name))
        .map(|section| section.title)
        .collect();
    (!titles.is_empty()).then(|| titles.join(" or "))
}
