//! What an answer means: the one table, first match wins.
//!
//! The engine decides what follows; this only says what was heard, and whether it may have cost
//! a credit. Nothing here is a function of anything but the answer, the account asked for and
//! the time it arrived.

use crate::account::AccountId;
use crate::api::answer::{Answer, HttpAnswer, KEPT};
use crate::api::decode::decode;
use crate::api::object::{Object, text};
use crate::clock::Time;
use crate::measurement::Measurement;

/// How far the vendor's `Date` may be off before our clock counts as wrong, in seconds.
pub const CLOCK_TOLERANCE: i64 = 3600;

/// How much of what the vendor says is quoted in an error, in characters.
const QUOTED: usize = 300;

/// What an answer means.
#[derive(Clone, PartialEq, Debug)]
pub enum ResponseKind {
    /// The numbers of the account.
    Measured(AccountId, Box<Measurement>),
    /// Refused before anything was sent.
    NotSent,
    /// Nobody knows whether it was carried out.
    Unknown,
    /// A 2xx without the account's numbers; its beginning is kept.
    Unusable(String),
    /// Sent elsewhere; where to, if it said.
    Redirected(Option<String>),
    /// The key, the credits or the subscription.
    Refused,
    /// Not allowed: perhaps this account, perhaps this key; and asked to wait so many seconds,
    /// where it said so.
    Forbidden(Option<i64>),
    /// Too fast, or asked to wait: for so many seconds where it said how many.
    Throttled(Option<i64>),
    /// This account cannot be refreshed.
    Rejected,
    /// The vendor is in trouble.
    Broken,
}

/// An answer, understood.
#[derive(Clone, PartialEq, Debug)]
pub struct ClassifiedResponse {
    /// What it means.
    pub reply: ResponseKind,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// For a person: what went wrong. `None` exactly for [`ResponseKind::Measured`].
    pub error: Option<String>,
    /// Whether the call may have cost a credit: every one that left, unless it was refused with
    /// a 4xx.
    pub spent: bool,
    /// How far the vendor's clock is ahead of ours, in seconds, where that is over
    /// [`CLOCK_TOLERANCE`].
    pub clock_off: Option<i64>,
}

/// Says what `answer` to a refresh of `asked` means, having arrived at `now`. With `None` any
/// account will do, as for one looked up by name.
pub fn classify(answer: &Answer, asked: Option<&AccountId>, now: Time) -> ClassifiedResponse {
    match answer {
        Answer::NotSent(error) => silent(ResponseKind::NotSent, error, false),
        Answer::Unknown(error) => silent(ResponseKind::Unknown, error, true),
        Answer::Http(answer) => {
            let clock_off = answer
                .date
                .map(|date| date.since(now))
                .filter(|off| off.saturating_abs() > CLOCK_TOLERANCE);
            let status = answer.status;
            let (reply, error) = read(answer, asked, now);
            ClassifiedResponse {
                reply,
                status: Some(status),
                error,
                spent: !(400..500).contains(&status),
                clock_off,
            }
        }
    }
}

fn silent(reply: ResponseKind, error: &str, spent: bool) -> ClassifiedResponse {
    ClassifiedResponse {
        reply,
        status: None,
        error: Some(error.to_owned()),
        spent,
        clock_off: None,
    }
}

