//! The page in a real Chromium, where there is one.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::history::{DAY, Snapshot, WEEK, World};
use super::{HOSTILE, growthd};

/// What a browser made of a page.
struct Seen {
    dom: String,
    /// What the page said on the console.
    console: Vec<String>,
    /// Addresses that it asked for.
    requests: Vec<String>,
}

/// Opens the folder's report, at this fragment; `None` where there is no Chromium.
fn browse(folder: &Path, fragment: &str) -> Option<Seen> {
    let output = growthd(folder, &["report"]);
    assert!(output.status.success(), "{output:?}");
    let page = folder.join("growthd-report.html");
    let (profile, log) = (folder.join("chromium"), folder.join("net.json"));
    let browser = std::env::var_os("CHROMIUM").unwrap_or_else(|| "chromium".into());
    let ran = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--enable-logging=stderr", "--window-size=1200,4000"])
        .args(["--virtual-time-budget=30000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("--log-net-log={}", log.display()))
        .arg(format!("file://{}{fragment}", page.display()))
        .output();
    let Ok(ran) = ran else {
        println!("skipped: there is no `chromium` here (Debian: apt-get install chromium)");
        return None;
    };
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    let log = fs::read_to_string(log).expect("the net log");
    Some(Seen {
        dom: String::from_utf8_lossy(&ran.stdout).into_owned(),
        console: said.lines().filter(|l| l.contains("CONSOLE")).map(str::to_owned).collect(),
        requests: requests(&log),
    })
}

/// What a page from a file asked for, by a net log with an event a line. Its origin is opaque,
/// which no request of the browser's own is.
fn requests(log: &str) -> Vec<String> {
    let asked = log.lines().filter(|line| line.contains("\"initiator\":\"null\""));
    let url = |line: &str| Some(line.split_once("\"url\":\"")?.1.split_once('"')?.0.to_owned());
    asked.map(|line| url(line).unwrap_or_else(|| line.to_owned())).collect()
}

impl Seen {
    fn is_calm(&self) {
        assert_eq!(self.console, [""; 0]);
        assert_eq!(self.requests, [""; 0]);
        assert!(self.dom.contains("data-ready=\"\""), "the script ran to its end");
        assert!(!self.dom.contains("data-failed"), "no error and nothing refused");
    }

    fn charts(&self) -> usize {
        self.dom.matches("<svg viewBox=").count()
    }
}

#[test]
fn charts_are_drawn_with_their_gaps_and_a_hostile_name_is_text() {
    let mut world = World::new(1, 20);
    let at = |weeks: i64, followers| Snapshot::new(weeks * WEEK + DAY, followers);
    let mut history: Vec<Snapshot> = (10..30).rev().map(|week| at(week, Some(5000))).collect();
    history.push(Snapshot { is_suspect: true, ..at(4, Some(0)) });
    history.push(at(3, None));
    history.push(Snapshot { engagement: Some(3.5), ..at(2, Some(4000)) });
    world.account("clxhostile", Some(HOSTILE), &history);
    world.account("clxonce", None, &[at(0, Some(0))]);
    world.account("clxempty", None, &[]);
    let Some(seen) = browse(world.folder(), "") else { return };
    seen.is_calm();
    // One account without likes, one with a rate besides, one with followers alone.
    assert_eq!(seen.charts(), 2 + 2 + 1);
    assert_eq!(seen.dom.matches("class=\"gap\"").count(), 1);
    assert_eq!(seen.dom.matches("class=\"suspect\"").count(), 1);
    assert!(seen.dom.contains("<title>Growth report</title>"));
    assert!(!seen.dom.contains("<img") && !seen.dom.contains('\u{202e}'));
    assert!(seen.dom.contains("&lt;/script&gt;&lt;script&gt;document.title='owned'"));
}

#[test]
fn two_thousand_accounts_are_drawn_where_they_are_looked_at() {
    let world = World::new(2000, 3);
    let Some(seen) = browse(world.folder(), "#a-clx01234") else { return };
    seen.is_calm();
    assert_eq!(seen.dom.matches("<tr data-place=").count(), 2000);
    assert_eq!(seen.dom.matches("class=\"account\"").count(), 2000);
    let open = "id=\"a-clx01234\" data-place=\"765\" open=\"\"";
    assert!(seen.dom.contains(open), "the account in the address is open");
    assert_eq!(seen.charts(), 3, "and only its charts are drawn");
}
