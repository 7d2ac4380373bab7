//! A call that came back.

use crate::api::{Answer, BodyPermit, ClassifiedResponse, classify};
use crate::clock::Time;
use crate::store::Claim;

/// A call that came back.
#[derive(Debug)]
pub struct CompletedCall {
    /// The right under which it was made.
    pub claim: Claim,
    /// What came back, understood: that is no work for the engine's thread.
    pub response: ClassifiedResponse,
    pub arrived: Time,
    /// What is kept of a large answer takes as much memory as the answer did.
    pub permit: BodyPermit,
}

impl CompletedCall {
    /// What a call brought back, understood here.
    pub fn new(claim: Claim, answer: Answer, arrived: Time) -> CompletedCall {
        let response = classify(&answer, claim.account_id(), arrived);
        CompletedCall { claim, response, arrived, permit: answer.into_body_permit() }
    }
}
