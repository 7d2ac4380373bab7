//! Snapshots of what people read, without times and paths.

use std::fmt::Write as _;

use crate::harness::{Ended, Settings, Setup, Vendor};
use crate::scripted_api::Behaviour;

/// Returns what a terminal would show.
fn shown(ended: &Ended) -> String {
    format!("{}{}[exit {}]", ended.out, ended.err, ended.code.unwrap_or(-1))
}

/// Compares after replacing absolute and relative times. Column widths depend on their content.
macro_rules! assert_shown {
    ($text:expr, @$expected:literal) => {
        insta::with_settings!({filters => vec![
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]"),
            (r"\b(just now|now|in \d+ (s|min|h|d)|\d+ (s|min|h|d) ago)\b", "[span]"),
            (r"\(schema \d+\)", "(schema [version])"),
            (r" {2,}", "  "),
        ]}, { insta::assert_snapshot!($text, @$expected) })
    };
}

fn example() -> Settings {
    Settings {
        tables: "[budget]\nrefreshes = 100".to_owned(),
        ..Settings::weekly(&[
            "clx123abc\nlabel = \"Fitness Guru\"",
            "clx456def\ncron = \"@daily\"\ntimezone = \"America/New_York\"\nspread = \"1h\"",
            "clx789ghi\nlabel = \"Resting\"\nenabled = false",
        ])
    }
}

#[test]
fn check_shows_the_plan() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &example());
    assert_shown!(shown(&place.growthd(&["check"])), @r#"
    ACCOUNT  LABEL  CRON  ZONE  SPREAD  NEXT
    clx123abc  Fitness Guru  0 6 * * MON  UTC  -  [time]
    clx456def  @daily  America/New_York  1h  [time]
    clx789ghi  Resting  0 6 * * MON  UTC  -  disabled

    accounts  2 enabled, 1 disabled
    database  growth.db
    key  from the key file api-key
    forecast  about 35 refreshes a month, and 2 at the start for accounts without a snapshot
    budget  100 a month; the forecast needs about 35
    [exit 0]
    "#);
}

