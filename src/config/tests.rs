use std::fmt::Write as _;

use proptest::prelude::*;

use super::manual::literal;
use super::reading::Reading;
use super::split::SplitText;
use std::sync::Arc;
use std::time::Duration;

use super::*;

const NEW_YEAR_2026: Time = Time(1_767_225_600);
const EXAMPLE: &str = include_str!("../../config.example.toml");

fn parse(text: &str) -> Result<Config, Problems> {
    parse_bytes(text.as_bytes())
}

fn parse_bytes(bytes: &[u8]) -> Result<Config, Problems> {
    match Config::parse(Path::new("etc/c.toml"), bytes, NEW_YEAR_2026) {
        Ok(config) => Ok(config),
        Err(ConfigError::Invalid(problems)) => Err(problems),
        Err(other) => panic!("{other}"),
    }
}

fn valid(text: &str) -> Config {
    parse(text).unwrap_or_else(|problems| panic!("{problems:#}\nin\n{text}"))
}

/// Returns the example with every commented-out setting (`#` and no space) uncommented.
fn uncommented_example() -> String {
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if setting.starts_with(|c: char| c == '[' || c.is_ascii_lowercase()) => {
            setting
        }
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn an_empty_file_has_all_defaults() {
    let config = valid("");
    assert_eq!(config.settings.api.base_url.as_str(), "https://api.hooked.ai/");
    assert_eq!(config.settings.api.api_key_file, Path::new("etc/api-key"));
    assert_eq!(config.settings.api.timeout, Duration::from_secs(120));
    assert_eq!(
        (config.settings.api.max_in_flight, config.settings.api.requests_per_minute),
        (4, 60)
    );
    assert_eq!((config.settings.retry.first_delay, config.settings.retry.max_delay), (30, 21_600));
    assert_eq!(
        (config.settings.retry.max_paid_attempts, config.settings.retry.unknown),
        (3, OnUnknown::Retry)
    );
    assert_eq!(config.settings.database.path, Path::new("etc/growth.db"));
    assert!(
        !config.settings.database.is_named
            && config.settings.budget.is_none()
            && config.settings.http.is_none()
    );
    assert_eq!(config.settings.catch_up, CatchUp::Always);
    assert_eq!(config.accounts, []);
}

#[test]
fn the_example_is_valid() {
    // As it is it buys nothing.
    assert_eq!(valid(EXAMPLE).accounts.len(), 0);
    let config = valid(&format!("{EXAMPLE}[[account]]\nid = \"a\"\n"));
    assert_eq!(&*config.accounts[0].cron, "0 6 * * MON");
}

#[test]
fn the_example_shows_every_key_with_its_default() {
    let everything = uncommented_example();
    let mut config = valid(&everything);
    let proxy = config.settings.api.proxy.take().map(|proxy| proxy.to_string());
    assert_eq!(proxy.as_deref(), Some("http://proxy:3128"));
    let defaults = valid("");
    assert_eq!(
        (config.settings.api, config.settings.retry, config.settings.catch_up),
        (defaults.settings.api, defaults.settings.retry, defaults.settings.catch_up)
    );
    assert_eq!(
        config.settings.budget,
        Some(Budget { refreshes: 150, per: Period::Month, manual: Some(20) })
    );
    assert_eq!(config.settings.http, valid("[http]").settings.http);
    assert_eq!(config.settings.database.path, defaults.settings.database.path);
    assert_eq!((config.accounts.len(), config.accounts[0].spread), (1, 3600));
    assert!(everything.contains("\ninclude = "));
    for section in schema::MAIN {
        assert!(everything.contains(section.title), "{}", section.title);
        for key in section.keys {
            assert!(everything.contains(&format!("\n{} = ", key.name)), "{}", key.name);
        }
    }
}

#[test]
fn every_key_is_read_and_its_type_checked() {
    for section in schema::MAIN {
        for key in section.keys {
            let text = format!("{}\n{} = 1979-05-27\n", section.title, key.name);
            let problems = parse(&text).expect_err(&text).to_string();
            let expected = format!("etc/c.toml:2:{}: `{}` is a date", key.name.len() + 4, key.name);
            assert!(problems.contains(&expected), "{problems}");
        }
    }
}

#[test]
fn accounts_default_to_the_schedule() {
    let config = valid(
        "[schedule]\ncron = '@daily'\ntimezone = 'Europe/London'\nspread = '2h'\n\
         [[account]]\nid = 'a'\n[[account]]\nid = 'b'\ncron = '@weekly'\nenabled = false\n\
         tags = ['x', 'y']\n[[account]]\nid = 'c'\ntimezone = 'UTC'\nspread = '0s'\n",
    );
    let short: Vec<_> = config
        .accounts
        .iter()
        .map(|a| (a.id.as_str(), &*a.cron, &*a.timezone, a.spread, a.enabled))
        .collect();
    assert_eq!(
        short,
        [
            ("a", "@daily", "Europe/London", 7200, true),
            ("b", "@weekly", "Europe/London", 7200, false),
            ("c", "@daily", "UTC", 0, true),
        ]
    );
    assert!(Arc::ptr_eq(&config.accounts[0].cron, &config.accounts[2].cron));
    assert_eq!(config.accounts[1].tags, ["x", "y"]);
}

#[test]
fn blanks_around_names_are_left_out() {
    let config = valid("[[account]]\nid = 'a'\nlabel = ' A b '\ntags = [' x', 'x ', 'y']\n");
    assert_eq!(config.accounts[0].label.as_deref(), Some("A b"));
    assert_eq!(config.accounts[0].tags, ["x", "y"]);
}

/// Each text has exactly the problems below it; each is the beginning of `line:column: message`.
#[expect(clippy::too_many_lines, reason = "a table with a row for each mistake")]
#[test]
fn each_problem_is_reported_at_its_position() {
    for (text, expected) in [
        // Misspelled, misplaced and secret keys.
        (
            "[schedule]\ncrn = '@daily'",
            &["2:1: unknown key `crn` in [schedule]; did you mean `cron`?"][..],
        ),
        (
            "[api]\nmax-in-flight = 2",
            &["2:1: unknown key `max-in-flight` in [api]; did you mean `max_in_flight`?"],
        ),
        (
            "cron = '@daily'",
            &["1:1: unknown key `cron` at the top level; it belongs in [schedule] or [[account]]"],
        ),
        (
            "[api]\nrefreshes = 1",
            &["2:1: unknown key `refreshes` in [api]; it belongs in [budget]"],
        ),
        (
            "[[accounts]]\nid = 'a'",
            &["1:3: unknown key `accounts` at the top level; did you mean [[account]]?"],
        ),
        ("[http]\nzzzzzzz = 1", &["2:1: unknown key `zzzzzzz` in [http]; expected listen"]),
        (
            "[api]\nAPI-Key = 'hk'",
            &["2:1: unknown key `API-Key` in [api]; the API key does not belong"],
        ),
        ("token = 'hk'", &["1:1: unknown key `token` at the top level; the API key does not"]),
        // Shapes.
        ("[account]\nid = 'a'", &["1:1: accounts are a list: write [[account]]"]),
        ("account = [1]", &["1:12: expected an account"]),
        ("[[api]]", &["1:3: `api` is a table: write [api]"]),
        ("api = 1", &["1:1: `api` is a table: write [api]"]),
        ("[[account]]\nlabel = 'x'", &["1:1: [[account]] needs `id`: a Hooked account id"]),
        ("[[account]]\nid = 'a'\ntags = 'x'", &["3:8: `tags` is a string; expected an array"]),
        (
            "[[account]]\nid = 'a'\ntags = ['x', 1]",
            &["3:14: `tags` contains an item that is a number"],
        ),
        // Values out of range.
        (
            "[api]\nmax_in_flight = 0",
            &["2:17: `max_in_flight` is out of range; expected a whole number from 1 to 1024"],
        ),
        ("[api]\nmax_in_flight = 1025", &["2:17: `max_in_flight` is out of range"]),
        (
            "[api]\nmax_in_flight = 0x1_0000_0000_0000_0000",
            &["2:17: `max_in_flight` is out of range"],
        ),
        ("[api]\nmax_in_flight = 4.0", &["2:17: `max_in_flight` is a number with a fraction"]),
        ("[api]\ntimeout = 120", &["2:11: `timeout` is a number; expected a duration"]),
        ("[api]\ntimeout = '120'", &["2:11: `timeout` is not a number followed by a unit"]),
        (
            "[api]\ntimeout = '61m'",
            &["2:11: `timeout` is out of range; expected a duration from \"1s\" to \"1h\""],
        ),
        ("[api]\ntimeout = '0s'", &["2:11: `timeout` is out of range"]),
        ("[budget]\nper = 'day'", &["1:1: [budget] needs `refreshes`: how many"]),
        ("[budget]\nrefreshes = -1", &["2:13: `refreshes` is negative"]),
        (
            "[budget]\nrefreshes = 2\nmanual = 3",
            &["3:10: `manual` is more than `refreshes`, 2; expected"],
        ),
        ("include = 'x'", &["1:11: `include` is a string; expected an array"]),
        ("include = ['']", &["1:12: `include` is not a path"]),
        ("include = ['none.toml']", &["1:12: `include` names a file that does not exist"]),
        ("include = ['a***b']", &["1:12: `include` is not a valid pattern"]),
        ("[defaults]", &["1:2: unknown key `defaults` at the top level; here the defaults are in"]),
        (
            "[budget]\nrefreshes = 1\nper = 'mont'",
            &[
                "3:7: `per` is misspelled (did you mean \"month\"?); expected \"day\", \"week\" or \"month\"",
            ],
        ),
        ("[budget]\nrefreshes = 1\nper = 'year'", &["3:7: `per` is not a valid value"]),
        (
            "[retry]\nfirst_delay = '7h'",
            &["2:15: `first_delay` (7h) is longer than `max_delay` (6h)"],
        ),
        ("[retry]\nmax_delay = '29s'", &["2:13: `first_delay` (30s) is longer than"]),
        ("[retry]\nfirst_delay = 'x'\nmax_delay = '10s'", &["2:15: `first_delay` is not a number"]),
        ("[retry]\nfirst_delay = '7h'\nmax_delay = '0s'", &["3:13: `max_delay` is out of range"]),
        ("[retry]\nmax_paid_attempts = 0", &["2:21: `max_paid_attempts` is out of range"]),
        (
            "[schedule]\ncatch_up = 'alway'",
            &["2:12: `catch_up` is misspelled (did you mean \"always\"?)"],
        ),
        ("[schedule]\ncatch_up = '0s'", &["2:12: `catch_up` must be longer than zero"]),
        ("[schedule]\nspread = '9999w'", &["2:10: `spread` is longer than 3650d"]),
        (
            "[http]\nlisten = 'localhost'",
            &["2:10: `listen` is not an address with a port; expected"],
        ),
        ("[database]\npath = ''", &["2:8: `path` is not a path"]),
        ("[database]\npath = \"C:\\temp\"", &["2:8: `path` contains a control character (write"]),
        ("[api]\napi_key_file = \"a\\nb\"", &["2:16: `api_key_file` contains a control character"]),
        ("include = [\"a\\tb\"]", &["1:12: `include` contains a control character"]),
        // Accounts.
        ("[[account]]\nid = 'a/b'", &["2:6: an account id may contain only letters"]),
        ("[[account]]\nid = 'a'\nlabel = ''", &["3:9: `label` is empty"]),
        (
            "[[account]]\nid = 'a'\nlabel = \"a\\u001bb\"",
            &["3:9: `label` contains a control character"],
        ),
        (
            "[[account]]\nid = 'a'\ntags = ['x', '']",
            &["3:14: `tags` contains an item that is empty"],
        ),
        (
            "[[account]]\nid = 'a'\n[[account]]\nid = 'b'\n[[account]]\nid = 'a'\n[[account]]\nid = 'a'",
            &[
                "6:6: duplicate `id` \"a\" (first on line 2)",
                "8:6: duplicate `id` \"a\" (first on line 2)",
            ],
        ),
        // Schedules: an inherited problem is reported once, where it was written.
        (
            "[schedule]\ncron = '61 * * * *'\n[[account]]\nid = 'a'\n[[account]]\nid = 'b'",
            &["2:8: `cron`: \"61\" cannot be the minute"],
        ),
        (
            "[[account]]\nid = 'a'\ncron = '0 0 30 2 *'\ntimezone = 'Mars'",
            &[
                "3:8: `cron`: the cron pattern \"0 0 30 2 *\" never fires",
                "4:12: `timezone`: there is no time zone \"Mars\"",
            ],
        ),
        ("[[account]]\nid = 'a'\ncron = '*/5 * * * *'", &["3:8: `cron`: fires every 5m, and"]),
        (
            "[schedule]\nallow_frequent = true\n[[account]]\nid = 'a'\ncron = '* * * * * *'\nspread = '1s'",
            &["6:10: `spread` (1s) must be shorter than the schedule's shortest interval (1s)"],
        ),
        (
            "[schedule]\nspread = '7d'\n[[account]]\nid = 'a'",
            &["2:10: `spread` (7d) must be shorter than"],
        ),
        (
            "[schedule]\nspread = '2h'\n[[account]]\nid = 'a'\ncron = '@hourly'",
            &[
                "5:8: `spread` (2h) must be shorter than the schedule's shortest interval (1h) (from [schedule]; set",
            ],
        ),
        // Of a spread that is too wide for a cron, only if an account inherits both, or one table
        // sets both.
        (
            "[schedule]\nspread = '7d'\n[[account]]\nid = 'a'\n[[account]]\nid = 'b'\n[[account]]\nid = 'c'\ncron = '@daily'",
            &[
                "2:10: `spread` (7d) must be shorter than the schedule's shortest interval (7d)",
                "9:8: `spread` (7d) must be shorter than the schedule's shortest interval (1d) (from",
            ],
        ),
        (
            "[schedule]\ncron = '@daily'\nspread = '1d'\n[[account]]\nid = 'a'",
            &["3:10: `spread` (1d) must be shorter than"],
        ),
        (
            "[[account]]\nid = 'a'\nallow_frequent = true",
            &["3:1: unknown key `allow_frequent` in [[account]]; it belongs in [schedule]"],
        ),
        // Syntax: nothing else is reported about a broken line.
        (
            "[api]\ntimeout =\nmax_in_flight = 0",
            &["2:10: missing value", "3:17: `max_in_flight` is out of range"],
        ),
        ("[api]\ntimeout = 2m\n", &["2:11: strings must be quoted"]),
        ("[api]\ntimeout = '1s'\ntimeout = '2s'", &["3:1: duplicate key `timeout`"]),
        ("[api]\n[[account]]\nid = 'a'\n[api]", &["4:2: duplicate key `api`"]),
        // A line that is no statement takes nothing with it.
        (
            "[[account]]\nid = 'a'\nlabel: \"A\"\ncron = 'x'\n<<<<<<< HEAD\n[[account]]\nid = 'b'\n[[account]]\nid = 'b'\n",
            &[
                "3:1: expected a key, `=` and a value",
                "4:8: `cron`",
                "5:1: expected a key, `=` and a value",
                "9:6: duplicate `id` \"b\"",
            ],
        ),
        // A string that is not closed is reported where it opens, and once.
        (
            "[[account]]\nid = 'a'\nlabel = \"\"\"A\ncron = 'x'\n\n[[account]]\nid = 'a/b'\n",
            &["3:9: this string is not closed; expected `\"\"\"`", "7:6: an account id may"],
        ),
        (
            "[[account]]\nid = 'a'\ntags = ['''A'']\n",
            &["3:9: this string is not closed; expected `'''`"],
        ),
        // Nor does a statement that is not closed take anything with it.
        (
            "[[account]]\nid = 'a'\ntags = ['x', 'y'\nlabel = ''\n[[account]]\nid = 'b'\ntags = ['z'\n\n[[account]]\nid = 'b'\n[retry]\nmax_delay = 1\n[http",
            &[
                "3:8: this array is not closed; expected `]`",
                "4:9: `label` is empty",
                "7:8: this array is not closed",
                "10:6: duplicate `id` \"b\" (first on line 6)",
                "12:13: `max_delay`",
                "13:6: unclosed table",
            ],
        ),
        (
            "[api]\ntimeout = {a = 1\n[http]\nx = 1",
            &["2:11: this inline table", "4:1: unknown key"],
        ),
        (
            "[[account]]\nid\n[[account]]\n",
            &["2:1: expected a key, `=` and a value", "3:1: [[account]] needs `id`"],
        ),
        (
            "[budget]\nper = 'day'\n[api]\ntimeout = 'x' x",
            &[
                "1:1: [budget] needs `refreshes`",
                "4:15: unexpected text after the value; put each key on a line of its own",
            ],
        ),
        ("[api\ntimeout = 3\n[http]\nx = 1", &["1:5: unclosed table", "4:1: unknown key `x`"]),
        (
            "[[account]]\nid = 'a'\n[[account]\nid = 'b'\nlabel = ''",
            &["3:1: accounts are a list: write [[account]]", "5:9: `label` is empty"],
        ),
        // Nor does a header that was meant to be an account's.
        (
            "[account]\nid = 'a'\n[account] # b\nid = 'b'\nlabel = ''\n[[account]]\nid = 'b'\n[account]\n",
            &[
                "1:1: accounts are a list: write [[account]], with double brackets",
                "3:1: accounts are a list",
                "5:9: `label` is empty",
                "7:6: duplicate `id` \"b\" (first on line 4)",
                "8:1: [[account]] needs `id`",
                "8:1: accounts are a list",
            ],
        ),
        (
            "[[acount]]\nlabel = ''\n[[account]] x\nlabel = ''",
            &[
                "1:1: [[account]] needs `id`",
                "1:3: unknown key `acount` at the top level; did you mean [[account]]?",
                "2:9: `label` is empty",
                "3:1: [[account]] needs `id`",
                "3:1: write [[account]] on a line of its own",
                "4:9: `label` is empty",
            ],
        ),
        (
            "[[account]]\nid = 'a'\ninclude = ['x']",
            &["3:1: unknown key `include` in [[account]]; it belongs at the top of the file"],
        ),
        ("[[account]]\nid = 'a'\nlabel = two", &["3:9: strings must be quoted"]),
        (
            "[[account]]\nid = 'a'\nlabel = \"A\n[[account]]\nid = 'b'\nlabel = 'B\n",
            &[
                "3:11: this string is not closed; expected `\"` at its end",
                "6:11: this string is not closed; expected `'` at its end",
            ],
        ),
        (
            "[[account]]\nid = 'a', label = 'A'\n[[account]]\nid = 'b';\n[http] x\n",
            &[
                "2:9: unexpected text after the value; put each key on a line of its own",
                "4:9: unexpected text after the value",
                "5:8: unexpected text after the header of a table",
            ],
        ),
        // Each string with such escapes once.
        (
            "[database]\npath = \"C:\\Users\\gro\\data.db\"\n[[account]]\nid = 'a'\ntags = [\"\\q\\w\", \"\\q\"]\n",
            &[
                "2:13: in double quotes, `\\` begins an escape",
                "5:11: in double quotes, `\\` begins an escape",
                "5:19: in double quotes, `\\` begins an escape",
            ],
        ),
        (
            "[[account]]\nid = 'a'\nenabled = True\n[[account]]\nid = 'b'\nenabled = no\n[[account]]\nid = 'c'\nenabled = on\n",
            &[
                "3:11: expected true or false, in lower case",
                "6:11: expected true or false, in lower case",
                "9:11: expected true or false, in lower case",
            ],
        ),
        (
            "[[accounts]]\nid = 'a'\nlabel = ''",
            &["1:3: unknown key `accounts`", "3:9: `label` is empty"],
        ),
    ] {
        let problems = parse(text).expect_err(text);
        let lines: Vec<String> =
            problems.iter().map(|p| format!("{}:{}: {}", p.line, p.column, p.message)).collect();
        let matches = lines.len() == expected.len()
            && lines.iter().zip(expected).all(|(line, start)| line.starts_with(start));
        assert!(matches, "{text}\n\nreported {lines:#?}, expected {expected:#?}");
    }
}

#[test]
fn all_problems_are_reported_at_once_with_their_source_lines() {
    let text = "[retry]\nunknown = 'maybe'\n\n[schedule]\n\tcorn = 1 # \u{1b}[31m\n[api]\napi_key = 'hk_secret'\n\
        base_url = 'https://me:hk_secret@api.hooked.ai'";
    let problems = parse(text).expect_err("problems");
    let bare = problems.to_string();
    assert_eq!(bare.lines().count(), problems.count(), "{bare}");
    let shown = format!("{problems:#}\n{problems:?}");
    assert!(shown.contains("c.toml:2:11: `unknown` is not a valid value; expected \"retry\" or \"skip\"\n    unknown = 'maybe'\n              ^\n"), "{shown}");
    assert!(shown.contains("    api_key = …\n    ^\n"), "{shown}");
    assert!(!shown.contains("hk_secret") && !shown.contains('\u{1b}'), "{shown}");
}

#[test]
fn a_proxy_receives_no_key_unless_that_is_permitted() {
    for (lines, is_valid) in [
        ("proxy = 'http://proxy:3128'", true),
        ("proxy = 'http://me:hk_secret@proxy:3128'", true),
        ("base_url = 'http://127.0.0.1:1'\nproxy = 'http://127.0.0.1:2'", true),
        ("base_url = 'http://127.0.0.1:1'\nproxy = 'https://proxy'", true),
        ("base_url = 'http://127.0.0.1:1'\nproxy = 'http://proxy:3128'", false),
        ("base_url = 'http://h'\nallow_http = true\nproxy = 'http://proxy:3128'", true),
        ("proxy = 'socks5://me:hk_secret@proxy'", false),
        ("proxy = ''", false),
    ] {
        match parse(&format!("[api]\n{lines}")) {
            Ok(config) => {
                assert!(is_valid && config.settings.api.proxy.is_some(), "{lines}");
                assert!(!format!("{config:?}").contains("hk_secret"), "{lines}");
            }
            Err(problems) => {
                let shown = format!("{problems} {problems:#} {problems:?}");
                assert!(!is_valid && shown.contains("`proxy`"), "{lines}: {shown}");
                assert!(!shown.contains("hk_secret"), "{shown}");
            }
        }
    }
    assert_eq!(valid("").settings.api.proxy, None);
}

#[test]
fn an_api_key_in_the_file_is_never_shown() {
    for text in [
        "api_key = \"hk_live_4242\"",
        "[api]\napi_key = \"hk_live_4242",
        "[api]\napi_key = hk_live_4242",
        "[api]\nhk_live_4242",
        "[api]\nhk_live_4242==",
        "[api]\n\"hk_live_4242\" = 1",
        "[api]\napi_key_file = \"hk_live_4242\n",
        "[api]\napi_key = '''\nhk_live_4242\n",
        "[api]\napi_key_file = [\"hk_live_4242\"]",
        "[api]\ntimeout = \"hk_live_4242\"",
        "api = { key = \"hk_live_4242\" }",
        "hk_live_4242",
        "[http]\nbearer = 'hk_live_4242'",
        "[budget] api_key = \"hk_live_4242\"",
        "[api.hk_live_4242]",
        "[api]\n[hk_live_4242]",
    ] {
        let problems = parse(text).expect_err(text);
        let shown = format!("{problems} {problems:#} {problems:?}");
        assert!(!shown.contains("4242"), "{text}: {shown}");
    }
}

#[test]
fn byte_order_marks_and_line_endings_are_accepted_and_other_encodings_reported() {
    let bytes = b"\xef\xbb\xbf[[account]]\r\nid = 'a'\r\nlabel = '\xc3\xa4'\r\n";
    let config = parse_bytes(bytes).expect("a config");
    assert_eq!(config.accounts[0].label.as_deref(), Some("ä"));
    let problems =
        parse_bytes(b"\xef\xbb\xbfx = 1\r\n[[account]]\r\nid = '\xc3\xa4\xff\xfe'\r\n[y]");
    let lines = problems.expect_err("problems").to_string();
    assert!(lines.contains("c.toml:1:1: unknown key"), "{lines}");
    assert!(lines.contains("c.toml:3:8: this is not UTF-8"), "{lines}");
    assert!(lines.contains("c.toml:4:2: unknown key"), "{lines}");
    assert_eq!(lines.lines().count(), 3, "{lines}");
}

#[test]
fn two_thousand_problems_are_a_thousand_and_a_count() {
    let text = "[[account]]\nid = ''\n".repeat(2000);
    let problems = parse(&text).expect_err("problems");
    let shown = problems.to_string();
    assert_eq!(problems.count(), 2000);
    assert_eq!(shown.lines().count(), 1001);
    assert!(shown.ends_with("etc/c.toml: and 1000 more problems"), "{shown}");
}

#[test]
fn a_value_as_long_as_a_file_is_not_repeated() {
    let long = "x".repeat(20 << 20);
    for key in ["timezone", "cron", "id", "spread"] {
        let problems = parse(&format!("[[account]]\n{key} = '{long}'")).expect_err("problems");
        assert!(format!("{problems:#}").len() < 2000, "{key}");
    }
}

#[test]
fn a_hundred_thousand_accounts_are_read() {
    let mut text = String::new();
    for number in 0..100_000 {
        let hour = number % 24;
        writeln!(text, "[[account]]\nid = \"clx{number}\"\ncron = \"0 {hour} * * *\"")
            .expect("text");
    }
    let config = valid(&text);
    assert_eq!(config.accounts.len(), 100_000);
    assert!(Arc::ptr_eq(&config.accounts[0].cron, &config.accounts[24].cron));
}

#[test]
fn text_in_another_encoding_is_one_problem_where_it_begins() {
    for (bytes, place) in [
        (&b"\xff\xfe[\0a\0p\0i\0]\0\n\0"[..], (1, 1)),
        (b"\xfe\xff\0[\0a\0p\0i\0]\0\n", (1, 1)),
        (b"\xff", (1, 1)),
        (b"[api]\nmax_in\xff_flight = 1", (2, 7)),
        (b"[api]\nmax_in_flight = 1 \xff x", (2, 19)),
    ] {
        let problems = parse_bytes(bytes).expect_err("not UTF-8");
        let found: Vec<_> = problems.iter().map(|p| (p.line, p.column, &*p.message)).collect();
        let message = "this is not UTF-8 text; save the file as UTF-8";
        assert_eq!(found, [(place.0, place.1, message)], "{bytes:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    for path in [folder.path().join("none.toml"), folder.path().to_owned()] {
        let error = Config::load(&path, NEW_YEAR_2026).expect_err("no config");
        let line = error.to_string();
        assert!(
            line.starts_with("cannot read the configuration ") && !line.contains('\n'),
            "{line}"
        );
    }
}

#[test]
fn the_default_path_is_the_environments_or_the_working_folders_or_the_installed_one() {
    for (variable, is_local, path) in [
        (Some("x.toml"), true, "x.toml"),
        (Some(""), true, "config.toml"),
        (None, true, "config.toml"),
        (None, false, "/etc/growthd/config.toml"),
    ] {
        assert_eq!(default_path(variable.map(OsString::from), |_| is_local), Path::new(path));
    }
}

#[test]
fn a_dangling_link_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("config.toml");
    assert!(!is_there(&link));
    std::os::unix::fs::symlink("absent", &link).expect("a link");
    assert!(is_there(&link));
}

#[test]
fn a_url_below_the_base_is_encoded() {
    let api = valid("[api]\nbase_url = 'https://proxy.example/hooked/'").settings.api;
    assert_eq!(api.url(["v1", "a/b?c"]).as_str(), "https://proxy.example/hooked/v1/a%2Fb%3Fc");
}

/// Asserts that parsing one account at a time has the same result as parsing the file at once, and
/// that the settings of a valid file are the same without its accounts.
fn assert_split_alike(bytes: &[u8]) {
    let read = |split: fn(&str) -> SplitText| {
        let reading = Reading { split, ..Reading::at(NEW_YEAR_2026) };
        reading.read(Path::new("etc/c.toml"), bytes).map_err(drop)
    };
    let split = read(|text| SplitText::with_chunk_length(text, 1));
    if let Ok(config) = &split {
        let settings = Reading::at(NEW_YEAR_2026).read_settings(Path::new("etc/c.toml"), bytes);
        assert_eq!(settings.as_ref().ok(), Some(&config.settings));
    }
    assert_eq!(split, read(SplitText::unsplit), "{}", String::from_utf8_lossy(bytes));
}

/// Asserts that reading does not panic, and that every problem is at a position in the file.
fn assert_inside(bytes: &[u8]) {
    assert_split_alike(bytes);
    let Err(problems) = parse_bytes(bytes) else { return };
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines: Vec<&str> = text.split('\n').collect();
    for problem in problems.iter() {
        let line = lines.get(problem.line - 1).unwrap_or_else(|| panic!("{problem:?}"));
        assert!((1..=line.chars().count() + 1).contains(&problem.column), "{problem:?}");
        assert!(!problem.message.contains(char::is_control), "{problem:?}");
    }
    assert!(problems.count() > 0 && !format!("{problems:#}").is_empty());
}

#[test]
fn no_gap_in_a_valid_file_panics() {
    let whole = uncommented_example().into_bytes();
    for at in (0..whole.len()).step_by(23) {
        let mut bytes = whole.clone();
        bytes.drain(at..(at + 5).min(whole.len()));
        assert_inside(&bytes);
    }
    assert_inside(b".\n[[account]]\n\"");
}

#[test]
fn settings_are_the_same_wherever_the_accounts_are() {
    for text in [
        "account = [{id = 'a'}]\n[retry]\nmax_delay = '1h'",
        "[[account]]\nid = 'a'\n[retry]\nmax_delay = '1h'\n[[account]]\nid = 'b'",
        "[database]\npath = \"a[[account]]\"\n[[account]]\nid = 'a'\ntags = ['[retry]']",
    ] {
        assert!(parse(text).is_ok(), "{text}");
        assert_split_alike(text.as_bytes());
    }
    let path = Path::new("etc/c.toml");
    for invalid_list in [
        &b"[[account]]\nmistake = 1\nid = 'a' 'b'\n"[..],
        b"[[account]]\nid: 'a'\ntags = [\n[[account]]\nlabel = 'x\xff'\n",
        b"[[account]\nid = 'a'\n",
        b"[[accounts]]\nid = 'a'\n",
        b"[account]\nid = 'a'\n",
        b"[account]\nid = 'a'\n[[account]]\nid = 'b'\n[account]]\nid = 'c'\n",
        b"[accounts]\nid = 'a'\n",
        b"[schedule]\nspread = '7d'\n[[account]]\nid = 'a'\n",
    ] {
        let text = [b"[retry]\nmax_delay = '1h'\n", invalid_list].concat();
        assert!(parse_bytes(&text).is_err());
        let settings = Reading::at(NEW_YEAR_2026).read_settings(path, &text);
        let settings = settings.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(settings.retry.max_delay, 3600);
    }
    let inline = b"account = [{id = 'a', cron = 'bad'}]\n[retry]\nmax_delay = '1h'\n";
    assert!(parse_bytes(inline).is_err());
    assert!(Reading::at(NEW_YEAR_2026).read_settings(path, inline).is_ok());
    for invalid in [&b"[retry]\nmax_delay: '1h'\n"[..], b"[retri]\n", b"# \xff\n"] {
        let text = [invalid, b"[[account]]\nid = 'a'"].concat();
        assert!(Reading::at(NEW_YEAR_2026).read_settings(path, &text).is_err());
    }
}

#[test]
fn settings_are_not_guessed_if_a_mistake_in_the_list_may_hide_them() {
    for (list, place) in [
        ("label = \"\"\"A", "2:9"),
        ("label = '''A", "2:9"),
        ("tags = ['''A']", "2:9"),
        ("[[account]] \"\"\"", "2:13"),
        // What was meant to be the beginning of a second string closes the first.
        ("label = \"\"\"A\"\n[retry]\n[[account]]\nlabel = \"\"\"B\"", "2:9"),
        ("tags = [\n[\"retry\"]", "2:8"),
        ("database]", "2:1"),
        ("tags = [\r[\"retry\"]", "2:8"),
    ] {
        let text = format!("[[account]]\n{list}\n[database]\npath = 'other.db'\n");
        let settings =
            Reading::at(NEW_YEAR_2026).read_settings(Path::new("c.toml"), text.as_bytes());
        let error = settings.expect_err(&text).to_string();
        assert!(error.starts_with(&format!("c.toml:{place}: ")), "{text}\n{error}");
    }
    for list in [
        "label = \"\"\"A\"\"\"",
        "label = '''\nA'''",
        "tags = [\n'a',\n'b'",
        "label: 'A'\r",
        "tags: ['A']",
    ] {
        let text = format!("[[account]]\n{list}\n[database]\npath = 'other.db'\n");
        let settings =
            Reading::at(NEW_YEAR_2026).read_settings(Path::new("c.toml"), text.as_bytes());
        let settings = settings.unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(settings.database.path, Path::new("other.db"));
    }
}

#[test]
fn a_spread_is_compared_only_with_a_cron_that_is_used() {
    for text in [
        "[schedule]\nspread = '10d'\n",
        "[schedule]\nspread = '10d'\n[[account]]\nid = 'a'\ncron = '@monthly'\n",
        "[schedule]\nspread = '10d'\n[[account]]\nid = 'a'\nspread = '1d'\n",
    ] {
        valid(text);
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        assert_inside(&bytes);
    }

    #[test]
    fn no_pieces_of_toml_panic(pieces in prop::collection::vec(prop::sample::select(&[
        "[", "]", "[[", "]]", "{", "}", "=", " = ", ",", ".", "\n", "\r\n", "\"", "'", "\"\"\"",
        "'''", "#", "\\", "api", "account", "schedule", "cron", "spread", "id", "tags", "label",
        "timezone", "'1h'", "\"@daily\"", "'a'", "1", "-1", "true", "1979-05-27", "é", "\u{0}",
        "\n[[account]]\n", "\n[api]\n", "\n[schedule]\n", "api_key", "timeout", "[account.x]",
    ][..]), 0..40)) {
        assert_inside(pieces.concat().as_bytes());
    }

    #[test]
    fn no_edit_of_a_valid_file_panics(
        at in any::<prop::sample::Index>(),
        gone in 0..40_usize,
        put in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let mut bytes = uncommented_example().into_bytes();
        let at = at.index(bytes.len());
        let end = (at + gone).min(bytes.len());
        bytes.splice(at..end, put);
        assert_inside(&bytes);
    }
}

#[test]
fn a_database_path_is_a_file_name_whatever_sqlite_would_make_of_it() {
    for (path, found) in
        [(":memory:", "./:memory:"), ("file:x.db?mode=ro", "./file:x.db?mode=ro"), ("a:b", "a:b")]
    {
        let text = format!("[database]\npath = {path:?}\n");
        let config = Config::parse(Path::new("config.toml"), text.as_bytes(), Time(0));
        assert_eq!(config.expect("valid").settings.database.path, Path::new(found));
    }
    let text = b"[database]\npath = \"growth.db/\"\n";
    let problems = Config::parse(Path::new("config.toml"), text, Time(0)).expect_err("a folder");
    assert!(problems.to_string().contains("is the path of a folder"), "{problems}");
}

#[test]
fn every_default_of_the_manual_page_is_the_one_in_use() {
    for section in schema::MAIN {
        let required = match section.name {
            "budget" => "refreshes = 5\n",
            "account" => "id = \"a\"\n",
            _ => "",
        };
        let unset = format!("{}\n{required}", section.title);
        let has_default = |key: &&&schema::Key| !key.default.is_empty();
        for key in section.keys.iter().filter(has_default) {
            let set = format!("{unset}{} = {}\n", key.name, literal(key.default));
            assert_eq!(valid(&set), valid(&unset), "{set}");
        }
    }
}
