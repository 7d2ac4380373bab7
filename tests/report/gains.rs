//! The page's numbers are those of the views.

use crate::past::{DAY, Field, Past, START, WEEK};

/// Returns the rows of the page's table as text.
fn rows(past: &Past) -> Vec<String> {
    let page = past.output(&["report", "--output", "-"]);
    let (_, table) = page.split_once("id=\"list\"").expect("the table");
    let (table, _) = table.split_once("</table>").expect("its end");
    let text = |row: &str| {
        let mut shown = String::new();
        let mut is_markup = false;
        for c in row.chars() {
            match c {
                '<' => {
                    is_markup = true;
                    shown.push(' ');
                }
                '>' => is_markup = false,
                _ if !is_markup => shown.push(c),
                _ => {}
            }
        }
        shown.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    table.split("<tr data-index=").skip(1).map(|row| text(&format!("<{row}"))).collect()
}

#[test]
fn a_gain_is_that_of_the_view_and_what_rounding_may_have_made_is_rough() {
    let past = Past::new();
    let odd = past.account("clx1", Some("Odd"), None);
    for (day, followers) in [(0, 1000), (9, 1100), (38, 900), (40, 1234)] {
        past.snapshot(odd, START + day * DAY, Field::followers(followers));
    }
    past.snapshot(odd, START + 41 * DAY, Field::suspect(0));
    // The clock was set back by an hour: the order is that of the refreshes.
    let back = past.account("clx2", Some("Back"), None);
    for (time, followers) in [(0, 5000), (35 * DAY, 5350), (35 * DAY - 3600, 5351)] {
        past.snapshot(back, START + time, Field::followers(followers));
    }
    let days: Vec<(i64, i64)> = (0..6).map(|n| (7 * n, 1_230_000 + n / 5 * 10_000)).collect();
    let tube = past.series("clx3", "Tube", "tube", &days);
    let gone = past.series("clx4", "Gone", "gone", &[(0, 10), (60, 70)]);
    past.run(&format!(
        "UPDATE _profile SET platform = 'youtube' WHERE account = {tube};
         UPDATE _account SET removed_time = 1, next_due = NULL WHERE account = {gone}"
    ));
    assert_eq!(
        past.query("SELECT name, followers, followers_gained_30d FROM latest ORDER BY account_id"),
        ["Odd|1234|141", "Back|5351|301", "Tube|1240000|10000", "Gone|70|30"]
    );
    let rows = rows(&past);
    for (name, shown) in [
        ("Odd", "1,234 +141 "),
        ("Back", "5,351 +301"),
        ("Tube", "1,240,000 ≈ – "),
        ("Gone", "70 +30 "),
    ] {
        let row = rows.iter().find(|row| row.contains(name)).expect(name);
        assert!(row.contains(shown), "{row}");
    }
}

#[test]
fn a_fact_is_the_newest_measured_value() {
    let past = Past::new();
    let account = past.account("clx1", Some("Guru"), None);
    past.snapshot(account, START, Field { videos: Some(412), ..Field::followers(1000) });
    past.snapshot(account, START + WEEK, Field { videos: Some(7), ..Field::suspect(0) });
    let page = past.output(&["report", "--output", "-"]);
    assert!(page.contains("<dt>Videos</dt><dd>412</dd>"), "{page}");
    assert!(page.contains("<dt>Measured</dt><dd>5 Jan 2026 06:00 UTC</dd>"), "{page}");
    assert!(page.contains(&format!("data-v=\"{START}\">5 Jan 2026</td>")), "{page}");
}
