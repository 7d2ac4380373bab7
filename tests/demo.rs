//! `growthd demo`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;

use growthd::store::{Creation, Store};
use rustix::process::Signal;

use crate::harness::{Daemon, Database, Ended, Setup, poll};

/// What every year shows.
const TOLD: [&str; 16] = [
    "11 accounts have their first snapshot",
    "calls itself @sourdough.robotics",
    "Lighthouse Kitchen: 0 followers after",
    "the machine is switched off",
    "calls, one for each account",
    "the vendor is down",
    "the breaker opens",
    "the breaker closes after",
    "goes viral",
    "Dancing Toaster: ",
    "Tidepool Diaries joins",
    "Tidepool Diaries: ",
    "the budget is spent",
    "the clocks go ",
    "Comet Watch: HTTP 404",
    "month: ",
];

/// Views that must have rows, and queries that must be true of a year.
const HOLDS: [&str; 13] = [
    "SELECT count(*) = 12 AND min(snapshots) > 1 FROM
       (SELECT count(*) AS snapshots FROM snapshots GROUP BY account_id)",
    "SELECT max(time) - min(time) > 360 * 86400 AND max(time) <= unixepoch() FROM snapshots",
    "SELECT count(*) > 400 FROM weekly WHERE followers_delta IS NOT NULL",
    "SELECT count(DISTINCT tag) = 2 AND sum(followers_delta) > 0 FROM tag_monthly",
    "SELECT count(*) > 5 FROM milestones",
    "SELECT count(*) > 0 FROM unusual WHERE name = 'Dancing Toaster'",
    "SELECT count(*) = 1 FROM profile_changes WHERE field = 'username'",
    "SELECT count(*) = 1 FROM snapshots WHERE is_suspect AND suspect LIKE '%zero%'",
    "SELECT count(DISTINCT account_id) >= 11 FROM gaps WHERE days BETWEEN 21 AND 28",
    // One for each account, however long the machine was off. The month whose budget was spent has
    // catch-ups of its own, which the range of days leaves out.
    "SELECT max(calls) = 1 AND count(*) >= 11 FROM (SELECT count(*) AS calls FROM refreshes
       JOIN gaps USING (account_id) WHERE cause = 'catch_up' AND days BETWEEN 21 AND 28
       AND started_time BETWEEN from_time AND to_time + 3600 GROUP BY account_id)",
    "SELECT max(spent) = 150 FROM
       (SELECT sum(spent) AS spent FROM spend GROUP BY substr(day, 1, 7))",
    "SELECT count(*) = 0 FROM refreshes WHERE outcome IN ('pending', 'unknown')",
    "SELECT count(*) = 0 FROM snapshots WHERE platform = 'youtube'
       AND (likes IS NOT NULL OR followers % (CASE WHEN followers < 100000 THEN 100 ELSE 1000 END))",
];

/// Splits a command into words as a shell does.
fn words(command: &str) -> Vec<&str> {
    let parts = command.split('\'').enumerate();
    let words = parts.flat_map(|(place, part)| match place % 2 {
        0 => part.split_whitespace().collect(),
        _ => vec![part],
    });
    words.collect()
}

#[test]
fn the_demo_simulates_a_year_and_the_commands_it_suggests_work() {
    let place = Setup::empty();
    // The suggested commands repeat the program's name, which need not be UTF-8.
    let mut demo = place.command(&["demo"]);
    demo.arg0(OsStr::from_bytes(b"growthd\xff"));
    let ended = Ended::of(demo).with_code(0);
    assert_eq!(ended.err, "");
    for words in TOLD {
        assert!(ended.out.contains(words), "{words:?} in {}", ended.out);
    }
    let path = place.file("growthd-demo/growth.db");
    let database = Database::open(&path);
    database.is_sound();
    for holds in HOLDS {
        assert!(database.one::<bool>(holds), "{holds}");
    }
    assert!(place.file("growthd-demo/growthd-report.html").is_file());

    let commands = ended.out.lines().filter_map(|line| Some(&line[line.find("--config ")?..]));
    let commands: Vec<_> = commands.map(words).collect();
    let answers: Vec<_> = commands.iter().map(|command| place.growthd(command)).collect();
    let [status, growth, history, plan] = answers.as_slice() else { panic!("{answers:?}") };
    // One account no longer exists, and needs attention.
    assert_eq!(
        (status.code, growth.code, history.code, plan.code),
        (Some(1), Some(0), Some(0), Some(0))
    );
    assert!(status.out.contains("FAILING") && status.out.contains("Comet Watch"), "{status:?}");
    assert!(growth.out.contains("GREW") && growth.out.contains("LOST"), "{growth:?}");
    assert!(history.out.contains("@dancing_toaster"), "{history:?}");
    // Shortly before a run, its time leaves less room for the labels.
    assert!(plan.out.contains("clxdemo11tides") && plan.out.contains("Tidepool Di"), "{plan:?}");
    let plan = place.growthd(&[commands[3].as_slice(), &["--json"]].concat()).with_code(0);
    assert!(plan.out.contains("Tidepool Diaries"), "{plan:?}");
    let query = ended.out.split('"').nth(1).expect("a query");
    assert!(database.rows(query).len() >= 22);
    let check = place.growthd(&["--config", "growthd-demo/config.toml", "check"]).with_code(0);
    assert!(check.out.contains("12 enabled"), "{check:?}");
}

