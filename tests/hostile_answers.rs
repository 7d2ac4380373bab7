//! Undocumented responses: what each costs, what is kept of it, and that none takes more than its
//! share of memory.

use std::fmt::Write as _;
use std::fs;
use std::thread;

use crate::harness::{KEY, Settings, Setup, Socket, Then, Vendor};
use crate::scripted_api::Behaviour;

const GOOD: &str =
    r#"{"success":true,"data":{"account":{"id":"a","bio":"x","stats":{"followers":7}}}}"#;

fn answer(headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 200 OK\r\n{headers}\r\n").into_bytes();
    bytes.extend_from_slice(body.as_ref());
    bytes
}

fn with_length(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    answer(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()), body)
}

/// Returns a response in the documented shape with these members in the account.
fn account(members: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"success":true,"data":{{"account":{{"id":"a","stats":{{"followers":7}},{members}}}}}}}"#
    );
    with_length(body)
}

/// Returns the good response as gzip, in a stored block: it would be understood if anything
/// inflated it.
fn gzipped() -> Vec<u8> {
    let length = u16::try_from(GOOD.len()).expect("short");
    let mut body = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01".to_vec();
    body.extend(length.to_le_bytes());
    body.extend((!length).to_le_bytes());
    body.extend(GOOD.bytes());
    body.extend([0; 8]);
    body
}

