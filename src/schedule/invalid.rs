//! What is wrong with a schedule.

/// How much is shown of a text that is no zone's name.
const SHOWN: usize = 40;

/// Why a text is not a schedule. The messages are for the person who wrote the text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidSchedule {
    /// Not a cron pattern.
    #[error("{0}")]
    Cron(String),
    /// A pattern that names only days that do not exist.
    #[error("the cron pattern {0:?} never fires: no such day exists")]
    NeverFires(String),
    /// Not an IANA zone.
    #[error("there is no time zone {name:?}; expected an IANA name such as \"Europe/London\" or \"UTC\"{}", nearest.as_ref().map(|n| format!(" (nearest: {n:?})")).unwrap_or_default())]
    Zone {
        /// The name given, or its beginning.
        name: String,
        /// The known name that is written most alike, if one is near.
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
