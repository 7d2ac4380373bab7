//! The report: one HTML page that needs nothing from any network.
//!
//! [`Page::read`] takes everything from one look at the database, [`Page::write`] writes it. The
//! tables are in the HTML. The charts are drawn by `script/` when they come into view, from
//! numbers in a JSON island; no text from outside is in it. A policy in the page's head allows
//! that script and that style sheet by their hashes, and nothing else.

mod document;
mod figure;
mod island;
mod overview;
mod page;
mod section;
mod series;
mod sparkline;
mod table;
mod text;

pub use page::{Allowance, Page, Subject};
pub(super) use text::Text;
