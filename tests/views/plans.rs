//! The query plans of usual filters: by an index, and never through the whole history.

use crate::past::{DAY, Field, Past, START};

const VIEWS: [&str; 9] = [
    "growth",
    "weekly",
    "monthly",
    "latest",
    "gaps",
    "snapshots",
    "milestones",
    "unusual",
    "profile_changes",
];

fn scans(past: &Past, sql: &str) -> Vec<String> {
    let plan = past.plans(sql);
    assert!(plan.iter().any(|line| line.contains("SEARCH")), "no plan was read: {plan:?}");
    plan.into_iter()
        .filter(|line| {
            // A scan of a subquery or of json_each() is not a scan of the history.
            let is_list = ["VIRTUAL TABLE", "SCAN (", "CONSTANT ROW"];
            (line.contains("SCAN") && !is_list.iter().any(|list| line.contains(list)))
                || line.contains("AUTOMATIC")
        })
        .collect()
}

#[test]
fn a_filter_on_the_account_scans_nothing() {
    let past = Past::new();
    for view in VIEWS {
        for filter in ["account_id = 'x'", "label = 'x'", "username = 'x'", "label IN ('x', 'y')"] {
            let time = match view {
                "gaps" | "weekly" | "monthly" => "to_time",
                _ => "time",
            };
            for more in ["", &format!(" AND {time} > 5"), &format!(" ORDER BY {time}")] {
                let sql = format!("SELECT * FROM {view} WHERE {filter}{more}");
                assert_eq!(scans(&past, &sql), [""; 0], "{sql}");
            }
        }
    }
}

#[test]
fn a_join_scans_nothing() {
    let past = Past::new();
    for view in VIEWS {
        for sql in [
            format!(
                "SELECT * FROM accounts a JOIN {view} v USING (account_id) WHERE a.username = 'x'"
            ),
            format!(
                "SELECT * FROM {view} v JOIN accounts a USING (account_id) WHERE a.label = 'x'"
            ),
        ] {
            assert_eq!(scans(&past, &sql), [""; 0], "{sql}");
        }
    }
    for sql in [
        "SELECT * FROM growth g JOIN snapshots s USING (refresh_id) WHERE g.label = 'x'",
        "SELECT * FROM growth g JOIN refreshes r USING (refresh_id) WHERE g.username = 'x'",
        "SELECT * FROM latest l JOIN growth g USING (account_id) WHERE l.label = 'x'",
    ] {
        assert_eq!(scans(&past, sql), [""; 0], "{sql}");
    }
}

/// Snapshots are stored by account, which the ledger row of a snapshot names.
#[test]
fn a_filter_on_the_refresh_scans_nothing() {
    const WITH_ONE: [&str; 3] = ["growth", "latest", "snapshots"];
    let past = Past::new();
    for view in WITH_ONE {
        for filter in ["= 5", "= 5 AND time > 5", "> 5", "BETWEEN 5 AND 9", "> 5 AND label = 'x'"] {
            let sql = format!("SELECT * FROM {view} WHERE refresh_id {filter}");
            assert_eq!(scans(&past, &sql), [""; 0], "{sql}");
        }
        for other in WITH_ONE {
            let sql = format!(
                "SELECT * FROM {view} v JOIN {other} o USING (refresh_id) WHERE v.label = 'x'"
            );
            assert_eq!(scans(&past, &sql), [""; 0], "{sql}");
        }
    }
    let sql = "SELECT * FROM refreshes WHERE refresh_id = 5";
    assert_eq!(scans(&past, sql), [""; 0], "{sql}");
}

#[test]
fn the_growth_of_all_accounts_scans_the_list_once() {
    let past = Past::new();
    for sql in [
        "SELECT label, followers_gained_30d FROM latest ORDER BY 2 DESC LIMIT 100",
        "SELECT * FROM latest ORDER BY refresh_id",
        "SELECT * FROM latest WHERE time > 5",
        "SELECT * FROM latest l JOIN snapshots y ON y.refresh_id = (
           SELECT refresh_id FROM snapshots
           WHERE account_id = l.account_id AND time <= l.time - 365 * 86400
           ORDER BY refresh_id DESC LIMIT 1)",
    ] {
        let found = scans(&past, sql);
        assert!(
            !found.is_empty() && found.iter().all(|scan| scan.ends_with("SCAN a")),
            "{sql}: {found:?}"
        );
    }
}

#[test]
fn a_milestone_is_found_by_an_index_and_not_at_each_snapshot() {
    let past = Past::new();
    for filter in ["", "WHERE time > 5", "WHERE account_id = 'x'", "WHERE label = 'x'"] {
        let sql = format!("SELECT * FROM milestones {filter}");
        let plan = past.plans(&sql);
        let seeks: Vec<_> = plan.iter().filter(|line| line.contains("SEARCH s ")).collect();
        assert!(
            !seeks.is_empty() && seeks.iter().all(|line| line.contains("refresh_id=?")),
            "{sql}: {plan:?}"
        );
    }
}

/// As for the export of everything, and for queries of the newest or of new rows.
#[test]
fn the_order_of_refreshes_is_the_ledgers_and_sorts_nothing() {
    let past = Past::new();
    for view in ["growth", "snapshots"] {
        for more in [
            "ORDER BY refresh_id",
            "ORDER BY refresh_id DESC LIMIT 10",
            "WHERE time >= 5 ORDER BY refresh_id",
            "WHERE refresh_id > 5 ORDER BY refresh_id LIMIT 10",
        ] {
            let sql = format!("SELECT * FROM {view} {more}");
            let plan = past.plans(&sql);
            assert!(!plan.iter().any(|line| line.contains("TEMP B-TREE")), "{sql}: {plan:?}");
            let found = scans(&past, &sql);
            assert!(found.iter().all(|scan| scan.ends_with("SCAN r")), "{sql}: {found:?}");
        }
    }
}

/// As after an import of followers alone. Each week would else look for likes back to the beginning.
#[test]
fn a_count_that_begins_late_costs_no_week_the_whole_history() {
    let steps = |days: i64| {
        let past = Past::new();
        let account = past.account("clx1", None, None);
        past.run("BEGIN");
        for day in 0..days {
            past.snapshot(account, START + day * DAY, Field::followers(1000 + day));
        }
        for week in 0..4 {
            let field = Field { likes: Some(5), videos: Some(5), ..Field::followers(5000) };
            past.snapshot(account, START + (days + 7 * week) * DAY, field);
        }
        past.run("UPDATE _account SET tags = '[\"a\"]'; COMMIT");
        let rows = past.query("SELECT count(likes), count(*) FROM tag_weekly");
        assert!(rows[0].starts_with("2|"), "{rows:?}");
        past.steps("SELECT * FROM tag_weekly")
    };
    let (short, long) = (steps(300), steps(600));
    assert!(long < 3 * short, "{short} {long}");
}

/// There is no index on time across accounts: it is not worth its 13 bytes per refresh. Such a
/// filter reads the history once, and looks back only for the rows that it finds.
#[test]
fn a_filter_on_time_alone_scans_the_history_once() {
    let past = Past::new();
    for (view, time) in [("growth", "time"), ("snapshots", "time"), ("gaps", "to_time")] {
        let sql = format!("SELECT * FROM {view} WHERE {time} > 5");
        let mut found = scans(&past, &sql);
        found.dedup_by_key(|scan| scan.trim_start_matches(['|', '-', ' ', '`']).to_owned());
        assert!(
            found.len() == 1
                && (found[0].ends_with("SCAN s") || found[0].ends_with("SCAN _snapshot")),
            "{view}: {found:?}"
        );
    }
}
