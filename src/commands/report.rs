//! `growthd report`: the history as one HTML page, or as a page for each tag.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use crate::cli::ReportArgs;
use crate::clock;
use crate::commands::output::{UntilClosed, stdout};
use crate::commands::period::check_selection;
use crate::commands::target::{cause, is_stdout, refuse_own, tell};
use crate::commands::{CommandError, Done};
use crate::config::Settings;
use crate::printable::Printable;
use crate::replacement::{Replace, Replacement};
use crate::report::html::{Page, Subject};
use crate::report::{counted, terminal};
use crate::schedule::stable_hash;
use crate::selection::Selection;
use crate::store::Reader;

/// Readable by a web server, unless the umask forbids it.
const NEW_FILE_MODE: u32 = 0o666;

/// The beginning of every page. Only a file that begins like this is replaced.
const BEGINNING: &[u8] = b"<!doctype html>";

/// Maximum length, in bytes, of a tag in a file's name.
const LONGEST_NAME: usize = 100;

/// Writes the page to `--output`, where `-` means stdout, or a page for each tag.
pub fn report(settings: &Settings, args: &ReportArgs) -> Result<Done, CommandError> {
    let selection = args.selection.selection();
    match &args.each_tag {
        Some(folder) => each_tag(settings, folder, &selection, args.title.as_deref())?,
        None => {
            let page = read(settings, selection, args.title.as_deref())?;
            if is_stdout(&args.output) {
                let mut out = BufWriter::new(io::stdout().lock());
                page.write(&mut out)?;
                out.flush()?;
            } else {
                writeln!(io::stdout(), "{}", save(settings, &page, &args.output, "")?)?;
            }
        }
    }
    Ok(Done::Well)
}

/// Writes each tag's page into a folder, which is created if it does not exist.
fn each_tag(
    settings: &Settings,
    folder: &Path,
    part: &Selection,
    title: Option<&str>,
) -> Result<(), CommandError> {
    let mut reader = Reader::open(&settings.database.path)?;
    let tags = {
        let tx = reader.begin_read()?;
        check_selection(&tx, part)?;
        tx.selectable()?.0
    };
    drop(reader);
    if tags.is_empty() {
        let why = "no account has a tag: add some with `tags` in the configuration";
        return Err(CommandError::Usage(why.to_owned()));
    }
    fs::create_dir_all(folder).map_err(|error| match folder.exists() && !folder.is_dir() {
        true => named(folder, "", &io::Error::new(ErrorKind::NotADirectory, "it is not a folder")),
        false => named(folder, "", &error),
    })?;
    let mut pages = TagPages { settings, folder, title, failed: None };
    pages.write_all(tags, part.platform.as_deref(), UntilClosed::new(stdout()));
    pages.failed.map_or(Ok(()), |error| Err(CommandError::Told(Box::new(error))))
}

/// What each tag's page is made from.
struct TagPages<'a> {
    settings: &'a Settings,
    folder: &'a Path,
    title: Option<&'a str>,
    /// The first failure, which is already printed.
    failed: Option<CommandError>,
}

impl TagPages<'_> {
    /// Writes the pages, and a line about each to `out`. A page that cannot be written keeps no other
    /// client from theirs, and neither does an output that cannot.
    fn write_all(&mut self, tags: Vec<String>, platform: Option<&str>, mut out: impl Write) {
        let mut is_printed = true;
        for tag in tags {
            match self.write(tag, platform) {
                Ok(Some(line)) if is_printed => {
                    if let Err(error) = writeln!(out, "{line}") {
                        is_printed = false;
                        self.fail(error.into());
                    }
                }
                Ok(_) => {}
                Err(error) => self.fail(error),
            }
        }
    }

    /// Writes a tag's page and returns the line about it; `None` if no account has the tag any more, or
    /// all that have it are removed or on another platform.
    fn write(&self, tag: String, platform: Option<&str>) -> Result<Option<String>, CommandError> {
        let file = file_name(&tag);
        let of = match file.strip_suffix(".html") == Some(&*tag) {
            true => String::new(),
            false => format!(" ({})", Printable(&tag)),
        };
        let selection = Selection { tags: vec![tag], platform: platform.map(str::to_owned) };
        let page = match read(self.settings, selection, self.title) {
            Err(CommandError::Selection(_)) => return Ok(None),
            page => page?,
        };
        if page.size().0 == 0 {
            return Ok(None);
        }
        save(self.settings, &page, &self.folder.join(file), &of).map(Some)
    }

    /// Prints an error when it occurs, so that none is lost if a later one ends the process. One that every
    /// page meets, as of the database, is printed once.
    fn fail(&mut self, error: CommandError) {
        let is_same = |first: &CommandError| first.to_string() == error.to_string();
        if !self.failed.as_ref().is_some_and(is_same) {
            error.print();
        }
        if !error.is_closed_pipe() {
            self.failed.get_or_insert(error);
        }
    }
}

/// Returns the name of a tag's file, which depends on no other tag. Characters other than letters, digits,
/// `-`, `_` and `.` are replaced. The name of a tag with such characters or with capitals, which some file
/// systems do not tell apart, ends with a hash of the tag.
fn file_name(tag: &str) -> String {
    let is_harmless = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut name: String = tag.chars().map(|c| if is_harmless(&c) { c } else { '-' }).collect();
    name.truncate(name.floor_char_boundary(LONGEST_NAME));
    // Prevents a hidden file and `..`.
    let name = name.trim_matches(['.', '-']);
    if name == tag && tag.to_lowercase() == tag {
        return format!("{name}.html");
    }
    let name = if name.is_empty() { "tag" } else { name };
    format!("{name}-{:08x}.html", stable_hash(tag.as_bytes()) >> 32)
}

