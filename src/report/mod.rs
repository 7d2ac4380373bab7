//! What people read: words, tables and numbers made from the store.

pub mod html;
mod number;
mod shown;
mod span;
mod table;

pub use number::Grouped;
pub use shown::Shown;
pub use span::{Ago, In};
pub use table::Table;
