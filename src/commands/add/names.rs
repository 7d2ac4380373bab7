//! The names to add, read from the command line or a file.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::account::{Handle, Platform};
use crate::cli::AddArgs;
use crate::commands::CommandError;

/// Maximum size of a list of names, in bytes.
const MAX_LIST: u64 = 1 << 20;

/// Returns the names in `args`, in order and without duplicates.
pub fn names(args: &AddArgs) -> Result<Vec<Handle>, CommandError> {
    let mut texts = args.usernames.clone();
    if let Some(path) = &args.from {
        let list = read(path)?;
        // As some editors begin a file.
        let list = list.trim_start_matches('\u{feff}');
        let lines = list.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
        let names = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        texts.extend(names.map(str::to_owned));
    }
    let mut handles = Vec::new();
    let mut problems = Vec::new();
    for text in &texts {
        match handle(text, args.platform) {
            Ok(handle) if handles.contains(&handle) => {}
            Ok(handle) => handles.push(handle),
            Err(why) => problems.push(format!("{text:?} {why}")),
        }
    }
    if !problems.is_empty() {
        return Err(CommandError::Usage(problems.join("; ")));
    }
    if handles.is_empty() {
        return Err(CommandError::Usage("there are no names to add".to_owned()));
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

fn read(path: &Path) -> Result<String, CommandError> {
    let mut text = String::new();
    let read = match path.as_os_str() == "-" {
        true => io::stdin().lock().take(MAX_LIST).read_to_string(&mut text),
        false => {
            fs::File::open(path).and_then(|file| file.take(MAX_LIST).read_to_string(&mut text))
        }
    };
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(CommandError::Usage(format!(
            "cannot read the names in {}: {error}",
            path.display()
        ))),
    }
}

/// Parses a handle, or the URL of a profile.
fn handle(text: &str, platform: Option<Platform>) -> Result<Handle, String> {
    let (name, platform) = match url(text) {
        Some((Platform::Youtube, path)) if !path.starts_with('@') => {
            return Err(
                "is not a profile URL with an @name; open the profile and copy its URL".to_owned()
            );
        }
        Some((found, path)) => (path, found),
        None => match platform {
            Some(platform) => (text, platform),
            None => return Err("needs --platform tiktok or --platform youtube".to_owned()),
        },
    };
    Handle::new(name.trim_start_matches('@'), platform).map_err(|error| error.to_string())
}

/// Returns the platform and the first path segment, if `text` is a URL of a supported platform.
fn url(text: &str) -> Option<(Platform, &str)> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let rest = rest.unwrap_or(text);
    let rest = rest.strip_prefix("www.").or_else(|| rest.strip_prefix("m.")).unwrap_or(rest);
    let (host, path) = rest.split_once('/')?;
    let platform = match host.to_ascii_lowercase().as_str() {
        "tiktok.com" => Platform::Tiktok,
        "youtube.com" => Platform::Youtube,
        _ => return None,
    };
    let end = path.find(['/', '?', '#']).unwrap_or(path.len());
    Some((platform, &path[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("https://elsewhere.invalid/@guru", tiktok),
            ("https://www.youtube.com/channel/UC123", None),
            ("line\nbreak", tiktok),
            ("guru\u{202e}", tiktok),
        ] {
            assert!(handle(text, platform).is_err(), "{text}");
        }
        assert!(handle(&"x".repeat(101), tiktok).is_err());
    }
}
