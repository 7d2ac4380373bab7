//! `growthd import`: older history from a spreadsheet or another tracker.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use jiff::civil::{Date, DateTime};

use crate::cli::ImportArgs;
use crate::clock::{self, Time};
use crate::commands::{CommandError, Done};
use crate::config::Config;
use crate::measurement::Measurement;
use crate::report::{Grouped, Printable};
use crate::store::{AccountKey, AccountRef, Creation, Named, ReadTx, Reader, Store};

/// What a column may be called, the first name being the one that is told.
const ACCOUNT: [&str; 5] = ["account", "account_id", "label", "username", "name"];
const TIME: [&str; 4] = ["time", "date", "time_utc", "day"];
const COUNTS: [&str; 4] = ["followers", "following", "videos", "likes"];

/// Where the columns stand.
struct Columns {
    account: usize,
    time: usize,
    counts: [Option<usize>; COUNTS.len()],
}

/// What is to be put before one account's first snapshot.
struct Series {
    account: AccountRef,
    rows: Vec<(Time, Measurement)>,
}

/// Everything that a file says, or everything that is wrong with it.
#[derive(Default)]
struct Import {
    series: BTreeMap<i64, Series>,
    problems: Vec<String>,
}

/// Reads a file, and writes what it says where that is asked for.
pub fn import(config: &Config, args: &ImportArgs) -> Result<Done, CommandError> {
    let now = clock::now().time();
    let database = &config.database.path;
    if !args.write {
        let mut reader = Reader::open_up_to_date(database)?;
        let found = read(&reader.look()?, &args.file, now)?;
        say(&found, "would be imported; nothing is written without --write", &mut io::stdout())?;
        return Ok(Done::Well);
    }
    // It writes, and so takes the lock that a running daemon has.
    let mut store = Store::open(database, Creation::Refused)?;
    let found = read(&store.look()?, &args.file, now)?;
    let tx = store.begin()?;
    for series in found.values() {
        tx.import(series.account.key, &series.rows)?;
    }
    tx.commit()?;
    say(&found, "imported", &mut io::stdout())?;
    Ok(Done::Well)
}

fn say(found: &BTreeMap<i64, Series>, what: &str, out: &mut impl Write) -> io::Result<()> {
    let mut count = 0;
    for Series { account, rows } in found.values() {
        let name = account.label.as_deref().or(account.username.as_deref()).unwrap_or(&account.id);
        if let (Some((first, _)), Some((last, _))) = (rows.first(), rows.last()) {
            writeln!(out, "{}: {} from {first} to {last}", Printable(name), grouped(rows.len()))?;
        }
        count += rows.len();
    }
    writeln!(out, "{} snapshots of {} accounts {what}", grouped(count), grouped(found.len()))
}

fn grouped(count: usize) -> Grouped {
    Grouped(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Reads the file whole, and holds every line against the history.
fn read(look: &ReadTx<'_>, path: &Path, now: Time) -> Result<BTreeMap<i64, Series>, CommandError> {
    let shown = Printable(&path.to_string_lossy()).to_string();
    let unreadable = |error: io::Error| CommandError::Usage(format!("{shown}: {error}"));
    let mut text = String::new();
    let file = File::open(path).map_err(unreadable)?;
    BufReader::new(file).read_to_string(&mut text).map_err(unreadable)?;
    // Spreadsheets put a byte-order mark in front.
    let text = text.trim_start_matches('\u{feff}');
    let mut csv = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let headings =
        csv.headers().map_err(|error| CommandError::Usage(format!("{shown}: {error}")))?;
    let columns = columns(headings).map_err(|problems| {
        CommandError::Problems(problems.iter().map(|why| format!("{shown}:1: {why}")).collect())
    })?;
    let mut import = Import::default();
    for record in csv.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                if let Err(why) = import.take(look, &columns, &record, now)? {
                    import.problems.push(format!("{shown}:{line}: {why}"));
                }
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                import.problems.push(format!("{shown}:{line}: not a line of the table: {error}"));
            }
        }
    }
    if !import.problems.is_empty() {
        return Err(CommandError::Problems(import.problems));
    }
    if import.series.is_empty() {
        return Err(CommandError::Usage(format!("{shown}: there is no line below the headings")));
    }
    Ok(import.series)
}

