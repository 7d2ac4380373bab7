//! `growthd import`.

use std::fs;

use crate::past::{DAY, Field, Past, START};

/// Guru has snapshots with 1000 and 1070 followers, from 2026-01-05T06:00:00Z on; Newcomer has
/// none.
fn past() -> Past {
    let past = Past::new();
    let guru = past.account("clx1", Some("Guru"), Some("guru"));
    for (day, followers) in [(0, 1000), (7, 1070)] {
        past.snapshot(guru, START + day * DAY, Field::followers(followers));
    }
    past.account("clx2", Some("Newcomer"), Some("new"));
    past
}

fn import(past: &Past, csv: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    fs::write(past.file("old.csv"), csv).expect("a file");
    let out = past.growthd(&[&["import", "old.csv"], arguments].concat());
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (out.status.code(), text(out.stdout), text(out.stderr))
}

const OLD: &str = "\u{feff}Account,Date,Followers,Likes\r\n\
                   Guru,2025-12-01,650,\r\n\
                   new,2025-12-03 06:00,5,1\r\n\
                   clx1,2025-12-29T06:00:00Z,930,40\r\n";

#[test]
fn nothing_is_written_without_write() {
    let past = past();
    let (code, output, errors) = import(&past, OLD, &[]);
    assert_eq!((code, &*errors), (Some(0), ""));
    assert_eq!(
        output,
        "clx1 (Guru): 2 snapshots from 2025-12-01T00:00:00Z to 2025-12-29T06:00:00Z, followers 650 to 930\n\
         clx2 (Newcomer): 1 snapshot from 2025-12-03T06:00:00Z to 2025-12-03T06:00:00Z, followers 5 to 5\n\
         3 snapshots of 2 accounts would be imported; nothing is written without --write\n"
    );
    assert_eq!(past.query("SELECT count(*) FROM snapshots"), ["2"]);
}

/// SQLite gives it the id after the largest, which is 0 then.
#[test]
fn the_first_call_after_an_import_into_an_empty_ledger_is_shown() {
    let past = Past::new();
    let account = past.account("clx1", Some("Guru"), Some("guru"));
    let older = "username,time,followers\nguru,2025-11-01,500\n";
    assert_eq!(import(&past, older, &["--write"]).0, Some(0));
    past.run(&format!(
        "INSERT INTO _refresh (account, cause, outcome, spent, started_time)
         VALUES ({account}, 4, 2, 1, {START})"
    ));
    assert_eq!(past.query("SELECT refresh_id, cause, spent FROM refreshes"), ["0|manual|1"]);
    assert_eq!(past.query("SELECT calls, spent FROM spend"), ["1|1"]);
}

#[test]
fn imported_snapshots_come_first_and_count() {
    let past = past();
    let before = past.query("SELECT * FROM spend");
    let (code, output, _) = import(&past, OLD, &["--write"]);
    assert!(
        code == Some(0) && output.ends_with("3 snapshots of 2 accounts imported\n"),
        "{output}"
    );
    assert_eq!(
        past.query("SELECT time_utc, followers, followers_delta, source FROM growth WHERE account_id = 'clx1' ORDER BY refresh_id"),
        [
            "2025-12-01T00:00:00Z|650|NULL|import",
            "2025-12-29T06:00:00Z|930|280|import",
            "2026-01-05T06:00:00Z|1000|70|refresh",
            "2026-01-12T06:00:00Z|1070|70|refresh",
        ]
    );
    // 10 a day from the 29th on, and 9.91 before: the month begins with the first measurement.
    assert_eq!(
        past.query("SELECT followers, followers_delta FROM monthly WHERE label = 'Guru' AND month = '2025-12'"),
        ["958|308"]
    );
    // An import is not a call.
    assert_eq!(past.query("SELECT * FROM spend"), before);
    assert_eq!(past.query("SELECT count(*) FROM refreshes"), ["2"]);
    assert_eq!(past.query("SELECT followers FROM latest WHERE account_id = 'clx2'"), ["5"]);

    let (code, _, errors) = import(&past, OLD, &["--write"]);
    assert_eq!((code, errors.lines().count()), (Some(2), 3), "{errors}");
    let older = "username,time,followers\nguru,2025-11-01,500\n";
    assert_eq!(import(&past, older, &["--write"]).0, Some(0), "before what was imported");
    assert_eq!(past.query("SELECT count(*) FROM snapshots WHERE source = 'import'"), ["4"]);
}

