//! `growthd completions` and `growthd man`: what packages ship, made from the command line.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::commands::{CommandError, Done};

/// Prints a shell's completions.
pub fn completions(shell: Shell) -> Result<Done, CommandError> {
    // Into memory first: the generator ends the process where a pipe is closed.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "growthd", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(Done::Well)
}

/// Prints the manual page, every verb in it.
pub fn man() -> Result<Done, CommandError> {
    let mut page = Vec::new();
    let command = Cli::command();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for verb in command.get_subcommands() {
        let name = verb.get_name();
        writeln!(page, ".SH \"GROWTHD {}\"", name.to_uppercase())?;
        let verb = clap_mangen::Man::new(verb.clone().bin_name(format!("growthd {name}")));
        verb.render_synopsis_section(&mut page)?;
        verb.render_description_section(&mut page)?;
        verb.render_options_section(&mut page)?;
    }
    io::stdout().lock().write_all(&page)?;
    Ok(Done::Well)
}
