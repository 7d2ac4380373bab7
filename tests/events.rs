//! Which period an event belongs to: the one that contains the instant halfway between the
//! measurement before it and its own, or three and a half days before its own if that is later.

use growthd::clock::Time;
use growthd::selection::Selection;
use growthd::store::{EventPeriod, ReadTx, Reader};
use serde_json::Value;

use crate::past::{DAY, Field, HOUR, Past, START};

fn at(utc: &str) -> i64 {
    utc.parse::<Time>().expect("an instant").0
}

/// Returns an account that passes 1,000 between two measurements.
fn measured(before: &str, passed: &str) -> Past {
    let past = Past::new();
    let account = past.account("clx1", Some("Guru"), None);
    past.snapshot(account, at(before), Field::followers(900));
    past.snapshot(account, at(passed), Field::followers(1100));
    past
}

fn milestones(past: &Past, period: &[&str]) -> usize {
    let output = past.output(&[&["digest", "--format", "json"], period].concat());
    let digest: Value = serde_json::from_str(&output).expect("JSON");
    digest["milestones"].as_array().expect("an array").len()
}

#[test]
fn a_milestone_is_in_the_digest_that_follows_its_measurement() {
    for (before, passed, option, periods, its) in [
        // Each Monday, on time; a week late; after two months.
        ("2026-01-05", "2026-01-12", "--week", ["2026-W02", "2026-W03", "2026-W04"], "2026-W02"),
        ("2026-01-05", "2026-01-19", "--week", ["2026-W02", "2026-W03", "2026-W04"], "2026-W03"),
        ("2026-01-05", "2026-03-09", "--week", ["2026-W09", "2026-W10", "2026-W11"], "2026-W10"),
        // Each day: the middle of the night before belongs to the day before.
        ("2026-02-01", "2026-02-02", "--week", ["2026-W05", "2026-W06", "2026-W07"], "2026-W05"),
        // Months, with one missed.
        ("2026-01-30", "2026-03-30", "--month", ["2026-01", "2026-02", "2026-03"], "2026-03"),
        ("2026-01-01", "2026-03-01", "--month", ["2026-01", "2026-02", "2026-03"], "2026-02"),
        ("2026-01-26", "2026-03-02", "--month", ["2026-01", "2026-02", "2026-03"], "2026-02"),
    ] {
        let past = measured(&format!("{before}T06:00:00Z"), &format!("{passed}T06:00:00Z"));
        for period in periods {
            let shown = milestones(&past, &[option, period]);
            assert_eq!(shown, usize::from(period == its), "{before} {passed} {period}");
        }
    }
}

/// An account with every kind of event, measured at very unequal distances.
fn irregular() -> Past {
    let past = Past::new();
    let account = past.account("clx1", Some("Guru"), None);
    let gaps = [7, 7, 1, 1, 2, 7, 14, 59, 3, 1, 31, 7, 7, 28, 90, 1, 5, 7, 7, 30, 1];
    let (mut time, mut followers) = (START, 0);
    past.snapshot(account, time, Field::suspect(0));
    for (n, gap) in gaps.iter().enumerate() {
        time += gap * DAY + i64::try_from(n % 5).expect("small") * 5 * HOUR;
        followers += if n % 4 == 3 { 9_000 } else { 150 };
        let field = match n % 7 {
            3 => Field { likes: Some(followers * 3), ..Field::default() },
            5 => Field::suspect(0),
            _ => Field { likes: Some(followers * 3), ..Field::followers(followers) },
        };
        let refresh = past.snapshot(account, time, field);
        past.run(&format!(
            "INSERT INTO _profile_change VALUES ({account}, {refresh}, {time}, 'bio', '{n}', 'x')"
        ));
    }
    // The clock was set back by two days.
    let followers = Field::followers(2 * followers);
    past.snapshot(account, time - 2 * DAY, followers);
    past
}

fn events(tx: &ReadTx<'_>, period: Option<EventPeriod>) -> Vec<String> {
    let all = Selection::default();
    let milestones = tx.milestones(&all, period).expect("milestones");
    let unusual = tx.unusual(&all, period).expect("unusual steps");
    let changes = tx.profile_changes(&all, period).expect("changes");
    let mut events: Vec<String> = milestones.iter().map(|event| format!("{event:?}")).collect();
    events.extend(unusual.iter().map(|event| format!("{event:?}")));
    events.extend(changes.iter().map(|event| format!("{event:?}")));
    events.sort();
    events
}

