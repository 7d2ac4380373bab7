//! The vendor's API: asking, and understanding what comes back.
//!
//! [`Client`] is the only code that sends the key anywhere, to the configured host alone. What
//! comes back is an [`Answer`]; [`classify`] is the one place that says what an answer means,
//! and pure, so that the engine can be simulated from here upwards.

mod answer;
mod body;
mod body_permit;
mod classify;
mod client;
mod deadline;
mod decode;
mod object;
mod redaction;
mod transport;
mod vendor_error;

pub use answer::{Answer, HttpAnswer, MAX_BODY, RetryAfter};
pub use body_permit::BodyPermit;
pub use classify::{CLOCK_TOLERANCE, ClassifiedResponse, ResponseKind, classify};
pub use client::{Client, ClientError};
pub use decode::{Unusable, decode};
pub use transport::TransportError;
