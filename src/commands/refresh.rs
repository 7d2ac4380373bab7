//! `growthd refresh`: refreshes now, through the daemon if one runs on this database, else in its own
//! process.

use std::collections::HashMap;
use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use crate::account::AccountId;
use crate::cli::RefreshArgs;
use crate::commands::output::Printer;
use crate::commands::paid_request::{PaidRequest, Sending};
use crate::commands::signals::Signals;
use crate::commands::{CommandError, Done, runtime};
use crate::config::{Config, Watched};
use crate::daemon;
use crate::engine::{NOT_IN_WATCHLIST, Selection};
use crate::printable::Printable;
use crate::report::Grouped;
use crate::runner::{Handle, Progress};
use crate::selection;
use crate::store::{Creation, Outcome, Reader, StoreError};

/// Refreshes the accounts that `args` select, showing progress.
pub fn refresh(config: &Config, args: RefreshArgs) -> Result<Done, CommandError> {
    let part = args.selection.selection();
    let selection = match &args {
        RefreshArgs { due, .. } if !part.is_everything() => {
            let ids = ids_of(config, &part)?;
            if *due { Selection::DueOf(ids) } else { Selection::Ids(ids) }
        }
        RefreshArgs { all: true, .. } => Selection::All,
        RefreshArgs { due: true, .. } => Selection::Due,
        _ => Selection::Ids(args.ids),
    };
    runtime()?.block_on(async {
        let mut signals = Signals::new()?;
        let mut watch = Watch::new(config, args.json)?;
        let database = &config.settings.database.path;
        let remote = || daemon::request_refresh(database, &selection);
        let is_named = config.settings.database.is_named;
        let creation = if is_named { Creation::Allowed } else { Creation::Refused };
        let local = |engine: &Handle| engine.refresh(selection.clone());
        let sending = Sending { config, creation };
        let request = sending.send(remote, local, &mut signals, &mut watch.output).await?;
        watch.show(request, signals).await
    })
}

