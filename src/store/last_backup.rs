//! When the database was last backed up, kept in a small file beside it, because the process that
//! makes a backup may have only read access to the database.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::paths::beside;
use crate::replacement::{Replace, Replaced, Replacement};

/// The file's mode. It holds no secret, and the daemon's user must be able to read what root wrote.
const READABLE: u32 = 0o644;

/// By how many seconds a note may be later than the time now.
const CLOCK_TOLERANCE: i64 = 3600;

/// The last backup, and when the next one is expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LastBackup {
    /// When the backup was completed.
    pub time: Time,
    /// Within how many seconds the next backup is expected; `None` if that is not known.
    pub again_within: Option<i64>,
}

/// The file's content.
#[derive(Serialize, Deserialize)]
struct Note {
    time: i64,
    again_within: Option<i64>,
}

impl LastBackup {
    /// Returns the path of the file for the database at `path`.
    pub fn note_path(path: &Path) -> PathBuf {
        beside(path, ".backup")
    }

    /// Reads when the database at `path` was last backed up; `None` if that was not recorded.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, or holds something else.
    pub fn read(path: &Path) -> io::Result<Option<LastBackup>> {
        match fs::read(LastBackup::note_path(path)) {
            Ok(note) => {
                let Note { time, again_within } = serde_json::from_slice(&note)?;
                Ok(Some(LastBackup { time: Time(time), again_within }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Records a backup of the database at `path`. Without `again_within`, keeps the earlier
    /// expectation.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn note(path: &Path, time: Time, again_within: Option<i64>) -> io::Result<()> {
        // One that cannot be read is replaced.
        let earlier = LastBackup::read(path).ok().flatten().and_then(|backup| backup.again_within);
        let note = Note { time: time.0, again_within: again_within.or(earlier) };
        let mut file = Replacement::begin(&LastBackup::note_path(path), READABLE)?;
        file.file().write_all(&serde_json::to_vec(&note)?)?;
        // Set the mode regardless of the umask. This fails on a file system without modes.
        file.file().set_permissions(Permissions::from_mode(READABLE)).ok();
        match file.finish(Replace::Allowed)? {
            // Half of a note, after a crash, is reported as unreadable.
            Replaced::Renamed | Replaced::InPlace => Ok(()),
        }
    }

    /// Returns whether the next backup was expected before `now`. It is late as well if the last one is
    /// noted for a time to come.
    pub fn is_late(self, now: Time) -> bool {
        self.again_within
            .is_some_and(|within| self.time.plus(within) < now || self.is_ahead_of(now))
    }

    /// Returns whether the clock was ahead when the backup was noted, by more than clocks differ.
    pub fn is_ahead_of(self, now: Time) -> bool {
        self.time > now.plus(CLOCK_TOLERANCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_late_only_if_it_was_expected() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("growth.db");
        assert_eq!(LastBackup::read(&path).expect("no note"), None);
        LastBackup::note(&path, Time(100), None).expect("noted");
        let is_late = |now| {
            let last = LastBackup::read(&path).expect("a note");
            last.expect("a backup").is_late(Time(now))
        };
        assert!(!is_late(1_000_000), "no further backup was expected");
        LastBackup::note(&path, Time(200), Some(50)).expect("noted");
        assert_eq!((is_late(250), is_late(251)), (false, true));
        LastBackup::note(&path, Time(300), None).expect("noted");
        assert_eq!((is_late(350), is_late(351)), (false, true));
        LastBackup::note(&path, Time(9000), None).expect("noted");
        assert_eq!((is_late(5399), is_late(5400)), (true, false), "the clock was ahead");
    }

    #[test]
    fn a_note_that_cannot_be_read_is_replaced_by_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("growth.db");
        fs::write(LastBackup::note_path(&path), "{\"time\":1").expect("a file");
        LastBackup::read(&path).expect_err("half a note");
        LastBackup::note(&path, Time(100), Some(50)).expect("noted");
        assert!(LastBackup::read(&path).is_ok_and(|last| last.is_some()));
    }
}
