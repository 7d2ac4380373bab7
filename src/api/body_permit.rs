//! How many large answers are held at once, so that a vendor gone mad cannot fill the memory.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What an answer may hold without asking for room, in bytes: many times a documented one.
pub(super) const SMALL: usize = 64 << 10;

/// How many larger ones are held at once.
const LARGE: usize = 8;

/// Where the room for large answers is asked for.
#[derive(Clone, Debug)]
pub(super) struct BodyPermits(Arc<Semaphore>);

/// A large answer's room, which is another's once the answer was settled.
#[derive(Clone, Debug, Default)]
pub struct BodyPermit(
    #[expect(dead_code, reason = "held until it is dropped")] Option<Arc<OwnedSemaphorePermit>>,
);

/// Where an answer is held is no part of what it says.
impl PartialEq for BodyPermit {
    fn eq(&self, _: &BodyPermit) -> bool {
        true
    }
}

impl BodyPermits {
    pub(super) fn new() -> BodyPermits {
        BodyPermits(Arc::new(Semaphore::new(LARGE)))
    }

    /// Room for a large answer; `None` if there is none for so long.
    pub(super) async fn enter(&self, patience: Duration) -> Option<BodyPermit> {
        let free = Arc::clone(&self.0).acquire_owned();
        let permit = tokio::time::timeout(patience, free).await.ok()?.ok()?;
        Some(BodyPermit(Some(Arc::new(permit))))
    }
}
