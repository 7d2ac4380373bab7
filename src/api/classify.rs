//! Classifies responses by one table, in which the first match wins.
//!
//! The classification depends only on the response, the requested account and the time of arrival.
//! Whether a failure is the account's own or the vendor's is for the engine to decide. Only
//! statuses and codes count: the vendor's texts are shown but decide nothing, since an account's
//! name in one could otherwise stop the list.

use crate::account::AccountId;
use crate::api::call_result::{CallResult, HttpResponse, KEPT};
use crate::api::decode::decode;
use crate::api::redirect::Redirect;
use crate::api::vendor_error::{VendorError, shortened};
use crate::clock::Time;
use crate::measurement::Measurement;

/// How many seconds our clock may differ from the vendor's before it counts as wrong.
pub const CLOCK_TOLERANCE: i64 = 3600;

#[derive(Clone, PartialEq, Debug)]
pub enum ResponseKind {
    Ok(AccountId, Box<Measurement>),
    /// Nothing was sent, since name lookup, connection or TLS failed.
    Unreachable,
    /// The request may or may not have been carried out.
    Unknown,
    /// A 2xx without the account's numbers. Holds the beginning of the body.
    Unusable(String),
    /// A 5xx, or a status that is unknown.
    Broken {
        /// The least delay before the next attempt, in seconds, if the vendor sent one.
        retry_after: Option<i64>,
    },
    /// A 429, or another 4xx with a `Retry-After`.
    Throttled {
        /// The delay in seconds, if the vendor sent one.
        retry_after: Option<i64>,
    },
    /// The key, the credits or the subscription does not permit the request.
    Unauthorised,
    /// The same request may succeed later.
    Busy,
    /// The same request will not succeed.
    Refused,
}

/// A response with its kind.
#[derive(Clone, PartialEq, Debug)]
pub struct ClassifiedResponse {
    pub kind: ResponseKind,
    /// Whether the request may have cost a credit, as every one that was sent, unless the vendor
    /// refused it with a 4xx or a redirect.
    pub spent: bool,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// What went wrong and what to do, for people. `None` exactly for [`ResponseKind::Ok`].
    pub error: Option<String>,
    /// How many seconds our clock is behind the vendor's, or ahead of it if negative. `None` up to
    /// [`CLOCK_TOLERANCE`], or without a date.
    pub clock_off: Option<i64>,
}

impl ClassifiedResponse {
    /// Classifies a request that may or may not have been carried out.
    pub fn unknown(error: String) -> ClassifiedResponse {
        ClassifiedResponse {
            kind: ResponseKind::Unknown,
            spent: true,
            status: None,
            error: Some(error),
            clock_off: None,
        }
    }

    /// Classifies a request that was not sent.
    pub fn unreachable(error: String) -> ClassifiedResponse {
        ClassifiedResponse {
            kind: ResponseKind::Unreachable,
            spent: false,
            ..ClassifiedResponse::unknown(error)
        }
    }
}

/// Classifies the result of a refresh of `requested`, which arrived at `now`. With `None`, accepts
/// any account, as for a lookup by name.
pub fn classify(
    result: &CallResult,
    requested: Option<&AccountId>,
    now: Time,
) -> ClassifiedResponse {
    match result {
        CallResult::NotSent(error) => ClassifiedResponse::unreachable(error.clone()),
        CallResult::Unknown(error) => ClassifiedResponse::unknown(error.clone()),
        CallResult::Http(response) => {
            let (kind, error) = match kind(response, requested, now) {
                Ok(kind) => (kind, None),
                Err((kind, error)) => (kind, Some(error)),
            };
            ClassifiedResponse {
                kind,
                spent: !(300..500).contains(&response.status),
                status: Some(response.status),
                error,
                clock_off: clock_off(response, now),
            }
        }
    }
}

fn clock_off(response: &HttpResponse, now: Time) -> Option<i64> {
    let off = response.date?.since(now);
    (off.saturating_abs() > CLOCK_TOLERANCE).then_some(off)
}

