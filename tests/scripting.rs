//! Tests of the scripted API itself with raw requests, so that no client library repairs what is
//! malformed.

use std::time::{Duration, UNIX_EPOCH};

use growthd::clock::{self, Time};
use growthd::simulated_api::{Account, ApiRequest, Reply};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::scripted_api::account::{Growth, invented};
use crate::scripted_api::behaviour::{Behaviour, merge, remove};
use crate::scripted_api::{KeySeen, ScriptedApi, World};

const ID: &str = "clx123abc";
const REFRESH: &str = "/v1/social/account/clx123abc/refresh";
const SECOND: Duration = Duration::from_secs(1);

async fn documented() -> ScriptedApi {
    ScriptedApi::start(World::new("k").and(ID, Account::documented())).await.unwrap()
}

fn request(method: &str, path: &str, key: Option<&str>, body: &str) -> String {
    let key = key.map(|key| format!("x-api-key: {key}\r\n")).unwrap_or_default();
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nhost: h\r\n{key}content-length: {length}\r\n")
}

async fn begin(api: &ScriptedApi, method: &str, path: &str, key: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(api.address()).await.unwrap();
    let head = request(method, path, Some(key).filter(|key| !key.is_empty()), body);
    let text = format!("{head}connection: close\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Reads until the connection is closed, and splits the response into head and body.
async fn rest(mut stream: TcpStream) -> (String, String) {
    let mut text = Vec::new();
    let read = stream.read_to_end(&mut text);
    tokio::time::timeout(10 * SECOND, read).await.expect("an end").expect("an orderly end");
    let text = String::from_utf8(text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    (head.to_owned(), body.to_owned())
}

async fn call(api: &ScriptedApi, method: &str, path: &str, key: &str) -> (String, String) {
    rest(begin(api, method, path, key, "").await).await
}

async fn refresh(api: &ScriptedApi) -> (String, String) {
    call(api, "POST", REFRESH, "k").await
}

/// Returns the account in the response to a refresh under this behaviour.
async fn account_under(api: &ScriptedApi, behaviour: Behaviour) -> Value {
    api.queue(ID, [behaviour]);
    let (head, body) = refresh(api).await;
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    let mut answer: Value = serde_json::from_str(&body).unwrap();
    answer["data"]["account"].take()
}

fn body_of(account: &Account) -> String {
    let question = ApiRequest::Refresh { id: ID.to_owned() };
    String::from_utf8(Reply::success(&question, ID, account, Time(0)).body).unwrap()
}

fn documented_body() -> String {
    body_of(&Account::documented())
}

#[tokio::test]
async fn a_refresh_gets_the_documented_response_and_is_recorded() {
    let api = documented().await;
    let (head, body) = refresh(&api).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("content-type: application/json") && head.contains("\r\ndate: "));
    assert_eq!(body, documented_body());

    let calls = api.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].account_id.as_deref(), Some(ID));
    assert_eq!(calls[0].path, REFRESH);
    assert_eq!((calls[0].key, calls[0].status_sent), (KeySeen::Right, Some(200)));
    assert!(calls[0].charged && calls[0].has_key());
    assert_eq!((api.call_count(), api.charged_count(), api.most_in_flight()), (1, 1, 1));
    assert_eq!((api.calls_for(ID).len(), api.calls_for("x").len(), api.in_flight()), (1, 0, 0));
}

