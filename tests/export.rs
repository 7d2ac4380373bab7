//! `growthd export`.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

use crate::harness::hidden_files;
use crate::past::{DAY, Field, Past, START};

fn history() -> Past {
    let past = Past::new();
    let account = past.account("clx1", Some("=cmd|' /C calc'!A0"), Some("gu,\"ru"));
    let field = Field { engagement: Some(4.5), likes: Some(-5), ..Field::followers(1000) };
    past.snapshot(account, START, field);
    past.snapshot(account, START + 7 * DAY, Field { suspect: true, ..Field::default() });
    past.run(
        "DROP TRIGGER _snapshot_stays;
         UPDATE _snapshot SET extra = '{\"a\":\n 12345678901234567890.5}', avg_views = 85000,
                analyzed_ago = 60 WHERE refresh_id = 1;",
    );
    past
}

#[test]
fn csv_has_stable_columns_and_no_formula() {
    insta::assert_snapshot!(history().output(&["export"]), @r#"
        account_id,name,label,username,platform,time,time_utc,followers,following,videos,likes,engagement_rate,virality_score,avg_views,analyzed_time,analyzed_utc,is_suspect,suspect,source,extra,refresh_id
        clx1,'=cmd|' /C calc'!A0,'=cmd|' /C calc'!A0,"gu,""ru",tiktok,1767592800,2026-01-05T06:00:00Z,1000,10,,-5,4.5,,85000,1767592740,2026-01-05T05:59:00Z,0,,refresh,"{""a"":  12345678901234567890.5}",1
        clx1,'=cmd|' /C calc'!A0,'=cmd|' /C calc'!A0,"gu,""ru",tiktok,1768197600,2026-01-12T06:00:00Z,,10,,,,,,,,1,zero,refresh,,2
        "#);
}

#[test]
fn json_lines_have_the_same_columns() {
    let past = history();
    let output = past.output(&["export", "--format", "jsonl"]);
    insta::assert_snapshot!(output, @r#"
        {"account_id":"clx1","name":"=cmd|' /C calc'!A0","label":"=cmd|' /C calc'!A0","username":"gu,\"ru","platform":"tiktok","time":1767592800,"time_utc":"2026-01-05T06:00:00Z","followers":1000,"following":10,"videos":null,"likes":-5,"engagement_rate":4.5,"virality_score":null,"avg_views":85000,"analyzed_time":1767592740,"analyzed_utc":"2026-01-05T05:59:00Z","is_suspect":0,"suspect":null,"source":"refresh","extra":{"a":  12345678901234567890.5},"refresh_id":1}
        {"account_id":"clx1","name":"=cmd|' /C calc'!A0","label":"=cmd|' /C calc'!A0","username":"gu,\"ru","platform":"tiktok","time":1768197600,"time_utc":"2026-01-12T06:00:00Z","followers":null,"following":10,"videos":null,"likes":null,"engagement_rate":null,"virality_score":null,"avg_views":null,"analyzed_time":null,"analyzed_utc":null,"is_suspect":1,"suspect":"zero","source":"refresh","extra":null,"refresh_id":2}
        "#);
    let csv = past.output(&["export", "--format", "csv"]);
    for line in output.lines() {
        let object: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let object = object.as_object().expect("an object");
        assert_eq!(object.len(), csv.lines().next().expect("headings").split(',').count());
    }
}

#[test]
fn since_includes_its_own_instant() {
    let past = history();
    let lines = |since: &str| {
        past.output(&["export", "--format", "jsonl", "--since", since]).lines().count()
    };
    assert_eq!(lines("2026-01-05T06:00:00Z"), 2);
    assert_eq!(lines("2026-01-05T06:00:01Z"), 1);
    assert_eq!(lines("2026-02-01"), 0);
    assert_eq!(past.refused(&["export", "--since", "9999-01-01"]).0, Some(2));
}

#[test]
fn a_file_is_written_completely_or_not_at_all() {
    let past = history();
    let whole = past.output(&["export"]);
    fs::write(past.file("out.csv"), "old").expect("a file");
    assert_eq!(past.output(&["export", "--output", "out.csv"]), "");
    assert_eq!(fs::read_to_string(past.file("out.csv")).expect("the file"), whole);
    assert_eq!(past.output(&["export", "--output", "/dev/stdout"]), whole);
    assert_eq!(past.output(&["export", "--output", "/dev/null"]), "");
    for (output, why) in [
        ("growth.db", "is the database itself"),
        ("nowhere/out.csv", "its folder does not exist"),
        (".", "is not a regular file"),
    ] {
        let (code, output) = past.refused(&["export", "--output", output]);
        assert_eq!(code, Some(74));
        assert!(output.contains(why), "{output}");
    }
    assert_eq!(hidden_files(&past.file("")), [""; 0]);
    assert_eq!(past.query("PRAGMA quick_check"), ["ok"]);
}

/// `refused` asserts that there is one line of error, and no output.
#[test]
fn an_unsupported_filter_is_refused_before_anything_is_written() {
    let past = history();
    for (arguments, why) in [
        ("--view columns --since 30d", "cannot be narrowed by a period"),
        ("--view accounts --month 2026-01", "cannot be narrowed by a period"),
        ("--view spend --platform tiktok", "cannot be narrowed by --platform"),
        ("--view snapshot", "there is no view snapshot; did you mean snapshots?"),
        ("--view numbers", "there is no view numbers; there are account"),
    ] {
        for format in ["csv", "jsonl"] {
            let arguments = format!("export {arguments} --format {format}");
            let arguments: Vec<&str> = arguments.split(' ').collect();
            let (code, output) = past.refused(&arguments);
            assert!(code == Some(2) && output.contains(why), "{arguments:?}: {output}");
        }
    }
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let past = history();
    past.run(
        "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
         INSERT INTO _refresh (refresh_id, account, cause, outcome, spent, started_time, took)
         SELECT i, 1, 4, 1, 1, i, 0 FROM n;
         INSERT INTO _snapshot (refresh_id, account, time, followers, suspect)
         SELECT refresh_id, 1, started_time, 5, 0 FROM _refresh WHERE refresh_id >= 100;",
    );
    for format in ["csv", "jsonl"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_growthd"))
            .args(["--config".as_ref(), past.file("config.toml").as_os_str()])
            .args(["export", "--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("growthd runs");
        let mut first = [0; 10];
        let mut out = child.stdout.take().expect("a pipe");
        out.read_exact(&mut first).expect("a beginning");
        drop(out);
        let ended = child.wait_with_output().expect("it ends");
        assert_eq!((ended.status.code(), ended.stderr.len()), (Some(0), 0), "{format}");
    }
}

/// As those of calls that failed before the first one succeeded.
#[test]
fn rows_that_precede_the_first_measurement_are_exported() {
    let past = history();
    past.run(&format!(
        "INSERT INTO _refresh (account, cause, outcome, spent, started_time, took)
         VALUES (1, 4, 2, 1, {}, 0)",
        START - 30 * DAY
    ));
    for (view, rows) in [("refreshes", 1), ("spend", 1), ("snapshots", 0)] {
        let output = past.output(&["export", "--view", view, "--month", "2025-12"]);
        assert_eq!(output.lines().count() - 1, rows, "{view}: {output}");
    }
}

/// The gap is from week 1 to week 4, across the end of January. The weeks that are over began on
/// 2026-01-05, 12, 19 and 26, and the last one ends in February.
#[test]
fn a_row_that_spans_time_belongs_to_the_period_in_which_it_ends() {
    let past = Past::new();
    past.series("clx1", "Guru", "guru", &[(0, 1), (7, 2), (28, 3)]);
    for (period, gaps, weeks) in [
        (&[][..], 1, 4),
        (&["--month", "2026-01"][..], 0, 3),
        (&["--month", "2026-02"], 1, 1),
        (&["--week", "2026-W04"], 0, 1),
        (&["--week", "2026-W06"], 1, 0),
        (&["--until", "2026-01-12T06:00:00Z"], 0, 1),
        (&["--since", "2026-02-02T06:00:00Z"], 0, 0),
        (&["--since", "2026-02-02"], 1, 0),
        (&["--since", "2026-01-29"], 1, 1),
    ] {
        for (view, rows) in [("gaps", gaps), ("weekly", weeks)] {
            let output = past.output(&[&["export", "--view", view], period].concat());
            assert_eq!(output.lines().count() - 1, rows, "{view} {period:?}");
        }
    }
}

#[test]
fn a_name_is_written_alike_by_every_verb() {
    let past = Past::new();
    past.series("clx1", "a\nb\r\nc", "\r=1", &[(0, 1), (7, 2)]);
    let name = |output: String| output.lines().nth(1).expect("a row").to_owned();
    for arguments in
        [&["export"][..], &["growth", "--csv"], &["export", "--view", "latest", "--for-excel"]]
    {
        let row = name(past.output(arguments));
        assert!(row.starts_with("clx1,a b  c,a b  c, =1,"), "{arguments:?}: {row}");
    }
    let row = name(past.output(&["history", "clx1", "--csv"]));
    assert!(row.contains(",a b  c,"), "{row}");
}
