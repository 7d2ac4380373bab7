//! The views `milestones` and `unusual`.

use crate::past::{DAY, Field, Past, START, WEEK};

#[test]
fn a_milestone_is_passed_once_and_only_by_accounts_that_began_below_it() {
    let past = Past::new();
    past.series(
        "clx1",
        "Guru",
        "guru",
        &[(0, 900), (7, 1000), (14, 990), (21, 2500), (28, 0), (35, 5200), (42, 10)],
    );
    past.series("clx2", "Star", "star", &[(0, 1_000_000), (7, 1_999_999), (14, 2_000_000)]);
    let account = past.account("clx3", None, None);
    past.snapshot(account, START, Field { likes: Some(5), ..Field::followers(10) });
    past.snapshot(account, START + WEEK, Field { suspect: true, ..Field::followers(5000) });
    past.snapshot(account, START + 2 * WEEK, Field { likes: Some(1200), ..Field::followers(11) });
    assert_eq!(
        past.query(
            "SELECT account_id, count, milestone, time_utc, value FROM milestones ORDER BY 1, 3"
        ),
        [
            "clx1|followers|1000|2026-01-12T06:00:00Z|1000",
            "clx1|followers|2000|2026-01-26T06:00:00Z|2500",
            "clx1|followers|5000|2026-02-09T06:00:00Z|5200",
            "clx2|followers|2000000|2026-01-19T06:00:00Z|2000000",
            "clx3|likes|1000|2026-01-19T06:00:00Z|1200",
        ]
    );
    past.series("clx4", "Whole", "whole", &[(0, 0), (7, i64::MAX)]);
    assert_eq!(
        past.query("SELECT count(*), max(milestone) FROM milestones WHERE account_id = 'clx4'"),
        ["48|5000000000000000000"]
    );
}

/// Returns what is unusual in a series of weekly counts.
fn unusual(platform: &str, counts: &[i64]) -> Vec<String> {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    past.run(&format!("UPDATE _profile SET platform = '{platform}'"));
    for (week, &followers) in (0..).zip(counts) {
        past.snapshot(account, START + week * WEEK, Field::followers(followers));
    }
    past.query("SELECT (time - 1767592800) / 604800, count, delta, per_7d, usual_per_7d, times FROM unusual ORDER BY time")
}

#[test]
fn a_step_far_outside_of_the_usual_ones_is_unusual() {
    let steady: Vec<i64> = (0..20).map(|week| 10_000 + 100 * week + week % 3).collect();
    assert_eq!(unusual("tiktok", &steady), [""; 0]);
    let mut spike = steady.clone();
    for count in &mut spike[15..] {
        *count += 5000;
    }
    assert_eq!(unusual("tiktok", &spike), ["15|followers|5098|5098.0|101.0|50.5"]);
    let mut loss = steady.clone();
    for count in &mut loss[15..] {
        *count -= 2000;
    }
    assert_eq!(unusual("tiktok", &loss), ["15|followers|-1902|-1902.0|101.0|-18.8"]);
    // At least six steps are needed to determine what is usual.
    assert_eq!(unusual("tiktok", &[1000, 1010, 1020, 1030, 1040, 1050, 9000]), [""; 0]);
    assert_eq!(unusual("tiktok", &[1000, 1010, 1020, 1030, 1040, 1050, 1060, 9000]).len(), 1);
    // The median of 10, 10, 10, 20, 20 and 20.
    assert_eq!(
        unusual("tiktok", &[1000, 1010, 1020, 1030, 1050, 1070, 1090, 9000]),
        ["7|followers|7910|7910.0|15.0|527.3"]
    );
}

#[test]
fn a_single_new_video_is_not_unusual_however_seldom_there_is_one() {
    let seldom = [[20; 8].as_slice(), &[21; 5], &[22; 5]].concat();
    for (last, expected) in [(23, 0), (26, 0), (27, 1), (17, 1)] {
        let found = unusual("tiktok", &[seldom.as_slice(), &[last]].concat());
        assert_eq!(found.len(), expected, "{last}: {found:?}");
    }
}

