//! A limit on concurrent connections, under which idle clients give way to new ones.
//!
//! A connection without a request takes a file descriptor, and a limited number of them could keep
//! everyone else out. So when the limit is reached, the client that has been idle longest is
//! disconnected. A client that has sent a request is always answered.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::clock;

/// How long a client may stay idle while others wait: long enough to read a request that was sent
/// immediately.
const GRACE: Duration = Duration::from_millis(100);

/// A limited number of connections.
pub(super) struct Connections {
    permits: Arc<Semaphore>,
    idle: Arc<IdleClients>,
}

/// The clients that have not sent a request yet, the longest idle first.
#[derive(Default)]
struct IdleClients(Mutex<VecDeque<IdleClient>>);

#[derive(Clone)]
struct IdleClient {
    since: Instant,
    evicted: Arc<Notify>,
}

/// An admitted connection, which counts towards the limit until it is dropped.
pub(super) struct Connection {
    client: IdleClient,
    idle: Arc<IdleClients>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Connections {
    pub(super) fn new(limit: usize) -> Connections {
        Connections { permits: Arc::new(Semaphore::new(limit)), idle: Arc::default() }
    }

    /// Waits until a new connection is within the limit, disconnecting an idle client if necessary.
    pub(super) async fn admit(&self) -> Connection {
        let permit = Arc::clone(&self.permits).acquire_owned();
        tokio::pin!(permit);
        let permit = tokio::select! {
            biased;
            permit = &mut permit => permit,
            () = self.idle.evict_longest_idle() => permit.await,
        };
        let client = IdleClient { since: clock::monotonic(), evicted: Arc::default() };
        self.idle.lock().push_back(client.clone());
        // The semaphore is never closed.
        Connection { client, idle: Arc::clone(&self.idle), _permit: permit.ok() }
    }
}

impl IdleClients {
    fn lock(&self) -> MutexGuard<'_, VecDeque<IdleClient>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Disconnects the client that has been idle longest, once it has had its grace period. If no
    /// client is idle, waits forever: a busy one will finish.
    async fn evict_longest_idle(&self) {
        loop {
            let Some(oldest) = self.lock().front().cloned() else {
                return std::future::pending().await;
            };
            let idle_time = clock::monotonic().duration_since(oldest.since);
            match GRACE.checked_sub(idle_time) {
                Some(left) if !left.is_zero() => tokio::time::sleep(left).await,
                _ => return oldest.evicted.notify_one(),
            }
        }
    }
}

impl Connection {
    /// Runs `work`. Returns `None` if the client is disconnected in the meantime.
    pub(super) async fn unless_evicted<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.client.evicted.notified() => None,
            done = work => Some(done),
        }
    }

    /// Records that the client has sent a request, after which it is not disconnected any more.
    pub(super) fn mark_busy(&self) {
        let is_this = |client: &IdleClient| Arc::ptr_eq(&client.evicted, &self.client.evicted);
        self.idle.lock().retain(|client| !is_this(client));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.mark_busy();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_idle_client_is_evicted_and_busy_ones_stay() {
        let connections = Connections::new(2);
        let (busy, idle) = (connections.admit().await, connections.admit().await);
        busy.mark_busy();
        let evicted = async {
            let end = idle.unless_evicted(std::future::pending::<()>()).await;
            drop(idle);
            end
        };
        let (admitted, end) = tokio::join!(connections.admit(), evicted);
        assert_eq!(end, None);
        assert_eq!(busy.unless_evicted(std::future::ready(7)).await, Some(7));
        // When every client has sent a request, the first one to finish makes room.
        admitted.mark_busy();
        let (_last, ()) = tokio::join!(connections.admit(), async { drop(busy) });
    }
}
