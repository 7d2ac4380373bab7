//! `growthd demo`: the whole thing against a simulated API on loopback.

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::mpsc::unbounded_channel;

use crate::api::Client;
use crate::clock::{self, Clock};
use crate::commands::target::TargetError;
use crate::commands::{CommandError, Done, report, runtime};
use crate::config::{ApiKey, Config};
use crate::daemon::RunError;
use crate::engine::{ClaimMode, Engine, EngineConfig};
use crate::report::{Grouped, Printable};
use crate::runner::{Notice, Progress, Runner, Work};
use crate::simulated_api::{SimulatedApi, World};
use crate::store::{Creation, Reader, Store};

const FOLDER: &str = "growthd-demo";

const REPORT: &str = "growthd-report.html";

/// The first line of the demo's configuration: how a later demo knows the folder for its own.
const MARK: &str = "# Written by `growthd demo`, which writes it anew each time.";

/// How long the demo lasts, in seconds: eight slots of each account.
const LENGTH: u64 = 16;

/// What is typed to look at the result.
const QUERY: &str = "SELECT label, time_utc, followers FROM snapshots ORDER BY label, time";

/// Lets everybody watch.
pub fn demo() -> Result<Done, CommandError> {
    let folder = Path::new(FOLDER);
    clear(folder)?;
    runtime()?.block_on(play(folder))?;
    let config = Config::load(&folder.join("config.toml"), clock::now().time())?;
    report::write(&config, &folder.join(REPORT))?;
    tell_what_next(folder)?;
    Ok(Done::Well)
}

/// Makes the folder, or takes an earlier demo's out of it; never anything else's.
fn clear(folder: &Path) -> Result<(), CommandError> {
    let config = folder.join("config.toml");
    match fs::create_dir(folder) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(source) => {
            return Err(TargetError::Write { path: folder.to_owned(), source }.into());
        }
    }
    let is_ours = fs::read_to_string(&config).is_ok_and(|text| text.starts_with(MARK));
    let is_empty = fs::read_dir(folder)?.next().is_none();
    if !is_ours && !is_empty {
        return Err(CommandError::ForeignFolder(FOLDER));
    }
    for name in ["growth.db", "growth.db-wal", "growth.db-shm", "config.toml", "api-key", REPORT] {
        match fs::remove_file(folder.join(name)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn write_config(folder: &Path, api: &SimulatedApi) -> Result<Config, CommandError> {
    use std::fmt::Write as _;
    use std::os::unix::fs::OpenOptionsExt;
    let key = folder.join("api-key");
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(key)?;
    writeln!(file, "{}", demo_key())?;
    let mut text = format!(
        "{MARK}\n\
         # A simulated API on this machine, which ends with the demo; yours has no base_url.\n\
         [api]\nbase_url = \"{}\"\nrequests_per_minute = 0   # a real one keeps the default, 60\n\n\
         [retry]\nfirst_delay = \"2s\"\n\n\
         [database]\npath = \"growth.db\"\n\n\
         [schedule]\ncron = \"*/2 * * * * *\"       # every two seconds; weekly is \"0 6 * * MON\"\n\
         allow_frequent = true\n",
        api.base_url()
    );
    for (id, label) in World::DEMO {
        // Writing to a string does not fail.
        write!(text, "\n[[account]]\nid = \"{id}\"\nlabel = \"{label}\"\n").ok();
    }
    let path = folder.join("config.toml");
    fs::write(&path, text)?;
    Ok(Config::load(&path, clock::now().time())?)
}

/// No secret: it opens the simulated API alone.
fn demo_key() -> &'static str {
    "demo-key"
}

async fn play(folder: &Path) -> Result<(), CommandError> {
    let api = SimulatedApi::start(World::demo(demo_key())).await?;
    let config = write_config(folder, &api)?;
    writeln!(
        io::stdout(),
        "A simulated API answers on {}; growthd refreshes {} accounts every two seconds.\n",
        api.base_url(),
        config.accounts.len()
    )?;
    let (key, _) = ApiKey::find(&config, |_| None)?;
    let client = Client::new(&config.api, key).map_err(RunError::from)?;
    let store = Store::open(&config.database.path, Creation::Allowed)?;
    let mut engine = Engine::new(store, EngineConfig::of(&config), ClaimMode::Due);
    engine.watch(&config.accounts, EngineConfig::of(&config), clock::moment())?;

    let (tells, mut told) = unbounded_channel();
    let observer = Box::new(move |notice: Notice<'_>| {
        if let Notice::Event(event) = notice
            && let Some(progress) = Progress::of(event)
        {
            // The receiving end is read until the engine has ended.
            tells.send(progress).ok();
        }
    });
    let mut runner = Runner::start(engine, client, Work::Daemon, Clock::system(), observer)
        .map_err(RunError::from)?;

    let mut show = Show::new();
    let end = tokio::time::sleep(Duration::from_secs(LENGTH));
    tokio::pin!(end);
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let mut is_ending = false;
    loop {
        tokio::select! {
            progress = told.recv() => match progress {
                Some(progress) => show.step(&progress)?,
                None => break,
            },
            _ = ticks.tick(), if !is_ending => show.bar.inc(1),
            () = &mut end, if !is_ending => is_ending = true,
            _ = tokio::signal::ctrl_c(), if !is_ending => is_ending = true,
        }
        if is_ending {
            // It may have ended by itself.
            runner.handle().stop();
        }
    }
    show.bar.finish_and_clear();
    Ok(runner.ended().await.map_err(RunError::from)?)
}

