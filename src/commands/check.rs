//! `growthd check`: what the configuration says, and what it will cost.

use std::io::{self, Write};

use crate::clock::{self, Time};
use crate::commands::{CommandError, Done};
use crate::config::{ApiKey, Budget, Config, Span, Watched};
use crate::forecast::{per_month, per_period};
use crate::report::{Printable, Table};
use crate::schedule::{ScheduleCache, spread_offset};

/// Prints accounts, schedules and the forecast.
pub fn check(config: &Config) -> Result<Done, CommandError> {
    let now = clock::now().time();
    let mut out = io::stdout().lock();
    let mut schedules = ScheduleCache::default();
    let mut table = Table::new(&["ACCOUNT", "LABEL", "CRON", "ZONE", "SPREAD", "NEXT"]);
    for account in &config.accounts {
        table.row([
            account.id.to_string(),
            Printable(account.label.as_deref().unwrap_or_default()).to_string(),
            Printable(&account.cron).to_string(),
            account.timezone.to_string(),
            if account.spread > 0 {
                Span::of_seconds(account.spread).to_string()
            } else {
                "-".to_owned()
            },
            next(&mut schedules, account, now),
        ]);
    }
    if !table.is_empty() {
        writeln!(out, "{table}")?;
    }
    let enabled = config.accounts.iter().filter(|account| account.enabled).count();
    let disabled = config.accounts.len() - enabled;
    writeln!(out, "accounts   {enabled} enabled, {disabled} disabled")?;
    writeln!(out, "database   {}", config.database.path.display())?;
    match ApiKey::find(config, |name| std::env::var_os(name)) {
        Ok((_, source)) => writeln!(out, "key        from {source}")?,
        // The service may have one that whoever asks here has not.
        Err(error) => writeln!(out, "key        {error}")?,
    }
    let month = per_month(&config.accounts, now);
    writeln!(
        out,
        "forecast   about {month:.0} refreshes a month, and {enabled} at the first start"
    )?;
    let Some(budget) = &config.budget else {
        writeln!(out, "budget     none: nothing caps what is spent")?;
        return Ok(Done::Well);
    };
    within(budget, &config.accounts, now, &mut out)
}

fn within(
    budget: &Budget,
    accounts: &[Watched],
    now: Time,
    out: &mut impl Write,
) -> Result<Done, CommandError> {
    let period = budget.per.as_str();
    let forecast = per_period(accounts, budget, now);
    let refreshes = budget.refreshes;
    #[expect(clippy::cast_precision_loss, reason = "a budget beyond 2^53 refreshes caps nothing")]
    let exceeds = forecast > refreshes as f64;
    writeln!(out, "budget     {refreshes} a {period}; the forecast needs about {forecast:.0}")?;
    if exceeds {
        writeln!(
            out,
            "\nThe forecast exceeds the budget: accounts will wait until it turns.\n\
             Raise [budget] refreshes, or refresh less often."
        )?;
        return Ok(Done::Attention);
    }
    Ok(Done::Well)
}

fn next(schedules: &mut ScheduleCache, account: &Watched, now: Time) -> String {
    if !account.enabled {
        return "disabled".to_owned();
    }
    let offset = spread_offset(&account.id, account.spread);
    let place = schedules.window(&account.cron, &account.timezone, offset, now);
    place.map(|place| place.next.to_string()).unwrap_or_default()
}
