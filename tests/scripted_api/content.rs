//! The bodies of the scripted API's responses.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::Sleep;

/// A response body, with a value to hold until it is sent or given up.
pub struct Answer<H> {
    pub content: Content,
    /// Dropped before the last byte is sent, so that a client which has read the response never
    /// finds its call still in flight.
    pub _held: H,
}

pub enum Content {
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

/// The error that ends a connection early on purpose.
#[derive(Debug)]
pub struct Severed;

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
                // When a body fails, hyper drops what it has not written yet; it writes when a body
                // is pending.
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
