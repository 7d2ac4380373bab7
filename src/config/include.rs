//! `include`: finds the files that belong to a configuration.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern, glob_with};
use toml::de::{DeTable, DeValue};

use super::document;
use super::error::is_absence;
use super::schema;
use super::split::SplitText;
use super::valid::CONTROL_IN_PATH;
use crate::paths::{database_files, folder_of};
use crate::replacement::real_path;

/// The most files that a pattern may match; one that matches more was not meant to.
const MOST_FILES: usize = 10_000;

/// The characters that make a name a pattern.
const SPECIAL: [char; 3] = ['*', '?', '['];

/// How patterns are searched. `glob` itself would panic at a name that is not UTF-8 if it had to
/// respect leading dots (see [`is_hidden`]).
const SEARCHING: MatchOptions = MatchOptions { require_literal_leading_dot: false, ..MATCHING };

/// A file whose name begins with a dot belongs to an editor or to Kubernetes, and matches only if
/// the pattern begins with a dot too.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// Why the files of a pattern cannot be found. The messages continue "`include` …".
#[derive(Debug)]
pub(super) enum FindError {
    Invalid(String),
    /// A file is missing, or a folder cannot be read.
    Unavailable(String),
    /// The folder before the first special character does not exist. This is valid, because the
    /// folder may be created later.
    NoFolder(PathBuf),
}

/// Returns the files that a pattern of `include` in the file at `main` matches, sorted by name.
///
/// # Errors
/// Returns an error if the pattern is invalid, or if a file that it names or a folder is not
/// available. A folder that a special character would have to match is not missed.
pub(super) fn find(main: &Path, pattern: &str) -> Result<Vec<PathBuf>, FindError> {
    use FindError::{Invalid, Unavailable};
    // Without a `.` that would be shown.
    let folder = main.parent().unwrap_or(Path::new(""));
    if pattern.is_empty() || pattern.contains('\0') {
        return Err(Invalid("is not a path".to_owned()));
    }
    if pattern.contains(char::is_control) {
        return Err(Invalid(CONTROL_IN_PATH.to_owned()));
    }
    let is_plain = !pattern.contains(SPECIAL);
    if is_plain {
        let path = folder.join(pattern);
        if path.is_dir() {
            let files = format!("{}/*.toml", pattern.trim_end_matches('/'));
            return Err(Invalid(format!("names {pattern:?}, which is a folder; write {files:?}")));
        }
        return match path.try_exists() {
            Ok(true) => Ok(vec![path]),
            Ok(false) => Err(Unavailable(format!("names a file that does not exist, {pattern:?}"))),
            Err(error) => {
                Err(Unavailable(format!("leads to {pattern:?}, which cannot be read: {error}")))
            }
        };
    }
    let pattern_folder = literal_folder(pattern);
    let pattern = absolute(folder, pattern).ok_or_else(|| {
        Invalid("cannot be searched below a folder whose name is not UTF-8".to_owned())
    })?;
    Pattern::new(&pattern)
        .map_err(|error| Invalid(format!("is not a valid pattern: {}", error.msg)))?;
    // Else the pattern is searched in the main file's own folder.
    if !pattern_folder.is_empty() {
        check_folder(&folder.join(pattern_folder))?;
    }
    check_inner_folders(&pattern)?;
    check_names(&pattern)?;
    let mut paths = Vec::new();
    for path in search(&pattern) {
        paths.push(path?);
        if paths.len() > MOST_FILES {
            return Err(Invalid(format!("leads to over {MOST_FILES} files")));
        }
    }
    paths.sort();
    Ok(paths)
}

/// Returns whether a file that [`find`] returned is in a folder or below it. The paths need not exist.
pub(super) fn is_below(file: &Path, folder: &Path) -> bool {
    // `glob` leaves out a `.` at the beginning of its pattern, as of `./config.toml`'s folder.
    let plain = |path: &Path| -> PathBuf {
        path.components().filter(|part| *part != Component::CurDir).collect()
    };
    plain(file).starts_with(plain(folder))
}

