//! Account ids, handles and platforms.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::printable::is_invisible;

/// Longest id accepted, in bytes. A cuid has 25; this leaves room without letting an id
/// grow into a URL that servers refuse.
pub const MAX_ID_LEN: usize = 128;

/// An account id that is safe to put in a URL path unescaped: it cannot address another endpoint.
///
/// [`FromStr`] is the only way to construct one, so every value is valid.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct AccountId(Box<str>);

/// Longest username accepted, in bytes; no platform allows as many.
const MAX_USERNAME_LEN: usize = 100;

/// A platform that the vendor supports.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// TikTok
    Tiktok,
    /// YouTube
    Youtube,
}

impl Platform {
    /// Returns the platform as the vendor spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Platform::Tiktok => "tiktok",
            Platform::Youtube => "youtube",
        }
    }
}

impl FromStr for Platform {
    type Err = InvalidHandle;

    fn from_str(text: &str) -> Result<Platform, InvalidHandle> {
        let platforms = Platform::value_variants().iter().copied();
        let mut found = platforms.filter(|platform| platform.as_str() == text);
        found.next().ok_or(InvalidHandle::Platform)
    }
}

/// An account's public name on its platform. Both platforms ignore the case of names.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "RawHandle")]
pub struct Handle {
    username: String,
    platform: Platform,
}

#[derive(Deserialize)]
struct RawHandle {
    username: String,
    platform: Platform,
}

impl TryFrom<RawHandle> for Handle {
    type Error = InvalidHandle;

    fn try_from(raw: RawHandle) -> Result<Handle, InvalidHandle> {
        Handle::new(&raw.username, raw.platform)
    }
}

impl PartialEq for Handle {
    fn eq(&self, other: &Handle) -> bool {
        self.platform == other.platform && self.username.eq_ignore_ascii_case(&other.username)
    }
}

impl Eq for Handle {}

impl Hash for Handle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.platform.hash(state);
        self.username.to_ascii_lowercase().hash(state);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidHandle {
    #[error("is not a valid username")]
    Username,
    #[error("is not a platform; expected tiktok or youtube")]
    Platform,
}

impl Handle {
    /// Takes a username without `@`.
    pub fn new(username: &str, platform: Platform) -> Result<Handle, InvalidHandle> {
        // Of ASCII, these only: a list separated by commas, or a quoted name, costs nothing.
        let is_part = |c: char| match c.is_ascii() {
            true => c.is_ascii_alphanumeric() || "_-.".contains(c),
            false => !c.is_whitespace() && !c.is_control() && !is_invisible(c),
        };
        let is_name =
            (1..=MAX_USERNAME_LEN).contains(&username.len()) && username.chars().all(is_part);
        // A hyphen begins an option that was mistyped, and to look it up would cost a credit.
        if !is_name || username.starts_with('-') {
            return Err(InvalidHandle::Username);
        }
        Ok(Handle { username: username.to_owned(), platform })
    }

    /// Without `@`.
    pub fn username(&self) -> &str {
        &self.username
    }

    pub fn platform(&self) -> Platform {
        self.platform
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{} on {}", self.username, self.platform.as_str())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidAccountId {
    #[error("an account id must not be empty")]
    Empty,
    /// The id's length in bytes, which is over [`MAX_ID_LEN`].
    #[error("an account id has at most {MAX_ID_LEN} characters, this one has {0}")]
    TooLong(usize),
    /// A character other than an unreserved one of RFC 3986.
    #[error(
        "an account id may contain only letters, digits, `-`, `_`, `.` and `~`, not {}",
        described(*.0)
    )]
    Character(char),
    /// `.` or `..`, which a URL resolves to another path.
    #[error("an account id must not be `.` or `..`")]
    Dots,
}

/// Describes a character that no id contains. One that cannot be seen is named by its code point.
fn described(c: char) -> String {
    match c {
        '@' | '/' | ':' => {
            format!("{c:?}; a username or URL is no id: `growthd add` looks it up")
        }
        ' ' => "a space".to_owned(),
        c if c.is_whitespace() && !c.is_control() => format!("a space (U+{:04X})", u32::from(c)),
        c if is_invisible(c) => format!("an invisible character (U+{:04X})", u32::from(c)),
        c => format!("{c:?}"),
    }
}

impl AccountId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = InvalidAccountId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(InvalidAccountId::Empty);
        }
        if let Some(c) = text
            .chars()
            .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~')))
        {
            return Err(InvalidAccountId::Character(c));
        }
        if text.len() > MAX_ID_LEN {
            return Err(InvalidAccountId::TooLong(text.len()));
        }
        if matches!(text, "." | "..") {
            return Err(InvalidAccountId::Dots);
        }
        Ok(AccountId(text.into()))
    }
}

impl TryFrom<String> for AccountId {
    type Error = InvalidAccountId;

    fn try_from(text: String) -> Result<AccountId, InvalidAccountId> {
        text.parse()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_needs_no_escaping_in_a_url_path() {
        for good in ["clx123abc", "a", "A-b_c.d~9", "...", &"x".repeat(MAX_ID_LEN)] {
            assert_eq!(good.parse::<AccountId>().map(|id| id.to_string()), Ok(good.to_owned()));
        }
        for (bad, why) in [
            ("", InvalidAccountId::Empty),
            (".", InvalidAccountId::Dots),
            ("..", InvalidAccountId::Dots),
            ("a/b", InvalidAccountId::Character('/')),
            ("a?b", InvalidAccountId::Character('?')),
            ("a%2e", InvalidAccountId::Character('%')),
            ("a b", InvalidAccountId::Character(' ')),
            ("a\n", InvalidAccountId::Character('\n')),
            ("ä", InvalidAccountId::Character('ä')),
            (&"x".repeat(5000), InvalidAccountId::TooLong(5000)),
        ] {
            assert_eq!(bad.parse::<AccountId>(), Err(why), "{bad:?}");
        }
    }

    #[test]
    fn what_is_no_id_is_told_in_words_that_can_be_read() {
        for (bad, words) in [
            ("@guru", "not '@'; a username or URL is no id: `growthd add` looks it up"),
            ("https://www.tiktok.com/@guru", "not ':'; a username or URL is no id"),
            ("a b", "not a space"),
            ("a\u{a0}", "not a space (U+00A0)"),
            ("a\u{200b}", "not an invisible character (U+200B)"),
            ("a\n", r"not '\n'"),
            ("a?", "not '?'"),
        ] {
            let why = bad.parse::<AccountId>().expect_err(bad).to_string();
            assert!(why.contains(words), "{bad:?}: {why}");
        }
    }

    #[test]
    fn a_username_does_not_begin_like_an_option() {
        for (name, is_valid) in
            [("guru", true), ("gu-ru-", true), ("--dry-run", false), ("-g", false)]
        {
            assert_eq!(Handle::new(name, Platform::Tiktok).is_ok(), is_valid, "{name}");
        }
    }
}
