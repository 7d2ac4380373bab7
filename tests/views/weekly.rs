//! The views `weekly` and `monthly`: an account and a week or month that is over, and its values
//! at both ends.

use crate::past::{DAY, Field, HOUR, Past, START, WEEK};

const WEEKS: &str = "SELECT week, followers, followers_delta, is_measured
    FROM weekly WHERE account_id = 'clx1' ORDER BY from_time";

/// 06:00 on a Monday is six hours into the week.
const MONDAY: i64 = START - 6 * HOUR;

#[test]
fn the_columns_are_those_of_the_contract() {
    let past = Past::new();
    for (view, period) in [("weekly", "week"), ("monthly", "month")] {
        let columns =
            past.query(&format!("SELECT name FROM pragma_table_info('{view}')")).join(" ");
        assert_eq!(
            columns,
            format!(
                "account_id name label username platform {period} from_time from_utc to_time to_utc \
                 followers followers_delta likes likes_delta videos videos_delta is_measured"
            )
        );
    }
}

#[test]
fn the_calendar_is_that_of_iso_8601() {
    let past = Past::new();
    for (at, week) in [
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
    ] {
        let found = past.query(&format!(
            "SELECT week, strftime('%w', from_time, 'unixepoch') FROM _week
             WHERE from_time <= CAST(strftime('%s', '{at}') AS INTEGER)
               AND to_time > CAST(strftime('%s', '{at}') AS INTEGER)"
        ));
        assert_eq!(found, [format!("{week}|1")], "{at}");
    }
    assert_eq!(
        past.query("SELECT min(from_utc), max(to_utc), count(*), count(DISTINCT week) FROM _week"),
        ["2000-01-03T00:00:00Z|2100-01-04T00:00:00Z|5218|5218"]
    );
    assert_eq!(
        past.query(
            "SELECT min(from_utc), max(to_utc), count(*), count(DISTINCT month) FROM _month"
        ),
        ["2000-01-01T00:00:00Z|2100-01-01T00:00:00Z|1200|1200"]
    );
    assert_eq!(
        past.query("SELECT month, to_time - from_time FROM _month WHERE month LIKE '2028-0_'")[..2],
        ["2028-01|2678400", "2028-02|2505600"]
    );
}

#[test]
fn a_week_is_interpolated_at_both_ends_whatever_day_it_was_measured_on() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    // 70 a week, and so 10 a day, from 1000 at midnight of a Wednesday.
    for week in 0..4 {
        let time = MONDAY + 2 * DAY + week * WEEK;
        past.snapshot(account, time, Field::followers(1000 + 70 * week));
    }
    assert_eq!(
        past.query(WEEKS),
        ["2026-W02|1050|NULL|1", "2026-W03|1120|70|1", "2026-W04|1190|70|1"]
    );
}

#[test]
fn a_week_without_a_measurement_has_its_share() {
    let past = Past::new();
    // Weekly at the very beginning of a week, the third and the fourth missing.
    let account = past.account("clx1", None, None);
    for (week, followers) in [(0, 1000), (1, 1100), (4, 1400)] {
        past.snapshot(account, MONDAY + week * WEEK, Field::followers(followers));
    }
    assert_eq!(
        past.query(WEEKS),
        [
            "2026-W02|1100|100|1",
            "2026-W03|1200|100|1",
            "2026-W04|1300|100|0",
            "2026-W05|1400|100|0"
        ]
    );
}

#[test]
fn a_history_that_begins_within_twelve_hours_has_its_first_week() {
    for (late, delta) in [(12 * HOUR, "100"), (12 * HOUR + 1, "NULL")] {
        let past = Past::new();
        let account = past.account("clx1", None, None);
        past.snapshot(account, MONDAY + late, Field::followers(1000));
        past.snapshot(account, MONDAY + WEEK, Field::followers(1100));
        assert_eq!(past.query(WEEKS), [format!("2026-W02|1100|{delta}|1")]);
    }
}

#[test]
fn unmeasured_snapshots_neither_lose_nor_add_growth() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    let likes = |likes| Field { likes: Some(likes), ..Field::followers(0) };
    past.snapshot(account, MONDAY, Field { likes: Some(50), ..Field::followers(1000) });
    past.snapshot(account, MONDAY + 2 * DAY, Field { suspect: true, ..likes(0) });
    past.snapshot(account, MONDAY + 6 * DAY, Field { likes: Some(62), ..Field::default() });
    past.snapshot(account, MONDAY + 2 * WEEK, Field { likes: Some(78), ..Field::followers(1280) });
    assert_eq!(
        past.query(
            "SELECT week, followers, followers_delta, likes, likes_delta, videos FROM weekly"
        ),
        // Likes: 12 in six days, and then 16 in eight.
        ["2026-W02|1140|140|64|14|NULL", "2026-W03|1280|140|78|14|NULL"]
    );
}

