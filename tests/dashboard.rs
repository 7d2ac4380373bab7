//! The Grafana dashboard uses only metrics and columns that exist.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::Value;

use crate::harness::{Settings, Setup, Vendor};

const DASHBOARD: &str = include_str!("../docs/grafana.json");

/// Returns the text of every member of this name, at any depth.
fn texts(json: &Value, name: &str, found: &mut Vec<String>) {
    match json {
        Value::Object(members) => {
            for (member, value) in members {
                match value.as_str().filter(|_| member == name) {
                    Some(text) => found.push(text.to_owned()),
                    None => texts(value, name, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, name, found)),
        _ => {}
    }
}

fn scrape(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    answer
}

#[test]
fn the_dashboard_uses_only_what_exists() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let vendor = Vendor::start();
    let port = {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        free.local_addr().expect("an address").port()
    };
    let tables = format!("[budget]\nrefreshes = 10\n[http]\nlisten = \"127.0.0.1:{port}\"");
    let place = Setup::new(&vendor, &Settings { tables, ..Settings::weekly(&["a"]) });
    let mut daemon = place.run();
    daemon.until("refreshed account=a");
    place.growthd(&["backup", "copy.db"]).with_code(0);
    let answer = scrape(port);
    let known: BTreeSet<&str> = answer
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let mut queries = Vec::new();
    texts(&dashboard, "expr", &mut queries);
    assert!(!queries.is_empty());
    for query in queries {
        let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let metrics: Vec<&str> = words
            .filter(|word| word.starts_with("growthd_") || word.starts_with("process_"))
            .collect();
        assert!(!metrics.is_empty(), "{query}");
        for metric in metrics {
            assert!(known.contains(metric), "{metric} of {query} is not in\n{answer}");
        }
    }
    let mut questions = Vec::new();
    texts(&dashboard, "rawQueryText", &mut questions);
    assert!(!questions.is_empty());
    for question in questions {
        let question = question.replace("$__from", "0").replace("$__to", "9999999999000");
        assert!(!place.database().rows(&question).is_empty(), "{question}");
    }
    daemon.stop();
}
