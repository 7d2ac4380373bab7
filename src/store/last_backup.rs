//! When the database was last backed up, kept in a small file beside it, because the process that
//! makes a backup may have only read access to the database.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::paths::beside;
use crate::replacement::{Replace, Replacement};

/// The file's mode. It holds no secret, and the daemon's user must be able to read what root wrote.
const READABLE: u32 = 0o644;

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

    /// Reads when the database at `path` was last backed up; `None` if there is no readable record.
    pub fn read(path: &Path) -> Option<LastBackup> {
        let Note { time, again_within } =
            serde_json::from_slice(&fs::read(LastBackup::note_path(path)).ok()?).ok()?;
        Some(LastBackup { time: Time(time), again_within })
    }

    /// Records a backup of the database at `path`. Without `again_within`, keeps the earlier
    /// expectation.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn note(path: &Path, time: Time, again_within: Option<i64>) -> io::Result<()> {
        let earlier = LastBackup::read(path).and_then(|backup| backup.again_within);
        let note = Note { time: time.0, again_within: again_within.or(earlier) };
        let mut file = Replacement::begin(&LastBackup::note_path(path), READABLE)?;
        file.file().write_all(&serde_json::to_vec(&note)?)?;
        // Set the mode regardless of the umask. This fails on a file system without modes.
        file.file().set_permissions(Permissions::from_mode(READABLE)).ok();
        // Nobody reads it in between but growthd, which copes with half of it.
        let _ = file.finish(Replace::Allowed)?;
        Ok(())
    }

    /// Returns since when the next backup has been late, if it is late at `now`.
    pub fn late_since(self, now: Time) -> Option<Time> {
        let due = self.time.plus(self.again_within?);
        (due < now).then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_late_only_if_it_was_expected() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("growth.db");
        assert_eq!(LastBackup::read(&path), None);
        LastBackup::note(&path, Time(100), None).expect("noted");
        let late = |now| LastBackup::read(&path).and_then(|last| last.late_since(Time(now)));
        assert_eq!(late(1_000_000), None, "no further backup was expected");
        LastBackup::note(&path, Time(200), Some(50)).expect("noted");
        assert_eq!((late(250), late(251)), (None, Some(Time(250))));
        LastBackup::note(&path, Time(300), None).expect("noted");
        assert_eq!((late(350), late(351)), (None, Some(Time(350))));
    }
}
