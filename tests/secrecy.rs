//! The key is sent to the vendor, and appears nowhere else.

use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustix::process::Signal;

use crate::harness::{Daemon, KEY, Settings, Setup, Vendor};
use crate::scripted_api::Behaviour;

/// Returns whether the bytes contain the key, verbatim or in an encoding that a vendor might use.
fn holds_the_key(bytes: &[u8]) -> bool {
    let holds = |key: &str| bytes.windows(key.len()).any(|window| window == key.as_bytes());
    let written = [
        escaped_key(),
        escaped_twice(),
        in_base64(),
        in_hexadecimal(),
        in_html(),
        in_utf_16("\0"),
        in_utf_16("\u{fffd}"),
        in_utf_16(r"\u0000"),
        in_urls(),
    ];
    holds(KEY) || written.iter().any(|key| holds(key))
}

fn in_hexadecimal() -> String {
    KEY.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn in_html() -> String {
    KEY.bytes().map(|byte| format!("&#{byte};")).collect()
}

/// Returns the key in UTF-16, whose zeros have become `zero`.
fn in_utf_16(zero: &str) -> String {
    KEY.chars().map(String::from).collect::<Vec<_>>().join(zero)
}

/// Returns the key as in a URL in a URL.
fn in_urls() -> String {
    KEY.bytes().map(|byte| format!("%25{byte:02X}")).collect()
}

fn in_base64() -> String {
    BASE64_STANDARD.encode(KEY).trim_end_matches('=').to_owned()
}

/// Returns the key as in JSON nested in a JSON string.
fn escaped_twice() -> String {
    escaped_key().replace('\\', "\\\\")
}

/// Returns the key with JSON escapes.
fn escaped_key() -> String {
    KEY.bytes().map(|byte| format!("\\u{byte:04x}")).collect()
}

/// Failures of the vendor, each of which echoes the key if it can.
fn bad_days(second: &Vendor) -> Vec<Behaviour> {
    let echo = |status: u16, location: Option<String>| {
        let mut headers = vec![
            ("x-echo".to_owned(), KEY.to_owned()),
            ("x-api-key".to_owned(), KEY.to_owned()),
            ("content-type".to_owned(), format!("application/json; key={KEY}")),
        ];
        headers.extend(location.map(|location| ("location".to_owned(), location)));
        let body = format!(
            r#"{{"success":false,"message":"your key {KEY} is no good","code":"{KEY}","x":"{KEY}{KEY}"}}"#
        );
        Behaviour::Response { status, headers, body: body.into_bytes() }
    };
    let mut days: Vec<Behaviour> =
        [400, 403, 404, 429, 500, 503, 204, 200, 418].map(|status| echo(status, None)).into();
    days.extend([
        echo(307, Some(format!("{}/{KEY}", second.base_url()))),
        Behaviour::Raw(format!("not JSON: {KEY}").into_bytes()),
        Behaviour::Patch(serde_json::json!({"bio": KEY, "username": KEY, "note": {"k": KEY}})),
        Behaviour::Raw(format!(r#"{{"success":false,"message":"{}"}}"#, escaped_key()).into()),
        Behaviour::Raw(format!(r#"{{"success":false,"message":"{}"}}"#, escaped_twice()).into()),
        Behaviour::Raw(format!("not JSON: {}", in_base64()).into_bytes()),
        Behaviour::Raw(format!("00000000: {}", in_hexadecimal()).into_bytes()),
        Behaviour::Raw(format!("<p>{}</p>", in_html()).into_bytes()),
        Behaviour::Raw(format!("\0{}\0", in_utf_16("\0")).into_bytes()),
        Behaviour::Raw(format!("/login?next={}", in_urls()).into_bytes()),
        Behaviour::Raw(
            format!(r#"{{"success":false,"message":"{}"}}"#, in_utf_16(r"\u0000")).into(),
        ),
        Behaviour::Patch(serde_json::json!({"id": KEY})),
        Behaviour::Cut,
        Behaviour::CutMidBody,
        Behaviour::Hang,
        echo(401, None),
    ]);
    days
}

#[test]
fn the_key_is_in_no_log_no_file_and_no_process_list() {
    let vendor = Vendor::start();
    let second = Vendor::start();
    let days = bad_days(&second);
    let ids: Vec<String> = (0..days.len()).map(|n| format!("a{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let api = "timeout = \"1s\"\nmax_in_flight = 32".to_owned();
    let place = Setup::new(&vendor, &Settings { api, ..Settings::weekly(&ids) });
    for (id, day) in ids.iter().zip(days.clone()) {
        vendor.always(id, day);
    }

    let mut shown = Vec::new();
    for (id, day) in ids.iter().zip(days) {
        // As with a refresh by hand, one account at a time.
        let mut command = place.command(&["refresh", id]);
        command.env("GROWTHD_LOG", "trace");
        let output = command.output().expect("growthd can be run");
        assert!(!holds_the_key(&output.stdout), "{day:?}");
        assert!(!holds_the_key(&output.stderr), "{day:?}");
        shown.extend(output.stdout);
    }
    assert!(String::from_utf8_lossy(&shown).contains("[key]"), "an echo is shown without it");
    assert_no_file_holds_the_key(&place);

    // With a new database, the daemon calls all accounts at once, whatever the breaker's state was.
    for suffix in ["", "-wal", "-shm"] {
        fs::remove_file(place.file(&format!("growth.db{suffix}"))).ok();
    }
    let mut command = place.command(&["run", "--log-format", "json"]);
    command.env("GROWTHD_LOG", "trace");
    let mut daemon = Daemon::start(command).once_up();
    daemon.until("refreshed");
    let cmdline = fs::read(format!("/proc/{}/cmdline", daemon.pid())).expect("a process");
    assert!(!holds_the_key(&cmdline));
    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).expect("a process");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "no core dump: {core}");
    vendor
        .everywhere(Some(Behaviour::After(Duration::from_millis(10), Box::new(Behaviour::Answer))));
    daemon.signal(Signal::HUP);
    daemon.until("reloaded: ");
    for verb in [&["status"][..], &["status", "--json"], &["plan", "--json"], &["check"]] {
        let ended = place.growthd(verb);
        assert!(!holds_the_key(format!("{ended:?}").as_bytes()), "{verb:?}");
    }
    daemon.signal(Signal::TERM);
    daemon.end();
    assert!(!holds_the_key(daemon.log().as_bytes()));

    assert_no_file_holds_the_key(&place);
    assert_eq!(second.call_count(), 0);
}

fn assert_no_file_holds_the_key(place: &Setup) {
    for entry in fs::read_dir(place.path()).expect("a folder") {
        let path = entry.expect("an entry").path();
        if !path.ends_with("api-key") && path.is_file() {
            assert!(!holds_the_key(&fs::read(&path).expect("a file")), "{}", path.display());
        }
    }
}