/// Returns the part of a pattern before the first component with a special character.
fn literal_folder(pattern: &str) -> &str {
    let literal = pattern.split(SPECIAL).next().unwrap_or_default();
    literal.rsplit_once('/').map_or("", |(folder, _)| if folder.is_empty() { "/" } else { folder })
}

/// Splits a pattern into its folders and its last component.
fn split_last(pattern: &str) -> (&str, &str) {
    match pattern.rsplit_once('/') {
        Some(("", last)) => ("/", last),
        Some(split) => split,
        None => (".", pattern),
    }
}

fn check_folder(folder: &Path) -> Result<(), FindError> {
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(()),
        Err(error) if !is_absence(&error) => Err(unreadable(folder, &error)),
        Ok(_) | Err(_) => Err(FindError::NoFolder(folder.to_owned())),
    }
}

/// Returns the paths that a valid pattern matches.
fn search(pattern: &str) -> impl Iterator<Item = Result<PathBuf, FindError>> {
    glob_with(pattern, SEARCHING).into_iter().flatten().filter_map(move |found| match found {
        Ok(path) => (!is_hidden(pattern, &path)).then_some(Ok(path)),
        Err(error) if is_hidden(pattern, error.path()) => None,
        Err(error) => Some(Err(unreadable(error.path(), error.error()))),
    })
}

/// Returns the folders that match the part of a pattern before a slash. There `**` stands for no
/// folder too, but `glob` passes over that at the end of a pattern.
fn search_folders(pattern: &str) -> impl Iterator<Item = Result<PathBuf, FindError>> {
    let outer = match pattern.trim_end_matches("/**") {
        "" => "/",
        "**" => ".",
        outer => outer,
    };
    let outermost = (outer.len() < pattern.len()).then(|| search(outer));
    outermost.into_iter().flatten().chain(search(pattern))
}

/// Returns whether a special character of the pattern would match a leading dot in the path.
fn is_hidden(pattern: &str, path: &Path) -> bool {
    let literal = Path::new(literal_folder(pattern)).components().count();
    let has_dot = |part: Component<'_>| matches!(part, Component::Normal(name) if name.as_encoded_bytes().starts_with(b"."));
    let is_wanted = Path::new(pattern).components().skip(literal).any(has_dot);
    !is_wanted && path.components().skip(literal).any(has_dot)
}

/// Checks that no name in the pattern's last folders is lost because it is not UTF-8: `glob` passes
/// over it.
fn check_names(pattern: &str) -> Result<(), FindError> {
    let (folders, last) = split_last(pattern);
    let Ok(last) = Pattern::new(last) else { return Ok(()) };
    for folder in search_folders(folders) {
        for entry in fs::read_dir(folder?).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if name.to_str().is_none() && last.matches_with(&name.to_string_lossy(), MATCHING) {
                let path = entry.path();
                let why = format!("leads to {}, whose name is not UTF-8", path.display());
                return Err(FindError::Unavailable(why));
            }
        }
    }
    Ok(())
}

