//! A call whose response has arrived.

use crate::api::{Answer, BodyPermit, ClassifiedResponse, classify};
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
    pub fn new(claim: Claim, answer: Answer, arrived: Time) -> CompletedCall {
        let response = classify(&answer, claim.account_id(), arrived);
        CompletedCall { claim, response, arrived, permit: answer.into_body_permit() }
    }
}
