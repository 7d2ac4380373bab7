//! The page in a real Chromium, if it is installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use growthd::clock::{Time, monotonic};

use super::history::{DAY, Snapshot, WEEK, World};
use super::{HOSTILE, growthd};
use crate::harness::{Ended, PATIENCE, at};
use crate::past::{Past, START};

/// A page as a browser has loaded it.
struct Seen {
    dom: String,
    /// The console output of the page.
    console: Vec<String>,
    /// The addresses that the page requested.
    requests: Vec<String>,
}

/// Opens the folder's report at a fragment, and again while it does not show this many charts; `None`
/// without Chromium. A chart is drawn in a frame, which a busy machine may be too late for: Chromium's
/// virtual time does not wait for it.
fn browse(folder: &Path, fragment: &str, charts: usize) -> Option<Seen> {
    let output = growthd(folder, &["report"]);
    assert!(output.status.success(), "{output:?}");
    let begun = monotonic();
    loop {
        let seen = open(folder, fragment)?;
        if seen.charts() == charts || begun.elapsed() > PATIENCE {
            return Some(seen);
        }
    }
}

/// Runs `script` in the folder's report once that is ready, and returns the value of its `told`.
/// Removes the page's content security policy, which would not let the script run.
fn driven(folder: &Path, arguments: &[&str], script: &str) -> Option<String> {
    let output = growthd(folder, &[&["report"], arguments].concat());
    assert!(output.status.success(), "{output:?}");
    driven_page(folder, script)
}

/// Does the same with the report that is in the folder.
fn driven_page(folder: &Path, script: &str) -> Option<String> {
    let file = folder.join("growthd-report.html");
    let page = fs::read_to_string(&file).expect("the page");
    let (head, rest) = page.split_once("<meta http-equiv=").expect("a policy");
    let (_, rest) = rest.split_once('>').expect("its end");
    let run = format!(
        "<script>addEventListener('DOMContentLoaded', async () => {{ const told = []; {script}\n\
         const shown = document.createElement('pre'); shown.id = 'told'; \
         shown.textContent = told.join('\\n'); document.body.append(shown); }});</script>"
    );
    let (body, end) = rest.rsplit_once("</body>").expect("a body");
    fs::write(&file, format!("{head}{body}{run}</body>{end}")).expect("written");
    let seen = open(folder, "")?;
    seen.is_calm();
    let (_, told) = seen.dom.split_once("<pre id=\"told\">").expect("the script ran");
    let told = told.split_once("</pre>").expect("its end").0;
    Some(told.replace("&amp;", "&").replace("&gt;", ">").replace("&lt;", "<"))
}

fn open(folder: &Path, fragment: &str) -> Option<Seen> {
    let page = folder.join("growthd-report.html");
    let (profile, log) = (folder.join("chromium"), folder.join("net.json"));
    let browser = std::env::var_os("CHROMIUM").unwrap_or_else(|| "chromium".into());
    let ran = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--enable-logging=stderr", "--window-size=1200,4000"])
        // Charts are drawn when a frame shows them: no frame may be left out, however busy the machine.
        .args(["--run-all-compositor-stages-before-draw", "--virtual-time-budget=30000"])
        .arg("--dump-dom")
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

/// Returns the requests of a page from a file, from a net log with an event on each line. These
/// have an opaque origin, unlike the browser's own requests.
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
    history.push(Snapshot { suspect: 2, ..at(4, Some(0)) });
    history.push(at(3, None));
    history.push(Snapshot { engagement: Some(3.5), ..at(2, Some(4000)) });
    world.account("clxhostile", Some(HOSTILE), &history);
    // Its likes fell to 0.
    let likes = |ago, likes, suspect| Snapshot {
        likes: Some(likes),
        suspect,
        ..Snapshot::new(ago, Some(0))
    };
    world.account("clxlikes", None, &[likes(DAY, 500, 0), likes(DAY - 60, 0, 1)]);
    world.account("clxempty", None, &[]);
    // One account without likes, one that also has a rate, and one with followers and likes; the first
    // two with their weeks. The total, its weeks, and the comparison of those two.
    let charts = 3 + 3 + 2 + 3;
    let Some(seen) = browse(world.folder(), "", charts) else { return };
    seen.is_calm();
    assert_eq!(seen.charts(), charts);
    assert_eq!(seen.dom.matches("class=\"gap\"").count(), 1);
    assert_eq!(seen.dom.matches("class=\"suspect\"").count(), 2, "followers, and likes alone");
    assert!(seen.dom.contains("<td>likes suspect</td>") && seen.dom.contains("500<"));
    assert!(seen.dom.contains("<title>Growth report</title>"));
    assert!(!seen.dom.contains("<img") && !seen.dom.contains('\u{202e}'));
    assert!(seen.dom.contains("&lt;/script&gt;&lt;script&gt;document.title='owned'"));
}

