//! Edits of the watchlist under a running daemon, which are applied completely or not at all.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use rustix::fs::OFlags;
use rustix::process::Signal;

use crate::harness::{Daemon, EACH_SECOND, PATIENCE, Settings, Setup, Vendor, make_pipe, poll};
use crate::scripted_api::{KeySeen, World};

fn budget() -> String {
    "[budget]\nrefreshes = 1000".to_owned()
}

#[test]
fn an_edit_is_applied_and_its_cost_is_logged() {
    let vendor = Vendor::start();
    let list = |accounts: &[&str]| Settings { tables: budget(), ..Settings::weekly(accounts) };
    let place = Setup::new(&vendor, &list(&["a", "b", "gone"]));
    let mut daemon = place.run();
    for _ in 0..3 {
        daemon.until("refreshed account=");
    }
    // In another order, with another label, without one account and with two more.
    place.configure(&vendor, &list(&["c", "b\nlabel = \"Bob\"", "a", "d"]));
    daemon.signal(Signal::HUP);
    let line = daemon.until("reloaded: ");
    assert!(
        line.contains("+2 accounts, -1, 1 changed, about 4 more refreshes a month, budget 1000"),
        "{line}"
    );
    let database = place.database();
    database.until("SELECT count(*) = 5 FROM snapshots");
    assert_eq!(vendor.call_count(), 5, "the newcomers' baselines and nothing else");
    assert_eq!(
        database.rows(
            "SELECT account_id, label, removed_time IS NOT NULL, next_time IS NOT NULL
             FROM accounts ORDER BY account_id"
        ),
        ["a|-|0|1", "b|Bob|0|1", "c|-|0|1", "d|-|0|1", "gone|-|1|0"]
    );
    let snapshots = "SELECT count(*) FROM snapshots WHERE account_id = 'gone'";
    assert_eq!(database.one::<i64>(snapshots), 1, "its history stays");

    // Back in the list, it keeps its schedule and gets no second baseline.
    place.configure(&vendor, &list(&["a", "b", "c", "d", "gone"]));
    daemon.signal(Signal::HUP);
    let line = daemon.until("reloaded: ");
    assert!(line.contains("+1 accounts, -0, 1 changed"), "{line}");
    daemon.stop();
    place.run().once_up().stop();
    assert_eq!(vendor.call_count(), 5);
}

#[test]
fn an_invalid_edit_changes_nothing_and_every_problem_is_reported() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::each_second(&["a"]));
    let mut daemon = place.run();
    daemon.until("refreshed account=a");
    let text = std::fs::read_to_string(place.file("config.toml")).expect("a file");
    let broken = text.replace("[retry]", "[retry]\nfirst_dleay = \"1s\"\nunknown = \"perhaps\"");
    place.write(
        "config.toml",
        &(broken + "[[account]]\nlabel = \"nobody\"\n[[account]]\nid = \"a\"\n"),
    );
    daemon.signal(Signal::HUP);
    let mut problems = Vec::new();
    loop {
        let line = daemon.until("ERROR");
        if line.contains("was not reloaded; keeping the old one") {
            break;
        }
        problems.push(line);
    }
    assert_eq!(problems.len(), 4, "{problems:#?}");
    for (words, problem) in
        ["first_dleay", "unknown", "needs `id`", "duplicate `id`"].iter().zip(&problems)
    {
        assert!(problem.contains("config.toml:") && problem.contains(words), "{problem}");
    }
    let calls = vendor.call_count();
    vendor.wait_for_calls(calls + 2);

    // The key is part of the configuration.
    place.write("config.toml", &text);
    std::fs::remove_file(place.file("api-key")).expect("a key");
    daemon.signal(Signal::HUP);
    assert!(daemon.until("ERROR").contains("there is no API key"));
    daemon.until("could not be applied; retrying");
    let calls = vendor.call_count();
    vendor.wait_for_calls(calls + 2);

    // A valid edit is applied as soon as possible, without another signal.
    place.write_key();
    daemon.until("reloaded: ");
    daemon.stop();
}