#[test]
fn of_days_weeks_and_months_an_event_is_in_exactly_one() {
    let past = irregular();
    let bounds = |table: &str| -> Vec<i64> {
        let near = format!("from_time BETWEEN {} AND {}", START - 40 * DAY, START + 600 * DAY);
        let rows = past.query(&format!("SELECT from_time FROM {table} WHERE {near} ORDER BY 1"));
        rows.iter().map(|row| row.parse().expect("a time")).collect()
    };
    let days = (-20..500).map(|day| START - 6 * HOUR + day * DAY).collect();
    let mut reader = Reader::open(&past.path()).expect("a reader");
    let tx = reader.begin_read().expect("a transaction");
    let all = events(&tx, None);
    for kind in ["Milestone", "Unusual", "ProfileChange"] {
        assert!(all.iter().filter(|event| event.starts_with(kind)).count() > 2, "{kind}: {all:?}");
    }
    for bounds in [days, bounds("_week"), bounds("_month")] {
        let mut found: Vec<String> = bounds
            .windows(2)
            .flat_map(|ends| {
                let period = EventPeriod { from: Time(ends[0]), until: Time(ends[1]) };
                events(&tx, Some(period))
            })
            .collect();
        found.sort();
        assert_eq!(found, all);
    }
}

/// Whoever asks for a period's events gets the same ones: from the digest, an export, or the view.
#[test]
fn a_digest_an_export_and_a_view_have_the_same_events() {
    let past = irregular();
    let mut seen = [0; 2];
    for month in 1..11 {
        let named = format!("2026-{month:02}");
        let output = past.output(&["digest", "--format", "json", "--month", &named]);
        let digest: Value = serde_json::from_str(&output).expect("JSON");
        for (view, seen) in ["milestones", "unusual"].into_iter().zip(&mut seen) {
            let times = |events: Vec<Value>| {
                let mut times: Vec<i64> =
                    events.iter().map(|event| event["time"].as_i64().expect("a time")).collect();
                times.sort_unstable();
                times
            };
            let told = times(digest[view].as_array().expect("an array").clone());
            let rows =
                past.output(&["export", "--view", view, "--format", "jsonl", "--month", &named]);
            let rows = rows.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
            assert_eq!(told, times(rows), "{named}");
            let viewed = past.query(&format!(
                "SELECT time FROM {view} WHERE substr(dated_utc, 1, 7) = '{named}' ORDER BY time"
            ));
            let expected: Vec<String> = told.iter().map(i64::to_string).collect();
            assert_eq!(expected, viewed, "{named}");
            *seen += told.len();
        }
    }
    assert!(seen.iter().all(|count| *count > 2), "{seen:?}");
}

/// People read the largest of the milestones that one step passed; programs get each.
#[test]
fn a_step_over_several_milestones_is_told_once_and_listed_whole() {
    let past = Past::new();
    let account = past.account("clx1", Some("Guru"), None);
    past.snapshot(account, at("2026-01-05T06:00:00Z"), Field::followers(1120));
    past.snapshot(account, at("2026-01-12T06:00:00Z"), Field::followers(5017));
    assert_eq!(milestones(&past, &["--week", "2026-W02"]), 2);
    let text = past.output(&["digest", "--week", "2026-W02"]);
    assert!(text.contains("Guru: 5,000 followers") && !text.contains("2,000"), "{text}");
    let page = past.output(&["report", "--output", "-"]);
    assert!(page.contains("5,000 followers") && !page.contains("2,000 followers"));
}

#[test]
fn a_changed_profile_is_dated_by_the_response_before_even_if_that_was_suspect() {
    let past = Past::new();
    let account = past.account("clx1", Some("Guru"), None);
    past.snapshot(account, at("2026-01-05T06:00:00Z"), Field::suspect(0));
    let refresh = past.snapshot(account, at("2026-01-12T06:00:00Z"), Field::followers(900));
    past.run(&format!(
        "INSERT INTO _profile_change
         VALUES ({account}, {refresh}, {}, 'bio', 'one', 'two')",
        at("2026-01-12T06:00:00Z")
    ));
    for (week, shown) in [("2026-W02", true), ("2026-W03", false)] {
        let output = past.output(&["digest", "--week", week]);
        assert_eq!(output.contains("has a new bio"), shown, "{week}: {output}");
    }
}
