//! Removes the key and the proxy's credentials from responses and errors.

use std::iter;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};

use crate::config::{ApiKey, Proxy, SHORTEST_SECRET};

/// The replacement for a secret.
const REDACTED: &[u8] = b"[key]";

/// The longest encoding of one byte of the key, in bytes: `\u00xx` or `&#xnn;`.
const LONGEST_WRITTEN: usize = 6;

/// The longest separator after one byte of the key, in bytes: `\u0000`.
const LONGEST_SEPARATOR: usize = 6;

/// The most separators between two bytes of the key: those of UTF-32.
const MOST_SEPARATORS: usize = 3;

/// U+FFFD in UTF-8.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// The most times that a `%` is encoded itself.
const MOST_PERCENTS: usize = 3;

/// The most backslashes before one character: that of JSON nested in strings four levels deep.
const MOST_ESCAPES: usize = 15;

/// The texts that only the vendor and the proxy may see. Cheap to clone.
#[derive(Clone)]
pub(super) struct Secrets(Arc<[Vec<u8>]>);

impl Secrets {
    pub(super) fn new(key: &ApiKey, proxy: Option<&Proxy>) -> Secrets {
        let key = key.expose().as_bytes();
        let mut secrets = vec![key.to_vec()];
        secrets.extend(in_base64(key));
        secrets.extend(in_hexadecimal(key));
        if let Some((user, password)) = proxy.and_then(credentials) {
            // As in the header, and by itself.
            let pair = [&user[..], b":", &password].concat();
            secrets.push(BASE64_STANDARD.encode(pair).into_bytes());
            // Without a password, the user name is a token.
            secrets.push(if password.is_empty() { user } else { password });
        }
        Secrets(secrets.into())
    }

    /// Replaces every secret in `text`.
    pub(super) fn redact(&self, text: Vec<u8>, extent: Extent) -> Vec<u8> {
        self.0.iter().fold(text, |text, secret| redact(text, secret, extent))
    }

    /// Returns the length of the longest secret in its longest encoding, in bytes.
    pub(super) fn longest(&self) -> usize {
        let longest = self.0.iter().map(Vec::len).max().unwrap_or(0);
        longest * (LONGEST_WRITTEN + LONGEST_SEPARATOR)
    }
}

/// Returns the base64 of `secret` for each of the three alignments it can have after other bytes,
/// as in a header with a user name before it. Contains only the letters that depend on nothing
/// else. The alphabet for URLs makes a difference for some keys only.
fn in_base64(secret: &[u8]) -> Vec<Vec<u8>> {
    let encoded = |alphabet: &GeneralPurpose, before: usize| {
        let text = alphabet.encode([&vec![0; before], secret].concat());
        let (first, end) = ((before * 8).div_ceil(6), (before + secret.len()) * 8 / 6);
        text.as_bytes()[first..end].to_vec()
    };
    let both = |before| [&BASE64_STANDARD, &BASE64_URL_SAFE].map(|of| encoded(of, before));
    let mut forms: Vec<Vec<u8>> = (0..3).flat_map(both).collect();
    forms.dedup();
    forms
}

/// Returns `secret` as a hex dump, in upper and in lower case.
fn in_hexadecimal(secret: &[u8]) -> [Vec<u8>; 2] {
    let lower: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    [lower.to_uppercase().into_bytes(), lower.into_bytes()]
}

/// Returns the user name and password of a proxy, decoded as they are sent.
fn credentials(proxy: &Proxy) -> Option<(Vec<u8>, Vec<u8>)> {
    let (user, password) = (proxy.expose().username(), proxy.expose().password().unwrap_or(""));
    let is_open = user.is_empty() && password.is_empty();
    (!is_open).then(|| (percent_decoded(user), percent_decoded(password)))
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let encoded = match rest {
            [b'%', high, low, ..] => hexadecimal(*high, *low),
            _ => None,
        };
        decoded.push(encoded.unwrap_or(*first));
        rest = if encoded.is_some() { &rest[3..] } else { after };
    }
    decoded
}