#[test]
fn a_valid_edit_waits_for_a_file_that_is_away_and_status_says_so() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&[]));
    let settings = fs::read_to_string(place.file("config.toml")).expect("a file");
    let configure = |account: &str| {
        let text = format!("include = [\"more.toml\", \"[d]/more.toml\"]\n{settings}");
        place.write("config.toml", &format!("{text}[[account]]\nid = \"{account}\"\n"));
    };
    fs::create_dir(place.file("d")).expect("a folder");
    place.write("more.toml", "[[account]]\nid = \"b\"\n");
    place.write("d/more.toml", "[[account]]\nid = \"c\"\n");
    configure("first");
    let mut daemon = place.run().once_up();
    for (number, name) in ["more.toml", "d/more.toml", "api-key"].into_iter().enumerate() {
        let (file, away) = (place.file(name), place.file("away"));
        fs::rename(&file, &away).expect("a rename");
        // A dangling link is found, and cannot be read.
        symlink("nowhere", &file).expect("a link");
        configure(&format!("edit{number}"));
        daemon.signal(Signal::HUP);
        daemon.until("could not be applied; retrying");
        let status = place.growthd(&["status"]).with_code(1).out;
        let words = "growthd needs attention: the configuration could not be applied yet, and is \
                     retried: ";
        assert!(status.starts_with(words), "{name}: {status}");
        fs::rename(&away, &file).expect("a rename");
        daemon.until("reloaded: +1 accounts, -1, 0 changed");
        poll("the end of the trouble", || {
            let status = place.growthd(&["status"]).out;
            (!status.contains("the configuration")).then_some(())
        });
    }
    // Nor is it lost if the file is invalid for a moment meanwhile, as while it is being written.
    let (key, away) = (place.file("api-key"), place.file("away"));
    fs::rename(&key, &away).expect("a rename");
    configure("last");
    daemon.signal(Signal::HUP);
    daemon.until("could not be applied; retrying");
    place.write("config.toml", "half of the fi");
    daemon.until("config.toml:1:");
    fs::rename(&away, &key).expect("a rename");
    configure("last");
    daemon.until("reloaded: +1 accounts, -1, 0 changed");
    // A mistake beside it stays one, until the next edit.
    fs::remove_file(place.file("more.toml")).expect("a file");
    place.write("d/more.toml", "mistake = 1\n");
    daemon.signal(Signal::HUP);
    daemon.until("was not reloaded; keeping the old one");
    let status = place.growthd(&["status"]).with_code(1).out;
    assert!(
        status.starts_with("growthd needs attention: the configuration was refused"),
        "{status}"
    );
    daemon.stop();
}

#[test]
fn an_edit_that_takes_back_one_in_progress_is_not_lost() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a", "b"]));
    let mut command = place.command(&["run"]);
    command.env("GROWTHD_LOG", "growthd=debug");
    let mut daemon = Daemon::start(command).once_up();
    vendor.wait_for_calls(2);
    place.database().until("SELECT count(*) = 0 FROM refreshes WHERE outcome = 'pending'");
    let writer = Connection::open(place.file("growth.db")).expect("a database");
    writer.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    place.configure(&vendor, &Settings::weekly(&["a"]));
    daemon.signal(Signal::HUP);
    daemon.until("applying 0 changed and 1 removed entries");
    place.configure(&vendor, &Settings::weekly(&["a", "b"]));
    daemon.signal(Signal::HUP);
    // Once the first edit has failed for good.
    daemon.until("applying 0 changed and 0 removed entries");
    writer.execute_batch("ROLLBACK").expect("no write lock");
    daemon.until("reloaded: +0 accounts, -0, 0 changed");
    let removed = "SELECT count(*) FROM accounts WHERE removed_time IS NOT NULL";
    assert_eq!(place.database().one::<i64>(removed), 0);
    daemon.stop();
}