#[test]
fn every_problem_is_reported_with_its_line() {
    let past = past();
    let csv = "label,time,followers\n\
               Guro,2025-12-01,1\n\
               Guru,yesterday,1\n\
               Guru,2025-12-01,-1\n\
               Guru,2025-12-01,\"1,000\"\n\
               Guru,2025-12-08,1\n\
               Guru,2025-12-08,2\n\
               Guru,2025-12-01,1\n\
               Guru,2026-01-05T06:00:00Z,1\n\
               Newcomer,1999-12-31,1\n\
               Newcomer,2999-01-01,1\n\
               Guru,2025-12-09\n";
    let expected = [
        "old.csv:2: there is no account Guro; did you mean Guru?",
        "old.csv:3: \"yesterday\" is not a time; expected 2025-01-31, 2025-01-31 06:00, 2025-01-31T06:00:00Z or unix seconds",
        "old.csv:4: its followers, \"-1\", are not a count: expected digits without separators, such as 81000",
        "old.csv:5: its followers, \"1,000\", are not a count: expected digits without separators, such as 81000",
        "old.csv:7: Guru: 2025-12-08T00:00:00Z appears twice (first on line 6)",
        "old.csv:8: 2025-12-01T00:00:00Z comes after 2025-12-08T00:00:00Z, which is later: sort the lines, oldest first",
        "old.csv:9: 2026-01-05T06:00:00Z is not before the account's first snapshot, 2026-01-05T06:00:00Z; import all earlier months in one file",
        "old.csv:10: 1999-12-31T00:00:00Z is before 2000-01-03, when the first week begins",
        "old.csv:11: 2999-01-01T00:00:00Z is in the future",
        "old.csv:12: it has 2 cells, and 3 headings",
    ];
    // As typed by hand, and as a spreadsheet writes it.
    for csv in [csv.to_owned(), format!("\u{feff}{}", csv.replace('\n', "\r\n"))] {
        let (code, output, errors) = import(&past, &csv, &["--write"]);
        assert_eq!((code, &*output), (Some(2), ""));
        assert_eq!(errors.lines().collect::<Vec<_>>(), expected);
        assert_eq!(past.query("SELECT count(*) FROM snapshots"), ["2"]);
    }
    let blank = "label,time,followers\r\n\r\nGuru,2025-12-01,1\r\n\r\n\r\nGuru,x,1\r\n";
    let (_, _, errors) = import(&past, blank, &[]);
    assert!(errors.starts_with("old.csv:6: \"x\""), "{errors}");

    for (csv, expected) in [
        ("who,time,followers\n", 1),
        ("account,followers\n", 1),
        ("account,time,bio\n", 1),
        ("account,time,followers,Followers\n", 1),
        ("account,time,followers\n,2025-12-01,1\n", 1),
        ("account,time,followers\nGuru,2025-12-03,1\nGuru,2025-12-02,1\nGuru,2025-12-01,1\n", 1),
        ("account,time,followers\n", 1),
        ("account,time,followers\nGuru,2025-12-01,\n", 1),
        ("account,time,followers,suspect\nGuru,2025-12-01,1,yes\n", 1),
    ] {
        let (code, _, errors) = import(&past, csv, &[]);
        assert_eq!((code, errors.lines().count()), (Some(2), expected), "{csv}: {errors}");
    }
}

#[test]
fn the_separators_and_further_columns_of_spreadsheets_are_accepted() {
    for csv in [
        "Datum;Label;date;followers\n1;Guru;2025-12-01;650\n",
        "label\tdate\tfollowers\tDatum\nGuru\t2025-12-01\t650.0\t\n",
        "date,followers,label,Datum\n1764547200,650,Guru,\"a, b\"\n",
    ] {
        let past = past();
        let (code, output, errors) = import(&past, csv, &["--write"]);
        assert_eq!((code, &*errors), (Some(0), ""), "{csv}");
        let expected = "clx1 (Guru): 1 snapshot from 2025-12-01T00:00:00Z to 2025-12-01T00:00:00Z, \
                        followers 650 to 650\nnot read: datum\n1 snapshot of 1 account imported\n";
        assert_eq!(output, expected, "{csv}");
        let found = past.query("SELECT followers FROM snapshots WHERE source = 'import'");
        assert_eq!(found, ["650"], "{csv}");
    }
}