fn columns(headings: &csv::StringRecord) -> Result<Columns, Vec<String>> {
    let mut problems = Vec::new();
    let (mut account, mut time, mut counts) = (None, None, [None; COUNTS.len()]);
    for (place, heading) in headings.iter().enumerate() {
        let heading = heading.to_lowercase();
        let column = match () {
            () if ACCOUNT.contains(&heading.as_str()) => &mut account,
            () if TIME.contains(&heading.as_str()) => &mut time,
            () => match COUNTS.iter().position(|count| *count == heading) {
                Some(count) => &mut counts[count],
                None => {
                    problems.push(format!(
                        "the column {} is not understood; expected account, time, {}",
                        Printable(&heading),
                        COUNTS.join(", ")
                    ));
                    continue;
                }
            },
        };
        if column.replace(place).is_some() {
            problems
                .push(format!("the column {} says again what another does", Printable(&heading)));
        }
    }
    if account.is_none() {
        problems
            .push("no column says which account: account, account_id, label or username".into());
    }
    if time.is_none() {
        problems.push("no column says when: time or date".into());
    }
    if counts == [None; COUNTS.len()] {
        problems.push(format!("no column has a count: {}", COUNTS.join(", ")));
    }
    match (account, time) {
        (Some(account), Some(time)) if problems.is_empty() => Ok(Columns { account, time, counts }),
        _ => Err(problems),
    }
}

impl Import {
    /// Takes a line of the file; answers what is wrong with it, if anything is.
    fn take(
        &mut self,
        look: &ReadTx<'_>,
        columns: &Columns,
        record: &csv::StringRecord,
        now: Time,
    ) -> Result<Result<(), String>, CommandError> {
        let cell = |place: usize| record.get(place).unwrap_or_default();
        let name = cell(columns.account);
        let account = match look.named(name)? {
            Named::One(account) => account,
            Named::Several(ids) => {
                let ids = ids.join(", ");
                return Ok(Err(format!("{} names several accounts: {ids}", Printable(name))));
            }
            Named::Nobody(nearest) => {
                let meant = nearest.map_or(String::new(), |nearest| {
                    format!("; did you mean {}?", Printable(&nearest))
                });
                return Ok(Err(format!("there is no account {}{meant}", Printable(name))));
            }
        };
        let Some(time) = instant(cell(columns.time)) else {
            return Ok(Err(format!(
                "{:?} is no time; expected 2025-01-31, 2025-01-31 06:00 or 2025-01-31T06:00:00Z",
                cell(columns.time)
            )));
        };
        let mut told = Measurement::default();
        let fields = [&mut told.followers, &mut told.following, &mut told.videos, &mut told.likes];
        for ((name, place), field) in COUNTS.iter().zip(columns.counts).zip(fields) {
            match place.map(cell).filter(|text| !text.is_empty()).map(count) {
                None => {}
                Some(Some(count)) => *field = Some(count),
                Some(None) => {
                    return Ok(Err(format!("its {name} are no count: expected digits alone")));
                }
            }
        }
        if told.counts() == [None; COUNTS.len()] {
            return Ok(Err("it has no count".to_owned()));
        }
        if time > now {
            return Ok(Err(format!("{time} lies in the future")));
        }
        let AccountKey(key) = account.key;
        if let Some(first) = look.first_snapshot(account.key)?.filter(|first| time >= *first) {
            return Ok(Err(format!("{time} is not before the account's first snapshot, {first}")));
        }
        let series = self.series.entry(key).or_insert_with(|| Series { account, rows: Vec::new() });
        match series.rows.last() {
            Some((last, _)) if *last == time => Ok(Err(format!("{time} is there twice"))),
            Some((last, _)) if *last > time => {
                Ok(Err(format!("{time} goes back behind {last}: the oldest line comes first")))
            }
            _ => {
                series.rows.push((time, told));
                Ok(Ok(()))
            }
        }
    }
}

/// A count in digits: what else a spreadsheet may show for a number is not guessed at.
fn count(text: &str) -> Option<i64> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok()).flatten()
}

/// An instant, or a day's midnight in UTC.
fn instant(text: &str) -> Option<Time> {
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    let minutes = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|format| DateTime::strptime(format, text).ok());
    let midnight =
        || Some(Date::strptime("%Y-%m-%d", text).ok()?.to_datetime(jiff::civil::Time::midnight()));
    let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    Some(Time(epoch.duration_until(minutes.or_else(midnight)?).as_secs()))
}
