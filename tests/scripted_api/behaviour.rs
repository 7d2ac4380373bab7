//! What the scripted API does with a call.

use std::time::Duration;

use growthd::simulated_api::{JSON, error_body, refusal_body};
use serde_json::Value;

/// How a call that carries the right key is answered.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// The documented answer, or 404 for an account that does not exist.
    Answer,
    /// Exactly this. hyper sends no final status below 200 and no body with 204 and 304, and
    /// sets the length itself: headers that frame the body do not belong here.
    Response {
        /// 200 to 999.
        status: u16,
        /// As sent, a name may repeat; there is no content type unless given here.
        headers: Vec<(String, String)>,
        /// As sent.
        body: Vec<u8>,
    },
    /// The other behaviour, begun this much later.
    After(Duration, Box<Behaviour>),
    /// Never answers; the call is in flight until the client closes the connection.
    Hang,
    /// Closes the connection without an answer.
    Cut,
    /// Announces the documented answer's length, sends its first half, closes the connection.
    CutMidBody,
    /// The documented answer, a byte at a time.
    Drip {
        /// Before each byte; tokio's timer is no finer than a millisecond.
        every: Duration,
    },
    /// 200 and an unending body: the beginning of an answer whose `message` does not end.
    Flood,
    /// The documented answer under two megabytes of headers.
    BigHeaders,
    /// The documented answer with this merged into `data.account` as RFC 7396 says, but for
    /// one thing: a null in the patch sets null, for that is what an answer may hold.
    /// [`Behaviour::Without`] removes. The fields come in alphabetical order.
    Patch(Value),
    /// The documented answer without these fields of `data.account`, written as JSON
    /// pointers: `/bio`, `/stats/likes`. The fields come in alphabetical order.
    Without(Vec<String>),
    /// 200 with these bytes, said to be JSON.
    Raw(Vec<u8>),
    /// The other behaviour with a `Date` header this far from the clock.
    ServerDate {
        /// Seconds; negative is in the past.
        offset: i64,
        /// What else is answered.
        then: Box<Behaviour>,
    },
}

impl Behaviour {
    /// A refusal in the first documented shape, such as `(403, "FORBIDDEN", …)`.
    pub fn refusal(status: u16, code: &str, message: &str) -> Behaviour {
        Behaviour::Response {
            status,
            headers: vec![("content-type".to_owned(), JSON.to_owned())],
            body: refusal_body(code, message, None),
        }
    }

    /// 429 in the second documented shape, with `Retry-After` in seconds if given.
    pub fn rate_limited(retry_after: Option<u32>) -> Behaviour {
        let mut headers = vec![("content-type".to_owned(), JSON.to_owned())];
        headers.extend(retry_after.map(|s| ("retry-after".to_owned(), s.to_string())));
        let body = error_body("RATE_LIMITED", "Rate limit exceeded: 60 requests per minute");
        Behaviour::Response { status: 429, headers, body }
    }

    /// Takes the delays and the shifted dates off a behaviour.
    pub fn unwrapped(self) -> Unwrapped {
        let mut unwrapped =
            Unwrapped { delay: Duration::ZERO, date_offset: None, core: Behaviour::Answer };
        let mut rest = self;
        loop {
            rest = match rest {
                Behaviour::After(delay, then) => {
                    unwrapped.delay = unwrapped.delay.saturating_add(delay);
                    *then
                }
                Behaviour::ServerDate { offset, then } => {
                    unwrapped.date_offset = Some(offset);
                    *then
                }
                core => {
                    unwrapped.core = core;
                    return unwrapped;
                }
            }
        }
    }

    /// Whether the vendor went to the platform for it, so that the account is a step older.
    pub fn scrapes(&self) -> bool {
        !matches!(self, Behaviour::Response { .. } | Behaviour::Raw(_))
    }

    /// Whether a vendor that charges whenever it may would have taken a credit.
    pub fn charges(&self, account_exists: bool) -> bool {
        match self {
            Behaviour::Response { status, .. } => !(300..500).contains(status),
            Behaviour::Raw(_) => true,
            _ => account_exists,
        }
    }
}

/// A behaviour that is neither `After` nor `ServerDate`, and what they had said.
pub struct Unwrapped {
    pub delay: Duration,
    pub date_offset: Option<i64>,
    pub core: Behaviour,
}

/// Merges as [`Behaviour::Patch`] says.
pub fn merge(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (name, value) in patch {
                merge(target.entry(name).or_insert(Value::Null), value);
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}

/// Removes as [`Behaviour::Without`] says.
pub fn remove(target: &mut Value, pointer: &str) {
    if let Some((parent, name)) = pointer.rsplit_once('/')
        && let Some(Value::Object(fields)) = target.pointer_mut(parent)
    {
        fields.remove(name);
    }
}
