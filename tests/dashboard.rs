//! The Grafana dashboard uses only metrics and columns that exist.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::Value;

use crate::harness::{Settings, Setup, Vendor};
use crate::past::{Field, Past, START, WEEK};

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
fn the_dashboard_shows_what_is_measured_of_listed_accounts() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let mut questions = Vec::new();
    texts(&dashboard, "rawQueryText", &mut questions);
    let past = Past::new();
    let account = past.series("clx1", "Guru", "guru", &[(0, 1000)]);
    past.snapshot(account, START + WEEK, Field::suspect(0));
    past.snapshot(account, START + 2 * WEEK, Field::followers(1020));
    // Only its likes are suspect.
    past.snapshot(account, START + 3 * WEEK, Field::followers(1030));
    past.run(&format!(
        "DROP TRIGGER _snapshot_stays;
         UPDATE _snapshot SET likes = 0, suspect = 1 WHERE time = {START} + 3 * {WEEK}"
    ));
    let gone = past.series("clx2", "Gone", "gone", &[(0, 500)]);
    past.run(&format!(
        "UPDATE _account SET removed_time = {START} + 1, next_due = NULL WHERE account = {gone}"
    ));
    let [drawn, listed] = &questions[..] else { panic!("{questions:?}") };
    let drawn = drawn.replace("$__from", "0").replace("$__to", "9999999999000");
    let values = past.query(&format!("SELECT metric, value FROM ({drawn}) WHERE metric = 'Guru'"));
    assert_eq!(values, ["Guru|1000", "Guru|1020", "Guru|1030"]);
    assert_eq!(past.query(&format!("SELECT account FROM ({listed})")), ["Guru"]);
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
