//! What stands in an answer in place of the key.

/// The shortest key that is looked for, in bytes.
const SHORTEST: usize = 8;

/// What stands there.
const REDACTED: &[u8] = b"[key]";

/// Takes `key` out of `text`: whatever is in an answer may be stored and shown, and a server
/// that echoes the key must not get it there. It is found as it is, and as JSON or a URL may
/// write it.
///
/// One pass: an answer of nothing but keys takes as long as any other. A key too short to be a
/// secret stays: it would be found in any text, and what was paid for is kept as it came.
pub(super) fn redact(text: Vec<u8>, key: &[u8]) -> Vec<u8> {
    if key.len() < SHORTEST {
        return text;
    }
    // However it is written, it begins with one of these three.
    let mut places = memchr::memchr3_iter(key[0], b'\\', b'%', &text);
    let Some(first) = places.find(|&at| written(&text[at..], key).is_some()) else {
        return text;
    };
    let mut redacted = text[..first].to_vec();
    let mut at = first;
    while at < text.len() {
        match written(&text[at..], key) {
            Some(length) => {
                redacted.extend_from_slice(REDACTED);
                at += length;
            }
            None => {
                redacted.push(text[at]);
                at += 1;
            }
        }
    }
    redacted
}

/// How many bytes at the beginning of `text` write `key`, which is not empty, if they do.
fn written(text: &[u8], key: &[u8]) -> Option<usize> {
    let mut at = 0;
    for &byte in key {
        at += match text.get(at..)? {
            // Before what is literal: a backslash in a key is escaped too.
            [b'\\', escaped, ..] if *escaped == byte => 2,
            [b'\\', b'u', b'0', b'0', high, low, ..] if hexadecimal(*high, *low) == Some(byte) => 6,
            [b'%', high, low, ..] if hexadecimal(*high, *low) == Some(byte) => 3,
            [literal, ..] if *literal == byte => 1,
            _ => return None,
        };
    }
    (at > 0).then_some(at)
}

fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(text: &str, key: &str) -> String {
        String::from_utf8(redact(text.into(), key.as_bytes())).expect("text")
    }

    #[test]
    fn a_key_is_found_however_json_or_a_url_writes_it() {
        let key = r#"hk/a"b\c%2"#;
        for text in [
            r#"hk/a"b\c%2"#,
            r#"hk\/a\"b\\c%2"#,
            r#"\u0068k\u002fa\u0022b\u005Cc%2"#,
            "hk%2Fa%22b%5cc%252",
        ] {
            assert_eq!(redacted(&format!("<{text}>"), key), "<[key]>", "{text}");
        }
        for text in ["hk/a", r#"hk/a"b\c%"#, "", "hk/a\\"] {
            assert_eq!(redacted(text, key), text);
        }
    }

    #[test]
    fn the_replacement_is_not_searched_again() {
        for (text, key, shown) in [
            ("[key]0123 [key]0123", "[key]0123", "[key] [key]"),
            ("key]key]key]key]", "key]key]", "[key][key]"),
            ("aaaaaaaaa", "aaaaaaaa", "[key]a"),
            ("the key k", "key", "the key k"),
        ] {
            assert_eq!(redacted(text, key), shown);
        }
    }

    #[test]
    fn an_answer_of_nothing_but_keys_takes_no_longer() {
        let key = b"hk_live_42424242";
        let flood = key.repeat((1 << 20) / key.len());
        assert_eq!(redact(flood, key).len(), (1 << 20) / key.len() * REDACTED.len());
    }
}
