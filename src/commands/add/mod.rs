//! `growthd add`: looks accounts up by name and adds them to the watchlist.

mod names;

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use crate::account::{self, AccountId};
use crate::cli::AddArgs;
use crate::clock;
use crate::commands::output::{Printer, UntilClosed, stdout};
use crate::commands::paid_request::{PaidRequest, Sending};
use crate::commands::signals::Signals;
use crate::commands::{CommandError, Done, runtime};
use crate::config::{Config, Watched, WatchlistFile, entry};
use crate::daemon;
use crate::printable::Printable;
use crate::report::{Grouped, terminal};
use crate::runner::{Handle, Lookup};
use crate::store::{AccountLookup, Creation, Reader, StoreError, is_in_use};

/// A placeholder id, used to test whether an entry can be added before any credit is spent.
const TRIAL: &str = "growthd-trial-entry";

/// Looks the accounts up and adds them to the watchlist at `path`.
pub fn add(path: &Path, args: &AddArgs) -> Result<Done, CommandError> {
    let handles = names::names(args)?;
    if args.label.is_some() && handles.len() > 1 {
        return Err(CommandError::Usage("--label can be used with one name only".to_owned()));
    }
    let (file, config) = WatchlistFile::read(path, args.to.as_deref(), clock::now().time())?;
    let reader = match Reader::open(&config.settings.database.path) {
        Err(error @ StoreError::Missing(_)) => return Err(error.into()),
        reader => reader.ok(),
    };
    let lookups = lookups(&file, handles, args.label.as_deref())?;
    file.check_writable(lookups.len())?;
    let is_interactive = !args.yes && io::stdin().is_terminal();
    if !is_confirmed(&paid(&lookups, reader)?, is_interactive)? {
        writeln!(UntilClosed::new(stdout()), "cancelled: nothing was looked up or spent")?;
        return Ok(Done::Attention);
    }
    runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        let mut output = Printer::stdout()?;
        let database = &config.settings.database.path;
        let remote = || daemon::request_lookups(database, &lookups);
        let local = |engine: &Handle| engine.look_up(lookups.clone());
        let sending = Sending { config: &config, creation: Creation::Refused };
        let request = sending.send(remote, local, &mut signals, &mut output).await?;
        Adding {
            file: &file,
            config: &config,
            lookups,
            output,
            early: Vec::new(),
            ends: Vec::new(),
            is_doubted: false,
        }
        .run(request, signals)
        .await
    })
}

/// Returns the lookups of the handles, with the watchlist's defaults for their entries.
fn lookups(
    file: &WatchlistFile,
    handles: Vec<account::Handle>,
    label: Option<&str>,
) -> Result<Vec<AccountLookup>, CommandError> {
    let trial: AccountId =
        TRIAL.parse().map_err(|error| CommandError::Usage(format!("{error}")))?;
    let config = file.try_with(&trial, label, clock::now().time())?;
    let Some(entry) = config.accounts.into_iter().find(|entry| entry.id == trial) else {
        return Err(CommandError::Usage("no entry can be added to the watchlist".to_owned()));
    };
    let lookup = |handle: account::Handle| {
        let label = label.unwrap_or(handle.username()).into();
        let entry = Watched { label: Some(label), ..entry.clone() };
        AccountLookup { handle, entry }
    };
    Ok(handles.into_iter().map(lookup).collect())
}

/// Returns the lookups that may cost a credit: of an account that was ever refreshed, the id is known.
fn paid(
    lookups: &[AccountLookup],
    reader: Option<Reader>,
) -> Result<Vec<&AccountLookup>, StoreError> {
    let Some(mut reader) = reader else { return Ok(lookups.iter().collect()) };
    let tx = reader.begin_read()?;
    let mut paid = Vec::new();
    for lookup in lookups {
        if tx.find_handle(&lookup.handle)?.is_none() {
            paid.push(lookup);
        }
    }
    Ok(paid)
}

/// Prints what the lookups may cost, and asks for confirmation if `is_interactive`.
fn is_confirmed(lookups: &[&AccountLookup], is_interactive: bool) -> Result<bool, CommandError> {
    let mut out = io::stderr();
    let cost = match lookups {
        [] => return Ok(true),
        [one] => format!("Looking up {} may cost a credit.", Printable(&one.handle.to_string())),
        _ => {
            let names: Vec<_> = lookups.iter().map(|lookup| lookup.handle.to_string()).collect();
            let count = names.len();
            format!(
                "Looking up these {count} accounts may cost {count} credits: {}.",
                Printable(&names.join(", "))
            )
        }
    };
    if !is_interactive {
        // An error is ignored: stderr may be closed.
        writeln!(out, "{cost}").ok();
        return Ok(true);
    }
    write!(out, "{} Continue? [y/N] ", terminal::paragraph(&cost, 0))?;
    out.flush()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// The state of an `add` in progress.
struct Adding<'a> {
    file: &'a WatchlistFile,
    config: &'a Config,
    lookups: Vec<AccountLookup>,
    output: Printer,
    /// Results that came before those of earlier names, which go first into the file.
    early: Vec<Lookup>,
    /// The result for each name so far.
    ends: Vec<Result<Done, CommandError>>,
    /// Whether something was wrong with a response that found an account.
    is_doubted: bool,
}

