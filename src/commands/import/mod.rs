//! `growthd import`: older history from a spreadsheet or another tracker.

mod cells;
mod columns;
mod lines;
mod quotes;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::cli::ImportArgs;
use crate::clock::{self, Time};
use crate::commands::{CommandError, Done, open_up_to_date};
use crate::config::Settings;
use crate::measurement::Measurement;
use crate::printable::{Printable, cut};
use crate::report::{Grouped, counted};
use crate::store::{
    AccountRef, Creation, FirstSnapshots, OlderHistory, ReadTx, Store, StoreError, Suspicion,
};

use cells::{count, instant, suspect};
use columns::{COUNTS, Columns, delimiter};
use lines::Lines;
use quotes::misplaced_quote;

/// The beginning of the first week in the views `weekly` and `monthly`: Monday 2000-01-03.
const EARLIEST: Time = Time(946_857_600);

/// How many problems are shown; the others are counted.
const SHOWN: usize = 50;

/// Maximum width of a quoted cell, in characters.
const QUOTED: usize = 80;

/// The snapshots to import before one account's first snapshot.
struct Series {
    account: AccountRef,
    first: FirstSnapshots,
    older: OlderHistory,
    /// The number of its last line in the file.
    last_line: usize,
    /// The number of the line with its newest snapshot.
    newest_line: usize,
    /// Whether it was already reported that its lines are not in chronological order.
    is_unordered: bool,
}

/// What became of a line with a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pushed {
    Appended,
    /// It was left out.
    Repeated,
}

/// The contents of a file, or the problems with it.
#[derive(Default)]
struct Import {
    series: BTreeMap<i64, Series>,
    /// The result of looking up each name, cached because a file names few accounts often.
    names: HashMap<String, Result<(AccountRef, FirstSnapshots), String>>,
    /// The number of lines without a count.
    left_out: usize,
    /// The number of lines that add nothing to the one before, of the same second.
    repeated: usize,
    /// The headings of the columns that are not read.
    others: Vec<String>,
    /// The first problems, each with its line.
    problems: Vec<(usize, String)>,
    /// The number of further problems.
    more: usize,
}

/// Why a line of the file was not taken.
enum LineError {
    Invalid(String),
    Store(StoreError),
}

impl From<String> for LineError {
    fn from(why: String) -> LineError {
        LineError::Invalid(why)
    }
}

impl From<StoreError> for LineError {
    fn from(error: StoreError) -> LineError {
        LineError::Store(error)
    }
}

/// Reads a file, and with `--write` imports it.
pub fn import(settings: &Settings, args: &ImportArgs) -> Result<Done, CommandError> {
    let now = clock::now().time();
    let database = &settings.database.path;
    if !args.write {
        let mut reader = open_up_to_date(database)?;
        let found = read(&reader.begin_read()?, &args.file, now)?;
        found.print("would be imported; nothing is written without --write", &mut io::stdout())?;
        return Ok(Done::Well);
    }
    // Writing needs the lock, which a running daemon holds.
    let mut store = Store::open(database, Creation::Refused)?;
    let found = read(&store.begin_read()?, &args.file, now)?;
    let tx = store.begin_write()?;
    for series in found.series.values() {
        tx.import(series.account.key, &series.older)?;
    }
    tx.commit()?;
    found.print("imported", &mut io::stdout())?;
    Ok(Done::Well)
}