/// Writes a page to a file and returns the line about it: its path, followed by `of`, and its size.
fn save(settings: &Settings, page: &Page, output: &Path, of: &str) -> Result<String, CommandError> {
    refuse_own(output, settings)?;
    let path = put(page, output, of)?;
    let (accounts, snapshots) = page.size();
    let size = fs::metadata(&path).map_or(0, |metadata| metadata.len());
    let message = format!(
        "{}{of}: {}, {}, {}; open it in a browser",
        Printable(&path.to_string_lossy()),
        counted(accounts, "account"),
        counted(snapshots, "snapshot"),
        length(size)
    );
    Ok(terminal::paragraph(&message, 0))
}

/// Returns a file's size for people.
fn length(bytes: u64) -> String {
    match bytes {
        ..1_000_000 => format!("{} KB", bytes.div_ceil(1000)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

/// Reads the page and closes the database, because the reader of the output may be slow.
fn read(
    settings: &Settings,
    selection: Selection,
    title: Option<&str>,
) -> Result<Page, CommandError> {
    let now = clock::now().time();
    let mut reader = Reader::open(&settings.database.path)?;
    let tx = reader.begin_read()?;
    check_selection(&tx, &selection)?;
    let budget = settings.budget;
    let subject = Subject { selection, title: title.map(str::to_owned), budget };
    Ok(Page::read(&tx, subject, now)?)
}

/// Writes the page of all accounts to a file without printing anything.
pub fn write(settings: &Settings, output: &Path) -> Result<(), CommandError> {
    put(&read(settings, Selection::default(), None)?, output, "")?;
    Ok(())
}

fn put(page: &Page, output: &Path, of: &str) -> io::Result<PathBuf> {
    write_file(page, output).map_err(|error| named(output, of, &error))
}

fn named(path: &Path, of: &str, error: &io::Error) -> io::Error {
    let why = match error.kind() {
        ErrorKind::NotFound | ErrorKind::PermissionDenied => cause(error),
        _ => error.to_string(),
    };
    let message = format!("{}{of}: {why}", Printable(&path.to_string_lossy()));
    io::Error::new(error.kind(), message)
}

/// Writes a file atomically and returns its path, with symbolic links resolved.
fn write_file(page: &Page, output: &Path) -> io::Result<PathBuf> {
    let target = match fs::metadata(output) {
        Ok(metadata) if metadata.is_file() => {
            check_page(output)?;
            // A symbolic link is kept, and its target is replaced.
            fs::canonicalize(output)?
        }
        Ok(metadata) if metadata.is_dir() => {
            let why = "it is a folder; name a file in it";
            return Err(io::Error::new(ErrorKind::IsADirectory, why));
        }
        // A device or a pipe.
        Ok(_) => {
            write_page(page, File::create(output)?)?;
            return Ok(output.to_owned());
        }
        Err(_) => std::path::absolute(output)?,
    };
    let mut new = Replacement::begin(&target, NEW_FILE_MODE)?;
    write_page(page, new.file())?;
    tell(new.finish(Replace::Allowed)?, output);
    Ok(target)
}

fn write_page(page: &Page, file: impl Write) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, file);
    page.write(&mut out)?;
    out.flush()
}

/// Refuses to replace a file that is not a page, so that a typo cannot destroy one.
fn check_page(path: &Path) -> io::Result<()> {
    let mut found = Vec::new();
    File::open(path)?.take(BEGINNING.len() as u64).read_to_end(&mut found)?;
    if found.is_empty() || found.eq_ignore_ascii_case(BEGINNING) {
        return Ok(());
    }
    let why = "it exists and is not an HTML page; name another file";
    Err(io::Error::new(ErrorKind::AlreadyExists, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Creation, Store};

    #[test]
    fn a_tag_that_no_account_has_any_more_has_no_page() {
        let folder = tempfile::tempdir().expect("a folder");
        let (config, database) =
            (folder.path().join("config.toml"), folder.path().join("growth.db"));
        fs::write(&config, "[database]\npath = \"growth.db\"\n").expect("a configuration");
        drop(Store::open(&database, Creation::Allowed).expect("a database"));
        let settings = Settings::load(&config, clock::now().time()).expect("settings");
        let mut pages =
            TagPages { settings: &settings, folder: folder.path(), title: None, failed: None };
        let mut out = Vec::new();
        pages.write_all(vec!["gone".to_owned(), "too".to_owned()], None, &mut out);
        assert!(pages.failed.is_none() && out.is_empty());
    }

    #[test]
    fn a_small_page_has_a_size() {
        for (bytes, shown) in
            [(1, "1 KB"), (87_654, "88 KB"), (999_999, "1000 KB"), (1_290_000, "1.2 MB")]
        {
            assert_eq!(length(bytes), shown);
        }
    }

    #[test]
    fn the_file_name_of_a_tag_is_safe_and_depends_on_no_other_tag() {
        let long = "é".repeat(80);
        let mut names = Vec::new();
        for (tag, beginning) in [
            ("client-a", "client-a.html"),
            ("Client-A", "Client-A-"),
            ("CLIENT-A", "CLIENT-A-"),
            ("client a", "client-a-"),
            ("../../etc/passwd", "etc-passwd-"),
            (".hidden", "hidden-"),
            ("..", "tag-"),
            ("/", "tag-"),
            ("Müller & Söhne", "Müller---Söhne-"),
            ("söhne", "söhne.html"),
            (&long, &format!("{}-", "é".repeat(50))),
        ] {
            let name = file_name(tag);
            assert!(name.starts_with(beginning) && name.ends_with(".html"), "{tag}: {name}");
            names.push(name.to_lowercase());
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 11, "{names:?}");
        assert_eq!(file_name("Client-A"), file_name("Client-A"));
    }
}
