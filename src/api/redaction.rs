//! What stands in an answer in place of the key and the proxy's password.

use std::iter;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::config::{ApiKey, Proxy};

/// The shortest key that is looked for, in bytes.
const SHORTEST: usize = 8;

/// What stands there.
const REDACTED: &[u8] = b"[key]";

/// How many bytes a byte of the key takes at most, as `\u00xx` or `&#xnn;`.
const LONGEST_WRITTEN: usize = 6;

/// How many backslashes may stand before one character: of JSON within four others.
const MOST_ESCAPES: usize = 15;

/// What nobody but the vendor and the proxy may see. Cheap to clone.
#[derive(Clone)]
pub(super) struct Secrets(Arc<[Vec<u8>]>);

impl Secrets {
    pub(super) fn new(key: &ApiKey, proxy: Option<&Proxy>) -> Secrets {
        let mut secrets = in_base64(key.expose().as_bytes());
        secrets.insert(0, key.expose().as_bytes().to_vec());
        secrets.extend(in_hexadecimal(key.expose().as_bytes()));
        if let Some((user, password)) = proxy.and_then(credentials) {
            // As the header says it, and by itself.
            let pair = [&user[..], b":", &password].concat();
            secrets.push(BASE64_STANDARD.encode(pair).into_bytes());
            secrets.push(password);
        }
        Secrets(secrets.into())
    }

    /// Takes every one of them out of `text`.
    pub(super) fn redact(&self, text: Vec<u8>, extent: Extent) -> Vec<u8> {
        self.0.iter().fold(text, |text, secret| redact(text, secret, extent))
    }

    /// How many bytes one of them takes at most, however it is written.
    pub(super) fn longest(&self) -> usize {
        self.0.iter().map(Vec::len).max().unwrap_or(0) * LONGEST_WRITTEN
    }
}

/// What is the same wherever base64 begins before `secret`, as in a header with a name before it:
/// the letters that the secret's bytes alone decide.
fn in_base64(secret: &[u8]) -> Vec<Vec<u8>> {
    let encoded = |before: usize| {
        let text = BASE64_STANDARD.encode([&vec![0; before], secret].concat());
        let (first, end) = ((before * 8).div_ceil(6), (before + secret.len()) * 8 / 6);
        text.as_bytes()[first..end].to_vec()
    };
    (0..3).map(encoded).collect()
}

/// As a dump writes it, in small and in capital letters.
fn in_hexadecimal(secret: &[u8]) -> [Vec<u8>; 2] {
    let small: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    [small.to_uppercase().into_bytes(), small.into_bytes()]
}

/// User name and password of a proxy, as it is told them.
fn credentials(proxy: &Proxy) -> Option<(Vec<u8>, Vec<u8>)> {
    let password = proxy.expose().password()?;
    Some((percent_decoded(proxy.expose().username()), percent_decoded(password)))
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

/// Whether a text goes on beyond what there is of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Extent {
    /// It is all there.
    Whole,
    /// It was cut: the beginning of a key at its end may be that of the key.
    Cut,
}

