//! The API key and its possible sources.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Settings;
use super::error::{is_absence, is_system_failure};
use super::include::SeenFiles;
use super::valid::INSTALLED;
use crate::paths::folder_of;
use crate::printable::visible_path;

/// The shortest secret that can be recognised in a text, in bytes. A shorter one occurs in any.
pub const SHORTEST_SECRET: usize = 8;

/// Longest key accepted, in bytes.
const LONGEST_KEY: usize = 4096;

const CREDENTIAL: &str = "api-key";

/// Where the services look for their credentials.
const CREDENTIALS: &str = "/etc/credstore";

const VARIABLE: &str = "GROWTHD_API_KEY";

/// The key that pays for the calls. Its `Debug` is redacted and it has no `Display`, so that it
/// cannot get into a log or an error by accident. It is visible ASCII, as a header's value must be.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Box<str>);

impl ApiKey {
    /// Returns the key itself, only for the header of a request.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Reads the key from `bytes`, which came from `source`.
    ///
    /// # Errors
    /// Returns an error if `bytes` are blank, or are not a key.
    pub fn new(bytes: &[u8], source: &KeySource) -> Result<ApiKey, KeyError> {
        // Some editors begin a file with a byte-order mark.
        let key = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
        if key.is_empty() {
            return Err(KeyError::Empty(source.clone()));
        }
        if key.len() > LONGEST_KEY || !key.iter().all(u8::is_ascii_graphic) {
            return Err(KeyError::NotAKey(source.clone()));
        }
        let is_quote = |byte: Option<&u8>| matches!(byte, Some(b'"' | b'\''));
        let assignment = [VARIABLE.as_bytes(), b"="].concat();
        if is_quote(key.first()) || is_quote(key.last()) || key.starts_with(&assignment) {
            return Err(KeyError::Decorated(source.clone()));
        }
        match str::from_utf8(key) {
            Ok(key) => Ok(ApiKey(key.into())),
            Err(_) => Err(KeyError::NotAKey(source.clone())),
        }
    }

    /// Reads the key from the systemd credential `api-key` if it exists, else from the configured
    /// file, else from `$GROWTHD_API_KEY`. Also returns which of them it was.
    ///
    /// # Errors
    /// Returns an error if there is no source, or if the first one that exists is not usable: a
    /// later one does not replace it.
    pub fn find(settings: &Settings) -> Result<(ApiKey, KeySource), KeyError> {
        ApiKey::find_with(settings, |name| std::env::var_os(name))
    }

    /// Like [`ApiKey::find`], with the environment variables that `env` returns.
    pub fn find_with(
        settings: &Settings,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<(ApiKey, KeySource), KeyError> {
        if let Some(folder) = env("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty()) {
            let path = Path::new(&folder).join(CREDENTIAL);
            let file = open(&path);
            let source = KeySource::Credential(path);
            match file {
                Ok(file) => match ApiKey::new(&read(file, &source)?, &source) {
                    // The unit's placeholder for a credential that has not been installed.
                    Err(KeyError::Empty(_)) => {}
                    key => return Ok((key?, source)),
                },
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(KeyError::Unreadable { place: source, source: error }),
            }
        }
        let path = &settings.api.api_key_file;
        let source = KeySource::File(path.clone());
        if !SeenFiles::of_database(&settings.database.path).insert(path) {
            return Err(KeyError::NotAKey(source));
        }
        match open(path) {
            Ok(file) => {
                check_permissions(&file, path)?;
                return Ok((ApiKey::new(&read(file, &source)?, &source)?, source));
            }
            Err(error) if is_no_file(&error) => {}
            Err(error) => return Err(KeyError::Unreadable { place: source, source: error }),
        }
        match env(VARIABLE) {
            Some(value) => {
                let source = KeySource::Environment;
                Ok((ApiKey::new(&value.into_vec(), &source)?, source))
            }
            None => Err(KeyError::Missing { config: settings.path.clone() }),
        }
    }
}

/// Returns the credential that the service with the configuration at `config` loads, if there is one:
/// no other process sees it. `None` too for a configuration that no service has.
pub fn service_credential(config: &Path) -> Option<PathBuf> {
    service_credential_in(Path::new(CREDENTIALS), config, Path::new(INSTALLED))
}

fn service_credential_in(credentials: &Path, config: &Path, installed: &Path) -> Option<PathBuf> {
    let folder = |file: &Path| fs::canonicalize(folder_of(file)).ok();
    let name = match config.file_name() == installed.file_name() {
        true => CREDENTIAL.to_owned(),
        false => format!("growthd-{}.{CREDENTIAL}", config.file_stem()?.to_str()?),
    };
    let path = credentials.join(name);
    (folder(config)? == folder(installed)? && path.is_file()).then_some(path)
}

/// Omits the key.
impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// Opens a file. Does not block on a pipe without a writer.
fn open(path: &Path) -> io::Result<File> {
    const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(NONBLOCK).open(path)
}

fn read(file: File, place: &KeySource) -> Result<Vec<u8>, KeyError> {
    let unreadable = |source| KeyError::Unreadable { place: place.clone(), source };
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(KeyError::NotAFile(place.clone()));
    }
    let mut bytes = Vec::new();
    // Longer than any key, but bounded.
    file.take(2 * LONGEST_KEY as u64).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// Returns whether an error means that there is no such file. That includes a name too long for
/// one: it is a key, pasted in place of the name.
fn is_no_file(error: &io::Error) -> bool {
    is_absence(error) || error.kind() == io::ErrorKind::InvalidFilename
}

/// Checks that others cannot read the key file, and that only its owner can write it. Checks the
/// open file and not its path, so that it is the same one that is read.
///
/// The group may read it, as with `root:growthd 0640`, but only the owner may choose the key that
/// pays. The folder is not checked: whoever can write there can replace the key but not read it,
/// and can also replace the configuration beside it.
fn check_permissions(file: &File, path: &Path) -> Result<(), KeyError> {
    const OTHERS_READ: u32 = 0o004;
    const OTHERS_WRITE: u32 = 0o022;
    let source = || KeySource::File(path.to_owned());
    let metadata =
        file.metadata().map_err(|error| KeyError::Unreadable { place: source(), source: error })?;
    let mode = metadata.permissions().mode();
    match metadata.is_file() {
        false => Err(KeyError::NotAFile(source())),
        true if mode & OTHERS_READ != 0 => Err(KeyError::OthersRead(path.to_owned())),
        true if mode & OTHERS_WRITE != 0 => Err(KeyError::OthersWrite(path.to_owned())),
        true => Ok(()),
    }
}

/// The source of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeySource {
    /// The systemd credential `api-key`, at this path.
    Credential(PathBuf),
    /// The file that `api_key_file` names.
    File(PathBuf),
    /// `$GROWTHD_API_KEY`.
    Environment,
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeySource::Credential(path) => {
                write!(f, "the systemd credential {}", visible_path(path))
            }
            KeySource::File(path) => write!(f, "the key file {}", visible_path(path)),
            KeySource::Environment => write!(f, "${VARIABLE}"),
        }
    }
}