#[test]
fn two_thousand_accounts_are_drawn_where_they_are_looked_at() {
    let world = World::new(2000, 3);
    let charts = 4 + 3;
    let Some(seen) = browse(world.folder(), "#a-clx01234", charts) else { return };
    seen.is_calm();
    assert_eq!(seen.dom.matches("<tr data-index=").count(), 100, "the rest is laid out on demand");
    assert_eq!(seen.dom.matches("class=\"account\"").count(), 2000);
    assert!(seen.dom.contains(">Show all 2,000</button>"));
    let open = "id=\"a-clx01234\" data-index=\"765\" open=\"\"";
    assert!(seen.dom.contains(open), "the account in the address is open");
    assert_eq!(seen.charts(), charts, "and only its charts are drawn, and those of the whole");
    assert_eq!(seen.dom.matches("<noscript class=\"packed\">").count(), 1999, "the rest is packed");
    let hidden = seen.dom.matches("\" hidden=\"\"><summary>").count();
    assert_eq!(hidden, 1899, "the sections of the rows, and the open one, are laid out");
}

#[test]
fn of_a_long_list_all_is_found_sorted_printed_and_saved() {
    let world = World::new(450, 3);
    let script = format!(
        "{STEPS}
        const rows = () => [...document.querySelectorAll('#accounts tbody tr')];
        const top = () => `${{rows().length}}: ${{rows()[0].querySelector('a').textContent}}`;
        const search = text => {{
          const input = document.getElementById('search');
          input.value = text;
          input.dispatchEvent(new Event('input'));
        }};
        told.push(`at first ${{top()}}`);
        click('#accounts thead button', 0);
        told.push(`by name ${{top()}}`);
        click('#accounts thead button', 0);
        told.push(`and back ${{top()}}`);
        search('0003');
        told.push(`found ${{top()}}, ${{said('#count')}}`);
        search('');
        dispatchEvent(new Event('beforeprint'));
        told.push(`on paper ${{top()}}`);
        dispatchEvent(new Event('afterprint'));
        told.push(`on the screen ${{top()}}`);
        {DOWNLOAD}
        click('#csv');
        told.push(`as CSV ${{saved.trim().split('\\n').length}} lines`);
        click('#more button');
        // A message lets frames pass, but no virtual time, which could be used up without a frame.
        const {{ port1, port2 }} = new MessageChannel();
        for (let n = 0; n < 100_000 && rows().length < 450; n += 1) {{
          scrollTo(0, document.getElementById('more').offsetTop);
          await new Promise(done => {{ port1.onmessage = done; port2.postMessage(0); }});
          if (n % 100 === 0) await new Promise(done => setTimeout(done));
        }}
        told.push(`scrolled through ${{top()}}`);"
    );
    let Some(told) = driven(world.folder(), &[], &script) else { return };
    insta::assert_snapshot!(told, @"
        at first 100: Creator clx00449
        by name 100: Creator clx00000
        and back 100: Creator clx00449
        found 11: Creator clx00039, 11 of 450 accounts
        on paper 450: Creator clx00449
        on the screen 100: Creator clx00449
        as CSV 451 lines
        scrolled through 450: Creator clx00449
        ");
}

/// Two clients' accounts: one has a name with accents, one a name that a spreadsheet would run, and
/// one a history that begins later and a new handle since.
fn two_clients() -> Past {
    let past = Past::new();
    for (id, name, tag, days, step) in [
        ("clxaaaa1", "José Ångström", "client-a", 0..190, 10),
        ("clxaaaa2", "=Chef, \"the\"", "client-a", 0..190, -3),
        ("clxbbbb1", "Tides", "client-b", 45..190, 100),
    ] {
        let series: Vec<(i64, i64)> = days.map(|day| (day, 10_000 + step * day)).collect();
        let account = past.series(id, name, &id[3..], &series);
        past.run(&format!("UPDATE _account SET tags = '[\"{tag}\"]' WHERE account = {account}"));
    }
    past.run(&format!(
        "INSERT INTO _profile_change
         SELECT account, refresh_id, time, 'username', 'old_tides', 'bbbb1' FROM _snapshot
         WHERE account = 3 AND time = {}",
        START + 100 * DAY
    ));
    past
}

/// Goes to an address in the page, and reports what it shows.
const STEPS: &str = "
    const said = selector => [...document.querySelectorAll(selector)].map(one => one.textContent).join(' | ');
    const go = address => new Promise(done => {
      addEventListener('hashchange', done, { once: true });
      location.hash = address;
    });
    const gains = () => [...document.querySelectorAll('#accounts tbody tr:not([hidden])')]
      .map(row => `${row.querySelector('a').textContent} ${row.cells[3].textContent}`).sort().join(' | ');
    const click = (selector, n = 0) => document.querySelectorAll(selector)[n].click();
    const address = () => decodeURIComponent(location.hash);";

/// Keeps the text of a file that the page saves, which is then in `saved`. To read it from a `Blob`
/// would take real time, of which the browser's virtual time knows nothing.
const DOWNLOAD: &str = "
    let saved;
    globalThis.Blob = class { constructor(parts) { saved = parts.join('').replace(/^\\ufeff/, ''); } };
    URL.createObjectURL = () => 'about:blank';
    HTMLAnchorElement.prototype.click = () => {};";

#[test]
fn a_chosen_period_has_the_numbers_of_the_views() {
    let past = two_clients();
    // An account that was removed later counts in earlier totals, even where a client does not see
    // it.
    let days: Vec<(i64, i64)> = (0..190).map(|day| (day, 500 + 7 * day)).collect();
    let gone = past.series("clxaaaa9", "Gone", "gone", &days);
    past.run(&format!(
        "UPDATE _account SET tags = '[\"client-a\"]', removed_time = 1, next_due = NULL
         WHERE account = {gone}"
    ));
    let script = format!(
        "{STEPS}
        for (const key of ['2026-W15', '2026-04', '2026-Q2']) {{
          await go(`period=${{key}}`);
          told.push(`${{said('#period')}}: ${{said('#tile-gained dd > span:first-child')}}; ${{gains()}}`);
        }}"
    );
    let periods = [
        "weekly w WHERE week = '2026-W15'",
        "monthly w WHERE month = '2026-04'",
        "monthly w WHERE month IN ('2026-04', '2026-05', '2026-06')",
    ];
    let tagged = "account_id IN (SELECT account_id FROM account_tags WHERE tag = 'client-a')";
    for (arguments, whose) in [(&[][..], "1"), (&["--tag", "client-a"], tagged)] {
        let Some(told) = driven(past.folder(), arguments, &script) else { return };
        for (line, period) in told.lines().zip(periods) {
            let sum = past.query(&format!(
                "SELECT printf('%+,d', sum(followers_delta)) FROM {period} AND {whose}"
            ));
            assert!(line.contains(&format!(": {};", sum[0])), "{sum:?}: {line}");
            let hidden = if arguments.is_empty() { "nobody" } else { "Gone" };
            for row in past.query(&format!(
                "SELECT name || ' ' || printf('%+,d', sum(followers_delta)) FROM {period}
                 AND {whose} AND name <> '{hidden}' GROUP BY name"
            )) {
                assert!(line.contains(&row.replace(" -", " −")), "{row}: {line}");
            }
            assert!(!line.contains(hidden), "{line}");
        }
        insta::assert_snapshot!(told);
    }
}

#[test]
fn the_total_of_the_listed_accounts_is_not_reduced_by_what_removed_ones_gained() {
    let script = format!(
        "{STEPS}
        told.push(document.querySelector('#sum-chart svg').getAttribute('aria-label'));"
    );
    let past = two_clients();
    let Some(expected) = driven(past.folder(), &[], &script) else { return };
    let days: Vec<(i64, i64)> = (0..170).map(|day| (day, 500 + 700 * day)).collect();
    let gone = past.series("clxaaaa9", "Gone", "gone", &days);
    past.run(&format!(
        "UPDATE _account SET removed_time = 1, next_due = NULL WHERE account = {gone}"
    ));
    assert_eq!(driven(past.folder(), &[], &script), Some(expected));
}

#[test]
fn the_totals_of_the_chart_rise_by_the_sums_of_the_view_to_the_newest_counts() {
    let past = two_clients();
    // Measured no more in the last weeks, and last in the middle of one.
    let days: Vec<(i64, i64)> = (0..165).map(|day| (day, 500 + 700 * day)).collect();
    past.series("clxaaaa9", "Stopped", "stopped", &days);
    let script = format!(
        "{STEPS}
        const chart = document.querySelector('#sum-chart svg');
        for (let n = Number(chart.getAttribute('aria-valuemax')); n; n -= 1) {{
          told.unshift(chart.getAttribute('aria-valuetext').split(' on ')[0].replaceAll(',', ''));
          chart.dispatchEvent(new KeyboardEvent('keydown', {{ key: 'ArrowLeft' }}));
        }}"
    );
    let Some(told) = driven(past.folder(), &[], &script) else { return };
    let shown: Vec<i64> = told.lines().map(|sum| sum.parse().expect("a sum")).collect();
    let sums = |sql: &str| -> Vec<i64> {
        past.query(sql).iter().map(|sum| sum.parse().expect("a sum")).collect()
    };
    let newest = sums("SELECT sum(followers) FROM latest");
    assert_eq!(shown.last(), newest.first());
    // Each account's gain since its own last week is in the last step, and nowhere else.
    let end = sums(
        "SELECT sum(followers) FROM weekly w WHERE to_time = (
           SELECT max(to_time) FROM weekly v WHERE v.account_id = w.account_id)",
    );
    assert_eq!(shown.iter().rev().nth(1), end.first());
    let steps: Vec<i64> = shown.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let weeks =
        sums("SELECT sum(followers_delta) FROM weekly GROUP BY from_time ORDER BY from_time");
    assert_eq!(steps[..steps.len() - 1], weeks);
}

