//! `growthd export`: streams a view as CSV or JSON Lines.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use rusqlite::types::ValueRef;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::cli::{ExportArgs, ExportFormat};
use crate::clock::{self, Time};
use crate::commands::period::check_selection;
use crate::commands::target::{Replace, Target, TargetError, is_stdout, refuse_own};
use crate::commands::{CommandError, Done, open_up_to_date, output};
use crate::config::Settings;
use crate::period::Beginning;
use crate::report::{Cell, Csv, Dialect};
use crate::selection::nearest;
use crate::store::{Query, ReadTx, Rows, Unsupported};

/// Columns that hold JSON, which is embedded in JSON Lines unquoted.
const JSON: [&str; 2] = ["extra", "tags"];

/// Writes a view to a file or to standard output.
pub fn export(settings: &Settings, args: &ExportArgs) -> Result<Done, CommandError> {
    let now = clock::now().time();
    let database = &settings.database.path;
    if args.for_excel && args.format == ExportFormat::Jsonl {
        let why = "--for-excel applies to CSV only: leave out --format jsonl";
        return Err(CommandError::Usage(why.to_owned()));
    }
    let mut reader = open_up_to_date(database)?;
    let tx = reader.begin_read()?;
    let rows = rows(&tx, args, now)?;
    let query = tx.query(&rows)?.map_err(|unsupported| refused(&rows.view, &unsupported))?;
    let path = args.output.as_deref().filter(|path| !is_stdout(path));
    let Some(path) = path else {
        write(&tx, &query, args, output::stdout())?;
        return Ok(Done::Well);
    };
    if let Some(device) = open_device(path, settings)? {
        write(&tx, &query, args, device).map_err(|error| named(path, error))?;
        return Ok(Done::Well);
    }
    let mut target = Target::begin(path, settings, Replace::Allowed)?;
    let written = write(&tx, &query, args, target.file());
    written.map_err(|error| named(path, error))?;
    target.finish(Replace::Allowed)?;
    Ok(Done::Well)
}

/// Returns which rows to export. A duration goes back from now, because the rows belong to several
/// accounts.
fn rows(tx: &ReadTx<'_>, args: &ExportArgs, now: Time) -> Result<Rows, CommandError> {
    let views = tx.views()?;
    if !views.contains(&args.view) {
        let hint = match nearest(&args.view, &views) {
            Some(view) => format!("did you mean {view}?"),
            None => format!("there are {}", views.join(", ")),
        };
        return Err(CommandError::Usage(format!("there is no view {}; {hint}", args.view)));
    }
    let selection = args.selection.selection();
    check_selection(tx, &selection)?;
    let mut rows = Rows { view: args.view.clone(), selection, ..Rows::default() };
    // Most views are not about measurements, so their rows may precede the first one.
    if let Some(period) = args.period.options().period(now)? {
        rows.until = period.until;
        rows.from = match period.from {
            Beginning::History => None,
            Beginning::At(_) | Beginning::Back(_) => Some(period.begin(now)),
        };
    }
    Ok(rows)
}

/// Opens `path` if it is a device or a pipe, such as `/dev/null`, which is written as it is.
fn open_device(path: &Path, settings: &Settings) -> Result<Option<File>, CommandError> {
    let is_device = |found: fs::Metadata| !found.is_file() && !found.is_dir();
    if !fs::metadata(path).is_ok_and(is_device) {
        return Ok(None);
    }
    refuse_own(path, settings)?;
    let opened = OpenOptions::new().write(true).open(path);
    Ok(Some(opened.map_err(|source| TargetError::Write { path: path.to_owned(), source })?))
}

/// Attributes a write error to the file at `path` rather than to standard output.
fn named(path: &Path, error: CommandError) -> CommandError {
    match error {
        CommandError::Output(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            TargetError::Write { path: path.to_owned(), source: error }.into()
        }
        error => error,
    }
}

fn refused(view: &str, unsupported: &Unsupported) -> CommandError {
    let (option, why) = match unsupported {
        Unsupported::Period => ("a period", "its rows have no time"),
        Unsupported::Tag => ("--tag", "its rows are not about accounts"),
        Unsupported::Platform => ("--platform", "its rows are not about accounts"),
    };
    CommandError::Usage(format!("the view {view} cannot be narrowed by {option}: {why}"))
}

fn write(
    tx: &ReadTx<'_>,
    query: &Query<'_>,
    args: &ExportArgs,
    out: impl Write,
) -> Result<(), CommandError> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let columns = &query.columns;
    match args.format {
        ExportFormat::Csv => {
            let dialect = if args.for_excel { Dialect::Excel } else { Dialect::Plain };
            let headings: Vec<&str> = columns.iter().map(String::as_str).collect();
            let mut csv = Csv::in_dialect(&mut out, &headings, dialect)?;
            tx.each_row(query, |values| {
                let named = columns.iter().zip(values);
                let cells: Vec<_> = named.map(|(name, value)| cell(name, *value)).collect();
                Ok::<_, CommandError>(csv.row(&cells)?)
            })?;
            csv.finish()?;
        }
        ExportFormat::Jsonl => tx.each_row(query, |values| {
            Ok::<_, CommandError>(write_object(&mut out, columns, values)?)
        })?,
    }
    Ok(out.flush()?)
}

fn cell<'a>(column: &str, value: ValueRef<'a>) -> Cell<'a> {
    let text = match value {
        ValueRef::Null => return Cell::Nothing,
        ValueRef::Integer(whole) => return Cell::Whole(whole),
        ValueRef::Real(real) => return Cell::Real(real),
        ValueRef::Text(text) | ValueRef::Blob(text) => std::str::from_utf8(text).unwrap_or(""),
    };
    match column {
        "account_id" => Cell::Id(text),
        _ if column.ends_with("_utc") => Cell::Utc(text),
        _ => Cell::Text(text),
    }
}

/// Writes a row as a line of JSON, with members in the order of the columns.
fn write_object(
    out: &mut impl Write,
    columns: &[String],
    values: &[ValueRef<'_>],
) -> io::Result<()> {
    for (index, (column, value)) in columns.iter().zip(values).enumerate() {
        let before = if index == 0 { '{' } else { ',' };
        write!(out, "{before}\"{column}\":")?;
        match value {
            ValueRef::Null => write!(out, "null")?,
            ValueRef::Integer(whole) => write!(out, "{whole}")?,
            ValueRef::Real(real) => write!(out, "{}", Value::from(*real))?,
            ValueRef::Text(text) | ValueRef::Blob(text) => {
                let text = String::from_utf8_lossy(text);
                let is_json = JSON.contains(&column.as_str());
                // In valid JSON, line breaks occur only between tokens.
                let raw = is_json.then(|| text.replace(['\n', '\r'], " "));
                match raw.and_then(|raw| RawValue::from_string(raw).ok()) {
                    Some(raw) => write!(out, "{}", raw.get())?,
                    None => write!(out, "{}", Value::from(text))?,
                }
            }
        }
    }
    writeln!(out, "}}")
}
