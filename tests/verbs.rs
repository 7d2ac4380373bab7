//! Verbs without a daemon: their output and exit codes, and that none creates a database it should
//! not.

use crate::harness::{Settings, Setup, Vendor};
use crate::scripted_api::Behaviour;

const LEDGER: &str = "SELECT account_id, cause, outcome, spent FROM refreshes ORDER BY refresh_id";

#[test]
fn verbs_that_read_report_a_missing_database_and_create_none() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["status", "--quiet"],
        &["plan"],
        &["plan", "--json"],
    ] {
        let ended = place.growthd(arguments).with_code(74);
        let expected = "growthd: there is no database at growth.db; `growthd run` creates it";
        assert_eq!(ended.line(), expected, "{arguments:?}");
    }
    place.growthd(&["check"]).with_code(0);
    let mut files: Vec<_> = std::fs::read_dir(place.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["api-key", "config.toml"]);
}

#[test]
fn plan_tells_why_nothing_is_planned() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&[]));
    place.create_database();
    let plan = |accounts: &[&str]| {
        place.configure(&vendor, &Settings::weekly(accounts));
        place.growthd(&["plan"]).with_code(0).out
    };
    assert!(plan(&[]).starts_with("no account is watched yet: add an [[account]] to config.toml"));
    let unread = "1 account in config.toml will be refreshed once `growthd run` has read it\n";
    assert_eq!(plan(&["a", "b\nenabled = false"]), unread);
    // A mistake in the list does not stop a verb that reads the database.
    let corrected = "no account is watched yet: correct the list of accounts in config.toml, see `growthd check`\n";
    assert_eq!(plan(&["a\ncron = \"x\""]), corrected);
    let disabled = ["a\ntags = [\"x\"]\nenabled = false", "b\nenabled = false"];
    place.configure(&vendor, &Settings::weekly(&disabled));
    place.run().once_up().stop();
    assert_eq!(plan(&disabled), "every account is disabled (2)\n");
    assert_eq!(plan(&["a\ncron = \"x\""]), "every account is disabled (2)\n");
    let tagged = place.growthd(&["plan", "--tag", "x"]).with_code(0).out;
    assert_eq!(tagged, "every account of x is disabled (1)\n");
    assert_eq!(
        plan(&["a", "b"]).split_once(" will"),
        Some(("2 accounts in config.toml", " be refreshed once `growthd run` has read them\n"))
    );
}

#[test]
fn check_notes_a_pattern_without_a_file_and_counts_one_refresh_as_one() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a\ncron = \"0 6 1 * *\""]));
    let text = std::fs::read_to_string(place.file("config.toml")).expect("a file");
    place.write("config.toml", &format!("include = [\"*.tml\"]\n{text}"));
    let checked = place.growthd(&["check"]).with_code(0).out;
    assert!(checked.contains("include    finds no file that matches \"*.tml\"\n"), "{checked}");
    assert!(checked.contains("about 1 refresh a month"), "{checked}");
    let ended = place.growthd(&["check", "--watch", "--online"]).with_code(2);
    assert!(ended.err.contains("cannot be used with"), "{ended:?}");
}

#[test]
fn refresh_creates_a_database_only_if_the_configuration_names_it() {
    let vendor = Vendor::start();
    let place = Setup::empty();
    place.write_key();
    let config = |database: &str| {
        format!(
            "[api]\nbase_url = \"{}\"\n{database}\n[[account]]\nid = \"a\"\n",
            vendor.base_url()
        )
    };
    place.write("config.toml", &config(""));
    let ended = place.growthd(&["refresh", "a"]).with_code(74);
    assert!(ended.line().starts_with("growthd: there is no database at growth.db"), "{ended:?}");
    assert!(!place.has("growth.db"));
    assert_eq!(vendor.call_count(), 0);

    place.write("config.toml", &config("[database]\npath = \"growth.db\""));
    place.growthd(&["refresh", "a"]).with_code(0);
    assert_eq!(place.database().rows(LEDGER), ["a|manual|ok|1"]);
}

