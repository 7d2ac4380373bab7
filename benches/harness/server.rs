//! The simulated API as a process of its own, so that what it costs is nobody else's.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use growthd::simulated_api::{SimulatedApi, World};

/// The argument that makes a benchmark's program the server.
const SERVE: &str = "--serve";

pub const KEY: &str = "bench-key";

/// A server that ends with this value.
pub struct Server {
    child: Child,
    pub base_url: String,
}

impl Server {
    pub fn start() -> Server {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut base_url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut base_url).unwrap();
        Server { child, base_url: base_url.trim().to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its standard input ends, and so does it.
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// Serves until standard input ends, if that is what this process was started for.
pub fn serve_if_asked() -> bool {
    if !std::env::args().any(|argument| argument == SERVE) {
        return false;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let world = World::with_any_account(KEY).without_call_list();
    let api = runtime.block_on(SimulatedApi::start(world)).unwrap();
    println!("{}", api.base_url());
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    true
}
