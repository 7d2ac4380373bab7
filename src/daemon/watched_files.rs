//! The configuration's files, looked at now and then: `run --watch`.

use std::path::Path;
use std::time::Duration;

use crate::config::{FileSet, Look};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// The files of a configuration, and how they were when they were last taken in.
#[derive(Debug)]
pub struct WatchedFiles {
    files: FileSet,
    seen: Look,
}

impl WatchedFiles {
    /// The files as they are now. To be made before they are read, so that an edit in between is
    /// noticed.
    pub fn new(path: &Path) -> WatchedFiles {
        let mut files = FileSet::new(path);
        let seen = files.look();
        WatchedFiles { files, seen }
    }

    /// Waits until a file has changed and all then stayed the same for one look: an editor may be
    /// writing one. A file that is gone for a moment is one being replaced.
    pub async fn changed(&mut self) {
        let mut pending = None;
        loop {
            tokio::time::sleep(EVERY).await;
            let now = self.files.look();
            if now.is_incomplete() || now == self.seen {
                continue;
            }
            if pending.as_ref() == Some(&now) {
                self.seen = now;
                return;
            }
            pending = Some(now);
        }
    }
}
