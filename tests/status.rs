//! `growthd status`: if it exits 0, nothing needs attention.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Daemon, Ended, Settings, Setup, Vendor, is_root, poll};
use crate::past::{Field, Past, START, WEEK};
use crate::scripted_api::Behaviour;

/// Returns the names of what needs attention, and the whole summary.
fn attention(place: &Setup, arguments: &[&str]) -> (Vec<String>, serde_json::Value) {
    let arguments = [&["status", "--json", "--quiet"], arguments].concat();
    let ended = place.growthd(&arguments);
    let mut json = ended.json();
    let summary = json["summary"].take();
    let reasons: Vec<String> = summary["attention"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|reason| reason["reason"].as_str().expect("a name").to_owned())
        .collect();
    ended.with_code(i32::from(!reasons.is_empty()));
    (reasons, summary)
}

#[test]
fn a_missing_daemon_needs_attention_unless_no_daemon_is_given() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    place.growthd(&["refresh", "a"]).with_code(0);
    let status = place.growthd(&["status"]).with_code(1);
    assert!(
        status.out.starts_with("growthd needs attention: no daemon is running\n"),
        "{status:?}"
    );
    let status = place.growthd(&["status", "--no-daemon"]).with_code(0);
    assert!(status.out.starts_with("growthd is well\ndaemon     not running\n"), "{status:?}");
    let quiet = place.growthd(&["status", "--quiet", "--no-daemon"]).with_code(0);
    assert_eq!(quiet.out, "");
    let daemon = place.run().once_up();
    let (reasons, summary) = attention(&place, &[]);
    assert!(reasons.is_empty(), "{reasons:?}");
    assert_eq!(summary["running"], json!(true));
    daemon.kill();
    assert_eq!(attention(&place, &[]).0, ["not_running"]);
}

#[test]
fn a_verb_that_uses_the_database_is_no_daemon() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    vendor.queue("a", [Behaviour::Hang]);
    let verb = Daemon::start(place.command(&["refresh", "a"]));
    vendor.wait_for_calls(1);
    let (reasons, summary) = attention(&place, &[]);
    assert_eq!(reasons, ["not_running"]);
    assert_eq!(summary["running"], json!(false));
    let status = place.growthd(&["status"]).with_code(1).out;
    let words = "\ndaemon     not running, or without a control socket; the database is in use\n";
    assert!(status.contains(words), "{status}");
    place.growthd(&["status", "--no-daemon"]).with_code(0);
    verb.kill();
}

#[test]
fn a_daemon_that_does_not_respond_needs_attention() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let mut daemon = place.run();
    daemon.until_all(&["refreshed account=a", " started ("]);
    daemon.signal(Signal::STOP);
    let (reasons, summary) = attention(&place, &[]);
    assert_eq!(reasons, ["unresponsive"]);
    assert_eq!(summary["running"], json!(true));
    daemon.signal(Signal::CONT);
    assert!(attention(&place, &[]).0.is_empty());
    daemon.stop();
}

#[test]
fn a_refresh_by_a_daemon_that_does_not_respond_says_so_and_can_be_ended() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let mut daemon = place.run();
    daemon.until_all(&["refreshed account=a", " started ("]);
    daemon.signal(Signal::STOP);
    let mut refresh = Daemon::start(place.command(&["refresh", "a"]));
    refresh.until("waiting: the daemon does not respond");
    refresh.signal(Signal::TERM);
    refresh.until("the daemon does not respond; what it was asked for is cancelled");
    assert_eq!(refresh.end(), Some(74));
    daemon.signal(Signal::CONT);
    daemon.stop();
    assert_eq!(vendor.call_count(), 1);
}

/// Longer than what a socket holds before it is read.
#[test]
fn a_long_request_that_the_daemon_does_not_read_can_be_ended() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let mut daemon = place.run();
    daemon.until_all(&["refreshed account=a", " started ("]);
    daemon.signal(Signal::STOP);
    let ids: Vec<String> = (0..40_000).map(|number| format!("somebody-{number:08}")).collect();
    let mut arguments = vec!["refresh", "a"];
    arguments.extend(ids.iter().map(String::as_str));
    let mut refresh = Daemon::start(place.command(&arguments));
    refresh.until("waiting: the daemon does not respond");
    refresh.signal(Signal::INT);
    refresh.until("the request was cancelled before the daemon had taken it; nothing was done");
    assert_eq!(refresh.end(), Some(74));
    daemon.signal(Signal::CONT);
    place.growthd(&["refresh", "a"]).with_code(0);
    daemon.stop();
    assert_eq!(vendor.call_count(), 2);
}

