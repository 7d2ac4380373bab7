//! What people read: words, tables, charts and numbers made from the store.

mod chart;
mod csv;
pub mod digest;
pub mod html;
mod narrowing;
mod number;
mod relative_time;
mod sparkline;
mod table;
pub mod terminal;

pub use chart::Chart;
pub use csv::{Cell, Csv, Dialect};
pub use narrowing::{Column, MOST_USE, Shape, narrowed};
pub use number::{Grouped, Short, Signed, counted};
pub use relative_time::{TimeAgo, TimeUntil};
pub use sparkline::Sparkline;
pub use table::Table;