fn read(
    answer: &HttpAnswer,
    asked: Option<&AccountId>,
    now: Time,
) -> (ResponseKind, Option<String>) {
    // Some put a byte order mark in front of what they paid no less for.
    let body = answer.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&answer.body);
    let text = String::from_utf8_lossy(body);
    let status = answer.status;
    let mut why = None;
    if status == 200 {
        match decode(&text, asked) {
            Ok((id, measurement)) if answer.is_whole => {
                return (ResponseKind::Measured(id, Box::new(measurement)), None);
            }
            Ok(_) => why = Some("the answer is too large".to_owned()),
            Err(error) if answer.is_whole => why = Some(error.to_string()),
            Err(_) => why = Some("the answer is too large".to_owned()),
        }
    }
    let said = Said::parse(&text);
    let wait = answer.retry_after.map(|after| after.seconds(now));
    let reply = match status {
        300..400 => ResponseKind::Redirected(answer.location.as_deref().map(cut)),
        401 | 402 => ResponseKind::Refused,
        _ if said.speaks_of_credits() => ResponseKind::Refused,
        200..300 => ResponseKind::Unusable(keep(&text)),
        403 => ResponseKind::Forbidden(wait),
        429 => ResponseKind::Throttled(wait),
        _ if wait.is_some() => ResponseKind::Throttled(wait),
        400..500 => ResponseKind::Rejected,
        // A status outside the known classes says as little as a 5xx does.
        _ => ResponseKind::Broken,
    };
    if let ResponseKind::Redirected(target) = &reply {
        let target = target.as_deref().unwrap_or("nowhere");
        return (reply.clone(), Some(format!("HTTP {status}: redirected to {target}")));
    }
    (reply, Some(said.explain(status, why)))
}

/// What an error answer says of itself, in either of the documented shapes.
#[derive(Default)]
struct Said {
    code: String,
    message: String,
}

impl Said {
    /// Only the few members that matter are read: a tree of a hostile answer would take a
    /// hundred times its room.
    fn parse(json: &str) -> Said {
        let Some(answer) = Object::parse(json) else {
            return Said::default();
        };
        let error = answer.get("error").unwrap_or("null");
        let inner = Object::parse(error);
        let field = |name: &str| inner.as_ref().unwrap_or(&answer).get(name);
        let message = match (text(error), field("message")) {
            (Some(error), None | Some("null")) => Some(error),
            (_, message) => message.and_then(text),
        };
        Said {
            code: field("code").and_then(text).unwrap_or_default(),
            message: message.unwrap_or_default(),
        }
    }

    fn speaks_of_credits(&self) -> bool {
        [&self.code, &self.message].iter().any(|text| {
            let text = text.to_lowercase();
            text.contains("credit") || text.contains("subscription")
        })
    }

