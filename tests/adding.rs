//! `growthd add`: a name becomes an entry in the watchlist by one paid call, with its ledger row.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Daemon, Ended, NOBODY, Settings, Setup, Vendor, can_mount, is_root};
use crate::scripted_api::Behaviour;

const ADD: [&str; 4] = ["add", "@fitnessguru", "--platform", "tiktok"];
const LEDGER: &str = "SELECT account_id, cause, outcome, spent FROM refreshes ORDER BY refresh_id";

fn config(place: &Setup) -> String {
    fs::read_to_string(place.file("config.toml")).expect("a configuration")
}

/// A folder in which the daemon has run once.
fn with_database(vendor: &Vendor, settings: &Settings) -> Setup {
    let place = Setup::new(vendor, settings);
    place.create_database();
    place
}

#[test]
fn a_name_becomes_an_entry_and_its_first_run_is_not_bought_again() {
    let vendor = Vendor::start();
    let place = with_database(&vendor, &Settings::weekly(&["a"]));
    place.write("config.toml", &format!("# mine\n{}# at the end", config(&place)));
    let before = config(&place);
    let ended = place.growthd(&ADD).with_code(0);
    let expected =
        "@fitnessguru on tiktok is clx123abc, 1,520,000 followers; added to config.toml\n";
    assert_eq!(ended.out, expected);
    let entry = "\n[[account]]\nid = \"clx123abc\"\nlabel = \"fitnessguru\"\n";
    assert_eq!(config(&place), format!("{before}\n{entry}"));
    assert_eq!(place.database().rows(LEDGER), ["clx123abc|add|ok|1"]);
    let followers: i64 = place.database().one("SELECT followers FROM snapshots");
    assert_eq!(followers, 1_520_000);

    let mut daemon = place.run();
    daemon.until("refreshed account=a");
    daemon.stop();
    assert_eq!(place.database().rows(LEDGER), ["clx123abc|add|ok|1", "a|first|ok|1"]);
    let next: bool = place.database().one(
        "SELECT next_time > unixepoch() AND label = 'fitnessguru' FROM accounts WHERE account_id = 'clx123abc'",
    );
    assert!(next);
}

#[test]
fn a_response_that_contradicts_the_clock_adds_the_account_and_needs_attention() {
    let vendor = Vendor::start();
    let offset = -25 * 3600 - 60;
    vendor.everywhere(Some(Behaviour::ServerDate { offset, then: Box::new(Behaviour::Answer) }));
    for has_daemon in [false, true] {
        let place = with_database(&vendor, &Settings::weekly(&[]));
        let daemon = has_daemon.then(|| place.run().once_up());
        let ended = place.growthd(&ADD).with_code(1);
        let expected = "@fitnessguru on tiktok is clx123abc, 1,520,000 followers (the response's date \
                        is 25 h behind this machine's clock; check the clock); added to config.toml\n";
        assert!(ended.out.starts_with(expected), "{ended:?}");
        assert_eq!(ended.out.contains("the running daemon"), has_daemon, "{ended:?}");
        assert!(config(&place).contains("id = \"clx123abc\""));
        drop(daemon);
    }
}

#[test]
fn through_a_daemon_it_is_the_daemons_ledger() {
    let vendor = Vendor::start();
    let place = with_database(&vendor, &Settings::weekly(&["a"]));
    let mut daemon = place.run();
    daemon.until("refreshed account=a");
    let ended = place.growthd(&ADD).with_code(0);
    assert!(
        ended.out.contains("added to config.toml\nthe running daemon picks this up"),
        "{ended:?}"
    );
    daemon.signal(Signal::HUP);
    daemon.until("reloaded: +1 accounts");
    daemon.stop();
    assert_eq!(place.database().rows(LEDGER), ["a|first|ok|1", "clx123abc|add|ok|1"]);
}

