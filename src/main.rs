//! Parses the command line, runs the verb, and prints at most one error.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use growthd::cli::Cli;
use growthd::commands;

fn main() -> ExitCode {
    commands::handle_signals(std::env::args_os());
    match Cli::try_parse().map_or_else(commands::explain, commands::execute) {
        Ok(done) => done.into(),
        Err(error) => {
            error.print();
            error.exit_code()
        }
    }
}
