//! `growthd history`.

use crate::past::{DAY, Field, Past, START};

fn guru() -> Past {
    let past = Past::new();
    let account = past.account("clx1", Some("Fitness Guru 🏋"), Some("guru"));
    for (day, followers, suspect) in [
        (0, 15_200, false),
        (7, 15_410, false),
        (14, 15_300, false),
        (35, 0, true),
        (42, 16_700, false),
        (49, 16_900, false),
    ] {
        let field = Field {
            likes: (!suspect).then_some(followers * 10),
            videos: Some(400 + day),
            engagement: Some(4.25),
            suspect,
            ..Field::followers(followers)
        };
        past.snapshot(account, START + day * DAY, field);
    }
    past
}

#[test]
fn a_terminal_shows_charts_with_gaps_and_a_table() {
    insta::assert_snapshot!(guru().output(&["history", "clx1"]), @r"
        Fitness Guru 🏋 (clx1)  @guru on tiktok

        followers
        16.9K │                                                                ⣀⣀⡠⠤⠤⠒⠒⠊⠉
              │                                                              ⠈⠉
              │
              │
              │
              │
              │          ⣀⣀⣀⣀
        15.2K │ ⣀⡠⠤⠤⠒⠒⠊⠉⠉    ⠉⠉⠉⠉⠉⠒⠒⠒
              └─────────────────────────────────────────────────────────────────────────
                2026-01-05                                                    2026-02-23

        likes
        169K │                                                                ⢀⣀⣀⠤⠤⠤⠒⠒⠊⠉
             │                                                               ⠉⠁
             │
             │
             │
             │
             │          ⢀⣀⣀⣀
        152K │ ⣀⡠⠤⠤⠒⠒⠒⠉⠉⠁   ⠉⠉⠉⠉⠉⠒⠒⠒
             └──────────────────────────────────────────────────────────────────────────
               2026-01-05                                                     2026-02-23

        TIME (UTC)        FOLLOWERS  CHANGE  A WEEK    LIKES   CHANGE  ENGAGEMENT
        2026-01-05 06:00     15,200                  152,000                 4.25
        2026-01-12 06:00     15,410    +210  +1.38%  154,100   +2,100        4.25
        2026-01-19 06:00     15,300    -110  -0.71%  153,000   -1,100        4.25
        2026-02-09 06:00          0                        -                 4.25  ?
          gap: 28.0 days
        2026-02-16 06:00     16,700  +1,400  +2.29%  167,000  +14,000        4.25
        2026-02-23 06:00     16,900    +200  +1.20%  169,000   +2,000        4.25

        ? a count of this snapshot is suspect: it is shown, but takes no part in any change (see docs/history.md)
        ");
}

#[test]
fn a_mark_is_explained_where_it_is_listed() {
    let past = Past::new();
    let account = past.account("clx1", Some("Daily"), None);
    past.snapshot(account, START, Field::followers(10));
    past.snapshot(account, START + DAY, Field::suspect(0));
    for day in 2..40 {
        past.snapshot(account, START + day * DAY, Field::followers(10 + day));
    }
    let newest = past.output(&["history", "clx1"]);
    assert!(!newest.contains('?'), "{newest}");
    let all = past.output(&["history", "clx1", "--all"]);
    assert!(
        all.contains("?\n") && all.contains("\n? a count of this snapshot is suspect: "),
        "{all}"
    );
}

#[test]
fn an_account_is_named_by_id_label_or_username() {
    let past = guru();
    let by_id = past.output(&["history", "clx1"]);
    for name in ["Fitness Guru 🏋", "guru", "@guru", "@Guru"] {
        assert_eq!(past.output(&["history", name]), by_id);
    }
}

#[test]
fn an_unknown_name_is_reported_with_the_nearest() {
    let past = guru();
    for (name, nearest) in [
        ("guro", "there is no account guro; did you mean guru?"),
        ("Fitnes Guru", "there is no account Fitnes Guru; did you mean Fitness Guru 🏋?"),
        ("zzz", "there is no account zzz; `growthd status` lists them"),
        ("", "no account is named; `growthd status` lists them"),
        ("\u{1b}[2J", "there is no account \u{fffd}[2J; `growthd status` lists them"),
    ] {
        assert_eq!(past.refused(&["history", name]), (Some(2), format!("growthd: {nearest}\n")));
    }
}

#[test]
fn an_ambiguous_label_lists_its_accounts() {
    let past = Past::new();
    past.series("clx1", "Guru", "one", &[(0, 1)]);
    past.series("clx2", "Guru", "two", &[(0, 2)]);
    let output = "growthd: Guru names 2 accounts; say which by its id: clx1, clx2\n";
    assert_eq!(past.refused(&["history", "Guru"]), (Some(2), output.to_owned()));
    // One that was replaced under its label does not stand in the way of its successor.
    past.run("UPDATE _account SET removed_time = 1767600000, next_due = NULL WHERE account = 1");
    assert!(past.output(&["history", "Guru", "--csv"]).contains(",2,"));
    assert!(past.output(&["history", "one", "--csv"]).contains(",1,"));
    // An id takes precedence over another account's label.
    past.series("Guru", "x", "y", &[(0, 3)]);
    assert!(past.output(&["history", "Guru", "--csv"]).contains(",3,"));
}

#[test]
fn since_limits_the_series() {
    let past = guru();
    let rows = |since: &str| {
        past.output(&["history", "clx1", "--csv", "--since", since]).lines().count() - 1
    };
    assert_eq!(rows("2026-02-16"), 2);
    assert_eq!(rows("2026-02-16T06:00:00Z"), 2);
    assert_eq!(rows("2026-02-16T06:00:01Z"), 1);
    let (code, output) = past.refused(&["history", "clx1", "--since", "9999-01-01"]);
    assert_eq!(code, Some(2));
    assert!(output.contains("in the future"), "{output}");
    let out = past.growthd(&["history", "clx1", "--since", "soon"]);
    assert_eq!(out.status.code(), Some(2));
}

#[test]
fn an_account_with_one_snapshot_or_none_is_shown() {
    let past = Past::new();
    past.account("clx1", None, None);
    past.series("clx2", "New", "new", &[(0, 15_200)]);
    assert!(
        past.output(&["history", "clx1"])
            .starts_with("clx1 on tiktok\nno snapshot yet; the next refresh is in ")
    );
    assert!(
        past.output(&["history", "clx2", "--since", "2026-01-06"])
            .contains("no snapshot since 2026-01-06T00:00:00Z;")
    );
    assert_eq!(past.output(&["history", "clx1", "--csv"]).lines().count(), 1);
    insta::assert_snapshot!(past.output(&["history", "clx2"]), @r"
        New (clx2)  @new on tiktok

        followers
              │
              │
              │
        15.2K │ ⡀
              │
              │
              │
              │
              └─────────────────────────────────────────────────────────────────────────
                2026-01-05 06:00:00

        TIME (UTC)        FOLLOWERS  CHANGE  A WEEK  LIKES  CHANGE  VIDEOS  ENGAGEMENT
        2026-01-05 06:00     15,200                      -               -
        ");
}

#[test]
fn a_refresh_that_is_held_back_is_told_as_the_plan_tells_it() {
    let past = Past::new();
    past.account("clx1", None, None);
    past.run(
        "UPDATE _account SET next_due = 1767592800;
         INSERT INTO _wait VALUES (1, 0, 4000000000, 'HTTP 429: slow down')",
    );
    let output = past.output(&["history", "clx1"]);
    assert!(output.ends_with(", held back until then by the pause\n"), "{output}");
    assert!(!output.contains("is now"), "{output}");
    assert!(past.output(&["plan"]).contains("pause"));
}

#[test]
fn programs_get_one_json_value() {
    let output = guru().output(&["history", "clx1", "--json", "--since", "2026-02-09"]);
    assert_eq!(output.lines().count(), 1);
    let value: serde_json::Value = serde_json::from_str(&output).expect("JSON");
    assert_eq!(value["account_id"], "clx1");
    assert_eq!(value["since_utc"], "2026-02-09T00:00:00Z");
    assert_eq!(value["snapshots"].as_array().expect("an array").len(), 3);
    assert_eq!(value["snapshots"][0]["is_suspect"], true);
    assert_eq!(value["snapshots"][1]["followers_delta"], 1400);
    // 1400 over the four weeks since the last measurement.
    assert_eq!(value["snapshots"][1]["followers_per_7d"], 350.0);
    assert_eq!(value["gaps"][0]["days"], 28.0);
    assert_eq!(value["gaps"][0]["to_utc"], "2026-02-16T06:00:00Z");
}

#[test]
fn a_missing_database_is_reported() {
    let past = Past::new();
    std::fs::remove_file(past.path()).expect("removed");
    for verb in [&["history", "x"][..], &["growth"], &["export"], &["backup", "copy.db"]] {
        let (code, output) = past.refused(verb);
        assert_eq!(code, Some(74));
        assert!(output.contains("there is no database at"), "{output}");
    }
    assert!(!past.file("copy.db").exists());
}

#[test]
fn a_former_handle_still_names_its_account() {
    let past = guru();
    past.run(&format!(
        "INSERT INTO _profile_change VALUES (1, 3, {}, 'username', 'old_guru', 'guru')",
        START + 14 * DAY
    ));
    for name in ["old_guru", "@Old_Guru"] {
        assert!(past.output(&["history", name]).starts_with("Fitness Guru"), "{name}");
    }
}

#[test]
fn a_handle_is_the_same_in_any_case() {
    let past = guru();
    assert!(past.output(&["history", "@GURU"]).starts_with("Fitness Guru"));
    let found = past.query("SELECT username FROM latest WHERE username = 'Guru'");
    assert_eq!(found, ["guru"]);
}

#[test]
fn a_daily_account_lists_its_newest_snapshots_and_all_on_request() {
    let past = Past::new();
    let days: Vec<(i64, i64)> = (0..90).map(|day| (day, 1000 + day)).collect();
    past.series("clx1", "Daily", "daily", &days);
    let output = past.output(&["history", "clx1"]);
    assert!(output.lines().count() < 40, "{output}");
    assert!(
        output.contains("\n2026-04-04 06:00") && !output.contains("\n2026-03-01 06:00"),
        "{output}"
    );
    assert!(output.ends_with("\nthe newest 20 of 90; use --all to list them all\n"), "{output}");
    let all = past.output(&["history", "clx1", "--all"]);
    assert!(all.contains("\n2026-01-05 06:00") && !all.contains("--all"), "{all}");
}
