//! How many may be connected at once. Who has asked nothing yet gives way to newcomers.
//!
//! A connection on which nothing is said costs a descriptor, and in a bounded number holds up
//! whoever comes after it. So where there is no room, the one that has been silent for longest is
//! shown out; whoever has asked is answered.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::clock;

/// How long a client may be silent where others wait: long enough for a question that was sent at
/// once to be read.
const GRACE: Duration = Duration::from_millis(100);

/// So many places.
pub(super) struct Connections {
    permits: Arc<Semaphore>,
    silent: Arc<Silent>,
}

/// Those that have asked nothing yet, the longest silent one first.
#[derive(Default)]
struct Silent(Mutex<VecDeque<Guest>>);

#[derive(Clone)]
struct Guest {
    since: Instant,
    shown_out: Arc<Notify>,
}

/// A place, until it is dropped.
pub(super) struct Connection {
    guest: Guest,
    silent: Arc<Silent>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Connections {
    pub(super) fn new(most: usize) -> Connections {
        Connections { permits: Arc::new(Semaphore::new(most)), silent: Arc::default() }
    }

    /// Waits for a place for somebody who has come, and makes one if it has to.
    pub(super) async fn admit(&self) -> Connection {
        let permit = Arc::clone(&self.permits).acquire_owned();
        tokio::pin!(permit);
        let permit = tokio::select! {
            biased;
            permit = &mut permit => permit,
            () = self.silent.show_one_out() => permit.await,
        };
        let guest = Guest { since: clock::monotonic(), shown_out: Arc::default() };
        self.silent.lock().push_back(guest.clone());
        // Nobody closes the semaphore.
        Connection { guest, silent: Arc::clone(&self.silent), _permit: permit.ok() }
    }
}

impl Silent {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Guest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the longest silent one out, once it has had its time. Where all have asked there is
    /// nobody to wait for but them.
    async fn show_one_out(&self) {
        loop {
            let Some(oldest) = self.lock().front().cloned() else {
                return std::future::pending().await;
            };
            let silence = clock::monotonic().duration_since(oldest.since);
            match GRACE.checked_sub(silence) {
                Some(left) if !left.is_zero() => tokio::time::sleep(left).await,
                _ => return oldest.shown_out.notify_one(),
            }
        }
    }
}

impl Connection {
    /// What `work` brings; `None` where the client is shown out meanwhile.
    pub(super) async fn unless_shown_out<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.guest.shown_out.notified() => None,
            done = work => Some(done),
        }
    }

    /// The client has asked something, and stays until it is answered.
    pub(super) fn asked(&self) {
        let is_it = |guest: &Guest| Arc::ptr_eq(&guest.shown_out, &self.guest.shown_out);
        self.silent.lock().retain(|guest| !is_it(guest));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.asked();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_silent_gives_way_and_whoever_has_asked_stays() {
        let connections = Connections::new(2);
        let (asking, silent) = (connections.admit().await, connections.admit().await);
        asking.asked();
        let shown_out = async {
            let end = silent.unless_shown_out(std::future::pending::<()>()).await;
            drop(silent);
            end
        };
        let (admitted, end) = tokio::join!(connections.admit(), shown_out);
        assert_eq!(end, None);
        assert_eq!(asking.unless_shown_out(std::future::ready(7)).await, Some(7));
        // Where all have asked, one that is answered makes room.
        admitted.asked();
        let (_last, ()) = tokio::join!(connections.admit(), async { drop(asking) });
    }
}
