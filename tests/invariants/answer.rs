//! A response has exactly one kind, and what is kept of it is what was received.

use std::collections::HashSet;
use std::fmt;

use growthd::account::AccountId;
use growthd::api::{
    CallResult, HttpResponse, MAX_KEPT, Redirect, ResponseKind, RetryAfter, classify, decode,
};
use growthd::clock::Time;
use rusqlite::Connection;
use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};

/// When every response arrives.
const NOW: Time = Time(1_767_225_600);

/// More than half are 200, the only status that can be `ok`.
const STATUSES: [u16; 16] =
    [200, 200, 200, 200, 200, 200, 200, 201, 204, 301, 401, 403, 404, 429, 500, 999];

/// Checks any response to a refresh of `clx123abc`. The first two bytes choose the status, whether
/// the body is complete, and the headers; the others are the body.
pub fn hold(input: &[u8]) {
    let [first, second, body @ ..] = input else { return };
    let asked: AccountId = "clx123abc".parse().expect("an id");
    let decoded = decode(&String::from_utf8_lossy(body), Some(&asked));
    if let Ok((id, measured)) = &decoded {
        assert_eq!(*id, asked);
        assert!(measured.counts().iter().flatten().all(|&count| count >= 0), "{measured:?}");
        let rates = [measured.engagement_rate, measured.virality_score];
        assert!(rates.into_iter().flatten().all(f64::is_finite), "{measured:?}");
        if let Some(extra) = &measured.extra {
            assert!(extra.len() <= MAX_KEPT);
            assert_is_one_object(extra);
            assert_is_read_by_sqlite(extra);
        }
    }

    let status = STATUSES[usize::from(first & 15)];
    let is_whole = first & 16 == 0;
    let header = String::from_utf8_lossy(&body[..body.len().min(usize::from(*second))]);
    let answer = HttpResponse {
        status,
        date: (first & 32 != 0).then(|| NOW.plus(i64::from(*second) * 100 - 12_800)),
        retry_after: (first & 64 != 0).then(|| RetryAfter::parse(&header)).flatten(),
        location: (first & 128 != 0).then(|| Redirect::Base(header.into_owned())),
        body: body.to_vec(),
        is_whole,
        ..HttpResponse::default()
    };
    let response = classify(&CallResult::Http(answer), Some(&asked), NOW);
    assert_eq!(response.status, Some(status));
    assert_eq!(response.spent, !(300..500).contains(&status));
    let is_measured = matches!(response.kind, ResponseKind::Ok(..));
    assert_eq!(is_measured, status == 200 && is_whole && decoded.is_ok(), "{response:?}");
    assert_eq!(is_measured, response.error.is_none(), "{response:?}");
    // One sentence, however long the vendor's text is.
    assert!(response.error.is_none_or(|error| error.chars().count() <= 400));
    match response.kind {
        ResponseKind::Unusable(kept) => assert!(kept.len() <= 4096),
        ResponseKind::Throttled { retry_after } | ResponseKind::Broken { retry_after } => {
            assert!(retry_after.is_none_or(|wait| wait >= 0));
        }
        _ => {}
    }
}

fn assert_is_read_by_sqlite(json: &str) {
    thread_local! {
        static SQLITE: Connection = Connection::open_in_memory().expect("a database");
    }
    let texts = SQLITE.with(|sqlite| -> rusqlite::Result<Vec<String>> {
        let mut all = sqlite.prepare_cached(
            "SELECT CAST(coalesce(json_extract(?1, fullkey), '') AS TEXT) FROM json_tree(?1)",
        )?;
        all.query_map([json], |row| row.get(0))?.collect()
    });
    assert!(texts.is_ok(), "{json}: {texts:?}");
}

/// Asserts that the text is a JSON object in which no name occurs twice: JSON functions would see
/// only one of them.
fn assert_is_one_object(json: &str) {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            let mut names = HashSet::new();
            while let Some((name, _)) = map.next_entry::<String, IgnoredAny>()? {
                assert!(names.insert(name));
            }
            Ok(())
        }
    }
    let mut reader = serde_json::Deserializer::from_str(json);
    assert!(reader.deserialize_map(Names).is_ok() && reader.end().is_ok(), "{json}");
}