/// What a person sees of it: a line for each answer, and how far the demo is.
struct Show {
    bar: ProgressBar,
    labels: HashMap<&'static str, &'static str>,
    last: HashMap<String, i64>,
}

impl Show {
    fn new() -> Show {
        let target = match io::stdout().is_terminal() {
            true => ProgressDrawTarget::stdout(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(LENGTH), target);
        let style = ProgressStyle::with_template("{bar:40} {pos} of {len} s");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Show { bar, labels: World::DEMO.into(), last: HashMap::new() }
    }

    fn step(&mut self, progress: &Progress) -> io::Result<()> {
        let Progress::Settled { account_id, followers, error, .. } = progress else {
            return Ok(());
        };
        let label = self.labels.get(account_id.as_str()).copied().unwrap_or(account_id);
        let line = match (followers, error) {
            (_, Some(error)) => format!("{label:<18} {}", Printable(error)),
            (Some(followers), None) => {
                let before = self.last.insert(account_id.clone(), *followers);
                let gained = before.map_or(String::new(), |before| {
                    let gained = followers - before;
                    let sign = if gained < 0 { "" } else { "+" };
                    format!("  {sign}{}", Grouped(gained))
                });
                format!("{label:<18} {:>12} followers{gained}", Grouped(*followers))
            }
            (None, None) => format!("{label:<18} refreshed"),
        };
        self.bar.suspend(|| writeln!(io::stdout(), "{line}"))
    }
}

fn tell_what_next(folder: &Path) -> Result<(), CommandError> {
    let database = folder.join("growth.db");
    let totals = Reader::open(&database)?.look()?.totals()?;
    // As it was typed: whoever runs it out of a build has no `growthd` on the path.
    let program = std::env::args().next().unwrap_or_else(|| "growthd".to_owned());
    writeln!(
        io::stdout(),
        "\n{} snapshots of {} accounts are in ./{FOLDER}/growth.db. Next:\n\n  \
         see the charts        open {FOLDER}/{REPORT} in a browser\n  \
         look at the history   sqlite3 -header -column 'file:{FOLDER}/growth.db?mode=ro' \\\n    \
         \"{QUERY}\"\n  \
         see how things stand  {program} --config {FOLDER}/config.toml status\n  \
         read the settings     {FOLDER}/config.toml\n\n\
         For your own accounts: copy config.example.toml to config.toml, put your API key into\n\
         a file `api-key` beside it (mode 0600), then `{program} check` and `{program} run`.",
        totals.snapshots,
        totals.listed
    )?;
    Ok(())
}
