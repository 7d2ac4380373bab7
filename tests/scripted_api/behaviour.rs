//! Behaviours of the scripted API.

use std::time::Duration;

use growthd::simulated_api::{JSON, error_body, refusal_body};
use serde_json::Value;

/// The response to a call with the right key.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// The documented response, or 404 for an account that does not exist.
    Answer,
    /// Exactly this response. hyper sends no final status below 200 and no body with 204 and 304,
    /// and sets the length itself, so headers that frame the body do not belong here.
    Response {
        /// 200 to 999.
        status: u16,
        /// Sent verbatim. A name may repeat; there is no default content type.
        headers: Vec<(String, String)>,
        /// As sent.
        body: Vec<u8>,
    },
    /// Another behaviour after a delay.
    After(Duration, Box<Behaviour>),
    /// No response; the call is in flight until the client closes the connection.
    Hang,
    /// Closes the connection without a response.
    Cut,
    /// Sends the documented response's length and first half, and closes the connection.
    CutMidBody,
    /// Sends the documented response one byte at a time.
    Drip {
        /// The delay before each byte; tokio's timer has a resolution of a millisecond.
        every: Duration,
    },
    /// 200 with an endless body: the beginning of a response whose `message` does not end.
    Flood,
    /// The documented response with two megabytes of headers.
    BigHeaders,
    /// The documented response with this merged into `data.account` as in RFC 7396, except that a
    /// null in the patch sets null, as a response may have. [`Behaviour::Without`] removes fields.
    /// The fields are in alphabetical order.
    Patch(Value),
    /// The documented response without these fields of `data.account`, given as JSON pointers such
    /// as `/bio` or `/stats/likes`. The fields are in alphabetical order.
    Without(Vec<String>),
    /// 200 with these bytes, and the content type of JSON.
    Raw(Vec<u8>),
    /// Another behaviour with a `Date` header this far from the clock.
    ServerDate {
        /// In seconds; negative in the past.
        offset: i64,
        /// The other behaviour.
        then: Box<Behaviour>,
    },
}

impl Behaviour {
    /// Returns an error in the first documented shape, such as `(403, "FORBIDDEN", …)`.
    pub fn refusal(status: u16, code: &str, message: &str) -> Behaviour {
        Behaviour::Response {
            status,
            headers: vec![("content-type".to_owned(), JSON.to_owned())],
            body: refusal_body(code, message, None),
        }
    }

    /// Returns a 429 in the second documented shape, with `Retry-After` in seconds if given.
    pub fn rate_limited(retry_after: Option<u32>) -> Behaviour {
        let mut headers = vec![("content-type".to_owned(), JSON.to_owned())];
        headers.extend(retry_after.map(|s| ("retry-after".to_owned(), s.to_string())));
        let body = error_body("RATE_LIMITED", "Rate limit exceeded: 60 requests per minute");
        Behaviour::Response { status: 429, headers, body }
    }

    /// Separates the delays and shifted dates from a behaviour.
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

    /// Returns whether the vendor scraped the platform for it, so that the account is a step older.
    pub fn scrapes(&self) -> bool {
        !matches!(self, Behaviour::Response { .. } | Behaviour::Raw(_))
    }

    /// Returns whether the call is charged.
    pub fn charges(&self, account_exists: bool) -> bool {
        match self {
            Behaviour::Response { status, .. } => !(300..500).contains(status),
            Behaviour::Raw(_) => true,
            _ => account_exists,
        }
    }
}

/// A behaviour that is neither `After` nor `ServerDate`, with their values.
pub struct Unwrapped {
    pub delay: Duration,
    pub date_offset: Option<i64>,
    pub core: Behaviour,
}

/// Merges as for [`Behaviour::Patch`].
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

/// Removes as for [`Behaviour::Without`].
pub fn remove(target: &mut Value, pointer: &str) {
    if let Some((parent, name)) = pointer.rsplit_once('/')
        && let Some(Value::Object(fields)) = target.pointer_mut(parent)
    {
        fields.remove(name);
    }
}
