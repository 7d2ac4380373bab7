//! Reads the files of a configuration and combines them.

use std::path::Path;

use toml::de::DeTable;

use crate::clock::Time;

use super::accounts::{Defaults, List};
use super::document::{self, Document};
use super::findings::Findings;
use super::include;
use super::split::SplitText;
use super::valid::Values;
use super::{Api, Budget, CatchUp, Config, ConfigError, Database, Http, Retry, raw, schema};

/// The parameters of reading a configuration.
pub(super) struct Reading<'e> {
    pub now: Time,
    /// Splits a file into chunks that are parsed one at a time.
    pub split: fn(&str) -> SplitText<'_>,
    /// An included file, and the content to use in place of its own.
    pub edited: Option<(&'e Path, &'e [u8])>,
}

/// The values of the main file.
struct Main {
    include: Vec<(usize, String)>,
    /// `None` if its values are invalid.
    api: Option<Api>,
    budget: Option<Budget>,
    retry: Retry,
    database: Database,
    http: Option<Http>,
    catch_up: CatchUp,
    list: List,
}

impl Reading<'_> {
    pub fn at(now: Time) -> Reading<'static> {
        Reading { now, split: |text| SplitText::new(text), edited: None }
    }

    pub fn read(&self, path: &Path, bytes: &[u8]) -> Result<Config, ConfigError> {
        let mut findings = Findings::default();
        let main = Document::decode(path.to_owned(), bytes.into());
        findings.in_document(0, &main);
        let mut values = Values { path, findings: &mut findings };
        let Main { include, api, budget, retry, database, http, catch_up, mut list } =
            self.main(&main, &mut values);
        let mut documents = vec![main];
        documents.extend(self.included(&documents[0], &include, &mut findings));
        let mut values = Values { path, findings: &mut findings };
        let schedule = list.defaults();
        for (number, document) in documents.iter().enumerate().skip(1) {
            values.findings.in_file(number);
            self.included_accounts(&document.text, &schedule, &mut list, &mut values);
        }
        let accounts = values.accounts(list);
        match api {
            Some(api) if findings.is_empty() => Ok(Config {
                path: path.to_owned(),
                api,
                budget,
                retry,
                database,
                http,
                catch_up,
                accounts,
                files: documents.into_iter().map(|document| document.path).collect(),
            }),
            _ => Err(findings.into_problems(&documents).into()),
        }
    }

    fn main(&self, document: &Document<'_>, values: &mut Values<'_>) -> Main {
        let text = &*document.text;
        let mut split = (self.split)(text);
        if is_mixed(&split) {
            split = SplitText::unsplit(text);
        }
        let (file, errors) = DeTable::parse_recoverable(&split.settings);
        report(errors, values.findings);
        let raw = raw::read(file.get_ref(), values.findings);
        let mut schedule = raw.schedule;
        let catch_up = values.catch_up(schedule.catch_up.take());
        let mut main = Main {
            include: raw.include.iter().map(|field| (field.at, field.value.to_owned())).collect(),
            api: values.api(raw.api),
            budget: raw.budget.and_then(|budget| values.budget(budget)),
            retry: values.retry(raw.retry),
            database: values.database(raw.database_path),
            http: raw.http.map(|http| values.http(http)),
            catch_up,
            list: values.list(schedule, self.now),
        };
        values.take(&mut main.list, raw.accounts);
        for chunk in split.chunks {
            values.findings.in_chunk(chunk.start);
            let (file, errors) = DeTable::parse_recoverable(&text[chunk]);
            report(errors, values.findings);
            let raw = raw::read(file.get_ref(), values.findings);
            values.take(&mut main.list, raw.accounts);
        }
        main
    }

    /// Reads the files that `include` finds. An invalid pattern and a file that cannot be read are
    /// reported at the pattern.
    fn included(
        &self,
        main: &Document<'_>,
        include: &[(usize, String)],
        findings: &mut Findings,
    ) -> Vec<Document<'static>> {
        let mut documents = Vec::new();
        let mut seen = include::SeenFiles::default();
        seen.insert(&main.path);
        let mut remaining = document::LARGEST.saturating_sub(main.text.len() as u64);
        for (at, pattern) in include {
            let paths = include::find(include::folder_of(&main.path), pattern);
            let paths = paths.unwrap_or_else(|why| {
                findings.in_file(0);
                findings.add(*at, format!("`include` {why}"));
                Vec::new()
            });
            for path in paths {
                if !seen.insert(&path) {
                    continue;
                }
                let bytes = match self.edited.filter(|(edited, _)| *edited == path) {
                    Some((_, bytes)) => Ok(bytes.to_owned()),
                    None => document::read_included(&path, remaining),
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
                        let message =
                            format!("`include` leads to {path}, which cannot be read: {error}");
                        findings.add(*at, message);
                    }
                }
            }
        }
        documents
    }

    fn included_accounts(
        &self,
        text: &str,
        schedule: &Defaults,
        list: &mut List,
        values: &mut Values<'_>,
    ) {
        let mut split = (self.split)(text);
        if is_mixed(&split) {
            split = SplitText::unsplit(text);
        }
        let (file, errors) = DeTable::parse_recoverable(&split.settings);
        report(errors, values.findings);
        let raw = raw::read_included(file.get_ref(), values.findings);
        values.defaults(list, schedule, raw.defaults);
        values.take(list, raw.accounts);
        for chunk in split.chunks {
            values.findings.in_chunk(chunk.start);
            let (file, errors) = DeTable::parse_recoverable(&text[chunk]);
            report(errors, values.findings);
            let raw = raw::read_included(file.get_ref(), values.findings);
            values.take(list, raw.accounts);
        }
    }
}

/// Returns whether the file has both `[[account]]` and another form of accounts. The parser reports
/// that only if it sees both at once.
fn is_mixed(split: &SplitText<'_>) -> bool {
    if split.chunks.is_empty() {
        return false;
    }
    let (file, _) = DeTable::parse_recoverable(&split.settings);
    file.get_ref().contains_key(schema::ACCOUNT.name)
}

fn report(errors: Vec<toml::de::Error>, findings: &mut Findings) {
    for error in errors {
        let span = error.span().unwrap_or_default();
        findings.syntax(span.start, syntax_message(error.message(), span.is_empty()));
    }
}

/// Returns the parser's message, reworded where a beginner would not understand it.
fn syntax_message(message: &str, is_missing: bool) -> String {
    match message {
        text if !text.starts_with("string values must be quoted") => text.to_owned(),
        _ if is_missing => "missing value after `=`".to_owned(),
        _ => "strings must be quoted, as in key = \"text\"; only true, false, numbers and dates \
              are written without quotes"
            .to_owned(),
    }
}
