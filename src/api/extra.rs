//! Keeps the fields of a response that have no column, as JSON of bounded size.
//!
//! SQLite's `json_extract` can read it whatever the vendor sends: no value is nested too deeply for
//! a parser, and no name occurs twice in an object.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::api::object::Object;
use crate::measurement::Field;

/// How much of one response is kept, including the profile's texts, in bytes. A documented one has
/// a few hundred; without a limit, a vendor could fill the disk.
pub const MAX_KEPT: usize = 64 << 10;

/// The part of it reserved for braces, the names of the parts, and the count of dropped fields.
const FRAME: usize = 128;

/// Values nested more deeply are kept as a string. SQLite accepts a depth of 1000, other parsers
/// 128.
const MAX_DEPTH: usize = 100;

/// The bytes left for texts and other fields. Each is kept if it fits when its turn comes, so that
/// the last ones are the first to be dropped.
pub(super) struct Allowance {
    left: usize,
    dropped: usize,
}

impl Allowance {
    pub(super) fn new() -> Allowance {
        Allowance { left: MAX_KEPT - FRAME, dropped: 0 }
    }

    fn admits(&mut self, length: usize) -> bool {
        let left = self.left.checked_sub(length);
        match left {
            Some(left) => self.left = left,
            None => self.dropped += 1,
        }
        left.is_some()
    }

    /// Admits a text of the profile, or treats it as absent if it does not fit. It counts twice:
    /// the profile's changes store it once as the new value and once as the old one.
    pub(super) fn text(&mut self, field: Field<String>) -> Field<String> {
        match field {
            Field::Value(text) if !self.admits(2 * text.len()) => Field::Nothing,
            field => field,
        }
    }

    /// Returns the members of `object` that fit.
    fn members<'a>(&mut self, object: &'a Object<'_>) -> Vec<Member<'a>> {
        let members = object.0.iter().map(|(name, value)| (name.as_str(), readable(value.get())));
        // 4: the colon, the comma, and the brackets for one that occurs again.
        members.filter(|(name, value)| self.admits(quoted(name).len() + value.len() + 4)).collect()
    }
}

type Member<'a> = (&'a str, Cow<'a, str>);

/// Returns the remaining fields in the response's own shape: those of the account at the top, those
/// beside it under `_data` and `_answer`, and the number of fields that did not fit under
/// `_dropped`. `None` if there are none.
pub(super) fn extra(parts: &[(&str, &Object<'_>)], mut allowance: Allowance) -> Option<String> {
    let mut all = Vec::new();
    for (name, part) in parts {
        let members = allowance.members(part);
        if name.is_empty() {
            all.extend(members);
        } else if !members.is_empty() {
            all.push((*name, Cow::Owned(object(&members))));
        }
    }
    if allowance.dropped > 0 {
        all.push(("_dropped", Cow::Owned(allowance.dropped.to_string())));
    }
    (!all.is_empty()).then(|| object(&all))
}

/// Returns a value verbatim, or as a string if it is nested too deeply for a parser.
fn readable(json: &str) -> Cow<'_, str> {
    match depth(json) > MAX_DEPTH {
        true => Cow::Owned(quoted(json)),
        false => Cow::Borrowed(json),
    }
}

/// Returns the depth of nesting of a JSON value.
fn depth(json: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    let mut is_in_string = false;
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'"' => is_in_string = !is_in_string,
            b'[' | b'{' if !is_in_string => {
                open += 1;
                deepest = deepest.max(open);
            }
            b']' | b'}' if !is_in_string => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Returns members as a JSON object. The values of a name that occurs more than once become an
/// array, since JSON functions would see only one of them. There may be a hundred thousand members.
fn object(members: &[Member<'_>]) -> String {
    let mut known = HashSet::new();
    let mut repeated: HashMap<&str, Vec<&str>> = HashMap::new();
    for (name, value) in members {
        if !known.insert(*name) {
            repeated.entry(name).or_default().push(value);
        }
    }
    let mut json = String::from("{");
    for (name, value) in members {
        // The first member of a name writes the values of all of them.
        if !known.remove(name) {
            continue;
        }
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&quoted(name));
        json.push(':');
        match repeated.get(name) {
            None => json.push_str(value),
            Some(others) => {
                json.push('[');
                json.push_str(value);
                for other in others {
                    json.push(',');
                    json.push_str(other);
                }
                json.push(']');
            }
        }
    }
    json.push('}');
    json
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Option<String> {
        let account = Object::parse(json).expect("an object");
        extra(&[("", &account), ("stats", &Object::empty())], Allowance::new())
    }

    #[test]
    fn fields_that_do_not_fit_are_dropped_and_counted() {
        let long = |length: usize| format!("\"{}\"", "x".repeat(length));
        let half = long(MAX_KEPT / 2 - 200);
        let json = format!(r#"{{"a":{half},"b":{half},"c":{},"d":{},"e":1}}"#, long(1000), long(9));
        let kept = of(&json).expect("something");
        assert!(kept.len() <= MAX_KEPT, "{}", kept.len());
        assert_eq!(
            kept,
            format!(r#"{{"a":{half},"b":{half},"d":{},"e":1,"_dropped":1}}"#, long(9))
        );
        let flood: Vec<String> = (0..100_000).map(|n| format!("\"{n}\":0")).collect();
        let kept = of(&format!("{{{}}}", flood.join(","))).expect("something");
        assert!(kept.len() <= MAX_KEPT && kept.starts_with(r#"{"0":0,"1":0,"#), "{}", kept.len());
        let members: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&kept).expect("an object");
        let dropped = members["_dropped"].as_u64().expect("a number");
        assert_eq!(u64::try_from(members.len() - 1).expect("few") + dropped, 100_000);
    }

    #[test]
    fn a_text_of_the_profile_counts_twice_and_before_other_fields() {
        let mut allowance = Allowance::new();
        let bio = Field::Value("x".repeat((MAX_KEPT - FRAME) / 2 - 4));
        assert_eq!(allowance.text(bio.clone()), bio);
        assert_eq!(allowance.text(Field::Value("fives".to_owned())), Field::Nothing);
        assert_eq!(allowance.text(Field::Null), Field::Null);
        assert_eq!(allowance.text(Field::Value("four".to_owned())), Field::Value("four".into()));
        let beside = Object::parse(r#"{"a":1}"#).expect("an object");
        assert_eq!(extra(&[("", &beside)], allowance).as_deref(), Some(r#"{"_dropped":2}"#));
    }

    #[test]
    fn a_value_nested_too_deeply_is_kept_as_a_string() {
        let nested = |depth| format!("{}\"]\"{}", "[".repeat(depth), "]".repeat(depth));
        for (depth, is_raw) in [(1, true), (MAX_DEPTH, true), (MAX_DEPTH + 1, false)] {
            let json = nested(depth);
            let expected = if is_raw { json.clone() } else { quoted(&json) };
            assert_eq!(of(&format!("{{\"a\":{json}}}")), Some(format!("{{\"a\":{expected}}}")));
        }
        assert_eq!(depth(r#""[[[\"[[""#), 0);
        assert_eq!(depth(r#"{"a\\":[{}],"b":[]}"#), 3);
    }
}