#[test]
fn a_known_account_costs_nothing() {
    let vendor = Vendor::start();
    let place = with_database(&vendor, &Settings::weekly(&["clx123abc"]));
    place.growthd(&["refresh", "--all"]).with_code(0);
    let ended = place.growthd(&ADD).with_code(1);
    assert_eq!(ended.out, "@fitnessguru on tiktok is already in the watchlist, as clx123abc\n");
    assert_eq!(ended.err, "", "no cost is announced");
    assert_eq!(vendor.call_count(), 1);
    // Removed and added again, its id is known.
    place.configure(&vendor, &Settings::weekly(&["a"]));
    place.growthd(&["refresh", "a"]).with_code(0);
    let ended = place.growthd(&ADD).with_code(0);
    assert_eq!(ended.out, "@fitnessguru on tiktok is clx123abc; added to config.toml\n");
    assert_eq!(vendor.call_count(), 2);
}

/// What the daemon watches is the list as it was when it was last loaded.
#[test]
fn an_account_is_added_to_a_list_that_it_was_taken_out_of_since_the_last_reload() {
    let vendor = Vendor::start();
    let place = with_database(&vendor, &Settings::weekly(&["a", "clx123abc"]));
    let mut daemon = place.run();
    daemon.until("refreshed account=clx123abc");
    place.configure(&vendor, &Settings::weekly(&["a"]));
    let ended = place.growthd(&ADD).with_code(0);
    assert!(ended.out.contains("is clx123abc; added to config.toml\n"), "{ended:?}");
    assert!(config(&place).ends_with("id = \"clx123abc\"\nlabel = \"fitnessguru\"\n"));
    daemon.stop();
}

#[test]
fn an_account_that_cannot_be_added_changes_no_file() {
    let vendor = Vendor::start();
    let place = with_database(&vendor, &Settings::weekly(&["a"]));
    let before = config(&place);
    vendor.everywhere(Some(Behaviour::refusal(404, "ACCOUNT_NOT_FOUND", "no such account")));
    let ended = place.growthd(&ADD).with_code(69);
    let expected =
        "growthd: @fitnessguru on tiktok: HTTP 404: ACCOUNT_NOT_FOUND: no such account\n";
    assert!(ended.out.is_empty() && ended.err.ends_with(expected), "{ended:?}");
    place.growthd(&["add", "two words", "--platform", "tiktok"]).with_code(2);
    place.growthd(&["add", "fitnessguru", "--platform", "myspace"]).with_code(2);
    place.growthd(&["add", "fitnessguru"]).with_code(2);
    assert_eq!(config(&place), before);
    assert_eq!(place.database().rows(LEDGER), ["-|add|failed|0"]);

    // A spent budget refuses the lookup before it is sent.
    let budget = "[budget]\nrefreshes = 0".to_owned();
    place.configure(&vendor, &Settings { tables: budget, ..Settings::weekly(&["a"]) });
    let ended = place.growthd(&ADD).with_code(1);
    assert!(ended.err.contains("the budget is spent until"), "{ended:?}");
    assert_eq!(vendor.call_count(), 1);
}

#[test]
fn a_list_that_cannot_take_an_entry_is_reported_before_anything_is_spent() {
    let vendor = Vendor::start();
    let place = with_database(&vendor, &Settings::weekly(&[]));
    let inline = config(&place).replacen("[api]", "account = [{ id = \"a\" }]\n[api]", 1);
    place.write("config.toml", &inline);
    let ended = place.growthd(&ADD).with_code(78);
    assert!(ended.err.contains("write the accounts as [[account]] tables"), "{ended:?}");
    assert_eq!((vendor.call_count(), config(&place)), (0, inline));
}

