//! What a year of 20,000 accounts takes. Run it with `--ignored --nocapture` and optimisations.

use std::time::Duration;

use growthd::clock::monotonic;
use rusqlite::Connection;

use crate::past::Past;

const ACCOUNTS: i64 = 20_000;
const WEEKS: i64 = 52;

fn fill(past: &Past) {
    past.run(&format!(
        "PRAGMA synchronous = OFF; BEGIN;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ACCOUNTS})
         INSERT INTO _account (account_id, label, tags, cron, timezone, spread, enabled, added_time,
                               active_time, next_due, interval, last_refresh)
         SELECT printf('clx%022d', i), 'Account ' || i, '[]', '@weekly', 'UTC', 0, 1, 0, 0, 0, 604800,
                {last} * {ACCOUNTS} + i FROM n;
         INSERT INTO _profile SELECT account, 'tiktok', 'user' || account, 'Name', 'Bio', NULL, NULL, 0
         FROM _account;
         WITH RECURSIVE w(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM w WHERE k < {last})
         INSERT INTO _refresh
         SELECT k * {ACCOUNTS} + account, account, iif(k = 0, 0, 1), 1, 1,
                iif(k > 0, 1767592800 + k * 604800, NULL), 604800,
                1767592800 + k * 604800 + account / 2, 5, NULL, NULL, NULL
         FROM w CROSS JOIN _account;
         INSERT INTO _snapshot
         SELECT account, refresh_id, finished_time,
                1000000 + account * 7919 % 1000000 + refresh_id / {ACCOUNTS} * (account % 977),
                300, 400 + refresh_id / {ACCOUNTS},
                20000000 + refresh_id / {ACCOUNTS} * (account % 9773) * 10,
                4250, 67500, 85000, 3600, 0, NULL
         FROM _refresh;
         COMMIT;",
        last = WEEKS - 1
    ));
}

#[test]
#[ignore = "takes a minute, and measures the machine it runs on"]
fn a_year_of_twenty_thousand_accounts() {
    let past = Past::new();
    fill(&past);
    let size = past.ask("PRAGMA page_count")[0].parse::<i64>().expect("pages") * 4096;
    eprintln!("{} bytes a refresh", size / (ACCOUNTS * WEEKS));
    let connection = Connection::open(past.path()).expect("the database");
    for (what, sql, most) in [
        ("one account's growth", "SELECT * FROM growth WHERE label = 'Account 777'", 1),
        ("one account's weeks", "SELECT * FROM weekly WHERE username = 'user777'", 5),
        ("one account's latest", "SELECT * FROM latest WHERE label = 'Account 777'", 5),
        (
            "the best hundred",
            "SELECT label, followers_gained_30d FROM latest ORDER BY 2 DESC LIMIT 100",
            800,
        ),
        (
            "the best hundred with every column",
            "SELECT * FROM latest ORDER BY followers_gained_30d DESC LIMIT 100",
            2000,
        ),
        (
            "the last week of all",
            "SELECT * FROM growth WHERE time > 1767592800 + 51 * 604800",
            2000,
        ),
        ("all gaps", "SELECT * FROM gaps", 10_000),
        ("all weeks", "SELECT week, sum(followers_delta) FROM weekly GROUP BY week", 30_000),
    ] {
        let mut best = Duration::MAX;
        let mut rows = 0;
        for _ in 0..3 {
            let mut statement = connection.prepare(sql).expect(sql);
            let begin = monotonic();
            let mut found = statement.query([]).expect(sql);
            rows = 0;
            while found.next().expect(sql).is_some() {
                rows += 1;
            }
            best = best.min(begin.elapsed());
        }
        eprintln!("{what}: {rows} rows in {best:.2?} (at most {most} ms)");
        assert!(best <= Duration::from_millis(most), "{what} took {best:?}");
    }
}