#[test]
fn rows_without_a_count_are_left_out_whatever_else_they_lack() {
    for (csv, left_out) in [
        ("label,date,followers\nGuru,2025-12-01,650\n,,\n", "1 line"),
        ("label,date,followers\n , ,\nGuru,2025-12-01,650\n   \n,\n", "3 lines"),
        ("label,date,followers,note\nGuru,2025-12-01,650,\n,,,a note below\n", "1 line"),
        ("\r\n\r\nlabel;date;followers\r\nGuru;2025-12-01;650\r\n;;\r\n", "1 line"),
    ] {
        let output = import(&past(), csv, &[]);
        let (code, output, errors) = output;
        assert_eq!((code, &*errors), (Some(0), ""), "{csv:?}");
        assert!(output.contains(&format!("\nleft out, without a count: {left_out}\n")), "{output}");
        assert!(output.starts_with("clx1 (Guru): 1 snapshot"), "{output}");
    }
}

#[test]
fn a_problem_is_reported_at_its_line_whatever_ends_the_lines() {
    let past = past();
    for (csv, expected) in [
        ("\n\nwho,time,followers\n", "old.csv:3: no column for the account"),
        ("\r\rwho,time,followers\r", "old.csv:3: no column for the account"),
        ("label,time,followers\rGuru,2025-12-01,1\r\rGuru,x,1\r", "old.csv:4: \"x\" is not"),
        ("label,time,followers\r\nGuru,2025-12-01,1\r\nGuru,x,1", "old.csv:3: \"x\" is not"),
        ("Guru,2025-12-01,1\n", "old.csv:1: the first line must be a header such as account,date"),
        (
            "label,time,followers\nGuru,1767225600000,1\n",
            "old.csv:2: \"1767225600000\" is not a time;",
        ),
        ("label,time,followers,note\rGuru,x,1,\"a", "old.csv:2: a quote is opened here"),
    ] {
        let (code, _, errors) = import(&past, csv, &[]);
        assert_eq!((code, errors.lines().count()), (Some(2), 1), "{csv:?}: {errors}");
        assert!(errors.starts_with(expected), "{csv:?}: {errors}");
    }
}

#[test]
fn a_column_without_a_heading_is_named_by_its_number() {
    let (code, output, _) = import(&past(), "label,date,followers,\nGuru,2025-12-01,650,\n", &[]);
    assert_eq!(code, Some(0));
    assert!(output.contains("\nnot read: column 4, which has no heading\n"), "{output}");
}

#[test]
fn an_export_can_be_imported_elsewhere() {
    let from = past();
    let exported = from.output(&["export"]);
    let to = Past::new();
    to.account("clx1", Some("Renamed"), None);
    assert_eq!(import(&to, &exported, &["--write"]).0, Some(0));
    let series = "SELECT time, followers, following, videos, likes FROM snapshots ORDER BY time";
    assert_eq!(to.query(series), from.query(series));
}

/// Everything that the contract names as not measured.
const NASTY: [[&str; 6]; 10] = [
    // day, followers, following, videos, likes, suspect
    ["0", "1000", "1", "5", "100", "0"],
    ["7", "0", "1", "0", "0", "3"],
    ["14", "1070", "1", "6", "0", "1"],
    ["21", "1070", "1", "6", "0", "5"],
    ["28", "9000", "1", "60", "900", "8"],
    ["35", "NULL", "NULL", "NULL", "NULL", "0"],
    ["42", "2100", "1", "NULL", "120", "0"],
    ["49", "0", "1", "7", "130", "10"],
    ["56", "2200", "1", "7", "0", "1"],
    ["63", "2300", "1", "8", "150", "0"],
];