#[test]
fn what_is_chosen_narrows_everything_and_stands_in_the_address() {
    let past = two_clients();
    let script = format!(
        "{STEPS}
        await go('period=2026-04');
        click('#tags button');
        told.push(`a tag: ${{said('#tile-followers dd > span:first-child')}}, ${{said('#tile-gained dd > span:first-child')}}; ${{gains()}}`);
        told.push(`movers: ${{said('#movers-up th a')}}; ${{said('#movers-down th a')}}`);
        told.push(address());
        click('#tags button');
        click('#later');
        told.push(`the next: ${{said('#period')}}`);
        const search = document.getElementById('search');
        search.value = 'jose angstrom';
        search.dispatchEvent(new Event('input'));
        told.push(`found: ${{gains()}}; ${{said('#count')}}`);
        told.push(address());
        search.value = '';
        search.dispatchEvent(new Event('input'));
        click('#accounts tbody input', 0);
        click('#accounts tbody input', 2);
        told.push(`compared: ${{said('#comparison .legend li')}}`);
        told.push(address());
        await go('period=2026-04&compare=clxaaaa1');
        told.push(`from an address: ${{said('#comparison .legend li')}}`);
        told.push(`events: ${{said('#happened li')}}`);
        await go('a-clxbbbb1&period=2026-04&compare=clxaaaa1');
        told.push(`marks: ${{said('.account .mark title')}}`);
        await go('period=2026-13&range=9y&tag=nobody&compare=nobody&x=%E0');
        told.push(`nonsense: ${{said('#period')}}, ${{gains()}}`);
        await go('');
        {DOWNLOAD}
        click('#csv');
        told.push(saved);"
    );
    let Some(told) = driven(past.folder(), &[], &script) else { return };
    insta::assert_snapshot!(told);
}