/// There is no usable key. None of the messages contains a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// None of the three sources exists.
    // The message does not repeat the file's name: people paste the key itself there.
    #[error(
        "there is no API key: provide the systemd credential `{CREDENTIAL}` (the service loads it from /etc/credstore/{CREDENTIAL}), or put the key into the file that api_key_file in [api] of {} names (\"api-key\" beside it by default; mode 0600), or set ${VARIABLE}",
        visible_path(config)
    )]
    Missing { config: PathBuf },
    #[error("the key file {} can be read by every user of this machine: run chmod o-rwx,g-w {}", visible_path(.0), shell_word(.0))]
    OthersRead(PathBuf),
    #[error("the key file {} can be changed by users other than its owner: run chmod o-rwx,g-w {}", visible_path(.0), shell_word(.0))]
    OthersWrite(PathBuf),
    #[error("cannot read {place}: {source}; let the user that growthd runs as read it")]
    Unreadable { place: KeySource, source: io::Error },
    /// It is a folder, a pipe or a device.
    #[error("{0} is not a regular file: put the API key into one")]
    NotAFile(KeySource),
    #[error("{0} is empty: put the API key into it")]
    Empty(KeySource),
    #[error(
        "{0} does not hold an API key: expected one line of letters, digits and punctuation without spaces"
    )]
    NotAKey(KeySource),
    /// It has quotes around it, or the variable's name before it.
    #[error(
        "{0} holds more than the API key: expected the key alone, without quotes and without `{VARIABLE}=`"
    )]
    Decorated(KeySource),
}

impl KeyError {
    /// Returns whether the cause is a failure of the machine, which may pass.
    pub fn is_system_failure(&self) -> bool {
        matches!(self, KeyError::Unreadable { source, .. } if is_system_failure(source))
    }
}

