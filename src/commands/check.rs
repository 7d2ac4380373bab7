//! `growthd check`: validates the configuration and forecasts its cost.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use crate::clock::{self, Time};
use crate::commands::check_output::{CheckOutput, Scope, shown};
use crate::commands::output::UntilClosed;
use crate::commands::reach::check_connection;
use crate::commands::{CommandError, Done};
use crate::config::{
    ApiKey, Budget, Config, KeyError, KeySource, SHORTEST_SECRET, Settings, Span, Watched,
    WatchedFiles, service_credential,
};
use crate::daemon::{Health, NoHealth, check_limits};
use crate::forecast::{per_month, per_period};
use crate::paths::folder_of;
use crate::printable::{Printable, visible_path};
use crate::report::terminal::{self, warning};
use crate::report::{ALWAYS_SHOWN, Column, Shape, Table, counted};
use crate::schedule::{Schedule, ScheduleCache, spread_offset};
use crate::store::{Reader, StoreError};

/// Where systemd creates a service's folder at its start.
const STATE_FOLDERS: &str = "/var/lib";

/// Checks the configuration now and after each edit of its files. Each check prints a line to stdout
/// and any problems to stderr. Ends when the reader of stdout does.
pub fn watch(path: &Path) -> Result<Done, CommandError> {
    let mut files = WatchedFiles::new(path);
    loop {
        let shown = path.display();
        let verdict = match Config::load(path, clock::now().time()) {
            Ok(config) => format!("{shown}: valid, {}", counted(config.accounts.len(), "account")),
            Err(error) => {
                CommandError::from(error).print();
                format!("{shown}: not valid")
            }
        };
        writeln!(io::stdout(), "{}", Printable(&verdict))?;
        while !files.poll_edit() {
            thread::sleep(WatchedFiles::INTERVAL);
        }
    }
}

/// Checks everything, and prints the results. Those without problems are accounts, schedules and the
/// forecast.
///
/// # Errors
/// Returns an error with the exit code of `run` if that could not use the key or the CA certificates.
/// It has been printed. A missing key is none, because the service may have one that this user does
/// not.
pub fn check(config: &Config, online: bool, scope: Scope) -> Result<Done, CommandError> {
    let now = clock::now().time();
    check_limits(&config.settings)?;
    let mut out = CheckOutput { out: UntilClosed::new(io::stdout().lock()), scope };
    if scope == Scope::Everything {
        print_accounts(config, now, &mut out.out)?;
    }
    let enabled = config.accounts.iter().filter(|account| account.enabled).count();
    let disabled = config.accounts.len() - enabled;
    out.entry("accounts", format_args!("{enabled} enabled, {disabled} disabled"))?;
    for folder in &config.settings.absent_folders {
        let folder = visible_path(folder);
        out.warning("include", format_args!("finds nothing in {folder}, which does not exist"))?;
    }
    for pattern in &config.settings.unmatched {
        out.warning("include", format_args!("finds no file that matches {pattern:?}"))?;
    }
    let path = &config.settings.database.path;
    let reader = Reader::open(path);
    let database = check_database(path, &reader, &mut out)?;
    // A key that `run` would refuse is an error once everything has been checked.
    let key = check_key(&config.settings, &mut out)?;
    check_listen(&config.settings, &mut out)?;
    let connection = check_connection(&config.settings.api, online, &mut out);
    let month = per_month(&config.accounts, now);
    let first = match first_refreshes(config, reader.ok()) {
        0 => String::new(),
        first => format!(", and {first} at the start for accounts without a snapshot"),
    };
    let refreshes = match Estimate(month).to_string() {
        one if one == "1" => "1 refresh".to_owned(),
        many => format!("{many} refreshes"),
    };
    out.entry("forecast", format_args!("about {refreshes} a month{first}"))?;
    let budget = match &config.settings.budget {
        Some(budget) => within(budget, &config.accounts, now, &mut out)?,
        None => {
            out.entry("budget", "none: spending is not limited")?;
            Done::Well
        }
    };
    let key = key.map_err(|error| shown(error.into()))?;
    let is_well = [database, key, connection?, budget].iter().all(|done| *done == Done::Well);
    Ok(if is_well { Done::Well } else { Done::Attention })
}

