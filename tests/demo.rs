//! `growthd demo`: what somebody sees first.

use rustix::process::Signal;

use crate::harness::{Daemon, Database, SlotWindow, poll};

#[test]
fn the_demo_shows_all_in_half_a_minute_and_writes_only_over_itself() {
    let place = SlotWindow::empty();
    let begun = growthd::clock::monotonic();
    let ended = place.growthd(&["demo"]).with_code(0);
    let took = begun.elapsed().as_secs();
    assert!(took < 30, "{took} s");
    assert_eq!(ended.err, "");
    for words in [
        "sqlite3 ",
        "SELECT ",
        "growthd --config growthd-demo/config.toml status",
        "growthd-demo/config.toml\n",
        "HTTP 404",
        "HTTP 429",
        "followers",
    ] {
        assert!(ended.out.contains(words), "{words:?} in {}", ended.out);
    }
    let path = place.file("growthd-demo/growth.db");
    let database = Database::open(&path);
    database.is_sound();
    let shown = "SELECT count(*) >= 20 AND count(DISTINCT account_id) >= 3 FROM snapshots";
    assert!(database.one::<bool>(shown));
    assert!(database.one::<bool>("SELECT count(*) > 0 FROM snapshots WHERE likes IS NULL"));
    // What it says to try next works.
    let status = place.growthd(&["--config", "growthd-demo/config.toml", "status"]);
    assert!(status.out.contains("Fitness Guru"), "{status:?}");
    let query = ended.out.split('"').nth(1).expect("a query");
    assert!(database.rows(query).len() >= 20);

    // Again over itself, and ended early by whoever has seen enough.
    let before: i64 = database.one("SELECT count(*) FROM snapshots");
    drop(database);
    let mut again = Daemon::start(place.command(&["demo"]));
    poll("a new database", || {
        let database = Database::of_growthd(&path)?;
        let snapshots: i64 = database.one("SELECT count(*) FROM snapshots");
        (0 < snapshots && snapshots < before).then_some(())
    });
    again.signal(Signal::INT);
    assert_eq!(again.end(), Some(0), "{}", again.log());
}

#[test]
fn the_demo_leaves_somebodys_folder_alone() {
    let place = SlotWindow::empty();
    std::fs::create_dir(place.file("growthd-demo")).expect("a folder");
    place.write("growthd-demo/config.toml", "mine");
    place.write("growthd-demo/growth.db", "mine too");
    let ended = place.growthd(&["demo"]).with_code(2);
    assert!(ended.line().contains("./growthd-demo is there and not from a demo"), "{ended:?}");
    for (name, text) in [("config.toml", "mine"), ("growth.db", "mine too")] {
        let path = place.file("growthd-demo").join(name);
        assert_eq!(std::fs::read_to_string(path).expect("a file"), text);
    }
    assert_eq!(std::fs::read_dir(place.file("growthd-demo")).expect("a folder").count(), 2);
}
