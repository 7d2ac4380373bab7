//! Detecting edits of the configuration files, for `run --watch` and `check --watch`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::include::{find, patterns};

/// The files of a configuration. Detects edits, replacements, changed symlinks, and files that appear
/// or disappear.
#[derive(Debug)]
pub struct WatchedFiles {
    main: PathBuf,
    /// The state of the main file when its patterns were last read.
    main_state: Option<FileState>,
    patterns: Vec<String>,
    /// The state of the files when they were last loaded.
    loaded: FileSetState,
    /// The state at the last poll, if it differs from `loaded`.
    pending: Option<FileSetState>,
}

/// The state of a configuration's files at one moment. Equal states mean that nothing was edited.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct FileSetState {
    files: Vec<(PathBuf, Option<FileState>)>,
}

/// The metadata that change when a file is edited or replaced; that of a symlink's target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct FileState {
    modified: SystemTime,
    /// When its metadata changed, in seconds and nanoseconds. Some programs keep the other times.
    changed: (i64, i64),
    device: u64,
    inode: u64,
    length: u64,
}

impl WatchedFiles {
    /// How often to poll.
    pub const INTERVAL: Duration = Duration::from_secs(1);

    /// Records the current state of the files of the configuration at `main`, which need not be
    /// valid. Call this before they are read, so that an edit in between is noticed.
    pub fn new(main: &Path) -> WatchedFiles {
        let mut files = WatchedFiles {
            main: main.to_owned(),
            main_state: None,
            patterns: Vec::new(),
            loaded: FileSetState::default(),
            pending: None,
        };
        files.loaded = files.state();
        files
    }

    /// Returns whether a file has changed and all files then stayed the same since the last poll:
    /// an editor may still be writing. A main file that is missing is being replaced.
    pub fn poll_edit(&mut self) -> bool {
        let now = self.state();
        if now.is_incomplete() || now == self.loaded {
            return false;
        }
        if self.pending.as_ref() == Some(&now) {
            self.loaded = now;
            return true;
        }
        self.pending = Some(now);
        false
    }

    /// Returns the current state of the files.
    pub(super) fn state(&mut self) -> FileSetState {
        let now = state(&self.main);
        // A missing main file may be in the middle of being replaced: keep its patterns.
        if now.is_some() && now != self.main_state {
            self.patterns = patterns(&self.main);
            self.main_state = now;
        }
        let included =
            self.patterns.iter().flat_map(|pattern| find(&self.main, pattern).unwrap_or_default());
        let paths = std::iter::once(self.main.clone()).chain(included);
        FileSetState { files: paths.map(|path| (path.clone(), state(&path))).collect() }
    }
}

impl FileSetState {
    /// Returns whether the main file is missing, perhaps only while it is being replaced.
    pub(super) fn is_incomplete(&self) -> bool {
        self.files.first().is_none_or(|(_, state)| state.is_none())
    }
}

fn state(path: &Path) -> Option<FileState> {
    let file = fs::metadata(path).ok()?;
    Some(FileState {
        modified: file.modified().ok()?,
        changed: (file.ctime(), file.ctime_nsec()),
        device: file.dev(),
        inode: file.ino(),
        length: file.len(),
    })
}