/// Quotes a path for the shell.
fn shell_word(path: &Path) -> String {
    let text = visible_path(path);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+');
    if text.chars().all(is_plain) && !text.starts_with('-') {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;
    use crate::config::Config;

    const KEY: &str = "hk_live_4242";

    fn config(folder: &Path, file: Option<&str>) -> Settings {
        let line = file.map(|file| format!("api_key_file = '{file}'")).unwrap_or_default();
        let text = format!("[api]\n{line}\n");
        Config::parse(&folder.join("config.toml"), text.as_bytes(), Time(1_767_225_600))
            .expect("a config")
            .settings
    }

    fn put(path: &Path, content: &str, mode: u32) {
        fs::write(path, content).expect("a file");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    }

    fn find(settings: &Settings, env: &[(&str, &Path)]) -> Result<(ApiKey, KeySource), KeyError> {
        ApiKey::find_with(settings, |name| {
            env.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn the_key_comes_from_the_first_source_that_exists() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let credentials = folder.join("credentials");
        fs::create_dir(&credentials).expect("a folder");
        let env = [("CREDENTIALS_DIRECTORY", &*credentials), (VARIABLE, Path::new("variable"))];
        put(&folder.join("file"), "\u{feff} file\r\n", 0o640);

        let (key, source) = find(&config(folder, None), &env).expect("a key");
        assert_eq!((key.expose(), source), ("variable", KeySource::Environment));
        let (key, source) = find(&config(folder, Some("file")), &env).expect("a key");
        assert_eq!((key.expose(), source), ("file", KeySource::File(folder.join("file"))));
        // An empty variable names no folder, not the current one.
        let unset = [("CREDENTIALS_DIRECTORY", Path::new(""))];
        let (_, source) = find(&config(folder, Some("file")), &unset).expect("a key");
        assert_eq!(source, KeySource::File(folder.join("file")));
        put(&credentials.join(CREDENTIAL), "\n", 0o444);
        let (key, _) = find(&config(folder, Some("file")), &env).expect("a key");
        assert_eq!(key.expose(), "file", "an empty credential is skipped");
        put(&credentials.join(CREDENTIAL), "credential\n", 0o444);
        let (key, source) = find(&config(folder, Some("file")), &env).expect("a key");
        assert_eq!(key.expose(), "credential");
        assert_eq!(source, KeySource::Credential(credentials.join(CREDENTIAL)));
    }

    #[test]
    fn no_error_about_a_key_contains_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        put(&folder.join("open key"), KEY, 0o644);
        put(&folder.join("writable"), KEY, 0o602);
        put(&folder.join("group"), KEY, 0o660);
        put(&folder.join("pasted"), KEY, 0o620);
        put(&folder.join("empty"), " \n", 0o600);
        put(&folder.join("lines"), &format!("{KEY}\n{KEY}\n"), 0o600);
        put(&folder.join("long"), &KEY.repeat(1000), 0o600);
        put(&folder.join("quoted"), &format!("\"{KEY}\"\n"), 0o600);
        put(&folder.join("assigned"), &format!("{VARIABLE}={KEY}\n"), 0o600);
        put(&folder.join("letters"), &format!("{KEY}ä"), 0o600);
        fs::create_dir(folder.join("folder")).expect("a folder");
        fs::set_permissions(folder.join("folder"), fs::Permissions::from_mode(0o777))
            .expect("a mode");
        let made = std::process::Command::new("mkfifo")
            .args(["-m", "600"])
            .arg(folder.join("pipe"))
            .status();
        assert!(made.expect("mkfifo").success());
        for (file, words) in [
            (None, "or set $GROWTHD_API_KEY"),
            (Some("open key"), "chmod o-rwx,g-w '"),
            (Some("writable"), "can be changed by users other than its owner"),
            (Some("group"), "can be changed by users other than its owner: run chmod o-rwx,g-w /"),
            (Some("pasted"), "can be changed by users other than its owner"),
            (Some("empty"), "is empty"),
            (Some("lines"), "does not hold an API key"),
            (Some("long"), "does not hold an API key"),
            (Some("quoted"), "the key alone, without quotes"),
            (Some("assigned"), "the key alone, without quotes"),
            (Some("letters"), "does not hold an API key"),
            (Some("folder"), "is not a regular file"),
            (Some("pipe"), "is not a regular file"),
            (Some(KEY), "there is no API key"),
        ] {
            let error = find(&config(folder, file), &[]).expect_err("no key");
            let shown = error.to_string();
            assert!(shown.contains(words) && !shown.contains('\n'), "{file:?}: {shown}");
            assert!(!format!("{shown}{error:?}").contains("4242"), "{file:?}: {shown}");
        }
    }

    #[test]
    fn a_service_has_a_credential_of_its_own() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        fs::create_dir_all(root.join("growthd/list.d")).expect("a folder");
        put(&root.join(CREDENTIAL), KEY, 0o600);
        put(&root.join("growthd-acme.api-key"), KEY, 0o600);
        for (config, found) in [
            ("growthd/config.toml", Some(CREDENTIAL)),
            ("growthd/acme.toml", Some("growthd-acme.api-key")),
            ("growthd/other.toml", None),
            ("growthd/list.d/config.toml", None),
        ] {
            let installed = root.join("growthd/config.toml");
            let path = service_credential_in(root, &root.join(config), &installed);
            assert_eq!(path, found.map(|name| root.join(name)), "{config}");
        }
    }

    #[test]
    fn a_key_is_not_shown_by_debug() {
        let key = ApiKey::new(KEY.as_bytes(), &KeySource::Environment).expect("a key");
        assert_eq!(format!("{key:?}"), "ApiKey(…)");
    }
}
