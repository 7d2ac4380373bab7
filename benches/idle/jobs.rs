//! One scheduler job an account, as a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use tokio_cron_scheduler::{Job, JobScheduler};

/// The argument that makes the benchmark's program the scheduler.
const JOBS: &str = "--jobs";

/// A scheduler that ends with this value.
pub struct Jobs {
    child: Child,
}

impl Jobs {
    /// Starts it, and waits until it has its jobs.
    pub fn start(accounts: u64) -> Jobs {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([JOBS, &accounts.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        Jobs { child }
    }

    /// Its place in /proc.
    pub fn process(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        // Its standard input ends, and so does it.
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// Schedules until standard input ends, if that is what this process was started for.
pub fn run_if_asked() -> bool {
    if !std::env::args().any(|argument| argument == JOBS) {
        return false;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let scheduler = JobScheduler::new().await.unwrap();
        for _ in 0..crate::harness::number(0) {
            scheduler.add(Job::new("0 0 6 * * Mon", |_, _| {}).unwrap()).await.unwrap();
        }
        scheduler.start().await.unwrap();
        println!("ready");
        std::io::stdout().flush().unwrap();
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()))
            .await
            .unwrap()
            .unwrap();
    });
    true
}
