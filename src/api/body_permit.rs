//! Limits how many large bodies are held at once, so that a malfunctioning vendor cannot exhaust
//! the memory.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The largest body that needs no permit, in bytes: many times a documented one.
pub(super) const SMALL: usize = 64 << 10;

/// How many larger bodies may be held at once.
const LARGE: usize = 8;

/// The source of permits for large bodies.
#[derive(Clone, Debug)]
pub(super) struct BodyPermits(Arc<Semaphore>);

/// A permit to hold a large body, until the response has been settled.
#[derive(Clone, Debug, Default)]
pub struct BodyPermit(
    #[expect(dead_code, reason = "held until it is dropped")] Option<Arc<OwnedSemaphorePermit>>,
);

/// Permits do not affect whether responses are equal.
impl PartialEq for BodyPermit {
    fn eq(&self, _: &BodyPermit) -> bool {
        true
    }
}

impl BodyPermits {
    pub(super) fn new() -> BodyPermits {
        BodyPermits(Arc::new(Semaphore::new(LARGE)))
    }

    pub(super) async fn acquire(&self) -> BodyPermit {
        let permit = Arc::clone(&self.0).acquire_owned().await;
        // The semaphore is never closed.
        BodyPermit(permit.ok().map(Arc::new))
    }
}
