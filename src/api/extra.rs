//! What of an answer has no column of its own: kept as JSON, within a bound.
//!
//! Whatever a vendor sends, SQLite's `json_extract` can read what is kept: no value in it is
//! deeper than a parser goes, and no name stands in an object twice.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::api::object::Object;
use crate::measurement::Field;

/// How much is kept of one answer, the profile's texts included, in bytes. A documented one has
/// a few hundred; a vendor could fill the disk with the rest.
pub const MAX_KEPT: usize = 64 << 10;

/// What the braces, the names of the parts and the count of what was dropped take of it.
const FRAME: usize = 128;

/// Deeper values are kept as text. SQLite goes down to 1000, other parsers to 128.
const MAX_DEPTH: usize = 100;

/// What is left for texts and other fields. Each is kept if there is room for it when its
/// turn comes, so that the last to come are the first to be dropped.
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

    /// A text of the profile, which takes its length twice: the profile's changes keep it once as
    /// the new one, and once as the old. One without room is as if it had not been told.
    pub(super) fn text(&mut self, field: Field<String>) -> Field<String> {
        match field {
            Field::Value(text) if !self.admits(2 * text.len()) => Field::Nothing,
            field => field,
        }
    }

    /// The members of `object` that there is room for.
    fn members<'a>(&mut self, object: &'a Object<'_>) -> Vec<Member<'a>> {
        let members = object.0.iter().map(|(name, value)| (name.as_str(), readable(value.get())));
        // The quotes, the colon, the comma, and the brackets of one that is told again.
        members.filter(|(name, value)| self.admits(quoted(name).len() + value.len() + 4)).collect()
    }
}

type Member<'a> = (&'a str, Cow<'a, str>);

/// What was not understood, in the answer's own shape: the account's members at the top, what
/// stood beside the account under `_data` and `_answer`, and under `_dropped` how many fields had
/// no room. `None` if that is nothing.
pub(super) fn extra(parts: &[(&str, &Object<'_>)], mut allowance: Allowance) -> Option<String> {
    let mut all = Vec::new();
    for (name, part) in parts {
        let members = allowance.members(part);
        if name.is_empty() {
            all.extend(members);
        } else if !members.is_empty() {
            all.push((*name, Cow::Owned(written(&members))));
        }
    }
    if allowance.dropped > 0 {
        all.push(("_dropped", Cow::Owned(allowance.dropped.to_string())));
    }
    (!all.is_empty()).then(|| written(&all))
}

/// A value as it was written, or that as a text if it is too deep for others to read.
fn readable(json: &str) -> Cow<'_, str> {
    match depth(json) > MAX_DEPTH {
        true => Cow::Owned(quoted(json)),
        false => Cow::Borrowed(json),
    }
}

/// How many brackets are open at once in a JSON value.
fn depth(json: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    let mut is_in_text = false;
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'"' => is_in_text = !is_in_text,
            b'[' | b'{' if !is_in_text => {
                open += 1;
                deepest = deepest.max(open);
            }
            b']' | b'}' if !is_in_text => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Members as a JSON object. One told more than once becomes the array of what it was told as,
/// since JSON's own functions would see only one of them. An answer may hold a hundred thousand.
fn written(members: &[Member<'_>]) -> String {
    let mut known = HashSet::new();
    let mut again: HashMap<&str, Vec<&str>> = HashMap::new();
    for (name, value) in members {
        if !known.insert(*name) {
            again.entry(name).or_default().push(value);
        }
    }
    let mut json = String::from("{");
    for (name, value) in members {
        // The first that has the name writes all of them.
        if !known.remove(name) {
            continue;
        }
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&quoted(name));
        json.push(':');
        match again.get(name) {
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
    fn what_fits_is_kept_and_the_last_to_come_are_dropped_and_counted() {
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
    fn a_text_of_the_profile_has_its_room_before_other_fields() {
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
    fn a_value_that_is_too_deep_is_kept_as_a_text() {
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
