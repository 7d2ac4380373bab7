//! Whose the database's files are: a writer must leave none that their users could not write any more.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::paths::{database_files, folder_of};
use crate::store::StoreError;

/// Refuses to create files that neither the folder's owner nor its group could write: files left by
/// root would lock out the service's own user. A user other than root may write in a folder of
/// root's, such as a container's volume, since this locks nobody out.
pub(super) fn check_owner(path: &Path) -> Result<(), StoreError> {
    const ROOT: u32 = 0;
    let folder = folder_of(path);
    let owner = |path: &Path| match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.uid()),
        Err(source) => Err(StoreError::File { path: path.to_owned(), source }),
    };
    let user = rustix::process::geteuid().as_raw();
    let folder_owner = owner(folder)?;
    if ![user, ROOT].contains(&folder_owner) && !is_shared_by_group(path) {
        return Err(StoreError::WrongUser {
            folder: folder.to_owned(),
            owner: user_name(folder_owner),
            user: user_name(user),
        });
    }
    // Another owner, as after root has restored the file or has opened a restored one.
    for file in database_files(path) {
        let access = rustix::fs::access(&file, rustix::fs::Access::WRITE_OK);
        // Any other problem is reported when the file is opened.
        if access == Err(rustix::io::Errno::ACCESS) && owner(&file)? != user {
            return Err(StoreError::WrongOwner {
                owner: user_name(owner(&file)?),
                user: user_name(user),
                path: file,
            });
        }
    }
    Ok(())
}

/// Returns whether the folder's group may write all of the database's files, those too that SQLite will
/// create beside it with the database's own mode.
fn is_shared_by_group(path: &Path) -> bool {
    const GROUP_WRITABLE: u32 = 0o020;
    const SET_GROUP: u32 = 0o2000;
    let Ok(folder) = fs::metadata(folder_of(path)) else { return false };
    let is_shared =
        |file: &fs::Metadata| file.gid() == folder.gid() && file.mode() & GROUP_WRITABLE != 0;
    // The database itself has to exist.
    let are_shared = database_files(path)
        .iter()
        .all(|file| fs::metadata(file).map_or(file != path, |file| is_shared(&file)));
    let is_inherited = folder.mode() & SET_GROUP != 0;
    is_shared(&folder)
        && are_shared
        && (is_inherited || rustix::process::getegid().as_raw() == folder.gid())
}

/// Returns the user's name from `/etc/passwd`, or `#UID`, which `sudo -u` accepts as well.
fn user_name(uid: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("#{uid}"))
}
