//! `growthd backup`: a consistent copy, while the daemon runs.

use std::io::{self, Write};
use std::path::Path;

use crate::clock;
use crate::commands::output::stdout;
use crate::commands::target::{Replace, Target, TargetError};
use crate::commands::{CommandError, Done};
use crate::config::{Config, Span};
use crate::printable::Printable;
use crate::store::{LastBackup, Reader};

/// Copies the database to `path`, and notes that it did; with `again_within`, also when the next
/// copy is to be there.
pub fn backup(
    config: &Config,
    path: &Path,
    replace: Replace,
    again_within: Option<Span>,
) -> Result<Done, CommandError> {
    let database = &config.database.path;
    let reader = Reader::open(database)?;
    let target = Target::begin(path, config, replace)?;
    reader.copy_to(target.temporary()).map_err(|error| match error.is_full() {
        // The copy's disk: the database is only read.
        true => {
            let source = io::ErrorKind::StorageFull.into();
            CommandError::from(TargetError::Write { path: path.to_owned(), source })
        }
        false => error.into(),
    })?;
    target.finish(replace)?;
    let snapshots = Reader::open(path)?.look()?.totals()?.snapshots;
    let noted = LastBackup::note(database, clock::now().time(), again_within.map(Span::seconds));
    if let Err(source) = noted {
        // Whoever may only read makes copies of their own, which nobody waits for.
        if again_within.is_some() {
            return Err(TargetError::NotNoted { database: database.clone(), source }.into());
        }
    }
    let path = path.to_string_lossy();
    writeln!(stdout(), "{}: {snapshots} snapshots, checked", Printable(&path))?;
    Ok(Done::Well)
}
