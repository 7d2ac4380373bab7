//! The code and message of an error response, in either of the documented shapes.

use crate::api::object::{Object, text};
use crate::api::unstorable;
use crate::printable::cut;

/// How much of a vendor's text is quoted in an error, in characters.
const QUOTED: usize = 300;

/// The longest text that counts as a code, in bytes. Documented codes have under twenty.
const LONGEST_CODE: usize = 64;

/// `{"error":{"code":…,"message":…}}` or `{"success":false,"message":…,"code":…}`.
#[derive(Default)]
pub(super) struct VendorError {
    code: String,
    message: String,
}

impl VendorError {
    /// Parses only the few members that matter: the tree of a hostile response would take a hundred
    /// times its size.
    pub(super) fn parse(json: &str) -> VendorError {
        let json = unstorable::replaced(json);
        let Some(object) = Object::parse(&json) else {
            return VendorError::default();
        };
        let error = object.get("error");
        let inner = error.and_then(Object::parse);
        let field = |name: &str| {
            let inner = inner.as_ref().and_then(|inner| inner.get(name)).and_then(text);
            inner.or_else(|| object.get(name).and_then(text))
        };
        VendorError {
            code: field("code").unwrap_or_default(),
            message: field("message").or_else(|| error.and_then(text)).unwrap_or_default(),
        }
    }

    /// Returns whether the code is about the key, the credits or the subscription. The message does
    /// not count, and neither does a code with anything but words: it may quote an account's name.
    pub(super) fn is_about_key_or_credits(&self) -> bool {
        let is_code = self.code.len() <= LONGEST_CODE
            && self.code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_- ".contains(&byte));
        is_code
            && words(&self.code).iter().any(|word| {
                matches!(word.as_str(), "key" | "apikey" | "credit" | "credits")
                    || word.starts_with("subscription")
            })
    }

    /// Returns the code and the message, unless empty.
    pub(super) fn parts(&self) -> impl Iterator<Item = &str> {
        [&self.code, &self.message].into_iter().map(String::as_str).filter(|text| !text.is_empty())
    }
}

/// Returns the words of a code in lower case. `API_KEY`, `api-key` and `ApiKey` are two words each.
fn words(code: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for letter in code.chars() {
        let is_letter = letter.is_ascii_alphanumeric();
        if !is_letter || (was_lower && letter.is_ascii_uppercase()) {
            words.push(String::new());
        }
        if is_letter {
            words.last_mut().into_iter().for_each(|word| word.push(letter.to_ascii_lowercase()));
        }
        was_lower = letter.is_ascii_lowercase();
    }
    words
}

/// Shortens a text to be quoted.
pub(super) fn shortened(text: &str) -> String {
    let (beginning, more) = cut(text, QUOTED);
    format!("{beginning}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_documented_shapes_and_a_bare_string_are_read() {
        for (json, parts) in [
            (r#"{"success":false,"message":"m","code":"C","details":{}}"#, vec!["C", "m"]),
            (r#"{"error":{"code":"C","message":"m"}}"#, vec!["C", "m"]),
            (r#"{"error":{"code":"C"},"message":"m"}"#, vec!["C", "m"]),
            (r#"{"error":"plain"}"#, vec!["plain"]),
            (r#"{"error":null,"message":null,"code":7}"#, vec![]),
            (r#"{"message":"a\u0000b\ud800","code":"C"}"#, vec!["C", "a\u{fffd}b\u{fffd}"]),
            ("[]", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(VendorError::parse(json).parts().collect::<Vec<_>>(), parts, "{json}");
        }
    }

    #[test]
    fn only_a_code_made_of_words_can_be_about_the_key_or_the_credits() {
        for (code, expected) in [
            ("MISSING_API_KEY", true),
            ("invalid-apikey", true),
            ("INSUFFICIENT_CREDITS", true),
            ("Subscription Required", true),
            ("InvalidApiKey", true),
            ("outOfCredits", true),
            ("SubscriptionRequired", true),
            ("NOT_FOUND", false),
            ("MONKEY_CREDITABLE", false),
            ("Account @credit.queen not found", false),
            ("", false),
            (&"KEY_".repeat(20), false),
        ] {
            for shape in
                [serde_json::json!({"code": code}), serde_json::json!({"error": {"code": code}})]
            {
                let error = VendorError::parse(&shape.to_string());
                assert_eq!(error.is_about_key_or_credits(), expected, "{shape}");
            }
        }
        let message = r#"{"error":{"code":"X","message":"INSUFFICIENT_CREDITS"}}"#;
        assert!(!VendorError::parse(message).is_about_key_or_credits());
    }
}
