//! Losing the log blocks no call, no response and no shutdown.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use growthd::clock::monotonic;
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{PATIENCE, Settings, Setup, Vendor, can_mount, full_pipe, poll};

const WAITS_FOR_NOBODY: i32 = OFlags::NONBLOCK.bits().cast_signed();

/// A daemon whose standard error the test controls; killed when dropped.
struct Running(Child);

impl Running {
    fn start(mut command: Command, stderr: impl Into<Stdio>) -> Running {
        command.stdout(Stdio::null()).stderr(stderr);
        Running(command.spawn().expect("growthd can be run"))
    }

    /// Stops the daemon, and checks that it ends with 0. One that waited for its log would not end.
    #[track_caller]
    fn ends_well(mut self) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, Signal::TERM).expect("it runs");
        let status = poll("the end", || self.0.try_wait().expect("a child"));
        assert_eq!(status.code(), Some(0));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Returns a daemon that logs much each second.
fn talkative(vendor: &Vendor) -> (Setup, Command) {
    let place = Setup::new(vendor, &Settings::each_second(&["a", "b"]));
    let mut command = place.command(&["run"]);
    command.env("GROWTHD_LOG", "trace");
    (place, command)
}

#[track_caller]
fn goes_on(vendor: &Vendor, place: &Setup, running: Running) {
    vendor.wait_for_calls(vendor.call_count() + 4);
    running.ends_well();
    let database = place.database();
    let settled: i64 = database.one("SELECT count(*) FROM refreshes WHERE outcome = 'ok'");
    assert_eq!(usize::try_from(settled).ok(), Some(vendor.call_count()));
    database.is_sound();
}

/// Fills a journal's socket, so that it accepts no more entries.
fn fill(socket: &Path) {
    let sender = UnixDatagram::unbound().expect("a socket");
    sender.set_nonblocking(true).expect("a flag");
    while sender.send_to(b"MESSAGE=before\n", socket).is_ok() {}
}

#[test]
fn a_reader_that_leaves_after_the_first_line_is_harmless() {
    let vendor = Vendor::start();
    let (place, command) = talkative(&vendor);
    let mut running = Running::start(command, Stdio::piped());
    let mut log = BufReader::new(running.0.stderr.take().expect("a pipe"));
    log.read_line(&mut String::new()).expect("a line");
    drop(log);
    goes_on(&vendor, &place, running);
}

#[test]
fn a_pipe_that_is_not_read_blocks_nothing() {
    let vendor = Vendor::start();
    let (place, command) = talkative(&vendor);
    let (reader, writer) = full_pipe();
    let running = Running::start(command, writer);
    goes_on(&vendor, &place, running);
    drop(reader);
}

#[test]
fn a_full_disk_or_a_closed_descriptor_costs_only_lines() {
    for stderr in [">/dev/full", ">&-"] {
        let vendor = Vendor::start();
        let (place, command) = talkative(&vendor);
        let mut shell = Command::new("sh");
        shell.current_dir(place.path()).args(["-c", &format!("exec \"$0\" run 2{stderr}")]);
        shell.arg(command.get_program()).env("GROWTHD_LOG", "trace");
        let running = Running::start(shell, Stdio::null());
        goes_on(&vendor, &place, running);
    }
}

#[test]
fn lost_lines_are_reported_once_the_log_is_read_again() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::each_second(&["a", "b"]));
    let pipe = place.file("log");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    let open = |options: &mut OpenOptions| options.open(&pipe).expect("a pipe");
    // Writing to a named pipe fails without a reader, and succeeds once there is one.
    let reader = open(OpenOptions::new().read(true).custom_flags(WAITS_FOR_NOBODY));
    let writer = open(OpenOptions::new().write(true));
    drop(reader);
    let running = Running::start(place.command(&["run", "--log-format", "json"]), writer);
    vendor.wait_for_calls(4);
    let mut lines = BufReader::new(open(OpenOptions::new().read(true))).lines();
    let begun = monotonic();
    let dropped = lines.by_ref().map_while(Result::ok).find_map(|line| {
        assert!(begun.elapsed() < PATIENCE, "no such line");
        let json: serde_json::Value = serde_json::from_str(&line).expect("whole lines of JSON");
        let is_meant = json["message"].as_str()?.starts_with("log lines were dropped");
        is_meant.then(|| json["dropped"].as_u64())
    });
    assert!(dropped.flatten() > Some(0), "{dropped:?}");
    drop(running);
}

