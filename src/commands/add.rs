//! `growthd add`: from a name to an entry in the watchlist.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::mpsc::channel;
use std::thread;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::account::{AccountId, Handle};
use crate::api::Client;
use crate::cli::{AddArgs, Platform};
use crate::clock;
use crate::commands::{CommandError, Done, runtime};
use crate::config::{ApiKey, Config, WatchlistFile, entry};
use crate::daemon::{
    Input, Lookup, Metrics, Notifier, RunError, Work, WorkError, Worker, control, make_calls,
};
use crate::engine::{ClaimMode, Engine, EngineConfig};
use crate::report::{Grouped, Printable};
use crate::store::{AccountLookup, Creation, Store, is_in_use};

/// Stands for the id until the vendor told it, to try whether the file can take an entry before
/// anything is spent.
const TRIAL: &str = "growthd-trial-entry";

/// The longest name looked up, in bytes: beyond what any platform allows.
const LONGEST_NAME: usize = 200;

/// Looks the account up and adds it to the watchlist at `path`.
pub fn add(path: &Path, args: &AddArgs) -> Result<Done, CommandError> {
    let (file, config) = WatchlistFile::read(path, clock::now().time())?;
    let newcomer = newcomer(&file, args)?;
    if !args.yes && io::stdin().is_terminal() && !is_confirmed(&newcomer.handle)? {
        writeln!(io::stdout(), "nothing was asked, nothing was spent")?;
        return Ok(Done::Attention);
    }
    let lookup = runtime()?.block_on(look_up(&config, newcomer.clone()))?;
    finish(&file, &config, &newcomer, lookup)
}

/// Whom to look up, with the schedule that the watchlist gives to an entry without one.
fn newcomer(file: &WatchlistFile, args: &AddArgs) -> Result<AccountLookup, CommandError> {
    let username = args.username.trim_start_matches('@');
    let is_part = |c: char| !c.is_whitespace() && !c.is_control() && c != '/';
    if username.is_empty() || username.len() > LONGEST_NAME || !username.chars().all(is_part) {
        return Err(CommandError::Usage(format!("{:?} is no username", args.username)));
    }
    let trial = account_id(TRIAL)?;
    let label = args.label.as_deref().unwrap_or(username);
    let config = file.try_with(&trial, Some(label), clock::now().time())?;
    let Some(entry) = config.accounts.into_iter().find(|entry| entry.id == trial) else {
        return Err(CommandError::Usage("the watchlist takes no entry".to_owned()));
    };
    let platform = match args.platform {
        Platform::Tiktok => "tiktok",
        Platform::Youtube => "youtube",
    };
    let handle = Handle { username: username.to_owned(), platform: platform.to_owned() };
    Ok(AccountLookup { handle, entry })
}

fn account_id(text: &str) -> Result<AccountId, CommandError> {
    text.parse().map_err(|error| CommandError::Usage(format!("{error}")))
}

fn is_confirmed(handle: &Handle) -> Result<bool, CommandError> {
    let mut out = io::stderr();
    write!(out, "Looking up {handle} may cost a credit. Go on? [y/N] ")?;
    out.flush()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Through the daemon if one runs on this database, else by itself.
async fn look_up(config: &Config, newcomer: AccountLookup) -> Result<Option<Lookup>, CommandError> {
    let path = &config.database.path;
    if is_in_use(path)
        && let Ok(mut told) = control::ask_to_add(path, &newcomer).await
    {
        return Ok(told.recv().await);
    }
    let (key, _) = ApiKey::find(config, |name| std::env::var_os(name))?;
    let client = Client::new(&config.api, key).map_err(RunError::from)?;
    let creation = if config.database.is_named { Creation::Allowed } else { Creation::Refused };
    let store = Store::open(path, creation)?;
    let mut engine = Engine::new(store, EngineConfig::of(config), ClaimMode::Asked);
    engine.watch(&config.accounts, EngineConfig::of(config), clock::moment())?;

    let (inbox, received) = channel();
    let (claims, claimed) = unbounded_channel();
    let metrics = Metrics::default();
    tokio::spawn(make_calls(claimed, move || client.clone(), inbox.clone(), metrics.clone()));
    let (tells, told) = unbounded_channel();
    // The worker is not started yet, so its inbox is open.
    inbox.send(Input::Add(Box::new(newcomer), tells)).ok();
    let worker = Worker::new(engine, received, claims, Notifier::silent(), metrics, Work::OneShot);
    let worker = thread::spawn(move || worker.run());
    let lookup = wait_for(told, worker).await;
    drop(inbox);
    lookup
}

async fn wait_for(
    mut told: UnboundedReceiver<Lookup>,
    worker: thread::JoinHandle<Result<(), WorkError>>,
) -> Result<Option<Lookup>, CommandError> {
    let lookup = told.recv().await;
    match tokio::task::spawn_blocking(|| worker.join()).await {
        Ok(Ok(result)) => result.map_err(RunError::from)?,
        _ => return Err(RunError::Start("the engine's thread ended".into()).into()),
    }
    Ok(lookup)
}

fn finish(
    file: &WatchlistFile,
    config: &Config,
    newcomer: &AccountLookup,
    lookup: Option<Lookup>,
) -> Result<Done, CommandError> {
    let mut out = io::stdout().lock();
    let handle = newcomer.handle.to_string();
    let handle = Printable(&handle);
    let (id, followers, is_watched) = match lookup {
        Some(Lookup::Found { account_id: id, followers, is_watched, .. }) => {
            (account_id(&id)?, followers, is_watched)
        }
        Some(Lookup::NotFound { error, was_called }) => {
            writeln!(out, "{handle}: {}", Printable(&error))?;
            return Ok(if was_called { Done::Refused } else { Done::Attention });
        }
        None => {
            writeln!(
                out,
                "{handle}: nobody was asked, growthd would have to wait; see `growthd status`"
            )?;
            return Ok(Done::Attention);
        }
    };
    let followers =
        followers.map_or(String::new(), |count| format!(", {} followers", Grouped(count)));
    let path = config.path.display();
    if is_watched || config.accounts.iter().any(|account| account.id == id) {
        writeln!(out, "{handle} is in the watchlist already, as {id}{followers}")?;
        return Ok(Done::Attention);
    }
    let label = newcomer.entry.label.as_deref();
    if let Err(error) = file.add(&id, label, clock::now().time()) {
        // It was paid for: what it told must not be lost with the error.
        writeln!(out, "{handle} is {id}{followers}; add it to {path} yourself:\n")?;
        for line in entry(&id, label) {
            writeln!(out, "{line}")?;
        }
        return Err(error.into());
    }
    writeln!(out, "{handle} is {id}{followers}; added to {path}")?;
    if is_in_use(&config.database.path) {
        writeln!(
            out,
            "the running growthd takes it at its next reload: systemctl reload growthd, or SIGHUP"
        )?;
    }
    Ok(Done::Well)
}
