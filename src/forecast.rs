//! Forecasts of how many refreshes a watchlist will need.

use std::collections::HashMap;

use crate::clock::Time;
use crate::config::{Budget, Period, Watched};
use crate::schedule::Schedule;

/// After this many years, each date falls on the same weekday again. So a forecast over so many is
/// the same on any day, and a whole number of weeks, months and days.
const CYCLE_YEARS: i64 = 28;
const CYCLE_DAYS: i64 = CYCLE_YEARS * 365 + CYCLE_YEARS / 4;

/// Estimates how many refreshes these accounts need in a month, without baselines and retries.
pub fn per_month(accounts: &[Watched], now: Time) -> f64 {
    average(accounts, now, CYCLE_YEARS * 12)
}

/// Estimates how many refreshes these accounts need in a period of `budget`.
pub fn per_period(accounts: &[Watched], budget: &Budget, now: Time) -> f64 {
    match budget.per {
        Period::Day => average(accounts, now, CYCLE_DAYS),
        Period::Week => average(accounts, now, CYCLE_DAYS / 7),
        Period::Month => per_month(accounts, now),
    }
}

/// Estimates how many refreshes these accounts need in one of `periods` that make a cycle.
#[expect(clippy::cast_precision_loss, reason = "counts of refreshes, shown rounded")]
fn average(accounts: &[Watched], now: Time, periods: i64) -> f64 {
    let mut users: HashMap<(&str, &str), u64> = HashMap::new();
    for account in accounts.iter().filter(|account| account.enabled) {
        *users.entry((&account.cron, &account.timezone)).or_default() += 1;
    }
    let mut days = HashMap::new();
    // Not a `Sum`, since that of an empty iterator is -0.
    let mut in_cycle = 0.0;
    for ((cron, zone), accounts) in users {
        let Ok(schedule) = Schedule::parse(cron, zone, now) else { continue };
        // Counting them takes longest, and most schedules of a long list have the same days.
        let days =
            days.entry(day_fields(cron)).or_insert_with(|| schedule.days_among(now, CYCLE_DAYS));
        in_cycle += (schedule.times_a_day() * *days) as f64 * accounts as f64;
    }
    in_cycle / periods as f64
}

/// Returns the fields that determine on which days a pattern matches: the last three, or a nickname.
fn day_fields(cron: &str) -> Vec<&str> {
    cron.split_whitespace().rev().take(3).collect()
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
            ("0 6 * * MON", 4.348),
            ("0 6 * * *", 30.44),
            ("0 6 1 * *", 1.0),
            ("* * * * *", 43_830.0),
            ("*/10 9-17 * * MON", 234.8),
            ("*/30 * 24 12 *", 4.0),
        ] {
            let accounts = [account("a", cron, true), account("b", cron, false)];
            let forecast = per_month(&accounts, now);
            assert!((forecast / month - 1.0).abs() < 0.002, "{cron}: {forecast}");
        }
        assert_eq!(format!("{:.0}", per_month(&[], now)), "0");
    }

    #[test]
    fn a_forecast_is_the_same_on_any_day() {
        let of = |cron: &str, day: i64| {
            let now = Time(1_767_225_600 + day * 24 * 3600);
            per_month(&[Watched::example("a", cron)], now).to_bits()
        };
        for cron in ["0 6 * * MON", "0 6 29 2 *", "0 6 1,31 * FRI", "0 6 * * MONL"] {
            for day in [0, 1, 2, 3, 4, 5, 6, 59, 400, 4000] {
                assert_eq!(of(cron, day), of(cron, 0), "{cron} {day}");
            }
        }
    }

    #[test]
    fn a_budget_that_is_just_enough_is_not_exceeded() {
        // Whatever the weekday or month of the check.
        for day in 0..40 {
            let now = Time(1_767_225_600 + day * 24 * 3600);
            for (cron, per) in [
                ("0 6 * * MON", Period::Week),
                ("0 6 1 * *", Period::Month),
                ("@daily", Period::Day),
            ] {
                let accounts = ["a", "b", "c"].map(|id| Watched::example(id, cron));
                let budget = Budget { refreshes: 3, per, manual: None };
                let forecast = per_period(&accounts, &budget, now);
                assert!((forecast - 3.0).abs() < f64::EPSILON, "{cron} {now}: {forecast}");
            }
        }
    }
}