#[test]
fn an_included_file_takes_the_entry_with_its_own_defaults() {
    let vendor = Vendor::start();
    let place = with_database(&vendor, &Settings::weekly(&["a"]));
    let main = format!("include = [\"watchlist.d/*.toml\"]\n{}", config(&place));
    place.write("config.toml", &main);
    fs::create_dir(place.file("watchlist.d")).expect("a folder");
    let acme = "[defaults]\ntags = [\"acme\"] # theirs\n";
    place.write("watchlist.d/acme.toml", acme);
    // A file that is not included costs nothing, whether or not it exists.
    place.write("other.toml", "");
    for other in ["other.toml", "watchlist.d/none.toml"] {
        let ended = place.growthd(&[&ADD[..], &["--to", other]].concat()).with_code(2);
        assert!(ended.err.contains("config.toml does not include "), "{ended:?}");
    }
    assert_eq!(vendor.call_count(), 0);
    let to_acme = [&ADD[..], &["--to", "watchlist.d/acme.toml"]].concat();
    let ended = place.growthd(&to_acme).with_code(0);
    let expected = "clx123abc, 1,520,000 followers; added to watchlist.d/acme.toml\n";
    assert!(ended.out.ends_with(expected), "{ended:?}");
    let text = fs::read_to_string(place.file("watchlist.d/acme.toml")).expect("a file");
    let entry = "\n[[account]]\nid = \"clx123abc\"\nlabel = \"fitnessguru\"\n";
    assert_eq!((text, config(&place)), (format!("{acme}{entry}"), main));
    let mut daemon = place.run();
    daemon.until("refreshed account=a");
    daemon.stop();
    let tag: String = place.database().one("SELECT tag FROM account_tags");
    assert_eq!(tag, "acme");
    // The account is known now, in whichever file.
    place.growthd(&ADD).with_code(1);
    assert_eq!(vendor.call_count(), 2);
    // A file that cannot take an entry is reported before anything is spent.
    place.write("watchlist.d/acme.toml", "account = [{ id = \"b\" }]\n");
    let ended = place.growthd(&to_acme).with_code(78);
    assert!(ended.err.contains("watchlist.d/acme.toml would not be valid"), "{ended:?}");
    assert_eq!(vendor.call_count(), 2);
}

#[test]
fn several_names_are_looked_up_at_once_and_each_is_paid_once() {
    let vendor = Vendor::start();
    let place = with_database(&vendor, &Settings::weekly(&["a"]));
    let url = "https://www.tiktok.com/@fitnessguru?lang=en";
    let ended = place.growthd(&["add", "@fitnessguru", url, "FitnessGuru", "--platform", "tiktok"]);
    let ended = ended.with_code(0);
    assert_eq!(ended.out.lines().count(), 1, "{ended:?}");
    assert_eq!(ended.err, "Looking up @fitnessguru on tiktok may cost a credit.\n");
    assert_eq!(vendor.call_count(), 1);
    vendor.everywhere(Some(Behaviour::refusal(404, "ACCOUNT_NOT_FOUND", "no such account")));
    // In a list of names, a known one costs nothing, and an invalid one stops all.
    place.write("names", "# ours\n@fitnessguru  # the first\n\nhttps://tiktok.com/@nobody\n");
    let ended = place.growthd(&["add", "--from", "names", "--platform", "tiktok"]).with_code(1);
    assert!(ended.out.contains("is already in the watchlist, as clx123abc"), "{ended:?}");
    let expected = "Looking up @nobody on tiktok may cost a credit.\n\
                    growthd: @nobody on tiktok: HTTP 404: ACCOUNT_NOT_FOUND: no such account\n";
    assert_eq!(ended.err, expected);
    assert_eq!(vendor.call_count(), 2);
    place.write("names", "@one\nhttps://tiktok.com/@two\n");
    let ended = place.growthd(&["add", "--from", "names", "--platform", "tiktok"]).with_code(69);
    let cost = "Looking up these 2 accounts may cost 2 credits: @one on tiktok, @two on tiktok.\n";
    assert!(ended.err.starts_with(cost), "{ended:?}");
    assert_eq!(vendor.call_count(), 4);
    place.write("names", "@somebody\nhttps://www.youtube.com/channel/UC123\n");
    let ended = place.growthd(&["add", "--from", "names", "--platform", "tiktok"]).with_code(2);
    assert!(ended.line().contains("is not a profile URL"), "{ended:?}");
    assert_eq!(vendor.call_count(), 4);
}

#[test]
fn a_list_that_is_too_long_is_refused_before_its_cost_is_announced() {
    for has_daemon in [false, true] {
        let vendor = Vendor::start();
        let place = with_database(&vendor, &Settings::weekly(&[]));
        let daemon = has_daemon.then(|| place.run().once_up());
        let names: Vec<String> = (0..1001).map(|number| format!("@guru{number}")).collect();
        place.write("names", &names.join("\n"));
        let ended = place.growthd(&["add", "--from", "names", "--platform", "tiktok"]).with_code(2);
        let expected = "growthd: 1,001 names are too many: add at most 1,000 names at once, and split the list";
        assert_eq!(ended.line(), expected);
        assert_eq!(vendor.call_count(), 0);
        drop(daemon);
    }
}

