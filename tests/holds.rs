//! What holds back calls, and how many accounts, is told alike by `status`, `plan`, `digest` and the
//! page.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::past::{Past, START};

const FAR: &str = "2096-10-02T07:06:40Z";

/// Two accounts that have been due for a minute and never had a snapshot, with a tag each.
fn due() -> Past {
    let past = Past::new();
    for (id, tag) in [("clx1", "a"), ("clx2", "b")] {
        let account = past.account(id, None, None);
        past.run(&format!(
            "UPDATE _account SET tags = '[\"{tag}\"]', phase = 0, settled_slot = NULL,
               next_due = strftime('%s', 'now') - 60
             WHERE account = {account}"
        ));
    }
    past
}

/// Returns the output of a verb that may report that something needs attention.
fn run(past: &Past, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_growthd"));
    command.current_dir(past.folder()).env_remove("GROWTHD_CONFIG").args(arguments);
    String::from_utf8(command.output().expect("growthd runs").stdout).expect("text")
}

fn json(past: &Past, arguments: &[&str]) -> Value {
    serde_json::from_str(&run(past, arguments)).expect("JSON")
}

#[test]
fn a_probe_is_not_announced_before_it_can_be_sent() {
    let past = due();
    past.run(&format!(
        "INSERT INTO _breaker VALUES (1, {START}, 0, 'no credits left', 1, 0, 0, {START}, 0, 0, {START}, 1, 0,
           NULL, {START}, 0)"
    ));
    let probe = || {
        let status = json(&past, &["status", "--no-daemon", "--json"]);
        status["summary"]["breaker"]["next_probe"]["utc"].as_str().expect("a time").to_owned()
    };
    assert!(*FAR > *probe());
    past.run("INSERT INTO _wait VALUES (1, 0, 4000000000, 'HTTP 429: slow down')");
    assert_eq!(probe(), FAR);
    past.run("DELETE FROM _wait; UPDATE _account SET next_due = 4000000000");
    assert_eq!(probe(), FAR, "no account is due");
    past.run("UPDATE _account SET next_due = 1");
    let path = past.file("config.toml");
    let config = fs::read_to_string(&path).expect("a configuration");
    fs::write(&path, format!("{config}[budget]\nrefreshes = 0\n")).expect("a file");
    let status = json(&past, &["status", "--no-daemon", "--json"]);
    assert_eq!(status["summary"]["budget"]["until"]["utc"], *probe());
}

#[test]
fn what_holds_back_calls_is_told_alike_everywhere() {
    let breaker = format!(
        "INSERT INTO _breaker VALUES (1, {START}, 0, 'no credits left', 1, 0, 0, 3999999990, 0, 0, 3999999990, 1, 0,
           NULL, {START}, {})",
        4_000_000_000 - START
    );
    let pause = "INSERT INTO _wait VALUES (1, 0, 4000000000, 'HTTP 429: slow down')";
    let notices = ["The vendor is in trouble", "<strong>Waiting<", "The budget is used up"];
    for (hold, sql, notice) in [
        ("breaker", breaker.as_str(), notices[0]),
        ("pause", pause, notices[1]),
        ("budget", "", notices[2]),
    ] {
        let past = due();
        past.run(sql);
        let mut until = FAR.to_owned();
        if hold == "budget" {
            let path = past.file("config.toml");
            let config = fs::read_to_string(&path).expect("a configuration");
            fs::write(&path, format!("{config}[budget]\nrefreshes = 0\n")).expect("a file");
            let whole = json(&past, &["status", "--json"]);
            until = whole["summary"]["budget"]["until"]["utc"].as_str().expect("a time").to_owned();
        }

        let status = json(&past, &["status", "--no-daemon", "--tag", "a", "--json"]);
        assert_eq!(status["summary"]["next"]["utc"], *until, "{hold}");
        assert_eq!(status["accounts"][0]["next"]["utc"], *until, "{hold}");
        let reasons = status["summary"]["attention"].as_array().expect("a list");
        assert!(reasons.iter().any(|reason| reason["reason"] == hold), "{hold}: {status}");

        let plan = json(&past, &["plan", "--tag", "a", "--json"]);
        assert_eq!((&plan[0]["why"], &plan[0]["next_utc"]), (&hold.into(), &(*until).into()));
        let runs = plan[0]["runs"].as_array().expect("a list");
        let times: Vec<_> = runs.iter().map(|run| run["time"].as_i64()).collect();
        assert!(times.is_sorted(), "{hold}: {times:?}");

        let digest = run(&past, &["digest", "--tag", "a"]);
        let title = format!("\n{}\n- ", hold.to_uppercase());
        assert!(digest.contains(&title), "{hold}: {digest}");
        if hold == "budget" {
            let said = format!("{title}used up: 1 account is held back until {until}\n");
            assert!(digest.contains(&said), "{digest}");
        }
        let digest = json(&past, &["digest", "--tag", "a", "--format", "json"]);
        for other in ["breaker", "pause", "budget"] {
            assert_eq!(digest[other].is_object(), hold == other, "{other}: {digest}");
        }

        let page = run(&past, &["report", "--output", "-"]);
        for other in notices {
            assert_eq!(page.contains(other), other == notice, "{hold}: {other}");
        }
        let tile = "<span class=\"warn\">0</span><span class=\"sub\">2 accounts are held back";
        assert!(page.contains(tile), "{hold}");
    }
    let page = run(&due(), &["report", "--output", "-"]);
    assert!(!notices.iter().any(|notice| page.contains(notice)));
    assert!(page.contains("<span class=\"sub\">all refreshed when due"));
}
