//! Problems of the folder that growthd is started in: each is one line that says what to do, with
//! the documented exit code, and nothing is lost.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;

use rusqlite::Connection;

use crate::harness::{Database, Ended, KEY, NOBODY, Settings, Setup, Vendor, is_root, make_pipe};
use crate::scripted_api::Behaviour;

/// Returns the last line on stderr, which must be growthd's own and preceded only by logs, and by
/// the cost that `add` announces.
#[track_caller]
fn last_line(ended: &Ended) -> String {
    assert!(!ended.err.contains("panicked") && !ended.err.contains(KEY), "{ended:#?}");
    let is_error = |line: &&str| !line.contains(" INFO ") && !line.ends_with(" cost a credit.");
    let own: Vec<_> = ended.err.lines().filter(is_error).collect();
    assert_eq!(own.len(), 1, "one line: {ended:#?}");
    assert!(own[0].starts_with("growthd: "), "{ended:#?}");
    own[0].to_owned()
}

/// Asserts that `run` and `refresh` end with this code and message, and make no call.
#[track_caller]
fn refused(vendor: &Vendor, place: &Setup, code: i32, words: &[&str]) {
    for verb in [&["run"][..], &["refresh", "a"]] {
        let ended = place.growthd(verb).with_code(code);
        let line = last_line(&ended);
        for words in words {
            assert!(line.contains(words), "{verb:?}: {words:?} in {line}");
        }
    }
    assert_eq!(vendor.call_count(), 0);
}

#[test]
fn a_configuration_that_cannot_be_read_is_reported_with_what_to_do() {
    let place = Setup::empty();
    fs::create_dir(place.file("folder")).expect("a folder");
    make_pipe(&place.file("pipe"));
    for name in ["absent.toml", "folder", "absent/config.toml", "pipe", "/dev/zero"] {
        for verb in ["run", "check", "plan", "status"] {
            let ended = place.growthd(&["--config", name, verb]).with_code(78);
            let line = last_line(&ended);
            let expected = format!("growthd: cannot read the configuration {name}: ");
            assert!(line.starts_with(&expected) && line.contains("--config"), "{line}");
        }
    }
    let mut command = place.command(&["check"]);
    command.env("GROWTHD_CONFIG", "elsewhere.toml");
    let ended = Ended::of(command).with_code(78);
    assert!(last_line(&ended).contains("elsewhere.toml"));
    // An empty one is none.
    place.write("config.toml", "");
    let mut command = place.command(&["check"]);
    command.env("GROWTHD_CONFIG", "");
    Ended::of(command).with_code(0);
}

#[test]
fn a_terminal_shows_source_lines_but_never_one_that_may_contain_a_key() {
    let place = Setup::empty();
    place.write(
        "config.toml",
        &format!(
            "[api]\ntimeot = \"{KEY}\"\n[schedule]\nlabel = '日本', cron\n[http]\ntoken = '{KEY}'\n"
        ),
    );
    // `script` provides a terminal.
    let mut command = std::process::Command::new("script");
    command.args(["-qec", concat!(env!("CARGO_BIN_EXE_growthd"), " check"), "/dev/null"]);
    let Ok(output) = command.current_dir(place.path()).env_remove("GROWTHD_CONFIG").output() else {
        println!("skipped: no script");
        return;
    };
    let shown = String::from_utf8(output.stdout).expect("text");
    assert!(shown.contains("    label = '日本', cron\r\n                  ^"), "{shown}");
    assert!(shown.contains("    timeot = …\r\n    ^") && !shown.contains(KEY), "{shown}");
}

#[test]
fn a_configuration_of_another_user_is_reported() {
    if !is_root() {
        println!("skipped: only root can take the part of another user");
        return;
    }
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    place.set_mode("config.toml", 0o600);
    let mut command = place.command(&["check"]);
    command.uid(NOBODY).gid(NOBODY);
    match command.output() {
        Ok(output) => {
            let ended = Ended::from(output).with_code(78);
            assert!(last_line(&ended).contains("Permission denied"), "{ended:?}");
        }
        Err(error) => println!("skipped: another user cannot run the program: {error}"),
    }
}