#[test]
fn an_edit_is_noticed_with_watch() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let mut daemon = Daemon::start(place.command(&["run", "--watch"])).once_up();
    vendor.wait_for_calls(1);
    place.configure(&vendor, &Settings::weekly(&["a", "b"]));
    daemon.until("reloaded: +1 accounts, -0, 0 changed");
    vendor.wait_for_calls(2);
    // As editors do it: a new file replaces the old one.
    let text = std::fs::read_to_string(place.file("config.toml")).expect("a file");
    place.write("config.toml.new", &(text + "[[account]]\nid = \"c\"\n"));
    std::fs::rename(place.file("config.toml.new"), place.file("config.toml")).expect("a rename");
    daemon.until("reloaded: +1 accounts, -0, 0 changed");
    vendor.wait_for_calls(3);
    daemon.stop();
}

/// As Kubernetes mounts a ConfigMap: the files are links into a folder that is itself a link, and
/// only that link is replaced, for all of them at once.
#[test]
fn replacing_the_link_to_a_folder_is_an_edit() {
    let vendor = Vendor::start();
    let include = "include = [\"clients.toml\"]\n";
    let place = Setup::new(&vendor, &Settings::weekly(&[]));
    let text = fs::read_to_string(place.file("config.toml")).expect("a file");
    let put = |version: &str, account: &str| {
        fs::create_dir(place.file(version)).expect("a folder");
        place.write(&format!("{version}/config.toml"), &format!("{include}{text}"));
        let client = format!("[[account]]\nid = \"{account}\"\n");
        place.write(&format!("{version}/clients.toml"), &client);
        symlink(version, place.file("..data_tmp")).expect("a link");
        fs::rename(place.file("..data_tmp"), place.file("..data")).expect("a rename");
    };
    fs::remove_file(place.file("config.toml")).expect("a file");
    for name in ["config.toml", "clients.toml"] {
        symlink(format!("..data/{name}"), place.file(name)).expect("a link");
    }
    put("..2026_01", "a");
    let mut daemon = Daemon::start(place.command(&["run", "--watch"])).once_up();
    vendor.wait_for_calls(1);
    put("..2026_02", "b");
    fs::remove_dir_all(place.file("..2026_01")).expect("a folder");
    daemon.until("reloaded: +1 accounts, -1, 0 changed");
    vendor.wait_for_calls(2);
    assert_eq!(vendor.calls_for("b").len(), 1);
    daemon.stop();
}

#[test]
fn a_configuration_that_the_next_start_would_refuse_is_not_used() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 300 && exec \"$0\" run", env!("CARGO_BIN_EXE_growthd")]);
    shell.current_dir(place.path());
    let mut daemon = Daemon::start(shell).once_up();
    let many = Settings { api: "max_in_flight = 1024".to_owned(), ..Settings::weekly(&["a", "b"]) };
    place.configure(&vendor, &many);
    daemon.signal(Signal::HUP);
    daemon.until("config.toml: max_in_flight = 1024 needs about 2144 open files");
    daemon.until("was not reloaded; keeping the old one");

    place.write("other.db", "not a database");
    place.configure(&vendor, &Settings::weekly(&["a", "b"]));
    let text = fs::read_to_string(place.file("config.toml")).expect("a file");
    place.write("config.toml", &text.replace("growth.db", "other.db"));
    daemon.signal(Signal::HUP);
    daemon.until("other.db is not a growthd database");
    daemon.until("could not be applied; retrying");
    // One that a start would create.
    fs::remove_file(place.file("other.db")).expect("a file");
    daemon.until("a change to [database] or [http] takes effect at the next start");
    daemon.until("reloaded: +1 accounts, -0, 0 changed");
    daemon.stop();
}

/// A service manager that a daemon reports to.
struct Manager(UnixDatagram);

