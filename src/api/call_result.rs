//! The result of a call, before it is classified.

use reqwest::header::{AGE, DATE, HeaderMap};

use crate::api::body_permit::BodyPermit;
use crate::clock::Time;

/// The largest body that is read, in bytes. The documented response has under a thousand.
pub const MAX_BODY: usize = 1 << 20;

/// How much of an unusable response is kept, in bytes.
pub(super) const KEPT: usize = 4096;

/// The result of a call.
#[derive(Clone, PartialEq, Debug)]
pub enum CallResult {
    Http(HttpResponse),
    /// Nothing was sent, since name lookup, connection or TLS failed. Holds the error.
    NotSent(String),
    /// The request may have arrived: it timed out, or the connection broke. Holds the error.
    Unknown(String),
}

impl CallResult {
    /// Returns the permit for the body, to be held as long as parts of the body are kept.
    pub fn into_body_permit(self) -> BodyPermit {
        match self {
            CallResult::Http(response) => response.permit,
            CallResult::NotSent(_) | CallResult::Unknown(_) => BodyPermit::default(),
        }
    }
}

/// The parts of an HTTP response that growthd uses.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct HttpResponse {
    pub status: u16,
    /// The time on the vendor's clock: the `Date` header, corrected by `Age`.
    pub date: Option<Time>,
    pub retry_after: Option<RetryAfter>,
    /// The `Location` header.
    pub location: Option<String>,
    /// The body, without secrets; only its beginning if it has over [`MAX_BODY`] bytes.
    pub body: Vec<u8>,
    /// Whether `body` is complete.
    pub is_whole: bool,
    /// Held as long as the response.
    pub permit: BodyPermit,
}

/// A `Retry-After` header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RetryAfter {
    Seconds(i64),
    At(Time),
}

impl RetryAfter {
    /// Parses the header: seconds, or an HTTP date.
    pub fn parse(text: &str) -> Option<RetryAfter> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            // A number that does not fit is a very long wait, which the engine bounds.
            return Some(RetryAfter::Seconds(text.parse().unwrap_or(i64::MAX)));
        }
        http_date(text).map(RetryAfter::At)
    }

    /// Returns the seconds to wait from `now`, at least 0.
    pub fn seconds(self, now: Time) -> i64 {
        match self {
            RetryAfter::Seconds(seconds) => seconds.max(0),
            RetryAfter::At(time) => time.since(now).max(0),
        }
    }
}

/// Returns the time on the vendor's clock when it responded, from `Date`. In a response from a
/// cache that is when the cache received it, `Age` seconds ago.
pub(super) fn vendor_time(headers: &HeaderMap) -> Option<Time> {
    let header = |name| headers.get(name)?.to_str().ok();
    let age = header(AGE).and_then(|age| age.trim().parse().ok()).unwrap_or(0_i64);
    Some(http_date(header(DATE)?)?.plus(age.max(0)))
}

fn http_date(text: &str) -> Option<Time> {
    let date = httpdate::parse_http_date(text.trim()).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok().map(Time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_a_cached_response_is_corrected_by_its_age() {
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