#[test]
fn a_client_chooses_too_and_learns_no_tag_and_no_id() {
    let past = two_clients();
    let script = format!(
        "{STEPS}
        await go('period=2026-Q2');
        told.push(`${{said('#tile-followers dd > span:first-child')}}, ${{said('#tile-gained dd > span:first-child')}}; ${{gains()}}`);
        {DOWNLOAD}
        click('#accounts tbody input', 0);
        click('#csv');
        told.push(address(), saved);"
    );
    let Some(told) = driven(past.folder(), &["--tag", "client-a"], &script) else { return };
    insta::assert_snapshot!(told);
}

#[test]
fn a_period_that_few_accounts_have_reached_the_end_of_says_so() {
    let past = Past::new();
    // The large accounts were measured last on Monday, 26 January, and the small one on 1 February.
    let weekly: Vec<(i64, i64)> = (-7..=3).map(|week| (7 * week, 1_000_000 + week)).collect();
    past.series("clx1", "Large", "large", &weekly);
    past.series("clx2", "Larger", "larger", &weekly);
    let daily: Vec<(i64, i64)> = (-49..=27).map(|day| (day, 2000 + 3 * day)).collect();
    past.series("clx3", "Small", "small", &daily);
    past.run("UPDATE _account SET tags = '[\"large\"]' WHERE account < 3");
    let script = format!(
        "{STEPS}
        const tiles = () => `${{said('#tile-followers dd > span')}}; ${{said('#tile-gained dd > span')}}`;
        await go('period=2026-01');
        told.push(tiles());
        click('#tags button');
        told.push(tiles(), said('#movers-up .empty'));
        await go('');
        for (const n of [1, 2]) {{
          click('#units button', n);
          told.push(said('#period'));
        }}
        told.push(document.querySelector('#sum-chart svg').getAttribute('aria-valuetext'));
        await go('tag=large');
        told.push(document.querySelector('#sum-chart svg').getAttribute('aria-valuetext'));"
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_growthd"));
    command.current_dir(past.folder()).env_remove("GROWTHD_CONFIG").arg("report");
    let Some(command) = at(Time(START + 27 * DAY + 3600), &command) else { return };
    Ended::of(command).with_code(0);
    let Some(told) = driven_page(past.folder(), &script) else { return };
    insta::assert_snapshot!(told, @"
        2,080 | at the end of Jan 2026, 1 of 3 accounts; +93 | +4.7&nbsp;%, 1 of 3 accounts; +93 the month before
        – | at the end of Jan 2026; – | not measured since it ended; the next refresh completes it
        Not measured since it ended; the next refresh completes it.
        2026-W04, 19 Jan 2026 to 25 Jan 2026
        Dec 2025
        2,002,087 on 1 Feb 2026, +19 since 26 Jan 2026
        2,000,006 on 26 Jan 2026, +2 since 19 Jan 2026
        ");
}

#[test]
fn an_account_has_its_best_week_and_where_its_pace_leads() {
    let past = Past::new();
    // Ten more each week, but forty in the sixth.
    let days: Vec<(i64, i64)> =
        (0..12).map(|week| (7 * week, 800 + 10 * week + 30 * i64::from(week > 5))).collect();
    past.series("clx1", "Guru", "guru", &days);
    past.series("clx2", "Fading", "fading", &[(0, 5000), (77, 4000)]);
    let script = format!(
        "{STEPS}
        for (const id of ['clx1', 'clx2']) {{
          await go(`a-${{id}}`);
          const facts = [...document.querySelectorAll(`#a-${{id}} .facts > div`)].map(fact => [...fact.children].map(part => part.textContent));
          told.push(facts.filter(([name]) => /week/.test(name)).map(fact => fact.join(': ')).join('; '));
        }}"
    );
    let told_at = |day: i64| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_growthd"));
        command.current_dir(past.folder()).env_remove("GROWTHD_CONFIG").arg("report");
        Ended::of(at(Time(START + day * DAY), &command)?).with_code(0);
        driven_page(past.folder(), &script)
    };
    let Some(told) = told_at(78) else { return };
    // 40 * 162 / 168 + 10 * 6 / 168 are 39: a week begins six hours before a measurement. In eight
    // weeks Guru gained 110, and 60 are lacking: a month from 23 March. Fading has only two
    // measurements.
    insta::assert_snapshot!(told, @"Best week: +39 in 2026-W07; Weakest week: +10 in 2026-W02; At the pace of 8 weeks: 1,000 in Apr 2026");
    // Its followers have not been reported since, and that time has passed.
    let Some(told) = told_at(200) else { return };
    insta::assert_snapshot!(told, @"Best week: +39 in 2026-W07; Weakest week: +10 in 2026-W02");
}

#[test]
fn an_event_is_in_the_same_period_as_in_the_digest() {
    let past = Past::new();
    past.series("clx1", "Guru", "guru", &[(0, 900), (7, 980), (14, 1010), (70, 2500)]);
    // The account was removed in the month in which it had passed 1,000.
    let gone = past.series("clx2", "Gone", "gone", &[(0, 900), (7, 1010)]);
    let removed = START + 9 * DAY;
    past.run(&format!(
        "UPDATE _account SET removed_time = {removed}, next_due = NULL WHERE account = {gone}"
    ));
    let periods = ["2026-W02", "2026-W03", "2026-W11", "2026-W12", "2026-01", "2026-02", "2026-03"];
    let digest = |period: &str| {
        let option = if period.contains('W') { "--week" } else { "--month" };
        let output = past.output(&["digest", option, period, "--format", "json"]);
        let digest: serde_json::Value = serde_json::from_str(&output).expect("JSON");
        let shown = digest["milestones"].as_array().expect("an array").iter().map(|reached| {
            format!("{} {}", reached["name"].as_str().expect("a name"), reached["milestone"])
        });
        let mut shown: Vec<String> = shown.collect();
        shown.sort();
        format!("{period}: {}", shown.join(", "))
    };
    let digests: Vec<String> = periods.map(digest).into();
    assert_eq!(digests[..2], ["2026-W02: Gone 1000", "2026-W03: Guru 1000"]);
    assert_eq!(digests[4], "2026-01: Gone 1000, Guru 1000");
    let script = format!(
        "{STEPS}
        for (const period of {periods:?}) {{
          await go(`period=${{period}}`);
          const items = [...document.querySelectorAll('#happened li')];
          const shown = items.map(item => `${{item.querySelector('a').textContent}} ${{item.querySelector('.what').textContent.replace(',', '').split(' ')[0]}}`);
          told.push(`${{period}}: ${{shown.sort().join(', ')}}`);
        }}"
    );
    let Some(told) = driven(past.folder(), &[], &script) else { return };
    assert_eq!(told.lines().collect::<Vec<_>>(), digests);
}

/// YouTube's counts have three significant digits: Steady's step is 10,000, and Slow's was 1,000 until it
/// passed a million. Neither says by itself what a week brought, unless it was two steps.
#[test]
fn rounding_is_no_growth_in_any_period_in_the_verb_the_digest_and_the_page() {
    let past = Past::new();
    let steady = [1_230, 1_230, 1_240, 1_240, 1_240, 1_250, 1_250, 1_250, 1_250, 1_250];
    let slow = [993, 994, 997, 999, 1_000, 1_010, 1_060, 1_060, 1_060, 1_060];
    for (id, name, counts) in [("clx1", "Steady", steady), ("clx2", "Slow", slow)] {
        let weeks = (0..).zip(counts);
        let days: Vec<(i64, i64)> = weeks.map(|(week, k)| (7 * week, 1000 * k)).collect();
        let account = past.series(id, name, name, &days);
        past.run(&format!("UPDATE _profile SET platform = 'youtube' WHERE account = {account}"));
    }
    let names = |rows: &serde_json::Value| -> Vec<String> {
        let rows = rows.as_array().expect("an array").iter();
        rows.map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
    };
    let periods = [
        ("2026-W02", ""),
        ("2026-W03", "Slow"),
        ("2026-W04", "Slow"),
        ("2026-W05", ""),
        ("2026-W06", ""),
        ("2026-W07", "Slow"),
        ("2026-02", "Slow"),
    ];
    for (period, movers) in periods {
        let option = if period.contains('W') { "--week" } else { "--month" };
        let digest = past.output(&["digest", option, period, "--format", "json"]);
        let digest: serde_json::Value = serde_json::from_str(&digest).expect("JSON");
        assert_eq!(names(&digest["grew"]).join(" "), movers, "digest {period}");
        let growth = past.output(&["growth", option, period, "--top", "9", "--json"]);
        let growth: serde_json::Value = serde_json::from_str(&growth).expect("JSON");
        assert_eq!(names(&growth["accounts"]).join(" "), movers, "growth {period}");
        let growth = past.output(&["growth", option, period]);
        let mut lines = growth.lines();
        let apart = lines.find(|line| line.contains(" changed by no more than rounding: "));
        assert!(apart.is_some_and(|names| names.contains("Steady")), "{growth}");
        assert_eq!(growth.contains("GREW"), !movers.is_empty(), "{growth}");
    }
    let script = format!(
        "{STEPS}
        for (const period of {:?}) {{
          await go(`period=${{period}}`);
          const rough = gains().split(' | ').filter(gain => gain.endsWith('≈')).map(gain => gain.split(' ')[0]);
          told.push(`${{said('#movers-up th a')}}, ${{rough.join(' ')}}`);
        }}",
        periods.map(|(period, _)| period)
    );
    let Some(told) = driven(past.folder(), &[], &script) else { return };
    let expected = periods.map(|(_, movers)| match movers {
        "" => ", Slow Steady",
        _ => "Slow, Steady",
    });
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
}
