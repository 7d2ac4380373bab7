//! Another process of the benchmark's own program.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

/// A process that ends with this value.
pub struct Own {
    child: Child,
    /// The line by which it said that it is ready.
    pub said: String,
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
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        Own { child, said: said.trim().to_owned() }
    }

    /// Its place in /proc.
    pub fn process(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // Its standard input ends, and so does it.
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// Whether this process was started with `argument`.
pub fn is_started_as(argument: &str) -> bool {
    std::env::args().any(|known| known == argument)
}

/// Says that this process is ready, and waits until whoever started it ends it.
pub fn be_until_ended(said: &str) {
    println!("{said}");
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}
