//! `growthd export`: the history for other programs, streamed.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::cli::{ExportArgs, ExportFormat};
use crate::clock::{self, Time};
use crate::commands::target::{Replace, Target, TargetError};
use crate::commands::{CommandError, Done, output};
use crate::config::Config;
use crate::measurement::Number;
use crate::report::{Cell, Csv};
use crate::store::{Batch, Exported, Reader};

/// The columns, in both formats. New ones come at the end.
const COLUMNS: [&str; 16] = [
    "refresh_id",
    "account_id",
    "label",
    "username",
    "platform",
    "time_utc",
    "followers",
    "following",
    "videos",
    "likes",
    "engagement_rate",
    "virality_score",
    "avg_views",
    "analyzed_utc",
    "is_suspect",
    "extra",
];

/// Writes the history to a file or to standard output.
pub fn export(config: &Config, args: &ExportArgs) -> Result<Done, CommandError> {
    let since = match args.since {
        Some(since) => since.resolve(clock::now().time())?,
        None => Time(i64::MIN),
    };
    let database = &config.database.path;
    let mut reader = Reader::open_up_to_date(database)?;
    let look = reader.look()?;
    let Some(path) = &args.output else {
        write(&look, since, args.format, output::stdout())?;
        return Ok(Done::Well);
    };
    let mut target = Target::begin(path, config, Replace::Allowed)?;
    let written = write(&look, since, args.format, target.file());
    written.map_err(|error| named(path, error))?;
    target.finish(Replace::Allowed)?;
    Ok(Done::Well)
}

/// A full disk is the file's, not standard output's.
fn named(path: &Path, error: CommandError) -> CommandError {
    match error {
        CommandError::Output(error) => {
            TargetError::Write { path: path.to_owned(), source: error }.into()
        }
        error => error,
    }
}

fn write(
    look: &Batch<'_>,
    since: Time,
    format: ExportFormat,
    out: impl Write,
) -> Result<(), CommandError> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    match format {
        ExportFormat::Csv => {
            let mut csv = Csv::new(&mut out, &COLUMNS)?;
            look.each_snapshot(since, |row| Ok::<_, CommandError>(csv.row(&cells(&row))?))?;
            csv.finish()?;
        }
        ExportFormat::Jsonl => look.each_snapshot(since, |row| {
            write_object(&mut out, row)?;
            Ok::<_, CommandError>(())
        })?,
    }
    Ok(out.flush()?)
}

fn cells(row: &Exported) -> [Cell<'_>; COLUMNS.len()] {
    let [followers, following, videos, likes] = row.counts;
    [
        Cell::Whole(row.refresh_id),
        Cell::Id(&row.account_id),
        (&row.label).into(),
        (&row.username).into(),
        (&row.platform).into(),
        Cell::Time(row.time),
        followers.into(),
        following.into(),
        videos.into(),
        likes.into(),
        row.rates[0].into(),
        row.rates[1].into(),
        row.avg_views.into(),
        row.analyzed.into(),
        Cell::Flag(row.is_suspect),
        (&row.extra).into(),
    ]
}

/// One line, its members in the order of the columns.
fn write_object(out: &mut impl Write, row: Exported) -> io::Result<()> {
    let [followers, following, videos, likes] = row.counts;
    let avg_views = match row.avg_views {
        None => Value::Null,
        Some(Number::Whole(whole)) => whole.into(),
        Some(Number::Real(real)) => real.into(),
    };
    let known: [Value; COLUMNS.len() - 1] = [
        json!(row.refresh_id),
        json!(row.account_id),
        json!(row.label),
        json!(row.username),
        json!(row.platform),
        json!(row.time.to_string()),
        json!(followers),
        json!(following),
        json!(videos),
        json!(likes),
        json!(row.rates[0]),
        json!(row.rates[1]),
        avg_views,
        json!(row.analyzed.map(|time| time.to_string())),
        json!(row.is_suspect),
    ];
    for (place, (column, value)) in COLUMNS.iter().zip(&known).enumerate() {
        let before = if place == 0 { '{' } else { ',' };
        write!(out, "{before}\"{column}\":{value}")?;
    }
    let extra = row.extra.and_then(|extra| RawValue::from_string(extra).ok());
    let extra = extra.as_ref().map_or("null", |extra| extra.get());
    writeln!(out, ",\"extra\":{extra}}}")
}
