//! The connection to the vendor: connections that fail, TLS, proxies, and a process that is stopped
//! while the response arrives.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Daemon, Ended, KEY, Settings, Setup, Socket, Then, poll};

/// The certificate of an authority that has signed nothing. Its key was not kept.
const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----
MIIBhjCCASugAwIBAgIUWtzsEEyxl1jWGUb8gzPZ+jBufHwwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMZ3Jvd3RoZCB0ZXN0MCAXDTI2MTEyNTA3MTQ1MVoYDzIxMjYx
MTAxMDcxNDUxWjAXMRUwEwYDVQQDDAxncm93dGhkIHRlc3QwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAATFEjAFY1HeMdd6BH1c7hIhEnYRKUoHx1E32Nx9gwJTdYL4
+oivnAYlzFEN6HZuoWZ7T4MD6UXwudWSPp4+xxDZo1MwUTAdBgNVHQ4EFgQURawh
I9fVA93gSpBDv0zWlxeDI08wHwYDVR0jBBgwFoAURawhI9fVA93gSpBDv0zWlxeD
I08wDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEAknnbsUnS417z
tzsUCOsqJO3Gs1iybJfa173C3md6JAICIQCHL2aSr2UwPjE2pEar6Exje+ivNK85
sLLUrTBi8fCe3g==
-----END CERTIFICATE-----
";

const GOOD: &str = r#"{"success":true,"data":{"account":{"id":"a","stats":{"followers":7}}}}"#;

const PASSWORD: &str = "hunter2@proxy";

/// Returns a setup with one account and these lines of `[api]`.
fn place(base_url: &str, api: &str) -> Setup {
    let place = Setup::empty();
    place.write_key();
    place.write("authority.pem", AUTHORITY);
    place.write("nothing.pem", "");
    let settings = Settings { api: api.to_owned(), ..Settings::weekly(&["a"]) };
    place.configure_for(base_url, &settings);
    place
}

/// Returns the program with only the certificates in this file.
fn trusting(place: &Setup, file: &str, arguments: &[&str]) -> Command {
    let mut command = place.command(arguments);
    command.env("SSL_CERT_FILE", place.file(file)).env_remove("SSL_CERT_DIR");
    command
}

fn ledger(place: &Setup) -> Vec<String> {
    place.database().rows("SELECT outcome, http_status, spent FROM refreshes")
}

fn good_answer() -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{GOOD}", GOOD.len())
}

#[test]
fn a_connection_that_is_never_made_is_not_spent_whatever_the_timeout() {
    // Connections are not accepted: once the queue is full, no more can be made.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let mut held = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        held.push(stream);
    }
    let place = place(&format!("http://{address}"), "timeout = \"1s\"");
    place.growthd(&["refresh", "a"]).with_code(69);
    assert_eq!(ledger(&place), ["failed|-|0"]);
}

#[test]
fn a_handshake_that_is_never_answered_is_not_spent() {
    // The queue takes the connection, but nothing is sent.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let place = place(&format!("https://{address}"), "timeout = \"1s\"");
    Ended::of(trusting(&place, "authority.pem", &["refresh", "a"])).with_code(69);
    assert_eq!(ledger(&place), ["failed|-|0"]);
}

#[test]
fn a_response_that_arrived_while_the_process_was_stopped_counts() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let place = place(&format!("http://{address}"), "timeout = \"2s\"");
    let mut command = place.command(&["refresh", "a"]);
    let mut child = command.stdout(Stdio::null()).spawn().expect("growthd can be run");
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");

    let (mut stream, _) = listener.accept().expect("a connection");
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a request");
        request.extend(byte);
    }
    kill_process(pid, Signal::STOP).expect("it runs");
    let state = format!("/proc/{}/stat", child.id());
    poll("a stopped process", || {
        let stat = fs::read_to_string(&state).ok()?;
        stat.rsplit(')').next()?.trim_start().starts_with('T').then_some(())
    });
    stream.write_all(good_answer().as_bytes()).expect("it waits");
    // Waits past the timeout, for which there is no condition to await.
    thread::sleep(Duration::from_secs(3));
    kill_process(pid, Signal::CONT).expect("it runs");
    assert_eq!(child.wait().expect("a child").code(), Some(0));
    assert_eq!(ledger(&place), ["ok|200|1"]);
}