#[test]
fn a_call_that_a_killed_process_has_left_is_not_in_flight() {
    let vendor = Vendor::start();
    vendor.always("a", Behaviour::Hang);
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let daemon = place.run();
    vendor.wait_for_calls(1);
    daemon.kill();
    let status = place.growthd(&["status"]);
    assert!(status.out.contains("0 in flight, 1 interrupted"), "{}", status.out);
}

#[test]
fn a_user_who_may_not_ask_the_daemon_is_told_so() {
    if !is_root() {
        println!("skipped: only root can take the part of another user");
        return;
    }
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let mut daemon = place.run();
    daemon.until_all(&["refreshed account=a", " started ("]);
    for name in ["growth.db", "growth.db-wal", "growth.db-shm"] {
        place.set_mode(name, 0o666);
    }
    let mut command = place.command(&["status"]);
    command.uid(65_534).gid(65_534);
    match command.output() {
        Ok(output) => {
            let ended = Ended::from(output).with_code(1);
            for words in [
                "growthd needs attention: this user may not ask the daemon; add the user to the group",
                "the database is in use by a process that this user may not ask",
            ] {
                assert!(ended.out.replace('\n', " ").contains(words), "{ended:?}");
            }
        }
        Err(error) => println!("skipped: another user cannot run the program: {error}"),
    }
    daemon.stop();
}

#[test]
fn a_budget_that_holds_accounts_back_needs_attention() {
    let vendor = Vendor::start();
    let tables = "[budget]\nrefreshes = 1".to_owned();
    let settings = Settings { tables, ..Settings::weekly(&["a", "b", "c"]) };
    let place = Setup::new(&vendor, &settings);
    let mut daemon = place.run();
    daemon.until("refreshed account=");
    let (reasons, summary) = attention(&place, &[]);
    assert_eq!(reasons, ["budget"]);
    assert_eq!(
        (&summary["budget"]["held_back"], &summary["budget"]["left"]),
        (&json!(2), &json!(0))
    );
    let status = place.growthd(&["status"]).with_code(1);
    let words = "growthd needs attention: the budget is used up, 2 accounts are held back until ";
    assert!(status.out.starts_with(words), "{status:?}");
    daemon.stop();
}

#[test]
fn a_pause_needs_attention_however_short_it_is() {
    for pause in [3600, 20] {
        let vendor = Vendor::start();
        let settings = Settings { retry: "max_delay = \"6h\"", ..Settings::weekly(&["a", "b"]) };
        let place = Setup::new(&vendor, &settings);
        vendor.everywhere(Some(Behaviour::rate_limited(Some(pause))));
        let mut daemon = place.run();
        daemon.until("waiting, as the vendor asks");
        let (reasons, summary) = attention(&place, &[]);
        assert_eq!(reasons, ["pause"]);
        assert_eq!(summary["needs_attention"], true);
        let status = place.growthd(&["status"]).with_code(1);
        let words = "growthd needs attention: the vendor asked for a pause until ";
        assert!(status.out.starts_with(words), "{status:?}");
        let plan = place.growthd(&["plan", "--json"]).with_code(0).json();
        for account in plan.as_array().expect("a list") {
            assert_eq!(account["next_time"], summary["wait"]["until"]["time"], "{account}");
        }
        daemon.stop();
    }
}

/// Whoever asked for the refresh that was refused.
#[test]
fn an_account_that_a_manual_refresh_found_refused_is_failing() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["fine", "gone"]));
    vendor.queue("gone", [Behaviour::refusal(404, "NOT_FOUND", "x")]);
    place.growthd(&["refresh", "--all"]).with_code(1);
    let status = place.growthd(&["status", "--no-daemon"]).with_code(1).out;
    assert!(status.starts_with("growthd needs attention: 1 account is failing"), "{status}");
    place.growthd(&["refresh", "gone"]).with_code(0);
    place.growthd(&["status", "--no-daemon"]).with_code(0);
}

