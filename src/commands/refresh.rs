//! `growthd refresh`: now, through the daemon if one runs on this database, else by itself.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::channel;
use std::thread;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::api::Client;
use crate::cli::RefreshArgs;
use crate::clock;
use crate::commands::{CommandError, Done, print_json, runtime};
use crate::config::{ApiKey, Config};
use crate::daemon::{
    EXIT_AT_ONCE, Input, Metrics, Notifier, Progress, RunError, Selection, StopSignals, Work,
    WorkError, Worker, control, make_calls,
};
use crate::engine::{ClaimMode, Engine, EngineConfig};
use crate::report::{Grouped, Printable};
use crate::store::{Creation, Outcome, Store, is_in_use};

/// Refreshes what `args` say, and shows how it goes.
pub fn refresh(config: &Config, args: RefreshArgs) -> Result<Done, CommandError> {
    let selection = match &args {
        RefreshArgs { all: true, .. } => Selection::All,
        RefreshArgs { due: true, .. } => Selection::Due,
        _ => Selection::Ids(args.ids),
    };
    runtime()?.block_on(async {
        let path = &config.database.path;
        if is_in_use(path) {
            return match control::ask(path, &selection).await {
                Ok(progress) => Watch::new(config, args.json).show(progress, None).await,
                // Whoever holds it may have ended meanwhile, or cannot be reached: opening tells.
                Err(_) => alone(config, selection, args.json).await,
            };
        }
        alone(config, selection, args.json).await
    })
}

/// Takes the lock and runs the engine until all is done.
async fn alone(config: &Config, selection: Selection, as_json: bool) -> Result<Done, CommandError> {
    let (key, _) = ApiKey::find(config, |name| std::env::var_os(name))?;
    let client = Client::new(&config.api, key).map_err(RunError::from)?;
    let creation = if config.database.is_named { Creation::Allowed } else { Creation::Refused };
    let store = Store::open(&config.database.path, creation)?;
    let mut engine = Engine::new(store, EngineConfig::of(config), ClaimMode::Asked);
    engine.watch(&config.accounts, EngineConfig::of(config), clock::moment())?;

    let (inbox, received) = channel();
    let (claims, claimed) = unbounded_channel();
    tokio::spawn(make_calls(claimed, move || client.clone(), inbox.clone(), Metrics::default()));
    let (tells, progress) = unbounded_channel();
    // The worker is not started yet, so its inbox is open.
    inbox.send(Input::RefreshRequest(selection, tells)).ok();
    let stop = inbox.clone();
    let mut signals = StopSignals::new().map_err(|error| RunError::Start(Box::new(error)))?;
    tokio::spawn(async move {
        signals.recv().await;
        // It may have ended by itself.
        stop.send(Input::Stop).ok();
        signals.recv().await;
        std::process::exit(EXIT_AT_ONCE);
    });
    let worker = Worker::new(
        engine,
        received,
        claims,
        Notifier::silent(),
        Metrics::default(),
        Work::OneShot,
    );
    let worker = thread::spawn(move || worker.run());
    Watch::new(config, as_json).show(progress, Some(worker)).await
}

/// What a person sees of it.
struct Watch<'a> {
    labels: HashMap<&'a str, &'a str>,
    as_json: bool,
    bar: ProgressBar,
    results: Vec<Value>,
    selected: usize,
    ok: usize,
    failed: usize,
    declined: usize,
}

impl<'a> Watch<'a> {
    fn new(config: &'a Config, as_json: bool) -> Watch<'a> {
        let labelled = config.accounts.iter();
        let labels =
            labelled.filter_map(|account| Some((account.id.as_str(), account.label.as_deref()?)));
        let target = match io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} refreshed, {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Watch {
            labels: labels.collect(),
            as_json,
            bar,
            results: Vec::new(),
            selected: 0,
            ok: 0,
            failed: 0,
            declined: 0,
        }
    }

    async fn show(
        mut self,
        mut progress: UnboundedReceiver<Progress>,
        worker: Option<thread::JoinHandle<Result<(), WorkError>>>,
    ) -> Result<Done, CommandError> {
        while let Some(step) = progress.recv().await {
            self.step(step)?;
        }
        self.bar.finish_and_clear();
        if let Some(worker) = worker {
            let ended = tokio::task::spawn_blocking(|| worker.join()).await;
            match ended {
                Ok(Ok(result)) => result.map_err(RunError::from)?,
                Ok(Err(_)) | Err(_) => {
                    return Err(RunError::Start("the engine's thread ended".into()).into());
                }
            }
        }
        self.end()
    }

    fn step(&mut self, step: Progress) -> Result<(), CommandError> {
        let line = match &step {
            Progress::Selected { accounts } => {
                self.selected = *accounts;
                self.bar.set_length(u64::try_from(*accounts).unwrap_or(u64::MAX));
                return Ok(());
            }
            Progress::Started { .. } => return Ok(()),
            Progress::Settled { account_id, outcome, followers, error, .. } => {
                self.bar.inc(1);
                let name = self.name(account_id);
                if *outcome == Outcome::Ok.as_str() {
                    self.ok += 1;
                    let followers =
                        followers.map(|followers| format!("{} followers", Grouped(followers)));
                    format!("ok       {name}  {}", followers.unwrap_or_default())
                } else {
                    self.failed += 1;
                    format!(
                        "{outcome:<8} {name}  {}",
                        Printable(error.as_deref().unwrap_or_default())
                    )
                }
            }
            Progress::Declined { account_id, error } => {
                self.declined += 1;
                self.bar.inc(1);
                format!("not done {}  {}", self.name(account_id), Printable(error))
            }
        };
        if self.as_json {
            self.results.push(result(&step));
        } else {
            // A bar that is shown is redrawn below the line.
            self.bar.suspend(|| writeln!(io::stdout(), "{}", line.trim_end()))?;
        }
        Ok(())
    }

    fn name(&self, id: &str) -> String {
        match self.labels.get(id) {
            Some(label) => format!("{id} ({})", Printable(label)),
            None => id.to_owned(),
        }
    }

    fn end(self) -> Result<Done, CommandError> {
        let missing = self.selected.saturating_sub(self.ok + self.failed + self.declined);
        if self.as_json {
            print_json(&Value::Array(self.results))?;
        } else {
            let mut out = io::stdout().lock();
            match self.selected {
                0 => writeln!(out, "nothing to refresh")?,
                _ => writeln!(out, "{} of {} refreshed", self.ok, self.selected)?,
            }
            if missing > 0 {
                writeln!(
                    out,
                    "{missing} left: growthd would have to wait, or was stopped; see `growthd status`"
                )?;
            }
        }
        Ok(match (self.ok, self.failed) {
            (0, 1..) => Done::Refused,
            _ if self.failed + self.declined + missing > 0 => Done::Attention,
            _ => Done::Well,
        })
    }
}

fn result(step: &Progress) -> Value {
    match step {
        Progress::Settled { account_id, refresh_id, outcome, followers, error } => json!({
            "account_id": account_id, "refresh_id": refresh_id, "outcome": outcome,
            "followers": followers, "error": error,
        }),
        Progress::Declined { account_id, error } => json!({
            "account_id": account_id, "refresh_id": null, "outcome": "declined",
            "followers": null, "error": error,
        }),
        Progress::Selected { .. } | Progress::Started { .. } => Value::Null,
    }
}
