//! What the simulated API does with a call, and the bodies it answers with.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use serde::Serialize;
use serde_json::Value;
use tokio::time::Sleep;

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
    pub(super) fn unwrapped(self) -> Unwrapped {
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
    pub(super) fn scrapes(&self) -> bool {
        !matches!(self, Behaviour::Response { .. } | Behaviour::Raw(_))
    }

    /// Whether a vendor that charges whenever it may would have taken a credit.
    pub(super) fn charges(&self, account_exists: bool) -> bool {
        match self {
            Behaviour::Response { status, .. } => !(300..500).contains(status),
            Behaviour::Raw(_) => true,
            _ => account_exists,
        }
    }
}

/// A behaviour that is neither `After` nor `ServerDate`, and what they had said.
pub(super) struct Unwrapped {
    pub delay: Duration,
    pub date_offset: Option<i64>,
    pub core: Behaviour,
}

pub(super) const JSON: &str = "application/json; charset=utf-8";

/// How the vendor documents an error in some places: `{"success":false,"message":…,"code":…}`.
pub(super) fn refusal_body(code: &str, message: &str, field: Option<&str>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Details<'a> {
        field: &'a str,
    }
    #[derive(Serialize)]
    struct Refusal<'a> {
        success: bool,
        message: &'a str,
        code: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        details: Option<Details<'a>>,
    }
    let details = field.map(|field| Details { field });
    to_json(&Refusal { success: false, message, code, details })
}

/// How it documents one in others: `{"error":{"code":…,"message":…}}`.
pub(super) fn error_body(code: &str, message: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Error<'a> {
        code: &'a str,
        message: &'a str,
    }
    #[derive(Serialize)]
    struct Shape<'a> {
        error: Error<'a>,
    }
    to_json(&Shape { error: Error { code, message } })
}

/// Nothing here can fail to be JSON: no map has keys that are not text. An empty body would
/// be seen by the first test.
pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Merges as [`Behaviour::Patch`] says.
pub(super) fn merge(target: &mut Value, patch: &Value) {
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
pub(super) fn remove(target: &mut Value, pointer: &str) {
    if let Some((parent, name)) = pointer.rsplit_once('/')
        && let Some(Value::Object(fields)) = target.pointer_mut(parent)
    {
        fields.remove(name);
    }
}

/// A response body, and something to hold until it is sent or given up.
pub(super) struct Answer<H> {
    pub content: Content,
    /// Dropped with the body: before the last byte leaves, so that a client that has read an
    /// answer never finds its call still in flight.
    pub _held: H,
}

pub(super) enum Content {
    Whole(Option<Bytes>),
    Half { rest: Option<Bytes>, announced: u64, flushed: bool },
    Drip { rest: Bytes, every: Duration, wait: Pin<Box<Sleep>> },
    Flood { next: Bytes },
}

impl Content {
    pub fn whole(bytes: Vec<u8>) -> Content {
        Content::Whole(Some(bytes.into()).filter(|b: &Bytes| !b.is_empty()))
    }

    pub fn half(bytes: Vec<u8>) -> Content {
        let mut half = Bytes::from(bytes);
        let announced = length(&half);
        half.truncate(half.len() / 2);
        Content::Half { rest: Some(half), announced, flushed: false }
    }

    pub fn drip(bytes: Vec<u8>, every: Duration) -> Content {
        Content::Drip { rest: bytes.into(), every, wait: Box::pin(tokio::time::sleep(every)) }
    }

    pub fn flood() -> Content {
        Content::Flood { next: Bytes::from_static(br#"{"success":true,"message":""#) }
    }
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Why a connection ends early: because the script says so.
#[derive(Debug)]
pub(super) struct Severed;

impl fmt::Display for Severed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut, as scripted")
    }
}

impl std::error::Error for Severed {}

impl From<Infallible> for Severed {
    fn from(never: Infallible) -> Severed {
        match never {}
    }
}

impl<H: Unpin> Body for Answer<H> {
    type Data = Bytes;
    type Error = Severed;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Severed>>> {
        let data = |bytes| Poll::Ready(Some(Ok(Frame::data(bytes))));
        match &mut self.get_mut().content {
            Content::Whole(bytes) => bytes.take().map_or(Poll::Ready(None), data),
            Content::Half { rest, flushed, .. } => {
                if let Some(half) = rest.take() {
                    return data(half);
                }
                // hyper drops what it has not yet written when a body fails, and it writes
                // when a body has nothing for it.
                if !*flushed {
                    *flushed = true;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Some(Err(Severed)))
            }
            Content::Drip { rest, every, wait } => {
                if rest.is_empty() {
                    return Poll::Ready(None);
                }
                if wait.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                *wait = Box::pin(tokio::time::sleep(*every));
                data(rest.split_to(1))
            }
            Content::Flood { next } => {
                static CHUNK: [u8; 16 * 1024] = [b'a'; 16 * 1024];
                data(std::mem::replace(next, Bytes::from_static(&CHUNK)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_none(),
            Content::Drip { rest, .. } => rest.is_empty(),
            Content::Half { .. } | Content::Flood { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, length)),
            Content::Half { announced, .. } => SizeHint::with_exact(*announced),
            Content::Drip { rest, .. } => SizeHint::with_exact(length(rest)),
            Content::Flood { .. } => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_merges_and_its_null_sets_null() {
        let mut account = json!({"bio": "b", "stats": {"likes": 1, "videos": 2}});
        merge(&mut account, &json!({"bio": null, "stats": {"likes": "1"}, "new": {"x": [1]}}));
        let merged = json!({"bio": null, "stats": {"likes": "1", "videos": 2}, "new": {"x": [1]}});
        assert_eq!(account, merged);
        merge(&mut account, &json!([]));
        assert_eq!(account, json!([]));
    }

    #[test]
    fn what_is_removed_is_absent() {
        let mut account = json!({"bio": "b", "stats": {"likes": 1, "videos": 2}});
        for pointer in ["/bio", "/stats/likes", "/nothing", "/bio/deeper", "bio"] {
            remove(&mut account, pointer);
        }
        assert_eq!(account, json!({"stats": {"videos": 2}}));
    }

    #[test]
    fn delays_add_up_and_the_nearest_date_holds() {
        let second = Duration::from_secs(1);
        let inner = Behaviour::After(second, Box::new(Behaviour::Hang));
        let dated = Behaviour::ServerDate { offset: -7200, then: Box::new(inner) };
        let all = Behaviour::After(second, Box::new(dated)).unwrapped();
        assert_eq!((all.delay, all.date_offset), (2 * second, Some(-7200)));
        assert!(matches!(all.core, Behaviour::Hang));
    }
}
