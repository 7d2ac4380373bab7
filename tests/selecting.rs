//! `--tag` and `--platform`, for the verbs that are not about growth.

use serde_json::Value;

use crate::harness::{Settings, Setup, Vendor};
use crate::past::Past;

/// Two clients, the first of which has an account on each platform.
fn clients() -> Past {
    let past = Past::new();
    for (id, label, tags, platform) in [
        ("clx1", "Guru", r#"["client-a", "vip"]"#, "tiktok"),
        ("clx2", "Tube", r#"["client-a"]"#, "youtube"),
        ("clx3", "Chef", r#"["client-b"]"#, "tiktok"),
    ] {
        let account = past.series(id, label, label, &[(0, 100), (7, 200)]);
        past.run(&format!("UPDATE _account SET tags = '{tags}' WHERE account = {account}"));
        past.run(&format!("UPDATE _profile SET platform = '{platform}' WHERE account = {account}"));
    }
    past
}

fn ids(value: &Value) -> Vec<&str> {
    let accounts = value.as_array().expect("an array").iter();
    accounts.map(|account| account["account_id"].as_str().expect("an id")).collect()
}

#[test]
fn plan_and_status_show_only_the_selected_accounts() {
    let past = clients();
    for (arguments, expected) in [
        (&[][..], &["clx1", "clx2", "clx3"][..]),
        (&["--tag", "client-a"], &["clx1", "clx2"]),
        (&["--tag", "vip", "--tag", "client-b"], &["clx1", "clx3"]),
        (&["--tag", "client-a", "--platform", "youtube"], &["clx2"]),
        (&["--tag", "client-b", "--platform", "youtube"], &[]),
    ] {
        let plan = past.output(&[&["plan", "--json"], arguments].concat());
        let plan: Value = serde_json::from_str(&plan).expect("JSON");
        assert_eq!(ids(&plan), expected, "{arguments:?}");
        let status = past.output(&[&["status", "--no-daemon", "--json"], arguments].concat());
        let status: Value = serde_json::from_str(&status).expect("JSON");
        assert_eq!(ids(&status["accounts"]), expected, "{arguments:?}");
        assert_eq!(status["summary"]["watched"], expected.len(), "{arguments:?}");
        assert_eq!(status["summary"]["snapshots"], 2 * expected.len(), "{arguments:?}");
    }
    let nobody = past.output(&["plan", "--tag", "client-b", "--platform", "youtube"]);
    assert_eq!(nobody, "no account of client-b on youtube is watched\n");
}

#[test]
fn status_counts_the_snapshots_of_removed_accounts_in_any_selection() {
    let past = clients();
    past.run("UPDATE _account SET removed_time = 1, next_due = NULL WHERE account = 2");
    for (arguments, watched, snapshots) in
        [(&[][..], 2, 6), (&["--tag", "client-a"], 1, 4), (&["--platform", "youtube"], 0, 2)]
    {
        let status = past.output(&[&["status", "--no-daemon", "--json"], arguments].concat());
        let summary = serde_json::from_str::<Value>(&status).expect("JSON")["summary"].clone();
        assert_eq!(summary["watched"], watched, "{arguments:?}");
        assert_eq!(summary["snapshots"], snapshots, "{arguments:?}");
        assert_eq!(summary["last_snapshot"]["utc"], "2026-01-12T06:00:00Z", "{arguments:?}");
    }
}

#[test]
fn the_digits_of_followers_line_up_in_status() {
    let past = Past::new();
    past.series("clx1", "Small", "small", &[(0, 5)]);
    past.series("clx2", "Large", "large", &[(0, 1_234_567)]);
    let status = past.output(&["status", "--no-daemon"]);
    assert!(
        status.contains("Small          5  ") && status.contains("Large  1,234,567  "),
        "{status}"
    );
}

#[test]
fn an_unknown_tag_is_refused_with_the_nearest() {
    let past = clients();
    for verb in ["plan", "status"] {
        let (code, output) = past.refused(&[verb, "--tag", "cleint-a"]);
        let expected = "growthd: no account has the tag cleint-a; did you mean client-a?\n";
        assert_eq!((code, &*output), (Some(2), expected), "{verb}");
        let (code, output) = past.refused(&[verb, "--platform", "toktik"]);
        assert_eq!(code, Some(2), "{verb}: {output}");
    }
}

#[test]
fn refresh_takes_the_enabled_ones_of_a_tag() {
    let vendor = Vendor::start();
    let accounts = [
        "clx1\ntags = [\"client-a\"]",
        "clx2\ntags = [\"client-a\"]\nenabled = false",
        "clx3\ntags = [\"client-b\"]",
    ];
    let place = Setup::new(&vendor, &Settings::weekly(&accounts));
    let refreshed = |arguments: &[&str]| {
        let ended = place.growthd(&[&["refresh", "--json"], arguments].concat());
        let output = ended.with_code(0).json();
        ids(&output).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(refreshed(&["--due", "--tag", "client-b"]), ["clx3"]);
    assert_eq!(refreshed(&["--due", "--tag", "client-b"]), [""; 0], "it is due no more");
    assert_eq!(refreshed(&["--tag", "client-a"]), ["clx1"]);
    let typed = refreshed(&["--all", "--tag", "client-a", "--tag", "client-b"]);
    assert_eq!(typed.len(), 2);
    for arguments in [&["--tag", "client-c"][..], &["clx1", "--tag", "client-a"], &[]] {
        place.growthd(&[&["refresh"], arguments].concat()).with_code(2);
    }
}