/// Takes `key` out of `text`: whatever is in an answer may be stored and shown, and a server
/// that echoes the key must not get it there. It is found as it is, and as JSON (be it a text
/// within a text), a URL or HTML may write it.
///
/// One pass: an answer of nothing but keys takes as long as any other. A key too short to be a
/// secret stays: it would be found in any text, and what was paid for is kept as it came.
fn redact(text: Vec<u8>, key: &[u8], extent: Extent) -> Vec<u8> {
    if key.len() < SHORTEST {
        return text;
    }
    let length_at = |at: usize| match written(&text[at..], key) {
        Written::Key(length) => Some(length),
        Written::Beginning if extent == Extent::Cut => Some(text.len() - at),
        Written::Beginning | Written::Other => None,
    };
    // However it is written, it begins with one of these four; every answer is searched, and hardly
    // any has one.
    let mut escapes = memchr::memchr3_iter(key[0], b'\\', b'%', &text).peekable();
    let mut entities = memchr::memchr_iter(b'&', &text).peekable();
    let mut places = iter::from_fn(|| match (escapes.peek(), entities.peek()) {
        (Some(escape), Some(entity)) if entity < escape => entities.next(),
        (None, _) => entities.next(),
        _ => escapes.next(),
    });
    let Some(first) = places.find(|&at| length_at(at).is_some()) else {
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

/// What stands at the beginning of a text.
enum Written {
    /// The key, in so many bytes.
    Key(usize),
    /// As much of the key's beginning as there is of the text.
    Beginning,
    Other,
}

/// Looks for `key`, which is not empty, at the beginning of `text`.
fn written(text: &[u8], key: &[u8]) -> Written {
    let mut at = 0;
    for &byte in key {
        // JSON that is a text in other JSON has its backslashes doubled, each time. A backslash in
        // a key has one before it, or none.
        let rest = &text[at..];
        let escapes = rest.iter().take(MOST_ESCAPES);
        let slashes = escapes.take_while(|&&slash| slash == b'\\').count();
        let slashes = if byte == b'\\' { slashes.min(1) } else { slashes };
        at += match &rest[slashes..] {
            [escaped, ..] if slashes > 0 && *escaped == byte => slashes + 1,
            [b'u', b'0', b'0', high, low, ..]
                if slashes > 0 && hexadecimal(*high, *low) == Some(byte) =>
            {
                slashes + 5
            }
            _ => match (entity(rest, byte), rest) {
                (Some(length), _) => length,
                (_, [b'%', high, low, ..]) if hexadecimal(*high, *low) == Some(byte) => 3,
                (_, [literal, ..]) if *literal == byte => 1,
                _ if is_beginning(&rest[slashes.saturating_sub(1)..], byte) => {
                    return Written::Beginning;
                }
                _ => return Written::Other,
            },
        };
    }
    Written::Key(at)
}

/// Whether `rest` ends before it could say whether it is `byte`.
fn is_beginning(rest: &[u8], byte: u8) -> bool {
    let is_high = |digit: u8| char::from(digit).to_digit(16) == Some(u32::from(byte >> 4));
    match rest {
        [] | [b'\\' | b'%' | b'&'] => true,
        [b'\\', b'u'] | [b'\\', b'u', b'0'] | [b'\\', b'u', b'0', b'0'] => true,
        [b'\\', b'u', b'0', b'0', first] | [b'%', first] => is_high(*first),
        [b'&', b'#', number @ ..] => number.len() < LONGEST_WRITTEN && !number.contains(&b';'),
        _ => false,
    }
}

/// How long the HTML entity at the beginning of `text` is that stands for `byte`.
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
    fn a_key_is_found_however_json_a_url_or_html_writes_it() {
        let key = r#"hk/a"b\c%2"#;
        for text in [
            r#"hk/a"b\c%2"#,
            r"hk/a&quot;b\c%2",
            r"&#104;&#x6b;/a&#34;b&#X5C;c&#037;2",
            r#"hk\/a\"b\\c%2"#,
            r#"\u0068k\u002fa\u0022b\u005Cc%2"#,
            r#"\\u0068k\\\/a\\\"b\\c%2"#,
            "hk%2Fa%22b%5cc%252",
        ] {
            assert_eq!(redacted(&format!("<{text}>"), key), "<[key]>", "{text}");
        }
        for text in ["hk/a", r#"hk/a"b\c%"#, "", "hk/a\\", "hk/a&lt;b\\c%2", "&#104"] {
            assert_eq!(redacted(text, key), text);
        }
    }

    #[test]
    fn a_dump_of_it_is_found_in_either_case() {
        let secrets = Secrets(in_hexadecimal(b"hk_live_4242").into());
        for text in ["<686b5f6c6976655f34323432>", "<686B5F6C6976655F34323432>"] {
            assert_eq!(secrets.redact(text.into(), Extent::Whole), b"<[key]>");
        }
    }

    #[test]
    fn base64_of_it_is_found_wherever_it_begins() {
        let key = b"hk_live_42424242";
        let secrets = Secrets(in_base64(key).into());
        for before in ["", "u", "us", "user:", "user::"] {
            let text = BASE64_STANDARD.encode([before.as_bytes(), key, b"!"].concat());
            let shown = String::from_utf8(secrets.redact(text.into_bytes(), Extent::Whole));
            let shown = shown.expect("text");
            assert!(shown.contains("[key]") && shown.len() < 18, "{before}: {shown}");
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
        assert_eq!(redact(flood, key, Extent::Whole).len(), (1 << 20) / key.len() * REDACTED.len());
        let slashes = vec![b'\\'; 1 << 17];
        assert_eq!(redact(slashes.clone(), key, Extent::Whole), slashes);
    }

    #[test]
    fn no_part_of_the_key_is_left_at_the_end_of_a_cut_text() {
        let key = b"hk_live_4242";
        for whole in [
            "hk_live_4242",
            r"\u0068k\u005Flive%5f4242",
            r"\h\k\_live_4242",
            "&#104;k_liv&#x65;_4242",
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