#[test]
fn refresh_takes_only_the_given_accounts() {
    let vendor = Vendor::start();
    let settings = Settings::weekly(&["a\nlabel = \"Ann\"", "b", "off\nenabled = false"]);
    let place = Setup::new(&vendor, &settings);

    place.growthd(&["refresh"]).with_code(2);
    place.growthd(&["refresh", "a", "--all"]).with_code(2);
    place.growthd(&["refresh", "a", "--due"]).with_code(2);
    place.growthd(&["refresh", "no/id"]).with_code(2);
    assert_eq!(vendor.call_count(), 0);

    let ended = place.growthd(&["refresh", "a"]).with_code(0);
    assert!(ended.out.starts_with("ok       a (Ann)  "), "{ended:?}");
    assert!(ended.out.ends_with("1 of 1 refreshed\n"), "{ended:?}");
    assert_eq!(ended.err, "");

    for (id, why) in [
        ("stranger", "it is not in the watchlist as last read"),
        ("off", "it is disabled in the watchlist"),
    ] {
        let ended = place.growthd(&["refresh", id]).with_code(1);
        assert!(ended.out.contains(why), "{ended:?}");
    }
    let ended = place.growthd(&["refresh", "stranger", "b"]).with_code(1);
    assert!(ended.out.ends_with("1 of 2 refreshed\n"), "{ended:?}");
    assert_eq!(place.database().rows(LEDGER), ["a|manual|ok|1", "b|manual|ok|1"]);

    let ended = place.growthd(&["refresh", "--due", "--json"]).with_code(0);
    assert_eq!(ended.json(), serde_json::json!([]), "both were just refreshed");
    let ended = place.growthd(&["refresh", "--all", "--json"]).with_code(0);
    let results = ended.json();
    assert_eq!(results.as_array().map(Vec::len), Some(2), "{results}");
    for result in results.as_array().expect("an array") {
        assert_eq!(result["outcome"], "ok", "{result}");
        assert!(result["followers"].is_i64() && result["refresh_id"].is_i64(), "{result}");
        assert_eq!(result["error"], serde_json::Value::Null);
    }
    assert_eq!(vendor.call_count(), 4);
    assert_eq!(vendor.calls_for("off").len(), 0);
}

/// For a log or a script; a terminal shows the usage too.
#[test]
fn an_invalid_command_line_is_reported_in_one_line() {
    let place = Setup::empty();
    for (arguments, words) in [
        (
            &["statsu"][..],
            "unrecognized subcommand 'statsu'; tip: a similar subcommand exists: 'status'",
        ),
        (&["refresh"], "the following required arguments were not provided: <ID|--all|--due|"),
        (&["history", "a", "b"], "unexpected argument 'b' found; try 'growthd history --help'"),
        (&["growth", "--top", "-1"], "unexpected argument '-1' found; try 'growthd growth --help'"),
        (&["growth", "--top", "ten"], "'--top <N>': expected a whole number, at least 1; try"),
        (&["growth", "--top", "0"], "'--top <N>': expected a whole number, at least 1; try"),
        // The tip to pass it as a value would buy the lookup of an account.
        (
            &["add", "x", "--dry-run"],
            "unexpected argument '--dry-run' found; try 'growthd add --help'",
        ),
        (&["add", "x", "--platform", "tiktok", "--", "--dry-run"], "is not a valid username"),
        (&["export", "--format", "xml"], "'--format <FORMAT>' [possible values: csv, jsonl]; try"),
        (&["growth", "--week", "2025-W53"], "expected an ISO week, as in 2026-W05"),
        (&["growth", "--month", "2026-10", "--since", "30d"], "cannot be used with"),
        (
            &["backup", "x", "--again-within", "soon"],
            "for '--again-within <DURATION>': it is not a number followed by a unit",
        ),
        (&["growth", "--since", "9999d"], "for '--since <WHEN>': it is longer than 3650d"),
        (&["--config"], "a value is required for '--config <FILE>'"),
    ] {
        let ended = place.growthd(arguments).with_code(2);
        let line = ended.line();
        assert!(line.starts_with("growthd: ") && line.contains(words), "{arguments:?}: {line}");
    }
}

