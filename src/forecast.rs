//! Forecasts of how many refreshes a watchlist will need.

use std::collections::HashMap;

use crate::clock::Time;
use crate::config::{Budget, Period, Watched};
use crate::schedule::Schedule;

const DAY: i64 = 24 * 3600;
const YEAR: i64 = 365 * DAY;
const DAYS_A_MONTH: f64 = 365.25 / 12.0;

/// A schedule that fires more than this many times a day is counted over a day, others over a
/// year: counting every minute of a year takes seconds.
const OFTEN: usize = 24;

/// Estimates how many refreshes these accounts need in a month, without baselines and retries.
pub fn per_month(accounts: &[Watched], now: Time) -> f64 {
    per_day(accounts, now) * DAYS_A_MONTH
}

/// Estimates how many refreshes these accounts need in a period of `budget`.
pub fn per_period(accounts: &[Watched], budget: &Budget, now: Time) -> f64 {
    let days = match budget.per {
        Period::Day => 1.0,
        Period::Week => 7.0,
        Period::Month => DAYS_A_MONTH,
    };
    per_day(accounts, now) * days
}

#[expect(clippy::cast_precision_loss, reason = "counts of refreshes, shown rounded")]
fn per_day(accounts: &[Watched], now: Time) -> f64 {
    let mut users: HashMap<(&str, &str), u64> = HashMap::new();
    for account in accounts.iter().filter(|account| account.enabled) {
        *users.entry((&account.cron, &account.timezone)).or_default() += 1;
    }
    let rate = |(cron, zone): (&str, &str)| {
        let Ok(schedule) = Schedule::parse(cron, zone, now) else { return 0.0 };
        match schedule.occurrences_within(now, DAY, usize::MAX) {
            often if often > OFTEN => often as f64,
            _ => schedule.occurrences_within(now, YEAR, usize::MAX) as f64 / 365.0,
        }
    };
    // Starts at 0, since `Sum` of an empty iterator is -0.
    users.into_iter().fold(0.0, |sum, (schedule, accounts)| sum + rate(schedule) * accounts as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_a_twelfth_of_a_year() {
        let account =
            |id: &str, cron: &str, enabled| Watched { enabled, ..Watched::example(id, cron) };
        let now = Time(1_767_225_600);
        for (cron, month) in [
            ("0 6 * * MON", 4.35),
            ("0 6 * * *", 30.4),
            ("0 6 1 * *", 1.0),
            ("* * * * *", 43_830.0),
        ] {
            let accounts = [account("a", cron, true), account("b", cron, false)];
            let forecast = per_month(&accounts, now);
            assert!((forecast / month - 1.0).abs() < 0.02, "{cron}: {forecast}");
        }
        assert_eq!(format!("{:.0}", per_month(&[], now)), "0");
        let weekly = [account("a", "0 6 * * MON", true), account("b", "0 6 * * MON", true)];
        let budget = Budget { refreshes: 1, per: Period::Week, manual: None };
        assert!((per_period(&weekly, &budget, now) - 2.0).abs() < 0.02);
    }
}
