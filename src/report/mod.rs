//! Output for people: text, tables, charts and formatted numbers, built from the store's data.

mod chart;
mod csv;
pub mod digest;
pub mod html;
pub mod left_out;
mod number;
mod profile_change;
mod relative_time;
mod sentence;
mod sparkline;
mod table;
pub mod terminal;

pub use chart::Chart;
pub use csv::{Cell, Csv, Dialect};
pub use number::{
    Grouped, Short, Signed, SignedPercent, counted, counted_are, counted_have, whole,
};
pub use profile_change::described;
pub use relative_time::{TimeAgo, TimeUntil};
pub use sentence::{Sentence, quoted};
pub use sparkline::Sparkline;
pub use table::{ALWAYS_SHOWN, Column, Shape, Table};