#[test]
fn a_port_in_use_stops_no_refresh_and_is_reported() {
    let vendor = Vendor::start();
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("an address");
    let tables = format!("[http]\nlisten = \"{address}\"");
    let place = Setup::new(&vendor, &Settings { tables, ..Settings::weekly(&["a"]) });
    let check = || place.growthd(&["check"]).with_code(0).out;
    let taken = format!("\nhttp       cannot listen on {address}: Address already in use");
    assert!(check().contains(&taken), "{}", check());
    let mut daemon = place.run();
    daemon.until("refreshed account=a");
    let (reasons, summary) = poll("the port to be tried", || {
        let output = attention(&place, &[]);
        output.1["not_listening"].is_string().then_some(output)
    });
    assert!(reasons.is_empty(), "{reasons:?}");
    let why = summary["not_listening"].as_str().expect("a reason").to_owned();
    assert!(why.contains(&address.to_string()), "{why}");
    let status = place.growthd(&["status"]).with_code(0);
    assert!(status.out.contains("\nhttp       cannot listen on "), "{status:?}");
    assert!(check().contains(&taken), "{}", check());
    drop(other);
    daemon.until("listening on ");
    assert_eq!(attention(&place, &[]).1["not_listening"], json!(null));
    assert!(check().contains(&format!("\nhttp       {address}, in use while growthd runs\n")));
    daemon.stop();
    assert!(check().contains(&format!("\nhttp       {address}\n")));
}

/// As with a VPN that is not up yet.
#[test]
fn an_address_that_appears_later_is_listened_on() {
    let vendor = Vendor::start();
    let tables = "[http]\nlisten = \"198.51.100.7:9464\"".to_owned();
    let off = Settings { tables, ..Settings::weekly(&["a\nenabled = false"]) };
    let place = Setup::new(&vendor, &off);
    // In its own network namespace.
    let in_network = |of: &[&str], script: &str| {
        let mut command = Command::new(of[0]);
        command.args(&of[1..]).args(["-n", "bash", "-c", script, env!("CARGO_BIN_EXE_growthd")]);
        command.current_dir(place.path());
        command
    };
    let alone = &["unshare"][..];
    if !in_network(alone, "ip link set lo up").output().is_ok_and(|done| done.status.success()) {
        println!("skipped: no network of one's own, or no ip");
        return;
    }
    let check = in_network(alone, "ip link set lo up; \"$0\" check");
    let output = Ended::of(check).with_code(0).out;
    assert!(
        output.contains("\nhttp       cannot listen on 198.51.100.7:9464: Cannot assign"),
        "{output}"
    );
    let mut daemon = Daemon::start(in_network(alone, "ip link set lo up; exec \"$0\" run"));
    daemon.until("cannot listen on 198.51.100.7:9464: Cannot assign requested address");
    let mut daemon = daemon.once_up();
    let status = place.growthd(&["status"]).with_code(0);
    assert!(status.out.contains("\nhttp       cannot listen on 198.51.100.7"), "{status:?}");
    let pid = daemon.pid().to_string();
    let beside = &["nsenter", "--target", &pid][..];
    Ended::of(in_network(beside, "ip address add 198.51.100.7/32 dev lo")).with_code(0);
    daemon.until("listening on 198.51.100.7:9464 now");
    let ask = "exec 3<>/dev/tcp/198.51.100.7/9464; printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3";
    let health = Ended::of(in_network(beside, ask)).with_code(0).out;
    assert!(health.ends_with("\r\n\r\nok\n"), "{health}");
    assert!(!place.growthd(&["status"]).with_code(0).out.contains("cannot listen"));
    daemon.stop();
}

#[test]
fn a_refused_edit_and_a_late_backup_need_attention() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let mut daemon = place.run();
    daemon.until("refreshed account=a");
    place.growthd(&["backup", "one.db", "--again-within", "1d"]).with_code(0);
    let (reasons, summary) = attention(&place, &[]);
    assert!(reasons.is_empty(), "{reasons:?}");
    assert_eq!(summary["backup"]["is_late"], json!(false));
    // As two days later.
    let note = fs::read_to_string(place.file("growth.db.backup")).expect("a note");
    let time = summary["backup"]["last"]["time"].as_i64().expect("a time");
    let earlier = note.replace(&time.to_string(), &(time - 2 * 86_400).to_string());
    place.write("growth.db.backup", &earlier);
    assert_eq!(attention(&place, &[]).0, ["backup"]);
    // As after a night with a wrong clock, and after a crash while the note was written.
    for (note, words) in [
        (note.replace(&time.to_string(), &(time + 86_400).to_string()), "in the future"),
        (note[..8].to_owned(), "the note of the last backup cannot be read"),
    ] {
        place.write("growth.db.backup", &note);
        let (reasons, summary) = attention(&place, &[]);
        assert_eq!(reasons, ["backup"]);
        let text = summary["attention"][0]["text"].as_str().expect("a text");
        assert!(text.contains(words), "{text}");
        assert!(place.growthd(&["status"]).with_code(1).out.contains("\nbackup  "));
    }
    place.write("growth.db.backup", &earlier);
    // Any later backup fulfils it.
    place.growthd(&["backup", "two.db"]).with_code(0);
    assert!(attention(&place, &[]).0.is_empty());

    let list = fs::read_to_string(place.file("config.toml")).expect("a file");
    place.write("config.toml", "nonsense = 1\n");
    daemon.signal(Signal::HUP);
    daemon.until("the configuration was not reloaded");
    // Without valid settings, the verb cannot know which database to read.
    place.growthd(&["status"]).with_code(78);
    place.write("config.toml", &list);
    assert_eq!(attention(&place, &[]).0, ["edit_refused"]);
    daemon.signal(Signal::HUP);
    daemon.until("reloaded: ");
    poll("the edit to be taken", || attention(&place, &[]).0.is_empty().then_some(()));
    daemon.stop();
}

