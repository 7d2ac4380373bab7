//! The output of verbs: to readers that leave, to full disks, and never over growthd's own files.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::{Command, Stdio};

use unicode_width::UnicodeWidthStr;

use crate::harness::{Ended, can_mount, hidden_files, is_root};
use crate::past::{Past, START, WEEK};

fn history() -> Past {
    let past = Past::new();
    past.series("clx1", "Guru", "guru", &[(0, 1000), (7, 1070)]);
    past
}

/// Verbs that only read.
const READING: [&[&str]; 11] = [
    &["status"],
    &["status", "--json"],
    &["history", "clx1"],
    &["growth", "--csv"],
    &["export"],
    &["plan", "--json"],
    &["report", "--output", "-"],
    &["--help"],
    &["--version"],
    &["man"],
    &["completions", "zsh"],
];

fn through_shell(past: &Past, arguments: &[&str], redirection: &str) -> Ended {
    let mut shell = Command::new("bash");
    shell.current_dir(past.path().parent().expect("a folder")).stdin(Stdio::null());
    shell.args(["-c", &format!("\"$0\" \"$@\" {redirection}"), env!("CARGO_BIN_EXE_growthd")]);
    shell.args(arguments);
    Ended::of(shell)
}

#[test]
fn a_reader_that_leaves_is_not_an_error() {
    let past = history();
    for verb in READING {
        let ended = through_shell(&past, verb, "| true; exit ${PIPESTATUS[0]}");
        // 0 or 1, as the verb itself has it.
        assert!(matches!(ended.code, Some(0 | 1)), "{verb:?}: {ended:?}");
        assert_eq!(ended.err, "", "{verb:?}");
    }
}

#[test]
fn a_full_disk_is_reported_in_one_line() {
    let past = history();
    for verb in READING {
        let ended = through_shell(&past, verb, ">/dev/full").with_code(74);
        assert!(ended.line().starts_with("growthd: cannot write the output: No space"), "{verb:?}");
    }
    let ended = through_shell(&past, &["backup", "copy.db"], ">/dev/full").with_code(74);
    assert!(ended.line().contains("No space left"), "{ended:?}");
    assert!(past.file("copy.db").exists(), "it was made all the same");
    // Nothing is reported, since stderr is closed too.
    assert_eq!(through_shell(&past, &["export"], ">/dev/full 2>&1").code, Some(74));
}

