//! A year of the real engine in virtual time: the numbers about a period do not depend on the day
//! of the week of the query.

use growthd::clock::Time;
use growthd::engine::Holds;
use growthd::period::{Moment, Period, PeriodOptions, Week};
use growthd::report::digest::{Digest, Text};
use growthd::selection::Selection;
use growthd::store::{ReadTx, Reader};

use crate::past::{DAY, HOUR, Past, START, WEEK};

#[allow(clippy::unwrap_used, clippy::pedantic, dead_code, reason = "shared with the benchmarks")]
#[path = "../../benches/harness/year.rs"]
pub mod harness;

const ACCOUNTS: u64 = 9;

/// Returns all numbers about these periods at `now`.
fn results(tx: &ReadTx<'_>, past: &Past, now: Time) -> Vec<String> {
    let all = Selection::default();
    let wanted = |month: Option<&str>, week: Option<Week>, back: Option<i64>| {
        let month = month.map(|month| month.parse().expect("a month"));
        let wanted = PeriodOptions { month, week, since: back.map(Moment::Back), until: None };
        wanted.period(now).expect("valid").expect("one")
    };
    let last_week = wanted(None, Week::last_over(now), None);
    let periods =
        [wanted(Some("2026-11"), None, None), last_week, wanted(None, None, Some(30 * DAY))];
    let mut results: Vec<String> = periods
        .iter()
        .map(|period: &Period| format!("{:?}", tx.growth(&all, period).expect("growth")))
        .collect();
    for period in &periods[..2] {
        let holds = Holds::read(tx, None, now).expect("holds");
        let digest = Digest::read(tx, all.clone(), *period, holds, now).expect("a digest");
        results.push(Text::new(&digest, 72).to_string());
    }
    for question in [
        "SELECT * FROM weekly ORDER BY account_id, from_time",
        "SELECT * FROM tag_monthly ORDER BY tag, from_time",
        "SELECT account_id, followers, followers_gained_7d, likes_gained_90d FROM latest ORDER BY 1",
        "SELECT * FROM milestones ORDER BY refresh_id, count, milestone",
        "SELECT * FROM gaps",
    ] {
        results.push(past.query(question).join("\n"));
    }
    results
}

#[test]
fn a_week_says_the_same_of_its_past_on_every_day() {
    let mut year = None;
    let past = Past::made_by(|path| {
        year = Some(harness::Year::new(path, ACCOUNTS));
    });
    let mut year = year.expect("made");
    // Monday of the last week of 2026, after its refresh, to the end of its Sunday.
    let monday = START + 51 * WEEK;
    let mut first: Option<Vec<String>> = None;
    for after in [6 * HOUR, DAY + 3 * HOUR, 3 * DAY, 5 * DAY + 18 * HOUR - 1, 6 * DAY + 17 * HOUR] {
        year.until(monday + after);
        let mut reader = Reader::open(&past.path()).expect("the database");
        let tx = reader.begin_read().expect("a transaction");
        let results = results(&tx, &past, Time(monday + after));
        match &first {
            None => first = Some(results),
            Some(first) => assert_eq!(&results, first, "{after} s after Monday's refresh"),
        }
    }

    // Each account grows by the same step a week, so that a week, which lies six hours and some
    // seconds before two refreshes, has it too (but the first, whose baseline was an hour early);
    // and the weeks add up.
    let otherwise = past.query(
        "WITH step AS (SELECT account_id, max(followers_delta) AS step FROM growth GROUP BY 1)
         SELECT name, week, followers_delta, step FROM weekly JOIN step USING (account_id)
         WHERE from_time > 1768798800 AND abs(followers_delta - step) > 1 + step / 10000",
    );
    assert_eq!(otherwise, [""; 0]);
    let added = past.query(
        "SELECT account_id, sum(w.followers_delta) - (max(w.followers) - min(w.followers - w.followers_delta))
         FROM weekly w WHERE w.followers_delta IS NOT NULL GROUP BY 1",
    );
    assert!(added.len() == 9 && added.iter().all(|row| row.ends_with("|0")), "{added:?}");
}