/// Checks that there is a usable key, as far as this process can tell. The inner error is why `run` would
/// not start.
fn check_key(
    settings: &Settings,
    out: &mut CheckOutput<impl Write>,
) -> io::Result<Result<Done, KeyError>> {
    match ApiKey::find(settings) {
        Ok((key, source)) if key.expose().len() < SHORTEST_SECRET => {
            let short = format_args!(
                "from {source}, with fewer than {SHORTEST_SECRET} characters: is it complete? Such a \
                 short key cannot be recognised, and so is not removed, if a response repeats it"
            );
            out.warning("key", short)?;
            Ok(Ok(Done::Well))
        }
        Ok((_, source)) => {
            out.entry("key", format_args!("from {source}"))?;
            Ok(Ok(Done::Well))
        }
        // The service may have a credential that this process does not, such as one that runs in its
        // unit at a reload.
        Err(KeyError::Missing { .. }) if out.scope == Scope::Problems => Ok(Ok(Done::Well)),
        Err(error @ KeyError::Missing { .. }) => {
            match service_credential(&settings.path) {
                Some(path) => {
                    let why =
                        "is not visible to this command; the growthd service loads it from there";
                    out.entry("key", format_args!("{} {why}", visible_path(&path)))?;
                }
                None => out.warning("key", error)?,
            }
            Ok(Ok(Done::Well))
        }
        // At a stop during a reload, systemd takes the credential away before this process ends.
        Err(error @ KeyError::Unreadable { place: KeySource::Credential(_), .. }) => {
            out.warning("key", error)?;
            Ok(Ok(Done::Attention))
        }
        Err(error) => {
            out.warning("key", &error)?;
            Ok(Err(error))
        }
    }
}

/// Prints each account's schedule and next run, and notes about the patterns.
fn print_accounts(config: &Config, now: Time, out: &mut impl Write) -> io::Result<()> {
    let mut schedules = ScheduleCache::default();
    let mut table = Table::new([
        Column::new("ACCOUNT", Shape::Text, ALWAYS_SHOWN),
        Column::new("LABEL", Shape::Name, ALWAYS_SHOWN),
        Column::new("CRON", Shape::Text, 2),
        Column::new("ZONE", Shape::Text, 1),
        Column::new("SPREAD", Shape::Text, 0),
        Column::new("NEXT", Shape::Text, ALWAYS_SHOWN),
    ]);
    for account in &config.accounts {
        let spread = Some(account.spread).filter(|spread| *spread > 0);
        table.row([
            account.id.to_string(),
            account.label.clone().unwrap_or_default(),
            account.cron.to_string(),
            account.timezone.to_string(),
            spread.map_or("-".to_owned(), |spread| Span::of_seconds(spread).to_string()),
            next(&mut schedules, account, now),
        ]);
    }
    if !config.accounts.is_empty() {
        if io::stdout().is_terminal() {
            table = table.narrowed(terminal::width());
        }
        writeln!(out, "{table}")?;
    }
    for cron in giving_both_days(&config.accounts, now) {
        let why = "gives a day of month and a day of week: it fires on days that match either (put \
                   `+` before the day of week for those that match both)";
        warning(out, "note", format_args!("{cron:?} {why}"))?;
    }
    for cron in distinct_crons(&config.accounts).filter(|cron| has_seconds(cron)) {
        let why = "has six fields: the first is seconds";
        warning(out, "note", format_args!("{cron:?} {why}"))?;
    }
    Ok(())
}

/// Checks that the path leads to a growthd database, or to nothing yet. Whether this user can access it
/// does not matter, because the service may run as another user.
fn check_database(
    path: &Path,
    reader: &Result<Reader, StoreError>,
    out: &mut CheckOutput<impl Write>,
) -> io::Result<Done> {
    match reader {
        Err(error) if error.is_unusable_file() => {
            out.warning("database", error)?;
            Ok(Done::Attention)
        }
        Ok(_) | Err(_) if folder_of(path).is_dir() => {
            out.entry("database", visible_path(path))?;
            Ok(Done::Well)
        }
        Ok(_) | Err(_) => {
            let is_of_systemd = path.starts_with(STATE_FOLDERS);
            let (path, folder) = (visible_path(path), visible_path(folder_of(path)));
            let advice = if is_of_systemd { "systemd creates it" } else { "create it" };
            let missing = format_args!("{path}; there is no folder {folder} yet: {advice}");
            out.warning("database", missing)?;
            Ok(if is_of_systemd { Done::Well } else { Done::Attention })
        }
    }
}

