//! What people read: words, tables, charts and numbers made from the store.

mod chart;
mod csv;
pub mod html;
mod number;
mod printable;
mod span;
mod sparkline;
mod table;
pub mod terminal;

pub use chart::Chart;
pub use csv::{Cell, Csv, Dialect};
pub use number::{Grouped, Short, Signed};
pub use printable::Printable;
pub use span::{Ago, In};
pub use sparkline::Sparkline;
pub use table::Table;