#[test]
fn without_a_key_the_three_sources_are_listed_and_nothing_is_created() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    fs::remove_file(place.file("api-key")).expect("a key");
    let places = ["systemd credential `api-key`", "api_key_file", "$GROWTHD_API_KEY", "0600"];
    refused(&vendor, &place, 78, &places);
    // The service may have a credential that the user of `check` cannot read.
    let checked = place.growthd(&["check"]).with_code(0);
    assert!(checked.out.contains("there is no API key"), "{checked:?}");

    place.write("api-key", KEY);
    place.set_mode("api-key", 0o644);
    refused(&vendor, &place, 78, &["can be read by every user", "chmod o-rwx"]);
    let checked = place.growthd(&["check"]).with_code(78);
    assert!(checked.out.contains("can be read by every user"), "{checked:?}");
    assert!(checked.out.contains("forecast"), "{checked:?}");
    // Who reads stderr alone is told too.
    let error = &checked.err;
    assert!(error.contains("chmod o-rwx") && error.lines().count() == 1, "{checked:?}");
    place.write("api-key", "");
    place.set_mode("api-key", 0o600);
    refused(&vendor, &place, 78, &["api-key is empty"]);
    assert!(!place.has("growth.db"), "nothing was made");
    // Perhaps not all of it was pasted.
    for (key, is_short) in [("hk_4242", true), ("hk_42424", false)] {
        place.write("api-key", key);
        let checked = place.growthd(&["check"]).with_code(0).out;
        for words in ["with fewer than 8 characters", "cannot be recognised, and so is not removed"]
        {
            assert_eq!(checked.contains(words), is_short, "{checked}");
        }
        assert!(!checked.contains(key), "{checked}");
    }

    let mut command = place.command(&["refresh", "a"]);
    fs::remove_file(place.file("api-key")).expect("a key");
    command.env("GROWTHD_API_KEY", KEY);
    Ended::of(command).with_code(0);
}

#[test]
fn an_api_that_cannot_be_reached_leaves_the_slot_open() {
    let address = Vendor::start().gone();
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    place.configure_for(&address, &Settings::weekly(&["a"]));
    let ended = place.growthd(&["refresh", "a"]).with_code(69);
    assert!(ended.out.starts_with("failed   a  cannot connect: "), "{ended:?}");

    let mut daemon = place.run();
    for _ in 0..2 {
        let line = daemon.until("not refreshed");
        assert!(line.contains("outcome=\"failed\"") && line.contains("cannot connect"), "{line}");
    }
    let ledger = "SELECT DISTINCT outcome, http_status, spent FROM refreshes";
    assert_eq!(place.database().rows(ledger), ["failed|-|0"]);
    place.configure(&vendor, &Settings::weekly(&["a"]));
    daemon.signal(rustix::process::Signal::HUP);
    daemon.until("refreshed account=a");
    daemon.stop();
    assert_eq!(place.database().one::<i64>("SELECT sum(spent) FROM refreshes"), 1);
}

#[test]
fn an_unusable_response_is_kept_and_the_call_is_retried() {
    let vendor = Vendor::start();
    let retry = "first_delay = \"1s\"";
    let place = Setup::new(&vendor, &Settings { retry, ..Settings::weekly(&["a", "b"]) });
    let other = serde_json::json!({"id": "somebody-else"});
    vendor.queue("a", [Behaviour::Raw(b"<html>oops".to_vec()), Behaviour::Patch(other)]);
    let mut daemon = place.run();
    daemon.until("the response is not a JSON object");
    daemon.until("the response is for another account");
    daemon.until(" refreshed account=a");
    daemon.stop();
    let rows = place
        .database()
        .rows("SELECT cause, outcome, http_status, spent, substr(answer, 1, 10) FROM refreshes WHERE account_id = 'a'");
    assert_eq!(
        rows,
        ["first|failed|200|1|<html>oops", "retry|failed|200|1|{\"data\":{\"", "retry|ok|200|1|-"]
    );
    assert_eq!(
        place.database().one::<i64>("SELECT count(*) FROM snapshots WHERE account_id = 'a'"),
        1
    );
}