#[test]
fn verbs_that_only_read_the_database_work_after_an_invalid_edit_of_the_list() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let mut daemon = place.run();
    daemon.until("refreshed account=a");
    let list = fs::read_to_string(place.file("config.toml")).expect("a file");
    for edit in ["id = \"a\"\n", "cron = \"0 6 * *\"\n", "id = \"b\" \"c\"\n", "mistake = 1\n"] {
        place.write("config.toml", &format!("{list}\n[[account]]\n{edit}"));
        daemon.signal(Signal::HUP);
        daemon.until("the configuration was not reloaded");
        assert_eq!(attention(&place, &[]).0, ["edit_refused"], "{edit}");
        for verb in [
            &["history", "a"][..],
            &["growth"],
            &["plan"],
            &["export", "--output", "export.csv"],
            &["report", "--output", "page.html"],
            &["digest"],
            &["backup", "backup.db", "--force"],
        ] {
            place.growthd(verb).with_code(0);
        }
        for verb in
            [&["check"][..], &["refresh", "a"], &["add", "somebody", "--platform", "tiktok"]]
        {
            place.growthd(verb).with_code(78);
        }
    }
    // Whether it hides the path of another database is not known.
    let open = format!("{list}label = \"\"\"A\n[database]\npath = \"other.db\"\n");
    place.write("config.toml", &open.replacen("[database]\npath = \"growth.db\"\n", "", 1));
    for verb in [&["status"][..], &["plan"], &["growth"], &["backup", "other.db"]] {
        let ended = place.growthd(verb).with_code(78);
        assert!(ended.err.contains("this string is not closed"), "{ended:?}");
    }
    // An output may still not replace a file that `include` finds, whatever is in it.
    place.write("more.toml", "[[account]]\nmistake = 1\n");
    place.write("config.toml", &format!("include = [\"more.toml\"]\n{list}"));
    place.growthd(&["export", "--output", "more.toml"]).with_code(74);
    place.growthd(&["growth"]).with_code(0);
    daemon.stop();
}

