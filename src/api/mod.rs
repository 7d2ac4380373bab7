//! The vendor's API: asking, and understanding what comes back.
//!
//! [`Client`] is the only code that sends the key anywhere, to the configured host alone, and it
//! makes a call for a committed [`crate::store::Claim`] and for nothing else. What comes back is
//! an [`Answer`]; [`classify()`] is the one place that says what an answer means, and pure, so that
//! the engine can be simulated from here upwards.

mod answer;
mod body;
mod body_permit;
mod classify;
mod client;
mod deadline;
mod decode;
mod extra;
mod object;
mod online;
mod redaction;
mod transport;
mod unstorable;
mod vendor_error;

pub use answer::{Answer, HttpAnswer, MAX_BODY, RetryAfter};
pub use body_permit::BodyPermit;
pub use classify::{CLOCK_TOLERANCE, ClassifiedResponse, ResponseKind, classify};
pub use client::{Client, ClientError};
pub use decode::{Unusable, decode};
pub use extra::MAX_KEPT;
pub use online::{Reached, Unreached, reach};
pub use transport::{TransportError, check_tls};
