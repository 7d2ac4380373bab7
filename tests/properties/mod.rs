//! What must hold of whatever is typed, answered or shown, on generated examples of each.

mod answer;
mod config;
mod page;
mod schedule;
mod terminal;
