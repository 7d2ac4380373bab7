//! Reads the body of a response, within bounds.

use reqwest::Response;
use serde_json::value::RawValue;

use crate::api::body_permit::{BodyPermit, BodyPermits, SMALL};
use crate::api::call_result::{KEPT, MAX_BODY};
use crate::api::deadline::Deadline;

/// A body, as far as it was read.
#[derive(Default)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) permit: BodyPermit,
}

/// Why reading a body ended.
pub(super) enum BodyEnd {
    /// The body is complete.
    Whole,
    /// It has over [`MAX_BODY`] bytes; as much was read as is to be kept.
    TooLarge,
    Broken(reqwest::Error),
    TimedOut,
}

impl Body {
    /// Reads the body of `response`. `secret` is the longest that a secret in it may be, in bytes.
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
                // The JSON is complete: only the end of the body or of the connection is malformed.
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
                // The others are held until they are recorded, which may take long. What waits here
                // has arrived, and needs little memory.
                body.permit = deadline.suspended(permits.acquire()).await;
                body.bytes.reserve_exact(announced(response).saturating_sub(body.bytes.len()));
            }
            append(&mut body.bytes, &chunk);
        };
        (body, end)
    }

    /// Frees all but the beginning of a body that is too large: many may be in flight. Keeps enough
    /// that a secret which begins in the first [`KEPT`] bytes is complete, and can be redacted.
    fn keep_beginning(&mut self, secret: usize) {
        self.bytes.truncate(KEPT + secret);
        self.bytes.shrink_to_fit();
        self.permit = BodyPermit::default();
    }
}

/// Returns the announced length of the body, up to [`MAX_BODY`].
fn announced(response: &Response) -> usize {
    let length = response.content_length().and_then(|length| usize::try_from(length).ok());
    length.unwrap_or(0).min(MAX_BODY)
}

/// Appends to a body, whose capacity grows by doubling but not beyond [`MAX_BODY`]: many calls may
/// be in flight.
fn append(body: &mut Vec<u8>, chunk: &[u8]) {
    if body.capacity() - body.len() < chunk.len() {
        let remaining = MAX_BODY.saturating_sub(body.len());
        body.reserve_exact(body.len().min(remaining).max(chunk.len()));
    }
    body.extend_from_slice(chunk);
}

/// Returns whether a body is a complete JSON object, to which nothing more could belong.
fn is_complete(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<&RawValue>(body).is_ok()
}
