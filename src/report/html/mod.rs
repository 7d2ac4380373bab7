//! The report: one HTML page that needs nothing from any network.
//!
//! [`Page::read`] takes everything from one look at the database (`page.rs`, and what it is made
//! of: `entry.rs`, `series.rs`, `steps.rs`, `event.rs`); `document.rs` writes it, by the templates
//! in `templates/`. The tables are in the HTML. What a reader chooses (a period, tags,
//! accounts to compare) is worked out by `script/`, which draws the charts too when they come into
//! view, from numbers in JSON; no text from outside is in it. A policy in the page's head
//! allows that script and that style sheet by their hashes, and nothing else.

mod account;
mod chart_data;
mod document;
mod edition;
mod entry;
mod event;
mod figure;
mod gain;
mod overview;
mod page;
mod series;
mod sparkline;
mod steps;

pub use page::{Page, Subject};
