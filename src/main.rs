//! Parses, dispatches, prints one error.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use growthd::cli::Cli;
use growthd::commands;

fn main() -> ExitCode {
    match commands::execute(Cli::parse()) {
        Ok(done) => done.into(),
        Err(error) => {
            error.print();
            error.exit_code()
        }
    }
}
