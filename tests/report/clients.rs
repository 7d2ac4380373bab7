//! The client's edition of the page.

use std::fs;

use crate::past::{DAY, Field, Past, START, WEEK};

/// Two clients that share an account, an account without a client, and problems everywhere.
fn agency() -> Past {
    let past = Past::new();
    let weekly = |step: i64| -> Vec<(i64, i64)> {
        (0..9).map(|week| (7 * week, 10_000 + step * week)).collect()
    };
    for (id, name, tags, step) in [
        ("clxaaaa1", "Guru of A", r#"["client-a", "vip/gold"]"#, 71),
        ("clxaaaa2", "Chef of A", r#"["client-a"]"#, -13),
        ("clxbbbb1", "Secret of B", r#"["client-b"]"#, 977),
        ("clxcccc1", "Own", "[]", 1),
    ] {
        let handle = name.to_lowercase().replace(' ', "_");
        let account = past.series(id, name, &handle, &weekly(step));
        past.run(&format!("UPDATE _account SET tags = '{tags}' WHERE account = {account}"));
    }
    let nameless = past.account("clxaaaa3", None, None);
    past.run(&format!(
        "UPDATE _account SET tags = '[\"client-a\"]' WHERE account = {nameless};
         UPDATE _profile SET platform = NULL WHERE account = {nameless}"
    ));
    let measured = past.account("clxaaaa5", None, None);
    past.snapshot(measured, START, Field::followers(5));
    past.run(&format!("UPDATE _account SET tags = '[\"client-a\"]' WHERE account = {measured}"));
    let gone = past.series("clxaaaa4", "Gone from A", "gone", &weekly(5));
    past.run(&format!(
        "UPDATE _account SET tags = '[\"client-a\"]', removed_time = 1, next_due = NULL
         WHERE account = {gone};
         INSERT INTO _refresh (account, cause, outcome, spent, interval, started_time, took, status, error)
         SELECT account, 1, 2, 1, {WEEK}, {time}, 0, 402, 'HTTP 402: no credits left' FROM _account;
         UPDATE _account SET is_failing = 1, first_failure = (SELECT max(refresh_id) FROM _refresh),
                last_failure = (SELECT max(refresh_id) FROM _refresh);
         INSERT INTO _breaker VALUES (1, {time}, 0, 'HTTP 402: no credits left', 1, 0, 0, {time}, 0, 0, {time}, 1, 0, NULL, 0, 0);
         INSERT INTO _wait VALUES (1, 0, 4000000000, 'HTTP 429: slow down')",
        time = START + 60 * DAY
    ));
    let config = past.file("config.toml");
    let text = fs::read_to_string(&config).expect("the configuration");
    let budget = "[budget]\nrefreshes = 4711\nper = \"month\"\n";
    fs::write(&config, format!("{text}{budget}")).expect("written");
    past
}

/// Returns the page without its style sheet and script.
fn content(page: &str) -> &str {
    page.split_once("</head>").expect("a head").1
}

#[test]
fn a_client_reads_of_nothing_but_its_accounts_and_how_they_grew() {
    let past = agency();
    let page = past.output(&["report", "--tag", "client-a", "--title", "A & Sons <b>", "-o", "-"]);
    assert!(page.contains("<title>A &#38; Sons &#60;b&#62;</title>"));
    let page = content(&page);
    for own in ["<h1>A &#38; Sons &#60;b&#62;</h1>", "Guru of A", "Chef of A"] {
        assert!(page.contains(own), "{own}");
    }
    for once in ["<bdi>Not measured yet</bdi></h3>", "<bdi>An account without a name</bdi></h3>"] {
        assert_eq!(page.matches(once).count(), 1, "{once}");
    }
    let lower = page.to_lowercase();
    for hidden in [
        "Secret", "Own<", "Gone", "clx", "client-b", "client-a", "vip", "credit", "HTTP", "4,711",
        "vendor", "failing", "overdue", "error", "Waiting", "budget", "State", "tag",
    ] {
        assert!(!lower.contains(&hidden.to_lowercase()), "{hidden}: {page}");
    }
    // 30 days are 4 2/7 weeks of 71 and of -13.
    for number in ["+304", "−56"] {
        assert!(page.contains(number), "{number}");
    }
    let whole = past.output(&["report", "--output", "-"]);
    for shown in ["Secret of B", "Gone from A", "clxbbbb1", "client-b", "no credits left", "4,711"]
    {
        assert!(content(&whole).contains(shown), "{shown}");
    }
}

#[test]
fn each_tag_has_a_file_of_its_own() {
    let past = agency();
    past.run("UPDATE _account SET tags = '[\"gone\"]' WHERE removed_time IS NOT NULL");
    let output = past.output(&["report", "--each-tag", "clients"]);
    assert_eq!(output.lines().count(), 3, "{output}");
    let mut names: Vec<_> =
        fs::read_dir(past.file("clients")).expect("the folder").flatten().collect();
    names.sort_by_key(fs::DirEntry::file_name);
    let names: Vec<_> = names.iter().map(|file| file.file_name().into_string()).collect();
    let expected = ["client-a.html", "client-b.html", "vip-gold-69e77b00.html"];
    assert_eq!(names, expected.map(|name| Ok(name.to_owned())));
    let page = |name: &str| fs::read_to_string(past.file("clients").join(name)).expect("a page");
    let b = page("client-b.html");
    assert!(b.contains("Secret of B") && !b.contains("of A"));
    assert!(b.contains("<h1>Growth report of client-b</h1>"));
    let gold = page("vip-gold-69e77b00.html");
    assert!(gold.contains("Guru of A") && !gold.contains("Chef of A"));
    assert_eq!(past.output(&["report", "--each-tag", "clients"]), output, "they are replaced");
}

#[test]
fn what_cannot_be_written_is_told() {
    let past = agency();
    let (code, output) = past.refused(&["report", "--tag", "cleint-a", "--output", "-"]);
    let expected = "growthd: no account has the tag cleint-a; did you mean client-a?\n";
    assert_eq!((code, &*output), (Some(2), expected));
    for arguments in [
        &["--title", ""][..],
        &["--title", "  "],
        &["--each-tag", "d", "--tag", "client-a"],
        &["--each-tag", "d", "--output", "x.html"],
    ] {
        let out = past.growthd(&[&["report"], arguments].concat());
        assert_eq!(out.status.code(), Some(2), "{arguments:?}");
    }
    let (code, output) = past.refused(&["report", "--each-tag", "config.toml"]);
    assert_eq!(code, Some(74), "{output}");
    assert!(output.contains("config.toml: it is not a folder"), "{output}");
    // One client's file that is no page keeps no other from theirs.
    fs::create_dir(past.file("clients")).expect("a folder");
    fs::write(past.file("clients/client-a.html"), "mine").expect("a file");
    fs::create_dir(past.file("clients/vip-gold-69e77b00.html")).expect("a folder");
    let out = past.growthd(&["report", "--each-tag", "clients"]);
    assert_eq!(out.status.code(), Some(74), "{out:?}");
    let errors = String::from_utf8_lossy(&out.stderr);
    let told: Vec<&str> = errors.lines().collect();
    assert_eq!(told.len(), 2, "{errors}");
    assert!(told[0].contains("client-a.html: it exists and is not an HTML page"), "{errors}");
    assert!(told[1].contains("vip-gold-69e77b00.html (vip/gold): it is a folder"), "{errors}");
    assert!(past.file("clients/client-b.html").exists());
    assert_eq!(fs::read_to_string(past.file("clients/client-a.html")).expect("it"), "mine");
    past.run("UPDATE _account SET tags = '[]'");
    let (code, output) = past.refused(&["report", "--each-tag", "clients"]);
    assert_eq!(code, Some(2), "{output}");
    assert!(output.contains("no account has a tag"), "{output}");
}