impl Adding<'_> {
    async fn run(
        mut self,
        mut request: PaidRequest<Lookup>,
        mut signals: Signals,
    ) -> Result<Done, CommandError> {
        let end = loop {
            match request.next(&mut signals, &mut self.output).await {
                Ok(Some(lookup)) => self.early.push(lookup),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            self.take_early(false);
        };
        self.take_early(true);
        end?;
        request.end(&mut signals).await?;
        let left = self.lookups.len().saturating_sub(self.ends.len());
        if left > 0 {
            self.output.line(format_args!(
                "{left} without a result: growthd would have to wait, or was stopped (what it had begun counts as spent); see `growthd status`"
            ));
            self.ends.push(Ok(Done::Attention));
        }
        let is_added = self.ends.iter().any(|end| matches!(end, Ok(Done::Well)));
        if is_added && is_in_use(&self.config.settings.database.path) {
            self.output.line(
                "the running daemon picks this up when it reloads: by itself with --watch, else after systemctl reload growthd or SIGHUP",
            );
        }
        self.output.finish(signals.enough()).await?;
        let ends: Vec<Done> = self.ends.into_iter().collect::<Result<_, _>>()?;
        Ok(match ends.first() {
            Some(first) if !self.is_doubted && ends.iter().all(|end| end == first) => *first,
            _ => Done::Attention,
        })
    }

    /// Takes the results in the order of the names, up to the first that is missing, or all of them.
    fn take_early(&mut self, all: bool) {
        let next = |adding: &Self| {
            let handle = &adding.lookups.get(adding.ends.len())?.handle;
            adding.early.iter().position(|lookup| lookup.handle() == handle)
        };
        while let Some(index) = next(self).or((all && !self.early.is_empty()).then_some(0)) {
            let lookup = self.early.remove(index);
            self.is_doubted |= lookup.doubt().is_some();
            let end = self.take(lookup);
            self.ends.push(end);
        }
    }

    /// Adds an account that was found to the watchlist.
    fn take(&self, lookup: Lookup) -> Result<Done, CommandError> {
        let doubt = lookup.doubt().map_or(String::new(), |why| format!(" ({})", Printable(why)));
        let (handle, id, other, followers) = match lookup {
            Lookup::Found { handle, account_id, other, followers, .. } => {
                (handle, account_id, other, followers)
            }
            Lookup::NotFound { handle, error, was_called } => {
                let name = handle.to_string();
                self.output.note(format_args!("{}: {}", Printable(&name), Printable(&error)));
                return Ok(if was_called { Done::Refused } else { Done::Attention });
            }
        };
        let name = handle.to_string();
        let name = Printable(&name);
        let followers =
            followers.map_or(String::new(), |count| format!(", {} followers", Grouped(count)));
        let followers = followers + &doubt;
        let path = self.file.path().display();
        let requested = self.lookups.iter().find(|lookup| lookup.handle == handle);
        let label = requested.and_then(|lookup| lookup.entry.label.as_deref());
        let now = clock::now().time();
        if let Some(other) = other {
            let is_listed = self.file.lists(&id, now).unwrap_or(false);
            let other = Printable(&other);
            let rest = match is_listed {
                true => "which is already in the watchlist".to_owned(),
                false => {
                    format!("and nothing was added; if it is right, add it to {path} yourself:\n")
                }
            };
            self.output
                .line(format_args!("{name}: the vendor found {other}, {id}{followers}, {rest}"));
            if !is_listed {
                entry(&id, None).into_iter().for_each(|line| self.output.line(line));
            }
            return Ok(Done::Attention);
        }
        // The file decides, and not what a daemon watches: it may not have reloaded the file yet.
        match self.file.add(&id, label, now) {
            Ok(Some(_)) => {
                self.output.line(format_args!("{name} is {id}{followers}; added to {path}"));
                Ok(Done::Well)
            }
            Ok(None) => {
                self.output
                    .line(format_args!("{name} is already in the watchlist, as {id}{followers}"));
                Ok(Done::Attention)
            }
            Err(error) => {
                // The lookup was paid for, so its result must not be lost with the error.
                self.output
                    .line(format_args!("{name} is {id}{followers}; add it to {path} yourself:\n"));
                for line in entry(&id, label) {
                    self.output.line(line);
                }
                Err(error.into())
            }
        }
    }
}
