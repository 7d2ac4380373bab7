//! The schema: each key described once, for parsing, for messages and for the manual page.

/// A key of a table.
pub(super) struct Key {
    pub name: &'static str,
    /// Completes "expected …".
    pub expected: &'static str,
    /// Its default as written in TOML, but without quotes; empty if there is none.
    pub default: &'static str,
    /// A description for the manual page.
    pub help: &'static str,
}

/// A table, or the list of tables `[[account]]`.
pub(super) struct Section {
    pub name: &'static str,
    /// Its header as written in TOML.
    pub title: &'static str,
    /// A description for the manual page.
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
    "",
    "The proxy to use, for networks without direct access. By default none; the environment's is never used.",
);
pub(super) static API_KEY_FILE: Key = key(
    "api_key_file",
    "the path of a file that holds the key, such as \"api-key\"",
    "api-key",
    "The file with the API key, of mode 0600, or 0640 to let a group read it. The systemd credential `api-key` takes precedence over it, and it takes precedence over $GROWTHD_API_KEY.",
);
pub(super) static TIMEOUT: Key = key(
    "timeout",
    "a duration from \"1s\" to \"1h\", such as \"120s\"",
    "120s",
    "How long to wait for a response. A refresh scrapes the platform, and one that is given up too early may still cost a credit.",
);
pub(super) static MAX_IN_FLIGHT: Key =
    key("max_in_flight", "a whole number from 1 to 1024", "4", "The number of concurrent calls.");
pub(super) static REQUESTS_PER_MINUTE: Key = key(
    "requests_per_minute",
    "a whole number from 0 (unlimited) to 1000000",
    "60",
    "The rate of calls, which are evenly spaced. The vendor documents a limit of 60.",
);
pub(super) static ALLOW_HTTP: Key = key(
    "allow_http",
    "true or false",
    "false",
    "Allows plain http to another machine, which sends the key unencrypted.",
);

pub(super) static REFRESHES: Key = key(
    "refreshes",
    "how many refreshes may be spent, a whole number that is not negative",
    "",
    "The number of refreshes that may be spent in each period. Required in [budget].",
);
pub(super) static MANUAL: Key = key(
    "manual",
    "how many of them may be spent by hand, a whole number up to refreshes",
    "",
    "How many of the refreshes may be spent by hand, with refresh and add. By default, all.",
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
    "The delay after the first failure, which doubles with each further one.",
);
pub(super) static MAX_DELAY: Key = key(
    "max_delay",
    "a duration from \"1s\" to \"3650d\", such as \"6h\"",
    "6h",
    "The longest delay between two attempts.",
);
pub(super) static MAX_PAID_ATTEMPTS: Key = key(
    "max_paid_attempts",
    "a whole number from 1 to 1000",
    "3",
    "The most calls for one due refresh that may have cost a credit.",
);
pub(super) static UNKNOWN: Key = key(
    "unknown",
    "\"retry\" or \"skip\"",
    "retry",
    "What to do after a call that may or may not have cost a credit: a timeout, a cut connection, a crash.",
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
    "When to refresh: minute, hour, day of month, month, day of week; with six fields, the first is seconds. A day of month may be L (the last), LW (the last weekday) or 15W (the weekday nearest to the 15th), and a day of week FRI#2 (the second Friday) or FRI#L (the last). Also @hourly, @daily, @weekly, @monthly and @yearly.",
);
pub(super) static TIMEZONE: Key = key(
    "timezone",
    "an IANA time zone such as \"Europe/London\" or \"UTC\"",
    "UTC",
    "The time zone of the cron pattern.",
);
pub(super) static SPREAD: Key = key(
    "spread",
    "a duration such as \"90s\", \"1h\" or \"0s\", shorter than the schedule's interval",
    "0s",
    "Spreads the accounts over this much time after the cron time. Each account always has the same delay.",
);
pub(super) static CATCH_UP: Key = key(
    "catch_up",
    "\"always\", \"never\" or a duration such as \"6h\" or \"30d\"",
    "always",
    "How late a refresh is still made if growthd was not running, asleep, or asked to pause when it was due. An outage while growthd is running does not count.",
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
    "The address that serves /metrics and /healthz.",
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
    "Your name for the account.",
);
pub(super) static TAGS: Key = key(
    "tags",
    "an array of names of 1 to 200 characters, such as [\"client-a\"]",
    "",
    "Names to group accounts by. An account's tags are added to those of its file.",
);
pub(super) static ENABLED: Key = key(
    "enabled",
    "true or false",
    "true",
    "Whether to refresh the account; false keeps it listed.",
);

pub(super) static INCLUDE: Key = key(
    "include",
    "an array of file names or patterns, such as [\"watchlist.d/*.toml\"]",
    "",
    "More files with accounts, relative to this one; in patterns, `*` matches any part of a name. Each contains [[account]] tables, and may have [defaults] for them.",
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
    help: "A hard cap on spending, counted in the database. Without this table there is no cap.",
    keys: &[&REFRESHES, &PER, &MANUAL],
};
pub(super) static RETRY: Section = Section {
    name: "retry",
    title: "[retry]",
    help: "When to retry a call that failed.",
    keys: &[&FIRST_DELAY, &MAX_DELAY, &MAX_PAID_ATTEMPTS, &UNKNOWN],
};
pub(super) static DATABASE: Section = Section {
    name: "database",
    title: "[database]",
    help: "Where to store the history.",
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
    help: "Metrics and health. Without this table no port is opened.",
    keys: &[&LISTEN],
};
pub(super) static ACCOUNT: Section = Section {
    name: "account",
    title: "[[account]]",
    help: "The watchlist, with one table for each account.",
    keys: &[&ID, &LABEL, &TAGS, &CRON, &TIMEZONE, &SPREAD, &ENABLED],
};

pub(super) static DEFAULTS: Section = Section {
    name: "defaults",
    title: "[defaults]",
    help: "In an included file: defaults for its accounts, which take precedence over [schedule].",
    keys: &[&TAGS, &CRON, &TIMEZONE, &SPREAD],
};

/// The tables that the main file may have, besides `include`.
pub(super) static MAIN: [&Section; 7] =
    [&API, &BUDGET, &RETRY, &DATABASE, &SCHEDULE, &HTTP, &ACCOUNT];

/// The tables that an included file may have.
pub(super) static INCLUDED: [&Section; 2] = [&DEFAULTS, &ACCOUNT];

/// Returns the candidate most similar to `word`, if one is similar enough to be meant.
pub(super) fn nearest(
    word: &str,
    candidates: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    // No candidate is that long, and comparing takes time in the product of both lengths.
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
