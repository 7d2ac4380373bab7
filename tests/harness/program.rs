//! The program itself, isolated from the environment of the tests.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use growthd::clock::Time;

/// Returns the program, to be run in `folder`.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_growthd"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    for name in [
        "GROWTHD_CONFIG",
        "GROWTHD_LOG",
        "GROWTHD_API_KEY",
        "CREDENTIALS_DIRECTORY",
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "JOURNAL_STREAM",
        "TZDIR",
    ] {
        command.env_remove(name);
    }
    command
}

/// Another user than root.
pub const NOBODY: u32 = 65_534;

/// Returns whether the tests can act as other users.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Returns whether the tests can mount something in a namespace of their own; prints that the test
/// is skipped if not.
pub fn can_mount() -> bool {
    let script = "mount -t tmpfs none /mnt";
    let output = Command::new("unshare").args(["-m", "sh", "-c", script]).output();
    let can_mount = output.is_ok_and(|output| output.status.success());
    if !can_mount {
        println!("skipped: nothing can be mounted here");
    }
    can_mount
}

/// Returns the command under a clock that starts at `now`, in UTC; `None` without faketime.
pub fn at(now: Time, command: &Command) -> Option<Command> {
    if let Err(error) = Command::new("faketime").arg("--version").output() {
        println!("skipped: faketime cannot be run: {error}");
        return None;
    }
    let mut under = Command::new("faketime");
    under.arg("-f").arg(now.utc().strftime("@%Y-%m-%d %H:%M:%S").to_string());
    under.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    under.current_dir(command.get_current_dir().unwrap_or(Path::new(".")));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => under.env(name, value),
            None => under.env_remove(name),
        };
    }
    under.env("TZ", "UTC");
    Some(under)
}

/// The result of a verb.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// What faketime says instead of running: it names a semaphore after its process, and one that was
/// killed left that name.
const NAME_IS_TAKEN: &str = "faketime: sem_open: File exists";

impl Ended {
    pub fn of(mut command: Command) -> Ended {
        loop {
            let ended = Ended::from(command.output().expect("growthd can be run"));
            if !ended.err.starts_with(NAME_IS_TAKEN) {
                return ended;
            }
        }
    }

    /// Asserts the exit code and that nothing panicked, and returns the result.
    #[track_caller]
    pub fn with_code(self, code: i32) -> Ended {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(!self.err.contains("panicked"), "{self:#?}");
        self
    }

    /// Asserts that there is only an error of one line, and returns it.
    #[track_caller]
    pub fn line(&self) -> &str {
        let mut lines = self.err.lines();
        let line = lines.next().unwrap_or_default();
        assert!(lines.next().is_none(), "one line: {self:#?}");
        assert!(self.out.is_empty(), "no output: {self:#?}");
        line
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.out.lines().count(), 1, "{self:#?}");
        serde_json::from_str(&self.out).expect("JSON")
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Ended {
        Ended {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}
