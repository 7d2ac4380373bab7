//! The view `weekly`: an account and ISO week, its last snapshot of the week.

use crate::past::{DAY, Field, HOUR, Past, START, WEEK};

const WEEKS: &str = "SELECT week, time_utc, gap_weeks, followers, followers_delta
    FROM weekly WHERE account_id = 'clx1' ORDER BY refresh_id";

#[test]
fn the_columns_are_those_of_the_contract() {
    let past = Past::new();
    let columns = past.ask("SELECT name FROM pragma_table_info('weekly')").join(" ");
    assert_eq!(
        columns,
        "account_id label username week time time_utc gap_weeks followers followers_delta \
         likes likes_delta videos videos_delta is_suspect refresh_id"
    );
}

#[test]
fn the_week_is_the_iso_week_of_the_utc_day() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    // The calendar's own answers: ISO 8601 weeks around the turns of the years 2020 to 2027.
    let weeks = [
        ("2020-12-31T12:00:00Z", "2020-W53"),
        ("2021-01-10T23:59:59Z", "2021-W01"),
        ("2021-12-31T12:00:00Z", "2021-W52"),
        ("2023-01-01T00:00:00Z", "2022-W52"),
        ("2023-01-02T00:00:00Z", "2023-W01"),
        ("2024-12-29T23:59:59Z", "2024-W52"),
        ("2024-12-30T00:00:00Z", "2025-W01"),
        ("2025-12-29T00:00:00Z", "2026-W01"),
        ("2026-02-28T12:00:00Z", "2026-W09"),
        ("2027-01-03T12:00:00Z", "2026-W53"),
    ];
    for (at, _) in weeks {
        let time = past.ask(&format!("SELECT CAST(strftime('%s', '{at}') AS INTEGER)"));
        past.snapshot(account, time[0].parse().expect("seconds"), Field::followers(1));
    }
    let expected: Vec<_> = weeks.iter().map(|(at, week)| format!("{week}|{at}")).collect();
    assert_eq!(past.ask("SELECT week, time_utc FROM weekly ORDER BY refresh_id"), expected);
}

#[test]
fn the_last_snapshot_of_a_week_stands_for_it_against_the_weeks_before() {
    let past = Past::new();
    // Monday, Wednesday and Sunday 23:59:59 of W02; Monday of W03; Tuesday of W06.
    let account = past.account("clx1", None, None);
    for (time, followers) in [
        (START, 1000),
        (START + 2 * DAY, 1010),
        (START + 6 * DAY + 18 * HOUR - 1, 1030),
        (START + 6 * DAY + 18 * HOUR, 1031),
        (START + 4 * WEEK + DAY, 1131),
    ] {
        past.snapshot(account, time, Field::followers(followers));
    }
    assert_eq!(
        past.ask(WEEKS),
        [
            "2026-W02|2026-01-11T23:59:59Z|NULL|1030|NULL",
            "2026-W03|2026-01-12T00:00:00Z|1|1031|1",
            "2026-W06|2026-02-03T06:00:00Z|3|1131|100",
        ]
    );
}

#[test]
fn a_suspect_snapshot_stands_for_a_week_only_where_there_is_no_other() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    past.snapshot(account, START, Field::followers(1000));
    past.snapshot(account, START + DAY, Field::suspect(0));
    past.snapshot(account, START + WEEK, Field::suspect(0));
    past.snapshot(account, START + WEEK + DAY, Field::suspect(1));
    past.snapshot(account, START + 2 * WEEK, Field::suspect(0));
    past.snapshot(account, START + 2 * WEEK + DAY, Field::followers(1050));
    assert_eq!(
        past.ask("SELECT week, followers, followers_delta, is_suspect, gap_weeks FROM weekly ORDER BY refresh_id"),
        ["2026-W02|1000|NULL|0|NULL", "2026-W03|1|NULL|1|1", "2026-W04|1050|50|0|2"]
    );
}

#[test]
fn a_missing_value_loses_nothing() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    past.snapshot(account, START, Field::followers(1000));
    past.snapshot(account, START + DAY, Field::default());
    past.snapshot(account, START + WEEK, Field::followers(1100));
    assert_eq!(
        past.ask("SELECT week, followers, followers_delta FROM weekly ORDER BY refresh_id"),
        // The last of W02 did not say; what Monday had said counts all the same.
        ["2026-W02|NULL|NULL", "2026-W03|1100|100"]
    );
}

#[test]
fn a_clock_set_back_over_midnight_leaves_one_row_a_week() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    let monday = START + WEEK - 6 * HOUR;
    for (time, followers) in
        [(START, 1), (monday + 60, 2), (monday - 600, 3), (monday + 3 * HOUR, 4)]
    {
        past.snapshot(account, time, Field::followers(followers));
    }
    assert_eq!(
        past.ask("SELECT week, followers FROM weekly ORDER BY refresh_id"),
        ["2026-W02|3", "2026-W03|4"]
    );
}
