//! A server that says what it is told to, letter by letter, where a real one would not.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What follows the last letter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// The connection ends.
    Close,
    /// The connection stays, and nothing more is said.
    Silence,
}

/// Answers every call with the same bytes. Its threads end with the test's process.
pub struct Socket {
    address: String,
    calls: Arc<AtomicUsize>,
}

impl Socket {
    pub fn saying(bytes: impl Into<Vec<u8>>, then: Then) -> Socket {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let calls = Arc::<AtomicUsize>::default();
        let (bytes, count) = (bytes.into(), Arc::clone(&calls));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (bytes, count) = (bytes.clone(), Arc::clone(&count));
                thread::spawn(move || say(stream, &bytes, then, &count));
            }
        });
        Socket { address, calls }
    }

    pub fn base_url(&self) -> &str {
        &self.address
    }

    pub fn call_count(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

fn say(mut stream: TcpStream, bytes: &[u8], then: Then, calls: &AtomicUsize) {
    let mut heard = Vec::new();
    let mut buffer = [0; 1024];
    while !heard.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(read) => heard.extend_from_slice(&buffer[..read]),
        }
    }
    calls.fetch_add(1, Ordering::SeqCst);
    // It may have hung up already.
    stream.write_all(bytes).ok();
    if then == Then::Silence {
        while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
    }
}
