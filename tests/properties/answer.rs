//! Responses: how they are decoded, and that no part of them is lost.

use std::collections::HashMap;

use growthd::api::decode;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::value::RawValue;

use crate::invariants;

/// JSON values that a vendor may send, in expected and unexpected places.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => any::<u64>().prop_map(|number| number.to_string()),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => any::<f64>().prop_filter("JSON", |number| number.is_finite()).prop_map(|number| format!("{number:e}")),
        1 => ".*".prop_map(|text: String| serde_json::Value::from(text).to_string()),
        2 => select(&[
            "null", "true", "false", "[]", "{}", "-0", "0.0", "1520000.0", "1.52e6", "1e400",
            "9223372036854775807", "9223372036854775808", "18446744073709551616", "-1", "1.5",
            "\"1.5M\"", "\"\\ud800\"", "\"\\u0000\"", "[[[[1]]]]", "{\"a\":1,\"a\":2}",
            "\"2024-01-16T10:30:00Z\"", "\"9999-99-99T00:00:00Z\"",
        ][..]).prop_map(str::to_owned),
    ]
}

const COUNTS: [&str; 4] = ["followers", "following", "videos", "likes"];

/// An object with some of these names, each at most once.
fn object(names: &'static [&'static str]) -> impl Strategy<Value = HashMap<&'static str, String>> {
    vec((select(names), value()), 0..8).prop_map(|members| members.into_iter().collect())
}

fn written(members: &HashMap<&str, String>) -> String {
    let member = |(name, value): (&&str, &String)| format!("\"{name}\":{value}");
    members.iter().map(member).collect::<Vec<_>>().join(",")
}

/// Returns the JSON as it is stored, with what no text can contain replaced.
fn stored(json: &str) -> String {
    json.replace("\\ud800", "\\ufffd").replace("\\u0000", "\\ufffd")
}

fn members(json: &str) -> HashMap<String, Box<RawValue>> {
    serde_json::from_str(json).expect("an object")
}

proptest! {
    #[test]
    fn any_bytes_mean_one_thing(input in vec(any::<u8>(), 0..300)) {
        invariants::answer::hold(&input);
    }

    #[test]
    fn any_pieces_of_an_answer_mean_one_thing(
        choice in any::<[u8; 2]>(),
        pieces in vec(select(&[
            "{", "}", "[", "]", ":", ",", "\"", "\\", "\"success\":", "true", "null", "\"data\":",
            "\"account\":", "\"id\":", "\"clx123abc\"", "\"stats\":{", "\"followers\":", "12", "-1",
            "1e999", "\"message\":", "\"Not enough credits\"", "\"error\":", "\"code\":", "\u{0}", " ",
            "{\"success\":true,\"data\":{\"account\":{\"id\":\"clx123abc\"", "}}}",
            ",\"\\ud800\":", ",\"a\":", "\"\\u0000\"", "\"\\udfff\"",
        ][..]), 0..24),
    ) {
        invariants::answer::hold(&[&choice, pieces.concat().as_bytes()].concat());
    }

    #[test]
    fn what_is_told_is_in_its_column_or_in_extra(
        stats in object(&["followers", "following", "videos", "likes", "shares", "Followers"]),
        account in object(&["username", "bio", "isVerified", "analytics", "_data", "_answer", "new"]),
        beside in object(&["cost", "x"]),
    ) {
        let json = format!(
            r#"{{"success":true,"data":{{"account":{{"id":"a","stats":{{{}}},{}}},{}}}}}"#,
            written(&stats),
            if account.is_empty() { "\"z\":null".to_owned() } else { written(&account) },
            if beside.is_empty() { "\"z\":null".to_owned() } else { written(&beside) },
        );
        let (_, measurement) = decode(&json, None).expect("an answer");
        let extra = members(measurement.extra.as_deref().expect("at least z"));
        let kept = extra.get("stats").map(|stats| members(stats.get())).unwrap_or_default();
        for (name, json) in &stats {
            let place = COUNTS.iter().position(|count| count == name);
            let count = place.and_then(|place| measurement.counts()[place]);
            // A count that is null is the column's NULL.
            let is_told = count.is_some() || (place.is_some() && json == "null");
            let original = kept.get(*name).map(|value| value.get());
            let expected = (!is_told).then(|| stored(json));
            prop_assert_eq!(original, expected.as_deref(), "{}", name);
            if let Some(count) = count {
                let same = json.parse() == Ok(count) || json.parse::<f64>().is_ok_and(|real| real == exactly(count));
                prop_assert!(same, "{} became {}", json, count);
            }
        }
        for name in ["_data", "_answer", "new"] {
            if let Some(json) = account.get(name) {
                prop_assert!(extra[name].get().contains(&stored(json)), "{}", name);
            }
        }
        for json in beside.values() {
            prop_assert!(extra["_data"].get().contains(&stored(json)));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "the number it was read from had no more")]
fn exactly(count: i64) -> f64 {
    count as f64
}
