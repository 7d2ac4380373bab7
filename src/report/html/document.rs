//! The frame: the head with its policy, the parts in their order, and the numbers at the end.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use crate::report::Grouped;
use crate::report::html::figure::Minute;
use crate::report::html::island::island;
use crate::report::html::page::{Edition, Page};
use crate::report::html::text::Text;
use crate::report::html::{overview, section, table};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = concat!(
    "(() => {\n'use strict';\n",
    include_str!("script/start.js"),
    include_str!("script/figures.js"),
    include_str!("script/chart.js"),
    include_str!("script/page.js"),
    "})();\n"
);

/// Where a browser would draw every chart at once, sections are closed at first.
const OPENED: usize = 12;

/// Writes the page.
pub(super) fn write(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    head(page, out)?;
    masthead(page, out)?;
    if page.edition == Edition::Operator {
        overview::notices(page, out)?;
    }
    if page.entries.is_empty() {
        writeln!(
            out,
            "<section><h2>Accounts</h2><p class=\"empty\">No account is watched yet. Once \
             <code>growthd run</code> or <code>growthd refresh</code> has worked through the \
             watchlist, its accounts stand here.</p></section>"
        )?;
    } else {
        overview::tiles(page, out)?;
        overview::movers(page, out)?;
        if page.edition == Edition::Operator {
            overview::attention(page, out)?;
        }
        table::accounts(page, out)?;
        section::accounts(page, page.entries.len() <= OPENED, out)?;
    }
    if page.edition == Edition::Operator {
        overview::credits(page, out)?;
    }
    foot(out)?;
    write!(out, "<script type=\"application/json\" id=\"data\">[")?;
    for (place, entry) in page.entries.iter().enumerate() {
        let comma = if place == 0 { "" } else { ",\n" };
        write!(out, "{comma}{}", island(entry)?)?;
    }
    writeln!(out, "]</script>\n</div>\n</body>\n</html>")
}

/// The policy is by hash, so that no script but this one runs, whatever else is in the page.
fn head(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let hash = |text: &str| STANDARD.encode(digest(&SHA256, text.as_bytes()));
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"generator\" content=\"growthd {}\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n<script>{SCRIPT}</script>\n</head>",
        hash(SCRIPT),
        hash(STYLE),
        env!("CARGO_PKG_VERSION"),
        Text(&page.title),
    )
}

fn masthead(page: &Page, out: &mut dyn Write) -> io::Result<()> {
    let (accounts, snapshots) = page.size();
    let count = |count: usize| Grouped(i64::try_from(count).unwrap_or(i64::MAX));
    writeln!(
        out,
        "<body>\n<a class=\"skip\" href=\"#content\">Skip to the content</a>\n<div class=\"page\">\n\
         <header class=\"masthead\"><div><h1>{}</h1>\
         <p class=\"soft\">{} account{}, {} snapshot{}, as of <time datetime=\"{}\">{}</time> UTC</p></div>\
         <button type=\"button\" id=\"theme\" class=\"js-only\">Light / dark</button></header>\n\
         <p class=\"notice\" id=\"failed\" role=\"alert\" hidden>Part of this page does not work in this \
         browser. The tables are whole.</p>\n<main id=\"content\">",
        Text(&page.title),
        count(accounts),
        plural(accounts),
        count(snapshots),
        plural(snapshots),
        page.now,
        Minute(page.now),
    )
}

pub(super) fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn foot(out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "</main>\n<footer><p>A gain over 30 days is the newest count minus the count 30 days before it, \
         interpolated between the measurements around that moment; without a history that long it \
         is left out (–), and ≈ is one that the rounding of the counts may have made. Suspect counts are shown, and take no part in gains: a fall to 0, an \
         answer from a cache, an answer while the clocks disagreed.</p>\
         <p>Times are UTC. Made by growthd {}; this page loads nothing and sends nothing.</p></footer>",
        env!("CARGO_PKG_VERSION")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;
    use crate::engine::{Breaker, Trouble};
    use crate::report::html::page::test_entry;
    use crate::report::html::series::Gain;
    use crate::store::{AccountKey, RefreshId, Totals};

    #[test]
    fn text_from_outside_stays_text_wherever_it_stands() {
        let now = Time(50 * 86_400);
        let mut grown = test_entry(&[(0, Some(100)), (42, Some(200))]);
        grown.gain = Some(Gain { by: 71, from: 129, rounding: 0 });
        let page = Page {
            edition: Edition::Operator,
            title: "<u>".to_owned(),
            now,
            totals: Totals::default(),
            breaker: Some(Breaker::open(
                Trouble::Unauthorised,
                "<u>no</u> credits".to_owned(),
                AccountKey(1),
                RefreshId(1),
                now,
            )),
            wait: None,
            allowance: None,
            spend: Vec::new(),
            entries: vec![grown, test_entry(&[])],
            trend_from: Time(0),
        };
        let mut out = Vec::new();
        write(&page, &mut out).expect("written");
        let html = String::from_utf8(out).expect("UTF-8");
        for markup in ["<b>", "<i>", "<u>", "o<neil", "javascript:", "\u{202e}"] {
            assert!(!html.contains(markup), "{markup}");
        }
        for text in ["&lt;u&gt;no&lt;/u&gt;", "@o&lt;neil", "&lt;/script&gt;", "+71", "+55.0"] {
            assert!(html.contains(text), "{text}");
        }
        assert_eq!(html.matches("</script>").count(), 2);
        for name in ["details", "section", "table", "summary", "dl", "noscript", "svg"] {
            let opened = html.matches(&format!("<{name}")).count();
            assert_eq!(opened, html.matches(&format!("</{name}>")).count(), "{name}");
        }
    }
}
