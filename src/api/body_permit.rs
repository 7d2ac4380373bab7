//! How many large bodies are held at once, so that a vendor gone mad cannot fill the memory.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a body may hold without a permit, in bytes: many times a documented one.
pub(super) const SMALL: usize = 64 << 10;

/// How many larger ones are held at once.
const LARGE: usize = 8;

/// Where the permits for large bodies come from.
#[derive(Clone, Debug)]
pub(super) struct BodyPermits(Arc<Semaphore>);

/// The permit to hold a large body, which is another's once the answer was settled.
#[derive(Clone, Debug, Default)]
pub struct BodyPermit(
    #[expect(dead_code, reason = "held until it is dropped")] Option<Arc<OwnedSemaphorePermit>>,
);

/// Where a body is held is no part of what it says.
impl PartialEq for BodyPermit {
    fn eq(&self, _: &BodyPermit) -> bool {
        true
    }
}

impl BodyPermits {
    pub(super) fn new() -> BodyPermits {
        BodyPermits(Arc::new(Semaphore::new(LARGE)))
    }

    /// Waits for a permit.
    pub(super) async fn enter(&self) -> BodyPermit {
        let permit = Arc::clone(&self.0).acquire_owned().await;
        // Nobody closes the semaphore.
        BodyPermit(permit.ok().map(Arc::new))
    }
}
