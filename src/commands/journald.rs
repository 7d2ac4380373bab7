//! Logging to systemd's journal. The message includes the fields for people, and each field is also
//! sent separately, for `journalctl GROWTHD_ACCOUNT=…`.

use std::fmt::{self, Write as _};
use std::io;
use std::os::unix::net::UnixDatagram;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::log_queue::{LogQueue, Sink};

const SOCKET: &str = "/run/systemd/journal/socket";

/// The journal's socket. Sending blocks while a stalled journal leaves it full.
#[derive(Debug)]
pub struct Journal {
    socket: UnixDatagram,
}

impl Journal {
    /// Connects to the journal.
    ///
    /// # Errors
    /// Returns an error if there is no journal.
    pub fn connect() -> io::Result<Journal> {
        let socket = UnixDatagram::unbound()?;
        // Nonblocking, so that a stalled journal does not delay the start.
        socket.set_nonblocking(true)?;
        match socket.send_to(&[], SOCKET) {
            // The journal exists but is busy.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            found => drop(found?),
        }
        socket.set_nonblocking(false)?;
        Ok(Journal { socket })
    }
}

impl Sink for Journal {
    fn take(&mut self, line: &[u8]) -> io::Result<()> {
        // Sent by path each time, because the journal may have been restarted.
        self.socket.send_to(line, SOCKET).map(drop)
    }
}

/// Turns every event into a journal entry. `tracing-journald` would send it synchronously, while the
/// engine waits, and would omit the fields from the message that `journalctl` shows.
#[derive(Debug)]
pub struct JournalLayer(pub LogQueue);

impl<S: Subscriber> Layer<S> for JournalLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut entry = Entry::default();
        event.record(&mut entry);
        self.0.push(entry.datagram(*event.metadata().level(), event.metadata().target()));
    }
}

#[derive(Default)]
struct Entry {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Entry {
    fn datagram(self, level: Level, target: &str) -> Vec<u8> {
        // Syslog severities.
        let priority = match level {
            Level::ERROR => "3",
            Level::WARN => "4",
            Level::INFO => "6",
            _ => "7",
        };
        let mut line = self.message;
        for (name, value) in &self.fields {
            let is_word = !value.is_empty() && !value.contains(char::is_whitespace);
            // Writing to a string cannot fail.
            match is_word {
                true => write!(line, " {name}={value}").ok(),
                false => write!(line, " {name}={value:?}").ok(),
            };
        }
        let mut datagram = Vec::with_capacity(2 * line.len() + 128);
        put(&mut datagram, "PRIORITY", priority);
        put(&mut datagram, "SYSLOG_IDENTIFIER", "growthd");
        put(&mut datagram, "GROWTHD_TARGET", target);
        for (name, value) in &self.fields {
            put(&mut datagram, &format!("GROWTHD_{}", name.to_ascii_uppercase()), value);
        }
        put(&mut datagram, "MESSAGE", &line);
        datagram
    }
}

/// Appends a field. A value that contains a line feed is preceded by its length.
fn put(datagram: &mut Vec<u8>, name: &str, value: &str) {
    datagram.extend_from_slice(name.as_bytes());
    if value.contains('\n') {
        datagram.push(b'\n');
        datagram.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        datagram.push(b'=');
    }
    datagram.extend_from_slice(value.as_bytes());
    datagram.push(b'\n');
}

impl Visit for Entry {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let value = format!("{value:?}");
        match field.name() {
            "message" => self.message = value,
            // Field names in the journal may contain only letters, digits and underscores.
            name if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {
                self.fields.push((name, value));
            }
            name => write!(self.message, " {name}={value}").unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_for_people_and_the_fields_for_machines() {
        let entry = Entry {
            message: "not refreshed".to_owned(),
            fields: vec![("account", "a".to_owned()), ("error", "no\nanswer".to_owned())],
        };
        let datagram = entry.datagram(Level::WARN, "growthd::daemon");
        assert_eq!(
            String::from_utf8(datagram).expect("UTF-8"),
            "PRIORITY=4\nSYSLOG_IDENTIFIER=growthd\nGROWTHD_TARGET=growthd::daemon\n\
             GROWTHD_ACCOUNT=a\nGROWTHD_ERROR\n\u{9}\0\0\0\0\0\0\0no\nanswer\n\
             MESSAGE=not refreshed account=a error=\"no\\nanswer\"\n"
        );
    }
}