#[test]
fn an_exported_history_has_the_same_numbers_elsewhere() {
    let (from, to) = (Past::new(), Past::new());
    let account = from.account("clx1", Some("Guru"), Some("guru"));
    to.account("clx1", None, None);
    for [day, followers, following, videos, likes, suspect] in NASTY {
        let time = START + day.parse::<i64>().expect("a day") * DAY;
        from.run(&format!(
            "INSERT INTO _refresh (account, cause, outcome, spent, started_time, took)
             VALUES ({account}, 4, 1, 1, {time}, 0);
             INSERT INTO _snapshot VALUES ({account}, last_insert_rowid(), {time}, {followers},
               {following}, {videos}, {likes}, NULL, NULL, NULL, NULL, {suspect}, NULL);"
        ));
    }
    let (code, output, errors) = import(&to, &from.output(&["export"]), &["--write"]);
    assert_eq!((code, &*errors), (Some(0), ""));
    assert!(output.contains("\nleft out, without a count: 1 line\n"), "{output}");
    for question in [
        "SELECT week, followers, followers_delta, likes, likes_delta, videos, videos_delta, is_measured FROM weekly",
        "SELECT month, followers, followers_delta, likes, likes_delta, videos, videos_delta, is_measured FROM monthly",
        "SELECT count, milestone, time, value FROM milestones",
        "SELECT followers, likes, videos, followers_gained_30d FROM latest",
    ] {
        let found = to.query(question);
        assert_eq!(found, from.query(question), "{question}");
        assert!(!found.is_empty());
    }
}

/// Followers that were unknown before they were 0 are measured, although likes fell at the same time; and
/// a second refresh within a second may repeat the first.
#[test]
fn an_export_says_of_no_count_more_than_its_source() {
    let (from, to) = (Past::new(), Past::new());
    let account = from.account("clx1", Some("Guru"), None);
    to.account("clx1", None, None);
    for (time, counts, suspect) in [
        (START, "NULL, NULL, 3, 7", 0),
        (START + 7 * DAY, "0, NULL, 4, 0", 1),
        (START + 14 * DAY, "5, NULL, 6, 9", 0),
        (START + 14 * DAY, "5, NULL, 6, 9", 4),
        (START + 21 * DAY, "6, NULL, 6, 9", 0),
        (START + 21 * DAY, "6, NULL, 6, 9", 0),
    ] {
        from.run(&format!(
            "INSERT INTO _refresh (account, cause, outcome, spent, started_time, took)
             VALUES ({account}, 4, 1, 1, {time}, 0);
             INSERT INTO _snapshot VALUES ({account}, last_insert_rowid(), {time}, {counts},
               NULL, NULL, NULL, NULL, {suspect}, NULL);"
        ));
    }
    let (code, output, errors) = import(&to, &from.output(&["export"]), &["--write"]);
    assert_eq!((code, &*errors), (Some(0), ""));
    let left_out = "\nleft out, of the same second as the line before: 2 lines\n";
    assert!(output.contains(left_out), "{output}");
    for question in [
        "SELECT week, followers, followers_delta, likes, likes_delta, is_measured FROM weekly",
        "SELECT time, max(followers), sum(followers_delta), sum(likes_delta) FROM growth GROUP BY time",
    ] {
        assert_eq!(to.query(question), from.query(question), "{question}");
    }
}

#[test]
fn a_suspect_count_is_not_shown_as_the_last_one() {
    let past = Past::new();
    past.account("clx1", Some("Guru"), None);
    let old =
        "account,time,followers\nGuru,2025-12-01,290\nGuru,2025-12-08,300\nGuru,2025-12-15,0\n";
    let (_, output, _) = import(&past, old, &[]);
    assert!(output.contains(": 3 snapshots from 2025-12-01T00:00:00Z to 2025-12-15T00:00:00Z, followers 290 to 300\n"), "{output}");
}

/// As `export --since` may write it.
#[test]
fn a_history_that_begins_after_a_count_fell_to_0_begins_with_no_gain() {
    for (first, suspect, gained) in [
        // What fell: the followers, the likes, both, neither.
        ("0,7,zero", "2", "NULL|NULL"),
        ("290,0,zero", "2", "10|NULL"),
        ("0,0,zero", "2", "NULL|NULL"),
        ("0,7,", "0", "300|1"),
    ] {
        let past = Past::new();
        past.account("clx1", Some("Guru"), None);
        let old = format!(
            "account,time,followers,likes,suspect\nGuru,2025-12-01,{first}\nGuru,2025-12-08,{first}\n\
             Guru,2025-12-15,300,8,\n"
        );
        let (code, _, errors) = import(&past, &old, &["--write"]);
        assert_eq!((code, &*errors), (Some(0), ""));
        let zeros = "SELECT count(*) FROM snapshots WHERE suspect = 'zero'";
        assert_eq!(past.query(zeros), [suspect], "{first}");
        let deltas = "SELECT sum(followers_delta), sum(likes_delta) FROM growth";
        assert_eq!(past.query(deltas), [gained], "{first}");
    }
}

