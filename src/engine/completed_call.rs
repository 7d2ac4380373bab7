//! A call whose response has arrived.

use crate::api::{BodyPermit, CallResult, ClassifiedResponse, classify};
use crate::clock::Time;
use crate::store::Claim;

/// A call whose response has arrived.
#[derive(Debug)]
pub struct CompletedCall {
    pub claim: Claim,
    /// The response, already classified, so that the engine's thread need not do it.
    pub response: ClassifiedResponse,
    pub arrived: Time,
    /// Held until settled, because what is kept of a large response takes as much memory as the
    /// response did.
    pub permit: BodyPermit,
}

impl CompletedCall {
    /// Classifies a response.
    pub fn new(claim: Claim, result: CallResult, arrived: Time) -> CompletedCall {
        let response = classify(&result, claim.account_id(), arrived);
        CompletedCall { claim, response, arrived, permit: result.into_body_permit() }
    }
}
