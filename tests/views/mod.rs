//! The views, on the bundled SQLite and on the system's.

mod columns;
mod datasette;
mod gains;
mod gaps;
mod growth;
mod milestones;
mod plans;
mod queries;
mod reference;
mod weekdays;
mod weekly;
mod year;
