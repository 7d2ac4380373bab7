//! Compares the views, on random histories, with a reference that follows the contract's sentences
//! and calculates from the raw snapshots in whole numbers.

use growthd::clock::Time;
use growthd::period::{Period, PeriodOptions};
use growthd::selection::Selection;
use growthd::store::Reader;
use proptest::prelude::*;

use crate::past::{DAY, HOUR, Past, START, WEEK};

/// A response as it was received.
#[derive(Clone, Debug)]
struct Answer {
    /// Seconds after the one before it; clocks step back, and two responses may share a second.
    after: i64,
    followers: Option<i64>,
    likes: Option<i64>,
    videos: Option<i64>,
    /// Whether it repeats the one before it.
    is_cached: bool,
    is_clock_off: bool,
}

fn answer() -> impl Strategy<Value = Answer> {
    let after = prop_oneof![
        8 => 5 * DAY..9 * DAY,
        4 => 0..2 * DAY,
        2 => 14 * DAY..60 * DAY,
        1 => -HOUR..0_i64,
        1 => Just(0_i64),
        2 => Just(WEEK),
    ];
    let count = || {
        prop_oneof![
            6 => (1..30_000_i64).prop_map(Some),
            2 => Just(None),
            2 => Just(Some(0)),
        ]
    };
    let rare = |weight| prop::bool::weighted(weight);
    (after, count(), count(), count(), rare(0.1), rare(0.05)).prop_map(
        |(after, followers, likes, videos, is_cached, is_clock_off)| Answer {
            after,
            followers,
            likes,
            videos,
            is_cached,
            is_clock_off,
        },
    )
}

/// A snapshot with the reference's judgement: its values, which of them are measured, and why not.
struct Judged {
    time: i64,
    reported: [Option<i64>; 3],
    measured: [Option<i64>; 3],
    suspect: i64,
}

impl Judged {
    fn is_measured(&self) -> bool {
        self.measured.iter().any(Option::is_some)
    }
}

/// From the section "What the numbers mean": *Measured, count by count*.
fn judge(answers: &[Answer]) -> Vec<Judged> {
    let mut judged: Vec<Judged> = Vec::new();
    let mut time = START - 3 * DAY;
    for answer in answers {
        time += answer.after;
        let mut reported = [answer.followers, answer.likes, answer.videos];
        let is_cached = answer.is_cached && !judged.is_empty();
        if let Some(last) = judged.last().filter(|_| is_cached) {
            reported = last.reported;
        }
        // "0 after they were not", and "until they are not 0 again": a 0 that is suspect itself does not
        // end the search for what they were.
        let last = |count: usize| {
            judged.iter().rev().find_map(|judged| {
                judged.measured[count].or(judged.reported[count].filter(|n| *n != 0))
            })
        };
        let fell = |count: usize| reported[count] == Some(0) && last(count).is_some_and(|n| n != 0);
        let mut suspect = 0;
        for (bit, applies) in [(1, fell(1)), (2, fell(0)), (4, is_cached), (8, answer.is_clock_off)]
        {
            suspect += if applies { bit } else { 0 };
        }
        let mut measured = reported;
        if suspect >= 2 {
            measured = [None; 3];
        } else if suspect == 1 {
            measured[1] = None;
        }
        judged.push(Judged { time, reported, measured, suspect });
    }
    judged
}

/// *A value at an instant*: interpolated between the last measured one at or before it and the
/// next.
fn value_at(history: &[Judged], count: usize, at: i64) -> Option<i64> {
    let measured = history.iter().filter_map(|judged| Some((judged.time, judged.measured[count]?)));
    let measured: Vec<(i64, i64)> = measured.collect();
    let Some(before) = measured.iter().rposition(|(time, _)| *time <= at) else {
        let (first, value) = *measured.first()?;
        return (first - at <= 12 * HOUR).then_some(value);
    };
    let (time, value) = measured[before];
    if time == at {
        return Some(value);
    }
    let (next_time, next) = *measured.get(before + 1)?;
    let (rise, part, whole) = (i128::from(next - value), at - time, next_time - time);
    let (amount, by) = (rise * i128::from(part), i128::from(whole));
    // Rounded to the nearest, with halves away from 0.
    let rounded = (2 * amount + by * amount.signum()) / (2 * by);
    Some(value + i64::try_from(rounded).expect("small"))
}

fn newest(history: &[Judged], count: usize) -> Option<(i64, i64)> {
    history.iter().rev().find_map(|judged| Some((judged.time, judged.measured[count]?)))
}

fn cell(value: Option<i64>) -> String {
    value.map_or("NULL".to_owned(), |value| value.to_string())
}

fn minus(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    Some(a? - b?)
}

/// Returns the reference's rows of a view of periods, given their bounds.
fn periods(history: &[Judged], bounds: &[(i64, i64)]) -> Vec<String> {
    let measured = || history.iter().filter(|judged| judged.is_measured());
    let Some(last) = measured().next_back().map(|judged| judged.time) else { return Vec::new() };
    // After a clock that went back, the first measurement is not the earliest, and the newest one of a
    // count may be later than that of all.
    let first = measured().map(|judged| judged.time).fold(last, i64::min);
    let newest = (0..3).filter_map(|count| newest(history, count));
    let last = newest.map(|(time, _)| time).fold(last, i64::max);
    let rows = bounds.iter().filter(|(from, to)| {
        *to > first && *to <= last && *from >= first - 31 * DAY && *from <= last
    });
    rows.map(|&(from, to)| {
        let values = (0..3).map(|count| {
            let end = value_at(history, count, to);
            let delta = minus(end, value_at(history, count, from));
            format!("|{}|{}", cell(end), cell(delta))
        });
        format!("{from}{}", values.collect::<String>())
    })
    .collect()
}

