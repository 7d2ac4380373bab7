//! A configuration is valid or refused, and no message about it can control a terminal.

use std::path::Path;

use growthd::clock::Time;
use growthd::config::{Config, ConfigError};

/// Checks any file: an accepted account addresses only its own endpoint, and a problem has a
/// position in the file and takes one line.
pub fn hold(bytes: &[u8]) {
    match Config::parse(Path::new("/etc/growthd/config.toml"), bytes, Time(1_767_225_600)) {
        Ok(config) => {
            assert!(std::str::from_utf8(bytes).is_ok());
            for account in &config.accounts {
                let id = account.id.as_str();
                let url = config.settings.api.url(["v1", "social", "account", id, "refresh"]);
                let end = format!("/v1/social/account/{id}/refresh");
                assert!(url.path().ends_with(&end), "{url}");
                assert!(url.query().is_none() && url.fragment().is_none(), "{url}");
            }
        }
        Err(ConfigError::Invalid(problems)) => {
            let text = String::from_utf8_lossy(bytes);
            let lines = text.split('\n').count();
            for problem in problems.iter() {
                assert!((1..=lines).contains(&problem.line) && problem.column > 0, "{problem:?}");
            }
            for shown in [format!("{problems}"), format!("{problems:#}")] {
                assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
            }
            // Scripts rely on one line for each problem.
            let named = problems.iter().count();
            let lines = named + usize::from(problems.count() > named);
            assert!(named > 0);
            assert_eq!(format!("{problems}").lines().count(), lines, "{problems}");
        }
        Err(other) => panic!("{other}"),
    }
}