#[test]
fn a_step_below_one_percent_of_the_count_is_not_unusual() {
    // 201 and 202 more, for an account that loses ten each week.
    let steady: Vec<i64> = (0..10).map(|week| 20_000 - 10 * week).collect();
    for (last, expected) in [(20_111, 0), (20_112, 1)] {
        let counts = [steady.as_slice(), &[last]].concat();
        let found = unusual("tiktok", &counts);
        assert_eq!(found.len(), expected, "{last}: {found:?}");
    }
}

#[test]
fn a_hole_is_no_spike_and_a_wild_account_is_usual() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    for (day, followers) in [
        (0, 1000),
        (7, 1070),
        (14, 1140),
        (21, 1210),
        (28, 1280),
        (35, 1350),
        (42, 1420),
        (84, 1840),
    ] {
        past.snapshot(account, START + day * DAY, Field::followers(followers));
    }
    assert_eq!(past.query("SELECT * FROM unusual"), [""; 0]);
    let wild = [1000, 1500, 1400, 2400, 2300, 3500, 3000, 4500, 4400, 6000];
    assert_eq!(unusual("tiktok", &wild), [""; 0]);
}

/// Rounds followers to three significant digits, as `YouTube` does.
#[test]
fn rounding_is_not_unusual() {
    let rounded: Vec<i64> =
        (0..30).map(|week| (1_015_000 + 900 * week) / 10_000 * 10_000).collect();
    assert_eq!(unusual("youtube", &rounded), [""; 0]);
    let mut real = rounded;
    real[29] += 200_000;
    assert_eq!(unusual("youtube", &real).len(), 1);
}

#[test]
fn a_step_of_two_rounding_units_is_not_unusual_whenever_it_arrived() {
    for (step, expected) in [(200_000, 0), (300_000, 1), (-200_000, 0)] {
        for late in -5..6 {
            let past = Past::new();
            let account = past.account("clx1", None, None);
            past.run("UPDATE _profile SET platform = 'youtube'");
            for week in 0..10 {
                past.snapshot(account, START + week * WEEK, Field::followers(19_600_000));
            }
            past.snapshot(account, START + 10 * WEEK + late, Field::followers(19_600_000 + step));
            let found = past.query("SELECT * FROM unusual");
            assert_eq!(found.len(), expected, "{step} {late} {found:?}");
        }
    }
}

#[test]
fn gains_and_losses_are_judged_alike() {
    let steps = [50, 3, 40, 61, 20, 35, 48, 70, 12, 90, 5, 33];
    let is_unusual = |last: i64, sign: i64| {
        let mut count = 1_000_000;
        let mut counts = vec![count];
        for step in steps.into_iter().chain([last]) {
            count += sign * 1000 * step;
            counts.push(count);
        }
        !unusual("tiktok", &counts).is_empty()
    };
    let verdicts: Vec<bool> = (0..400).step_by(10).map(|last| is_unusual(last, 1)).collect();
    let mirrored: Vec<bool> = (0..400).step_by(10).map(|last| is_unusual(last, -1)).collect();
    assert!(verdicts.contains(&true) && verdicts.contains(&false));
    assert_eq!(verdicts, mirrored);
}

#[test]
fn a_step_has_one_rate() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    for week in 0..10 {
        past.snapshot(account, START + week * WEEK, Field::followers(5000));
    }
    // 299.9747 in 7 days.
    past.snapshot(account, START + 9 * WEEK + 604_851, Field::followers(5300));
    let rates =
        "SELECT u.per_7d, g.followers_per_7d FROM unusual u JOIN growth g USING (refresh_id)";
    assert_eq!(past.query(rates), ["299.97|299.97"]);
}