/// The output tells of each client's page, and a page that cannot be written is told whatever happens to
/// the output.
#[test]
fn the_pages_of_all_clients_are_written_whoever_reads_of_them() {
    let past = Past::new();
    past.series("clx1", "Guru", "guru", &[(0, 1000), (7, 1070)]);
    past.run(r#"UPDATE _account SET tags = '["a", "b", "c"]'"#);
    let pages = ["report", "--each-tag", "clients"];
    let ended = through_shell(&past, &pages, ">/dev/full").with_code(74);
    assert!(ended.line().starts_with("growthd: cannot write the output: No space"), "{ended:?}");
    for page in ["a", "b", "c"] {
        fs::remove_file(past.file(&format!("clients/{page}.html"))).expect(page);
    }
    fs::create_dir(past.file("clients/b.html")).expect("a folder");
    let ended = through_shell(&past, &pages, "| true; exit ${PIPESTATUS[0]}").with_code(74);
    assert!(ended.line().contains("clients/b.html: it is a folder"), "{ended:?}");
    assert!(past.file("clients/c.html").exists());
}

#[test]
fn no_output_replaces_growthds_own_files_by_any_name() {
    let past = history();
    fs::write(past.file("api-key"), "hk_live").expect("a file");
    fs::set_permissions(past.file("api-key"), fs::Permissions::from_mode(0o600)).expect("a mode");
    symlink("growth.db-wal", past.file("dangling")).ok();
    symlink("config.toml", past.file("link")).expect("a link");
    fs::hard_link(past.file("config.toml"), past.file("hard")).expect("a link");
    fs::create_dir(past.file("sub")).expect("a folder");
    let text = fs::read_to_string(past.file("config.toml")).expect("a file");
    let more = "'links/*.toml', 'sub/../sub/*.list'";
    let text = format!("include = ['watchlist.d/*.toml', {more}]\n{text}");
    fs::write(past.file("config.toml"), text).expect("a file");
    fs::create_dir(past.file("watchlist.d")).expect("a folder");
    fs::write(past.file("watchlist.d/one.toml"), "[[account]]\nid = 'other'\n").expect("a file");
    symlink("watchlist.d", past.file("folder")).expect("a link");
    fs::create_dir(past.file("elsewhere")).expect("a folder");
    symlink("elsewhere", past.file("links")).expect("a link");
    fs::write(past.file("growth.db.backup"), "{}").expect("a file");
    let kept = ["config.toml", "watchlist.d/one.toml", "growth.db", "growth.db.backup", "api-key"];
    let before = kept.map(|name| fs::metadata(past.file(name)).expect(name).ino());
    for name in [
        "config.toml",
        "./config.toml",
        "sub/../config.toml",
        "link",
        "hard",
        "watchlist.d/one.toml",
        "folder/one.toml",
        "watchlist.d/new.toml",
        "folder/new.toml",
        "links/new.toml",
        "elsewhere/new.toml",
        "sub/new.list",
        "growth.db",
        "growth.db.backup",
        "growth.db-wal",
        "growth.db-shm",
        "growth.db.sock",
        "GROWTH.DB.SOCK",
        "growth.db-journal",
        "api-key",
    ] {
        for verb in [
            &["export", "--output", name][..],
            &["report", "--output", name],
            &["backup", "--force", name],
        ] {
            let (code, output) = past.refused(verb);
            assert_eq!(code, Some(74), "{verb:?}: {output}");
            assert!(output.contains("; name another file"), "{verb:?}: {output}");
        }
    }
    assert_eq!(before, kept.map(|name| fs::metadata(past.file(name)).expect(name).ino()));
    assert!(!past.file("growth.db.sock").exists());
}

#[test]
fn no_output_replaces_the_journal_of_a_database_that_a_link_leads_to() {
    let past = history();
    fs::create_dir(past.file("data")).expect("a folder");
    for suffix in ["", "-wal", "-shm"] {
        let file = |folder: &str| past.file(&format!("{folder}growth.db{suffix}"));
        fs::rename(file(""), file("data/")).ok();
    }
    symlink("data/growth.db", past.file("growth.db")).expect("a link");
    for name in ["growth.db", "growth.db-wal", "growth.db-shm", "growth.db.sock"] {
        let name = format!("data/{name}");
        for verb in [&["export", "--output", &name][..], &["backup", "--force", &name]] {
            let (code, output) = past.refused(verb);
            assert_eq!(code, Some(74), "{verb:?}: {output}");
            assert!(output.contains("; name another file"), "{verb:?}: {output}");
        }
    }
}

#[test]
fn a_file_that_standard_output_is_redirected_to_is_continued() {
    let past = history();
    for verb in [&["export", "--output"][..], &["report", "--output"]] {
        for name in ["-", "/dev/stdout", "/dev/fd/1"] {
            fs::write(past.file("archive"), "old\n").expect("a file");
            let arguments = [verb, &[name]].concat();
            let ended = through_shell(&past, &arguments, ">>archive");
            assert_eq!(ended.code, Some(0), "{ended:?}");
            let text = fs::read_to_string(past.file("archive")).expect("a file");
            assert!(text.starts_with("old\n") && text.lines().count() > 1, "{arguments:?}");
            assert!(!text.contains("open it in a browser"), "{arguments:?}");
        }
    }
}

#[test]
fn a_file_size_limit_is_an_error_like_a_full_disk() {
    let past = history();
    for arguments in [
        &["export", "--output", "out.csv"][..],
        &["report", "--output", "page.html"],
        &["backup", "copy.db"],
    ] {
        let mut shell = Command::new("sh");
        let script = "ulimit -f 0 && exec \"$0\" \"$@\"";
        shell.current_dir(past.folder()).args(["-c", script, env!("CARGO_BIN_EXE_growthd")]);
        shell.args(arguments);
        let ended = Ended::of(shell).with_code(74);
        assert!(ended.err.starts_with("growthd: "), "{ended:?}");
        assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
    }
}

#[test]
fn a_replaced_file_keeps_its_mode_and_owner() {
    let past = history();
    let path = past.file("history.csv");
    fs::write(&path, "old").expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).expect("a mode");
    if is_root() {
        std::os::unix::fs::chown(&path, Some(1234), Some(4321)).expect("an owner");
    }
    let before = fs::metadata(&path).expect("a file");
    symlink("history.csv", past.file("link.csv")).expect("a link");
    past.output(&["export", "--output", "link.csv"]);
    let after = fs::metadata(&path).expect("a file");
    let kept = |file: &fs::Metadata| (file.mode(), file.uid(), file.gid());
    assert_eq!(kept(&before), kept(&after));
    assert!(fs::symlink_metadata(past.file("link.csv")).expect("a link").is_symlink());
    assert!(fs::read_to_string(&path).expect("a file").starts_with("account_id,"));
}