/// Checks what a special character before a slash matches, because `glob` passes over a folder that
/// it cannot enter: to it, that is one without the next part of the pattern.
fn check_inner_folders(pattern: &str) -> Result<(), FindError> {
    let begin = pattern.find(SPECIAL).unwrap_or(pattern.len());
    let slashes = pattern.match_indices('/').map(|(at, _)| at).filter(|at| *at > begin);
    for slash in slashes {
        let (folders, rest) = (&pattern[..slash], &pattern[slash + 1..]);
        let next = rest.split('/').next().filter(|next| !next.contains(SPECIAL));
        for folder in search_folders(folders) {
            let folder = folder?;
            let path = next.map_or(folder.clone(), |next| folder.join(next));
            match fs::metadata(&path) {
                Err(error) if !is_absence(&error) => return Err(unreadable(&path, &error)),
                Ok(_) | Err(_) => {}
            }
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &io::Error) -> FindError {
    FindError::Unavailable(format!("leads to {}, which cannot be read: {error}", path.display()))
}

/// Returns the pattern joined to the folder; `None` if the folder's name is not UTF-8.
fn absolute(folder: &Path, pattern: &str) -> Option<String> {
    if Path::new(pattern).is_absolute() {
        return Some(pattern.to_owned());
    }
    Some(match folder.to_str()? {
        "" => pattern.to_owned(),
        folder => format!("{}/{pattern}", Pattern::escape(folder.trim_end_matches('/'))),
    })
}

/// Returns whether a pattern in the file at `main` would match a file at `path`, if there were one.
pub(super) fn would_match(main: &Path, path: &Path) -> bool {
    let real = |folder: &Path| fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let Some(name) = path.file_name().map(|name| name.to_string_lossy()) else { return false };
    let (main_folder, folder) = (real(folder_of(main)), real(folder_of(path)));
    patterns(main).iter().any(|pattern| {
        let Some(pattern) = absolute(&main_folder, pattern) else { return false };
        let (folders, last) = split_last(&pattern);
        let is_named = Pattern::new(last).is_ok_and(|last| last.matches_with(&name, MATCHING));
        // Compared as they are, whatever links and `..` lead there.
        is_named && search_folders(folders).flatten().any(|found| real(&found) == folder)
    })
}

/// The files found so far, by device and inode.
#[derive(Default)]
pub(super) struct SeenFiles(HashSet<(u64, u64)>);

impl SeenFiles {
    /// Returns the files of a database, which must not be opened as files of the configuration: when
    /// they are closed, SQLite's own locks on them are gone, whichever part of the process holds them.
    pub fn of_database(database: &Path) -> SeenFiles {
        let mut seen = SeenFiles::default();
        for path in database_files(&real_path(database)) {
            seen.insert(&path);
        }
        seen
    }

    /// Adds a file, and returns whether it had not been found before under any name.
    pub fn insert(&mut self, path: &Path) -> bool {
        // If this fails, reading the file fails too and reports the error.
        fs::metadata(path).map_or(true, |file| self.0.insert((file.dev(), file.ino())))
    }
}

/// Returns the patterns of `include` in a file, the rest of which need not be valid.
pub(super) fn patterns(main: &Path) -> Vec<String> {
    let Ok(bytes) = document::read(main, document::LARGEST) else { return Vec::new() };
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_start_matches('\u{feff}');
    let settings = SplitText::new(text).settings(text);
    let (file, _) = DeTable::parse_recoverable(&settings);
    let Some(value) = file.get_ref().get(schema::INCLUDE.name) else { return Vec::new() };
    let list = value.get_ref().as_array().map(|list| list.iter()).into_iter().flatten();
    list.filter_map(|item| match item.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::clock::Time;
    use crate::config::{Config, ConfigError, WatchedFiles};

    const NOW: Time = Time(1_767_225_600);

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn with(files: &[(&str, &str)]) -> Folder {
            let folder = Folder(tempfile::tempdir().expect("a folder"));
            for (name, text) in files {
                folder.put(name, text);
            }
            folder
        }

        fn put(&self, name: &str, text: &str) {
            let path = self.path(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        /// The problems, without the folder's own name.
        fn problems(&self) -> String {
            match Config::load(&self.path("config.toml"), NOW) {
                Err(error @ ConfigError::Invalid(_)) => {
                    error.to_string().replace(&format!("{}/", self.0.path().display()), "")
                }
                other => panic!("{other:?}"),
            }
        }

        fn config(&self) -> Config {
            Config::load(&self.path("config.toml"), NOW).unwrap_or_else(|error| panic!("{error:#}"))
        }
    }

    const ALL: &str = "include = ['watchlist.d/*.toml']\n";

    #[test]
    fn included_accounts_default_to_their_file_and_then_to_the_schedule() {
        let folder = Folder::with(&[
            (
                "config.toml",
                &format!(
                    "{ALL}[schedule]\ncron = '@daily'\nspread = '1h'\n\
                     [[account]]\nid = 'main'\n"
                ),
            ),
            (
                "watchlist.d/b.toml",
                "[[account]]\nid = 'b1'\n[[account]]\nid = 'b2'\ntags = ['y', 'x']\n\
                 [defaults]\ntags = ['x']\ntimezone = 'Europe/London'\nspread = '2h'\n",
            ),
            ("watchlist.d/a.toml", "[[account]]\nid = 'a1'\ncron = '@weekly'\n"),
            ("watchlist.d/empty.toml", ""),
            ("watchlist.d/.hidden.toml", "not TOML"),
            ("watchlist.d/a.toml~", "not TOML"),
        ]);
        let config = folder.config();
        let short: Vec<_> = config
            .accounts
            .iter()
            .map(|a| (a.id.as_str(), &*a.cron, &*a.timezone, a.spread, a.tags.join(" ")))
            .collect();
        assert_eq!(
            short,
            [
                ("main", "@daily", "UTC", 3600, String::new()),
                ("a1", "@weekly", "UTC", 3600, String::new()),
                ("b1", "@daily", "Europe/London", 7200, "x".to_owned()),
                ("b2", "@daily", "Europe/London", 7200, "x y".to_owned()),
            ]
        );
        let names = ["config.toml", "watchlist.d/a.toml", "watchlist.d/b.toml"];
        let names = names.iter().chain(&["watchlist.d/empty.toml"]).map(|name| folder.path(name));
        assert_eq!(config.settings.files(), names.collect::<Vec<_>>());
    }

    #[test]
    fn a_problem_names_its_file_and_all_are_reported_at_once() {
        let folder = Folder::with(&[
            ("config.toml", &format!("{ALL}[[account]]\nid = 'one'\n[http]\nlisten = 1\n")),
            (
                "watchlist.d/a.toml",
                "[defaults]\ncron = '61 * * * *'\nlabel = 'x'\n[[account]]\nid = 'one'\n\
                 [[account]]\nid = 'two'\nlabl = 'x'\n",
            ),
            (
                "watchlist.d/b.toml",
                "include = []\nfoo = 1\n[schedule]\n[api]\n[defaluts]\n[[account]]\n\
                 id = 'two'\n",
            ),
            ("watchlist.d/c.toml", "[[account]]\nid = \n[[account]]\nid = 'o/k'\n"),
        ]);
        let problems = folder.problems();
        let expected = [
            "config.toml:5:10: `listen` is a number; expected",
            "watchlist.d/a.toml:2:8: `cron`: \"61\" cannot be the minute",
            "watchlist.d/a.toml:3:1: unknown key `label` in [defaults]; it belongs in [[account]]",
            "watchlist.d/a.toml:5:6: duplicate `id` \"one\" (first in config.toml:3:6)",
            "watchlist.d/a.toml:8:1: unknown key `labl` in [[account]]; did you mean `label`?",
            "watchlist.d/b.toml:1:1: unknown key `include` in an included file; it belongs in the",
            "watchlist.d/b.toml:2:1: unknown key `foo` in an included file; expected one of [def",
            "watchlist.d/b.toml:3:2: unknown key `schedule` in an included file; here it is [def",
            "watchlist.d/b.toml:4:2: unknown key `api` in an included file; it belongs in the main",
            "watchlist.d/b.toml:5:2: unknown key `defaluts` in an included file; did you mean [def",
            "watchlist.d/b.toml:7:6: duplicate `id` \"two\" (first in watchlist.d/a.toml:7:6)",
            "watchlist.d/c.toml:2:6: missing value",
            "watchlist.d/c.toml:4:6: an account id may contain only letters",
        ];
        let lines: Vec<&str> = problems.lines().collect();
        assert_eq!(lines.len(), expected.len(), "{problems}");
        for (line, start) in lines.iter().zip(expected) {
            assert!(line.starts_with(start), "{line}\nis not\n{start}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_reported_at_the_pattern() {
        let folder = Folder::with(&[
            (
                "config.toml",
                "include = [\n  'watchlist.d/*',\n  'none.toml',\n  'watchlist.d/',\n]\n",
            ),
            ("watchlist.d/folder/x.toml", ""),
        ]);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            folder.path("watchlist.d/pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .expect("a pipe");
        symlink("nowhere", folder.path("watchlist.d/link")).expect("a link");
        let problems = folder.problems();
        let expected = [
            "config.toml:2:3: `include` leads to watchlist.d/folder, which cannot be read: it is a",
            "config.toml:2:3: `include` leads to watchlist.d/link, which cannot be read: No such",
            "config.toml:2:3: `include` leads to watchlist.d/pipe, which cannot be read: it is n",
            "config.toml:3:3: `include` names a file that does not exist, \"none.toml\"",
            "config.toml:4:3: `include` names \"watchlist.d/\", which is a folder; write \"watchlist.d/*.toml\"",
        ];
        let lines: Vec<&str> = problems.lines().collect();
        assert_eq!(lines.len(), expected.len(), "{problems}");
        for (line, start) in lines.iter().zip(expected) {
            assert!(line.starts_with(start), "{line}\nis not\n{start}");
        }
    }

    /// A symbolic link to itself stands for a folder without permission, which root does not need.
    #[test]
    fn a_folder_that_cannot_be_entered_hides_no_file() {
        for pattern in ["w/*/x.toml", "w/*/*.toml", "w/[s]1/x.toml"] {
            let include = format!("include = ['{pattern}']\n");
            let folder = Folder::with(&[("config.toml", &include), ("w/s1/x.toml", "")]);
            folder.put("w/note", "");
            let main = folder.path("config.toml");
            let in_use = folder.config().settings.files().to_vec();
            assert_eq!(in_use.len(), 2, "{pattern}");
            fs::remove_dir_all(folder.path("w/s1")).expect("a folder");
            symlink("s1", folder.path("w/s1")).expect("a link");
            let error = Config::reload(&main, &in_use, NOW).expect_err("an unreadable folder");
            assert!(error.may_pass(), "{pattern}: {error}");
            let shown = error.to_string();
            assert!(shown.contains("config.toml:1:12: `include` leads to "), "{shown}");
            assert!(shown.contains("/w/s1") && shown.contains("cannot be read"), "{shown}");
        }
    }

    #[test]
    fn two_asterisks_match_their_own_folder_too() {
        use std::os::unix::ffi::OsStrExt;
        for pattern in ["w/**/*.toml", "w/**/**/*.toml", "**/*.toml"] {
            let include = format!("include = ['{pattern}']\n");
            let folder = Folder::with(&[("config.toml", &include), ("w/a/x.toml", "")]);
            let main = folder.path("config.toml");
            for (path, would_match) in
                [("w/new.toml", true), ("w/a/new.toml", true), ("w/new.csv", false)]
            {
                assert_eq!(super::would_match(&main, &folder.path(path)), would_match, "{pattern}");
            }
            assert!(folder.config().settings.files().len() > 1);
            let name = std::ffi::OsStr::from_bytes(b"\xe9.toml");
            fs::write(folder.path("w").join(name), "").expect("a file");
            let problems = folder.problems();
            assert!(problems.contains(", whose name is not UTF-8"), "{pattern}: {problems}");
        }
    }

    /// An account of the file has a spread of its own.
    #[test]
    fn the_cron_of_a_files_defaults_is_compared_with_the_spread_that_its_accounts_have() {
        let main = format!("{ALL}[schedule]\ncron = '@weekly'\nspread = '2d'\n");
        let text = "[defaults]\ncron = '@daily'\n[[account]]\nid = 'a'\nspread = '1h'\n";
        let folder = Folder::with(&[("config.toml", &main), ("watchlist.d/a.toml", text)]);
        assert_eq!(folder.config().accounts[0].spread, 3600);
        folder.put("watchlist.d/a.toml", &format!("{text}[[account]]\nid = 'b'\n"));
        let problems = folder.problems();
        let expected = "watchlist.d/a.toml:2:8: `spread` (2d) must be shorter than the schedule's \
                        shortest interval (1d) (from [schedule]; set `spread` here too)\n";
        assert_eq!(format!("{}\n", problems.trim_end()), expected);
    }

    #[test]
    fn a_problem_that_accounts_of_several_files_inherit_is_reported_once() {
        let main = format!("{ALL}[schedule]\nspread = '7d'\n");
        let folder = Folder::with(&[
            ("config.toml", &main),
            ("watchlist.d/a.toml", "[[account]]\nid = 'a'\n"),
            ("watchlist.d/b.toml", "[[account]]\nid = 'b'\n"),
        ]);
        let problems = folder.problems();
        assert!(problems.starts_with("config.toml:3:10: `spread` (7d) must be"), "{problems}");
        assert_eq!(problems.lines().count(), 1, "{problems}");
    }

    #[test]
    fn a_pattern_without_a_file_is_known() {
        let patterns = "include = ['watchlist.d/*.tml', 'none/*', 'watchlist.d/*.toml']\n";
        let folder = Folder::with(&[("config.toml", patterns), ("watchlist.d/a.toml", "")]);
        assert_eq!(folder.config().settings.unmatched, ["watchlist.d/*.tml"]);
    }

    #[test]
    fn a_folder_may_appear_later_but_not_disappear_while_its_files_are_in_use() {
        let pattern = "include = ['clients/eu/*.toml', '*.toml', 'c[l]ients/*.toml']\n";
        let folder = Folder::with(&[("config.toml", pattern), ("clients/eu/a.toml", "")]);
        let main = folder.path("config.toml");
        let in_use = folder.config().settings.files().to_vec();
        assert_eq!(in_use, [main.clone(), folder.path("clients/eu/a.toml")]);
        assert_eq!(folder.config().settings.absent_folders, [""; 0].map(PathBuf::from));
        for (gone, instead) in [("clients/eu", None), ("clients", None), ("clients", Some("file"))]
        {
            fs::rename(folder.path(gone), folder.path("away")).expect("a rename");
            if instead.is_some() {
                folder.put(gone, "");
            }
            let settings = folder.config().settings;
            assert_eq!(settings.absent_folders, [folder.path("clients/eu")], "{gone}");
            assert!(Config::reload(&main, settings.files(), NOW).is_ok());
            let error = Config::reload(&main, &in_use, NOW).expect_err("a missing folder");
            assert!(error.may_pass());
            let shown = error.to_string();
            assert!(shown.contains("config.toml:1:12: `include` leads to the folder "), "{shown}");
            assert!(shown.contains("clients/eu, which is gone; restore it"), "{shown}");
            assert_eq!(shown.lines().count(), 1, "{shown}");
            if instead.is_some() {
                fs::remove_file(folder.path(gone)).expect("a file");
            }
            fs::rename(folder.path("away"), folder.path(gone)).expect("a rename");
        }
        // That a folder is empty is an edit like any other.
        fs::remove_file(folder.path("clients/eu/a.toml")).expect("a file");
        let config = Config::reload(&main, &in_use, NOW).expect("a config");
        assert_eq!(config.settings.files(), [main]);
    }

    #[test]
    fn a_file_is_below_its_folder_however_both_are_written() {
        for (file, folder, expected) in [
            ("w.d/a.toml", "./w.d", true),
            ("./w.d/a.toml", "w.d", true),
            ("w.d/b/a.toml", "./w.d/./b", true),
            ("/etc/w.d/a.toml", "/etc/w.d", true),
            ("w.d2/a.toml", "./w.d", false),
            ("w.d/a.toml", "../w.d", false),
        ] {
            assert_eq!(is_below(Path::new(file), Path::new(folder)), expected, "{file} {folder}");
        }
        // What is found in a folder named with a `.` is below it.
        let inside = Folder::with(&[("w/a.toml", "")]);
        let main = inside.path("./config.toml");
        for pattern in ["w/*.toml", "./w/*.toml", "w/../w/*.toml"] {
            let found = find(&main, pattern).expect("files");
            let folder = inside.path(".").join(literal_folder(pattern));
            assert!(found.len() == 1 && is_below(&found[0], &folder), "{found:?} {folder:?}");
        }
    }

    #[test]
    fn the_folder_of_a_pattern_ends_before_its_first_special_character() {
        for (pattern, folder) in [
            ("*.toml", ""),
            ("a*/b.toml", ""),
            ("list.d/*.toml", "list.d"),
            ("../a/b/c?/d/*", "../a/b"),
            ("a/[[]/b", "a"),
            ("/*.toml", "/"),
            ("/etc/list.d/x*", "/etc/list.d"),
        ] {
            assert_eq!(literal_folder(pattern), folder, "{pattern}");
        }
    }

    #[test]
    fn a_file_is_read_once_however_often_it_is_named() {
        let folder = Folder::with(&[
            ("config.toml", "include = ['a.toml', '*.toml', './a.toml']\n"),
            ("a.toml", "[[account]]\nid = 'a'\n"),
        ]);
        symlink("a.toml", folder.path("b.toml")).expect("a link");
        assert_eq!(
            folder.config().settings.files(),
            [folder.path("config.toml"), folder.path("a.toml")]
        );
    }

    #[test]
    fn a_configuration_can_be_tried_with_an_edit_of_any_of_its_files() {
        let folder = Folder::with(&[
            ("config.toml", ALL),
            ("watchlist.d/a.toml", "[[account]]\nid = 'a'\n"),
        ]);
        let main = folder.path("config.toml");
        for (name, text, ids) in [
            ("watchlist.d/a.toml", "[[account]]\nid = 'b'\n", &["b"][..]),
            ("config.toml", "[[account]]\nid = 'c'\n", &["c"]),
        ] {
            let config = Config::load_edited(&main, &folder.path(name), text.as_bytes(), NOW)
                .expect("a config");
            assert!(config.accounts.iter().map(|account| account.id.as_str()).eq(ids.to_owned()));
        }
    }

    #[test]
    fn every_edit_of_any_file_is_noticed() {
        let folder = Folder::with(&[("config.toml", ALL), ("watchlist.d/a.toml", "")]);
        let mut files = WatchedFiles::new(&folder.path("config.toml"));
        let mut last = files.state();
        assert_eq!(files.state(), last);
        let mut assert_seen = |what: &str| {
            let now = files.state();
            assert_ne!(now, last, "{what}");
            last = now;
        };
        folder.put("watchlist.d/a.toml", "x");
        assert_seen("an edit");
        folder.put("watchlist.d/b.toml", "");
        assert_seen("a new file");
        fs::remove_file(folder.path("watchlist.d/a.toml")).expect("removed");
        assert_seen("a removed file");
        // Invalid, but the files that it includes are still watched.
        folder.put("config.toml", "include = ['other/*']\n[nonsense]\n");
        assert_seen("an edit of the main file");
        folder.put("one/x", "");
        folder.put("two/x", "");
        symlink("one", folder.path("other")).expect("a link");
        assert_seen("a link to a folder");
        symlink("two", folder.path("another")).expect("a link");
        fs::rename(folder.path("another"), folder.path("other")).expect("swapped");
        assert_seen("a link that now leads elsewhere");
        assert!(!files.state().is_incomplete());
    }
}