/// Returns the enabled accounts of a selection. Tags are read from the configuration, which may have
/// accounts that are not in the database yet; platforms are known only from the vendor's responses.
fn ids_of(config: &Config, part: &selection::Selection) -> Result<Vec<AccountId>, CommandError> {
    let mut platforms = HashMap::new();
    if part.platform.is_some() {
        match Reader::open(&config.settings.database.path) {
            Ok(mut reader) => platforms = reader.begin_read()?.platforms()?,
            Err(StoreError::Missing(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let tags: Vec<&str> =
        config.accounts.iter().flat_map(|account| &account.tags).map(String::as_str).collect();
    let known: Vec<&str> = platforms.values().map(String::as_str).collect();
    part.check(&tags, &known)?;
    let is_selected = |account: &&Watched| {
        let platform = platforms.get(account.id.as_str()).map(String::as_str);
        account.enabled && part.has(&account.tags, platform)
    };
    Ok(config.accounts.iter().filter(is_selected).map(|account| account.id.clone()).collect())
}

/// The display of a refresh's progress and results.
struct Watch<'a> {
    labels: HashMap<&'a str, &'a str>,
    as_json: bool,
    bar: ProgressBar,
    output: Printer,
    results: Vec<Value>,
    /// `None` until the engine has taken the request.
    selected: Option<usize>,
    ok: usize,
    /// Accounts whose slot stays open although numbers arrived: their `Date` contradicts our clock.
    unserved: usize,
    failed: usize,
    last_error: Option<String>,
    declined: usize,
    not_needed: usize,
}

impl<'a> Watch<'a> {
    fn new(config: &'a Config, as_json: bool) -> io::Result<Watch<'a>> {
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
        Ok(Watch {
            labels: labels.collect(),
            as_json,
            bar,
            output: Printer::stdout()?,
            results: Vec::new(),
            selected: None,
            ok: 0,
            unserved: 0,
            failed: 0,
            last_error: None,
            declined: 0,
            not_needed: 0,
        })
    }

    /// Updates the bar from the printer's thread, so that a stalled terminal blocks nothing.
    fn update_bar(&self, change: impl FnOnce(&ProgressBar) + Send + 'static) {
        let bar = self.bar.clone();
        self.output.print(move |_| {
            change(&bar);
            Ok(())
        });
    }

    async fn show(
        mut self,
        mut request: PaidRequest<Progress>,
        mut signals: Signals,
    ) -> Result<Done, CommandError> {
        let completed = loop {
            match request.next(&mut signals, &mut self.output).await {
                Ok(Some(Progress::NotTaken { error })) => break Err(CommandError::NotTaken(error)),
                Ok(Some(step)) => self.step(&step),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.update_bar(ProgressBar::finish_and_clear);
        let ended = match completed {
            Ok(()) => request.end(&mut signals).await,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            // What was paid for until then is told all the same.
            if self.as_json {
                self.output.json(Value::Array(self.results));
            }
            self.output.finish(signals.enough()).await?;
            return Err(error);
        }
        self.end(signals).await
    }

    fn step(&mut self, step: &Progress) {
        let line = match step {
            Progress::NotInWatchlist { account_ids } => {
                for account_id in account_ids.iter().cloned() {
                    let error = format!("{NOT_IN_WATCHLIST}; `growthd status` lists the ids");
                    self.step(&Progress::Declined { account_id, error });
                }
                return;
            }
            Progress::Selected { accounts } => {
                self.selected = Some(*accounts);
                let length = u64::try_from(*accounts).unwrap_or(u64::MAX);
                self.update_bar(move |bar| bar.set_length(length));
                return;
            }
            Progress::Started { .. } | Progress::NotTaken { .. } => return,
            Progress::Settled {
                account_id,
                outcome,
                followers,
                suspect,
                is_only_likes,
                error,
                ..
            } => {
                self.update_bar(|bar| bar.inc(1));
                let name = self.name(account_id);
                let is_ok = *outcome == Outcome::Ok.as_str();
                match (is_ok, error) {
                    (true, None) => self.ok += 1,
                    (true, Some(_)) => self.unserved += 1,
                    (false, error) => {
                        self.failed += 1;
                        self.last_error.clone_from(error);
                    }
                }
                let numbers = numbers(*followers, suspect.as_deref(), *is_only_likes);
                let parts: Vec<String> = numbers.into_iter().chain(error.clone()).collect();
                format!("{outcome:<8} {name}  {}", Printable(&parts.join("; ")))
            }
            Progress::Declined { account_id, error } => {
                self.declined += 1;
                self.update_bar(|bar| bar.inc(1));
                format!("not done {}  {}", self.name(account_id), Printable(error))
            }
            Progress::NotNeeded { account_id, reason } => {
                self.not_needed += 1;
                self.update_bar(|bar| bar.inc(1));
                format!("skipped  {}  {}", self.name(account_id), Printable(reason))
            }
        };
        if self.as_json {
            self.results.push(result(step));
        } else {
            // A visible bar is redrawn below the line.
            let (bar, line) = (self.bar.clone(), line.trim_end().to_owned());
            self.output.print(move |out| bar.suspend(|| writeln!(out, "{line}")));
        }
    }

    fn name(&self, id: &AccountId) -> String {
        match self.labels.get(id.as_str()) {
            Some(label) => format!("{id} ({})", Printable(label)),
            None => id.to_string(),
        }
    }

    async fn end(self, mut signals: Signals) -> Result<Done, CommandError> {
        let settled = self.ok + self.unserved + self.failed + self.declined + self.not_needed;
        let missing = self.selected.unwrap_or(0).saturating_sub(settled);
        if self.as_json {
            self.output.json(Value::Array(self.results));
        } else {
            match self.selected {
                None => {}
                Some(0) => self.output.line("nothing to refresh"),
                Some(selected) => {
                    self.output.line(format_args!("{} of {selected} refreshed", self.ok));
                }
            }
        }
        let missing = match self.selected {
            None => Some("nothing was refreshed".to_owned()),
            Some(_) if missing > 0 => Some(format!("{missing} not refreshed")),
            Some(_) => None,
        };
        if let Some(missing) = &missing {
            let line = format!(
                "{missing}: growthd would have to wait, or was stopped (what it had begun counts as spent); see `growthd status`"
            );
            match self.as_json {
                true => self.output.note(line),
                false => self.output.line(line),
            }
        }
        let is_refused = self.failed > 0 && self.ok + self.unserved == 0;
        if is_refused {
            let error = self.last_error.unwrap_or_default();
            self.output.note(format_args!("nothing was refreshed: {error}; see `growthd status`"));
        }
        self.output.finish(signals.enough()).await?;
        let needs_attention = self.unserved + self.failed + self.declined > 0 || missing.is_some();
        Ok(match is_refused {
            true => Done::Refused,
            _ if needs_attention => Done::Attention,
            _ => Done::Well,
        })
    }
}

/// Returns what is said of a response's numbers: its followers, and why they, or only its likes, are
/// not measured.
fn numbers(followers: Option<i64>, suspect: Option<&str>, is_only_likes: bool) -> Option<String> {
    let followers = followers.map(|followers| format!("{} followers", Grouped(followers)));
    let whose = if is_only_likes { "likes suspect" } else { "suspect" };
    let suspect = suspect.map(|reason| format!("{whose} ({reason})"));
    let parts: Vec<String> = followers.into_iter().chain(suspect).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn result(step: &Progress) -> Value {
    match step {
        Progress::Settled {
            account_id, refresh_id, outcome, followers, suspect, error, ..
        } => json!({
            "account_id": account_id, "refresh_id": refresh_id, "outcome": outcome,
            "followers": followers, "suspect": suspect, "error": error,
        }),
        Progress::Declined { account_id, error } => json!({
            "account_id": account_id, "refresh_id": null, "outcome": "declined",
            "followers": null, "suspect": null, "error": error,
        }),
        Progress::NotNeeded { account_id, reason } => json!({
            "account_id": account_id, "refresh_id": null, "outcome": "skipped",
            "followers": null, "suspect": null, "error": reason,
        }),
        Progress::Selected { .. }
        | Progress::Started { .. }
        | Progress::NotTaken { .. }
        | Progress::NotInWatchlist { .. } => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_not_measured_are_no_plain_success() {
        for (followers, suspect, is_only_likes, text) in [
            (Some(1000), None, false, Some("1,000 followers")),
            (Some(0), Some("zero"), false, Some("0 followers, suspect (zero)")),
            (Some(1000), Some("cached"), false, Some("1,000 followers, suspect (cached)")),
            (Some(1000), Some("zero"), true, Some("1,000 followers, likes suspect (zero)")),
            (None, Some("clock"), false, Some("suspect (clock)")),
            (None, None, false, None),
        ] {
            assert_eq!(numbers(followers, suspect, is_only_likes).as_deref(), text);
            let step = Progress::Settled {
                account_id: "a".parse().expect("an id"),
                refresh_id: 1,
                outcome: Outcome::Ok.as_str().to_owned(),
                followers,
                suspect: suspect.map(str::to_owned),
                is_only_likes,
                error: None,
            };
            assert_eq!(result(&step)["suspect"], json!(suspect));
        }
    }
}
