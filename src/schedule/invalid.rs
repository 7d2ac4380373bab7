//! Errors of parsing a schedule.

/// How many characters of an unknown zone's name are shown.
const SHOWN: usize = 40;

/// A text is not a schedule. The messages address the person who wrote it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidSchedule {
    #[error("{0}")]
    Cron(String),
    #[error("the cron pattern {0:?} never fires: no such day exists")]
    NeverFires(String),
    #[error("there is no time zone {name:?}; expected an IANA name such as \"Europe/London\" or \"UTC\"{}", nearest.as_ref().map(|n| format!(" (nearest: {n:?})")).unwrap_or_default())]
    Zone {
        /// The unknown name, or its beginning.
        name: String,
        /// The most similar known name, if one is similar enough.
        nearest: Option<String>,
    },
}

impl InvalidSchedule {
    pub(super) fn no_zone(name: &str, nearest: Option<String>) -> InvalidSchedule {
        let mut shown: String = name.chars().take(SHOWN).collect();
        if shown.len() < name.len() {
            shown.push('…');
        }
        InvalidSchedule::Zone { name: shown, nearest }
    }
}