    fn explain(&self, status: u16, why: Option<String>) -> String {
        let mut parts = vec![format!("HTTP {status}")];
        parts.extend(why);
        let told = [&self.code, &self.message].into_iter().filter(|text| !text.is_empty());
        parts.extend(told.cloned());
        cut(&parts.join(": "))
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn keep(text: &str) -> String {
    text[..text.floor_char_boundary(KEPT)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::RetryAfter;

    const NOW: Time = Time(1_767_225_600);

    fn hear(status: u16, body: &str) -> ClassifiedResponse {
        hear_with(HttpAnswer { status, body: body.into(), is_whole: true, ..Default::default() })
    }

    fn hear_with(answer: HttpAnswer) -> ClassifiedResponse {
        let asked = "clx123abc".parse().expect("an id");
        classify(&Answer::Http(answer), Some(&asked), NOW)
    }

    const GOOD: &str = r#"{"success":true,"data":{"account":{"id":"clx123abc"}}}"#;

    #[test]
    fn the_table_row_by_row_and_in_its_order() {
        let unusable = |body: &str| ResponseKind::Unusable(body.to_owned());
        let rate = r#"{"error":{"code":"RATE_LIMITED","message":"slow down"}}"#;
        let credits = r#"{"success":false,"message":"Not enough credits"}"#;
        let plan = r#"{"error":{"code":"SUBSCRIPTION_REQUIRED","message":"x"}}"#;
        for (status, body, reply, spent) in [
            (200, r#"{"success":false}"#, unusable(r#"{"success":false}"#), true),
            (200, "<html>", unusable("<html>"), true),
            (200, "", unusable(""), true),
            (204, "", unusable(""), true),
            (201, GOOD, unusable(GOOD), true),
            (301, "", ResponseKind::Redirected(None), true),
            (304, "", ResponseKind::Redirected(None), true),
            (307, credits, ResponseKind::Redirected(None), true),
            (401, "", ResponseKind::Refused, false),
            (402, "", ResponseKind::Refused, false),
            (200, credits, ResponseKind::Refused, true),
            (403, plan, ResponseKind::Refused, false),
            (429, credits, ResponseKind::Refused, false),
            (500, credits, ResponseKind::Refused, true),
            (403, rate, ResponseKind::Forbidden(None), false),
            (429, rate, ResponseKind::Throttled(None), false),
            (404, "", ResponseKind::Rejected, false),
            (400, "not json", ResponseKind::Rejected, false),
            (500, "", ResponseKind::Broken, true),
            (503, "", ResponseKind::Broken, true),
            (999, "", ResponseKind::Broken, true),
        ] {
            let heard = hear(status, body);
            assert_eq!((heard.reply, heard.spent), (reply, spent), "{status} {body}");
            assert_eq!(heard.status, Some(status));
            assert!(heard.error.is_some_and(|error| error.contains(&status.to_string())));
        }
        let heard = hear(200, GOOD);
        assert!(
            matches!(heard.reply, ResponseKind::Measured(..))
                && heard.spent
                && heard.error.is_none()
        );
    }

    #[test]
    fn retry_after_counts_outside_2xx() {
        for (status, body, reply) in [
            (429, "", ResponseKind::Throttled(Some(7))),
            (503, "", ResponseKind::Throttled(Some(7))),
            (404, "", ResponseKind::Throttled(Some(7))),
            (403, "", ResponseKind::Forbidden(Some(7))),
            (401, "", ResponseKind::Refused),
            (302, "", ResponseKind::Redirected(None)),
            (204, "", ResponseKind::Unusable(String::new())),
        ] {
            let retry_after = Some(RetryAfter::Seconds(7));
            let body = body.into();
            let answer =
                HttpAnswer { status, body, is_whole: true, retry_after, ..Default::default() };
            assert_eq!(hear_with(answer).reply, reply, "{status}");
        }
    }

    #[test]
    fn silence_is_spent_only_if_something_was_sent() {
        let hear = |answer| classify(&answer, None, NOW);
        assert!(!hear(Answer::NotSent("refused".into())).spent);
        assert!(hear(Answer::Unknown("timed out".into())).spent);
    }

    #[test]
    fn a_date_over_an_hour_off_is_told() {
        for (date, off) in [(0, None), (3600, None), (3601, Some(3601)), (-3601, Some(-3601))] {
            let answer = HttpAnswer {
                status: 200,
                body: GOOD.into(),
                is_whole: true,
                date: Some(NOW.plus(date)),
                ..Default::default()
            };
            assert_eq!(hear_with(answer).clock_off, off, "{date}");
        }
    }

    #[test]
    fn errors_name_code_and_message_of_both_shapes_and_stay_short() {
        for (body, error) in [
            (
                r#"{"success":false,"message":"No such account","code":"NOT_FOUND"}"#,
                "HTTP 404: NOT_FOUND: No such account",
            ),
            (r#"{"error":{"code":"GONE","message":"m"}}"#, "HTTP 404: GONE: m"),
            (r#"{"error":"plain"}"#, "HTTP 404: plain"),
            ("", "HTTP 404"),
        ] {
            assert_eq!(hear(404, body).error.as_deref(), Some(error));
        }
        let long = format!(r#"{{"message":"{}"}}"#, "ä".repeat(5000));
        assert!(hear(404, &long).error.is_some_and(|error| error.chars().count() <= QUOTED + 1));
        let ResponseKind::Unusable(kept) = hear(200, &"ä".repeat(5000)).reply else { panic!() };
        assert_eq!(kept.len(), 4096);
    }

    #[test]
    fn an_answer_cut_at_the_bound_is_not_used() {
        let answer = HttpAnswer { status: 200, body: GOOD.into(), ..Default::default() };
        let heard = hear_with(answer);
        assert!(matches!(heard.reply, ResponseKind::Unusable(_)));
        assert!(heard.error.is_some_and(|error| error.contains("too large")));
    }
}
