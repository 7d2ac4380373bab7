//! The configuration's file, looked at now and then: `run --watch`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often the file is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// A file and how it was when it was last taken in.
#[derive(Debug)]
pub struct WatchedFile {
    path: PathBuf,
    seen: Option<State>,
}

/// What differs when a file was edited or replaced: time, inode, length.
type State = (SystemTime, u64, u64);

impl WatchedFile {
    /// The file as it is now. To be made before the file is read, so that an edit in between is
    /// noticed.
    pub fn new(path: &Path) -> WatchedFile {
        WatchedFile { path: path.to_owned(), seen: state(path) }
    }

    /// Waits until the file has changed and then stayed the same for one look: an editor may be
    /// writing it. A file that is gone for a moment is one being replaced.
    pub async fn changed(&mut self) {
        let mut pending = None;
        loop {
            tokio::time::sleep(EVERY).await;
            let now = state(&self.path);
            if now.is_none() || now == self.seen {
                continue;
            }
            if now == pending {
                self.seen = now;
                return;
            }
            pending = now;
        }
    }
}

fn state(path: &Path) -> Option<State> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.ino(), metadata.len()))
}
