//! Every key there is, where it stands and what is expected of it.

/// A key of a table.
pub(super) struct Key {
    pub name: &'static str,
    /// Completes "expected …".
    pub expected: &'static str,
}

/// A table, or the list of tables `[[account]]`.
pub(super) struct Section {
    pub name: &'static str,
    /// As it is written in the file.
    pub title: &'static str,
    pub keys: &'static [&'static Key],
}

const fn key(name: &'static str, expected: &'static str) -> Key {
    Key { name, expected }
}

pub(super) static BASE_URL: Key = key("base_url", "an https URL such as \"https://api.hooked.ai\"");
pub(super) static PROXY: Key =
    key("proxy", "an http or https URL such as \"http://proxy:3128\", perhaps with user:password@");
pub(super) static API_KEY_FILE: Key =
    key("api_key_file", "the path of a file that holds the key, such as \"api-key\"");
pub(super) static TIMEOUT: Key =
    key("timeout", "a duration from \"1s\" to \"1h\", such as \"120s\"");
pub(super) static MAX_IN_FLIGHT: Key = key("max_in_flight", "a whole number from 1 to 1024");
pub(super) static REQUESTS_PER_MINUTE: Key =
    key("requests_per_minute", "a whole number from 0 (unlimited) to 1000000");
pub(super) static ALLOW_HTTP: Key = key("allow_http", "true or false");

pub(super) static REFRESHES: Key =
    key("refreshes", "how many refreshes may be spent, a whole number that is not negative");
pub(super) static PER: Key = key("per", "\"day\", \"week\" or \"month\"");

pub(super) static FIRST_DELAY: Key =
    key("first_delay", "a duration from \"1s\" up to max_delay, such as \"30s\"");
pub(super) static MAX_DELAY: Key =
    key("max_delay", "a duration from \"1s\" to \"3650d\", such as \"6h\"");
pub(super) static MAX_PAID_ATTEMPTS: Key =
    key("max_paid_attempts", "a whole number from 1 to 1000");
pub(super) static UNKNOWN: Key = key("unknown", "\"retry\" or \"skip\"");

pub(super) static PATH: Key = key("path", "the path of the SQLite file, such as \"growth.db\"");

pub(super) static CRON: Key =
    key("cron", "a cron pattern such as \"0 6 * * MON\" (Mondays at 06:00)");
pub(super) static TIMEZONE: Key =
    key("timezone", "an IANA time zone such as \"Europe/London\" or \"UTC\"");
pub(super) static SPREAD: Key = key(
    "spread",
    "a duration such as \"90s\", \"1h\" or \"0s\", shorter than the schedule's interval",
);
pub(super) static CATCH_UP: Key =
    key("catch_up", "\"always\", \"never\" or a duration such as \"6h\" or \"30d\"");
pub(super) static ALLOW_FREQUENT: Key = key("allow_frequent", "true or false");

pub(super) static LISTEN: Key =
    key("listen", "an address and a port such as \"127.0.0.1:9464\" or \"[::1]:9464\"");

pub(super) static ID: Key = key("id", "a Hooked account id such as \"clx123abc\"");
pub(super) static LABEL: Key =
    key("label", "a name of 1 to 200 characters, without control characters");
pub(super) static TAGS: Key =
    key("tags", "an array of names of 1 to 200 characters, such as [\"client-a\"]");
pub(super) static ENABLED: Key = key("enabled", "true or false");

pub(super) static API: Section = Section {
    name: "api",
    title: "[api]",
    keys: &[
        &BASE_URL,
        &PROXY,
        &API_KEY_FILE,
        &TIMEOUT,
        &MAX_IN_FLIGHT,
        &REQUESTS_PER_MINUTE,
        &ALLOW_HTTP,
    ],
};
pub(super) static BUDGET: Section =
    Section { name: "budget", title: "[budget]", keys: &[&REFRESHES, &PER] };
pub(super) static RETRY: Section = Section {
    name: "retry",
    title: "[retry]",
    keys: &[&FIRST_DELAY, &MAX_DELAY, &MAX_PAID_ATTEMPTS, &UNKNOWN],
};
pub(super) static DATABASE: Section =
    Section { name: "database", title: "[database]", keys: &[&PATH] };
pub(super) static SCHEDULE: Section = Section {
    name: "schedule",
    title: "[schedule]",
    keys: &[&CRON, &TIMEZONE, &SPREAD, &CATCH_UP, &ALLOW_FREQUENT],
};
pub(super) static HTTP: Section = Section { name: "http", title: "[http]", keys: &[&LISTEN] };
pub(super) static ACCOUNT: Section = Section {
    name: "account",
    title: "[[account]]",
    keys: &[&ID, &LABEL, &TAGS, &CRON, &TIMEZONE, &SPREAD, &ENABLED],
};

pub(super) static SECTIONS: [&Section; 7] =
    [&API, &BUDGET, &RETRY, &DATABASE, &SCHEDULE, &HTTP, &ACCOUNT];

/// The candidate written most like `word`, if one is near enough to be meant.
pub(super) fn nearest(
    word: &str,
    candidates: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    // Nothing known is that long, and comparing costs the product of both lengths.
    if word.len() > 40 {
        return None;
    }
    let word = word.to_lowercase().replace('-', "_");
    candidates
        .map(|candidate| (strsim::osa_distance(&word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