/// Creates a database with one account for each history, tagged alternately.
fn past(histories: &[Vec<Judged>]) -> Past {
    let past = Past::new();
    for (place, history) in histories.iter().enumerate() {
        let account = past.account(&format!("clx{place}"), None, None);
        let tag = if place % 2 == 0 { "even" } else { "odd" };
        past.run(&format!("UPDATE _account SET tags = '[\"{tag}\"]' WHERE account = {account}"));
        for judged in history {
            let [followers, likes, videos] = judged.reported.map(cell);
            past.run(&format!(
                "INSERT INTO _refresh (account, cause, outcome, spent, started_time, took)
                 VALUES ({account}, 4, 1, 1, {time}, 0);
                 INSERT INTO _snapshot VALUES ({account}, last_insert_rowid(), {time}, {followers},
                   NULL, {videos}, {likes}, NULL, NULL, NULL, NULL, {suspect}, NULL);",
                time = judged.time,
                suspect = judged.suspect,
            ));
        }
    }
    past
}

fn bounds(past: &Past, table: &str) -> Vec<(i64, i64)> {
    let rows = past.query_bundled(&format!("SELECT from_time, to_time FROM {table} ORDER BY 1"));
    let bound = |row: &String| {
        let (from, to) = row.split_once('|').expect("two");
        (from.parse().expect("a time"), to.parse().expect("a time"))
    };
    rows.iter().map(bound).collect()
}

const VALUES: &str =
    "from_time, followers, followers_delta, likes, likes_delta, videos, videos_delta";

fn sum(rows: &[String], column: usize) -> Option<i64> {
    let cells = rows.iter().filter_map(|row| row.split('|').nth(column)?.parse::<i64>().ok());
    cells.reduce(|a, b| a + b)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn the_views_say_what_the_contract_says(
        answers in prop::collection::vec(prop::collection::vec(answer(), 0..24), 1..4),
        month in 1..9_u32,
    ) {
        let histories: Vec<Vec<Judged>> = answers.iter().map(|answers| judge(answers)).collect();
        let past = past(&histories);
        let (weeks, months) = (bounds(&past, "_week"), bounds(&past, "_month"));
        let mut reader = Reader::open(&past.path()).expect("the database");
        let tx = reader.begin_read().expect("a transaction");
        let wanted = PeriodOptions {
            month: Some(format!("2026-{month:02}").parse().expect("a month")),
            ..PeriodOptions::default()
        };
        let now = Time(4_000_000_000);
        let whole = wanted.period(now).expect("valid").expect("one");
        let all = Selection::default();
        let by_month = tx.growth(&all, &whole).expect("growth");
        let by_days = tx.growth(&all, &Period::last_days(30)).expect("growth");

        for (place, history) in histories.iter().enumerate() {
            let id = format!("clx{place}");
            for (view, bounds) in [("weekly", &weeks), ("monthly", &months)] {
                let sql = format!(
                    "SELECT {VALUES} FROM {view} WHERE account_id = '{id}' ORDER BY from_time"
                );
                let found = past.query(&sql);
                prop_assert_eq!(&found, &periods(history, bounds), "{} of {}", view, id);
                // Periods are consecutive, so that the deltas add up.
                let known: Vec<String> =
                    found.into_iter().filter(|row| row.split('|').nth(2) != Some("NULL")).collect();
                if let (Some(first), Some(last)) = (known.first(), known.last()) {
                    let cell = |row: &String, column| -> i64 {
                        row.split('|').nth(column).expect("a cell").parse().expect("a count")
                    };
                    let growth = cell(last, 1) - (cell(first, 1) - cell(first, 2));
                    prop_assert_eq!(sum(&known, 2), Some(growth));
                }
            }
            let gained = |count: usize, days: i64| {
                let (time, value) = newest(history, count)?;
                Some(value - value_at(history, count, time - days * DAY)?)
            };
            let mut expected = vec![cell(newest(history, 0).map(|(_, value)| value))];
            for count in 0..3 {
                expected.extend([7, 30, 90].map(|days| cell(gained(count, days))));
            }
            let found = past.query(&format!(
                "SELECT followers, followers_gained_7d, followers_gained_30d, followers_gained_90d,
                        likes_gained_7d, likes_gained_30d, likes_gained_90d,
                        videos_gained_7d, videos_gained_30d, videos_gained_90d
                 FROM latest WHERE account_id = '{id}'"
            ));
            let expected = if history.is_empty() { Vec::new() } else { vec![expected.join("|")] };
            prop_assert_eq!(found, expected);

            // The verb agrees with the views.
            let of = |list: &[growthd::store::AccountGrowth]| {
                list.iter().find(|growth| growth.id == id).expect("listed").gained
            };
            prop_assert_eq!(of(&by_days), gained(0, 30));
            let (from, to) = months[26 * 12 + usize::try_from(month).expect("small") - 1];
            let expected = minus(value_at(history, 0, to), value_at(history, 0, from));
            prop_assert_eq!(of(&by_month), expected);
        }

        // Like for like: the sum over a tag's accounts that are known at both ends.
        for (view, period) in [("weekly", "week"), ("monthly", "month")] {
            let summed = past.query(&format!(
                "SELECT t.tag, w.{period}, count(w.followers_delta),
                        sum(iif(w.followers_delta IS NULL, NULL, w.followers)), sum(w.followers_delta),
                        sum(w.likes_delta)
                 FROM {view} w JOIN account_tags t USING (account_id) GROUP BY 1, 2 ORDER BY 1, 2"
            ));
            let total = past.query(&format!(
                "SELECT tag, {period}, accounts, followers, followers_delta, likes_delta
                 FROM tag_{view} ORDER BY 1, 2"
            ));
            prop_assert_eq!(total, summed);
        }
    }
}
