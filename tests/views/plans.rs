//! How SQLite goes about the usual filters: by an index, and never through all of the history.

use crate::past::Past;

const VIEWS: [&str; 5] = ["growth", "weekly", "latest", "gaps", "snapshots"];

fn scans(past: &Past, sql: &str) -> Vec<String> {
    let plan = past.plans(sql);
    assert!(plan.iter().any(|line| line.contains("SEARCH")), "no plan was read: {plan:?}");
    plan.into_iter().filter(|line| line.contains("SCAN") || line.contains("AUTOMATIC")).collect()
}

#[test]
fn a_filter_on_whose_it_is_scans_nothing() {
    let past = Past::new();
    for view in VIEWS {
        for filter in ["account_id = 'x'", "label = 'x'", "username = 'x'", "label IN ('x', 'y')"] {
            let time = match view {
                "gaps" => "to_time",
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

#[test]
fn the_list_is_gone_through_once_for_its_movers() {
    let past = Past::new();
    let sql = "SELECT label, followers_gained_30d FROM latest ORDER BY 2 DESC LIMIT 100";
    let scans = scans(&past, sql);
    assert!(!scans.is_empty() && scans.iter().all(|scan| scan.ends_with("SCAN a")), "{scans:?}");
}

/// There is no index on the time of all accounts: its 13 bytes a refresh are more than it is
/// worth. Such a filter reads the history once, and looks back for the rows that it finds only.
#[test]
fn a_filter_on_time_alone_goes_through_the_history_once() {
    let past = Past::new();
    for (view, time) in
        [("growth", "time"), ("weekly", "time"), ("snapshots", "time"), ("gaps", "to_time")]
    {
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
