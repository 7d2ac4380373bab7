//! Every key there is, described once: for what reads it, for messages and for the manual page.

/// A key of a table.
pub(super) struct Key {
    pub name: &'static str,
    /// Completes "expected …".
    pub expected: &'static str,
    /// As it is written, a text without its quotes; empty where there is none.
    pub default: &'static str,
    /// What it does, for the manual page.
    pub help: &'static str,
}

/// A table, or the list of tables `[[account]]`.
pub(super) struct Section {
    pub name: &'static str,
    /// As it is written in the file.
    pub title: &'static str,
    /// What it is about, for the manual page.
    pub help: &'static str,
    pub keys: &'static [&'static Key],
}

const fn key(
    name: &'static str,
    expected: &'static str,
    default: &'static str,
    help: &'static str,
) -> Key {
    Key { name, expected, default, help }
}

pub(super) static BASE_URL: Key = key(
    "base_url",
    "an https URL such as \"https://api.hooked.ai\"",
    "https://api.hooked.ai",
    "The only host that the API key is sent to.",
);
pub(super) static PROXY: Key = key(
    "proxy",
    "an http or https URL such as \"http://proxy:3128\", perhaps with user:password@",
    "none",
    "The proxy to the vendor, for networks without another way out. The environment's is never used.",
);
pub(super) static API_KEY_FILE: Key = key(
    "api_key_file",
    "the path of a file that holds the key, such as \"api-key\"",
    "api-key",
    "The file with the API key: mode 0600, or 0640 for a group that may read it. The systemd credential `api-key` comes before it, and $GROWTHD_API_KEY after it.",
);
pub(super) static TIMEOUT: Key = key(
    "timeout",
    "a duration from \"1s\" to \"1h\", such as \"120s\"",
    "120s",
    "How long to wait for an answer. A refresh scrapes the platform, and one that is given up too early may still cost a credit.",
);
pub(super) static MAX_IN_FLIGHT: Key =
    key("max_in_flight", "a whole number from 1 to 1024", "4", "Calls at the same time.");
pub(super) static REQUESTS_PER_MINUTE: Key = key(
    "requests_per_minute",
    "a whole number from 0 (unlimited) to 1000000",
    "60",
    "The pace of calls, evenly spaced; 60 is the limit that the vendor documents.",
);
pub(super) static ALLOW_HTTP: Key = key(
    "allow_http",
    "true or false",
    "false",
    "Allows plain http to another machine, to which the key is then sent unencrypted.",
);

pub(super) static REFRESHES: Key = key(
    "refreshes",
    "how many refreshes may be spent, a whole number that is not negative",
    "",
    "How many refreshes may be spent in each period. Required in [budget].",
);
pub(super) static MANUAL: Key = key(
    "manual",
    "how many of them people may ask for, a whole number up to refreshes",
    "",
    "How many of them people may spend with refresh and add; without it, all.",
);
pub(super) static PER: Key = key(
    "per",
    "\"day\", \"week\" or \"month\"",
    "month",
    "The period, in UTC. A week begins on Monday.",
);

pub(super) static FIRST_DELAY: Key = key(
    "first_delay",
    "a duration from \"1s\" up to max_delay, such as \"30s\"",
    "30s",
    "The wait after a first failure. It doubles with each further one.",
);
pub(super) static MAX_DELAY: Key = key(
    "max_delay",
    "a duration from \"1s\" to \"3650d\", such as \"6h\"",
    "6h",
    "The longest wait between two tries.",
);
pub(super) static MAX_PAID_ATTEMPTS: Key = key(
    "max_paid_attempts",
    "a whole number from 1 to 1000",
    "3",
    "How many calls that may have cost a credit one due refresh is worth.",
);
pub(super) static UNKNOWN: Key = key(
    "unknown",
    "\"retry\" or \"skip\"",
    "retry",
    "What follows a call that may or may not have cost a credit: a timeout, a cut connection, a crash.",
);

pub(super) static PATH: Key = key(
    "path",
    "the path of the SQLite file, such as \"growth.db\"",
    "",
    "The SQLite file. By default growth.db: in $STATE_DIRECTORY, else in /var/lib/growthd for /etc/growthd/config.toml and in /var/lib/growthd-NAME for /etc/growthd/NAME.toml, else beside the configuration.",
);

