//! What a verb that spends prints: for as long as anybody takes it.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;

/// Standard output. Once it cannot be written (nobody reads it, its disk is full, its terminal is
/// gone), nothing more is printed, and nothing else ends: what was paid for is still recorded.
#[derive(Debug)]
pub struct Output {
    is_open: bool,
}

impl Output {
    pub fn new() -> Output {
        Output { is_open: true }
    }

    /// Prints a line.
    pub fn line(&mut self, line: impl Display) {
        if self.is_open {
            let mut out = io::stdout().lock();
            self.is_open = writeln!(out, "{line}").and_then(|()| out.flush()).is_ok();
        }
    }

    /// Prints a JSON value on a line of its own.
    pub fn json(&mut self, value: &impl Serialize) {
        if let Ok(json) = serde_json::to_string(value) {
            self.line(json);
        }
    }

    /// Prints no more: whoever would have read it has hung up.
    pub fn close(&mut self) {
        self.is_open = false;
    }
}