/// Whether a text is complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Extent {
    Whole,
    /// The text was cut, so that it may end with the beginning of a secret.
    Cut,
}

/// Removes `key` from `text`. Any part of a response may be stored and shown, and a server that
/// echoes the key must not get it there. Finds the key verbatim, in UTF-16, and as JSON (even in
/// nested strings), a URL (even in another one) or HTML may encode it.
///
/// Runs in one pass: a response full of keys takes as long as any other. A key too short to be a
/// secret stays: it would occur in any text, and what was paid for is kept as received.
fn redact(text: Vec<u8>, key: &[u8], extent: Extent) -> Vec<u8> {
    if key.len() < SHORTEST_SECRET {
        return text;
    }
    let length_at = |at: usize| match written(&text[at..], key) {
        Written::Key(length) => Some(length),
        Written::Beginning if extent == Extent::Cut => Some(text.len() - at),
        Written::Beginning | Written::Other => None,
    };
    // Every encoding of the key begins with one of these four bytes. Every response is searched, so
    // this is fast for the usual one, which does not contain the key.
    let mut escapes = memchr::memchr3_iter(key[0], b'\\', b'%', &text).peekable();
    let mut entities = memchr::memchr_iter(b'&', &text).peekable();
    let mut candidates = iter::from_fn(|| match (escapes.peek(), entities.peek()) {
        (Some(escape), Some(entity)) if entity < escape => entities.next(),
        (None, _) => entities.next(),
        _ => escapes.next(),
    });
    let Some(first) = candidates.find(|&at| length_at(at).is_some()) else {
        return text;
    };
    let mut redacted = text[..first].to_vec();
    let mut at = first;
    while at < text.len() {
        match length_at(at) {
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

/// What a text begins with.
enum Written {
    /// The key, encoded in this many bytes.
    Key(usize),
    /// The beginning of the key, up to the end of the text.
    Beginning,
    Other,
}

/// Matches `key`, which is not empty, against the beginning of `text`.
fn written(text: &[u8], key: &[u8]) -> Written {
    let mut at = 0;
    for (index, &byte) in key.iter().enumerate() {
        let mut separators = if index == 0 { 0 } else { MOST_SEPARATORS };
        let length = loop {
            let rest = &text[at..];
            match (encoded(rest, byte), separator(rest)) {
                (Some(length), _) => break length,
                (None, Some(length)) if separators > 0 => {
                    separators -= 1;
                    at += length;
                }
                _ if is_beginning(rest, byte) => return Written::Beginning,
                _ => return Written::Other,
            }
        };
        at += length;
    }
    Written::Key(at)
}

/// Returns the length of the encoding of `byte` at the beginning of `text`.
fn encoded(text: &[u8], byte: u8) -> Option<usize> {
    // Each level of JSON nested in a string doubles the backslashes. For a backslash in the key
    // itself, only one before it counts as an escape.
    let slashes = slashes(text);
    let slashes = if byte == b'\\' { slashes.min(1) } else { slashes };
    match &text[slashes..] {
        [escaped, ..] if slashes > 0 && *escaped == byte => return Some(slashes + 1),
        [b'u', b'0', b'0', high, low, ..]
            if slashes > 0 && hexadecimal(*high, *low) == Some(byte) =>
        {
            return Some(slashes + 5);
        }
        _ => {}
    }
    entity(text, byte)
        .or_else(|| percent(text, byte))
        .or_else(|| text.starts_with(&[byte]).then_some(1))
}

/// Returns how many backslashes a text begins with.
fn slashes(text: &[u8]) -> usize {
    text.iter().take(MOST_ESCAPES).take_while(|&&slash| slash == b'\\').count()
}

/// Returns the length of the percent-encoding of `byte` at the beginning of `text`. Its `%` may be
/// encoded again, as `%25`.
fn percent(text: &[u8], byte: u8) -> Option<usize> {
    let mut digits = text.strip_prefix(b"%")?;
    for _ in 0..=MOST_PERCENTS {
        match digits {
            [high, low, ..] if hexadecimal(*high, *low) == Some(byte) => {
                return Some(text.len() - digits.len() + 2);
            }
            _ => digits = digits.strip_prefix(b"25")?,
        }
    }
    None
}

/// Returns the length of what UTF-16 read as UTF-8 has between two letters: a NUL, or what replaced
/// it.
fn separator(text: &[u8]) -> Option<usize> {
    if text.starts_with(b"\0") {
        return Some(1);
    }
    if text.starts_with(REPLACEMENT) {
        return Some(REPLACEMENT.len());
    }
    let slashes = slashes(text);
    let digits = text[slashes..].strip_prefix(b"u").filter(|_| slashes > 0)?.first_chunk::<4>()?;
    (digits == b"0000" || digits.eq_ignore_ascii_case(b"fffd")).then_some(slashes + 5)
}

/// Returns whether `rest` may be the beginning of an encoding of `byte`, or of a separator before
/// it, cut off.
fn is_beginning(rest: &[u8], byte: u8) -> bool {
    let is_high = |digit: u8| char::from(digit).to_digit(16) == Some(u32::from(byte >> 4));
    // Of several backslashes, the last one is what matters.
    let rest = &rest[slashes(rest).saturating_sub(1)..];
    match rest {
        [] | [b'\\' | b'&'] => true,
        [b'\\', b'u', digits @ ..] if digits.len() < 4 => {
            let is_letter = matches!(digits, [b'0', b'0', first] if is_high(*first));
            let is_replacement = b"fffd"[..digits.len()].eq_ignore_ascii_case(digits);
            is_letter || is_replacement || b"0000".starts_with(digits)
        }
        [b'%', digits @ ..] => {
            let mut digits = digits;
            while let Some(rest) = digits.strip_prefix(b"25") {
                digits = rest;
            }
            matches!(digits, [] | [b'2']) || matches!(digits, [first] if is_high(*first))
        }
        [b'&', b'#', number @ ..] => number.len() < LONGEST_WRITTEN && !number.contains(&b';'),
        _ => REPLACEMENT.starts_with(rest),
    }
}

/// Returns the length of the HTML entity for `byte` at the beginning of `text`.
fn entity(text: &[u8], byte: u8) -> Option<usize> {
    let text = text.strip_prefix(b"&")?;
    let end = text.iter().take(LONGEST_WRITTEN).position(|&byte| byte == b';')?;
    let name = str::from_utf8(&text[..end]).ok()?;
    let meant = match name {
        "amp" => b'&',
        "apos" => b'\'',
        "gt" => b'>',
        "lt" => b'<',
        "quot" => b'"',
        _ => match name.strip_prefix("#x").or_else(|| name.strip_prefix("#X")) {
            Some(number) => u8::from_str_radix(number, 16).ok()?,
            None => name.strip_prefix('#')?.parse().ok()?,
        },
    };
    (meant == byte).then_some(end + 2)
}

fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(text: &str, key: &str) -> String {
        String::from_utf8(redact(text.into(), key.as_bytes(), Extent::Whole)).expect("text")
    }

    #[test]
    fn a_key_is_found_in_the_encodings_of_json_urls_and_html() {
        let key = r#"hk/a"b\c%2"#;
        for text in [
            r#"hk/a"b\c%2"#,
            r"hk/a&quot;b\c%2",
            r"&#104;&#x6b;/a&#34;b&#X5C;c&#037;2",
            r#"hk\/a\"b\\c%2"#,
            r#"\u0068k\u002fa\u0022b\u005Cc%2"#,
            r#"\\u0068k\\\/a\\\"b\\c%2"#,
            "hk%2Fa%22b%5cc%252",
            "hk%252Fa%252522b%25255cc%252",
        ] {
            assert_eq!(redacted(&format!("<{text}>"), key), "<[key]>", "{text}");
        }
        for text in ["hk/a", r#"hk/a"b\c%"#, "", "hk/a\\", "hk/a&lt;b\\c%2", "&#104"] {
            assert_eq!(redacted(text, key), text);
        }
    }

    #[test]
    fn a_key_is_found_in_utf_16_whatever_became_of_it() {
        let key = "hk_live_4242";
        for separator in ["\0", "\u{fffd}", "\0\0\0", r"\u0000", r"\ufffd", r"\\uFFFD"] {
            let texts = [
                key.chars().map(|letter| format!("{letter}{separator}")).collect(),
                key.bytes().map(|byte| format!("{separator}\\u{byte:04x}")).collect::<String>(),
            ];
            for text in texts {
                let shown = redacted(&format!("<{text}>"), key);
                assert_eq!(shown.replace(separator, ""), "<[key]>", "{text:?}");
            }
        }
        let apart = "hk\0\0\0\0_live_4242";
        assert_eq!(redacted(apart, key), apart);
    }

    #[test]
    fn a_hex_dump_is_found_in_either_case() {
        let secrets = Secrets(in_hexadecimal(b"hk_live_4242").into());
        for text in ["<686b5f6c6976655f34323432>", "<686B5F6C6976655F34323432>"] {
            assert_eq!(secrets.redact(text.into(), Extent::Whole), b"<[key]>");
        }
    }

    #[test]
    fn base64_is_found_in_any_alignment() {
        let key = b"hk_live_42424242";
        let secrets = Secrets(in_base64(key).into());
        assert_eq!(secrets.0.len(), 3);
        // In each alignment, a letter of it differs in the alphabet for URLs.
        let odd = b"hk???>>>~~~???>>>";
        let odd_secrets = Secrets(in_base64(odd).into());
        assert_eq!(odd_secrets.0.len(), 6);
        for before in ["", "u", "us", "user:", "user::"] {
            for (secrets, key) in [(&secrets, &key[..]), (&odd_secrets, odd)] {
                for alphabet in [BASE64_STANDARD, BASE64_URL_SAFE] {
                    let text = alphabet.encode([before.as_bytes(), key, b"!"].concat());
                    let shown = String::from_utf8(secrets.redact(text.into_bytes(), Extent::Whole));
                    let shown = shown.expect("text");
                    assert!(shown.contains("[key]") && shown.len() < 18, "{before}: {shown}");
                }
            }
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
    fn a_response_full_of_keys_takes_no_longer() {
        let key = b"hk_live_42424242";
        let flood = key.repeat((1 << 20) / key.len());
        assert_eq!(redact(flood, key, Extent::Whole).len(), (1 << 20) / key.len() * REDACTED.len());
        let slashes = vec![b'\\'; 1 << 17];
        assert_eq!(redact(slashes.clone(), key, Extent::Whole), slashes);
        for piece in ["%25", "h\0\0\0", r"h\u0000", "%252525252525"] {
            let text = piece.repeat((1 << 20) / piece.len()).into_bytes();
            assert_eq!(redact(text.clone(), key, Extent::Whole), text);
        }
    }

    #[test]
    fn no_part_of_the_key_is_left_at_the_end_of_a_cut_text() {
        let key = b"hk_live_4242";
        for whole in [
            "hk_live_4242",
            r"\u0068k\u005Flive%5f4242",
            r"\h\k\_live_4242",
            "&#104;k_liv&#x65;_4242",
            "%2568k_liv%252565_4242",
            "h\0k\0_\0l\0ive_4242",
            r"hk\u0000_\u0000live\uFFFD_4242",
        ] {
            for end in 1..whole.len() {
                let text = format!("<{}", &whole[..end]);
                let cut = redact(text.clone().into(), key, Extent::Cut);
                assert_eq!(String::from_utf8_lossy(&cut), "<[key]", "{text}");
                assert_eq!(redact(text.clone().into(), key, Extent::Whole), text.as_bytes());
            }
        }
        for text in ["hk_live_424z", r"\u0067", "%7", "<"] {
            assert_eq!(redact(text.into(), key, Extent::Cut), text.as_bytes(), "{text}");
        }
    }
}
