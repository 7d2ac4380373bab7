//! The view `growth`: a snapshot against what was measured before it.

use crate::past::{DAY, Field, HOUR, Past, START};

const FOLLOWERS: &str =
    "SELECT followers, followers_delta, followers_per_7d, followers_pct_per_7d, gap_days
    FROM growth WHERE account_id = 'clx1' ORDER BY refresh_id";

#[test]
fn the_columns_are_those_of_the_contract() {
    let past = Past::new();
    past.series("clx1", "Guru", "guru", &[(0, 1000)]);
    let columns = past.query("SELECT name FROM pragma_table_info('growth')").join(" ");
    assert_eq!(
        columns,
        "account_id name label username platform time time_utc gap_days \
         followers followers_delta followers_per_7d followers_pct_per_7d \
         likes likes_delta likes_per_7d likes_pct_per_7d \
         videos videos_delta videos_per_7d videos_pct_per_7d is_suspect suspect source refresh_id"
    );
    let row = past.query("SELECT account_id, label, username, time, time_utc FROM growth");
    assert_eq!(row, [format!("clx1|Guru|guru|{START}|2026-01-05T06:00:00Z")]);
}

#[test]
fn a_rate_is_by_the_pairs_own_distance_so_that_a_gap_makes_no_spike() {
    let past = Past::new();
    // A week with +70 (7 %), then three weeks with +210: the same pace.
    past.series("clx1", "Guru", "guru", &[(0, 1000), (7, 1070), (28, 1280)]);
    assert_eq!(
        past.query(FOLLOWERS),
        [
            "1000|NULL|NULL|NULL|NULL",
            "1070|70|70.0|7.0|7.0",
            // 210 / 3 = 70 a week; 70 / 1070 = 6.5421 %.
            "1280|210|70.0|6.5421|21.0",
        ]
    );
}

#[test]
fn a_null_loses_nothing() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    for (day, followers, likes) in [
        (0, Some(1000), Some(50)),
        (7, None, Some(60)),
        (14, Some(1100), None),
        (21, Some(1150), Some(80)),
    ] {
        let field = Field { followers, likes, ..Field::default() };
        past.snapshot(account, START + day * DAY, field);
    }
    assert_eq!(
        past.query(FOLLOWERS),
        [
            "1000|NULL|NULL|NULL|NULL",
            "NULL|NULL|NULL|NULL|7.0",
            // Against day 0, two weeks before; the snapshot before it is one week away.
            "1100|100|50.0|5.0|7.0",
            "1150|50|50.0|4.5455|7.0",
        ]
    );
    // Each count has its own pair: the last likes are against those of day 7.
    let likes =
        past.query("SELECT likes, likes_delta, likes_per_7d FROM growth ORDER BY refresh_id");
    assert_eq!(likes, ["50|NULL|NULL", "60|10|10.0", "NULL|NULL|NULL", "80|20|10.0"]);
}

#[test]
fn a_suspect_snapshot_is_shown_and_takes_no_part() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    past.snapshot(account, START, Field::followers(1000));
    past.snapshot(account, START + 7 * DAY, Field::suspect(0));
    past.snapshot(account, START + 14 * DAY, Field::followers(1020));
    assert_eq!(
        past.query(FOLLOWERS),
        ["1000|NULL|NULL|NULL|NULL", "0|NULL|NULL|NULL|7.0", "1020|20|10.0|1.0|14.0"]
    );
    assert_eq!(past.query("SELECT is_suspect FROM growth ORDER BY refresh_id"), ["0", "1", "0"]);
}

#[test]
fn there_is_no_rate_under_twelve_hours() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    past.snapshot(account, START, Field::followers(1000));
    past.snapshot(account, START + 12 * HOUR - 1, Field::followers(1100));
    past.snapshot(account, START + 24 * HOUR - 1, Field::followers(1200));
    assert_eq!(
        past.query("SELECT followers_delta, followers_per_7d, followers_pct_per_7d FROM growth ORDER BY refresh_id"),
        // The second pair is twelve hours apart: 100 in half a day are 1,400 in seven.
        ["NULL|NULL|NULL", "100|NULL|NULL", "100|1400.0|127.2727"]
    );
}

#[test]
fn from_nothing_there_is_no_percentage() {
    let past = Past::new();
    past.series("clx1", "Guru", "guru", &[(0, 0), (7, 10), (14, 0)]);
    assert_eq!(
        past.query(FOLLOWERS),
        ["0|NULL|NULL|NULL|NULL", "10|10|10.0|NULL|7.0", "0|-10|-10.0|-100.0|7.0"]
    );
}

#[test]
fn the_order_is_that_of_the_refreshes_and_accounts_do_not_mix() {
    let past = Past::new();
    let one = past.account("clx1", None, None);
    let other = past.account("clx2", None, None);
    past.snapshot(one, START + DAY, Field::followers(100));
    past.snapshot(other, START + DAY, Field::followers(5000));
    // The clock was set back by ten minutes: still later by refresh id, but without a rate.
    past.snapshot(one, START + DAY - 600, Field::followers(110));
    past.snapshot(one, START + 3 * DAY, Field::followers(130));
    assert_eq!(
        past.query(
            "SELECT followers, followers_delta, followers_per_7d IS NULL
                  FROM growth WHERE account_id = 'clx1' ORDER BY refresh_id"
        ),
        ["100|NULL|1", "110|10|1", "130|20|0"]
    );
}

#[test]
fn the_greatest_counts_are_no_matter() {
    let past = Past::new();
    past.series("clx1", "Guru", "guru", &[(0, i64::MAX), (7, 0), (14, i64::MAX)]);
    assert_eq!(
        past.query("SELECT followers_delta, followers_pct_per_7d FROM growth ORDER BY refresh_id"),
        ["NULL|NULL", "-9223372036854775807|-100.0", "9223372036854775807|NULL"]
    );
}
