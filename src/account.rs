//! The vendor's account id.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::printable::is_invisible;

/// Longest id accepted, in bytes. A cuid has 25; this leaves room without letting an id
/// grow into a URL that servers refuse.
pub const MAX_ID_LEN: usize = 128;

/// An account id that may stand in a URL path as it is: it can name no other endpoint.
///
/// Made only by [`FromStr`], so whoever holds one need not check it again.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AccountId(Box<str>);

/// Longest username accepted, in bytes: beyond what any platform allows.
const MAX_USERNAME_LEN: usize = 100;

/// The vendor's platforms, as it writes them.
const PLATFORMS: [&str; 2] = ["tiktok", "youtube"];

/// How people know an account: its name on its platform. To both platforms `Guru` is `guru`.
#[derive(Clone, Debug)]
pub struct Handle {
    username: String,
    platform: String,
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

/// Why there is no such handle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidHandle {
    /// Nothing that could be a name.
    #[error("is no username")]
    Username,
    /// None of the vendor's.
    #[error("is no platform; expected tiktok or youtube")]
    Platform,
}

impl Handle {
    /// A username without `@`, on a platform as the vendor writes it.
    ///
    /// # Errors
    /// [`InvalidHandle`].
    pub fn new(username: &str, platform: &str) -> Result<Handle, InvalidHandle> {
        let is_part = |c: char| {
            !c.is_whitespace() && !c.is_control() && !is_invisible(c) && !"/?#&".contains(c)
        };
        if !(1..=MAX_USERNAME_LEN).contains(&username.len()) || !username.chars().all(is_part) {
            return Err(InvalidHandle::Username);
        }
        if !PLATFORMS.contains(&platform) {
            return Err(InvalidHandle::Platform);
        }
        Ok(Handle { username: username.to_owned(), platform: platform.to_owned() })
    }

    /// Without `@`.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// As the vendor writes it.
    pub fn platform(&self) -> &str {
        &self.platform
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{} on {}", self.username, self.platform)
    }
}

/// Why a text is not an account id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidAccountId {
    /// There is nothing.
    #[error("an account id is empty")]
    Empty,
    /// Over [`MAX_ID_LEN`] bytes.
    #[error("an account id has at most {MAX_ID_LEN} characters, this one has {0}")]
    TooLong(usize),
    /// A character other than an unreserved one of RFC 3986.
    #[error("an account id may contain only letters, digits, `-`, `_`, `.` and `~`, not {0:?}")]
    Character(char),
    /// `.` or `..`, which a URL resolves to another path.
    #[error("an account id is not `.` or `..`")]
    Dots,
}

impl AccountId {
    /// The id as the vendor writes it.
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

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_what_a_url_path_holds_unescaped() {
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
}