#[test]
fn the_demo_overwrites_an_earlier_one_and_ends_when_interrupted() {
    let place = Setup::empty();
    let path = place.file("growthd-demo/growth.db");
    for round in 0..2 {
        if round == 1 {
            // So that the file found below is the new one.
            std::fs::write(&path, "").expect("an empty file");
        }
        let mut demo = Daemon::start(place.command(&["demo"]));
        poll("a new database", || {
            let database = Database::of_growthd(&path)?;
            database.one::<bool>("SELECT count(*) > 20 FROM snapshots").then_some(())
        });
        demo.signal(Signal::INT);
        assert_eq!(demo.end(), Some(0), "{}", demo.log());
        let database = Database::open(&path);
        assert!(
            database.one::<bool>("SELECT count(*) = 0 FROM refreshes WHERE outcome = 'pending'")
        );
    }
}

#[test]
fn a_demo_that_cannot_be_shown_says_so() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("a device");
    let place = Setup::empty();
    let mut demo = place.command(&["demo"]);
    demo.stdout(full);
    let ended = Ended::of(demo).with_code(74);
    assert!(ended.line().starts_with("growthd: cannot write the output: No space"), "{ended:?}");
}

#[test]
fn the_demo_leaves_other_folders_alone() {
    let place = Setup::empty();
    std::fs::create_dir(place.file("growthd-demo")).expect("a folder");
    place.write("growthd-demo/config.toml", "mine");
    place.write("growthd-demo/growth.db", "mine too");
    let ended = place.growthd(&["demo"]).with_code(2);
    assert!(ended.line().contains("./growthd-demo exists and is not from a demo"), "{ended:?}");
    for (name, text) in [("config.toml", "mine"), ("growth.db", "mine too")] {
        let path = place.file("growthd-demo").join(name);
        assert_eq!(std::fs::read_to_string(path).expect("a file"), text);
    }
    assert_eq!(std::fs::read_dir(place.file("growthd-demo")).expect("a folder").count(), 2);
}

/// A copy of what an earlier demo leaves, with the start of a year.
fn earlier_demo() -> Setup {
    let place = Setup::empty();
    let mut demo = Daemon::start(place.command(&["demo"]));
    let path = place.file("growthd-demo/growth.db");
    poll("a snapshot", || {
        let database = Database::of_growthd(&path)?;
        database.one::<bool>("SELECT count(*) > 0 FROM snapshots").then_some(())
    });
    demo.signal(Signal::INT);
    assert_eq!(demo.end(), Some(0), "{}", demo.log());
    place
}

#[test]
fn a_demos_folder_that_was_put_to_use_is_left_as_it_is() {
    let place = earlier_demo();
    let text = |name: &str| std::fs::read(place.file("growthd-demo").join(name)).expect("a file");
    let refused = |code: i32, words: &str| {
        let names = ["config.toml", "api-key", "growth.db"];
        let before = names.map(text);
        let ended = place.growthd(&["demo"]).with_code(code);
        assert!(ended.line().contains(words), "{ended:?}");
        assert_eq!(names.map(text), before, "{words}");
    };
    let database = place.file("growthd-demo/growth.db");
    let held = Store::open(&database, Creation::Refused).expect("a database");
    refused(74, "another growthd is using");
    drop(held);

    let (config, key) = (text("config.toml"), text("api-key"));
    let edited = [&config[..], b"\n[[account]]\nid = \"mine\"\n"].concat();
    std::fs::write(place.file("growthd-demo/config.toml"), edited).expect("a file");
    refused(2, "its config.toml was edited; move it away");
    std::fs::write(place.file("growthd-demo/config.toml"), config).expect("a file");

    std::fs::write(place.file("growthd-demo/api-key"), "a real one\n").expect("a file");
    refused(2, "its api-key is another one");
    std::fs::write(place.file("growthd-demo/api-key"), key).expect("a file");

    let sql = "UPDATE _account SET account_id = 'mine' WHERE account = 1";
    rusqlite::Connection::open(&database).and_then(|file| file.execute(sql, [])).expect("SQL");
    refused(2, "its growth.db has other accounts");
}
