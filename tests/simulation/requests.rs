//! The requests of people.

use std::collections::{HashMap, HashSet};

/// The requests for which no call was made yet. A call serves them, whatever its cause: the requester
/// gets its result.
#[derive(Debug, Default)]
pub struct Requests {
    /// The requesters of each account.
    refreshes: HashMap<String, HashSet<u64>>,
    lookups: usize,
}

impl Requests {
    pub fn add(&mut self, requester: u64, ids: &[String]) {
        for id in ids {
            self.refreshes.entry(id.clone()).or_default().insert(requester);
        }
    }

    pub fn add_lookup(&mut self) {
        self.lookups += 1;
    }

    pub fn cancel(&mut self, requester: u64) {
        for requesters in self.refreshes.values_mut() {
            requesters.remove(&requester);
        }
    }

    /// Forgets all requests, as the process does when it ends.
    pub fn clear(&mut self) {
        self.refreshes.clear();
        self.lookups = 0;
    }

    /// Takes the requests for an account that is called. Returns whether there were any.
    pub fn take(&mut self, id: &str) -> bool {
        self.refreshes.remove(id).is_some_and(|requesters| !requesters.is_empty())
    }

    /// Takes a request for a lookup. Returns whether there was one.
    pub fn take_lookup(&mut self) -> bool {
        let is_requested = self.lookups > 0;
        self.lookups = self.lookups.saturating_sub(1);
        is_requested
    }
}