/// As in a container into which a single file is mounted.
#[test]
fn a_file_that_is_a_mount_point_is_written_in_place() {
    let past = history();
    fs::write(past.file("outside.csv"), "longer than nothing").expect("a file");
    fs::write(past.file("history.csv"), "").expect("a file");
    let mut unshare = Command::new("unshare");
    unshare.current_dir(past.path().parent().expect("a folder")).stdin(Stdio::null());
    let script = "mount --bind outside.csv history.csv && \"$0\" export --output history.csv";
    unshare.args(["-m", "sh", "-c", script, env!("CARGO_BIN_EXE_growthd")]);
    match unshare.output() {
        Ok(output) if output.status.success() => {
            let ended = Ended::from(output);
            assert!(ended.err.contains("it was overwritten in place"), "{ended:?}");
            let text = fs::read_to_string(past.file("outside.csv")).expect("a file");
            assert!(text.starts_with("account_id,") && text.lines().count() == 3, "{text}");
        }
        refused => println!("skipped: nothing can be mounted here: {refused:?}"),
    }
}

#[test]
fn the_leftovers_of_a_killed_backup_are_removed_by_the_next() {
    let past = history();
    for left in [".growthd-killed.tmp", ".growthd-killed.tmp-journal"] {
        fs::write(past.file(left), "half").expect("a file");
    }
    past.output(&["backup", "copy.db"]);
    assert_eq!(hidden_files(&past.file("")), [""; 0]);
}

#[test]
fn a_backup_on_a_full_disk_leaves_nothing() {
    if !can_mount() {
        return;
    }
    let past = history();
    fs::create_dir(past.file("small")).expect("a folder");
    let script = "mount -t tmpfs -o size=64k none small && \"$0\" backup small/copy.db; code=$?; \
                  ls -A small; exit $code";
    let mut unshare = Command::new("unshare");
    unshare.current_dir(past.path().parent().expect("a folder")).stdin(Stdio::null());
    unshare.args(["-m", "sh", "-c", script, env!("CARGO_BIN_EXE_growthd")]);
    let ended = Ended::of(unshare).with_code(74);
    assert_eq!(ended.line(), "growthd: small/copy.db cannot be written: no storage space");
}

#[test]
fn more_calls_than_the_descriptors_allow_are_refused() {
    let past = history();
    let text = fs::read_to_string(past.file("config.toml")).expect("a file");
    let text = format!("[api]\nmax_in_flight = 100\n{text}");
    fs::write(past.file("config.toml"), text).expect("a file");
    let mut shell = Command::new("bash");
    shell.current_dir(past.path().parent().expect("a folder")).stdin(Stdio::null());
    shell.args(["-c", "ulimit -n 128 && \"$0\" check", env!("CARGO_BIN_EXE_growthd")]);
    let ended = Ended::of(shell).with_code(78);
    assert!(ended.line().contains("max_in_flight = 100 needs about 296 open files"), "{ended:?}");
}

