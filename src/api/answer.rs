//! What came back from a call, before anybody asked what it means.

use reqwest::header::{AGE, DATE, HeaderMap};

use crate::api::body_permit::BodyPermit;
use crate::clock::Time;

/// The largest body that is read, in bytes. The documented answer has under a thousand.
pub const MAX_BODY: usize = 1 << 20;

/// How much of an answer that could not be used is kept, in bytes.
pub(super) const KEPT: usize = 4096;

/// What came back from a call.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// An HTTP answer.
    Http(HttpAnswer),
    /// Nothing was sent: no address, no connection, no TLS.
    NotSent(String),
    /// The request may have arrived: it timed out, or the connection broke.
    Unknown(String),
}

impl Answer {
    /// What it takes, for whoever keeps something of it.
    pub fn into_body_permit(self) -> BodyPermit {
        match self {
            Answer::Http(answer) => answer.permit,
            Answer::NotSent(_) | Answer::Unknown(_) => BodyPermit::default(),
        }
    }
}

/// The parts of an HTTP answer that mean something to growthd.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct HttpAnswer {
    pub status: u16,
    /// What the vendor's clock said: the `Date` header, corrected by `Age`.
    pub date: Option<Time>,
    /// The `Retry-After` header.
    pub retry_after: Option<RetryAfter>,
    /// The `Location` header.
    pub location: Option<String>,
    /// The body; only its beginning if it has over [`MAX_BODY`] bytes.
    pub body: Vec<u8>,
    /// Whether that is all of the body.
    pub is_whole: bool,
    /// Held as long as the answer is.
    pub permit: BodyPermit,
}

/// How long the vendor asks to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RetryAfter {
    /// So many seconds.
    Seconds(i64),
    At(Time),
}

impl RetryAfter {
    /// Reads the header: seconds, or an HTTP date.
    pub fn parse(text: &str) -> Option<RetryAfter> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            // A number too large for us is a very long wait, which the engine bounds.
            return Some(RetryAfter::Seconds(text.parse().unwrap_or(i64::MAX)));
        }
        http_date(text).map(RetryAfter::At)
    }

    /// The wait in seconds as of `now`, at least none.
    pub fn seconds(self, now: Time) -> i64 {
        match self {
            RetryAfter::Seconds(seconds) => seconds.max(0),
            RetryAfter::At(time) => time.since(now).max(0),
        }
    }
}

/// What the vendor's clock said when it answered, by `Date`. In a cache's answer that is when the
/// cache got it, `Age` seconds ago.
pub(super) fn vendor_time(headers: &HeaderMap) -> Option<Time> {
    let header = |name| headers.get(name)?.to_str().ok();
    let age = header(AGE).and_then(|age| age.trim().parse().ok()).unwrap_or(0_i64);
    Some(http_date(header(DATE)?)?.plus(age.max(0)))
}

/// Reads an HTTP date.
fn http_date(text: &str) -> Option<Time> {
    let date = httpdate::parse_http_date(text.trim()).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok().map(Time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_out_of_a_cache_says_what_time_it_is_now() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (date, age, time) in [
            (date, None, Some(784_111_777)),
            (date, Some("0"), Some(784_111_777)),
            (date, Some("600"), Some(784_112_377)),
            (date, Some("-5"), Some(784_111_777)),
            (date, Some("old"), Some(784_111_777)),
            ("yesterday", Some("600"), None),
        ] {
            let mut headers = HeaderMap::from_iter([(DATE, date.parse().expect("a value"))]);
            headers.extend(age.map(|age| (AGE, age.parse().expect("a value"))));
            assert_eq!(vendor_time(&headers), time.map(Time), "{date} {age:?}");
        }
        assert_eq!(vendor_time(&HeaderMap::new()), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Time(784_111_777);
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999", Some(i64::MAX)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("-5", None),
            ("soon", None),
            ("", None),
        ] {
            let parsed = RetryAfter::parse(text).map(|after| after.seconds(now));
            assert_eq!(parsed, seconds, "{text:?}");
        }
    }
}