/// No schedule is known for an imported history, so that a hole in it is no gap.
#[test]
fn the_page_shades_the_gaps_of_the_view_and_no_others() {
    let past = Past::new();
    past.series("clx1", "Guru", "guru", &[(0, 1000), (7, 1010), (28, 1040), (35, 1050)]);
    let old = "account,time,followers\nGuru,2025-01-01,500\nGuru,2025-10-01,900\n";
    assert_eq!(import(&past, old, &["--write"]).0, Some(0));
    // Before the first snapshot, and between two of them.
    assert_eq!(past.query("SELECT count(*) FROM gaps"), ["2"]);
    let gaps = past.query(
        "SELECT json_group_array(json_array(from_time, to_time))
         FROM (SELECT * FROM gaps ORDER BY to_time)",
    );
    let page = past.output(&["report", "--output", "-"]);
    let shaded: Vec<&str> = page.split("\"g\":").skip(1).collect();
    assert!(shaded.len() == 1 && shaded[0].starts_with(&gaps[0]), "{gaps:?}");
}

#[test]
fn a_list_of_problems_is_bounded() {
    let past = past();
    let lines: String = (0..20_000).map(|_| "Guru,yesterday,1\n").collect();
    let (code, output, errors) = import(&past, &format!("account,time,followers\n{lines}"), &[]);
    assert_eq!((code, &*output, errors.lines().count()), (Some(2), "", 51));
    assert!(errors.lines().nth(49).is_some_and(|line| line.starts_with("old.csv:51: \"yest")));
    assert!(errors.ends_with("\nold.csv: and 19,950 more problems\n"), "{errors}");
}

#[test]
fn an_import_turns_no_stored_0_into_a_loss() {
    let past = Past::new();
    let guru = past.account("clx1", Some("Guru"), None);
    past.snapshot(guru, START, Field { likes: Some(7), ..Field::default() });
    past.snapshot(guru, START + DAY, Field { likes: Some(8), ..Field::followers(0) });
    let old = "account,time,followers,likes\nGuru,2025-12-01,5000,3\nGuru,2025-12-02,6000,3\n";
    let (code, output, errors) = import(&past, old, &["--write"]);
    assert_eq!((code, &*output), (Some(2), ""));
    assert_eq!(
        errors,
        "old.csv:3: Guru: the first measured followers are 0 (at 2026-01-06T06:00:00Z), which after \
         6000 would be the loss of all; leave its followers empty, or leave out its lines\n"
    );
    assert_eq!(past.query("SELECT count(*) FROM snapshots"), ["2"]);
    for old in [
        "account,time,followers,likes\nGuru,2025-12-02,,3\n",
        "account,time,followers\nGuru,2025-12-01,0\n",
    ] {
        assert_eq!(import(&past, old, &["--write"]).0, Some(0), "{old}");
    }
    assert_eq!(past.query("SELECT min(followers_delta) FROM growth"), ["0"]);
}

#[test]
fn invalid_utf_8_is_reported() {
    let past = past();
    fs::write(past.file("old.csv"), b"label,date,followers\nL\xe9a,2025-12-01,1\n")
        .expect("a file");
    let (code, output) = past.refused(&["import", "old.csv"]);
    assert_eq!(code, Some(2));
    assert!(output.contains("old.csv is not UTF-8"), "{output}");
}

/// Its cell would take in every line after it, and these could not be imported later.
#[test]
fn a_quote_that_is_not_closed_imports_nothing() {
    let past = past();
    let csv = "account,date,followers,note\nGuru,2025-01-01,5,ok\nGuru,2025-01-02,6,\"hello\n\
               Guru,2025-01-03,7,x\nGuru,2025-01-04,8,y\n";
    let (code, output, errors) = import(&past, csv, &["--write"]);
    assert_eq!((code, &*output), (Some(2), ""));
    assert_eq!(errors, "old.csv:3: a quote is opened here and never closed\n");
    assert_eq!(past.query("SELECT count(*) FROM snapshots"), ["2"]);
}
