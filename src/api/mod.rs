//! The vendor's API: requests, and the classification of responses.
//!
//! Only [`Client`] sends the key, only to the configured host, and only in a call for a committed
//! [`crate::store::Claim`]. The result of a call is a [`CallResult`]. Only [`classify()`] interprets
//! it; that is pure, so that the engine can be simulated without a network.

mod body;
mod body_permit;
mod call_result;
mod classify;
mod client;
mod deadline;
mod decode;
mod extra;
mod object;
mod online;
mod redaction;
mod redirect;
mod transport;
mod unstorable;
mod vendor_error;

pub use body_permit::BodyPermit;
pub use call_result::{CallResult, HttpResponse, MAX_BODY, RetryAfter};
pub use classify::{CLOCK_TOLERANCE, ClassifiedResponse, ResponseKind, classify};
pub use client::{Client, ClientError};
pub use decode::{Unusable, decode};
pub use extra::MAX_KEPT;
pub use online::{Reached, Unreached, reach};
pub use redirect::Redirect;
pub use transport::{TransportError, check_tls};
