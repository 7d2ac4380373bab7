//! Runs the verbs at five moments of one week, on one database that the engine wrote: their numbers
//! about a period are the same. The history is two years with a leap day, in which accounts are
//! removed, added again and renamed, and some snapshots are not measured.

use std::process::Command;

use growthd::account::AccountId;
use growthd::clock::Time;

use crate::harness::{Ended, at};
use crate::past::{DAY, HOUR, Past, WEEK};
use crate::views::year::harness::{START, Year, documented, id, step};

const ACCOUNTS: u64 = 9;

/// An hour before Monday's refresh, in the week 2028-W10.
const MONDAY: i64 = START + 113 * WEEK;

/// Moments after that refresh, up to the last second of the week.
const ASKED: [i64; 5] =
    [2 * HOUR, DAY + 3 * HOUR, 2 * DAY + 18 * HOUR, 5 * DAY, 6 * DAY + 19 * HOUR - 1];

const TYPED: [&str; 25] = [
    "growth",
    "growth --since 7d",
    "growth --since 30d --csv",
    "growth --since 1y --json",
    "growth --week 2026-W53 --csv",
    "growth --week 2027-W01 --csv",
    "growth --week 2028-W09 --csv",
    "growth --month 2028-02",
    "growth --month 2028-02 --tag client-3 --tag client-4 --csv",
    "growth --since 2028-02-29 --until 2028-03-01 --csv",
    "digest",
    "digest --week 2027-W01",
    "digest --month 2028-02 --format json",
    "digest --month 2028-02 --format html",
    "history Renamed --since 90d",
    "history new_handle --month 2028-02 --csv",
    "export --view snapshots --since 2028-01",
    "export --view growth",
    "export --view weekly",
    "export --view monthly --format jsonl",
    "export --view tag_weekly",
    "export --view tag_monthly",
    "export --view milestones",
    "export --view unusual",
    "report --output -",
];

/// Returns documented responses, some of which, in different weeks, are not measured.
fn answer(account: &AccountId, now: i64) -> String {
    let week = (now - START) / WEEK;
    let place = (0..ACCOUNTS).find(|&n| id(n) == *account).expect("an account of the list");
    match (place, week) {
        (4, 70..) => with(&documented(account, now), "username", "\"new_handle\""),
        (5, 50 | 112) => with(&documented(account, now), "followers", "null"),
        (6, 60..=62 | 111) => with(&documented(account, now), "followers", "0"),
        // A cached response, repeated in the next week.
        (7, 80 | 110) => documented(account, START + week * WEEK + HOUR),
        (7, 81 | 111) => documented(account, START + (week - 1) * WEEK + HOUR),
        _ => documented(account, now),
    }
}

/// Returns the response with another value for the first field of this name.
fn with(answer: &str, name: &str, value: &str) -> String {
    let (before, rest) = answer.split_once(&format!("\"{name}\":")).expect(name);
    let end = rest.find([',', '}']).expect("an end");
    format!("{before}\"{name}\":{value}{}", &rest[end..])
}

fn two_years() -> Past {
    Past::made_by(|path| {
        let mut year = Year::new(path, ACCOUNTS);
        year.answer = answer;
        year.until(START + 20 * WEEK + DAY);
        year.edit(|list| list[1].enabled = false);
        let away = year.edit(|list| list.remove(2));
        year.until(START + 40 * WEEK + DAY);
        year.edit(|list| list[1].enabled = true);
        year.edit(|list| list.insert(2, away));
        year.edit(|list| list[3].label = Some("Renamed".to_owned()));
        year.until(START + 90 * WEEK);
        year.edit(|list| drop(list.remove(8)));
        year.until(MONDAY + 2 * HOUR);
    })
}

/// Returns the output of growthd at `now`; `None` without faketime.
fn output(past: &Past, now: Time, typed: &str) -> Option<String> {
    let mut growthd = Command::new(env!("CARGO_BIN_EXE_growthd"));
    growthd.args(typed.split(' ')).current_dir(past.folder());
    let ended = Ended::of(at(now, &growthd)?).with_code(0);
    assert_eq!(ended.err, "", "{typed}");
    Some(if typed.starts_with("report") { numbers(&ended.out) } else { ended.out })
}

/// Returns the numbers of a page: the sort keys of its cells, and the data of its charts and
/// totals.
fn numbers(page: &str) -> String {
    let cells = page.split(" data-v=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let (_, data) = page.split_once("id=\"data\">{\"now\":").expect("the numbers");
    let (_, data) = data.split_once(',').expect("more than the time");
    cells.chain([data]).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_verbs_report_a_period_alike_on_every_day_of_a_week() {
    let past = two_years();
    let mut first: Option<Vec<String>> = None;
    for after in ASKED {
        let now = Time(MONDAY + after);
        let Some(output) = TYPED.iter().map(|typed| output(&past, now, typed)).collect() else {
            return;
        };
        let first = first.get_or_insert_with(|| Vec::clone(&output));
        for ((typed, output), first) in TYPED.iter().zip(&output).zip(first) {
            assert_eq!(output, first, "growthd {typed}, at {now}");
        }
    }
}

#[test]
fn a_period_has_its_share_of_the_steps_despite_failures_and_removed_accounts() {
    let past = two_years();
    let now = Time(MONDAY + 3 * DAY);
    for (typed, days, accounts) in [
        ("growth --csv --week 2026-W53", 7, 9),
        ("growth --csv --week 2027-W01", 7, 9),
        // The account that was removed was not measured at the end of this month.
        ("growth --csv --month 2027-09", 30, 8),
        ("growth --csv --month 2028-02", 29, 8),
        ("growth --csv --since 2028-02-29 --until 2028-03-01", 1, 8),
        ("growth --csv --since 7d", 7, 8),
        ("growth --csv --since 30d", 30, 8),
        ("growth --csv --since 1y", 365, 8),
    ] {
        let Some(output) = output(&past, now, typed) else { return };
        assert_eq!(output.lines().count(), 1 + accounts, "{typed}: {output}");
        for line in output.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            let gained: i64 = cells[7].parse().expect("a gain");
            let step = step(&cells[0].parse().expect("an id")).cast_signed();
            // Responses arrive at slightly different times after six o'clock.
            let (share, slack) = (step * days / 7, 2 + step / 5000);
            assert!((gained - share).abs() <= slack, "{typed}: {share} in {line}");
        }
    }
    // A part of a month is not compared with the whole one before.
    for (typed, unfinished, before) in [
        ("growth --month 2028-03", "It is not over before 2028-04-01", "BEFORE"),
        ("digest --month 2028-03", "It is not over before 2028-04-01", "in the period"),
    ] {
        let Some(output) = output(&past, now, typed) else { return };
        assert!(output.contains(unfinished) && !output.contains(before), "{output}");
        // Three gained nothing, which is not growth.
        assert!(!output.contains("+0.00%"), "{output}");
        let Some(whole) = self::output(&past, now, &typed.replace("03", "02")) else { return };
        assert!(!whole.contains("not over") && whole.contains(before), "{whole}");
    }
    // An account that was removed later counts in earlier totals, in the verbs as in the views.
    let typed = "digest --month 2026-12 --tag client-8 --format json";
    let Some(output) = output(&past, now, typed) else { return };
    let total = "\"total\":{\"accounts\":1,\"followers\":622000,\"followers_gained\":0,";
    assert!(output.contains(total), "{output}");
    let sql = "SELECT accounts, followers, followers_delta FROM tag_monthly
               WHERE month = '2026-12' AND tag = 'client-8'";
    assert_eq!(past.query(sql), ["1|622000|0"]);
}
