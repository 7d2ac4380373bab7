//! The result of a call, before it is classified.

use reqwest::header::{AGE, DATE, HeaderMap, RETRY_AFTER};

use crate::api::body_permit::BodyPermit;
use crate::api::redirect::Redirect;
use crate::clock::Time;

/// The largest body that is read, in bytes. The documented response has under a thousand.
pub const MAX_BODY: usize = 1 << 20;

/// How much of an unusable response is kept, in bytes.
pub(super) const KEPT: usize = 4096;

/// The headers with the end of a rate limit's window. The vendor documents neither their names nor
/// their unit; elsewhere it is seconds from now, unix time in seconds or milliseconds, or a date.
const RESETS: [&str; 5] = [
    "ratelimit-reset",
    "x-ratelimit-reset",
    "x-rate-limit-reset",
    "x-ratelimit-reset-after",
    "ratelimit",
];

/// The names of the same in a header with several members: in older and newer drafts of `RateLimit`.
const RESET_PARAMETERS: [&str; 2] = ["reset", "t"];

/// A larger number is a unix time: as seconds from now, it would be over thirty years.
const SURELY_UNIX_TIME: i64 = 1_000_000_000;

/// A larger number is a unix time in milliseconds: in seconds, it would be after the year 5000.
const SURELY_MILLISECONDS: i64 = 100_000_000_000;

/// The largest age of a cached response in seconds, by RFC 9111. A larger one is nonsense.
const MAX_AGE: i64 = 1 << 31;

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
    /// `Retry-After`, or in a 429 without a usable one the end of the rate limit's window.
    pub retry_after: Option<RetryAfter>,
    /// The `Location` header.
    pub location: Option<Redirect>,
    /// The body, without secrets; only its beginning if it has over [`MAX_BODY`] bytes.
    pub body: Vec<u8>,
    /// Whether `body` is complete.
    pub is_whole: bool,
    /// Held as long as the response.
    pub permit: BodyPermit,
}

/// When a request may be repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RetryAfter {
    Seconds(i64),
    At(Time),
}

impl RetryAfter {
    /// Reads it from the headers of a response.
    pub(super) fn of(status: u16, headers: &HeaderMap) -> Option<RetryAfter> {
        let header = |name: &str| headers.get(name)?.to_str().ok();
        let date = vendor_time(headers);
        let stated = header(RETRY_AFTER.as_str()).and_then(RetryAfter::parse);
        let stated = stated.map(|after| after.relative_to(date));
        if status != 429 || stated.is_some_and(RetryAfter::is_ahead) {
            return stated;
        }
        let mut resets = RESETS.into_iter().filter_map(header);
        resets.find_map(|text| RetryAfter::of_reset(text, date)).or(stated)
    }

    /// Replaces a time on the vendor's clock by the seconds to it from `date` on the same clock.
    fn relative_to(self, date: Option<Time>) -> RetryAfter {
        match (self, date) {
            (RetryAfter::At(time), Some(date)) => RetryAfter::Seconds(time.since(date)),
            _ => self,
        }
    }

    /// Returns whether it may be a time to come.
    fn is_ahead(self) -> bool {
        !matches!(self, RetryAfter::Seconds(..=0))
    }

    /// Parses `Retry-After`: seconds, or an HTTP date.
    pub fn parse(text: &str) -> Option<RetryAfter> {
        let seconds = rounded_up(first_member(text)).map(RetryAfter::Seconds);
        seconds.or_else(|| http_date(text).map(RetryAfter::At))
    }

    /// Parses the end of a rate limit's window, in a response at `date` on the vendor's clock. One
    /// that is not ahead of it says nothing.
    fn of_reset(text: &str, date: Option<Time>) -> Option<RetryAfter> {
        let after = match rounded_up(first_member(text)).or_else(|| reset_parameter(text)) {
            Some(number) if number > SURELY_MILLISECONDS => RetryAfter::At(Time(number / 1000)),
            Some(number) if number > SURELY_UNIX_TIME => RetryAfter::At(Time(number)),
            Some(number) => RetryAfter::Seconds(number),
            None => RetryAfter::At(http_date(text)?),
        };
        Some(after.relative_to(date)).filter(|after| after.is_ahead())
    }

    /// Returns the seconds to wait from `now`, at least 0. The fraction of a second by which `now` is
    /// truncated is not to be missing at the end.
    pub fn seconds(self, now: Time) -> i64 {
        match self {
            RetryAfter::Seconds(..=0) => 0,
            RetryAfter::Seconds(seconds) => seconds.saturating_add(1),
            RetryAfter::At(time) => time.since(now).max(0),
        }
    }
}

/// Returns the first member of a header that a proxy may have joined from several lines (RFC 9110, 5.3).
fn first_member(text: &str) -> &str {
    text.split(',').next().unwrap_or(text).trim()
}

/// Returns the end of the window among the members of a header such as `limit=60, reset=30`.
fn reset_parameter(text: &str) -> Option<i64> {
    let mut parameters = text.split([',', ';']).filter_map(|member| member.split_once('='));
    parameters.find_map(|(name, value)| {
        RESET_PARAMETERS.contains(&name.trim()).then(|| rounded_up(value.trim())).flatten()
    })
}