#[test]
fn a_valid_edit_waits_for_the_certificates() {
    let place = place("https://127.0.0.1:1", "");
    let mut daemon = Daemon::start(trusting(&place, "authority.pem", &["run"])).once_up();
    fs::rename(place.file("authority.pem"), place.file("away.pem")).expect("a rename");
    place.configure_for("https://127.0.0.1:1", &Settings::weekly(&["a", "b"]));
    daemon.signal(Signal::HUP);
    daemon.until("could not be applied; retrying");
    fs::rename(place.file("away.pem"), place.file("authority.pem")).expect("a rename");
    daemon.until("reloaded: +1 accounts, -0, 0 changed");
    daemon.stop();
}

#[test]
fn without_certificate_authorities_an_error_says_what_to_install_if_https_needs_them() {
    let https = place("https://127.0.0.1:1", "");
    let mut check = https.command(&["check"]);
    check.env("SSL_CERT_DIR", https.file("no-folder")).env_remove("SSL_CERT_FILE");
    let ended = Ended::of(check).with_code(78);
    assert!(ended.out.contains("apt install ca-certificates"), "{ended:?}");
    // Else the system's would be used without a word, and every call would fail.
    https.write("broken.pem", "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n");
    for file in ["nothing.pem", "broken.pem", "no-file.pem"] {
        let mut check = https.command(&["check"]);
        check.env("SSL_CERT_FILE", https.file(file));
        let ended = Ended::of(check).with_code(78);
        let words = format!("{file} that SSL_CERT_FILE names: ");
        assert!(ended.out.contains(&words), "{ended:?}");
    }
    let ended = Ended::of(trusting(&https, "nothing.pem", &["refresh", "a"]));
    assert!(ended.code != Some(0) && ended.err.contains("SSL_CERT_FILE"), "{ended:?}");
    Ended::of(trusting(&https, "authority.pem", &["check"])).with_code(0);
    let socket = Socket::sending(good_answer(), Then::Close);
    let http = place(socket.base_url(), "");
    Ended::of(trusting(&http, "nothing.pem", &["check"])).with_code(0);
    Ended::of(trusting(&http, "nothing.pem", &["refresh", "a"])).with_code(0);
}

/// A server that closes an idle connection just when it is used again leaves a paid call unknown.
#[test]
fn at_the_vendors_pace_each_call_has_a_connection_of_its_own() {
    // It promises to keep the connection, and answers nothing more on it.
    let socket = Socket::sending(good_answer(), Then::Silence);
    let place = place(socket.base_url(), "timeout = \"5s\"");
    let text = std::fs::read_to_string(place.file("config.toml")).expect("a file");
    let text = text.replace("requests_per_minute = 0", "requests_per_minute = 300");
    let accounts = ["b", "c"].map(|id| format!("\n[[account]]\nid = \"{id}\"\n")).concat();
    place.write("config.toml", &(text + &accounts));
    place.growthd(&["refresh", "--all"]);
    // The others are answered for the first.
    let outcomes = place.database().rows("SELECT DISTINCT outcome FROM refreshes ORDER BY 1");
    assert_eq!((outcomes, socket.call_count()), (vec!["failed".to_owned(), "ok".to_owned()], 3));
}

#[test]
fn check_online_says_how_far_it_gets_and_sends_no_key() {
    let date = |date: &str| format!("HTTP/1.1 404 Not Found\r\ndate: {date}\r\n\r\n");
    for (answer, code, words) in [
        ("HTTP/1.1 404 Not Found\r\n\r\n".to_owned(), 0, "answers (HTTP 404)"),
        ("HTTP/1.1 301 Moved\r\nlocation: /docs\r\n\r\n".to_owned(), 0, "a redirect: if"),
        ("HTTP/1.1 407 Proxy\r\n\r\n".to_owned(), 1, "is behind a proxy"),
        (date("Sun, 06 Nov 1994 08:49:37 GMT"), 1, "set the clock"),
        ("SSH-2.0-OpenSSH\r\n".to_owned(), 1, "no response"),
    ] {
        let socket = Socket::sending(answer, Then::Close);
        let place = place(socket.base_url(), "");
        let ended = place.growthd(&["check", "--online"]).with_code(code);
        assert!(ended.out.contains(words), "{words}: {ended:?}");
        let requests = socket.requests();
        assert!(requests[0].starts_with("head / "), "{requests:?}");
        assert!(requests.iter().all(|request| !request.contains("x-api-key")), "{requests:?}");
    }
    // Responds to a TLS greeting with something else.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").ok();
            // Reads to the end, since unread data would reset the connection.
            stream.read_to_end(&mut Vec::new()).ok();
        }
    });
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let nobody = free.local_addr().expect("an address");
    drop(free);
    for (base_url, words) in [
        (format!("https://{address}"), "TLS failed"),
        (format!("https://{nobody}"), "cannot connect"),
        ("https://growthd.invalid".to_owned(), "its name cannot be resolved"),
    ] {
        let place = place(&base_url, "");
        let ended = Ended::of(trusting(&place, "authority.pem", &["check", "--online"]));
        assert!(ended.code == Some(1) && ended.out.contains(words), "{words}: {ended:?}");
    }
}