#[test]
fn check_reports_every_problem_at_its_position() {
    let place = Setup::empty();
    place.write(
        "config.toml",
        r#"[api]
base_url = "http://api.example.com"
timeot = "10s"
max_in_flight = 0

[budget]
refreshes = "many"

[schedule]
cron = "0 6 30 2 *"
timezone = "Europe/Atlantis"

[[account]]
label = "no id"

[[account]]
id = "clx123abc"
cron = "* * * * *"

[[account]]
id = "clx123abc"
"#,
    );
    assert_shown!(shown(&place.growthd(&["check"])), @r#"
    config.toml:2:12: `base_url` would send the API key unencrypted (set allow_http = true in [api] to permit it); expected an https URL such as "https://api.hooked.ai"
    config.toml:3:1: unknown key `timeot` in [api]; did you mean `timeout`?
    config.toml:4:17: `max_in_flight` is out of range; expected a whole number from 1 to 1024
    config.toml:7:13: `refreshes` is a string; expected how many refreshes may be spent, a whole number that is not negative
    config.toml:10:8: `cron`: the cron pattern "0 6 30 2 *" never fires: no such day exists
    config.toml:11:12: `timezone`: there is no time zone "Europe/Atlantis"; expected an IANA name such as "Europe/London" or "UTC" (nearest: "Europe/Athens")
    config.toml:13:1: [[account]] needs `id`: a Hooked account id such as "clx123abc"
    config.toml:18:8: `cron`: fires every 1m, and every run costs a refresh: set allow_frequent = true in [schedule] to refresh more than once an hour
    config.toml:21:6: duplicate `id` "clx123abc" (first on line 17)
    [exit 78]
    "#);
    let place = Setup::empty();
    place.write("config.toml", "[api\n");
    assert_shown!(shown(&place.growthd(&["check"])), @r#"
    config.toml:1:5: unclosed table, expected `]`
    [exit 78]
    "#);
}

#[test]
fn status_shows_the_state_of_everything() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &example());
    vendor.always(
        "clx456def",
        Behaviour::refusal(404, "ACCOUNT_NOT_FOUND", "Social account not found"),
    );
    place.growthd(&["refresh", "clx123abc"]).with_code(0);
    let mut daemon = place.run();
    daemon.until("not refreshed account=clx456def");
    assert_shown!(shown(&place.growthd(&["status"])), @r#"
    growthd needs attention: 1 account is failing
    daemon  running
    database  growth.db (schema [version])
    accounts  2 watched, 1 disabled, 0 in flight
    snapshots  1, the last [span]
    next  [time] ([span])
    budget  1 of 100 spent this month; it resets [time]
    backup  none is known
    FAILING  clx456def since [time]: HTTP 404: ACCOUNT_NOT_FOUND: Social account not found

    ACCOUNT  NAME  FOLLOWERS  LAST  NEXT  STATE
    clx123abc  Fitness Guru  1,520,000  [span]  [span]  ok
    clx456def  clx456def  -  never  [span]  failing
    clx789ghi  Resting  -  never  -  disabled
    [exit 1]
    "#);
    assert_shown!(shown(&place.growthd(&["status", "--quiet"])), @r#"
    growthd needs attention: 1 account is failing
    FAILING  clx456def since [time]: HTTP 404: ACCOUNT_NOT_FOUND: Social account not found
    [exit 1]
    "#);
    daemon.stop();
    // Which one comes first depends on the time of day.
    let plan = shown(&place.growthd(&["plan"]));
    let mut lines: Vec<&str> = plan.lines().collect();
    lines.sort_unstable();
    assert_shown!(lines.join("\n"), @r#"
    ACCOUNT  NAME  NEXT  WHY
    [exit 0]
    clx123abc  Fitness Guru  [time]  [span]  schedule
    clx456def  clx456def  [time]  [span]  retry
    "#);
}

#[test]
fn refresh_shows_the_outcomes() {
    let vendor = Vendor::start();
    let place = Setup::new(&vendor, &example());
    vendor.always(
        "clx456def",
        Behaviour::refusal(404, "ACCOUNT_NOT_FOUND", "Social account not found"),
    );
    let arguments = ["refresh", "clx123abc", "clx456def", "clx789ghi", "stranger"];
    let ended = place.growthd(&arguments);
    let mut lines: Vec<&str> = ended.out.lines().collect();
    // The order of the responses is random.
    let count = lines.len() - 1;
    lines[..count].sort_unstable();
    assert_shown!(lines.join("\n"), @r#"
    failed  clx456def  HTTP 404: ACCOUNT_NOT_FOUND: Social account not found
    not done clx789ghi (Resting)  it is disabled in the watchlist, or not in it as last read
    not done stranger  it is not in the watchlist as last read; `growthd status` lists the ids
    ok  clx123abc (Fitness Guru)  1,520,000 followers
    1 of 4 refreshed
    "#);
}

#[test]
fn errors_say_what_to_do() {
    let place = Setup::empty();
    let mut text = String::new();
    let mut note = |place: &Setup, arguments: &[&str]| {
        let ended = place.growthd(arguments);
        write!(text, "$ growthd {}\n{}\n", arguments.join(" "), shown(&ended)).expect("a string");
    };
    note(&place, &["--config", "config.toml", "run"]);
    place.write("config.toml", "[[account]]\nid = \"a\"\n");
    note(&place, &["status"]);
    note(&place, &["run"]);
    note(&place, &["refresh"]);
    note(&place, &["refresh", "a b"]);
    place.write_key();
    note(&place, &["refresh", "a"]);
    place.set_mode("api-key", 0o644);
    note(&place, &["run"]);
    place.set_mode("api-key", 0o600);
    place.write("growth.db", "mine");
    note(&place, &["run"]);
    place
        .write("config.toml", "[database]\npath = \"absent/growth.db\"\n[[account]]\nid = \"a\"\n");
    note(&place, &["run"]);
    assert_shown!(text, @r#"
    $ growthd --config config.toml run
    growthd: cannot read the configuration config.toml: No such file or directory (os error 2); name another with --config or $GROWTHD_CONFIG
    [exit 78]
    $ growthd status
    growthd: there is no database at growth.db; `growthd run` creates it
    [exit 74]
    $ growthd run
    growthd: there is no API key: provide the systemd credential `api-key` (the service loads it from /etc/credstore/api-key), or put the key into the file that api_key_file in [api] of config.toml names ("api-key" beside it by default; mode 0600), or set $GROWTHD_API_KEY
    [exit 78]
    $ growthd refresh
    growthd: the following required arguments were not provided: <ID|--all|--due|--tag <TAG>|--platform <PLATFORM>>; try 'growthd refresh --help'
    [exit 2]
    $ growthd refresh a b
    growthd: invalid value 'a b' for '[ID]...': an account id may contain only letters, digits, `-`, `_`, `.` and `~`, not a space; `growthd status` lists the ids; try 'growthd refresh --help'
    [exit 2]
    $ growthd refresh a
    growthd: there is no database at growth.db; `growthd run` creates it
    [exit 74]
    $ growthd run
    growthd: the key file api-key can be read by every user of this machine: run chmod o-rwx,g-w api-key
    [exit 78]
    $ growthd run
    growthd: growth.db is not a growthd database; set another [database] path
    [exit 74]
    $ growthd run
    growthd: cannot access absent: No such file or directory (os error 2); make sure that this user can write to its folder, or set another [database] path
    [exit 74]
    "#);
}
