//! The columns of a file, found by its headings.

use crate::printable::Printable;

/// The accepted headings of each column. If a file has several, the first in this order is read.
const ACCOUNT: [&str; 5] = ["account", "account_id", "label", "username", "name"];
const TIME: [&str; 4] = ["time", "date", "time_utc", "day"];
pub(super) const COUNTS: [&str; 4] = ["followers", "following", "videos", "likes"];
const SUSPECT: &str = "suspect";

/// The indices of the columns.
#[derive(Debug)]
pub(super) struct Columns {
    pub account: usize,
    pub time: usize,
    pub counts: [Option<usize>; COUNTS.len()],
    pub suspect: Option<usize>,
    /// The headings of the columns that are not read.
    pub others: Vec<String>,
}

/// Returns the delimiter that is most frequent in the headings, which are on the first line that is
/// not empty. Spreadsheets write semicolons in locales with a decimal comma.
pub(super) fn delimiter(text: &str) -> u8 {
    let headings = text.split(['\r', '\n']).find(|line| !line.is_empty()).unwrap_or_default();
    let count = |delimiter: u8| headings.bytes().filter(|byte| *byte == delimiter).count();
    [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

impl Columns {
    /// Finds the columns by their headings.
    ///
    /// # Errors
    /// Returns a message for each column that is missing or duplicate.
    pub fn of(headings: &csv::StringRecord) -> Result<Columns, Vec<String>> {
        let headings: Vec<String> = headings.iter().map(str::to_lowercase).collect();
        let mut problems = Vec::new();
        let known = || ACCOUNT.iter().chain(&TIME).chain(&COUNTS).chain([&SUSPECT]);
        for name in known().filter(|name| headings.iter().filter(|found| found == name).count() > 1)
        {
            problems.push(format!("duplicate column {name}"));
        }
        let index = |name: &&str| headings.iter().position(|found| found == name);
        let (account, time) = (ACCOUNT.iter().find_map(index), TIME.iter().find_map(index));
        let (counts, suspect) = (COUNTS.each_ref().map(index), index(&SUSPECT));
        if account.is_none() && time.is_none() && counts == [None; COUNTS.len()] {
            let why = "the first line must be a header such as account,date,followers";
            return Err(vec![why.to_owned()]);
        }
        if account.is_none() {
            problems
                .push(format!("no column for the account: expected one of {}", ACCOUNT.join(", ")));
        }
        if time.is_none() {
            problems.push(format!("no column for the time: expected one of {}", TIME.join(", ")));
        }
        if counts == [None; COUNTS.len()] {
            problems.push(format!("no column with a count: expected one of {}", COUNTS.join(", ")));
        }
        let (Some(account), Some(time), true) = (account, time, problems.is_empty()) else {
            return Err(problems);
        };
        let is_read = |index: &usize| {
            let mut optional = counts.iter().chain([&suspect]).flatten();
            [account, time].contains(index) || optional.any(|read| read == index)
        };
        let others = (0..headings.len()).filter(|index| !is_read(index));
        let others = others.map(|index| match &*headings[index] {
            "" => format!("column {}, which has no heading", index + 1),
            heading => Printable(heading).to_string(),
        });
        let others = others.collect();
        Ok(Columns { account, time, counts, suspect, others })
    }
}