#[test]
fn check_notes_a_pattern_that_begins_with_seconds() {
    let place = Setup::empty();
    let config = "[schedule]\ncron = '0 6 * * 1 *'\nallow_frequent = true\n[budget]\nrefreshes = 0\n\
                  [[account]]\nid = 'a'\n";
    place.write("config.toml", config);
    let ended = place.growthd(&["check"]).with_code(1);
    let note = "\"0 6 * * 1 *\" has six fields: the first is seconds";
    assert!(ended.out.contains(note), "{ended:?}");
    assert!(ended.out.contains("no account will be refreshed"), "{ended:?}");
    // A folder in place of the file.
    let ended = place.growthd(&["--config", ".", "check"]).with_code(78);
    assert!(ended.line().contains("it is a folder"), "{ended:?}");
}

#[test]
fn refresh_due_serves_each_due_slot_once() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a", "b"]));
    let ended = place.growthd(&["refresh", "--due"]).with_code(0);
    assert!(ended.out.ends_with("2 of 2 refreshed\n"), "{ended:?}");
    let ended = place.growthd(&["refresh", "--due"]).with_code(0);
    assert_eq!(ended.out, "nothing to refresh\n");
    assert_eq!(place.database().rows(LEDGER), ["a|first|ok|1", "b|first|ok|1"]);
    // Nothing is left to do for a daemon.
    place.run().once_up().stop();
    assert_eq!(vendor.call_count(), 2);
}

#[test]
fn refresh_shows_why_the_api_refused() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a", "b"]));
    vendor.always("a", Behaviour::refusal(404, "ACCOUNT_NOT_FOUND", "Social account not found"));
    let ended = place.growthd(&["refresh", "a"]).with_code(69);
    let expected =
        "failed   a  HTTP 404: ACCOUNT_NOT_FOUND: Social account not found\n0 of 1 refreshed\n";
    let error = "growthd: nothing was refreshed: HTTP 404: ACCOUNT_NOT_FOUND: Social account not \
                 found; see `growthd status`\n";
    assert_eq!((ended.out.as_str(), ended.err.as_str()), (expected, error));
    let ended = place.growthd(&["refresh", "--all", "--json"]).with_code(1);
    let outcomes: Vec<_> = ended
        .json()
        .as_array()
        .expect("an array")
        .iter()
        .map(|result| (result["account_id"].to_string(), result["outcome"].to_string()))
        .collect();
    assert!(outcomes.contains(&("\"b\"".to_owned(), "\"ok\"".to_owned())), "{outcomes:?}");
    assert!(outcomes.contains(&("\"a\"".to_owned(), "\"failed\"".to_owned())), "{outcomes:?}");
}

#[test]
fn a_spent_budget_refuses_a_refresh_by_hand_too() {
    let vendor = Vendor::start();
    let tables = "[budget]\nrefreshes = 2\nper = \"day\"".to_owned();
    let place = Setup::new(&vendor, &Settings { tables, ..Settings::weekly(&["a", "b", "c"]) });
    let ended = place.growthd(&["refresh", "--all"]).with_code(1);
    assert!(ended.out.contains("the budget is spent until "), "{ended:?}");
    assert!(ended.out.contains("2 of 3 refreshed"), "{ended:?}");
    place.growthd(&["refresh", "a"]).with_code(1);
    assert_eq!(vendor.call_count(), 2);
    let ended = place.growthd(&["status"]);
    assert!(ended.out.contains("2 of 2 spent today"), "{ended:?}");
}

#[test]
fn check_reports_whether_the_forecast_fits_the_budget() {
    let vendor = Vendor::start();
    let budget = |refreshes: u32| Settings {
        tables: format!("[budget]\nrefreshes = {refreshes}"),
        schedule: "cron = \"@daily\"",
        ..Settings::weekly(&["a", "b", "c\nenabled = false"])
    };
    let place = Setup::new(&vendor, &budget(100));
    place.growthd(&["check"]).with_code(0);
    place.configure(&vendor, &budget(50));
    let ended = place.growthd(&["check"]).with_code(1);
    assert!(ended.out.contains("The forecast exceeds the budget"), "{ended:?}");
    assert_eq!(vendor.call_count(), 0);
}

