//! The names to add, read from the command line or a file.

use std::collections::HashSet;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use percent_encoding::percent_decode_str;
use reqwest::Url;

use crate::account::{Handle, Platform};
use crate::cli::AddArgs;
use crate::commands::CommandError;
use crate::daemon::MAX_LOOKUPS;
use crate::report::counted;

/// Maximum size of a list of names, in bytes.
const MAX_LIST: u64 = 1 << 20;

/// How many problems are shown; the others are counted.
const SHOWN: usize = 50;

/// Returns the names in `args`, in order and without duplicates.
pub fn names(args: &AddArgs) -> Result<Vec<Handle>, CommandError> {
    // Each name with where it is, for messages.
    let mut texts: Vec<(String, String)> =
        args.usernames.iter().map(|name| ("growthd".to_owned(), name.clone())).collect();
    if let Some(path) = &args.from {
        let list = read(path)?;
        // As some editors begin a file.
        let list = list.trim_start_matches('\u{feff}');
        let lines = list.lines().map(without_comment);
        let names = (1..).zip(lines).filter(|(_, line)| !line.is_empty());
        let path = path.display();
        texts.extend(names.map(|(number, line)| (format!("{path}:{number}"), line.to_owned())));
    }
    let (mut handles, mut seen) = (Vec::new(), HashSet::new());
    let mut problems = Vec::new();
    for (place, text) in &texts {
        match handle(text, args.platform) {
            Ok(handle) if !seen.insert(handle.clone()) => {}
            Ok(handle) => handles.push(handle),
            Err(why) => problems.push(format!("{place}: {text:?} {why}")),
        }
    }
    if !problems.is_empty() {
        let more = problems.len().saturating_sub(SHOWN);
        problems.truncate(SHOWN);
        problems.extend((more > 0).then(|| format!("growthd: and {more} more")));
        return Err(CommandError::Problems(problems));
    }
    if handles.is_empty() {
        return Err(CommandError::Usage("there are no names to add".to_owned()));
    }
    // Whether a daemon runs must not decide over a list.
    if handles.len() > MAX_LOOKUPS {
        let (found, most) = (counted(handles.len(), "name"), counted(MAX_LOOKUPS, "name"));
        let why = format!("{found} are too many: add at most {most} at once, and split the list");
        return Err(CommandError::Usage(why));
    }
    if let Some(platform) = args.platform
        && handles.iter().all(|handle| handle.platform() != platform)
    {
        let platform = platform.as_str();
        let why = format!("these are URLs of another platform: leave out --platform {platform}");
        return Err(CommandError::Usage(why));
    }
    Ok(handles)
}

/// Returns a line without what follows a `#` at its start or after a space or a tab: in a URL, one may
/// be part of it.
fn without_comment(line: &str) -> &str {
    let begins = |at: &usize| *at == 0 || line[..*at].ends_with([' ', '\t']);
    let comment = line.match_indices('#').map(|(at, _)| at).find(begins);
    line[..comment.unwrap_or(line.len())].trim()
}

fn read(path: &Path) -> Result<String, CommandError> {
    let read = match path.as_os_str() == "-" {
        true => read_whole(io::stdin().lock()),
        false => fs::File::open(path).and_then(read_whole),
    };
    read.map_err(|error| {
        CommandError::Usage(format!("cannot read the names in {}: {error}", path.display()))
    })
}