fn sqlite(path: &Path, sql: &str) {
    let connection = Connection::open(path).expect("a file");
    connection.execute_batch(sql).expect(sql);
}

#[test]
fn a_database_of_another_program_is_left_as_it_is() {
    let vendor = Vendor::start();
    let place = || Setup::new(&vendor, &Settings::weekly(&["a"]));

    let somebodys = place();
    sqlite(&somebodys.file("growth.db"), "CREATE TABLE t (x); PRAGMA user_version = 1");
    let text = place();
    text.write("growth.db", "not a database, but long enough to be taken for one at first");
    for place in [somebodys, text] {
        let before = fs::read(place.file("growth.db")).expect("a file");
        let words = ["growth.db is not a growthd database", "set another [database] path"];
        refused(&vendor, &place, 74, &words);
        place.growthd(&["status"]).with_code(74);
        let checked = place.growthd(&["check"]).with_code(1);
        assert!(words.iter().all(|words| checked.out.contains(words)), "{checked:?}");
        assert_eq!(fs::read(place.file("growth.db")).expect("a file"), before);
    }

    let folder = place();
    fs::create_dir(folder.file("growth.db")).expect("a folder");
    refused(&vendor, &folder, 74, &["growth.db is not a regular file", "another [database] path"]);

    let fifo = place();
    let made = std::process::Command::new("mkfifo").arg(fifo.file("growth.db")).status();
    assert!(made.expect("mkfifo").success());
    refused(&vendor, &fifo, 74, &["growth.db is not a regular file"]);
    last_line(&fifo.growthd(&["status"]).with_code(74));
    let checked = fifo.growthd(&["check"]).with_code(1);
    assert!(checked.out.contains("growth.db is not a regular file"), "{checked:?}");
}

#[test]
fn a_database_of_another_version_is_refused_by_every_verb_and_left_as_it_is() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    place.growthd(&["refresh", "stranger"]).with_code(1);
    place.write("old.csv", "account,date,followers\na,2020-01-01,1\n");
    let calls = vendor.call_count();
    for (version, words) in [
        (1, ["from before its first release", "move it away"]),
        (9, ["from before its first release", "move it away"]),
        (99, ["by a newer growthd (schema 99", "upgrade growthd"]),
    ] {
        sqlite(
            &place.file("growth.db"),
            &format!("PRAGMA user_version = {version}; PRAGMA wal_checkpoint(TRUNCATE)"),
        );
        let state = || {
            let files = fs::read_dir(place.path()).expect("a folder").flatten();
            // A reader keeps SQLite's own files beside the database.
            let names = files.map(|file| file.file_name().into_string().expect("a name"));
            let mut names: Vec<_> = names.filter(|name| !name.contains("db-")).collect();
            names.sort();
            (names, fs::read(place.file("growth.db")).expect("a file"))
        };
        let before = state();
        for (verb, code) in [
            // 78 and not 74, so that systemd does not restart it again and again.
            ("run", 78),
            ("plan", 74),
            ("refresh --all", 74),
            ("status", 74),
            ("history a", 74),
            ("growth", 74),
            ("report", 74),
            ("digest", 74),
            ("export", 74),
            ("import old.csv", 74),
            ("import old.csv --write", 74),
            ("backup copy.db", 74),
            ("add somebody --platform tiktok --yes", 74),
        ] {
            let arguments: Vec<&str> = verb.split(' ').collect();
            let line = last_line(&place.growthd(&arguments).with_code(code));
            assert!(words.iter().all(|words| line.contains(words)), "{verb}: {line}");
            assert_eq!(state(), before, "{verb}");
        }
        let checked = place.growthd(&["check"]).with_code(1);
        assert!(words.iter().all(|words| checked.out.contains(words)), "{checked:?}");
    }
    assert_eq!(vendor.call_count(), calls);
}

