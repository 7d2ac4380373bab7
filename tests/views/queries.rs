//! The queries in the documentation, verbatim, on a history whose results are known.

use crate::past::{DAY, Field, Past, START};

const DOCUMENTATION: &str = include_str!("../../docs/history.md");

/// Returns the query below a question of the documentation.
fn query(question: &str) -> &'static str {
    let (_, below) = DOCUMENTATION.split_once(&format!("\n{question}\n")).expect(question);
    let (_, query) = below.split_once("```sql\n").expect(question);
    query.split_once("```").expect(question).0
}

/// Three accounts:
/// - Fitness Guru: weekly for 53 weeks, 1000 and then 10 more each week; weeks 20 and 21 missing;
///   engagement 4.
/// - Chef Léa: four weeks, on the days 336 to 364: 2000, 2100, 2200, 2300, 2400; engagement 6.
/// - Old Timer: on the days 329 to 364: 900 and then 30 fewer each week; no engagement.
fn known() -> Past {
    let past = Past::new();
    let guru = past.account("clx1", Some("Fitness Guru"), Some("guru"));
    let chef = past.account("clx2", Some("Chef Léa"), Some("chef"));
    let old = past.account("clx3", Some("Old Timer"), Some("old"));
    for week in (0..=53).filter(|week| ![20, 21].contains(week)) {
        let field = Field { engagement: Some(4.0), ..Field::followers(1000 + 10 * week) };
        past.snapshot(guru, START + week * 7 * DAY, field);
    }
    for week in 0..5 {
        let field = Field { engagement: Some(6.0), ..Field::followers(2000 + 100 * week) };
        past.snapshot(chef, START + (336 + 7 * week) * DAY, field);
    }
    for week in 0..6 {
        past.snapshot(old, START + (329 + 7 * week) * DAY, Field::followers(900 - 30 * week));
    }
    past.run(
        "UPDATE _account SET tags = '[\"sport\", \"vip\"]' WHERE account = 1;
         UPDATE _account SET tags = '[\"food\"]' WHERE account = 2;
         UPDATE _account SET tags = '[\"vip\"]' WHERE account = 3;
         INSERT INTO _profile_change VALUES (2, 55, 1796882400, 'bio', 'Cooks', 'Cooks, and writes');
         INSERT INTO _profile_change VALUES (2, 56, 1797487200, 'username', 'lea', 'chef');
         INSERT INTO _refresh (account, cause, outcome, spent, started_time, took)
         VALUES (1, 1, 3, 1, 1767657600, 120), (1, 3, 2, 0, 1767657800, 1);",
    );
    past
}

#[track_caller]
fn answers(past: &Past, question: &str, expected: &[&str]) {
    assert_eq!(past.query(query(question)), expected, "{question}");
}

#[test]
fn the_questions_about_growth_are_answered() {
    let past = known();
    // Guru's newest is of day 371; day 341 lies 5 of 7 days from 1480 to 1490: 1487.14, so that
    // 1530 is 42.86 more. Chef's is of day 364; day 334 lies before its history. Old's is of day
    // 364 with 750; day 334 lies 5 of 7 days from 900 to 870: 878.57, and 750 is 128.57 fewer.
    answers(
        &past,
        "Who grew most in the last 30 days?",
        &["Fitness Guru|1530|43", "Old Timer|750|-129"],
    );
    // 43 of 1487 are 2.89 %; -129 of 879 are -14.68 %.
    answers(&past, "Who grew most for its size?", &["Fitness Guru|2.89", "Old Timer|-14.68"]);
    answers(&past, "Who loses followers?", &["Old Timer|-30|-129"]);
}

#[test]
fn the_questions_about_months_are_answered() {
    let past = known();
    // December begins on day 329.75 and ends on day 360.75. Guru: 1470 + 10 * 0.75 / 7 = 1471.07,
    // and 1510 + 10 * 3.75 / 7 = 1515.36. Old: 900 - 30 * 0.75 / 7 = 896.79, and 780 - 30 * 3.75 /
    // 7 = 763.93. Chef begins on day 336, and does not count.
    answers(
        &past,
        "What did each client gain last month?",
        &["sport|2026-12|1|1515|44", "vip|2026-12|2|2279|-89", "food|2026-12|0|NULL|NULL"],
    );
    answers(
        &past,
        "How does last month compare with the same month a year before?",
        &[
            "Chef Léa|2026-12|NULL|NULL",
            "Fitness Guru|2026-12|44|NULL",
            "Old Timer|2026-12|-133|NULL",
        ],
    );
    past.series("clx4", "Star", "star", &[(0, 990_000), (7, 1_010_000), (14, 999_000)]);
    answers(&past, "Who passed a million, and when?", &["Star|2026-01-12|1010000"]);
    let account = past.account("clx5", Some("Two Years"), None);
    for month in 0..28 {
        past.snapshot(account, START + month * 28 * DAY, Field::followers(1000 + 28 * month));
    }
    answers(
        &past,
        "How does last month compare with the same month a year before?",
        &["Two Years|2027-12|31|31"],
    );
}

#[test]
fn the_questions_about_the_series_are_answered() {
    let past = known();
    let weeks = past.query(query("How did one account do, week by week?"));
    assert_eq!(weeks.len(), 12);
    // Day 371 after Monday of 2026-W02 is Monday of 2027-W02, since 2026 has 53 weeks: that week is
    // not over.
    assert_eq!(weeks[..2], ["2027-W01|1530|10", "2026-W53|1520|10"]);
    // From week 19 to week 22: three weeks.
    answers(
        &past,
        "Which weeks have no data?",
        &["Fitness Guru|2026-05-18T06:00:00Z|2026-06-08T06:00:00Z|21.0"],
    );
    // Chef: 100 on 2000, 2100, 2200, 2300 are 5, 4.7619, 4.5455 and 4.3478 %: 4.66 on average.
    // Guru: 10 a week on 51 values from 1000 (1 %) to 1520 (0.66 %), 0.8047 % on average.
    answers(
        &past,
        "Do engaged audiences grow faster?",
        &["Chef Léa|6.0|4.66", "Fitness Guru|4.0|0.8"],
    );
}

#[test]
fn the_questions_about_the_list_are_answered() {
    let past = known();
    // An unknown gain adds nothing: food has none. vip has Guru's 43 and Old's -129.
    answers(
        &past,
        "How is each client doing?",
        &["sport|1|1530|43", "vip|2|2280|-86", "food|1|2400|NULL"],
    );
    let months = past.query(query("What did the credits buy?"));
    // January has the Mondays 5, 12, 19 and 26, a call of unknown fate, and one that was never
    // sent.
    assert_eq!((months.len(), &*months[0]), (13, "2026-01|5|4|1"));
    // 52 of Guru, 5 of Chef, 6 of Old, and the one of unknown fate.
    assert_eq!(past.query("SELECT sum(spent), sum(snapshots) FROM spend"), ["64|63"]);
    answers(
        &past,
        "When did the bio change?",
        &["Chef Léa|2026-12-10T06:00:00Z|Cooks|Cooks, and writes"],
    );
}

#[test]
fn there_are_twelve_questions() {
    assert_eq!(DOCUMENTATION.matches("```sql\n").count(), 12);
}
