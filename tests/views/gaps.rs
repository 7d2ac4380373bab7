//! The view `gaps`: a hole in the series of over one and a half intervals.

use crate::past::{DAY, Field, Past, START, WEEK};

const GAPS: &str =
    "SELECT account_id, from_utc, to_utc, days FROM gaps ORDER BY account_id, to_time";

#[test]
fn the_columns_are_those_of_the_contract() {
    let past = Past::new();
    let columns = past.query("SELECT name FROM pragma_table_info('gaps')").join(" ");
    assert_eq!(
        columns,
        "account_id name label username platform from_time from_utc to_time to_utc days"
    );
}

#[test]
fn a_hole_is_over_one_and_a_half_intervals() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    let half = WEEK * 3 / 2;
    past.snapshot(account, START, Field::followers(1));
    past.snapshot(account, START + half, Field::followers(1));
    assert_eq!(past.query(GAPS), [""; 0]);
    past.snapshot(account, START + 2 * half + 1, Field::followers(1));
    assert_eq!(past.query(GAPS), ["clx1|2026-01-15T18:00:00Z|2026-01-26T06:00:01Z|10.5"]);
}

#[test]
fn the_interval_is_that_of_its_time() {
    let past = Past::new();
    let daily = |followers| Field { interval: Some(DAY), ..Field::followers(followers) };
    let account = past.account("clx1", None, None);
    // Daily with a gap of three days; a gap of a week where a day was due; then weekly.
    past.snapshot(account, START, daily(1));
    past.snapshot(account, START + 3 * DAY, daily(2));
    past.snapshot(account, START + 10 * DAY, Field::followers(3));
    past.snapshot(account, START + 17 * DAY, daily(4));
    past.snapshot(account, START + 18 * DAY, daily(5));
    let holes = [
        "clx1|2026-01-05T06:00:00Z|2026-01-08T06:00:00Z|3.0",
        "clx1|2026-01-08T06:00:00Z|2026-01-15T06:00:00Z|7.0",
    ];
    assert_eq!(past.query(GAPS), holes);
    // The account's current schedule does not matter.
    past.run("UPDATE _account SET interval = 60");
    assert_eq!(past.query(GAPS), holes);
    // A row without an interval takes the next one's: a day was due after the fifteenth.
    past.run("UPDATE _refresh SET interval = NULL WHERE refresh_id = 3");
    assert_eq!(past.query(GAPS).len(), 3);
}

#[test]
fn a_weekend_without_slots_is_no_hole() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    // Mondays to Fridays: three days follow a Friday.
    for (day, next) in [(0, 1), (1, 1), (2, 1), (3, 1), (4, 3), (7, 1), (8, 1), (11, 3)] {
        let field = Field { interval: Some(next * DAY), ..Field::followers(day) };
        past.snapshot(account, START + day * DAY, field);
    }
    // Tuesday to Friday of the second week.
    assert_eq!(past.query(GAPS), ["clx1|2026-01-13T06:00:00Z|2026-01-16T06:00:00Z|3.0"]);
}

#[test]
fn a_suspect_snapshot_fills_no_hole() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    past.snapshot(account, START, Field::followers(1));
    past.snapshot(account, START + WEEK, Field::suspect(0));
    past.snapshot(account, START + 2 * WEEK, Field::followers(3));
    assert_eq!(past.query(GAPS), ["clx1|2026-01-05T06:00:00Z|2026-01-19T06:00:00Z|14.0"]);
}