impl Manager {
    fn of(place: &Setup) -> Manager {
        let socket = UnixDatagram::bind(place.file("notify")).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Manager(socket)
    }

    fn run(&self, place: &Setup) -> Daemon {
        let mut command = place.command(&["run"]);
        command.env("NOTIFY_SOCKET", place.file("notify"));
        let daemon = Daemon::start(command);
        self.until("READY=1");
        daemon
    }

    /// Waits for a message that contains `words`.
    fn until(&self, words: &str) {
        let mut message = [0; 4096];
        loop {
            let length = self.0.recv(&mut message).expect("a message");
            if String::from_utf8_lossy(&message[..length]).contains(words) {
                return;
            }
        }
    }
}

/// `systemctl reload` waits for the end of a reload only if its beginning was announced.
#[test]
fn every_hangup_is_announced_to_the_service_manager() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let manager = Manager::of(&place);
    let daemon = manager.run(&place);
    fs::remove_file(place.file("api-key")).expect("a key");
    for _ in 0..3 {
        daemon.signal(Signal::HUP);
        manager.until("RELOADING=1");
        manager.until("READY=1\nSTATUS=the configuration could not be applied yet");
    }
    place.write_key();
    daemon.signal(Signal::HUP);
    manager.until("RELOADING=1");
    manager.until("READY=1\nSTATUS=watching 1 account");
    daemon.stop();
}

/// A process that closes any descriptor of a file loses all its POSIX locks on it.
#[test]
fn a_configuration_that_leads_to_the_database_costs_the_daemon_no_lock() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let mut daemon = place.run();
    daemon.until_all(&["refreshed", " started ("]);
    let locks = |daemon: &Daemon| {
        let locks = fs::read_to_string("/proc/locks").expect("a list");
        let owner = daemon.pid().to_string();
        locks.lines().filter(|line| line.split_whitespace().any(|word| word == owner)).count()
    };
    let before = locks(&daemon);
    if before == 0 {
        println!("skipped: the system does not list this process's locks");
        return;
    }
    let config = fs::read_to_string(place.file("config.toml")).expect("a file");
    for (edited, told) in [
        (format!("include = ['growth.d[b]', 'growth.db-*']\n{config}"), "reloaded: "),
        (
            config.replace("[api]\n", "[api]\napi_key_file = 'growth.db'\n"),
            "growth.db does not hold an API key",
        ),
    ] {
        place.write("config.toml", &edited);
        daemon.signal(Signal::HUP);
        daemon.until(told);
        // A transaction takes more for a moment.
        poll("the locks", || (locks(&daemon) == before).then_some(()));
    }
    daemon.stop();
}

/// A call keeps the timeout that it began with.
#[test]
fn a_stop_may_take_as_long_as_the_longest_timeout() {
    let vendor = Vendor::start();
    let timeout = |seconds: &str| {
        let api = format!("timeout = \"{seconds}\"");
        Settings { api, ..Settings::weekly(&["a"]) }
    };
    let place = Setup::new(&vendor, &timeout("600s"));
    let manager = Manager::of(&place);
    let mut daemon = manager.run(&place);
    place.configure(&vendor, &timeout("10s"));
    daemon.signal(Signal::HUP);
    manager.until("RELOADING=1");
    manager.until("READY=1");
    daemon.signal(Signal::TERM);
    manager.until("EXTEND_TIMEOUT_USEC=630000000");
    assert_eq!(daemon.end(), Some(0), "{}", daemon.log());
}

