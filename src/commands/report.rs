//! `growthd report`: the history as one HTML page.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use crate::clock;
use crate::commands::target::refuse_own;
use crate::commands::{CommandError, Done};
use crate::config::Config;
use crate::replacement::{Replace, Replacement};
use crate::report::html::{Allowance, Page};
use crate::report::{Grouped, Printable};
use crate::store::Reader;

/// For a web server to read, where the umask lets it.
const NEW_FILE_MODE: u32 = 0o666;

/// How every page begins, and what an existing file must begin with to be replaced.
const BEGINNING: &[u8] = b"<!doctype html>";

/// Writes the page to `output`; `-` is stdout.
pub fn report(config: &Config, output: &Path) -> Result<Done, CommandError> {
    let page = read(config)?;
    if output == Path::new("-") {
        let mut out = BufWriter::new(io::stdout().lock());
        page.write(&mut out)?;
        out.flush()?;
        return Ok(Done::Well);
    }
    refuse_own(output, config)?;
    let place = put(&page, output)?;
    let (accounts, snapshots) = page.size();
    let count = |count: usize| Grouped(i64::try_from(count).unwrap_or(i64::MAX));
    let size = fs::metadata(&place).map_or(0, |metadata| metadata.len());
    writeln!(
        io::stdout(),
        "{}: {} accounts, {} snapshots, {}.{} MB; open it in a browser",
        Printable(&place.to_string_lossy()),
        count(accounts),
        count(snapshots),
        size / 1_000_000,
        size / 100_000 % 10
    )?;
    Ok(Done::Well)
}

/// Reads the page, and lets go of the database: whoever reads the page may be slow.
fn read(config: &Config) -> Result<Page, CommandError> {
    let now = clock::now().time();
    let mut reader = Reader::open(&config.database.path)?;
    let look = reader.look()?;
    let allowance = match &config.budget {
        None => None,
        Some(budget) => {
            let period = budget.period(now);
            let per = budget.per.as_str();
            let spent = look.spent(period.from, period.to)?;
            Some(Allowance { refreshes: budget.refreshes, spent, per })
        }
    };
    Ok(Page::read(&look, allowance, now)?)
}

/// Writes the page into a file, and says nothing.
pub fn write(config: &Config, output: &Path) -> Result<(), CommandError> {
    put(&read(config)?, output)?;
    Ok(())
}

fn put(page: &Page, output: &Path) -> io::Result<PathBuf> {
    write_file(page, output).map_err(|error| {
        let told = format!("{}: {error}", Printable(&output.to_string_lossy()));
        io::Error::new(error.kind(), told)
    })
}

/// Writes a file that appears whole or not at all, and answers where it lies.
fn write_file(page: &Page, output: &Path) -> io::Result<PathBuf> {
    let target = match fs::metadata(output) {
        Ok(metadata) if metadata.is_file() => {
            check_page(output)?;
            // A link stays one: what it leads to is replaced.
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
    new.finish(Replace::Allowed)?;
    Ok(target)
}

fn write_page(page: &Page, file: impl Write) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, file);
    page.write(&mut out)?;
    out.flush()
}

/// A slip of the pen must not replace the database or the watchlist.
fn check_page(path: &Path) -> io::Result<()> {
    let mut found = Vec::new();
    File::open(path)?.take(BEGINNING.len() as u64).read_to_end(&mut found)?;
    if found.is_empty() || found.eq_ignore_ascii_case(BEGINNING) {
        return Ok(());
    }
    let why = "it is there and is no HTML page; name another file";
    Err(io::Error::new(ErrorKind::AlreadyExists, why))
}
