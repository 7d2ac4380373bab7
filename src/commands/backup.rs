//! `growthd backup`: a consistent copy, while the daemon runs.

use std::io::{self, Write};
use std::path::Path;

use crate::clock;
use crate::commands::output::stdout;
use crate::commands::target::{Replace, Target, TargetError};
use crate::commands::{CommandError, Done};
use crate::config::{Settings, Span};
use crate::printable::Printable;
use crate::report::counted;
use crate::store::{LastBackup, Reader};

/// Copies the database to `path` and records the time of the backup. With `again_within`, it also
/// records when the next backup is due. A user who may not record it is told so.
pub fn backup(
    settings: &Settings,
    path: &Path,
    replace: Replace,
    again_within: Option<Span>,
) -> Result<Done, CommandError> {
    if path == Path::new("-") {
        let why = "a backup cannot be written to standard output; name a file";
        return Err(CommandError::Usage(why.to_owned()));
    }
    let database = &settings.database.path;
    let reader = Reader::open(database)?;
    let target = Target::begin(path, settings, replace)?;
    reader.copy_to(target.temporary()).map_err(|error| match error.is_full() {
        // The full disk is that of the copy: the database is only read.
        true => {
            let source = io::ErrorKind::StorageFull.into();
            CommandError::from(TargetError::Write { path: path.to_owned(), source })
        }
        false => error.into(),
    })?;
    target.finish(replace)?;
    let snapshots = Reader::open(path)?.begin_read()?.totals()?.snapshots;
    let noted = LastBackup::note(database, clock::now().time(), again_within.map(Span::seconds));
    if let Err(source) = noted {
        let error = TargetError::NotNoted { database: database.clone(), source };
        // A user with read-only access cannot record it. That matters only if a next one is due.
        if again_within.is_some() {
            return Err(error.into());
        }
        // The backup is made, so an error on stderr does not matter.
        writeln!(io::stderr(), "growthd: {}", Printable(&error.to_string())).ok();
    }
    let path = path.to_string_lossy();
    writeln!(stdout(), "{}: {}, checked", Printable(&path), counted(snapshots, "snapshot"))?;
    Ok(Done::Well)
}
