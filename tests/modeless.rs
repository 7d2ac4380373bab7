//! File systems without modes, such as a memory card's or a share of another system: setting one
//! fails, and every file shows the same.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::harness::{
    Daemon, Database, Ended, KEY, Settings, Setup, Vendor, hidden_files, is_root, poll,
};

/// A mounted file system without modes; unmounted when dropped.
struct Modeless {
    server: Child,
    folder: TempDir,
}

impl Modeless {
    /// Mounts one on which every file and folder has this mode; `None` if that is not possible.
    fn with_mode(mode: u32) -> Option<Modeless> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name| folder.path().join(name);
        for name in ["files", "mount"] {
            fs::create_dir(path(name)).expect("a folder");
        }
        fs::write(path("files").join("mounted"), "").expect("a file");
        let mut bindfs = Command::new("bindfs");
        bindfs.args(["-f", "--chmod-deny", "--chown-deny", "--xattr-none"]);
        bindfs.arg(format!("--perms={mode:04o}")).arg(path("files")).arg(path("mount"));
        let mut server = match bindfs.stderr(Stdio::null()).spawn() {
            Ok(server) if is_root() => server,
            other => {
                println!("skipped: a file system without modes needs root and bindfs: {other:?}");
                return None;
            }
        };
        let is_there = poll("a mount", || {
            let has_ended = server.try_wait().expect("a child").is_some();
            let is_there = path("mount").join("mounted").exists();
            (has_ended || is_there).then_some(is_there)
        });
        if !is_there {
            println!("skipped: a file system without modes; bindfs cannot mount here");
            return None;
        }
        Some(Modeless { server, folder })
    }

    fn mount(&self) -> std::path::PathBuf {
        self.folder.path().join("mount")
    }
}

impl Drop for Modeless {
    fn drop(&mut self) {
        // It unmounts when it is signalled. It may have ended already.
        let pid = i32::try_from(self.server.id()).ok().and_then(Pid::from_raw);
        pid.map(|pid| kill_process(pid, Signal::TERM).ok());
        self.server.wait().ok();
    }
}

/// Returns the command with the key in its environment, and with this umask.
fn with_umask(umask: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")]);
    shell.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    shell.current_dir(command.get_current_dir().unwrap_or(Path::new(".")));
    shell.env("GROWTHD_API_KEY", KEY);
    shell
}

fn watched(modeless: &Modeless, vendor: &Vendor) -> Setup {
    let place = Setup::within(&modeless.mount());
    place.configure(vendor, &Settings::weekly(&["a\ntags = [\"client\"]"]));
    place
}

#[test]
fn everything_is_written_without_modes() {
    let Some(modeless) = Modeless::with_mode(0o755) else { return };
    let vendor = Vendor::start();
    let place = watched(&modeless, &vendor);
    let refused = fs::set_permissions(place.file("config.toml"), PermissionsExt::from_mode(0o600));
    assert!(refused.is_err(), "the test itself: a mode was set");
    let verb = |arguments: &[&str]| Ended::of(with_umask("022", &place.command(arguments)));

    let mut daemon = Daemon::start(with_umask("022", &place.command(&["run"])));
    daemon.until_all(&["refreshed account=a", " started ("]);
    for arguments in [
        &["refresh", "a"][..],
        &["add", "newcomer", "--platform", "tiktok"],
        &["backup", "copy.db", "--again-within", "1d"],
        &["backup", "--force", "copy.db"],
        &["export", "--output", "history.csv"],
        &["export", "--output", "history.csv"],
        &["report", "--output", "page.html"],
        &["report", "--output", "page.html"],
        &["report", "--each-tag", "clients"],
        &["status"],
    ] {
        let ended = verb(arguments).with_code(0);
        assert!(!ended.err.contains("growthd: "), "{arguments:?}: {ended:?}");
    }
    let log = daemon.stop();
    assert!(!log.contains(" WARN ") && !log.contains("ERROR"), "{log}");
    // Also without the daemon.
    verb(&["refresh", "a"]).with_code(0);
    verb(&["add", "another", "--platform", "tiktok"]).with_code(0);

    let written = |name: &str| fs::read_to_string(place.file(name)).expect(name);
    for id in ["newcomer", "another"] {
        assert!(written("config.toml").contains(&format!("\nid = \"{id}\"\n")), "{id}");
    }
    assert_eq!(written("history.csv").lines().count(), 4, "{}", written("history.csv"));
    assert!(written("page.html").trim_end().ends_with("</html>"));
    assert!(place.has("clients/client.html"));
    assert_eq!(
        Database::open(&place.file("copy.db")).one::<i64>("SELECT count(*) FROM snapshots"),
        3
    );
    let note: serde_json::Value = serde_json::from_str(&written("growth.db.backup")).expect("JSON");
    assert_eq!(note["again_within"], 86_400);
    let database = place.database();
    database.is_sound();
    assert_eq!(database.one::<i64>("SELECT count(*) FROM refreshes"), 5);
    assert_eq!(vendor.call_count(), 5);
    assert_eq!(hidden_files(place.path()), [""; 0]);
}

#[test]
fn files_open_to_other_users_are_not_used_and_the_rest_works() {
    let Some(modeless) = Modeless::with_mode(0o777) else { return };
    let vendor = Vendor::start();
    let place = watched(&modeless, &vendor);
    let mut daemon = Daemon::start(with_umask("000", &place.command(&["run"])));
    let line = daemon.until("no control socket at ");
    assert!(line.contains("every user of this machine could write to it"), "{line}");
    daemon.until("refreshed account=a");
    assert!(!place.has("growth.db.sock"));
    daemon.stop();
    place.write("api-key", KEY);
    let ended = place.growthd(&["refresh", "a"]).with_code(78);
    assert!(ended.line().contains("can be read by every user of this machine"), "{ended:?}");
    assert_eq!(vendor.call_count(), 1);
}

#[test]
fn the_demo_runs_without_modes() {
    let Some(modeless) = Modeless::with_mode(0o755) else { return };
    let place = Setup::within(&modeless.mount());
    let mut demo = Daemon::start(with_umask("022", &place.command(&["demo"])));
    let path = place.file("growthd-demo/growth.db");
    poll("a database", || {
        let database = Database::of_growthd(&path)?;
        database.one::<bool>("SELECT count(*) > 20 FROM snapshots").then_some(())
    });
    demo.signal(Signal::INT);
    assert_eq!(demo.end(), Some(0), "{}", demo.log());
}