/// Returns how many accounts have never been refreshed, as far as the database can be read.
fn first_refreshes(config: &Config, reader: Option<Reader>) -> usize {
    let known = reader.and_then(|mut reader| reader.begin_read().ok()?.refreshed_ids().ok());
    let known = known.unwrap_or_default();
    let enabled = config.accounts.iter().filter(|account| account.enabled);
    enabled.filter(|account| !known.contains(account.id.as_str())).count()
}

/// Reports whether the address of `[http]` is free or in use by the running daemon. It only warns,
/// because an address in use does not prevent refreshes.
fn check_listen(settings: &Settings, out: &mut CheckOutput<impl Write>) -> io::Result<()> {
    let Some(address) = settings.http.map(|http| http.listen) else { return Ok(()) };
    let Err(error) = TcpListener::bind(address) else {
        return out.entry("http", address);
    };
    if error.kind() == io::ErrorKind::AddrInUse {
        match Health::request(&settings.database.path) {
            Ok(daemon) if daemon.not_listening.is_none() => {
                return out.entry("http", format_args!("{address}, in use while growthd runs"));
            }
            Err(NoHealth::Unreachable) => {
                let text = "in use, perhaps by growthd, which this user may not ask";
                return out.entry("http", format_args!("{address}, {text}"));
            }
            Ok(_) | Err(_) => {}
        }
    }
    let effect = "`growthd run` refreshes anyway and keeps trying";
    out.warning("http", format_args!("cannot listen on {address}: {error}; {effect}"))
}

/// Returns the patterns with both a day of month and a day of week, which fire on more days than most
/// people expect.
fn giving_both_days(accounts: &[Watched], now: Time) -> Vec<&str> {
    let gives_both = |cron: &&str| {
        Schedule::parse(cron, "UTC", now).is_ok_and(|schedule| schedule.gives_both_days())
    };
    distinct_crons(accounts).filter(gives_both).collect()
}

fn distinct_crons(accounts: &[Watched]) -> impl Iterator<Item = &str> {
    let crons: BTreeSet<&str> = accounts.iter().map(|account| &*account.cron).collect();
    crons.into_iter()
}

fn has_seconds(cron: &str) -> bool {
    cron.split_whitespace().count() == 6
}

fn within(
    budget: &Budget,
    accounts: &[Watched],
    now: Time,
    out: &mut CheckOutput<impl Write>,
) -> io::Result<Done> {
    let period = budget.per.as_str();
    let forecast = per_period(accounts, budget, now);
    let refreshes = budget.refreshes;
    #[expect(clippy::cast_precision_loss, reason = "a budget beyond 2^53 refreshes caps nothing")]
    let exceeds = forecast > refreshes as f64;
    let text = format!("{refreshes} a {period}; the forecast needs about {}", Estimate(forecast));
    if !exceeds {
        out.entry("budget", text)?;
        return Ok(Done::Well);
    }
    out.warning("budget", text)?;
    let why = match refreshes {
        0 => "The budget is 0: no account will be refreshed.",
        _ => "The forecast exceeds the budget: accounts will wait until the next period.",
    };
    writeln!(out.out, "\n{}", terminal::paragraph(why, 0))?;
    let advice = "Raise [budget] refreshes, or refresh less often.";
    writeln!(out.out, "{}", terminal::paragraph(advice, 0))?;
    Ok(Done::Attention)
}

/// A number of refreshes, rounded up: 5.2 exceeds a budget of 5, and a few are not none.
struct Estimate(f64);

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            few if few > 0.0 && few < 1.0 => write!(f, "{:.1}", (few * 10.0).ceil() / 10.0),
            many => write!(f, "{:.0}", many.ceil()),
        }
    }
}

fn next(schedules: &mut ScheduleCache, account: &Watched, now: Time) -> String {
    if !account.enabled {
        return "disabled".to_owned();
    }
    let offset = spread_offset(&account.id, account.spread);
    let window = schedules.window(&account.cron, &account.timezone, offset, now);
    window.map(|window| window.next.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_rounded_up() {
        for (number, shown) in
            [(0.0, "0"), (0.003, "0.1"), (0.14, "0.2"), (0.95, "1.0"), (4.35, "5"), (35.0, "35")]
        {
            assert_eq!(Estimate(number).to_string(), shown);
        }
    }
}