/// Parses digits, or a decimal fraction, which is rounded up. A number that does not fit is a very
/// long wait, which the engine bounds.
fn rounded_up(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number =
        |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let more = i64::from(fraction.bytes().any(|digit| digit != b'0'));
    (is_number(whole) && is_number(fraction))
        .then(|| whole.parse().unwrap_or(i64::MAX).saturating_add(more))
}

/// Returns the time on the vendor's clock when it responded, from `Date`. In a response from a
/// cache that is when the cache received it, `Age` seconds ago.
pub(super) fn vendor_time(headers: &HeaderMap) -> Option<Time> {
    let header = |name| headers.get(name)?.to_str().ok();
    let age = header(AGE).and_then(|age| first_member(age).parse().ok()).unwrap_or(0_i64);
    let age = if (0..=MAX_AGE).contains(&age) { age } else { 0 };
    Some(http_date(header(DATE)?)?.plus(age))
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
            (date, Some("600, 5"), Some(784_112_377)),
            (date, Some("-5"), Some(784_111_777)),
            (date, Some("old"), Some(784_111_777)),
            (date, Some("9223372036854775807"), Some(784_111_777)),
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
            ("120", Some(121)),
            ("120, 7", Some(121)),
            (" 0 ", Some(0)),
            ("1.2", Some(3)),
            ("7.0", Some(8)),
            ("0.001", Some(2)),
            ("1.", None),
            (".5", None),
            ("1.2.3", None),
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

    #[test]
    fn a_429_without_retry_after_is_repeated_after_its_rate_limit() {
        let (at, date) = (784_111_777, ("date", "Sun, 06 Nov 1994 08:49:37 GMT"));
        let [retry, reset] = ["retry-after", "x-ratelimit-reset"];
        let unix = |seconds: i64| (1_767_225_600 + seconds).to_string();
        let (soon, past) = (unix(30), unix(-1));
        let today = ("date", "Thu, 01 Jan 2026 00:00:00 GMT");
        let seconds = |seconds| Some(RetryAfter::Seconds(seconds));
        for (status, headers, expected) in [
            (429, vec![(reset, "30")], seconds(30)),
            (429, vec![("ratelimit-reset", " 30 ")], seconds(30)),
            (429, vec![(retry, "7"), (reset, "30")], seconds(7)),
            (429, vec![(retry, "soon"), (reset, "30")], seconds(30)),
            (429, vec![today, (reset, &soon)], seconds(30)),
            (429, vec![(reset, &soon)], Some(RetryAfter::At(Time(1_767_225_630)))),
            (429, vec![today, (reset, "1767225630999")], seconds(30)),
            (429, vec![(reset, "1767225630999")], Some(RetryAfter::At(Time(1_767_225_630)))),
            (429, vec![date, (reset, "1000000000")], seconds(1_000_000_000)),
            (429, vec![date, (reset, "1000000001")], seconds(1_000_000_001 - at)),
            // The largest number that is a Unix time in seconds, and the smallest in milliseconds.
            (429, vec![(reset, "100000000000")], Some(RetryAfter::At(Time(100_000_000_000)))),
            (429, vec![(reset, "100000000001")], Some(RetryAfter::At(Time(100_000_000)))),
            (429, vec![today, (reset, &past)], None),
            (429, vec![(reset, "0")], None),
            (429, vec![(reset, "-5")], None),
            (429, vec![(reset, "1.5")], seconds(2)),
            (429, vec![(reset, "0.0")], None),
            (429, vec![today, (reset, "1767225629.5")], seconds(30)),
            (429, vec![date, (reset, "Sun, 06 Nov 1994 08:50:07 GMT")], seconds(30)),
            (429, vec![date, (reset, "Sun, 06 Nov 1994 08:49:37 GMT")], None),
            (429, vec![(reset, "Sun, 06 Nov 1994 08:49:37 GMT")], Some(RetryAfter::At(Time(at)))),
            (429, vec![("x-rate-limit-reset", "1800")], seconds(1800)),
            (429, vec![("x-ratelimit-reset-after", "1800")], seconds(1800)),
            (429, vec![("ratelimit", "limit=60, remaining=0, reset=1800")], seconds(1800)),
            (429, vec![("ratelimit", "\"default\";r=0;t=1800")], seconds(1800)),
            (429, vec![("ratelimit", "limit=60, remaining=0")], None),
            (429, vec![("ratelimit", "reset=0")], None),
            (429, vec![(retry, "0"), (reset, "30")], seconds(30)),
            (429, vec![(retry, "0")], seconds(0)),
            (503, vec![(retry, "0.5")], seconds(1)),
            (429, vec![("x-ratelimit-remaining", "0")], None),
            (404, vec![(reset, "30")], None),
            (503, vec![(reset, "30")], None),
            (503, vec![(retry, "7")], seconds(7)),
            (503, vec![date, (retry, "Sun, 06 Nov 1994 08:50:07 GMT")], seconds(30)),
            (503, vec![(retry, "Sun, 06 Nov 1994 08:49:37 GMT")], Some(RetryAfter::At(Time(at)))),
        ] {
            let headers: HeaderMap = headers
                .into_iter()
                .map(|(name, value)| {
                    (name.parse().expect("a name"), value.parse().expect("a value"))
                })
                .collect::<HeaderMap>();
            assert_eq!(RetryAfter::of(status, &headers), expected, "{status} {headers:?}");
        }
    }
}
