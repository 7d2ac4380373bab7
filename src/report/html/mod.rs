//! The report: one self-contained HTML page that loads nothing from the network.
//!
//! [`Page::read`] reads everything in one transaction (`page.rs`, made of `entry.rs`, `series.rs`,
//! `steps.rs` and `event.rs`); `document.rs` renders it with the templates in `templates/`. The
//! tables are in the HTML. The code in `script/` applies the reader's choice of period, tags and
//! accounts to compare: it alone draws totals, movers, events and charts, the latter as they scroll
//! into view. Its data is JSON, whose only texts from outside describe events. A content security
//! policy in the page's head allows that script and that style sheet by their hashes, and nothing
//! else.

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
