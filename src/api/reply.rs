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

/// What a response is.
#[derive(Clone, PartialEq, Debug)]
pub enum ResponseKind {
    /// The numbers of the account.
    Ok(AccountId, Box<Measurement>),
    /// Nothing was sent.
    Unreachable,
    /// Whether it was carried out is not known.
    Unknown,
    /// A success without the account's numbers; its beginning is kept.
    Unusable(String),
    /// The vendor's server failed, and asked to wait so many seconds, if it did.
    Broken {
        /// The least distance to the next try, in seconds.
        retry_after: Option<i64>,
    },
    /// Too fast.
    Throttled {
        /// For how many seconds, if it said.
        retry_after: Option<i64>,
    },
    /// The key, the credits or the subscription are refused.
    Unauthorised,
    /// The same request may be right later.
    Busy,
    /// The request is refused.
    Refused,
}

/// An answer, understood.
#[derive(Clone, PartialEq, Debug)]
pub struct ClassifiedResponse {
    /// What it means.
    pub kind: ResponseKind,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// For a person: what went wrong. `None` exactly for [`ResponseKind::Ok`].
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
        Answer::NotSent(error) => silent(ResponseKind::Unreachable, error, false),
        Answer::Unknown(error) => silent(ResponseKind::Unknown, error, true),
        Answer::Http(answer) => {
            let clock_off = answer
                .date
                .map(|date| date.since(now))
                .filter(|off| off.saturating_abs() > CLOCK_TOLERANCE);
            let status = answer.status;
            let (kind, error) = read(answer, asked, now);
            ClassifiedResponse {
                kind,
                status: Some(status),
                error,
                spent: !(300..500).contains(&status),
                clock_off,
            }
        }
    }
}

fn silent(kind: ResponseKind, error: &str, spent: bool) -> ClassifiedResponse {
    ClassifiedResponse { kind, status: None, error: Some(error.to_owned()), spent, clock_off: None }
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
                return (ResponseKind::Ok(id, Box::new(measurement)), None);
            }
            Ok(_) => why = Some("the answer is too large".to_owned()),
            Err(error) if answer.is_whole => why = Some(error.to_string()),
            Err(_) => why = Some("the answer is too large".to_owned()),
        }
    }
    let said = Said::parse(&text);
    let wait = answer.retry_after.map(|after| after.seconds(now));
    let kind = match status {
        401 | 402 => ResponseKind::Unauthorised,
        403 if said.refuses_key() => ResponseKind::Unauthorised,
        408 | 409 | 421 | 423 | 425 => ResponseKind::Busy,
        429 => ResponseKind::Throttled { retry_after: wait },
        200..300 => ResponseKind::Unusable(keep(&text)),
        400..500 if wait.is_some() => ResponseKind::Throttled { retry_after: wait },
        300..500 => ResponseKind::Refused,
        // A status outside the known classes says as little as a 5xx does.
        _ => ResponseKind::Broken { retry_after: wait },
    };
    if (300..400).contains(&status) {
        let target = answer.location.as_deref().map_or("nowhere".to_owned(), cut);
        return (kind, Some(format!("HTTP {status}: redirected to {target}")));
    }
    (kind, Some(said.explain(status, why)))
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

    fn refuses_key(&self) -> bool {
        let code = self.code.to_lowercase();
        ["credit", "subscription", "key"].iter().any(|word| code.contains(word))
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
        let ResponseKind::Unusable(kept) = hear(200, &"ä".repeat(5000)).kind else { panic!() };
        assert_eq!(kept.len(), 4096);
    }

    #[test]
    fn an_answer_cut_at_the_bound_is_not_used() {
        let answer = HttpAnswer { status: 200, body: GOOD.into(), ..Default::default() };
        let heard = hear_with(answer);
        assert!(matches!(heard.kind, ResponseKind::Unusable(_)));
        assert!(heard.error.is_some_and(|error| error.contains("too large")));
    }
}
