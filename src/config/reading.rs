//! Reads the files of a configuration and combines them.

use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::clock::Time;

use super::accounts::{Defaults, List};
use super::broken::{Broken, blanked};
use super::document::{self, Document};
use super::findings::{DUPLICATE, Findings};
use super::include::{self, FindError};
use super::raw::RawAccount;
use super::split::{SplitText, broken_statements};
use super::valid::Values;
use super::{Config, ConfigError, Database, Settings, raw, schema};

/// The parameters of reading a configuration.
#[derive(Clone, Copy)]
pub(super) struct Reading<'e> {
    pub now: Time,
    /// Splits a file into chunks that are parsed one at a time.
    pub split: fn(&str) -> SplitText,
    /// An included file, and the content to use in place of its own.
    pub edited: Option<(&'e Path, &'e [u8])>,
    /// Files of the configuration in use. A folder of theirs must exist: that it is away for a
    /// moment does not mean that its accounts were removed from the watchlist.
    pub in_use: &'e [PathBuf],
    /// Whether to look for all broken statements first.
    pub is_careful: bool,
}

/// What `include` leads to.
#[derive(Default)]
struct Included {
    /// The files, each once and with the place of its pattern.
    files: Vec<(usize, PathBuf)>,
    absent_folders: Vec<PathBuf>,
    /// The patterns that match no file.
    unmatched: Vec<String>,
}

/// The values of the main file.
struct Main {
    /// The patterns, each with its place.
    include: Vec<(usize, String)>,
    /// `None` if the values of `[api]` are invalid.
    settings: Option<Settings>,
    database: Database,
    /// The accounts of the file that are not in a chunk of its list.
    list: List,
}

