//! `growthd demo`: a year of refreshes against a simulated API on loopback.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use jiff::civil::Date;

use crate::clock::{self, Time};
use crate::commands::{CommandError, Done, report, runtime};
use crate::config::Settings;
use crate::demo::{self, DemoError, FOLDER, Folder, Pace, Played, VIRAL_LABEL};
use crate::store::Reader;

/// The suggested SQL query on the result.
const QUERY: &str = "SELECT tag, month, accounts, followers, followers_delta FROM tag_monthly";

/// Plays the demo, then writes its report and suggests commands to try.
pub fn demo() -> Result<Done, CommandError> {
    let now = clock::now().time();
    let folder = Folder::claim(Path::new("."))?;
    let pace = if io::stdout().is_terminal() { Pace::Watched } else { Pace::Unwatched };
    let played = runtime()?.block_on(demo::play(&folder, now, pace, &mut io::stdout()))?;
    if let Played::Until(time) = played {
        let day = time.utc().date();
        writeln!(io::stdout(), "\nEnded on {day}: ./{FOLDER} has what was measured until then.")?;
        return Ok(Done::Well);
    }
    let settings = Settings::load(&folder.config(), now)?;
    report::write(&settings, &folder.report())?;
    print_next_steps(&settings, &folder, now)?;
    Ok(Done::Well)
}

fn print_next_steps(settings: &Settings, folder: &Folder, now: Time) -> Result<(), CommandError> {
    let totals = Reader::open(&settings.database.path)?.begin_read()?.totals()?;
    let month = measured_month(now).strftime("%Y-%m");
    // As typed, because a build that is not installed is not on the path.
    let program = std::env::args_os().next().unwrap_or_else(|| "growthd".into());
    let program = program.to_string_lossy();
    let growthd = format!("{program} --config {FOLDER}/config.toml");
    writeln!(
        io::stdout(),
        "\n{} snapshots of {} accounts are in ./{FOLDER}/growth.db. The page with their charts is\n\
         {}: open it in a browser. Then type:\n\n  \
         {growthd} status --no-daemon\n  \
         {growthd} growth --month {month}\n  \
         {growthd} history '{VIRAL_LABEL}'\n  \
         {growthd} plan\n  \
         sqlite3 -header -column 'file:{FOLDER}/growth.db?mode=ro' \\\n    \"{QUERY}\"\n\n\
         For your own accounts: copy config.example.toml to config.toml, put your API key into\n\
         a file `api-key` beside it (mode 0600), then `{program} check` and `{program} run`.",
        totals.snapshots,
        totals.listed,
        folder.report().display(),
    )?;
    Ok(())
}

/// Returns a day of the latest month after whose end every weekly refreshed account was measured.
fn measured_month(now: Time) -> Date {
    let measured = now.plus(-8 * 24 * 3600).utc().date();
    measured.first_of_month().yesterday().unwrap_or(measured)
}

impl From<DemoError> for CommandError {
    fn from(error: DemoError) -> CommandError {
        match error {
            DemoError::Store(error) => CommandError::Store(error),
            DemoError::Config(error) => CommandError::Config(error),
            DemoError::Key(error) => CommandError::Key(error),
            DemoError::Output(error) => CommandError::Output(error),
            error => CommandError::Demo(error),
        }
    }
}
