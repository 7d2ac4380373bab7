//! `growthd digest`.

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use crate::past::{DAY, Field, HOUR, Past, START, WEEK};

const HOSTILE: &str = "</td><script>x()</script>\u{1b}[31m\u{202e}\r\nBcc: all";

/// Nine Mondays: the last is 2026-03-02, and the last whole week 2026-W09, to 2026-03-02T00:00Z.
fn list() -> Past {
    let past = Past::new();
    let weekly = |first: i64, step: i64| -> Vec<(i64, i64)> {
        (0..9).map(|week| (7 * week, first + step * week)).collect()
    };
    let tag = |account: i64, tags: &str| {
        past.run(&format!("UPDATE _account SET tags = '{tags}' WHERE account = {account}"));
    };
    tag(past.series("clx1", "Guru", "guru", &weekly(9_500, 70)), r#"["client-a"]"#);
    tag(past.series("clx2", "Shrinking", "less", &weekly(5_000, -14)), r#"["client-b"]"#);
    // 70 a week, and then 7,000 at once.
    let mut viral = weekly(20_000, 70);
    viral[8].1 += 7_000;
    tag(past.series("clx3", "Viral", "viral", &viral), r#"["client-b"]"#);
    tag(past.series("clx4", "Asleep", "asleep", &weekly(100, 1)[..5]), r#"["client-a"]"#);
    let failing = past.account("clx5", Some("Gone"), Some("gone"));
    past.run(&format!(
        "INSERT INTO _refresh (account, cause, outcome, spent, interval, started_time, took, status, error)
         VALUES ({failing}, 1, 2, 0, {WEEK}, {}, 0, 404, 'HTTP 404: no such account');
         UPDATE _account SET first_failure = last_insert_rowid(), last_failure = last_insert_rowid(),
                is_failing = 1 WHERE account = {failing}",
        START + 49 * DAY
    ));
    past.run(&format!(
        "INSERT INTO _profile_change VALUES (1, 9, {0}, 'username', 'old_guru', 'guru');
         INSERT INTO _profile_change VALUES (1, 9, {0}, 'avatar_url', 'a', 'b');
         INSERT INTO _profile_change VALUES (2, 18, {0}, 'bio', 'x', 'y')",
        START + 56 * DAY
    ));
    past
}

#[test]
fn a_week_takes_about_twenty_lines() {
    let output = list().output(&["digest", "--week", "2026-W09"]);
    insta::assert_snapshot!(output, @r"
        Growth in 2026-W09
        2026-02-23 to 2026-03-01, UTC

        +6,876 followers (+19.44%), to 42,254; +126 in the period before.
        3 of 5 accounts are included: measured at both ends.
        1 account has not been measured up to the period's end: Asleep
        1 account has never been measured: Gone

        GREW          GAINED           FOLLOWERS
        Viral         +6,820  +33.29%     27,308
        Guru             +70   +0.70%     10,058

        LOST          GAINED           FOLLOWERS
        Shrinking        -14   -0.29%      4,888

        TAG           GAINED           FOLLOWERS
        client-b      +6,806  +26.81%     32,196
        client-a         +70   +0.70%     10,058

        MILESTONES
        - Guru: 10,000 followers by 2026-03-02

        UNUSUAL
        - Viral: +7,070 followers by 2026-03-02, +7,070 a week; +70 is usual

        PROFILES
        - Guru: @old_guru is now @guru (2026-03-02)
        - Shrinking: has a new bio: “y” (2026-03-02)

        SILENT
        - Gone, never measured
        - Asleep since 2026-02-02

        FAILING NOW
        - Gone since 2026-02-23: HTTP 404: no such account
        ");
}

#[test]
fn the_accounts_that_the_total_leaves_out_or_takes_from_earlier_days_are_named() {
    let past = list();
    let hidden = past.account("clx6", Some("Hidden"), None);
    for week in 0..9 {
        let field = Field { videos: Some(7), ..Field::default() };
        past.snapshot(hidden, START + week * WEEK, field);
    }
    let output = past.output(&["digest", "--since", "21d"]);
    for sentence in [
        "\n4 of 6 accounts are included: measured at both ends.\n",
        "\n1 account has been measured without a follower count: Hidden\n",
        "\n1 account has not been measured since; shown up to the last measurement:\nAsleep (2026-02-02)\n",
    ] {
        assert!(output.contains(sentence), "{output}");
    }
    // The table of the page dates the row by its followers.
    past.snapshot(4, START + 56 * DAY, Field { videos: Some(7), ..Field::default() });
    let page = past.output(&["report", "--output", "-"]);
    assert!(page.contains(">2 Feb 2026</td>"), "{page}");
}

#[test]
fn a_tag_has_its_own_digest_and_an_empty_one_is_a_line() {
    let past = list();
    let output = past.output(&["digest", "--week", "2026-W06", "--tag", "client-b"]);
    insta::assert_snapshot!(output, @r"
        Growth in 2026-W06 of client-b
        2026-02-02 to 2026-02-08, UTC

        +56 followers (+0.22%), to 25,278; +56 in the period before.

        GREW          GAINED          FOLLOWERS
        Viral            +70  +0.35%     20,348

        LOST          GAINED          FOLLOWERS
        Shrinking        -14  -0.28%      4,930

        Otherwise: no milestone, nothing unusual, no profile changed, no account
        silent, no account failing.
        ");
}

#[test]
fn the_sum_is_that_of_the_view() {
    let past = list();
    for (week, tag) in
        [("2026-W09", "client-b"), ("2026-W08", "client-a"), ("2026-W06", "client-b")]
    {
        let view = past.query(&format!(
            "SELECT accounts, followers, followers_delta FROM tag_weekly
             WHERE tag = '{tag}' AND week = '{week}'"
        ));
        let output = json(&past, &["--week", week, "--tag", tag]);
        let total = &output["total"];
        let sum =
            format!("{}|{}|{}", total["accounts"], total["followers"], total["followers_gained"]);
        assert_eq!([sum], *view, "{week} {tag}");
        let whole = json(&past, &["--week", week]);
        let tags = whole["tags"].as_array().expect("an array");
        let of_tag = tags.iter().find(|output| output["tag"] == tag).expect("the tag");
        assert_eq!(of_tag["followers_gained"], total["followers_gained"]);
    }
}

fn json(past: &Past, arguments: &[&str]) -> Value {
    let output = past.output(&[&["digest", "--format", "json"], arguments].concat());
    assert_eq!(output.lines().count(), 1);
    serde_json::from_str(&output).expect("JSON")
}

#[test]
fn json_contains_everything() {
    let output = json(&list(), &["--month", "2026-02"]);
    let ids = |part: &str| -> Vec<String> {
        let part = output[part].as_array().expect("an array").iter();
        part.map(|output| output["account_id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(ids("grew"), ["clx3", "clx1"]);
    assert_eq!(ids("lost"), ["clx2"]);
    assert_eq!(ids("failing"), ["clx5"]);
    assert_eq!(ids("silent"), ["clx5"], "the sleeper was measured on the 2nd");
    assert_eq!(ids("profile_changes"), ["clx1", "clx2"]);
    assert_eq!(output["period"], "in 2026-02");
    assert_eq!(
        (&output["is_over"], &output["breaker"], &output["budget"]),
        (&Value::Bool(true), &Value::Null, &Value::Null)
    );
    assert_eq!(output["failing"][0]["last_error"], "HTTP 404: no such account");
}

#[test]
fn silent_is_who_was_due_by_the_schedule_of_that_time_and_watched() {
    const FRIDAY: i64 = 4;
    let sunday = ["--since", "2026-01-11", "--until", "2026-01-12"];
    let week = ["--since", "2026-W05", "--until", "2026-W06"];
    // The days of its snapshots, the interval in the ledger, and today's; the day since when it is
    // watched.
    for (days, then, today, active, period, is_silent) in [
        // From Monday to Friday: nothing is due on a weekend.
        (&[0, 1, 2, 3, FRIDAY][..], 3 * DAY, DAY, 0, sunday, false),
        (&[0, 1, 2, 3], DAY, DAY, 0, sunday, true),
        // What is weekly now was daily, and the other way round.
        (&[0, 1], DAY, WEEK, 0, sunday, true),
        (&[0, FRIDAY], WEEK, DAY, 0, sunday, false),
        // Away from the first day to after the week, to its last day, and to long before it.
        (&[0], WEEK, WEEK, 60, week, false),
        (&[0], WEEK, WEEK, 26, week, false),
        (&[0], WEEK, WEEK, 9, week, true),
        (&[0], WEEK, 30 * DAY, 9, week, false),
        // The schedule of a later measurement tells what was due after the return.
        (&[0, 60], WEEK, 30 * DAY, 9, week, true),
        (&[60], WEEK, WEEK, 0, week, true),
        (&[60], WEEK, WEEK, 59, week, false),
    ] {
        let past = Past::new();
        let account = past.account("clx1", Some("Guru"), None);
        for day in days {
            let field = Field { interval: Some(then), ..Field::followers(5) };
            past.snapshot(account, START + day * DAY, field);
        }
        past.run(&format!(
            "UPDATE _account SET interval = {today}, active_time = {}",
            START + active * DAY
        ));
        past.series("clx2", "Present", "present", &[(0, 1), (6, 1), (27, 1), (60, 1)]);
        let silent = json(&past, &period)["silent"].as_array().expect("an array").len();
        assert_eq!(silent == 1, is_silent, "{days:?} {then} {today} {active} {period:?}");
    }
}

#[test]
fn an_account_has_one_name_in_every_section_and_verb() {
    let past = list();
    past.run(
        "UPDATE _account SET label = NULL WHERE account = 5;
         UPDATE _profile SET display_name = 'Fitness Studio' WHERE account = 5",
    );
    let output = past.output(&["digest", "--week", "2026-W09"]);
    assert!(output.contains("\nSILENT\n- Fitness Studio, never"), "{output}");
    assert!(output.contains("\nFAILING NOW\n- Fitness Studio since"), "{output}");
    let failing = json(&past, &["--week", "2026-W09"])["failing"][0].clone();
    assert_eq!(
        (&failing["name"], &failing["username"]),
        (&"Fitness Studio".into(), &"gone".into())
    );
    let plan = past.output(&["plan"]);
    assert!(plan.starts_with("ACCOUNT  NAME ") && plan.contains("Fitness Studio"), "{plan}");
    let status = past.growthd(&["status", "--no-daemon"]).stdout;
    let status = String::from_utf8(status).expect("UTF-8");
    assert!(status.contains("FAILING    clx5 (Fitness Studio) since"), "{status}");
    assert!(status.contains("\nclx5     Fitness Studio "), "{status}");
    for verb in [&["plan", "--json"][..], &["status", "--no-daemon", "--json"]] {
        let output = String::from_utf8(past.growthd(verb).stdout).expect("UTF-8");
        assert!(output.contains("\"name\":\"Fitness Studio\""), "{output}");
    }
    let history = past.output(&["history", "clx5"]);
    assert!(history.starts_with("Fitness Studio (clx5)  @gone on tiktok\n"), "{history}");
}

#[test]
fn a_name_from_right_to_left_leaves_the_numbers_after_it_in_their_place() {
    let past = list();
    past.run(
        "UPDATE _account SET label = 'שלום' WHERE account = 1;
         INSERT INTO _profile_change SELECT account, refresh_id, time, 'display_name', 'שלום', 'b'
         FROM _profile_change WHERE account = 1 AND field = 'username'",
    );
    let digest = ["digest", "--week", "2026-W09"];
    let html = past.output(&[&digest[..], &["--format", "html"]].concat());
    for isolated in
        ["<li>\u{2068}שלום\u{2069}: 10,000 followers", "renamed from “\u{2068}שלום\u{2069}” to “"]
    {
        assert!(html.contains(isolated), "{html}");
    }
    let page = past.output(&["report", "--output", "-"]);
    assert!(page.contains("renamed from “\u{2068}שלום\u{2069}” to “\u{2068}b\u{2069}”"));
    let text = past.output(&digest);
    assert!(text.contains("\n- שלום: 10,000 followers by 2026-03-02\n"), "{text}");
}

#[test]
fn only_an_account_that_was_verified_is_no_longer_verified() {
    for (old, new, shown) in [
        ("1", "0", Some("Guru: is no longer verified (2026-03-02)")),
        ("0", "1", Some("Guru: is now verified (2026-03-02)")),
        ("NULL", "1", Some("Guru: is now verified (2026-03-02)")),
        ("NULL", "0", None),
        ("0", "NULL", None),
        ("1", "NULL", None),
    ] {
        let past = list();
        past.run(&format!(
            "DELETE FROM _profile_change;
             INSERT INTO _profile_change VALUES (1, 9, {}, 'is_verified', {old}, {new})",
            START + 56 * DAY
        ));
        let output = past.output(&["digest", "--week", "2026-W09"]);
        let lines: Vec<&str> = output.lines().filter(|line| line.contains("verified")).collect();
        let shown = shown.map(|line| format!("- {line}"));
        assert_eq!(lines, shown.as_slice(), "{old} {new}");
        assert_eq!(output.contains("no profile changed"), shown.is_none(), "{old} {new}");
        let page = past.output(&["report", "--output", "-"]);
        assert_eq!(
            page.contains("\"is no longer verified\""),
            (old, new) == ("1", "0"),
            "{old} {new}"
        );
        assert_eq!(past.query("SELECT count(*) FROM profile_changes"), ["1"]);
    }
}

#[test]
fn an_open_breaker_and_a_spent_budget_are_shown() {
    let past = list();
    past.run(&format!(
        "INSERT INTO _breaker VALUES (1, {START}, 0, 'no credits left', 1, 0, 0, {START}, 0, 0, {START}, 1, 0, NULL, 0, 0);
         UPDATE _account SET next_due = {START} WHERE account = 1;
         INSERT INTO _spend SELECT strftime('%s', 'now') / 86400, 5, 5, 0, 5, 0"
    ));
    let config = past.file("config.toml");
    let text = std::fs::read_to_string(&config).expect("the configuration");
    std::fs::write(&config, format!("{text}[budget]\nrefreshes = 5\nper = \"month\"\n"))
        .expect("written");
    let output = past.output(&["digest", "--week", "2026-W06"]);
    assert!(
        output.contains(
            "\nBREAKER\n- the vendor has been in trouble since 2026-01-05: no credits left\n"
        ),
        "{output}"
    );
    assert!(output.contains("\nBUDGET\n- used up: 1 account is held back until "), "{output}");
}

#[test]
fn names_and_errors_of_others_stay_text_and_lines_stay_narrow() {
    let past = list();
    let long = "Wort".repeat(60);
    past.run(&format!(
        "UPDATE _account SET label = '{HOSTILE}' WHERE account = 3;
         UPDATE _account SET label = '{long}' WHERE account = 2;
         UPDATE _account SET label = '日本の名前の長い名前の長い名前の長い名前の長い名前', tags = '[\"{long}\"]' WHERE account = 1;
         UPDATE _refresh SET error = '{HOSTILE}{long} {long}' WHERE error IS NOT NULL"
    ));
    let output = past.output(&["digest", "--week", "2026-W09"]);
    assert!(output.lines().all(|line| line.width() <= 72), "{output}");
    assert!(
        !output.contains(['\u{1b}', '\u{202e}', '\r']) && !output.contains("\nBcc"),
        "{output}"
    );
    let html = past.output(&["digest", "--week", "2026-W09", "--format", "html"]);
    for outside in ["<script", "\u{202e}", "\u{1b}", "http", "<style", "<link", "<img", "url("] {
        assert!(!html.contains(outside), "{outside}: {html}");
    }
    for name in ["table", "tr", "td", "th", "ul", "li", "h1", "h2", "p", "body", "bdi"] {
        let opened =
            html.matches(&format!("<{name}>")).count() + html.matches(&format!("<{name} ")).count();
        assert_eq!(opened, html.matches(&format!("</{name}>")).count(), "{name}");
    }
    assert!(html.contains("&#60;/td&#62;&#60;script&#62;x()"), "{html}");
}

#[test]
fn without_a_period_it_is_the_last_week_that_is_over() {
    let past = Past::new();
    let now = growthd::clock::now().time().0;
    let account = past.account("clx1", Some("New"), None);
    past.snapshot(account, now - HOUR, Field::followers(5));
    let output = past.output(&["digest"]);
    let week = past.query("SELECT week FROM _week WHERE to_time <= strftime('%s', 'now') + 0 ORDER BY to_time DESC LIMIT 1");
    assert!(output.starts_with(&format!("Growth in {}\n", week[0])), "{output}");
    assert!(
        output.contains(
            "\nThe account was not measured at both ends: the history may begin later,\n"
        ),
        "{output}"
    );
}

#[test]
fn bad_input_is_refused_and_an_empty_digest_is_shown() {
    let past = list();
    for (arguments, expected) in [
        (&["--tag", "cleint-a"][..], "no account has the tag cleint-a; did you mean client-a?"),
        (&["--week", "2098-W01"], "in the future"),
        (&["--month", "2025-11"], "nothing was measured in 2025-11"),
    ] {
        let (code, output) = past.refused(&[&["digest"], arguments].concat());
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(output.contains(expected), "{output}");
    }
    let empty = Past::new();
    for format in ["text", "html", "json"] {
        let output = empty.output(&["digest", "--format", format]);
        assert!(format == "json" || output.contains("No account is watched yet"), "{output}");
    }
}