#[test]
fn each_result_names_its_platform_and_only_if_all_are_refused_is_that_the_exit_code() {
    let vendor = Vendor::start();
    let place = with_database(&vendor, &Settings::weekly(&["a"]));
    // The account of this name exists on one platform only.
    let urls = ["https://www.youtube.com/@fitnessguru", "https://www.tiktok.com/@FitnessGuru"];
    let refused = "growthd: @fitnessguru on youtube: HTTP 404: ACCOUNT_NOT_FOUND: Social account \
                   not found\n";
    let added = "@FitnessGuru on tiktok is clx123abc, 1,520,000 followers; added to config.toml\n";
    let add = |names: &[&str]| place.growthd(&[&["add"], names].concat());
    let ended = add(&urls).with_code(1);
    assert!(ended.out == added && ended.err.ends_with(refused), "{ended:?}");
    assert!(config(&place).contains("label = \"FitnessGuru\""));
    vendor.everywhere(Some(Behaviour::refusal(404, "ACCOUNT_NOT_FOUND", "no such account")));
    add(&["https://www.tiktok.com/@x", "https://www.youtube.com/@x"]).with_code(69);
}

#[test]
fn an_outage_costs_a_few_lookups_however_many_names_are_added() {
    for has_daemon in [false, true] {
        let vendor = Vendor::start();
        let one_by_one = "max_in_flight = 1".to_owned();
        let settings = Settings { api: one_by_one, ..Settings::weekly(&["a"]) };
        let place = with_database(&vendor, &settings);
        let mut daemon = has_daemon.then(|| place.run());
        if let Some(daemon) = &mut daemon {
            daemon.until("refreshed account=a");
        }
        // The first is found, and then the vendor is down.
        vendor.queue("clx123abc", [Behaviour::Answer]);
        vendor.everywhere(Some(Behaviour::refusal(500, "INTERNAL", "try later")));
        let names: Vec<String> = (0..12).map(|number| format!("name{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let ended = place.growthd(&[&ADD[..], &names].concat()).with_code(1);
        assert!(config(&place).contains("id = \"clx123abc\""), "{ended:?}");
        let declined = "on tiktok: not looked up, and nothing spent: three lookups in a row failed";
        assert_eq!(ended.err.matches(declined).count(), 9, "{ended:?}");
        if let Some(daemon) = daemon {
            daemon.stop();
        }
        let spent: i64 =
            place.database().one("SELECT sum(spent) FROM refreshes WHERE cause = 'add'");
        assert_eq!(spent, 4);
    }
}

#[test]
fn a_name_added_twice_at_once_is_paid_once() {
    let vendor = Vendor::start();
    let place = with_database(&vendor, &Settings::weekly(&["a"]));
    let mut daemon = place.run();
    daemon.until("refreshed account=a");
    let slow = Behaviour::After(Duration::from_millis(1500), Box::new(Behaviour::Answer));
    vendor.everywhere(Some(slow));
    let mut first = Daemon::start(place.command(&ADD));
    vendor.wait_for_calls(2);
    let second = place.growthd(&ADD);
    let mut codes = [first.end(), second.code];
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(1)], "one adds it, the other finds it there: {second:?}");
    daemon.stop();
    assert_eq!(place.database().rows(LEDGER), ["a|first|ok|1", "clx123abc|add|ok|1"]);
    assert_eq!(config(&place).matches("id = \"clx123abc\"").count(), 1);
}

#[test]
fn a_daemon_that_is_stopping_starts_no_lookup() {
    let vendor = Vendor::start();
    let place = with_database(&vendor, &Settings::weekly(&["a"]));
    vendor.queue("a", [Behaviour::After(Duration::from_secs(2), Box::new(Behaviour::Answer))]);
    let mut daemon = place.run().once_up();
    vendor.wait_for_calls(1);
    daemon.signal(Signal::TERM);
    daemon.until("stopping");
    let ended = place.growthd(&ADD).with_code(1);
    assert!(ended.out.contains("1 without a result"), "{ended:?}");
    assert_eq!(daemon.end(), Some(0), "{}", daemon.log());
    assert_eq!(vendor.call_count(), 1);
}

