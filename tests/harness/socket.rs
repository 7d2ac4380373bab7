//! A server that sends fixed bytes, for responses that a real one would not send.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// What follows the last byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// Closes the connection.
    Close,
    /// Keeps the connection open, and sends nothing more.
    Silence,
}

type Requests = Arc<Mutex<Vec<String>>>;

/// Responds to every call with the same bytes. Its threads end with the test's process.
pub struct Socket {
    address: String,
    requests: Requests,
}

impl Socket {
    pub fn sending(bytes: impl Into<Vec<u8>>, then: Then) -> Socket {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let requests = Requests::default();
        let (bytes, list) = (bytes.into(), Arc::clone(&requests));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (bytes, list) = (bytes.clone(), Arc::clone(&list));
                thread::spawn(move || respond(stream, &bytes, then, &list));
            }
        });
        Socket { address, requests }
    }

    pub fn base_url(&self) -> &str {
        &self.address
    }

    pub fn call_count(&self) -> usize {
        self.requests().len()
    }

    /// Returns the heads of the requests so far, in lower case.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn respond(mut stream: TcpStream, bytes: &[u8], then: Then, requests: &Mutex<Vec<String>>) {
    let mut received = Vec::new();
    let mut buffer = [0; 1024];
    while !received.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(read) => received.extend_from_slice(&buffer[..read]),
        }
    }
    let head = String::from_utf8_lossy(&received).to_lowercase();
    requests.lock().unwrap_or_else(PoisonError::into_inner).push(head);
    // The client may have disconnected already.
    stream.write_all(bytes).ok();
    if then == Then::Silence {
        while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
    }
}
