//! The views, on the bundled SQLite and on the system's.

mod datasette;
mod gains;
mod gaps;
mod growth;
mod plans;
mod queries;
mod weekly;