#[tokio::test]
async fn one_connection_serves_many_calls() {
    let api = ScriptedApi::start(World::with_any_account("k").without_call_list()).await.unwrap();
    let mut stream = TcpStream::connect(api.address()).await.unwrap();
    for n in 0..50 {
        let path = format!("/v1/social/account/a{n}/refresh");
        let text = request("POST", &path, Some("k"), "") + "\r\n";
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]);
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(&format!(r#""id":"a{n}""#)));
    }
    assert_eq!((api.call_count(), api.most_in_flight(), api.calls().len()), (50, 1, 0));
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let api = documented().await;
    api.always(ID, Behaviour::Raw(b"not reached".to_vec()));
    let (head, body) = call(&api, "POST", REFRESH, "").await;
    assert!(head.starts_with("HTTP/1.1 401"), "{head}");
    assert_eq!(
        body,
        r#"{"success":false,"message":"API key is required","code":"MISSING_API_KEY"}"#
    );
    let (head, body) = call(&api, "POST", REFRESH, "other").await;
    assert!(head.starts_with("HTTP/1.1 401"), "{head}");
    assert!(body.starts_with(r#"{"error":{"code":"INVALID_API_KEY","message":""#), "{body}");
    assert_eq!(api.calls().iter().filter(|call| call.has_key()).count(), 1);
    assert_eq!(api.charged_count(), 0);
}

#[tokio::test]
async fn an_unknown_path_is_404_and_another_method_405() {
    let api = documented().await;
    for path in
        ["/", "/v1/social/account/x/refresh", "/v1/social/account//refresh", "/v1/a/b/refresh"]
    {
        let (head, _) = call(&api, "POST", path, "k").await;
        assert!(head.starts_with("HTTP/1.1 404"), "{path}: {head}");
    }
    let (head, _) = call(&api, "GET", REFRESH, "k").await;
    assert!(head.starts_with("HTTP/1.1 405") && head.contains("allow: POST"), "{head}");
    assert_eq!((api.call_count(), api.charged_count()), (5, 0));

    let any = ScriptedApi::start(World::with_any_account("k")).await.unwrap();
    let (head, _) = call(&any, "POST", "/v1/social/account/a%2Fb/refresh", "k").await;
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
}

#[tokio::test]
async fn analyze_finds_by_name() {
    let path = "/v1/social/account/analyze";
    let world = World::with_any_account("k").and(ID, Account::documented());
    let api = ScriptedApi::start(world).await.unwrap();
    for (body, status, expected) in [
        (r#"{"username":"fitnessguru","platform":"tiktok"}"#, 200, r#""id":"clx123abc""#),
        (r#"{"username":"anyone","platform":"tiktok"}"#, 200, r#""createdAt":""#),
        (r#"{"username":"ytone","platform":"youtube"}"#, 200, r#""likes":null"#),
        (r#"{"username":"@no","platform":"tiktok"}"#, 404, "ACCOUNT_NOT_FOUND"),
        (r#"{"username":"x","platform":"radio"}"#, 400, r#""details":{"field":"platform"}"#),
        (r#"{"platform":"tiktok"}"#, 400, r#""details":{"field":"username"}"#),
        ("nonsense", 400, r#""details":{"field":"body"}"#),
    ] {
        let (head, answer) = rest(begin(&api, "POST", path, "k", body).await).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{body}: {head}");
        assert!(answer.contains(expected), "{body}: {answer}");
    }
    assert_eq!((api.calls_for(ID).len(), api.charged_count()), (1, 3));
}

#[tokio::test]
async fn the_nearest_script_wins() {
    let api = documented().await;
    let reply = |status| Behaviour::refusal(status, "X", "x");
    api.everywhere(Some(reply(503)));
    api.queue(ID, [reply(402), reply(500)]);
    api.queue(ID, [Behaviour::rate_limited(Some(7))]);
    let mut seen = Vec::new();
    for n in 0..7 {
        match n {
            4 => api.always(ID, reply(409)),
            5 => api.always(ID, Behaviour::Answer),
            _ => {}
        }
        let (head, _) = refresh(&api).await;
        seen.push(head[9..12].to_owned());
        assert_eq!(n == 2, head.contains("retry-after: 7"), "{head}");
    }
    assert_eq!(seen, ["402", "500", "429", "503", "409", "200", "200"]);
    let statuses: Vec<_> = api.calls().iter().map(|call| call.status_sent).collect();
    assert_eq!(statuses, [402, 500, 429, 503, 409, 200, 200].map(Some));
    let charged: Vec<_> = api.calls().iter().map(|call| call.charged).collect();
    assert_eq!(charged, [false, true, false, true, false, true, true]);

    let (head, _) = call(&api, "POST", "/v1/social/account/x/refresh", "k").await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    api.everywhere(None);
    let (head, _) = call(&api, "POST", "/v1/social/account/x/refresh", "k").await;
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
}

#[tokio::test]
async fn a_scripted_reply_is_sent_verbatim() {
    let api = documented().await;
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![header("location", "http://127.0.0.1:1/"), header("x-a", "1")];
    api.queue(ID, [Behaviour::Response { status: 307, headers, body: b"moved".to_vec() }]);
    let (head, body) = refresh(&api).await;
    assert!(head.starts_with("HTTP/1.1 307") && head.contains("location: http://127.0.0.1:1/"));
    assert!(!head.contains("content-type") && body == "moved", "{head}");

    api.queue(ID, [Behaviour::Response { status: 99, headers: Vec::new(), body: Vec::new() }]);
    assert!(refresh(&api).await.1.contains("IMPOSSIBLE_SCRIPT"));
    api.queue(ID, [Behaviour::Raw(b"<html>\xff".to_vec())]);
    let mut stream = begin(&api, "POST", REFRESH, "k", "").await;
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).await.unwrap();
    assert!(raw.starts_with(b"HTTP/1.1 200") && raw.ends_with(b"\r\n\r\n<html>\xff"));
}

#[tokio::test]
async fn a_call_that_hangs_is_recorded_and_in_flight_until_the_client_leaves() {
    let api = documented().await;
    api.everywhere(Some(Behaviour::Hang));
    let waiting = tokio::spawn({
        let api = api.clone();
        async move { api.wait_for_calls(2).await }
    });
    let (one, two) =
        tokio::join!(begin(&api, "POST", REFRESH, "k", ""), begin(&api, "POST", REFRESH, "k", ""));
    tokio::time::timeout(10 * SECOND, waiting).await.unwrap().unwrap();
    assert_eq!((api.in_flight(), api.most_in_flight()), (2, 2));
    assert!(api.calls().iter().all(|call| call.status_sent.is_none() && call.charged));
    drop((one, two));
    let left = async {
        while api.in_flight() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(10 * SECOND, left).await.unwrap();
}

#[tokio::test]
async fn a_slow_response_is_delayed() {
    let api = documented().await;
    let slow = Duration::from_millis(80);
    api.queue(ID, [Behaviour::After(slow, Box::new(Behaviour::Answer))]);
    let begun = clock::monotonic();
    assert_eq!(refresh(&api).await.1, documented_body());
    assert!(begun.elapsed() >= slow);
}

#[tokio::test]
async fn a_cut_connection_sends_nothing_or_half() {
    let api = documented().await;
    api.queue(ID, [Behaviour::Cut, Behaviour::CutMidBody]);
    assert_eq!(refresh(&api).await, (String::new(), String::new()));
    let (head, body) = refresh(&api).await;
    let whole = documented_body();
    assert!(head.contains(&format!("content-length: {}", whole.len())), "{head}");
    assert_eq!(body, whole[..whole.len() / 2]);
    let statuses: Vec<_> = api.calls().iter().map(|call| call.status_sent).collect();
    assert_eq!(statuses, [None, Some(200)]);
}

#[tokio::test]
async fn a_dripped_response_is_complete_in_the_end() {
    let api = documented().await;
    let every = Duration::from_millis(1);
    api.queue(ID, [Behaviour::Drip { every }]);
    let begun = clock::monotonic();
    let (_, body) = refresh(&api).await;
    assert_eq!(body, documented_body());
    assert!(begun.elapsed() >= every * 400);
}

#[tokio::test]
async fn a_flood_does_not_end() {
    let api = documented().await;
    api.queue(ID, [Behaviour::Flood]);
    let mut stream = begin(&api, "POST", REFRESH, "k", "").await;
    let mut read = vec![0; 8 << 20];
    tokio::time::timeout(10 * SECOND, stream.read_exact(&mut read)).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&read[..400]).contains(r#"{"success":true,"message":""#));
}

#[tokio::test]
async fn headers_may_take_megabytes() {
    let api = documented().await;
    api.queue(ID, [Behaviour::BigHeaders]);
    let (head, body) = refresh(&api).await;
    assert!(head.len() > 2 << 20);
    assert_eq!(body, documented_body());
}

#[tokio::test]
async fn a_response_is_edited_field_by_field() {
    let api = documented().await;
    let plain = account_under(&api, Behaviour::Answer).await;
    let patch = json!({"bio": null, "stats": {"likes": "many"}, "extra": [1]});
    let mut expected = plain.clone();
    expected["bio"] = Value::Null;
    expected["stats"]["likes"] = json!("many");
    expected["extra"] = json!([1]);
    assert_eq!(account_under(&api, Behaviour::Patch(patch)).await, expected);

    let without = Behaviour::Without(vec!["/bio".to_owned(), "/stats/likes".to_owned()]);
    let account = account_under(&api, without).await;
    assert!(account.get("bio").is_none() && account["stats"].get("likes").is_none());
    assert_eq!(account_under(&api, Behaviour::Answer).await, plain);
}

#[tokio::test]
async fn the_server_may_have_another_clock() {
    let api = documented().await;
    let date = |head: &str| {
        let value = head.lines().find_map(|line| line.strip_prefix("date: ")).expect("a date");
        let date = httpdate::parse_http_date(value).unwrap().duration_since(UNIX_EPOCH).unwrap();
        i64::try_from(date.as_secs()).unwrap()
    };
    for offset in [-7200, 86_400, i64::MAX] {
        let then = Box::new(Behaviour::Answer);
        api.queue(ID, [Behaviour::ServerDate { offset, then }]);
        let before = clock::now().time().plus(offset).0.min(253_402_300_799);
        let (head, body) = refresh(&api).await;
        assert!((before..before.saturating_add(10)).contains(&date(&head)), "{head}");
        assert_eq!(body, documented_body());
    }
    let now = clock::now().time().0;
    assert!((date(&refresh(&api).await.0) - now).abs() < 10);
}

#[tokio::test]
async fn an_account_is_a_step_older_with_each_scrape_alone() {
    let growth = Growth::percent(1.4);
    let world = World::new("k").and_growing(ID, Account::documented(), growth);
    let api = ScriptedApi::start(world).await.unwrap();
    let followers =
        async || account_under(&api, Behaviour::Answer).await["stats"]["followers"].clone();
    assert_eq!(followers().await, json!(1_520_000));
    api.queue(ID, [Behaviour::rate_limited(None), Behaviour::Raw(Vec::new())]);
    refresh(&api).await;
    refresh(&api).await;
    let second = followers().await.as_u64().unwrap();
    assert_eq!(second, growth.age(ID, Account::documented(), 1).stats.followers);
}

#[tokio::test]
async fn dropping_the_last_handle_stops_it() {
    let api = documented().await;
    api.everywhere(Some(Behaviour::Hang));
    let stream = begin(&api, "POST", REFRESH, "k", "").await;
    let other = api.clone();
    drop(api);
    other.wait_for_calls(1).await;
    drop(other);
    assert_eq!(rest(stream).await, (String::new(), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_may_use_the_address_of_one_that_was_stopped() {
    let api = documented().await;
    refresh(&api).await;
    api.stop().await;
    assert!(TcpStream::connect(api.address()).await.is_err());
    let again = ScriptedApi::start_at(api.address(), World::with_any_account("k")).await.unwrap();
    assert!(refresh(&again).await.0.starts_with("HTTP/1.1 200"));
    assert_eq!((api.call_count(), again.call_count()), (1, 1));
}

#[test]
fn a_handle_is_clone_send_and_sync() {
    fn is_handle<T: Clone + Send + Sync + 'static>() {}
    is_handle::<ScriptedApi>();
}

fn followers(id: &str, account: &Account, growth: Growth) -> Vec<u64> {
    (0..60).map(|step| growth.age(id, account.clone(), step).stats.followers).collect()
}

#[test]
fn a_growing_account_never_falls_and_a_shrinking_one_never_rises() {
    for number in 0..200 {
        let id = format!("a{number}");
        let (account, growth) = invented(&id);
        let series = followers(&id, &account, growth);
        assert!(series.is_sorted() && series[59] > series[0], "{account:?}: {series:?}");
        let [first, last] = [0, 59].map(|step| growth.age(&id, account.clone(), step).stats);
        assert!(last.likes > first.likes && last.videos > first.videos);
    }
    let documented = Account::documented();
    let mut shrinking = followers("v", &documented, Growth::percent(-3.2));
    shrinking.reverse();
    assert!(shrinking.is_sorted() && shrinking[0] < shrinking[59]);
    let huge = Growth::percent(90.0).age("h", documented, u32::MAX);
    assert_eq!(huge.stats.followers, 1_000_000_000_000_000);
}

#[test]
fn growth_is_noisy_but_the_same_each_time() {
    let series = || followers("t", &Account::documented(), Growth::percent(24.0));
    let [once, again] = [series(), series()];
    assert_eq!(once, again);
    let steps: Vec<u64> = once.windows(2).map(|pair| pair[1] * 1000 / pair[0]).collect();
    assert!(steps.iter().min() < steps.iter().max());
    assert!(once[10] > 4 * once[0]);
}

#[test]
fn a_patch_merges_and_its_null_sets_null() {
    let mut account = json!({"bio": "b", "stats": {"likes": 1, "videos": 2}});
    merge(&mut account, &json!({"bio": null, "stats": {"likes": "1"}, "new": {"x": [1]}}));
    let merged = json!({"bio": null, "stats": {"likes": "1", "videos": 2}, "new": {"x": [1]}});
    assert_eq!(account, merged);
    merge(&mut account, &json!([]));
    assert_eq!(account, json!([]));
}

#[test]
fn a_removed_field_is_absent() {
    let mut account = json!({"bio": "b", "stats": {"likes": 1, "videos": 2}});
    for pointer in ["/bio", "/stats/likes", "/nothing", "/bio/deeper", "bio"] {
        remove(&mut account, pointer);
    }
    assert_eq!(account, json!({"stats": {"videos": 2}}));
}

#[test]
fn delays_add_up_and_the_innermost_date_is_used() {
    let second = Duration::from_secs(1);
    let inner = Behaviour::After(second, Box::new(Behaviour::Hang));
    let dated = Behaviour::ServerDate { offset: -7200, then: Box::new(inner) };
    let all = Behaviour::After(second, Box::new(dated)).unwrapped();
    assert_eq!((all.delay, all.date_offset), (2 * second, Some(-7200)));
    assert!(matches!(all.core, Behaviour::Hang));
}
