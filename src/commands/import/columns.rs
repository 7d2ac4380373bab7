//! Where a file's columns stand, by its headings.

use crate::printable::Printable;

/// What a column may be called; where several say the same, the first of these is read.
const ACCOUNT: [&str; 5] = ["account", "account_id", "label", "username", "name"];
const TIME: [&str; 4] = ["time", "date", "time_utc", "day"];
pub(super) const COUNTS: [&str; 4] = ["followers", "following", "videos", "likes"];

/// Where the columns stand.
#[derive(Debug)]
pub(super) struct Columns {
    pub account: usize,
    pub time: usize,
    pub counts: [Option<usize>; COUNTS.len()],
    /// The headings of those that are not read.
    pub others: Vec<String>,
}

/// What separates the cells: what the headings have most of. Where a comma is the decimal point,
/// spreadsheets write semicolons.
pub(super) fn delimiter(text: &str) -> u8 {
    let headings = text.lines().next().unwrap_or_default();
    let count = |delimiter: u8| headings.bytes().filter(|byte| *byte == delimiter).count();
    [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

impl Columns {
    /// # Errors
    /// What is missing, and what is there twice.
    pub fn of(headings: &csv::StringRecord) -> Result<Columns, Vec<String>> {
        let headings: Vec<String> = headings.iter().map(str::to_lowercase).collect();
        let mut problems = Vec::new();
        let known = || ACCOUNT.iter().chain(&TIME).chain(&COUNTS);
        for name in known().filter(|name| headings.iter().filter(|found| found == name).count() > 1)
        {
            problems.push(format!("the column {name} is there twice"));
        }
        let place = |name: &&str| headings.iter().position(|found| found == name);
        let (account, time) = (ACCOUNT.iter().find_map(place), TIME.iter().find_map(place));
        let counts = COUNTS.each_ref().map(place);
        if account.is_none() {
            problems.push(format!("no column says which account: {}", ACCOUNT.join(", ")));
        }
        if time.is_none() {
            problems.push(format!("no column says when: {}", TIME.join(", ")));
        }
        if counts == [None; COUNTS.len()] {
            problems.push(format!("no column has a count: {}", COUNTS.join(", ")));
        }
        let (Some(account), Some(time), true) = (account, time, problems.is_empty()) else {
            return Err(problems);
        };
        let is_read = |place: &usize| {
            [account, time].contains(place) || counts.iter().flatten().any(|count| count == place)
        };
        let others = (0..headings.len()).filter(|place| !is_read(place));
        let others = others.map(|place| Printable(&headings[place]).to_string()).collect();
        Ok(Columns { account, time, counts, others })
    }
}