#[test]
fn a_key_file_that_is_not_a_regular_file_is_refused_without_blocking() {
    let vendor = Vendor::start();
    let key = Setup::new(&vendor, &Settings::weekly(&["a"]));
    fs::remove_file(key.file("api-key")).expect("a key");
    make_pipe(&key.file("api-key"));
    refused(&vendor, &key, 78, &["api-key is not a regular file"]);
    let output = key.growthd(&["check", "--quiet"]).with_code(78).out;
    assert!(output.contains("api-key is not a regular file"), "{output}");
}

#[test]
fn a_damaged_database_is_refused_with_what_to_do() {
    use std::os::unix::fs::FileExt;
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["b"]));
    place.growthd(&["refresh", "stranger"]).with_code(1);
    // A copy of only the database file, with one page overwritten.
    sqlite(&place.file("growth.db"), "PRAGMA wal_checkpoint(TRUNCATE)");
    // What is still in the WAL must not be written over what can be recovered.
    let writer = rusqlite::Connection::open(place.file("growth.db")).expect("a database");
    let keep = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    writer.set_db_config(keep, true).expect("a setting");
    writer.execute_batch("CREATE TABLE extra (a)").expect("a commit in the WAL");
    drop(writer);
    let file = fs::OpenOptions::new().write(true).open(place.file("growth.db")).expect("a file");
    for page in 1..4 {
        file.write_all_at(&[0xa5; 4096], page * 4096).expect("a page");
    }
    let before = fs::read(place.file("growth.db")).expect("a file");
    refused(&vendor, &place, 74, &["growth.db is damaged", "restore a backup", ".recover", "-wal"]);
    assert_eq!(fs::read(place.file("growth.db")).expect("a file"), before);
}

#[test]
fn a_missing_folder_is_reported() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let text = fs::read_to_string(place.file("config.toml")).expect("a file");
    place.write("config.toml", &text.replace("growth.db", "absent/growth.db"));
    refused(&vendor, &place, 74, &["absent", "No such file or directory"]);
}

#[test]
fn a_folder_of_another_user_is_not_written() {
    if !is_root() {
        println!("skipped: only root can give a folder away");
        return;
    }
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    chown(place.path(), Some(NOBODY), None).expect("root may");
    refused(&vendor, &place, 74, &["belongs to user nobody", "as user root", "sudo -u"]);
    assert!(!place.has("growth.db"));
}

/// SQLite creates what lies beside a database with its mode, and in the folder's group.
#[test]
fn a_folder_of_another_user_that_is_shared_by_its_group_is_written() {
    if !is_root() {
        println!("skipped: only root can give a folder away");
        return;
    }
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    place.growthd(&["refresh", "a"]).with_code(0);
    chown(place.path(), Some(NOBODY), Some(NOBODY)).expect("root may");
    let files = ["growth.db", "growth.db-wal", "growth.db-shm"];
    for (folder, modes, is_shared) in [
        (0o2775, [0o640, 0o660, 0o660], false),
        (0o2775, [0o660, 0o660, 0o640], false),
        (0o0775, [0o660, 0o660, 0o660], false),
        (0o2755, [0o660, 0o660, 0o660], false),
        (0o2775, [0o660, 0o660, 0o660], true),
    ] {
        place.set_mode("", folder);
        for (file, mode) in files.iter().zip(modes) {
            chown(place.file(file), None, Some(NOBODY)).expect("root may");
            place.set_mode(file, mode);
        }
        place.growthd(&["refresh", "a"]).with_code(if is_shared { 0 } else { 74 });
    }
    for name in files {
        let metadata = fs::metadata(place.file(name)).expect("a file");
        assert_eq!((metadata.gid(), metadata.mode() & 0o020), (NOBODY, 0o020), "{name}");
    }
}