#[test]
fn shutdown_does_not_wait_for_the_last_lines() {
    let place = Setup::empty();
    place.write("config.toml", "no toml");
    let (_reader, writer) = full_pipe();
    let mut running = Running::start(place.command(&["run"]), writer);
    let status = poll("the end", || running.0.try_wait().expect("a child"));
    assert_eq!(status.code(), Some(78));
}

#[test]
fn every_line_is_json_on_request() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &Settings::weekly(&["a"]));
    let mut running =
        Running::start(place.command(&["run", "--log-format", "json"]), Stdio::piped());
    let mut log = running.0.stderr.take().expect("a pipe");
    vendor.wait_for_calls(1);
    running.ends_well();
    let mut text = String::new();
    log.read_to_string(&mut text).expect("UTF-8");
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect(line);
    }
    assert!(text.contains("stopping: waiting"), "to its last line: {text}");
}

#[test]
fn a_stalled_journal_blocks_nothing() {
    if !can_mount() {
        return;
    }
    let vendor = Vendor::start();
    let (place, command) = talkative(&vendor);
    std::fs::create_dir(place.file("journal")).expect("a folder");
    let socket = place.file("journal/socket");
    let journal = UnixDatagram::bind(&socket).expect("a socket");
    fill(&socket);
    let script = "mount -t tmpfs none /run && mkdir -p /run/systemd/journal && \
                  mount --bind journal /run/systemd/journal && \
                  export JOURNAL_STREAM=\"$(stat -L -c %d:%i /proc/self/fd/2)\" && exec \"$0\" run";
    let mut unshare = Command::new("unshare");
    unshare.current_dir(place.path()).args(["-m", "sh", "-c", script]);
    unshare.arg(command.get_program()).env("GROWTHD_LOG", "trace");
    let stderr = std::fs::File::create(place.file("stderr")).expect("a file");
    goes_on(&vendor, &place, Running::start(unshare, stderr));
    assert_eq!(std::fs::read_to_string(place.file("stderr")).expect("a file"), "");
    // Nothing was written after what was there before.
    journal.set_nonblocking(true).expect("a flag");
    let mut entry = [0; 64];
    while let Ok(length) = journal.recv(&mut entry) {
        assert_eq!(&entry[..length], b"MESSAGE=before\n");
    }
}

/// Its writes fail and it gets SIGHUP, as after a terminal's window was closed.
#[test]
fn a_terminal_that_is_gone_ends_no_daemon() {
    let vendor = Vendor::start();
    let (place, growthd) = talkative(&vendor);
    let run = format!("echo $$ >pid; exec '{}' run", growthd.get_program().display());
    let mut script = Command::new("script");
    script.args(["-qec", &run, "/dev/null"]).current_dir(place.path());
    script.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut terminal) = script.env("GROWTHD_LOG", "trace").spawn() else {
        println!("skipped: script cannot be run");
        return;
    };
    vendor.wait_for_calls(2);
    let pid = std::fs::read_to_string(place.file("pid")).expect("a file");
    let pid = Pid::from_raw(pid.trim().parse().expect("a number")).expect("a process");
    terminal.kill().expect("it runs");
    terminal.wait().expect("a child");
    vendor.wait_for_calls(vendor.call_count() + 6);
    kill_process(pid, Signal::TERM).expect("it runs still");
    poll("the end", || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        stat.map_or(true, |stat| stat.contains(") Z ")).then_some(())
    });
    let settled: i64 = place.database().one("SELECT count(*) FROM refreshes WHERE outcome = 'ok'");
    assert_eq!(usize::try_from(settled).ok(), Some(vendor.call_count()));
}