/// Reads a list completely: in one that was cut off, the last name might be another account's.
fn read_whole(list: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    list.take(MAX_LIST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_LIST {
        return Err(io::Error::new(ErrorKind::FileTooLarge, "it is over 1 MiB; split it"));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8"))
}

/// Parses a handle, or the URL of a profile.
fn handle(text: &str, platform: Option<Platform>) -> Result<Handle, String> {
    let (name, platform) = match (text.contains('/'), platform) {
        (true, _) => profile(text)?,
        (false, _) if text.contains([',', ';', '\t']) => {
            return Err("is more than a name: give each on a line, or as an argument, of its own"
                .to_owned());
        }
        (false, Some(platform)) => (text.to_owned(), platform),
        (false, None) => return Err("needs --platform tiktok or --platform youtube".to_owned()),
    };
    Handle::new(name.trim_start_matches('@'), platform).map_err(|error| error.to_string())
}

/// What follows the name in the URL of a post.
const POSTS: [&str; 3] = ["video", "photo", "post"];

/// Returns the name and the platform in the URL of a profile, which may lack the scheme. Everything else
/// on a platform is refused: a link to a video, a tag or a share link names no account, or another one.
fn profile(text: &str) -> Result<(String, Platform), String> {
    let has_scheme = text.contains("://");
    let url = if has_scheme { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let (platform, example) =
        match host {
            "tiktok.com" | "www.tiktok.com" | "m.tiktok.com" | "vm.tiktok.com"
            | "vt.tiktok.com" => (Platform::Tiktok, "https://www.tiktok.com/@name"),
            "youtube.com" | "www.youtube.com" | "m.youtube.com" | "music.youtube.com"
            | "youtu.be" => (Platform::Youtube, "https://www.youtube.com/@name"),
            _ => return Err("is not a URL of a tiktok.com or youtube.com profile".to_owned()),
        };
    let segments = url.iter().filter_map(Url::path_segments).flatten();
    let decoded = |segment| percent_decode_str(segment).decode_utf8().ok();
    let mut segments = segments.map(decoded).map(Option::unwrap_or_default).peekable();
    segments.next_if(|segment| is_locale(segment));
    match (segments.next(), segments.next()) {
        (Some(name), Some(post)) if name.starts_with('@') && POSTS.contains(&&*post) => {
            Err(format!(
                "is the URL of a post; that of the profile is {}",
                example.replace("@name", &name)
            ))
        }
        (Some(name), _) if name.starts_with('@') => Ok((name.into_owned(), platform)),
        _ => Err(format!(
            "is not a profile URL; open the profile and copy its URL, which is like {example}"
        )),
    }
}

/// Returns whether a path segment selects a language, such as `en` or `pt-BR`.
fn is_locale(segment: &str) -> bool {
    let language = segment.split('-').next().unwrap_or_default();
    language.len() == 2 && language.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_whole_or_not_at_all() {
        let limit = usize::try_from(MAX_LIST).expect("a size");
        let list = |length| read_whole(&vec![b'x'; length][..]);
        assert_eq!(list(limit).expect("a list").len(), limit);
        assert_eq!(list(limit + 1).expect_err("too long").kind(), ErrorKind::FileTooLarge);
        assert!(read_whole(&b"\xff"[..]).is_err());
    }

    #[test]
    fn a_comment_begins_after_a_space_or_a_tab() {
        for (line, name) in [
            ("guru", "guru"),
            ("  guru  # note # more", "guru"),
            ("guru\t# note", "guru"),
            ("guru #", "guru"),
            ("# note", ""),
            ("\t#note", ""),
            ("https://www.tiktok.com/@guru#y # note", "https://www.tiktok.com/@guru#y"),
        ] {
            assert_eq!(without_comment(line), name, "{line:?}");
        }
    }

    #[test]
    fn handles_and_profile_urls_are_parsed() {
        let tiktok = Some(Platform::Tiktok);
        for (text, platform, expected) in [
            ("@fitnessguru", tiktok, "@fitnessguru on tiktok"),
            ("fitnessguru", tiktok, "@fitnessguru on tiktok"),
            ("https://www.tiktok.com/@fitnessguru", None, "@fitnessguru on tiktok"),
            ("https://www.tiktok.com/@fitnessguru?lang=en", None, "@fitnessguru on tiktok"),
            ("https://m.youtube.com/@Guru/videos", None, "@Guru on youtube"),
            ("youtube.com/@Guru", None, "@Guru on youtube"),
            ("HTTPS://WWW.TikTok.COM:443/@Guru/?x#y", None, "@Guru on tiktok"),
            ("https://www.tiktok.com/pt-BR/@guru", None, "@guru on tiktok"),
            ("https://www.tiktok.com/en/@guru", None, "@guru on tiktok"),
            ("https://www.youtube.com/%40guru", None, "@guru on youtube"),
            ("https://www.youtube.com/@%E6%97%A5%E6%9C%AC", None, "@日本 on youtube"),
            ("https://www.youtube.com/@日本", None, "@日本 on youtube"),
            // In a list of both, --platform is for the names.
            ("https://www.youtube.com/@guru", tiktok, "@guru on youtube"),
        ] {
            let handle = handle(text, platform).expect(text);
            assert_eq!(handle.to_string(), expected, "{text}");
        }
        for (text, platform) in [
            ("fitnessguru", None),
            ("", tiktok),
            ("@", tiktok),
            ("two words", tiktok),
            ("a,b", tiktok),
            ("'a'", tiktok),
            ("user:1", tiktok),
            ("https://elsewhere.invalid/@guru", tiktok),
            ("https://tiktok.com.elsewhere.invalid/@guru", None),
            ("https://www.instagram.com/guru", tiktok),
            ("ftp://www.tiktok.com/@guru", None),
            ("https://www.youtube.com/channel/UC123", None),
            ("https://www.youtube.com/Guru", None),
            ("https://www.youtube.com/@a%2Fb", None),
            ("https://www.youtube.com/@%FF", None),
            ("https://youtu.be/abc", None),
            ("https://www.tiktok.com/", None),
            ("https://www.tiktok.com/@", None),
            ("https://www.tiktok.com/t/ZTRabc/", None),
            ("https://www.tiktok.com/tag/fitness", tiktok),
            ("https://www.tiktok.com/video/123", None),
            ("https://www.tiktok.com/@guru/video/123", None),
            ("--dry-run", tiktok),
            ("https://www.tiktok.com/en/fitness", None),
            ("https://m.tiktok.com/v/123.html", None),
            ("https://vm.tiktok.com/ZMabc/", tiktok),
            ("line\nbreak", tiktok),
            ("guru\u{202e}", tiktok),
        ] {
            assert!(handle(text, platform).is_err(), "{text}");
        }
        assert!(handle(&"x".repeat(101), tiktok).is_err());
        let advice = |text| handle(text, None).expect_err(text);
        assert!(
            advice("https://vm.tiktok.com/ZMabc/").ends_with("like https://www.tiktok.com/@name")
        );
        assert!(
            advice("https://www.tiktok.com/@guru/video/1")
                .ends_with("https://www.tiktok.com/@guru")
        );
        assert!(advice("username,platform").starts_with("is more than a name"));
        assert!(!advice("https://www.instagram.com/guru").contains("--platform"));
    }
}