/// Returns the output on a terminal of so many columns, from `script`; `None` without that program.
fn on_a_terminal(
    past: &Past,
    columns: usize,
    growthd: &str,
    variables: &[(&str, &str)],
) -> Option<Ended> {
    let mut script = Command::new("script");
    let command = format!("stty cols {columns}; {} {growthd}", env!("CARGO_BIN_EXE_growthd"));
    script.args(["-qec", &command, "/dev/null"]).stdin(Stdio::null());
    script.current_dir(past.path().parent().expect("a folder"));
    script.env("TERM", "xterm").env_remove("NO_COLOR").envs(variables.iter().copied());
    match script.output() {
        Ok(output) => Some(Ended::from(output)),
        Err(error) => {
            println!("skipped: script cannot be run: {error}");
            None
        }
    }
}

#[test]
fn no_escape_sequences_of_the_vendor_reach_a_terminal() {
    let past = Past::new();
    past.series("clx1", "Guru", "a\u{1b}]0;owned\u{7}b", &[(0, 1000)]);
    let raw = past.output(&["export"]);
    assert!(raw.contains("\u{1b}]0;owned\u{7}"), "a pipe gets what was measured: {raw:?}");
    let Some(ended) = on_a_terminal(&past, 80, "export", &[]) else { return };
    let shown = ended.with_code(0).out;
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    assert!(shown.contains("a\\u001b]0;owned\\u0007b"), "{shown:?}");
}

/// The escape sequences that begin and end coloured text.
const COLOUR: &str = "\u{1b}[1;31m";
const PLAIN: &str = "\u{1b}[0m";

#[test]
fn text_output_fits_the_terminal_and_is_coloured_if_allowed() {
    let past = Past::new();
    let ids = ["clx1234567890123456789012", "clx2234567890123456789012"];
    let days: Vec<(i64, i64)> = (0..60).map(|day| (day, 6_000_000 + 10_000 * day)).collect();
    for (id, label) in ids.into_iter().zip(["Fitness Guru of the North", "A Chef"]) {
        past.series(id, label, label, &days);
    }
    past.run(&format!(
        "INSERT INTO _refresh (account, cause, outcome, spent, interval, started_time, took, status, error)
         VALUES (1, 1, 2, 0, {WEEK}, {START}, 0, 404, 'HTTP 404: ACCOUNT_NOT_FOUND: Social account not found');
         UPDATE _account SET first_failure = last_insert_rowid(), last_failure = last_insert_rowid(),
                is_failing = 1 WHERE account = 1"
    ));
    let accounts = ids.map(|id| {
        format!(
            "[[account]]\nid = \"{id}\"\nlabel = \"Fitness Guru\"\ncron = \"0 6 1,2,3 * MON-FRI\"\n"
        )
    });
    let text =
        format!("[database]\npath = \"growth.db\"\n[budget]\nrefreshes = 1\n{}", accounts.concat());
    fs::write(past.file("config.toml"), text).expect("a file");
    for columns in [60, 80, 120] {
        for verb in [
            "check",
            "plan",
            "status",
            "growth --month 2026-02",
            "digest --month 2026-02",
            "history clx1234567890123456789012",
            "report",
        ] {
            let Some(ended) = on_a_terminal(&past, columns, verb, &[]) else { return };
            for line in ended.out.replace(COLOUR, "").replace(PLAIN, "").lines() {
                assert!(line.trim_end().width() <= columns, "{verb} in {columns}: {line}");
            }
        }
    }
    for verb in ["check", "status"] {
        for (variables, is_colourful) in [
            (&[][..], true),
            (&[("NO_COLOR", "1")], false),
            (&[("NO_COLOR", "")], true),
            (&[("TERM", "dumb")], false),
        ] {
            let Some(ended) = on_a_terminal(&past, 80, verb, variables) else { return };
            assert_eq!(
                ended.out.contains(COLOUR),
                is_colourful,
                "{verb} {variables:?}: {}",
                ended.out
            );
        }
        assert!(!String::from_utf8_lossy(&past.growthd(&[verb]).stdout).contains('\u{1b}'));
    }
}