#[test]
fn a_disabled_account_costs_nothing() {
    let vendor = Vendor::start();
    let off = "b\nenabled = false";
    let place = Setup::new(&vendor, &Settings::each_second(&["a", off]));
    let mut daemon = place.run();
    vendor.wait_for_calls(2);
    place.configure(
        &vendor,
        &Settings { schedule: EACH_SECOND, ..Settings::weekly(&["a\nenabled = false", off]) },
    );
    daemon.signal(Signal::HUP);
    daemon.until("reloaded: ");
    place.database().until("SELECT count(*) = 0 FROM refreshes WHERE outcome = 'pending'");
    let calls = vendor.call_count();
    let ended = place.growthd(&["refresh", "--all"]).with_code(0);
    assert_eq!(ended.out, "nothing to refresh\n");
    daemon.stop();
    assert_eq!((vendor.call_count(), vendor.calls_for("b").len()), (calls, 0));
}

#[test]
fn a_new_key_and_a_new_address_are_used_after_a_reload() {
    let old = Vendor::start();
    let new = Vendor::of(World::with_any_account("another-key-0815"));
    let place = Setup::new(&old, &Settings::each_second(&["a"]));
    let mut daemon = place.run();
    old.wait_for_calls(2);
    place.write("api-key", "another-key-0815");
    place.configure(&new, &Settings::each_second(&["a"]));
    daemon.signal(Signal::HUP);
    daemon.until("reloaded: ");
    new.wait_for_calls(2);
    place.database().until("SELECT count(*) >= 3 FROM refreshes WHERE outcome = 'ok'");
    daemon.stop();
    assert_eq!(
        place.database().one::<i64>("SELECT count(*) FROM refreshes WHERE outcome = 'failed'"),
        0
    );
}

#[test]
fn the_first_call_after_a_key_was_replaced_has_the_new_one() {
    for _ in 0..12 {
        let vendor = Vendor::start();
        let place = Setup::new(&vendor, &Settings::weekly(&["a", "b", "c", "d"]));
        place.write("api-key", "wrong-key-0815");
        let mut daemon = place.run();
        daemon.until("the vendor is in trouble");
        place.database().until("SELECT count(*) = 0 FROM refreshes WHERE outcome = 'pending'");
        let before = vendor.calls().len();
        place.write_key();
        daemon.signal(Signal::HUP);
        daemon.until("the vendor answers again");
        daemon.stop();
        let calls = vendor.calls();
        assert!(calls.len() > before);
        assert!(calls[..before].iter().all(|call| call.key == KeySeen::Wrong), "{calls:#?}");
        assert!(calls[before..].iter().all(|call| call.key == KeySeen::Right), "{calls:#?}");
    }
}

#[test]
fn no_call_claimed_after_a_reload_goes_to_the_old_address() {
    let (one, two) = (Vendor::start(), Vendor::start());
    let place = Setup::new(&one, &Settings::each_second(&["a", "b", "c"]));
    let mut daemon = place.run();
    one.wait_for_calls(3);
    for round in 0..12 {
        let (new, old) = if round % 2 == 0 { (&two, &one) } else { (&one, &two) };
        place.configure(new, &Settings::each_second(&["a", "b", "c"]));
        daemon.signal(Signal::HUP);
        daemon.until("reloaded: ");
        // Earlier claims are settled; none is made for the old address any more.
        poll("the end of the old calls", || (old.in_flight() == 0).then_some(()));
        let calls = old.call_count();
        new.wait_for_calls(new.call_count() + 2);
        assert!(old.call_count() <= calls + 3, "only what was on its way");
        let calls = old.call_count();
        new.wait_for_calls(new.call_count() + 2);
        assert_eq!(old.call_count(), calls);
    }
    daemon.stop();
}

/// Returns whether a process has the pipe open for reading.
fn has_reader(pipe: &Path) -> Option<fs::File> {
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    fs::OpenOptions::new().write(true).custom_flags(nonblocking).open(pipe).ok()
}

