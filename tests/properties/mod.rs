//! Properties of input, responses and output, on generated examples.

mod answer;
mod config;
mod page;
mod schedule;
mod terminal;