pub(super) static CRON: Key = key(
    "cron",
    "a cron pattern such as \"0 6 * * MON\" (Mondays at 06:00)",
    "0 6 * * MON",
    "When to refresh: minute, hour, day of month, month, day of week; a sixth field, seconds, may stand in front. Also @hourly, @daily, @weekly, @monthly and @yearly.",
);
pub(super) static TIMEZONE: Key = key(
    "timezone",
    "an IANA time zone such as \"Europe/London\" or \"UTC\"",
    "UTC",
    "The zone in which the cron pattern is meant.",
);
pub(super) static SPREAD: Key = key(
    "spread",
    "a duration such as \"90s\", \"1h\" or \"0s\", shorter than the schedule's interval",
    "0s",
    "Spreads the accounts over this much time after the cron time, each always at the same place of its own.",
);
pub(super) static CATCH_UP: Key = key(
    "catch_up",
    "\"always\", \"never\" or a duration such as \"6h\" or \"30d\"",
    "always",
    "How late a refresh that was missed is still made.",
);
pub(super) static ALLOW_FREQUENT: Key = key(
    "allow_frequent",
    "true or false",
    "false",
    "Allows a cron pattern that fires more often than hourly. Every refresh costs a credit.",
);

pub(super) static LISTEN: Key = key(
    "listen",
    "an address and a port such as \"127.0.0.1:9464\" or \"[::1]:9464\"",
    "127.0.0.1:9464",
    "Where /metrics and /healthz are served.",
);

pub(super) static ID: Key = key(
    "id",
    "a Hooked account id such as \"clx123abc\"",
    "",
    "The vendor's id of the account. Required.",
);
pub(super) static LABEL: Key = key(
    "label",
    "a name of 1 to 200 characters, without control characters",
    "",
    "How you call it.",
);
pub(super) static TAGS: Key = key(
    "tags",
    "an array of names of 1 to 200 characters, such as [\"client-a\"]",
    "",
    "Words to group accounts by. Those of an account are added to those of its file.",
);
pub(super) static ENABLED: Key =
    key("enabled", "true or false", "true", "Whether it is refreshed; false keeps it in the list.");

pub(super) static INCLUDE: Key = key(
    "include",
    "an array of file names or patterns, such as [\"watchlist.d/*.toml\"]",
    "",
    "More files with accounts, relative to this one; in patterns, `*` stands for any part of a name. Each holds [[account]] tables, and may have [defaults] for them.",
);

pub(super) static API: Section = Section {
    name: "api",
    title: "[api]",
    help: "The vendor's API, and how fast to call it.",
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
pub(super) static BUDGET: Section = Section {
    name: "budget",
    title: "[budget]",
    help: "A hard cap on what is spent, counted in the database. Without it there is none.",
    keys: &[&REFRESHES, &PER, &MANUAL],
};
pub(super) static RETRY: Section = Section {
    name: "retry",
    title: "[retry]",
    help: "What follows a call that failed.",
    keys: &[&FIRST_DELAY, &MAX_DELAY, &MAX_PAID_ATTEMPTS, &UNKNOWN],
};
pub(super) static DATABASE: Section = Section {
    name: "database",
    title: "[database]",
    help: "Where the history lies.",
    keys: &[&PATH],
};
pub(super) static SCHEDULE: Section = Section {
    name: "schedule",
    title: "[schedule]",
    help: "Defaults for every account.",
    keys: &[&CRON, &TIMEZONE, &SPREAD, &CATCH_UP, &ALLOW_FREQUENT],
};
pub(super) static HTTP: Section = Section {
    name: "http",
    title: "[http]",
    help: "Metrics and health. Without it nothing listens.",
    keys: &[&LISTEN],
};
pub(super) static ACCOUNT: Section = Section {
    name: "account",
    title: "[[account]]",
    help: "The watchlist: one for each account.",
    keys: &[&ID, &LABEL, &TAGS, &CRON, &TIMEZONE, &SPREAD, &ENABLED],
};

pub(super) static DEFAULTS: Section = Section {
    name: "defaults",
    title: "[defaults]",
    help: "In an included file: defaults for its accounts, before those of [schedule].",
    keys: &[&TAGS, &CRON, &TIMEZONE, &SPREAD],
};

/// What the main file may have, beside `include`.
pub(super) static MAIN: [&Section; 7] =
    [&API, &BUDGET, &RETRY, &DATABASE, &SCHEDULE, &HTTP, &ACCOUNT];

/// What a file that it includes may have.
pub(super) static INCLUDED: [&Section; 2] = [&DEFAULTS, &ACCOUNT];

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