impl Reading<'_> {
    pub fn at(now: Time) -> Reading<'static> {
        Reading { now, split: SplitText::new, edited: None, in_use: &[], is_careful: false }
    }

    pub fn read(&self, path: &Path, bytes: &[u8]) -> Result<Config, ConfigError> {
        let mut findings = Findings::default();
        match self.read_into(&mut findings, path, bytes) {
            // The parser may have stopped there.
            Err(_) if findings.have_syntax() && !self.is_careful => {
                Reading { is_careful: true, ..*self }.read(path, bytes)
            }
            Err(documents) => Err(findings.into_problems(&documents).into()),
            Ok(config) => Ok(config),
        }
    }

    /// Reads the files, and returns their texts if there is any problem.
    fn read_into<'t>(
        &self,
        findings: &mut Findings,
        path: &Path,
        bytes: &'t [u8],
    ) -> Result<Config, Vec<Document<'t>>> {
        let document = Document::decode(path.to_owned(), bytes.into());
        findings.in_document(0, &document);
        let mut values = Values { path, findings: &mut *findings };
        let (text, split) = self.split_text(&document.text, values.findings);
        let Main { include, settings, database, mut list } =
            self.main(&split.settings(&text), &mut values);
        take_chunks(&text, &split, &mut list, &mut values, |file, findings| {
            raw::read(file, findings).accounts
        });
        let Included { files, absent_folders, unmatched } =
            self.find_included(path, &include, &database, findings);
        let texts = self.included(&document, files, findings);
        let mut documents = vec![document];
        documents.extend(texts);
        let mut values = Values { path, findings: &mut *findings };
        let schedule = list.defaults();
        for (number, document) in documents.iter().enumerate().skip(1) {
            values.findings.in_file(number);
            self.included_accounts(&document.text, &schedule, &mut list, &mut values);
        }
        let accounts = values.accounts(list);
        match settings {
            Some(settings) if findings.is_empty() => {
                let files = documents.into_iter().map(|document| document.path).collect();
                let settings = Settings { files, absent_folders, unmatched, ..settings };
                Ok(Config { settings, accounts })
            }
            _ => Err(documents),
        }
    }

    /// Reads the settings only: the accounts, and the files that would be included, may be invalid.
    pub fn read_settings(&self, path: &Path, bytes: &[u8]) -> Result<Settings, ConfigError> {
        let mut findings = Findings::default();
        let document = Document::decode(path.to_owned(), bytes.into());
        findings.in_file(0);
        let (text, split) = self.split_text(&document.text, &mut findings);
        for at in &document.not_utf8 {
            findings.of_list(split.is_in_list(*at));
            findings.not_utf8(*at);
        }
        findings.of_list(false);
        for at in split.doubtful_strings.iter().filter(|at| split.is_in_list(**at)) {
            let message =
                "this string has a line that begins with `[`; close it before the next table";
            findings.syntax(*at, message.to_owned());
        }
        let Main { include, settings, database, .. } =
            self.main(&split.settings(&text), &mut Values { path, findings: &mut findings });
        match settings {
            Some(settings) if !findings.concern_settings() => {
                // What is wrong with `include` concerns the accounts, like what is in its files.
                let Included { files, absent_folders, unmatched } =
                    self.find_included(path, &include, &database, &mut findings);
                let found = files.into_iter().map(|(_, path)| path);
                let files = std::iter::once(path.to_owned()).chain(found).collect();
                Ok(Settings { files, absent_folders, unmatched, ..settings })
            }
            _ => Err(findings.into_problems(&[document]).into()),
        }
    }

    /// Splits the text `whole`, and returns it without the broken statements, which it reports. All of
    /// them are looked for only if there is any, as this takes longer than to parse the text.
    fn split_text<'t>(&self, whole: &'t str, findings: &mut Findings) -> (Cow<'t, str>, SplitText) {
        let mut text = Cow::Borrowed(whole);
        let mut split = (self.split)(&text);
        if self.is_careful || !split.broken.is_empty() {
            let broken = broken_statements(&text);
            text = Cow::Owned(blanked(&text, &broken));
            split = (self.split)(&text);
            for statement in &broken {
                let Broken { at, fault, .. } = *statement;
                let is_certain = !statement.may_hide_settings(whole);
                findings.of_list(is_certain && split.is_in_list(at));
                findings.syntax(at, fault.message().to_owned());
            }
            findings.of_list(false);
        }
        if is_mixed(&split, &text) {
            split = SplitText::unsplit(&text);
        }
        findings.of_list(true);
        for header in &split.malformed {
            findings.add(header.line.start, header.message.to_owned());
        }
        findings.of_list(false);
        (text, split)
    }

    fn main(&self, text: &str, values: &mut Values<'_>) -> Main {
        let (file, errors) = DeTable::parse_recoverable(text);
        report(text, errors, values.findings);
        let raw = raw::read(file.get_ref(), values.findings);
        let include = raw.include.iter().map(|field| (field.at, field.value.to_owned())).collect();
        let mut schedule = raw.schedule;
        let catch_up = values.catch_up(schedule.catch_up.take());
        let api = values.api(raw.api);
        let budget = raw.budget.and_then(|budget| values.budget(budget));
        let retry = values.retry(raw.retry);
        let database = values.database(raw.database_path);
        let http = raw.http.map(|http| values.http(http));
        let settings = api.map(|api| Settings {
            path: values.path.to_owned(),
            api,
            budget,
            retry,
            database: database.clone(),
            http,
            catch_up,
            files: Vec::new(),
            absent_folders: Vec::new(),
            unmatched: Vec::new(),
        });
        let mut list = values.list(schedule, self.now);
        values.findings.of_list(true);
        values.take(&mut list, raw.accounts);
        values.findings.of_list(false);
        Main { include, settings, database, list }
    }

    /// Reads the included files. One that cannot be read is reported at its pattern.
    fn included(
        &self,
        main: &Document<'_>,
        files: Vec<(usize, PathBuf)>,
        findings: &mut Findings,
    ) -> Vec<Document<'static>> {
        let mut documents = Vec::new();
        let mut remaining = document::LARGEST.saturating_sub(main.text.len() as u64);
        for (at, path) in files {
            let bytes = match self.edited.filter(|(edited, _)| *edited == path) {
                Some((_, bytes)) => Ok(bytes.to_owned()),
                None => document::read(&path, remaining),
            };
            match bytes {
                Ok(bytes) => {
                    remaining = remaining.saturating_sub(bytes.len() as u64);
                    let document = Document::decode(path, bytes.into());
                    findings.in_document(documents.len() + 1, &document);
                    documents.push(document);
                }
                Err(error) => {
                    findings.in_file(0);
                    let path = path.display();
                    findings.unavailable(
                        at,
                        format!("`include` leads to {path}, which cannot be read: {error}"),
                    );
                }
            }
        }
        documents
    }

    /// Finds what `include` in the file at `main` leads to. An invalid pattern is reported there.
    fn find_included(
        &self,
        main: &Path,
        include: &[(usize, String)],
        database: &Database,
        findings: &mut Findings,
    ) -> Included {
        let mut included = Included::default();
        let mut seen = include::SeenFiles::of_database(&database.path);
        seen.insert(main);
        findings.in_file(0);
        for (at, pattern) in include {
            match include::find(main, pattern) {
                Ok(paths) => {
                    if paths.is_empty() {
                        included.unmatched.push(pattern.clone());
                    }
                    let new = paths.into_iter().filter(|path| seen.insert(path));
                    included.files.extend(new.map(|path| (*at, path)));
                }
                Err(FindError::Invalid(why)) => findings.add(*at, format!("`include` {why}")),
                Err(FindError::Unavailable(why)) => {
                    findings.unavailable(*at, format!("`include` {why}"));
                }
                Err(FindError::NoFolder(folder)) => {
                    if self.in_use.iter().any(|file| include::is_below(file, &folder)) {
                        let folder = folder.display();
                        findings.unavailable(
                            *at,
                            format!(
                                "`include` leads to the folder {folder}, which is gone; restore \
                                 it, or, to remove its accounts, create it empty or remove the \
                                 pattern"
                            ),
                        );
                    }
                    included.absent_folders.push(folder);
                }
            }
        }
        included
    }

    fn included_accounts(
        &self,
        text: &str,
        schedule: &Defaults,
        list: &mut List,
        values: &mut Values<'_>,
    ) {
        let (text, split) = self.split_text(text, values.findings);
        let settings = split.settings(&text);
        let (file, errors) = DeTable::parse_recoverable(&settings);
        report(&settings, errors, values.findings);
        let raw = raw::read_included(file.get_ref(), values.findings);
        values.defaults(list, schedule, raw.defaults);
        values.take(list, raw.accounts);
        take_chunks(&text, &split, list, values, |file, findings| {
            raw::read_included(file, findings).accounts
        });
    }
}

