//! Child processes that run the benchmark's own program.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

/// A child process. It ends when dropped.
pub struct Own {
    child: Child,
    /// The line that it printed when it was ready.
    pub ready_line: String,
}

impl Own {
    /// Starts this program with `arguments`, and waits until it is ready.
    pub fn start(arguments: &[&str]) -> Own {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Own { child, ready_line: line.trim().to_owned() }
    }

    /// Returns the name of its folder in /proc.
    pub fn process(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // The child ends when its standard input does.
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// Returns whether this process was started with `argument`.
pub fn is_started_as(argument: &str) -> bool {
    std::env::args().any(|known| known == argument)
}

/// Prints that this process is ready, and waits until its parent ends it.
pub fn run_until_ended(ready_line: &str) {
    println!("{ready_line}");
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}