#[test]
fn check_quiet_prints_the_problems_alone_and_exits_as_check_does() {
    let vendor = Vendor::start();
    let budget = |refreshes: u32| Settings {
        tables: format!("[budget]\nrefreshes = {refreshes}"),
        ..Settings::weekly(&["a"])
    };
    let place = Setup::new(&vendor, &budget(100));
    let quiet = |code: i32| {
        place.growthd(&["check"]).with_code(code);
        place.growthd(&["check", "--quiet"]).with_code(code).out
    };
    assert_eq!(quiet(0), "");
    place.configure(&vendor, &budget(1));
    assert!(quiet(1).starts_with("budget     1 a month; the forecast needs about 5\n"));
    // Both lines have the same number, exceeded or not.
    for (refreshes, code) in [(1, 1), (100, 0)] {
        place.configure(&vendor, &budget(refreshes));
        let whole = place.growthd(&["check"]).with_code(code).out;
        assert!(whole.contains("about 5 refreshes a month"), "{whole}");
        assert!(whole.contains("the forecast needs about 5\n"), "{whole}");
    }
    place.configure(&vendor, &budget(100));
    place.set_mode("api-key", 0o644);
    assert!(quiet(78).starts_with("key        "));
    // The service may have a key that this process cannot see.
    std::fs::remove_file(place.path().join("api-key")).expect("a key");
    assert_eq!(quiet(0), "");
    place.write_key();
    place.configure_for("http://127.0.0.1:1", &budget(100));
    let ended = place.growthd(&["check", "--quiet", "--online"]).with_code(1);
    assert!(ended.out.starts_with("online     127.0.0.1: "), "{ended:?}");
}

#[test]
fn a_closed_pipe_is_no_error_and_changes_no_verdict() {
    let vendor = Vendor::start();
    let weekly = Settings::weekly(&["a"]);
    let place = Setup::new(&vendor, &weekly);
    place.create_database();
    let needy =
        Setup::new(&vendor, &Settings { tables: "[budget]\nrefreshes = 1".into(), ..weekly });
    needy.create_database();
    for (place, verb, code) in [
        (&place, &["check"][..], 0),
        (&needy, &["check"], 1),
        (&needy, &["check", "--quiet"], 1),
        (&place, &["status"], 1),
        (&place, &["status", "--quiet"], 1),
        (&place, &["status", "--json"], 1),
        (&place, &["status", "--no-daemon"], 0),
        (&place, &["growth"], 0),
    ] {
        let mut command = place.command(verb);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = command.spawn().expect("growthd can be run");
        drop(child.stdout.take());
        let ended = crate::harness::Ended::from(child.wait_with_output().expect("a child"));
        assert_eq!((ended.code, ended.err.as_str()), (Some(code), ""), "{verb:?}");
    }
}

#[test]
fn help_says_what_a_duration_is_counted_from_and_what_is_shown_without_a_period() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let measured = "or 30d or 1y before the newest measurement (with --until, before that)";
    for (verb, since, default) in [
        ("growth", measured, "this is the last 30 days, up to each account's newest measurement"),
        ("digest", measured, "this is the last ISO week that is over"),
        ("history", measured, "this is the whole history"),
        (
            "export",
            "or 30d or 1y before now (with --until, before that)",
            "these are all of its rows",
        ),
    ] {
        let help = place.growthd(&[verb, "--help"]).with_code(0).out;
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains(&format!("Without a period, {default}.")), "{help}");
        let (_, of_since) = help.split_once("--since <WHEN>").expect("the option");
        let (of_since, of_until) = of_since.split_once("--until <WHEN>").expect("the option");
        assert!(of_since.contains(since), "{help}");
        assert!(of_until.contains("or 30d or 1y before now"), "{help}");
    }
}
