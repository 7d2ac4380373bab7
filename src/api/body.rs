//! A response's body, of which no more is read than can be of use.

use reqwest::Response;
use serde_json::value::RawValue;

use crate::api::answer::{KEPT, MAX_BODY};
use crate::api::body_permit::{BodyPermit, BodyPermits, SMALL};
use crate::api::deadline::Deadline;

/// What was read of a body.
#[derive(Default)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) permit: BodyPermit,
}

/// Why there is no more of it.
pub(super) enum BodyEnd {
    /// That is all.
    Whole,
    /// It has over [`MAX_BODY`] bytes; what is left is enough to keep its beginning.
    TooLarge,
    Broken(reqwest::Error),
    /// It did not come in time.
    TimedOut,
}

impl Body {
    /// Reads the body of `response`. `secret` is the length that a
    /// secret in it may have.
    pub(super) async fn read(
        response: &mut Response,
        permits: &BodyPermits,
        deadline: &mut Deadline,
        secret: usize,
    ) -> (Body, BodyEnd) {
        let mut body = Body::default();
        body.bytes.reserve_exact(announced(response).min(SMALL));
        let end = loop {
            let chunk = match deadline.bound(response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => break BodyEnd::Whole,
                // All of it was told: only the end of the body, or of the connection, is amiss.
                _ if is_complete(&body.bytes) => break BodyEnd::Whole,
                Ok(Err(error)) => break BodyEnd::Broken(error),
                Err(_) => break BodyEnd::TimedOut,
            };
            let length = body.bytes.len() + chunk.len();
            if length > MAX_BODY {
                body.bytes.extend_from_slice(&chunk);
                body.keep_beginning(secret);
                break BodyEnd::TooLarge;
            }
            if length > SMALL && body.bytes.len() <= SMALL {
                match deadline.bound(permits.enter()).await {
                    Ok(permit) => body.permit = permit,
                    Err(_) => break BodyEnd::TimedOut,
                }
                body.bytes.reserve_exact(announced(response).saturating_sub(body.bytes.len()));
            }
            append(&mut body.bytes, &chunk);
        };
        (body, end)
    }

    /// Of no use as it is, and many may be in flight. A secret that begins within what
    /// will be kept is still whole.
    fn keep_beginning(&mut self, secret: usize) {
        self.bytes.truncate(KEPT + secret);
        self.bytes.shrink_to_fit();
        self.permit = BodyPermit::default();
    }
}

/// How long the body is said to be, as far as it is read.
fn announced(response: &Response) -> usize {
    let length = response.content_length().and_then(|length| usize::try_from(length).ok());
    length.unwrap_or(0).min(MAX_BODY)
}

/// Grows a body by doubling, but never beyond what is read: many calls may be in flight.
fn append(body: &mut Vec<u8>, chunk: &[u8]) {
    if body.capacity() - body.len() < chunk.len() {
        let room = MAX_BODY.saturating_sub(body.len());
        body.reserve_exact(body.len().min(room).max(chunk.len()));
    }
    body.extend_from_slice(chunk);
}

/// Whether a body is a JSON object to its last brace: nothing that could still come would belong
/// to it.
fn is_complete(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<&RawValue>(body).is_ok()
}
