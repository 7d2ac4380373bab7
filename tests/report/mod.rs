//! `growthd report` on histories that were written through the store.

mod browser;
mod clients;
mod contrast;
mod gains;
mod history;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use history::WEEK;
pub use history::{Snapshot, World};

/// A name that would break out of any unescaped context.
const HOSTILE: &str = "</script><script>document.title='owned'</script>\"'&<img src=x>\u{202e}txt";

fn growthd(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_growthd"))
        .current_dir(folder)
        .env_remove("GROWTHD_CONFIG")
        .args(args)
        .output()
        .expect("growthd runs")
}

/// Returns the page of a history.
pub fn page_of(world: &World) -> String {
    let output = growthd(world.folder(), &["report"]);
    assert!(output.status.success(), "{output:?}");
    page(world.folder())
}

fn page(folder: &Path) -> String {
    fs::read_to_string(folder.join("growthd-report.html")).expect("the page")
}

#[test]
fn a_page_is_written_where_one_works_and_says_so() {
    let world = World::new(2, 5);
    let folder = world.folder();
    let output = growthd(folder, &["report"]);
    assert!(output.status.success(), "{output:?}");
    let message = String::from_utf8(output.stdout).expect("text");
    let path = folder.canonicalize().expect("a path").join("growthd-report.html");
    assert!(
        message.starts_with(&format!("{}: 2 accounts, 10 snapshots, ", path.display())),
        "{message}"
    );
    assert!(page(folder).starts_with("<!doctype html>"));
    let names: Vec<_> = fs::read_dir(folder).expect("a folder").flatten().collect();
    assert!(names.iter().all(|name| !name.file_name().to_string_lossy().ends_with(".tmp")));

    let again = growthd(folder, &["report", "--output", "-"]);
    let output = String::from_utf8(again.stdout).expect("text");
    assert!(again.status.success() && output.trim_end().ends_with("</html>"), "{output}");
    assert!(growthd(folder, &["report"]).status.success(), "an earlier page is replaced");
}

#[test]
fn a_reader_who_has_enough_is_no_error() {
    use std::process::Stdio;
    let world = World::new(200, 12);
    let mut reader = Command::new(env!("CARGO_BIN_EXE_growthd"))
        .current_dir(world.folder())
        .args(["--config", "config.toml", "report", "--output", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("growthd runs");
    drop(reader.stdout.take());
    let output = reader.wait_with_output().expect("growthd ends");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn nothing_but_a_page_is_replaced() {
    let world = World::new(1, 1);
    let folder = world.folder();
    let before = fs::read(folder.join("growth.db")).expect("the database");
    fs::write(folder.join("mine.txt"), "mine").expect("a file");
    for (output, why) in [
        ("growth.db", "is the database itself"),
        ("config.toml", "is part of the configuration"),
        ("mine.txt", "not an HTML page"),
        (".", "it is a folder"),
        ("not/there.html", "not/there.html: its folder does not exist\n"),
    ] {
        let output = growthd(folder, &["report", "--output", output]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(74), "{message}");
        assert!(message.contains(why) && message.lines().count() == 1, "{message}");
    }
    assert_eq!(fs::read(folder.join("growth.db")).expect("the database"), before);
}

#[test]
fn text_of_the_vendor_is_text_and_numbers_are_right() {
    let mut world = World::new(0, 0);
    world.account("clxhostile", Some(HOSTILE), &weekly(&[100, 200, 300, 400, 500, 600]));
    world.account("clxyoutube", None, &weekly(&[1_000_000_000_000, 1]));
    let output = growthd(world.folder(), &["report"]);
    assert!(output.status.success(), "{output:?}");
    let page = page(world.folder());
    assert_eq!(page.matches("<script").count(), 2, "the script and the charts' data");
    assert!(!page.contains("owned'</script>") && !page.contains('\u{202e}'));
    assert!(page.contains("&#60;/script&#62;&#60;script&#62;document.title=&#39;owned&#39;"));
    // Weekly steps of 100: 30 days are 4 2/7 of them.
    assert!(page.contains("+429"), "interpolated");
    assert!(page.contains("1,000,000,000,000"));
    assert!(page.contains("−999,999,999,999 since "), "a history of a week");
    for outside in ["src=\"http", "url(", "@import", "<link", "<img", "<iframe"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn an_empty_list_and_an_account_without_history_are_told() {
    let world = World::new(0, 0);
    assert!(growthd(world.folder(), &["report"]).status.success());
    assert!(page(world.folder()).contains("No account is watched yet"));
    let mut world = World::new(0, 0);
    world.account("clxnew", None, &[]);
    assert!(growthd(world.folder(), &["report"]).status.success());
    assert!(page(world.folder()).contains("There is no snapshot yet"));
}

#[test]
fn without_a_database_it_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    history::write_config(folder.path());
    let output = growthd(folder.path(), &["report"]);
    assert_eq!(output.status.code(), Some(74), "{output:?}");
    assert!(!folder.path().join("growthd-report.html").exists());
}

/// Weekly counts, the last one an hour ago.
fn weekly(followers: &[i64]) -> Vec<Snapshot> {
    let steps = i64::try_from(followers.len()).expect("a few");
    (1..=steps)
        .zip(followers)
        .map(|(step, &followers)| Snapshot::new((steps - step) * WEEK + 3600, Some(followers)))
        .collect()
}
