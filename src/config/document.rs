//! A file of the configuration: its path and its text.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The limit for all files together, in bytes: a million accounts with every key set take a fifth
/// of it.
pub(super) const LARGEST: u64 = 1 << 30;

pub(super) struct Document<'a> {
    /// The path as given, or as found by `include`.
    pub path: PathBuf,
    pub text: Cow<'a, str>,
    /// For each line that is not UTF-8, the offset of its first replacement character.
    pub not_utf8: Vec<usize>,
}

impl<'a> Document<'a> {
    /// Decodes the text, without its byte-order mark. Bytes that are not UTF-8 become replacement
    /// characters, so that the rest can be checked too.
    pub fn decode(path: PathBuf, bytes: Cow<'a, [u8]>) -> Document<'a> {
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            // UTF-16: nothing in it could be read.
            return Document { path, text: Cow::Borrowed(""), not_utf8: vec![0] };
        }
        let mut not_utf8 = Vec::new();
        let text = match bytes {
            Cow::Borrowed(bytes) => decode(without_mark(bytes), &mut not_utf8),
            Cow::Owned(bytes) => match String::from_utf8(bytes) {
                Ok(text) if !text.starts_with('\u{feff}') => Cow::Owned(text),
                Ok(text) => Cow::Owned(text.trim_start_matches('\u{feff}').to_owned()),
                Err(error) => {
                    let bytes = without_mark(error.as_bytes());
                    Cow::Owned(decode(bytes, &mut not_utf8).into_owned())
                }
            },
        };
        Document { path, text, not_utf8 }
    }
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn decode<'a>(bytes: &'a [u8], not_utf8: &mut Vec<usize>) -> Cow<'a, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    let mut line_is_listed = false;
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        line_is_listed &= !chunk.valid().contains('\n');
        if !chunk.invalid().is_empty() {
            if !line_is_listed {
                not_utf8.push(text.len());
                line_is_listed = true;
            }
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    Cow::Owned(text)
}

/// Reads a file of at most `largest` bytes. One that is not a regular file is an error: a pipe
/// without a writer would block, and one that has been read is empty.
pub(super) fn read(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(largest + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > largest {
        let why = "it is too large: over 1 GiB, including the files before it";
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}