#[test]
fn calls_go_only_through_the_configured_proxy_and_its_password_is_not_shown() {
    let proxy = Socket::sending(good_answer(), Then::Close);
    let environments = Socket::sending(good_answer(), Then::Close);
    let through = proxy.base_url().replace("http://", "http://me:hunter2%40proxy@");
    let place = place("http://127.0.0.1:9", &format!("proxy = \"{through}\""));
    let verb = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
            command.env(name, environments.base_url());
        }
        command.env("GROWTHD_LOG", "trace").env("NO_PROXY", "*");
        Ended::of(command)
    };
    let ended = [verb(&["refresh", "a"]).with_code(0), verb(&["check"]).with_code(0)];
    assert_eq!((ledger(&place), environments.call_count()), (vec!["ok|200|1".to_owned()], 0));
    let requests = proxy.requests();
    assert!(requests[0].starts_with("post http://127.0.0.1:9/v1/social/account/a/refresh "));
    // User name and password in base64, in lower case.
    assert!(requests[0].contains("proxy-authorization: basic bwu6ahvudgvymkbwcm94eq==\r\n"));
    for shown in ended.iter().flat_map(|ended| [&ended.out, &ended.err]) {
        assert!(!shown.contains("hunter2") && !shown.contains("bWU6aHVudGVyMkBwcm94eQ"), "{shown}");
    }
    assert!(ended[1].out.contains(&format!("proxy      {}\n", proxy.base_url())), "{ended:?}");
}

#[test]
fn credentials_that_a_proxy_echoes_are_redacted() {
    for (credentials, secret, in_base64) in [
        ("me:hunter2%40proxy", PASSWORD, "bWU6aHVudGVyMkBwcm94eQ=="),
        // A token in the user's place.
        ("tok_live_secret42", "tok_live_secret42", "dG9rX2xpdmVfc2VjcmV0NDI6"),
        ("tok_live_secret42:", "tok_live_secret42", "dG9rX2xpdmVfc2VjcmV0NDI6"),
    ] {
        let response = format!("HTTP/1.1 200 OK\r\n\r\n{secret} {in_base64} {KEY}");
        let proxy = Socket::sending(response, Then::Close);
        let through = proxy.base_url().replace("http://", &format!("http://{credentials}@"));
        let place = place("http://127.0.0.1:9", &format!("proxy = \"{through}\""));
        place.growthd(&["refresh", "a"]).with_code(69);
        let answers = place.database().rows("SELECT answer FROM refreshes");
        assert_eq!(answers, ["[key] [key] [key]"], "{credentials}");
        let header = format!("proxy-authorization: basic {in_base64}\r\n").to_lowercase();
        assert!(proxy.requests()[0].contains(&header), "{credentials}");
    }
}

#[test]
fn a_proxy_that_refuses_the_tunnel_costs_nothing_and_receives_no_key() {
    let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
    let proxy = Socket::sending(refusal, Then::Close);
    let place = place("https://growthd.invalid", &format!("proxy = \"{}\"", proxy.base_url()));
    Ended::of(trusting(&place, "authority.pem", &["refresh", "a"])).with_code(69);
    assert_eq!(ledger(&place), ["failed|-|0"]);
    let requests = proxy.requests();
    assert!(requests[0].starts_with("connect growthd.invalid:443 http/1.1\r\n"), "{requests:?}");
    assert!(requests.iter().all(|request| !request.contains("x-api-key")), "{requests:?}");
}
