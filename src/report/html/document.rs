//! The page as passed to the templates, with the content security policy in its head.

use std::io::{self, Write};

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use crate::clock::Time;
use crate::printable::Printable;
use crate::report::counted;
use crate::report::html::account::Account;
use crate::report::html::chart_data::{chart_data, sums};
use crate::report::html::edition::Edition;
use crate::report::html::figure::Minute;
use crate::report::html::overview::{self, Credits, Notice, Tile, Troubled};
use crate::report::html::page::Page;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = concat!(
    "(() => {\n'use strict';\n",
    include_str!("script/start.js"),
    include_str!("script/figures.js"),
    include_str!("script/data.js"),
    include_str!("script/period.js"),
    include_str!("script/chosen.js"),
    include_str!("script/chart.js"),
    include_str!("script/overview.js"),
    include_str!("script/table.js"),
    include_str!("script/account.js"),
    include_str!("script/page.js"),
    "})();\n"
);

/// Up to this many accounts, sections are open at first. With more, the browser would draw too many
/// charts at once.
const OPENED: usize = 12;

/// Maximum number of rows of values, over all accounts, that are shown if scripts are disabled.
const ROWS: usize = 6000;

#[derive(Template)]
#[template(path = "page.html", config = "src/report/askama.toml")]
struct Document<'a> {
    page: &'a Page,
    is_operators: bool,
    style: &'static str,
    script: &'static str,
    style_hash: String,
    script_hash: String,
    version: &'static str,
    title: Printable<'a>,
    size: String,
    now: Minute,
    /// The current time for the script: never before the newest measurement.
    newest: Time,
    accounts: Vec<Account<'a>>,
    tags: Vec<String>,
    is_open: bool,
    notices: Vec<Notice>,
    tiles: Vec<Tile>,
    attention: Vec<Troubled<'a>>,
    more_attention: String,
    spending: Vec<Credits>,
    chart_data: Vec<String>,
}

impl Page {
    /// Writes the page.
    ///
    /// # Errors
    /// Returns an error if `out` cannot be written.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let hash = |text: &str| STANDARD.encode(digest(&SHA256, text.as_bytes()));
        let rows = (ROWS / self.entries.len().max(1)).clamp(3, 400);
        let accounts = self.entries.iter().enumerate();
        let accounts: Vec<Account<'_>> =
            accounts.map(|(index, entry)| Account { page: self, entry, index, rows }).collect();
        let mut tags: Vec<String> = accounts.iter().flat_map(Account::tags).collect();
        tags.sort_unstable();
        tags.dedup();
        let (attention, more_attention) = match self.edition {
            Edition::Operator => overview::attention(self),
            Edition::Client => (Vec::new(), String::new()),
        };
        let spending = match self.edition {
            Edition::Operator => overview::spending(self),
            Edition::Client => Vec::new(),
        };
        let chart_data = self.entries.iter().map(chart_data).chain(self.former.iter().map(sums));
        let chart_data = chart_data.collect::<Result<_, _>>()?;
        let measured = self.entries.iter().filter_map(|entry| entry.account.last);
        let document = Document {
            page: self,
            is_operators: self.is_operators(),
            style: STYLE,
            script: SCRIPT,
            style_hash: hash(STYLE),
            script_hash: hash(SCRIPT),
            version: env!("CARGO_PKG_VERSION"),
            title: Printable(&self.title),
            size: size(self),
            now: Minute(self.now),
            newest: measured.max().unwrap_or(self.now).max(self.now),
            accounts,
            tags,
            is_open: self.entries.len() <= OPENED,
            notices: overview::notices(self),
            tiles: overview::tiles(self),
            attention,
            more_attention,
            spending,
            chart_data,
        };
        document.write_into(out)
    }
}

fn size(page: &Page) -> String {
    let (accounts, snapshots) = page.size();
    format!("{}, {}", counted(accounts, "account"), counted(snapshots, "snapshot"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Breaker, Holds, Trouble};
    use crate::report::html::entry::test_entry;
    use crate::store::{AccountKey, RefreshId, Totals};

    #[test]
    fn text_from_outside_is_escaped_everywhere() {
        let now = Time(50 * 86_400);
        let grown = test_entry(&[(0, Some(100)), (42, Some(200))]);
        let page = Page {
            edition: Edition::Operator,
            title: "<u>".to_owned(),
            now,
            totals: Totals::default(),
            holds: Holds {
                now: Time(0),
                breaker: Some(Breaker::open(
                    Trouble::Unauthorised,
                    "<u>no</u> credits".to_owned(),
                    AccountKey(1),
                    RefreshId(1),
                    now,
                )),
                pause: None,
                budget: None,
            },
            spend: Vec::new(),
            entries: vec![grown, test_entry(&[])],
            former: Vec::new(),
            trend_from: Time(0),
        };
        let mut out = Vec::new();
        page.write(&mut out).expect("written");
        let html = String::from_utf8(out).expect("UTF-8");
        for markup in ["<b>", "<i>", "<u>", "o<neil", "javascript:", "\u{202e}"] {
            assert!(!html.contains(markup), "{markup}");
        }
        for text in
            ["&#60;u&#62;no&#60;/u&#62;", "@o&#60;neil", "&#60;/script&#62;", "+71", "+55.0"]
        {
            assert!(html.contains(text), "{text}");
        }
        assert_eq!(html.matches("</script>").count(), 2);
        for name in [
            "details", "section", "table", "summary", "dl", "noscript", "svg", "ol", "li",
            "figure", "fieldset",
        ] {
            let opened = html.matches(&format!("<{name}")).count();
            assert_eq!(opened, html.matches(&format!("</{name}>")).count(), "{name}");
        }
    }
}
