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
    /// For how many polls in a row the main file has been missing.
    missing: u32,
}

/// For how many polls in a row the main file may be missing while it is being replaced.
const MAX_MISSING: u32 = 10;

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
            missing: 0,
        };
        files.loaded = files.state();
        files
    }

    /// Returns whether a file has changed and all files then stayed the same since the last poll:
    /// an editor may still be writing. A main file that is missing may be being replaced, and counts
    /// as changed only after ten seconds.
    pub fn poll_edit(&mut self) -> bool {
        let now = self.state();
        self.missing = if now.is_incomplete() { self.missing.saturating_add(1) } else { 0 };
        if now == self.loaded || (1..MAX_MISSING).contains(&self.missing) {
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
    /// Returns whether the main file is missing.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_main_file_is_an_edit_once_it_has_been_missing_for_ten_polls() {
        let folder = tempfile::tempdir().expect("a folder");
        let main = folder.path().join("config.toml");
        fs::write(&main, "x").expect("a file");
        let mut files = WatchedFiles::new(&main);
        let mut edits =
            |polls: u32| (1..=polls).filter(|_| files.poll_edit()).collect::<Vec<u32>>();
        assert!(edits(3).is_empty());
        let away = folder.path().join("away");
        fs::rename(&main, &away).expect("a rename");
        assert!(edits(9).is_empty());
        // As if it had never been away.
        fs::rename(&away, &main).expect("a rename");
        let back = edits(3);
        assert!(back.is_empty() || back == [2], "a rename may change the file's times: {back:?}");
        fs::remove_file(&main).expect("removed");
        assert_eq!(edits(30), [11]);
        fs::write(&main, "x").expect("a file");
        assert_eq!(edits(30), [2]);
    }
}
