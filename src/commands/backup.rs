//! `growthd backup`: a consistent copy, while the daemon runs.

use std::io::{self, Write};
use std::path::Path;

use crate::commands::target::{Replace, Target};
use crate::commands::{CommandError, Done};
use crate::config::Config;
use crate::store::Reader;

/// Copies the database to `path`.
pub fn backup(config: &Config, path: &Path, replace: Replace) -> Result<Done, CommandError> {
    let database = &config.database.path;
    let reader = Reader::open(database)?;
    let target = Target::begin(path, database, replace)?;
    reader.copy_to(target.temporary())?;
    target.finish(replace)?;
    let snapshots = Reader::open(path)?.look()?.totals()?.snapshots;
    writeln!(io::stdout(), "{}: {snapshots} snapshots, checked", path.display())?;
    Ok(Done::Well)
}