#[test]
fn each_response_has_one_kind_and_its_valid_part_is_kept() {
    let status = |line: &str, rest: &str| format!("HTTP/1.1 {line}\r\n{rest}\r\n").into_bytes();
    let chunk = format!("{:x}\r\n{GOOD}\r\n", GOOD.len());
    let chunked = |text: &str| answer("transfer-encoding: chunked\r\n", text);
    let half = &GOOD[..GOOD.len() / 2];
    let early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
    let many = |count: usize| "x: y\r\n".repeat(count);
    let deep = format!("\"deep\":{}1{}", "[".repeat(200_000), "]".repeat(200_000));
    let with_status = |line: &str| format!("{line}\r\n{GOOD}").into_bytes();
    let line_feeds = format!("HTTP/1.1 200 OK\nx: y\ncontent-length: {}\n\n{GOOD}", GOOD.len());
    let ok = "ok|200|1|7";
    let failed = "failed|200|1|-";
    let unknown = "unknown|-|1|-";
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        ("informational answers first", [&early[..], &with_length(GOOD)].concat(), ok),
        (
            "another protocol",
            status("101 Switching", "connection: upgrade\r\nupgrade: x\r\n"),
            "failed|101|1|-",
        ),
        ("nothing, said so", status("204 No Content", ""), "failed|204|1|-"),
        ("nothing new", status("304 Not Modified", ""), "failed|304|0|-"),
        ("choices", status("300 Choices", "content-length: 0\r\n"), "failed|300|0|-"),
        ("a status beyond all", status("999 Odd", "content-length: 0\r\n"), "failed|999|1|-"),
        ("a status before all", status("007 Odd", "content-length: 0\r\n"), unknown),
        ("not HTTP", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), unknown),
        ("nothing at all", Vec::new(), unknown),
        ("a truncated body", answer("content-length: 500\r\n", half), unknown),
        ("a whole body, said to be longer", answer("content-length: 500\r\n", GOOD), ok),
        ("a body said to be shorter", answer("content-length: 20\r\n", GOOD), failed),
        ("two lengths", answer("content-length: 5\r\ncontent-length: 9\r\n", GOOD), unknown),
        ("no length", answer("connection: close\r\n", GOOD), ok),
        ("chunks", chunked(&format!("{chunk}0\r\n\r\n")), ok),
        ("chunks of garbage", chunked("zz\r\n{"), unknown),
        ("chunks that stop", chunked(&format!("ff\r\n{half}")), unknown),
        ("a chunk too many", chunked(&format!("{chunk}zz\r\n")), ok),
        ("a chunk of 2^64", chunked(&format!("ffffffffffffffffff\r\n{GOOD}")), unknown),
        ("compressed, unasked", answer("content-encoding: gzip\r\n", gzipped()), failed),
        ("said to be a picture", answer("content-type: image/png\r\n", GOOD), ok),
        (
            "said to be Latin-1",
            answer("content-type: application/json; charset=latin1\r\n", GOOD),
            ok,
        ),
        ("a byte order mark", with_length(format!("\u{feff}{GOOD}")), ok),
        (
            "UTF-16",
            with_length(GOOD.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()),
            failed,
        ),
        ("two answers", with_length(format!("{GOOD}{GOOD}")), failed),
        ("a page", with_length("<!doctype html><title>Down</title>"), failed),
        ("a hundred thousand levels", account(&deep), ok),
        ("a thousand headers", answer(&many(1000), GOOD), ok),
        ("ten thousand headers", answer(&many(10_000), GOOD), unknown),
        ("a folded header", answer("x: a\r\n b\r\n\tc\r\n", GOOD), ok),
        ("a space before a header's colon", answer("x : y\r\n", GOOD), ok),
        ("a header without a colon", answer("x\r\n", GOOD), ok),
        ("a header's name that is none", answer("ü (x): y\r\n", GOOD), ok),
        ("headers of 300 KB", answer(&format!("x: {}\r\n", "y".repeat(300_000)), GOOD), ok),
        ("lines that end with a line feed alone", line_feeds.into(), ok),
        ("no reason phrase", with_status("HTTP/1.1 200 \r\n"), ok),
        ("no space where it would be", with_status("HTTP/1.1 200\r\n"), ok),
        ("HTTP/1.0", with_status("HTTP/1.0 200 OK\r\n"), ok),
        ("HTTP/0.9", GOOD.as_bytes().to_vec(), unknown),
        ("chunks without the last", chunked(&chunk), ok),
        (
            "a header of a megabyte",
            answer(&format!("x: {}\r\n", "y".repeat(1 << 20)), GOOD),
            unknown,
        ),
        ("a NUL in a header", answer("x: \u{0}\r\n", GOOD), unknown),
        ("a control character in a header", answer("x: \u{1}\r\n", GOOD), ok),
        ("dates that are none", answer("date: yesterday\r\nretry-after: soon\r\n", GOOD), ok),
        (
            "no success",
            with_length(r#"{"data":{"account":{"id":"a","stats":{"followers":7}}}}"#),
            ok,
        ),
        ("the same key twice", account(r#""stats":{"followers":9}"#), "ok|200|1|-"),
        ("half a surrogate", account(r#""displayName":"\ud800","note":"\u0000""#), ok),
    ];
    thread::scope(|scope| {
        for (what, bytes, expected) in rows {
            scope.spawn(move || {
                let socket = Socket::sending(bytes, Then::Close);
                let (place, ended) = refresh(&socket, "10s");
                assert!(matches!(ended, Some(0 | 69)), "{what}: {ended:?}");
                assert_eq!(ledger(&place), [expected], "{what}");
                let ends_early = "SELECT instr(coalesce(error || answer, error, ''), char(0)) > 0 FROM refreshes";
                assert!(!place.database().one::<bool>(ends_early), "{what}");
                assert_eq!(socket.call_count(), 1, "{what}");
            });
        }
    });
}

fn refresh(socket: &Socket, timeout: &str) -> (Setup, Option<i32>) {
    let place = Setup::empty();
    place.write_key();
    let api = format!("timeout = \"{timeout}\"");
    place.configure_for(socket.base_url(), &Settings { api, ..Settings::weekly(&["a"]) });
    let ended = place.growthd(&["refresh", "a"]);
    assert!(!ended.err.contains("panicked"), "{ended:?}");
    (place, ended.code)
}

fn ledger(place: &Setup) -> Vec<String> {
    place.database().rows(
        "SELECT r.outcome, r.http_status, r.spent, s.followers \
         FROM refreshes r LEFT JOIN snapshots s USING (refresh_id)",
    )
}

#[test]
fn a_redirect_is_named_whatever_its_bytes() {
    let rows: [(&[u8], &str); 5] = [
        (
            b"location: https://\xe4\xc2\x9b.example/\r\n",
            "redirected to https://\u{fffd}\u{fffd}.example/",
        ),
        (
            b"location: https://b.example/v1/social/account/a/refresh\r\n",
            "redirected to https://b.example; if that is right, make it [api] base_url",
        ),
        (b"location: /login\r\n", "redirected to [vendor]/login"),
        (b"location:\r\n", "redirected to [vendor]/v1/social/account/a/refresh"),
        (b"", "the redirect names no target"),
    ];
    for (header, expected) in rows {
        let redirect = [b"HTTP/1.1 302 Found\r\n", header, b"content-length: 0\r\n\r\n"].concat();
        let socket = Socket::sending(redirect, Then::Close);
        let (place, code) = refresh(&socket, "10s");
        assert_eq!(code, Some(69));
        let error: String = place.database().one("SELECT error FROM refreshes");
        let error = error.replace(socket.base_url(), "[vendor]");
        assert_eq!(error, format!("HTTP 302; {expected}"));
    }
}

#[test]
fn a_complete_response_is_kept_although_the_server_keeps_the_connection() {
    let socket = Socket::sending(answer("content-length: 500\r\n", GOOD), Then::Silence);
    let (place, code) = refresh(&socket, "1s");
    assert_eq!((code, ledger(&place)), (Some(0), vec!["ok|200|1|7".to_owned()]));
}

#[test]
fn a_request_without_a_body_has_a_content_length() {
    let socket = Socket::sending(with_length(GOOD), Then::Close);
    refresh(&socket, "10s");
    let request = &socket.requests()[0];
    assert!(request.starts_with("post /v1/social/account/a/refresh http/1.1\r\n"), "{request}");
    assert_eq!(request.matches("content-length: 0\r\n").count(), 1, "{request}");
}

/// A compressed response would be paid for and not be understood.
#[test]
fn a_request_asks_for_an_answer_that_is_not_compressed() {
    let socket = Socket::sending(with_length(GOOD), Then::Close);
    refresh(&socket, "10s");
    let request = &socket.requests()[0];
    assert_eq!(request.matches("accept-encoding: identity\r\n").count(), 1, "{request}");
    assert_eq!(request.matches("accept-encoding:").count(), 1, "{request}");
}

#[test]
fn no_part_of_the_key_is_kept_of_a_response_that_is_too_large() {
    let escaped: String = KEY.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    // The key at the end of what is kept, and at the end of what is read for that, after keys whose
    // redaction is shorter.
    let rows = [
        (4096 - KEY.len() / 2, KEY.to_owned()),
        (4096 - escaped.len() / 2, escaped.clone()),
        (0, escaped.repeat(200)),
        (1, KEY.repeat(2000)),
    ];
    for (at, text) in rows {
        let body = format!("{}{text}{}", "x".repeat(at), "y".repeat(2 << 20));
        let (place, code) = refresh(&Socket::sending(with_length(body), Then::Close), "10s");
        assert_eq!(code, Some(69));
        let kept = &place.database().rows("SELECT answer FROM refreshes")[0];
        assert!(kept.len() <= 4096 && kept.contains("[key]"), "{at}");
        let end = &KEY[..KEY.len().min(6)];
        assert!(!kept.contains(end) && !kept.contains(&escaped[..12]), "{at}: {kept}");
        let rest = kept.replace("[key]", "").replace(['x', 'y'], "");
        assert!(rest.is_empty(), "{at}: {rest}");
    }
}

#[test]
fn what_is_kept_of_a_response_is_bounded_and_readable_by_sqlite() {
    let nested = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let flood = |count: usize| (0..count).map(|n| format!("\"f{n}\":0,")).collect::<String>();
    let texts = format!(r#""bio":"{0}","displayName":"{0}""#, "x".repeat(50_000));
    let odd = r#""bio":"\u0000","\ud800":"\udc00\u0000","n":1e999"#;
    let rows = [
        (account(&format!("\"deep\":{}", nested(1000))), "0"),
        (account(&format!("\"deep\":{}", nested(200_000))), "1"),
        (account(odd), "0"),
        (account(&format!("{}\"last\":1", flood(50_000))), "many"),
        (account(&format!("{texts},\"more\":\"{}\"", "y".repeat(500_000))), "3"),
        (
            account(&format!(
                "{},\"n\":1",
                texts.replace(&"x".repeat(50_000), &"x".repeat(16_000))
            )),
            "0",
        ),
    ];
    for (bytes, expected) in rows {
        let (place, _) = refresh(&Socket::sending(bytes, Then::Close), "10s");
        assert_eq!(ledger(&place), ["ok|200|1|7"]);
        let kept = place.database().rows(
            "SELECT coalesce(json_extract(extra, '$._dropped'), 0), \
               length(extra) + length(coalesce(bio, '')) + length(coalesce(display_name, '')) <= 65536, \
               (SELECT count(json_extract(extra, fullkey)) > 0 FROM json_tree(extra)) \
             FROM snapshots JOIN accounts USING (account_id)",
        );
        let (dropped, rest) = kept[0].split_once('|').expect("three columns");
        assert_eq!(rest, "1|1");
        let is_many = dropped.parse::<u32>().is_ok_and(|dropped| dropped > 40_000);
        assert!(dropped == expected || (expected == "many" && is_many), "{dropped} {expected}");
    }
}

#[test]
fn invalid_utf8_costs_only_its_own_characters() {
    let mut bytes = with_length(GOOD);
    let at = bytes.windows(3).position(|text| text == b"\"x\"").expect("the bio");
    bytes[at + 1] = 0xff;
    let (place, _) = refresh(&Socket::sending(bytes, Then::Close), "10s");
    let rows = place
        .database()
        .rows("SELECT followers, bio FROM snapshots JOIN accounts USING (account_id)");
    assert_eq!(rows, ["7|\u{fffd}"]);
}

/// Returns bodies of the largest size that is read, each the worst of its kind.
fn heaviest() -> Vec<Behaviour> {
    let largest = (1 << 20) - 200;
    let filled = |beginning: &str, piece: &str, end: &str| {
        let room = largest - beginning.len() - end.len();
        let body = format!("{beginning}{}{end}", piece.repeat(room / piece.len()));
        Behaviour::Raw(body.into_bytes())
    };
    let mut members = String::from(r#"{"success":true,"data":{"account":{"id":"a""#);
    let mut number = 0;
    while members.len() < largest - 20 {
        write!(members, ",\"{number}\":1").expect("text");
        number += 1;
    }
    members.push_str("}}}");
    vec![
        Behaviour::Flood,
        Behaviour::BigHeaders,
        filled("{\"message\":[", "{\"a\":0},", "0]}"),
        filled("[", "[],", "0]"),
        filled("", "[", ""),
        filled("{\"success\":false,\"message\":\"", KEY, "\"}"),
        filled("{\"success\":false,\"message\":\"", "credi", "\"}"),
        Behaviour::Raw(vec![0xff; largest]),
        Behaviour::Raw(members.into_bytes()),
    ]
}

#[test]
fn the_worst_responses_at_once_fit_into_150_megabytes() {
    const AT_ONCE: usize = 64;
    let vendor = Vendor::start();
    let ids: Vec<String> = (0..AT_ONCE).map(|n| format!("a{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let api = format!("max_in_flight = {AT_ONCE}\ntimeout = \"60s\"");
    let place = Setup::new(&vendor, &Settings { api, ..Settings::weekly(&ids) });
    let heaviest = heaviest();
    for (id, behaviour) in ids.iter().zip(heaviest.iter().cycle()) {
        vendor.always(id, behaviour.clone());
    }
    let daemon = place.run();
    // All at once; then the breaker is open.
    place.database_when_made().until(
        "SELECT count(*) >= 64 AND count(*) FILTER (WHERE outcome = 'pending') = 0 FROM refreshes",
    );
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("it runs");
    daemon.stop();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    println!("peak: {kilobytes} kB");
    assert!(kilobytes < 150_000, "{kilobytes} kB");
}