/// Returns the kind of a response, together with an error message unless it is `Ok`.
fn kind(
    response: &HttpResponse,
    requested: Option<&AccountId>,
    now: Time,
) -> Result<ResponseKind, (ResponseKind, String)> {
    // Some servers begin with a byte-order mark.
    let body = response.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&response.body);
    let text = String::from_utf8_lossy(body);
    let status = response.status;
    let mut fault = None;
    if status == 200 {
        fault = match decode(&text, requested) {
            _ if !response.is_whole => Some("the response is too large".to_owned()),
            Ok((id, measurement)) => return Ok(ResponseKind::Ok(id, Box::new(measurement))),
            Err(unusable) => Some(unusable.to_string()),
        };
    }
    let error = VendorError::parse(&text);
    let retry_after = response.retry_after.map(|after| after.seconds(now));
    let kind = match status {
        200..300 => ResponseKind::Unusable(beginning(&text)),
        300..400 => ResponseKind::Refused,
        429 => ResponseKind::Throttled { retry_after },
        400..500 if retry_after.is_some() => ResponseKind::Throttled { retry_after },
        401 | 402 => ResponseKind::Unauthorised,
        403 if error.is_about_key_or_credits() => ResponseKind::Unauthorised,
        408 | 409 | 421 | 423 | 425 => ResponseKind::Busy,
        400..500 => ResponseKind::Refused,
        // A status outside the known classes tells as little as a 5xx.
        _ => ResponseKind::Broken { retry_after },
    };
    let mut parts = vec![format!("HTTP {status}")];
    parts.extend(fault);
    parts.extend(error.parts().map(str::to_owned));
    let what = shortened(&parts.join(": "));
    let message = match advice(&kind, response) {
        Some(advice) => format!("{what}; {advice}"),
        None => what,
    };
    Err((kind, message))
}

/// Returns what to do about a failure.
fn advice(kind: &ResponseKind, response: &HttpResponse) -> Option<String> {
    let fixed = match (kind, response.status) {
        (ResponseKind::Refused, 300..400) => return Some(redirect(response.location.as_ref())),
        (ResponseKind::Unauthorised, 401) => "check the API key",
        (ResponseKind::Unauthorised, 402) => "check the credits and the subscription",
        (ResponseKind::Unauthorised, _) => "check the API key, the credits and the subscription",
        (ResponseKind::Refused, 403) => {
            "check whether the account is yours and what the key may do"
        }
        (ResponseKind::Unusable(kept), _) if kept.is_empty() => return None,
        (ResponseKind::Unusable(_), _) => "its beginning is kept: see `answer` in `refreshes`",
        _ => return None,
    };
    Some(fixed.to_owned())
}

fn redirect(location: Option<&Redirect>) -> String {
    match location {
        Some(Redirect::Base(base)) => {
            format!("redirected to {}; if that is right, make it [api] base_url", shortened(base))
        }
        Some(Redirect::Page(page)) => format!("redirected to {}", shortened(page)),
        None => "the redirect names no target".to_owned(),
    }
}