#[test]
fn a_stop_is_handled_while_a_reload_waits_for_a_file() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let certificates = place.file("certificates.pem");
    make_pipe(&certificates);
    let mut command = place.command(&["run"]);
    command.env("SSL_CERT_FILE", &certificates).env_remove("SSL_CERT_DIR");
    let mut daemon = Daemon::start(command).once_up();
    vendor.wait_for_calls(1);
    // Without TLS, the certificates were not needed.
    place.configure_for("https://127.0.0.1:1", &Settings::weekly(&["a"]));
    daemon.signal(Signal::HUP);
    let _writer = poll("a reload that waits", || has_reader(&certificates));
    place.growthd(&["status"]).with_code(0);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end(), Some(0), "{}", daemon.log());
}

#[test]
fn a_pipe_in_place_of_the_configuration_blocks_nothing() {
    for is_watching in [false, true] {
        let vendor = Vendor::start();
        let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
        let arguments = if is_watching { &["run", "--watch"][..] } else { &["run"] };
        let mut daemon = Daemon::start(place.command(arguments)).once_up();
        vendor.wait_for_calls(1);
        let config = place.file("config.toml");
        fs::rename(&config, place.file("away")).expect("a rename");
        make_pipe(&config);
        if !is_watching {
            daemon.signal(Signal::HUP);
        }
        daemon.until("cannot read the configuration config.toml: it is not a regular file");
        daemon.until("could not be applied; retrying");
        place.growthd(&["--config", "away", "status"]).with_code(1);
        let settings = Settings::weekly(&["a", "b"]);
        fs::remove_file(&config).expect("a pipe");
        place.configure(&vendor, &settings);
        daemon.until("reloaded: +1 accounts, -0, 0 changed");
        make_pipe(&place.file("pipe"));
        fs::rename(place.file("pipe"), &config).expect("a rename");
        daemon.stop();
    }
}

#[test]
fn a_missing_folder_of_the_watchlist_is_no_empty_one() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&[]));
    let settings = fs::read_to_string(place.file("config.toml")).expect("a file");
    let include = "include = [\"watchlist.d/*.toml\"]\n";
    place.write("config.toml", &format!("{include}{settings}"));
    // Before the first start, the folder may still be missing, and each place says so.
    let words = "finds nothing in watchlist.d, which does not exist\n";
    let checked = place.growthd(&["check"]).with_code(0);
    assert!(checked.out.contains(&format!("include    {words}")), "{checked:?}");
    let mut daemon = place.run();
    assert!(daemon.until("WARN").contains(&format!("`include` {}", words.trim_end())));
    let mut daemon = daemon.once_up();

    let (folder, away) = (place.file("watchlist.d"), place.file("away"));
    fs::create_dir(&folder).expect("a folder");
    place.write("watchlist.d/a.toml", "[[account]]\nid = \"a\"\n[[account]]\nid = \"b\"\n");
    daemon.signal(Signal::HUP);
    daemon.until("reloaded: +2 accounts, -0, 0 changed");
    vendor.wait_for_calls(2);
    fs::rename(&folder, &away).expect("a rename");
    daemon.signal(Signal::HUP);
    let line = daemon.until("ERROR");
    let words = "config.toml:1:12: `include` leads to the folder watchlist.d, which is gone; ";
    assert!(line.contains(words), "{line}");
    daemon.until("could not be applied; retrying");
    let status = place.growthd(&["status"]).with_code(1).out;
    let status = status.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(status.contains("and is retried: config.toml:1:12: `include` leads to"), "{status}");
    let enabled = "SELECT count(*) FROM accounts WHERE enabled = 1";
    assert_eq!(place.database().one::<i64>(enabled), 2);
    fs::rename(&away, &folder).expect("a rename");
    daemon.until("reloaded: +0 accounts, -0, 0 changed");

    // An empty folder removes them, which is not left to a number.
    fs::remove_file(place.file("watchlist.d/a.toml")).expect("a file");
    daemon.signal(Signal::HUP);
    let line = daemon.until("the watchlist is empty now: the edit removed every account from it");
    assert!(line.contains(" WARN "), "{line}");
    daemon.until("reloaded: +0 accounts, -2, 0 changed");
    daemon.stop();
}
