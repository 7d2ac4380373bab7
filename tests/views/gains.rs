//! The view `latest`: an account's newest snapshot, and what it gained.

use crate::past::{DAY, Field, HOUR, Past, START};

const GAINED: &str =
    "SELECT followers_gained_7d, followers_gained_30d, followers_gained_90d FROM latest";

#[test]
fn a_gain_is_interpolated_between_the_measured_neighbours() {
    let past = Past::new();
    // The newest is of day 91, so that the points are the days 84, 61 and 1.
    past.series(
        "clx1",
        "Guru",
        "guru",
        &[(0, 1000), (10, 1100), (60, 2000), (63, 2300), (91, 3700)],
    );
    // Day 84 lies 21 of 28 days from 2300 to 3700: 3350. Day 61 one of three from 2000 to 2300:
    // 2100. Day 1 one of ten from 1000 to 1100: 1010.
    assert_eq!(past.query(GAINED), ["350|1600|2690"]);
}

#[test]
fn a_gain_may_be_a_loss_and_is_rounded_to_whole_followers() {
    let past = Past::new();
    // Day 1 lies one of three from 1000 to 990: 996.67; from there to 980 it is -16.67.
    past.series("clx1", "Guru", "guru", &[(0, 1000), (3, 990), (8, 980)]);
    assert_eq!(past.query(GAINED), ["-17|NULL|NULL"]);
}

#[test]
fn a_history_may_start_up_to_twelve_hours_after_the_point() {
    let past = Past::new();
    for (id, late) in [("clx1", 12 * HOUR), ("clx2", 12 * HOUR + 1)] {
        let account = past.account(id, None, None);
        past.snapshot(account, START + late, Field::followers(100));
        past.snapshot(account, START + 7 * DAY, Field::followers(170));
    }
    assert_eq!(
        past.query("SELECT account_id, followers_gained_7d FROM latest ORDER BY account_id"),
        ["clx1|70", "clx2|NULL"]
    );
}

#[test]
fn one_snapshot_has_gained_nothing_known() {
    let past = Past::new();
    past.series("clx1", "Guru", "guru", &[(0, 1000)]);
    past.account("clx2", Some("never refreshed"), None);
    assert_eq!(past.query(GAINED), ["NULL|NULL|NULL"]);
}

#[test]
fn suspect_and_missing_values_take_no_part() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    let likes = |likes| Field { likes: Some(likes), ..Field::default() };
    past.snapshot(account, START, Field { likes: Some(10), ..Field::followers(1000) });
    past.snapshot(account, START + 7 * DAY, Field::suspect(0));
    past.snapshot(account, START + 14 * DAY, Field::followers(1140));
    past.snapshot(account, START + 21 * DAY, likes(52));
    past.snapshot(account, START + 22 * DAY, Field::suspect(1_000_000));
    // The newest row is suspect, and its numbers are not shown. The newest measured followers are
    // of day 14: 1140, a week before it 1070. The newest likes are of day 21: 52, a week before it
    // two thirds of the way from 10 to 52: 38.
    assert_eq!(
        past.query("SELECT followers, is_suspect, followers_gained_7d, likes_gained_7d, videos_gained_7d FROM latest"),
        ["1140|1|70|14|NULL"]
    );
}

#[test]
fn an_exact_neighbour_is_exact_at_any_size() {
    let past = Past::new();
    past.series("clx1", "Guru", "guru", &[(0, i64::MAX - 5), (7, i64::MAX)]);
    assert_eq!(past.query(GAINED), ["5|NULL|NULL"]);
}
