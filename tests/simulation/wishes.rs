//! What people asked for.

use std::collections::{HashMap, HashSet};

/// What people asked for, and has not been called for yet.
#[derive(Debug, Default)]
pub struct Wishes {
    /// By account: who asked.
    refreshes: HashMap<String, HashSet<u64>>,
    lookups: usize,
}

impl Wishes {
    pub fn asked(&mut self, requester: u64, ids: &[String]) {
        for id in ids {
            self.refreshes.entry(id.clone()).or_default().insert(requester);
        }
    }

    pub fn looked_up(&mut self) {
        self.lookups += 1;
    }

    pub fn cancelled(&mut self, requester: u64) {
        for requesters in self.refreshes.values_mut() {
            requesters.remove(&requester);
        }
    }

    /// The process that knew of them is gone.
    pub fn forget(&mut self) {
        self.refreshes.clear();
        self.lookups = 0;
    }

    /// Whether somebody asked for the account; one call answers all who did.
    pub fn grant(&mut self, id: &str) -> bool {
        self.refreshes.remove(id).is_some_and(|requesters| !requesters.is_empty())
    }

    /// Whether somebody asked for an account by its name.
    pub fn grant_lookup(&mut self) -> bool {
        let is_asked = self.lookups > 0;
        self.lookups = self.lookups.saturating_sub(1);
        is_asked
    }
}