#[test]
fn the_sum_of_the_weeks_and_of_the_months_is_the_growth() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    for (day, followers) in [(0, 1000), (3, 1001), (10, 997), (31, 1234), (59, 1211), (90, 2000)] {
        past.snapshot(account, MONDAY + day * DAY, Field::followers(followers));
    }
    // The last week that is over ends on day 84, 25 of 31 days from 1211 to 2000: 1847.29.
    assert_eq!(past.query("SELECT sum(followers_delta) FROM weekly"), ["847"]);
    // The 1st of February is day 27, 17 of 21 days from 997 to 1234: 1188.86; that of March day
    // 55, 24 of 28 from 1234 to 1211: 1214.29; that of April day 86, 27 of 31 from 1211 to 2000:
    // 1898.19.
    assert_eq!(
        past.query("SELECT month, followers, followers_delta FROM monthly"),
        ["2026-01|1189|NULL", "2026-02|1214|25", "2026-03|1898|684"]
    );
}

#[test]
fn a_clock_that_was_set_back_is_in_the_order_of_refreshes() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    for (time, followers) in [
        (MONDAY, 1),
        (MONDAY + WEEK + 60, 2),
        (MONDAY + WEEK - 600, 3),
        (MONDAY + WEEK + 3 * HOUR, 4),
    ] {
        past.snapshot(account, time, Field::followers(followers));
    }
    // The last at or before midnight is the third, 600 of 11,400 s from the fourth.
    assert_eq!(past.query(WEEKS), ["2026-W02|3|2|1"]);
}

#[test]
fn a_history_that_began_under_a_clock_that_was_ahead_has_its_first_weeks() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    for (day, followers) in [(15, 1000), (0, 1100), (7, 1200), (21, 1300)] {
        past.snapshot(account, MONDAY + DAY + day * DAY, Field::followers(followers));
    }
    let period = |week: &str| {
        let rows = past.output(&["growth", "--week", week, "--csv"]);
        rows.lines().count() - 1
    };
    let weeks = past.query(WEEKS);
    assert_eq!(weeks.len(), 3, "{weeks:?}");
    assert_eq!(weeks[1..], ["2026-W03|1243|57|1", "2026-W04|1293|50|1"]);
    for (week, rows) in [("2026-W03", 1), ("2026-W04", 1)] {
        assert_eq!(period(week), rows, "{week}");
    }
}

#[test]
fn weeks_end_by_the_newest_followers_although_the_clock_went_back_since() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    past.snapshot(account, START, Field::followers(100));
    past.snapshot(account, START + 15 * DAY, Field::followers(120));
    // Without followers, at the right time again.
    past.snapshot(account, START + 3 * DAY, Field::default());
    // 20 in 360 hours: 162 of them to the end of the first week.
    assert_eq!(past.query(WEEKS), ["2026-W02|109|9|1", "2026-W03|118|9|0"]);
    for week in ["2026-W02", "2026-W03"] {
        let rows = past.output(&["growth", "--week", week, "--csv"]);
        assert!(rows.contains(",9,"), "{rows}");
    }
}

#[test]
fn a_measurement_lies_in_its_week_whatever_clock_came_after_it() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    for (minute, followers) in [(-7 * 1440, 100), (10, 110), (-5, 120), (7 * 1440, 130)] {
        past.snapshot(account, MONDAY + 60 * minute, Field::followers(followers));
    }
    let measured: Vec<String> =
        past.query("SELECT is_measured FROM weekly WHERE account_id = 'clx1' ORDER BY from_time");
    assert_eq!(measured, ["1", "1"]);
}

#[test]
fn sums_of_a_tag_are_exact() {
    let past = Past::new();
    for (id, first) in [("clx1", 9_007_199_254_740_993), ("clx2", 1000)] {
        past.series(id, id, id, &[(0, first), (7, first + 7), (14, first + 14), (21, first - 3)]);
    }
    past.run("UPDATE _account SET tags = '[\"x\"]'");
    let sums = past
        .query("SELECT followers - followers_delta, followers_delta FROM tag_weekly ORDER BY week");
    let of = past.query("SELECT sum(followers - followers_delta), sum(followers_delta) FROM weekly GROUP BY week HAVING count(followers_delta) > 0 ORDER BY week");
    assert_eq!(sums.iter().filter(|sum| *sum != "|").cloned().collect::<Vec<_>>(), of);
    assert!(of.iter().any(|sum| sum.ends_with("|-18") || sum.ends_with("|14")), "{of:?}");
}