/// Takes the accounts of `text` in the chunks of `split`, which are parsed one at a time.
fn take_chunks(
    text: &str,
    split: &SplitText,
    list: &mut List,
    values: &mut Values<'_>,
    read: for<'a> fn(&'a DeTable<'a>, &mut Findings) -> Vec<RawAccount<'a>>,
) {
    for chunk in &split.chunks {
        let (part, longer) = split.chunk(text, chunk);
        values.findings.in_chunk(chunk.start, longer);
        let (file, errors) = DeTable::parse_recoverable(&part);
        report(&part, errors, values.findings);
        let accounts = read(file.get_ref(), values.findings);
        values.take(list, accounts);
    }
}

/// Returns whether the file has both `[[account]]` and another form of accounts. The parser reports
/// that only if it sees both at once.
fn is_mixed(split: &SplitText, text: &str) -> bool {
    if split.chunks.is_empty() {
        return false;
    }
    let settings = split.settings(text);
    let (file, _) = DeTable::parse_recoverable(&settings);
    file.get_ref().contains_key(schema::ACCOUNT.name)
}

fn report(text: &str, errors: Vec<toml::de::Error>, findings: &mut Findings) {
    // Where the last invalid escape is.
    let mut escape = None;
    for error in errors {
        let span = error.span().unwrap_or_default();
        let message = match error.message() {
            DUPLICATE => {
                format!("{DUPLICATE} `{}`", text.get(span.clone()).unwrap_or_default())
            }
            message if is_invalid_escape(message) => {
                let last = escape.replace(span.start).and_then(|last| text.get(last..span.start));
                if last.is_some_and(|between| !between.contains('"')) {
                    // In the same string.
                    continue;
                }
                INVALID_ESCAPE.to_owned()
            }
            message => syntax_message(message, text, &span),
        };
        findings.syntax(span.start, message);
    }
}

const INVALID_ESCAPE: &str = "in double quotes, `\\` begins an escape: write Windows paths in single \
                              quotes, '…', or with `\\\\`";

/// Returns whether the parser's message is about an escape in a string in double quotes.
fn is_invalid_escape(message: &str) -> bool {
    ["missing escaped value", "too few unicode value digits", "invalid value, expected unicode"]
        .iter()
        .any(|beginning| message.starts_with(beginning))
}

/// Returns the parser's message about what is at `span`, reworded where a beginner would not
/// understand it.
fn syntax_message(message: &str, text: &str, span: &Range<usize>) -> String {
    const BOOLEANS: [&str; 6] = ["true", "false", "yes", "no", "on", "off"];
    // An unquoted `no`, `info` or `two` is taken for the beginning of `nan`, `inf` or `true`.
    const NOT_BOOLEAN: &str = "invalid boolean, expected `";
    let is_unquoted = ["string values must be quoted", "invalid float, expected `", NOT_BOOLEAN]
        .iter()
        .any(|beginning| message.starts_with(beginning));
    let found = text.get(span.clone()).unwrap_or_default();
    match message {
        "invalid basic string, expected `\"`" => {
            "this string is not closed; expected `\"` at its end".to_owned()
        }
        "invalid literal string, expected `'`" => {
            "this string is not closed; expected `'` at its end".to_owned()
        }
        unexpected if unexpected.starts_with("unexpected key or value") => {
            let before = text.get(..span.start).unwrap_or_default();
            let line = before.rsplit('\n').next().unwrap_or_default();
            match line.trim_start().starts_with('[') {
                true => "unexpected text after the header of a table".to_owned(),
                false => "unexpected text after the value; put each key on a line of its own, \
                          without `,` or `;`"
                    .to_owned(),
            }
        }
        message if !is_unquoted => message.to_owned(),
        _ if span.is_empty() => "missing value after `=`".to_owned(),
        _ if BOOLEANS.iter().any(|word| word.eq_ignore_ascii_case(found)) => {
            "expected true or false, in lower case, or a text in quotes".to_owned()
        }
        _ => "strings must be quoted, as in key = \"text\"; only true, false, numbers and dates \
              are written without quotes"
            .to_owned(),
    }
}
