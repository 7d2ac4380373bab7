//! A profile change in words.

use crate::report::{Sentence, quoted};
use crate::store::ProfileChange;

/// Describes what an account changed, quoting up to `width` columns of each text from the vendor.
pub fn described(change: &ProfileChange, width: usize) -> Sentence {
    // An account without a bio has an empty one, or none.
    let text = |text: &Option<String>| {
        let text = text.as_deref().filter(|text| !text.trim().is_empty());
        text.map(|text| quoted(text, width))
    };
    let text = match (change.field.as_str(), text(&change.old), text(&change.new)) {
        ("username", Some(old), Some(new)) => format!("@{old} is now @{new}"),
        ("username", ..) => "changed its handle".to_owned(),
        ("display_name", Some(old), Some(new)) => format!("renamed from “{old}” to “{new}”"),
        ("display_name", ..) => "changed its display name".to_owned(),
        ("is_verified", ..) if change.new.as_deref() == Some("1") => "is now verified".to_owned(),
        ("is_verified", ..) => "is no longer verified".to_owned(),
        ("bio", _, None) => "removed its bio".to_owned(),
        ("bio", _, Some(new)) => format!("has a new bio: “{new}”"),
        (field, ..) => format!("changed its {}", field.replace('_', " ")),
    };
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;

    #[test]
    fn each_change_is_described() {
        let describe = |field: &str, old: Option<&str>, new: Option<&str>| {
            let change = ProfileChange {
                id: "clx1".to_owned(),
                name: "Guru".to_owned(),
                time: Time(0),
                dated: Time(0),
                field: field.to_owned(),
                old: old.map(str::to_owned),
                new: new.map(str::to_owned),
            };
            described(&change, 8).to_string()
        };
        for (field, old, new, text) in [
            ("username", Some("old"), Some("new"), "@old is now @new"),
            ("username", None, Some("new"), "changed its handle"),
            ("display_name", Some("A"), Some("B"), "renamed from “A” to “B”"),
            ("display_name", Some("A"), Some(""), "changed its display name"),
            ("is_verified", Some("0"), Some("1"), "is now verified"),
            ("is_verified", Some("1"), Some("0"), "is no longer verified"),
            ("bio", Some("hello"), None, "removed its bio"),
            ("bio", Some("hello"), Some(""), "removed its bio"),
            ("bio", Some("hello"), Some(" \n"), "removed its bio"),
            ("bio", None, Some("Hi"), "has a new bio: “Hi”"),
            ("bio", None, Some("ééééééééé"), "has a new bio: “ééééééé…”"),
            ("bio", None, Some("a\u{202e}b"), "has a new bio: “a\u{fffd}b”"),
            ("profile_url", None, Some("u"), "changed its profile url"),
        ] {
            assert_eq!(describe(field, old, new), text);
        }
    }
}