/// Returns the beginning of a body. Its NULs are replaced: for half of SQLite's functions, and for
/// its shell, a text ends at one.
fn beginning(text: &str) -> String {
    let mut kept = text[..text.floor_char_boundary(KEPT)].replace('\0', "\u{fffd}");
    kept.truncate(kept.floor_char_boundary(KEPT));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::RetryAfter;

    const NOW: Time = Time(1_767_225_600);
    const GOOD: &str = r#"{"success":true,"data":{"account":{"id":"clx123abc"}}}"#;

    fn response(status: u16, body: &str) -> HttpResponse {
        HttpResponse { status, body: body.into(), is_whole: true, ..Default::default() }
    }

    fn classified(response: HttpResponse) -> ClassifiedResponse {
        let requested = "clx123abc".parse().expect("an id");
        classify(&CallResult::Http(response), Some(&requested), NOW)
    }

    fn broken(retry_after: Option<i64>) -> ResponseKind {
        ResponseKind::Broken { retry_after }
    }

    fn throttled(retry_after: Option<i64>) -> ResponseKind {
        ResponseKind::Throttled { retry_after }
    }

    #[test]
    fn each_row_of_the_table_in_order() {
        let unusable = |body: &str| ResponseKind::Unusable(body.to_owned());
        let code = r#"{"error":{"code":"SUBSCRIPTION_REQUIRED","message":"x"}}"#;
        let flat_code = r#"{"success":false,"message":"x","code":"INSUFFICIENT_CREDITS"}"#;
        let text =
            r#"{"error":{"code":"NOT_FOUND","message":"no credits, no key, no subscription"}}"#;
        let other = r#"{"data":{"account":{"id":"other"}}}"#;
        for (status, body, kind, spent) in [
            (200, r#"{"success":false}"#, unusable(r#"{"success":false}"#), true),
            (200, "<html>", unusable("<html>"), true),
            (200, "", unusable(""), true),
            (200, code, unusable(code), true),
            (200, other, unusable(other), true),
            (101, "", broken(None), true),
            (204, "", unusable(""), true),
            (201, GOOD, unusable(GOOD), true),
            (500, "", broken(None), true),
            (503, code, broken(None), true),
            (599, GOOD, broken(None), true),
            (999, "", broken(None), true),
            (429, "", throttled(None), false),
            (429, code, throttled(None), false),
            (401, "", ResponseKind::Unauthorised, false),
            (402, text, ResponseKind::Unauthorised, false),
            (403, code, ResponseKind::Unauthorised, false),
            (403, flat_code, ResponseKind::Unauthorised, false),
            (403, text, ResponseKind::Refused, false),
            (403, "", ResponseKind::Refused, false),
            (408, "", ResponseKind::Busy, false),
            (409, code, ResponseKind::Busy, false),
            (421, "", ResponseKind::Busy, false),
            (423, "", ResponseKind::Busy, false),
            (425, "", ResponseKind::Busy, false),
            (400, "not json", ResponseKind::Refused, false),
            (404, text, ResponseKind::Refused, false),
            (404, code, ResponseKind::Refused, false),
            (410, GOOD, ResponseKind::Refused, false),
            (301, "", ResponseKind::Refused, false),
            (304, GOOD, ResponseKind::Refused, false),
            (307, code, ResponseKind::Refused, false),
        ] {
            let response = classified(response(status, body));
            assert_eq!((response.kind, response.spent), (kind, spent), "{status} {body}");
            assert_eq!(response.status, Some(status));
            assert!(response.error.is_some_and(|error| error.contains(&status.to_string())));
        }
        for good in [GOOD, r#"{"data":{"account":{"id":"clx123abc"}}}"#] {
            let response = classified(response(200, good));
            assert!(matches!(response.kind, ResponseKind::Ok(..)), "{good}");
            assert_eq!((response.spent, response.error), (true, None), "{good}");
        }
    }

    #[test]
    fn a_retry_after_counts_outside_2xx_and_3xx() {
        let code = r#"{"error":{"code":"INVALID_API_KEY"}}"#;
        for (status, body, kind) in [
            (429, "", throttled(Some(7))),
            (404, "", throttled(Some(7))),
            (409, "", throttled(Some(7))),
            (401, code, throttled(Some(7))),
            (403, code, throttled(Some(7))),
            (408, "", throttled(Some(7))),
            (425, "", throttled(Some(7))),
            (503, "", broken(Some(7))),
            (302, "", ResponseKind::Refused),
            (204, "", ResponseKind::Unusable(String::new())),
        ] {
            let retry_after = Some(RetryAfter::Seconds(6));
            let response = classified(HttpResponse { retry_after, ..response(status, body) });
            assert_eq!(response.kind, kind, "{status}");
        }
    }

    #[test]
    fn a_call_without_a_response_is_spent_only_if_it_was_sent() {
        let unreachable = classify(&CallResult::NotSent("refused".into()), None, NOW);
        assert_eq!((unreachable.kind, unreachable.spent), (ResponseKind::Unreachable, false));
        let unknown = classify(&CallResult::Unknown("timed out".into()), None, NOW);
        assert_eq!((unknown.kind, unknown.spent), (ResponseKind::Unknown, true));
    }

    #[test]
    fn our_clock_is_off_if_a_date_is_over_an_hour_from_it() {
        for (date, off) in [(0, None), (3600, None), (3601, Some(3601)), (-3601, Some(-3601))] {
            let date = Some(NOW.plus(date));
            let response = classified(HttpResponse { date, ..response(200, GOOD) });
            assert_eq!(response.clock_off, off, "{date:?}");
        }
        assert_eq!(classified(response(200, GOOD)).clock_off, None);
    }

    #[test]
    fn an_error_says_what_went_wrong_and_what_to_do() {
        for (status, body, error) in [
            (
                404,
                r#"{"success":false,"message":"No such account","code":"NOT_FOUND"}"#,
                "HTTP 404: NOT_FOUND: No such account",
            ),
            (
                401,
                r#"{"error":{"code":"INVALID_API_KEY","message":"m"}}"#,
                "HTTP 401: INVALID_API_KEY: m; check the API key",
            ),
            (503, r#"{"error":"plain"}"#, "HTTP 503: plain"),
            (409, "", "HTTP 409"),
            (200, "", "HTTP 200: the response is not a JSON object"),
            (204, "", "HTTP 204"),
            (
                200,
                "<html>",
                "HTTP 200: the response is not a JSON object; its beginning is kept: see `answer` in `refreshes`",
            ),
        ] {
            assert_eq!(classified(response(status, body)).error.as_deref(), Some(error));
        }
        let long = format!(r#"{{"message":"{}"}}"#, "ä".repeat(5000));
        let error = classified(response(404, &long)).error.expect("an error");
        assert!(error.chars().count() < 400, "{error}");
    }

    #[test]
    fn a_redirect_is_reported_with_its_base_url_if_it_has_another_one() {
        let url = || "https://elsewhere.invalid/".to_owned();
        for (location, expected) in [
            (
                Some(Redirect::Base(url())),
                "HTTP 307; redirected to https://elsewhere.invalid/; if that is right, make it [api] base_url",
            ),
            (Some(Redirect::Page(url())), "HTTP 307; redirected to https://elsewhere.invalid/"),
            (None, "HTTP 307; the redirect names no target"),
        ] {
            let response = classified(HttpResponse { location, ..response(307, "") });
            assert_eq!(response.error.as_deref(), Some(expected));
        }
    }

    #[test]
    fn the_beginning_of_an_unusable_response_is_kept() {
        let ResponseKind::Unusable(kept) = classified(response(200, &"ä".repeat(5000))).kind
        else {
            panic!("usable")
        };
        assert_eq!(kept.len(), 4096);
        let response = classified(HttpResponse { is_whole: false, ..response(200, GOOD) });
        assert!(matches!(response.kind, ResponseKind::Unusable(_)));
        assert!(response.error.is_some_and(|error| error.contains("too large")));
    }

    #[test]
    fn an_error_says_what_to_check() {
        for (status, advice) in [
            (401, "HTTP 401; check the API key"),
            (402, "HTTP 402; check the credits and the subscription"),
            (403, "HTTP 403; check whether the account is yours and what the key may do"),
            (404, "HTTP 404"),
            (500, "HTTP 500"),
            (200, "HTTP 200"),
        ] {
            let error = classified(response(status, "")).error.expect("it failed");
            assert_eq!(error.split(": ").next(), Some(advice), "{error}");
        }
        let error = classified(response(403, r#"{"error":{"code":"INVALID_API_KEY"}}"#)).error;
        let expected =
            "HTTP 403: INVALID_API_KEY; check the API key, the credits and the subscription";
        assert_eq!(error.as_deref(), Some(expected));
    }
}