/// As in a container with a mounted configuration.
#[test]
fn a_read_only_watchlist_is_detected_before_anything_is_paid() {
    let vendor = Vendor::start();
    let place = with_database(&vendor, &Settings::weekly(&["a"]));
    let mut unshare = Command::new("unshare");
    let script = "mount --bind config.toml config.toml && \
                  mount -o remount,ro,bind config.toml || exit 99; exec \"$0\" \"$@\"";
    unshare.current_dir(place.path()).stdin(Stdio::null());
    unshare.args(["-m", "sh", "-c", script, env!("CARGO_BIN_EXE_growthd")]).args(ADD);
    match unshare.output() {
        Ok(output) if ![Some(1), Some(99)].contains(&output.status.code()) => {
            let ended = Ended::from(output).with_code(78);
            assert!(ended.line().contains("Read-only file system"), "{ended:?}");
            assert_eq!(vendor.call_count(), 0);
        }
        refused => println!("skipped: nothing can be mounted here: {refused:?}"),
    }
}

#[test]
fn a_watchlist_on_a_full_disk_is_detected_before_anything_is_paid() {
    if !can_mount() {
        return;
    }
    let vendor = Vendor::start();
    let place = with_database(&vendor, &Settings::weekly(&["a"]));
    let text = std::fs::read_to_string(place.file("config.toml")).expect("a file");
    place.write("config.toml", &format!("include = ['small/*.toml']\n{text}"));
    std::fs::create_dir(place.file("small")).expect("a folder");
    let mut unshare = Command::new("unshare");
    let script = "mount -t tmpfs -o size=64k none small && echo '# mine' >small/list.toml; \
                  dd if=/dev/zero of=small/filler status=none 2>/dev/null; \
                  \"$0\" \"$@\" --to small/list.toml; code=$?; ls -A small; cat small/list.toml; exit $code";
    unshare.current_dir(place.path()).stdin(Stdio::null());
    unshare.args(["-m", "sh", "-c", script, env!("CARGO_BIN_EXE_growthd")]).args(ADD);
    let ended = Ended::of(unshare).with_code(74);
    assert!(ended.err.starts_with("growthd: cannot write small/list.toml: No space"), "{ended:?}");
    assert_eq!(ended.out, "filler\nlist.toml\n# mine\n");
    assert_eq!(vendor.call_count(), 0);
}

/// A name cut off in the middle may be another account's.
#[test]
fn a_list_that_is_too_long_is_refused_and_nothing_is_paid() {
    let vendor = Vendor::start();
    let place = with_database(&vendor, &Settings::weekly(&["a"]));
    place.write("names", &"https://www.tiktok.com/@fitnessguru\n".repeat(30_000));
    let ended = place.growthd(&["add", "--from", "names"]).with_code(2);
    assert!(ended.line().contains("names: it is over 1 MiB"), "{ended:?}");
    assert_eq!(vendor.call_count(), 0);
}