/// As after a backup was restored with `cp` by root.
#[test]
fn a_database_left_by_root_is_reported_with_the_command_to_run() {
    if !is_root() {
        println!("skipped: only root leaves what others cannot write");
        return;
    }
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    place.growthd(&["refresh", "a"]).with_code(0);
    for name in ["", "api-key", "growth.db-wal", "growth.db-shm"] {
        chown(place.file(name), Some(NOBODY), None).expect("root may");
    }
    for name in ["growth.db", "growth.db-wal", "growth.db-shm"] {
        chown(place.file(name), Some(0), None).expect("root may");
        let mut command = place.command(&["run"]);
        match command.uid(NOBODY).output() {
            Ok(output) => {
                let line = last_line(&Ended::from(output).with_code(74));
                let (whose, advice) = (
                    format!("{name} belongs to user root, and user nobody cannot write to it"),
                    format!("; change its owner: chown 'nobody' '{name}'"),
                );
                assert!(line.contains(&whose) && line.ends_with(&advice), "{line}");
            }
            Err(error) => println!("skipped: another user cannot run the program: {error}"),
        }
        chown(place.file(name), Some(NOBODY), None).expect("root may");
    }
}

#[test]
fn a_read_only_folder_is_reported() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    for name in ["", "config.toml", "api-key"] {
        if is_root() {
            chown(place.file(name), Some(NOBODY), None).expect("root may");
        }
    }
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o555)).expect("a mode");
    let mut command = place.command(&["run"]);
    if is_root() {
        command.uid(NOBODY);
    }
    let output = command.output();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    match output {
        Ok(output) => {
            let line = last_line(&Ended::from(output).with_code(74));
            assert!(line.contains("Permission denied"), "{line}");
        }
        Err(error) => println!("skipped: another user cannot run the program: {error}"),
    }
}

#[test]
fn an_invalid_log_filter_is_a_usage_error() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    // The last would be a target without lines, and so no log at all.
    for filter in ["=,=", "growthd=loud", "xyz", "info,xyz"] {
        let mut command = place.command(&["run"]);
        command.env("GROWTHD_LOG", filter);
        let ended = Ended::of(command).with_code(2);
        assert!(last_line(&ended).contains("GROWTHD_LOG is not a log filter"), "{filter}");
    }
    for filter in ["", "debug", "WARN,growthd::engine=debug", "growthd"] {
        let mut command = place.command(&["refresh", "unknown"]);
        command.env("GROWTHD_LOG", filter);
        assert_ne!(Ended::of(command).code, Some(2), "{filter}");
    }
}

#[test]
fn text_from_the_vendor_moves_no_cursor() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let nasty = "\u{1b}[2J\r\nroot: all is well\u{202e}";
    vendor.queue("a", [Behaviour::refusal(404, nasty, nasty)]);
    let ended = place.growthd(&["refresh", "a"]).with_code(69);
    let name = serde_json::json!({"username": nasty, "displayName": nasty});
    vendor.always("a", Behaviour::Patch(name));
    place.growthd(&["refresh", "a"]).with_code(0);
    let status = place.growthd(&["status"]);
    let plan = place.growthd(&["plan"]);
    for shown in [&ended, &status, &plan] {
        let text = format!("{}{}", shown.out, shown.err);
        assert!(!text.contains(['\u{1b}', '\r', '\u{202e}']), "{text:?}");
        assert!(!text.contains("\nroot:"), "{text:?}");
    }
    let database = Database::open(&place.file("growth.db"));
    let stored: String = database.one("SELECT username FROM accounts");
    assert_eq!(stored, nasty, "stored as it came");
}
