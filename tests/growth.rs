//! `growthd growth`.

use crate::past::{DAY, Field, Past, START};

/// The newest measurement is on day 28, 2026-02-02T06:00:00Z.
fn list() -> Past {
    let past = Past::new();
    past.series(
        "clx1",
        "Up",
        "up",
        &[(0, 10_000), (7, 10_100), (14, 10_250), (21, 10_400), (28, 10_700)],
    );
    past.series("clx2", "日本の名前 🐈", "jp", &[(0, 500), (7, 600), (28, 900)]);
    past.series(
        "clx3",
        "Down",
        "down",
        &[(0, 3000), (7, 2900), (14, 2950), (21, 2800), (28, 2700)],
    );
    past.series("clx4", "Newcomer", "new", &[(20, 1), (27, 2)]);
    past.series("clx5", "Asleep", "asleep", &[(-30, 5)]);
    past.account("clx6", None, None);
    let gone = past.series("clx7", "Gone", "gone", &[(0, 1), (28, 1_000_000)]);
    past.run(&format!(
        "UPDATE _account SET removed_time = 1, next_due = NULL WHERE account = {gone}"
    ));
    past
}

#[test]
fn a_terminal_shows_winners_losers_and_accounts_without_a_gain() {
    insta::assert_snapshot!(list().output(&["growth", "--since", "2026-01-06"]), @r"
        Followers gained since 2026-01-06T00:00:00Z
        It is not over: every number ends at the newest measurement.

        GREW
        ACCOUNT        FOLLOWERS  GAINED           TREND
        Up                10,700    +689   +6.88%  ▁▁▁▁▁▂▂▂▃▃▃▃▄▄▄▅▅▆▇█
        日本の名前 🐈        900    +389  +76.13%  ▁▁▁▂▂              █

        LOST
        ACCOUNT  FOLLOWERS  GAINED          TREND
        Down         2,700    -289  -9.67%  █▇▆▆▅▆▆▆▆▇▆▅▅▄▃▃▂▂▁▁

        1 account had not been measured yet when the period began: Newcomer

        1 account has not been measured since the period began: Asleep

        1 account has never been measured: clx6
        ");
}

#[test]
fn a_note_is_wrapped_to_the_terminals_width() {
    let past = list();
    // `script` provides a terminal.
    let growth = "stty cols 50 && exec \"$GROWTHD\" --config config.toml growth --since 2026-01-06";
    let mut command = std::process::Command::new("script");
    command.args(["-qec", growth, "/dev/null"]).current_dir(past.folder());
    command.env("GROWTHD", env!("CARGO_BIN_EXE_growthd")).stdin(std::process::Stdio::null());
    let Ok(output) = command.output() else {
        println!("skipped: no script");
        return;
    };
    let shown = String::from_utf8(output.stdout).expect("text").replace('\r', "");
    let wrapped = "1 account had not been measured yet when the\nperiod began: Newcomer\n";
    assert!(shown.contains(wrapped), "{shown}");
}

/// As a channel that hides its followers.
#[test]
fn an_account_without_a_follower_count_is_not_told_to_be_late() {
    let past = Past::new();
    past.series("clx1", "Up", "up", &[(0, 100), (28, 170)]);
    let hidden = past.account("clx2", Some("Hidden"), None);
    past.account("clx3", Some("Never"), None);
    for day in [0, 28] {
        past.snapshot(hidden, START + day * DAY, Field { videos: Some(7), ..Field::default() });
    }
    let output = past.output(&["growth", "--since", "2026-01-06"]);
    assert!(
        output.ends_with(
            "\n1 account has been measured without a follower count: Hidden\n\n\
             1 account has never been measured: Never\n"
        ),
        "{output}"
    );
}

#[test]
fn no_change_is_neither_growth_nor_loss_in_any_form() {
    let past = Past::new();
    past.series("clx1", "Up", "up", &[(0, 100), (28, 170)]);
    past.series("clx2", "Same", "same", &[(0, 100), (28, 100)]);
    let arguments = ["growth", "--since", "2026-01-06", "--top", "5"];
    assert!(past.output(&arguments).ends_with("\n1 account is unchanged: Same\n"));
    for form in ["--json", "--csv"] {
        let output = past.output(&[&arguments[..], &[form]].concat());
        assert!(output.contains("clx1") && !output.contains("clx2"), "{output}");
    }
}

/// As its numbers do, an account's line ends at its own newest measurement.
#[test]
fn a_line_shows_the_days_whose_gain_stands_beside_it() {
    let past = Past::new();
    past.series("clx1", "Newest", "newest", &[(0, 1000), (60, 1001)]);
    past.series("clx2", "Earlier", "earlier", &[(0, 100), (20, 200), (30, 400)]);
    let output = past.output(&["growth", "--since", "30d"]);
    let line = output.lines().find(|line| line.starts_with("Earlier")).expect("a row");
    assert!(line.contains("+300") && line.contains('▁') && line.ends_with('█'), "{output}");
}

#[test]
fn top_limits_both_lists() {
    let past = list();
    let ids = |arguments: &[&str]| {
        let output =
            past.output(&[&["growth", "--since", "2026-01-06", "--csv"], arguments].concat());
        output.lines().skip(1).map(|line| line[..4].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&[]), ["clx1", "clx2", "clx3", "clx5", "clx4", "clx6"]);
    assert_eq!(ids(&["--top", "1"]), ["clx1", "clx3"]);
    insta::assert_snapshot!(past.output(&["growth", "--since", "2026-01-06", "--top", "1"]), @r"
        Followers gained since 2026-01-06T00:00:00Z
        It is not over: every number ends at the newest measurement.

        GREW (the first 1 of 2)
        ACCOUNT  FOLLOWERS  GAINED          TREND
        Up          10,700    +689  +6.88%  ▁▁▁▁▁▂▂▂▃▃▃▃▄▄▄▅▅▆▇█

        LOST
        ACCOUNT  FOLLOWERS  GAINED          TREND
        Down         2,700    -289  -9.67%  █▇▆▆▅▆▆▆▆▇▆▅▅▄▃▃▂▂▁▁

        1 account had not been measured yet when the period began: Newcomer

        1 account has not been measured since the period began: Asleep

        1 account has never been measured: clx6
        ");
}

#[test]
fn programs_get_one_json_value() {
    let output = list().output(&["growth", "--json", "--since", "2026-01-12T06:00:00Z"]);
    let value: serde_json::Value = serde_json::from_str(&output).expect("JSON");
    let accounts = value["accounts"].as_array().expect("an array");
    assert_eq!(accounts.len(), 6);
    assert_eq!(accounts[0]["followers_gained"], 600);
    assert_eq!(accounts[1]["followers_gained_pct"], 50.0);
    assert_eq!(accounts[2]["followers_gained"], -200);
    assert!(accounts[3]["followers_gained"].is_null());
    assert!(accounts[5]["followers"].is_null());
}

#[test]
fn the_gain_is_that_of_the_view() {
    let past = Past::new();
    let account = past.account("clx1", None, None);
    for (day, followers) in [(0, 1000), (9, 1100), (38, 900), (40, 1234)] {
        past.snapshot(account, START + day * DAY, Field::followers(followers));
    }
    let gained = past.query("SELECT followers_gained_30d FROM latest");
    // Day 10 is one of the 29 days from 1100 to 900.
    assert_eq!(gained, ["141"]);
    let output = past.output(&["growth", "--csv", "--since", "2026-01-15T06:00:00Z"]);
    assert!(output.contains(",1234,141,"), "{output}");
}

/// The accounts begin six hours after the end of a week: one with its likes before that, and one with
/// none of its counts.
#[test]
fn the_followers_at_the_end_of_a_period_are_those_of_the_view() {
    let past = Past::new();
    past.series("clx1", "Older", "older", &[(-14, 900), (0, 1000), (7, 1100)]);
    past.series("clx2", "Young", "young", &[(0, 50), (7, 60)]);
    let likes = past.account("clx3", Some("Likes first"), None);
    past.snapshot(likes, START - DAY, Field { likes: Some(5), ..Field::default() });
    past.snapshot(likes, START, Field::followers(70));
    past.snapshot(likes, START + 7 * DAY, Field::followers(80));
    let mut found = Vec::new();
    for week in ["2025-W52", "2026-W01", "2026-W02"] {
        let json: serde_json::Value =
            serde_json::from_str(&past.output(&["growth", "--week", week, "--json"]))
                .expect("JSON");
        let accounts = json["accounts"].as_array().expect("a list").iter();
        let known = accounts.filter(|account| !account["followers"].is_null());
        let mut known: Vec<String> = known
            .map(|account| {
                let id = account["account_id"].as_str().expect("an id");
                format!("{id}|{}|{}", account["followers"], account["followers_gained"])
            })
            .map(|row| row.replace("null", "NULL"))
            .collect();
        known.sort();
        let view = past.query(&format!(
            "SELECT account_id, followers, followers_delta FROM weekly
             WHERE week = '{week}' AND followers IS NOT NULL ORDER BY account_id"
        ));
        assert_eq!(known, view, "{week}");
        found.push(known.len());
    }
    assert_eq!(found, [1, 2, 3]);
}

#[test]
fn the_time_is_that_of_the_followers_beside_it() {
    let past = clients();
    let line = |arguments: &[&str]| {
        let output = past.output(&[&["growth", "--csv"], arguments].concat());
        output.lines().find(|line| line.starts_with("clx1,")).expect("its line").to_owned()
    };
    let of_february = line(&["--month", "2026-02"]);
    assert!(of_february.contains(",2026-03-01T00:00:00Z,10548,280,"), "{of_february}");
    let newest = line(&["--since", "28d"]);
    assert!(newest.contains(",2026-04-06T06:00:00Z,10910,280,"), "{newest}");
}

#[test]
fn an_empty_list_says_so() {
    let past = Past::new();
    assert!(past.output(&["growth"]).starts_with("no account is watched yet"));
    assert_eq!(past.output(&["growth", "--csv"]).lines().count(), 1);
}

/// Three months of weekly snapshots on Mondays with a gain of 70 a week, and a YouTube account.
fn clients() -> Past {
    let past = Past::new();
    for (id, label, tags, step) in [
        ("clx1", "Guru", r#"["client-a", "vip"]"#, 70),
        ("clx2", "Chef", r#"["client-b"]"#, 140),
        ("clx3", "Old", r#"["client-b", "vip"]"#, -7),
    ] {
        let days: Vec<(i64, i64)> = (0..14).map(|n| (7 * n, 10_000 + step * n)).collect();
        let account = past.series(id, label, label, &days);
        past.run(&format!("UPDATE _account SET tags = '{tags}' WHERE account = {account}"));
    }
    let days: Vec<(i64, i64)> = (0..14).map(|n| (7 * n, 1_230_000 + n / 7 * 10_000)).collect();
    let account = past.series("clx4", "Tube", "tube", &days);
    past.run(&format!("UPDATE _profile SET platform = 'youtube' WHERE account = {account}"));
    past
}

fn gains(past: &Past, arguments: &[&str]) -> Vec<String> {
    let output = past.output(&[&["growth", "--csv"], arguments].concat());
    let column = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        format!("{} {} {}", cells[0], cells[7], cells[9])
    };
    output.lines().skip(1).map(column).collect()
}

#[test]
fn a_period_is_named_in_many_ways_and_has_one_answer() {
    let past = clients();
    // February has four weeks and so 280, like the last four of January. January itself has no
    // value at its start, since the first measurement is on the 5th.
    let of_february = ["clx2 560 ", "clx1 280 ", "clx4 10000 ", "clx3 -28 "];
    let mut expected = of_february.map(str::to_owned);
    expected.sort();
    for arguments in [
        &["--month", "2026-02"][..],
        &["--since", "2026-02", "--until", "2026-03"],
        &["--since", "2026-02-01", "--until", "2026-03-01"],
        &["--since", "28d", "--until", "2026-03"],
        &["--since", "2026-02-01T00:00:00Z", "--until", "2026-03-01T01:00:00+01:00"],
    ] {
        let mut found = gains(&past, arguments);
        found.sort();
        let found: Vec<_> =
            found.iter().map(|row| row.rsplit_once(' ').expect("three").0).collect();
        let expected: Vec<_> = expected.iter().map(|row| row.trim_end()).collect();
        assert_eq!(found, expected, "{arguments:?}");
    }
    assert_eq!(gains(&past, &["--week", "2026-W07", "--tag", "client-a"]), ["clx1 70 70"]);
    assert_eq!(gains(&past, &["--since", "30d", "--tag", "client-a"]), ["clx1 300 300"]);
    let output =
        past.output(&["growth", "--month", "2026-02", "--tag", "client-b", "--tag", "vip"]);
    assert!(output.starts_with("Followers gained in 2026-02 of client-b or vip\n"), "{output}");
    assert_eq!(gains(&past, &["--month", "2026-03", "--platform", "youtube"]).len(), 1);
    let twice = past.output(&["growth", "--month", "2026-02", "--tag", "vip", "--tag", "vip"]);
    assert!(twice.starts_with("Followers gained in 2026-02 of vip\n"), "{twice}");
}

#[test]
fn an_account_whose_gain_rounding_may_have_made_is_named_apart() {
    let output = clients().output(&["growth", "--month", "2026-03", "--platform", "youtube"]);
    assert!(output.ends_with("\n1 account changed by no more than rounding: Tube\n"), "{output}");
    assert!(!output.contains("GREW"), "{output}");
}

#[test]
fn an_unfinished_period_is_not_compared_in_any_form() {
    let past = list();
    for (period, is_compared) in [
        (&["--since", "10d"][..], true),
        (&["--since", "2026-01-20", "--until", "2026-02-02"], true),
        (&["--since", "2026-01-20"], false),
        (&["--since", "2026-01-20", "--until", "2999-01"], false),
    ] {
        let json = |verb: &[&str]| -> serde_json::Value {
            serde_json::from_str(&past.output(&[verb, period].concat())).expect("JSON")
        };
        let growth = json(&["growth", "--json"]);
        let accounts = growth["accounts"].as_array().expect("a list");
        let compared = accounts.iter().filter(|one| !one["followers_gained_before"].is_null());
        assert_eq!(compared.count() > 0, is_compared, "{growth}");
        let digest = json(&["digest", "--format", "json"]);
        for part in [&digest["total"], &digest["grew"][0]] {
            assert_eq!(!part["followers_gained_before"].is_null(), is_compared, "{digest}");
        }
        assert_eq!(
            (&growth["is_over"], &digest["is_over"]),
            (&is_compared.into(), &is_compared.into())
        );
        for verb in ["growth", "digest"] {
            let output = past.output(&[&[verb], period].concat());
            assert_eq!(!output.contains("It is not over"), is_compared, "{output}");
        }
        let csv = past.output(&[&["growth", "--csv"], period].concat());
        let up = csv.lines().find(|line| line.starts_with("clx1,")).expect("a row");
        assert_eq!(!up.ends_with(','), is_compared, "{up}");
    }
}

#[test]
fn an_invalid_period_is_reported() {
    let past = clients();
    for (arguments, expected) in [
        (&["--tag", "cleint-a"][..], "no account has the tag cleint-a; did you mean client-a?"),
        (&["--platform", "twitch"], "no account is on twitch"),
        (
            &["--month", "2025-11"],
            "nothing was measured in 2025-11: the history begins 2026-01-05T06:00:00Z",
        ),
        (&["--since", "2026-03", "--until", "2026-02"], "--until must be after --since"),
        (&["--month", "9999-01"], "in the future"),
    ] {
        let (code, output) = past.refused(&[&["growth"], arguments].concat());
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(output.contains(expected), "{output}");
    }
    let two = past.growthd(&["growth", "--month", "2026-01", "--since", "30d"]);
    assert_eq!(two.status.code(), Some(2));
}