#[test]
fn the_summary_does_not_grow_with_the_list() {
    let vendor = Vendor::start();
    let many: Vec<String> = (0..300).map(|number| format!("a{number}\nenabled = false")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let place = Setup::new(&vendor, &Settings::weekly(&many));
    let daemon = place.run().once_up();
    let whole = place.growthd(&["status", "--json"]).with_code(0).json();
    assert_eq!(whole["accounts"].as_array().map(Vec::len), Some(300));
    assert_eq!(whole["summary"]["disabled"], json!(300));
    let bounded = place.growthd(&["status", "--json", "--quiet"]).with_code(0).json();
    assert_eq!(bounded["accounts"], json!([]));
    assert_eq!(bounded["summary"], whole["summary"]);
    daemon.stop();
}

#[test]
fn an_account_has_the_values_of_the_view_latest() {
    let past = Past::new();
    let account = past.account("clx1", Some("Guru"), None);
    past.snapshot(account, START, Field::followers(119_353));
    past.snapshot(account, START + WEEK, Field::suspect(0));
    past.account("clx2", Some("Imported"), None);
    past.account("clx3", Some("New"), None);
    fs::write(past.file("old.csv"), "account,time,followers\nclx2,1700000000,81000\n")
        .expect("a file");
    past.output(&["import", "old.csv", "--write"]);
    let output = past.output(&["status", "--no-daemon", "--json"]);
    let output: serde_json::Value = serde_json::from_str(&output).expect("JSON");
    let shown = |account: &serde_json::Value| {
        json!([account["last"]["time"], account["followers"], account["suspect"]])
    };
    let shown: Vec<_> = output["accounts"].as_array().expect("a list").iter().map(shown).collect();
    let latest = [
        json!([START + WEEK, 119_353, "zero"]),
        json!([1_700_000_000, 81_000, null]),
        json!([null, null, null]),
    ];
    assert_eq!(shown, latest);
    let rows = past.query("SELECT time, followers, suspect FROM latest ORDER BY account_id");
    assert_eq!(rows, [&*format!("{}|119353|zero", START + WEEK), "1700000000|81000|NULL"]);
    let output = past.output(&["status", "--no-daemon"]);
    let row = output.lines().find(|line| line.contains("Guru")).expect("the account");
    assert!(row.contains(" 119,353 ") && row.contains(" ago, suspect "), "{output}");
}

#[test]
fn an_overdue_account_whose_last_answer_was_suspect_was_tried() {
    let past = Past::new();
    let due = START + WEEK;
    // The other's was suspect before its refresh was due.
    for (id, answered) in [("clx1", due + 60), ("clx2", due - 60)] {
        let account = past.series(id, id, id, &[(0, 1000)]);
        past.snapshot(account, answered, Field::suspect(0));
    }
    past.run(&format!("UPDATE _account SET next_due = {due}"));
    let said = ["the last answer was suspect (zero)", "not tried yet"];
    let status = past.growthd(&["status", "--no-daemon"]);
    assert_eq!(status.status.code(), Some(1), "{status:?}");
    let shown = String::from_utf8(status.stdout).expect("UTF-8");
    let overdue: Vec<&str> = shown
        .lines()
        .filter(|line| line.starts_with("OVERDUE"))
        .filter_map(|line| line.rsplit(": ").next())
        .collect();
    assert_eq!(overdue, said, "{shown}");
    let page = past.output(&["report", "--output", "-"]);
    for said in said {
        assert_eq!(page.matches(said).count(), 1, "{said}");
    }
}

#[test]
fn of_a_long_list_the_first_hundred_of_each_kind_are_listed_and_the_others_counted() {
    let past = Past::new();
    for number in 0..330 {
        past.account(&format!("a{number:03}"), None, None);
    }
    // Overdue, failing, retried; and due for less than an hour.
    past.run(&format!(
        "INSERT INTO _refresh (account, cause, outcome, spent, slot, started_time, error)
         VALUES (1, 1, 2, 0, {START}, {START}, 'not found');
         UPDATE _account SET next_due = {START} WHERE account <= 102;
         UPDATE _account SET first_failure = 1, last_failure = 1 WHERE account BETWEEN 102 AND 310;
         UPDATE _account SET is_failing = 1 WHERE account BETWEEN 102 AND 203;
         UPDATE _account SET tries = 1 WHERE account BETWEEN 204 AND 310;
         UPDATE _account SET next_due = strftime('%s', 'now') - 60 WHERE account = 311;"
    ));
    let bounded = past.growthd(&["status", "--no-daemon", "--json", "--quiet"]);
    let bounded: serde_json::Value = serde_json::from_slice(&bounded.stdout).expect("JSON");
    let summary = &bounded["summary"];
    assert_eq!((&summary["overdue"], &summary["failing"]), (&json!(102), &json!(102)));
    let shown = bounded["accounts"].as_array().expect("a list");
    assert_eq!(shown.len(), 100);
    let is_needy = |account: &&serde_json::Value| {
        ["overdue", "failing"].contains(&account["state"].as_str().expect("a state"))
    };
    assert_eq!(shown.iter().filter(is_needy).count(), 100);
    let whole = past.growthd(&["status", "--no-daemon", "--json"]);
    let whole: serde_json::Value = serde_json::from_slice(&whole.stdout).expect("JSON");
    assert_eq!(&whole["summary"], summary);
    assert_eq!(whole["accounts"].as_array().expect("a list").iter().filter(is_needy).count(), 203);

    let status = past.growthd(&["status", "--no-daemon"]).stdout;
    let status = String::from_utf8(status).expect("UTF-8");
    let counted = |word: &str| status.lines().filter(|line| line.starts_with(word)).count();
    assert!(
        status.starts_with(
            "growthd needs attention: 102 accounts are overdue; 102 accounts are failing\n"
        ),
        "{status}"
    );
    assert_eq!((counted("OVERDUE") + counted("FAILING"), counted("retrying")), (100, 100));
    for more in ["\n           and 103 more; --json lists all\n", "and 7 more; --json lists all\n"]
    {
        assert_eq!(status.matches(more).count(), 1, "{more} {status}");
    }
}
