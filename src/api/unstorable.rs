//! Replaces JSON escapes for characters that no text in a database can contain.

use std::borrow::Cow;

/// The length of `\uXXXX`.
const ESCAPE: usize = 6;

/// Returns the JSON with each NUL and each lone surrogate replaced by U+FFFD. For half of SQLite's
/// functions a text ends at a NUL, and a lone surrogate is not valid Unicode: a parser that finds
/// one in a name rejects the whole response.
pub(super) fn replaced(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let mut replaced = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(next) = memchr::memchr(b'\\', &bytes[at..]) {
        at += next;
        let Some(unit) = escaped(bytes, at) else {
            // Skips the escaped character too, which may be another backslash.
            at = (at + 2).min(bytes.len());
            continue;
        };
        let low = escaped(bytes, at + ESCAPE).filter(|unit| (0xdc00..0xe000).contains(unit));
        match (unit, low) {
            (0xd800..0xdc00, Some(_)) => at += 2 * ESCAPE,
            (0 | 0xd800..0xe000, _) => {
                replaced.push_str(&json[copied..at]);
                replaced.push_str("\\ufffd");
                at += ESCAPE;
                copied = at;
            }
            _ => at += ESCAPE,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    replaced.push_str(&json[copied..]);
    Cow::Owned(replaced)
}

/// Returns the UTF-16 unit that a `\uXXXX` at `at` stands for.
fn escaped(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + ESCAPE)?.strip_prefix(b"\\u")?;
    let is_hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
    let digits = str::from_utf8(digits).ok().filter(|_| is_hexadecimal)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nul_and_lone_surrogates_are_replaced() {
        for (json, expected) in [
            ("", ""),
            (r#""\u0041\n\\""#, r#""\u0041\n\\""#),
            (r"\u0000", r"\ufffd"),
            (r"\\u0000", r"\\u0000"),
            (r"\\\u0000", r"\\\ufffd"),
            (r"\ud83d\ude00", r"\ud83d\ude00"),
            (r"\uD83D\uDE00x\uD83D", r"\uD83D\uDE00x\ufffd"),
            (r"\ude00\ud83d", r"\ufffd\ufffd"),
            (r"\ud83d\ud83d\ude00", r"\ufffd\ud83d\ude00"),
            (r"ä\ud800ö\u0000ü", r"ä\ufffdö\ufffdü"),
            (r"\ud800\", r"\ufffd\"),
            (r"\u00", r"\u00"),
            (r"\u+000", r"\u+000"),
            (r"\uäö", r"\uäö"),
        ] {
            assert_eq!(replaced(json), expected, "{json}");
        }
    }
}
