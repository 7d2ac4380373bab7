//! `growthd backup`: a consistent copy, while the daemon runs.

use std::io::{self, Write};
use std::path::Path;

use crate::clock;
use crate::commands::target::{Replace, Target};
use crate::commands::{CommandError, Done};
use crate::config::{Config, Span};
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
    let target = Target::begin(path, database, replace)?;
    reader.copy_to(target.temporary())?;
    target.finish(replace)?;
    let snapshots = Reader::open(path)?.look()?.totals()?.snapshots;
    let noted = LastBackup::note(database, clock::now().time(), again_within.map(Span::seconds));
    if let Err(error) = noted {
        // Whoever may only read makes copies of their own, which nobody waits for.
        if again_within.is_some() {
            return Err(CommandError::Target(format!(
                "the backup is made, but not noted beside {}: {error}",
                database.display()
            )));
        }
    }
    writeln!(io::stdout(), "{}: {snapshots} snapshots, checked", path.display())?;
    Ok(Done::Well)
}