/// Reads the whole file and checks every line against the history.
fn read(tx: &ReadTx<'_>, path: &Path, now: Time) -> Result<Import, CommandError> {
    let shown = Printable(&path.to_string_lossy()).to_string();
    let bytes = fs::read(path).map_err(|error| CommandError::Usage(format!("{shown}: {error}")))?;
    let Ok(text) = String::from_utf8(bytes) else {
        let why = "is not UTF-8: in a spreadsheet, save it as \"CSV UTF-8\"";
        return Err(CommandError::Usage(format!("{shown} {why}")));
    };
    // Spreadsheets write a byte order mark at the beginning.
    let text = text.trim_start_matches('\u{feff}');
    let delimiter = delimiter(text);
    if let Some((line, why)) = misplaced_quote(text, delimiter) {
        return Err(CommandError::Problems(vec![format!("{shown}:{line}: {why}")]));
    }
    let mut csv = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(text.as_bytes());
    let headings = csv::StringRecord::clone(
        csv.headers().map_err(|error| CommandError::Usage(format!("{shown}: {error}")))?,
    );
    let mut lines = Lines::new(text);
    let first = lines.line_of(headings.position());
    let columns = Columns::of(&headings).map_err(|problems| {
        let shown_at = |why: &String| format!("{shown}:{first}: {why}");
        CommandError::Problems(problems.iter().map(shown_at).collect())
    })?;
    let mut import = Import { others: columns.others.clone(), ..Import::default() };
    for record in csv.records() {
        let (line, taken) = match record {
            // As a spreadsheet may write below its last row.
            Ok(record) if record.iter().all(str::is_empty) => {
                import.left_out += 1;
                continue;
            }
            Ok(record) => {
                let line = lines.line_of(record.position());
                let taken = match (record.len(), headings.len()) {
                    (found, expected) if found != expected => {
                        let found = counted(found, "cell");
                        Err(format!("it has {found}, and {expected} headings").into())
                    }
                    _ => import.take(tx, &columns, &record, line, now),
                };
                (line, taken)
            }
            Err(error) => (lines.line_of(error.position()), Err(error.to_string().into())),
        };
        match taken {
            Ok(()) => {}
            Err(LineError::Invalid(why)) => import.report(line, why),
            Err(LineError::Store(error)) => return Err(error.into()),
        }
    }
    let contradicted: Vec<(usize, String)> = import
        .series
        .values()
        .flat_map(|series| series.problems().map(|why| (series.last_line, why)))
        .collect();
    contradicted.into_iter().for_each(|(line, why)| import.report(line, why));
    if !import.problems.is_empty() {
        let shown_at = |(line, why): &(usize, String)| format!("{shown}:{line}: {why}");
        let mut problems: Vec<String> = import.problems.iter().map(shown_at).collect();
        if import.more > 0 {
            problems.push(format!("{shown}: and {}", counted(import.more, "more problem")));
        }
        return Err(CommandError::Problems(problems));
    }
    import.series.retain(|_, series| series.older.times().len() > 0);
    if import.series.is_empty() {
        let why = "there is no line with a count below the header";
        return Err(CommandError::Usage(format!("{shown}: {why}")));
    }
    Ok(import)
}

impl Import {
    fn print(&self, action: &str, out: &mut impl Write) -> io::Result<()> {
        let mut snapshots = 0;
        for Series { account, older, .. } in self.series.values() {
            let count = older.times().len();
            // Several accounts may have the same name.
            let name = match account.name == account.id {
                true => account.id.clone(),
                false => format!("{} ({})", account.id, Printable(&account.name)),
            };
            if let (Some(first), Some(last)) = (older.times().next(), older.times().next_back()) {
                write!(out, "{name}: {} from {first} to {last}", counted(count, "snapshot"))?;
                // A spreadsheet may have changed the numbers.
                if let Some((first, last)) = older.followers() {
                    write!(out, ", followers {} to {}", Grouped(first), Grouped(last))?;
                }
                writeln!(out)?;
            }
            snapshots += count;
        }
        if self.left_out > 0 {
            writeln!(out, "left out, without a count: {}", counted(self.left_out, "line"))?;
        }
        if self.repeated > 0 {
            let lines = counted(self.repeated, "line");
            writeln!(out, "left out, of the same second as the line before: {lines}")?;
        }
        if !self.others.is_empty() {
            writeln!(out, "not read: {}", self.others.join(", "))?;
        }
        let accounts = counted(self.series.len(), "account");
        writeln!(out, "{} of {accounts} {action}", counted(snapshots, "snapshot"))
    }

    fn report(&mut self, line: usize, why: String) {
        match self.problems.len() < SHOWN {
            true => self.problems.push((line, why)),
            false => self.more += 1,
        }
    }

    /// Reads a line of the file.
    fn take(
        &mut self,
        tx: &ReadTx<'_>,
        columns: &Columns,
        record: &csv::StringRecord,
        line: usize,
        now: Time,
    ) -> Result<(), LineError> {
        let cell = |index: usize| record.get(index).unwrap_or_default();
        let measurement = counts(columns, cell)?;
        if measurement.counts() == [None; COUNTS.len()] {
            self.left_out += 1;
            return Ok(());
        }
        let series = self.series(tx, cell(columns.account))?;
        let time = instant(cell(columns.time)).ok_or_else(|| {
            let text = cell(columns.time);
            let is_milliseconds = text.len() == 13 && text.bytes().all(|byte| byte.is_ascii_digit());
            let hint = if is_milliseconds { " (these may be milliseconds)" } else { "" };
            format!(
                "{} is not a time; expected 2025-01-31, 2025-01-31 06:00, 2025-01-31T06:00:00Z or unix \
                 seconds{hint}",
                quoted(text)
            )
        })?;
        let suspect = reason(columns, cell)?;
        series.last_line = line;
        if series.push(time, measurement, suspect, line, now)? == Pushed::Repeated {
            self.repeated += 1;
        }
        Ok(())
    }

