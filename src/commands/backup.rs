//! `growthd backup`: a consistent copy, while the daemon runs.

use std::path::Path;

use crate::commands::output::Printer;
use crate::commands::target::{Replace, Target};
use crate::commands::{CommandError, Done};
use crate::config::Config;
use crate::report::Printable;
use crate::store::Reader;

/// Copies the database to `path`.
pub fn backup(config: &Config, path: &Path, replace: Replace) -> Result<Done, CommandError> {
    let database = &config.database.path;
    let reader = Reader::open(database)?;
    let target = Target::begin(path, config, replace)?;
    reader.copy_to(target.temporary())?;
    target.finish(replace)?;
    let snapshots = Reader::open(path)?.look()?.totals()?.snapshots;
    let mut out = Printer::stdout();
    out.line(format_args!(
        "{}: {snapshots} snapshots, checked",
        Printable(&path.to_string_lossy())
    ));
    out.finish()?;
    Ok(Done::Well)
}
