//! `growthd digest`: the week, or another period, in about twenty lines.

use std::io::{self, Write};

use crate::cli::{DigestArgs, DigestFormat};
use crate::clock;
use crate::commands::period::{check_selection, period};
use crate::commands::{CommandError, Done, open_up_to_date, print_json};
use crate::config::Settings;
use crate::engine::Holds;
use crate::period::{PeriodOptions, Week};
use crate::report::digest::{Digest, Html, Text};
use crate::report::terminal;

/// Prints the digest.
pub fn digest(settings: &Settings, args: &DigestArgs) -> Result<Done, CommandError> {
    let now = clock::now().time();
    let mut reader = open_up_to_date(&settings.database.path)?;
    let tx = reader.begin_read()?;
    let selection = args.selection.selection();
    check_selection(&tx, &selection)?;
    let mut options = args.period.options();
    if options.until.is_some() {
        options = options.or_last_days(7);
    }
    let period = match period(&tx, options, now)? {
        Some(period) => period,
        // The default week may lie before the history begins, which is not an error: it is empty.
        None => match (PeriodOptions { week: Week::last_over(now), ..PeriodOptions::default() })
            .period(now)?
        {
            Some(period) => period,
            None => return Err(CommandError::Usage("name a --week or a --month".to_owned())),
        },
    };
    let holds = Holds::read(&tx, settings.budget.as_ref(), now)?;
    let digest = Digest::read(&tx, selection, period, holds, now)?;
    let mut out = io::stdout().lock();
    match args.format {
        DigestFormat::Text => write!(out, "{}", Text::new(&digest, terminal::width()))?,
        DigestFormat::Html => writeln!(out, "{}", Html::from(&digest))?,
        DigestFormat::Json => print_json(&digest.json())?,
    }
    out.flush()?;
    Ok(Done::Well)
}
