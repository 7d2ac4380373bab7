//! Polling the configuration files, for `run --watch`.

use std::path::Path;
use std::time::Duration;

use crate::config::{FileSet, FileSetState};

/// How often the files are checked.
const INTERVAL: Duration = Duration::from_secs(1);

/// The files of a configuration, with their state when they were last loaded.
#[derive(Debug)]
pub struct WatchedFiles {
    files: FileSet,
    seen: FileSetState,
}

impl WatchedFiles {
    /// Records the current state of the files. Call it before they are read, so that an edit in
    /// between is noticed.
    pub fn new(path: &Path) -> WatchedFiles {
        let mut files = FileSet::new(path);
        let seen = files.state();
        WatchedFiles { files, seen }
    }

    /// Waits until a file has changed and all files then stayed the same for one interval, since an
    /// editor may still be writing. A file that is missing for a moment is being replaced.
    pub async fn changed(&mut self) {
        let mut pending = None;
        loop {
            tokio::time::sleep(INTERVAL).await;
            let now = self.files.state();
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