    /// Returns the series of the account with a name.
    fn series(&mut self, tx: &ReadTx<'_>, name: &str) -> Result<&mut Series, LineError> {
        if !self.names.contains_key(name) {
            let found = match tx.named(name)? {
                Ok(account) => {
                    let first = tx.first_snapshots(account.key)?;
                    Ok((account, first))
                }
                Err(why) => Err(why.to_string()),
            };
            self.names.insert(name.to_owned(), found);
        }
        match &self.names[name] {
            Ok((account, first)) => {
                let series = self.series.entry(account.key.0);
                Ok(series.or_insert_with(|| Series::of(account.clone(), *first)))
            }
            Err(why) => Err(why.clone().into()),
        }
    }
}

fn counts<'a>(columns: &Columns, cell: impl Fn(usize) -> &'a str) -> Result<Measurement, String> {
    let mut read = Measurement::default();
    let fields = [&mut read.followers, &mut read.following, &mut read.videos, &mut read.likes];
    for ((name, index), field) in COUNTS.iter().zip(columns.counts).zip(fields) {
        let Some(text) = index.map(&cell).filter(|text| !text.is_empty()) else { continue };
        *field = Some(count(text).ok_or_else(|| {
            let text = quoted(text);
            format!("its {name}, {text}, are not a count: expected digits without separators, such as 81000")
        })?);
    }
    Ok(read)
}

fn reason<'a>(columns: &Columns, cell: impl Fn(usize) -> &'a str) -> Result<Suspicion, String> {
    let text = columns.suspect.map(cell).unwrap_or_default();
    suspect(text).ok_or_else(|| {
        format!("suspect is {}; expected zero, cached, clock or nothing", quoted(text))
    })
}

/// Quotes a cell for a message. An unclosed quotation mark may have made it as long as the file.
fn quoted(cell: &str) -> String {
    let (beginning, more) = cut(cell, QUOTED);
    format!("{beginning:?}{more}")
}

impl Series {
    fn of(account: AccountRef, first: FirstSnapshots) -> Series {
        let older = OlderHistory::default();
        Series { account, first, older, last_line: 0, newest_line: 0, is_unordered: false }
    }

    /// Appends a snapshot, or returns why it cannot be imported.
    ///
    /// A second refresh within a second is a line of its own in an export. It is left out if it is not
    /// counted anyway, or repeats the counts.
    fn push(
        &mut self,
        time: Time,
        measurement: Measurement,
        suspect: Suspicion,
        line: usize,
        now: Time,
    ) -> Result<Pushed, String> {
        if time < EARLIEST {
            return Err(format!("{time} is before 2000-01-03, when the first week begins"));
        }
        if time > now {
            return Err(format!("{time} is in the future"));
        }
        if let Some(first) = self.first.time.filter(|first| time >= *first) {
            return Err(format!(
                "{time} is not before the account's first snapshot, {first}; import all earlier months in \
                 one file"
            ));
        }
        match self.older.newest() {
            Some((last, before)) if last == time => {
                let is_uncounted = suspect != Suspicion::default();
                match is_uncounted || measurement.counts() == before.counts() {
                    true => Ok(Pushed::Repeated),
                    false => Err(format!(
                        "{}: {time} appears twice (first on line {})",
                        Printable(&self.account.name),
                        self.newest_line
                    )),
                }
            }
            // In a file with the newest line first, this is reported once and not for every line.
            Some((last, _)) if last > time && !self.is_unordered => {
                self.is_unordered = true;
                Err(format!(
                    "{time} comes after {last}, which is later: sort the lines, oldest first"
                ))
            }
            // Nothing will be imported.
            Some((last, _)) if last > time => Ok(Pushed::Appended),
            _ => {
                self.older.push(time, measurement, suspect);
                self.newest_line = line;
                Ok(Pushed::Appended)
            }
        }
    }

    /// Returns why its lines cannot precede what is stored.
    fn problems(&self) -> impl Iterator<Item = String> {
        let name = Printable(&self.account.name);
        let contradicted =
            self.older.contradicted(self.first).into_iter().zip(["followers", "likes"]);
        contradicted.filter_map(move |(found, count)| {
            let (last, zero) = found?;
            Some(format!(
                "{name}: the first measured {count} are 0 (at {zero}), which after {last} would be the \
                 loss of all; leave its {count} empty, or leave out its lines"
            ))
        })
    }
}