#[test]
fn an_immutable_watchlist_is_detected_before_anything_is_paid() {
    let vendor = Vendor::start();
    let place = with_database(&vendor, &Settings::weekly(&["a"]));
    let chattr = |change: &str| {
        let mut command = Command::new("chattr");
        command.args([change, "config.toml"]).current_dir(place.path()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    for (on, off) in [("+i", "-i"), ("+a", "-a")] {
        if !chattr(on) {
            println!("skipped: no file can be made immutable here");
            return;
        }
        let ended = place.growthd(&ADD);
        assert!(chattr(off));
        let ended = ended.with_code(78);
        assert!(ended.line().contains("cannot write config.toml: Operation not"), "{ended:?}");
        assert_eq!(vendor.call_count(), 0);
    }
}

/// Only root can give files away, so a new file in its place would be its writer's.
#[test]
fn a_watchlist_of_another_user_keeps_its_owner_or_is_not_written() {
    if !is_root() {
        println!("skipped: only root can take the part of another user");
        return;
    }
    for (mode, folder, code) in [(0o664, 0o755, 0), (0o644, 0o755, 78), (0o644, 0o1777, 78)] {
        let vendor = Vendor::start();
        let place = with_database(&vendor, &Settings::weekly(&["a"]));
        for name in ["", "api-key", "growth.db", "growth.db-wal", "growth.db-shm"] {
            chown(place.file(name), Some(NOBODY), Some(NOBODY)).expect("root may");
        }
        chown(place.file("config.toml"), Some(0), Some(NOBODY)).expect("root may");
        place.set_mode("config.toml", mode);
        place.set_mode("", folder);
        let before = config(&place);
        let mut command = place.command(&ADD);
        match command.uid(NOBODY).gid(NOBODY).output() {
            Ok(output) => {
                let ended = Ended::from(output).with_code(code);
                let file = fs::metadata(place.file("config.toml")).expect("a file");
                assert_eq!((file.uid(), file.mode() & 0o7777), (0, mode), "{ended:?}");
                assert_eq!(vendor.call_count(), usize::from(code == 0), "{ended:?}");
                assert_eq!(config(&place) == before, code != 0, "{ended:?}");
            }
            Err(error) => println!("skipped: another user cannot run the program: {error}"),
        }
    }
}

/// The service may read the watchlist as its group, which its owner need not belong to.
#[test]
fn a_watchlist_keeps_a_group_that_its_writer_is_not_in() {
    const DAEMON: u32 = 1;
    if !is_root() {
        println!("skipped: only root can take the part of another user");
        return;
    }
    let vendor = Vendor::start();
    let place = with_database(&vendor, &Settings::weekly(&["a"]));
    for name in ["", "api-key", "growth.db", "growth.db-wal", "growth.db-shm", "config.toml"] {
        chown(place.file(name), Some(NOBODY), Some(NOBODY)).expect("root may");
    }
    chown(place.file("config.toml"), None, Some(DAEMON)).expect("root may");
    place.set_mode("config.toml", 0o640);
    match place.command(&ADD).uid(NOBODY).gid(NOBODY).output() {
        Ok(output) => {
            let ended = Ended::from(output).with_code(0);
            let file = fs::metadata(place.file("config.toml")).expect("a file");
            assert_eq!((file.gid(), file.mode() & 0o7777), (DAEMON, 0o640), "{ended:?}");
            assert!(config(&place).contains("clx123abc"), "{ended:?}");
        }
        Err(error) => println!("skipped: another user cannot run the program: {error}"),
    }
}

#[test]
fn another_account_than_the_one_looked_up_is_not_added() {
    for (patch, other) in [
        (json!({"username": "stranger\u{1b}"}), "@stranger\u{fffd} on tiktok"),
        (json!({"platform": "youtube"}), "@fitnessguru on youtube"),
    ] {
        let vendor = Vendor::start();
        let place = with_database(&vendor, &Settings::weekly(&["a"]));
        let before = config(&place);
        vendor.everywhere(Some(Behaviour::Patch(patch)));
        let ended = place.growthd(&ADD).with_code(1);
        let words = format!(
            "@fitnessguru on tiktok: the vendor found {other}, clx123abc, 1,520,000 followers, and \
             nothing was added; if it is right, add it to config.toml yourself:\n\n\
             [[account]]\nid = \"clx123abc\"\n"
        );
        assert_eq!((ended.out, config(&place)), (words, before));
        assert_eq!(place.database().rows(LEDGER), ["clx123abc|add|ok|1"]);
    }
}

/// Only `run` and a `refresh` create one.
#[test]
fn without_a_database_nothing_is_looked_up_or_created() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let ended = place.growthd(&ADD).with_code(74);
    let words = "growthd: there is no database at growth.db; `growthd run` creates it\n";
    assert_eq!((&*ended.out, &*ended.err), ("", words));
    assert!(!place.has("growth.db"));
    assert_eq!(vendor.call_count(), 0);
}

#[test]
fn an_invalid_label_is_a_usage_error_about_the_label() {
    let vendor = Vendor::start();
    let place = with_database(&vendor, &Settings::weekly(&["a"]));
    for label in ["", " ", "two\nlines", &"x".repeat(201)] {
        let ended = place.growthd(&[&ADD[..], &["--label", label]].concat()).with_code(2);
        assert!(ended.line().contains("for '--label <LABEL>': "), "{ended:?}");
    }
    assert_eq!(vendor.call_count(), 0);
}
