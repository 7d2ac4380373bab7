//! `growthd completions` and `growthd man`: what packages ship, made from the command line.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::commands::{CommandError, Done};

/// What the command line does not say of itself.
const CLOSING_SECTIONS: &str = r#".SH SIGNALS
.TP
SIGTERM, SIGINT
Finish and record the calls in flight, then end; a second one ends at once.
.TP
SIGHUP
Read the configuration anew; one with a mistake is refused whole.
.SH "EXIT STATUS"
.TP
0
Done.
.TP
1
Done, but something needs attention.
.TP
2
A mistake on the command line.
.TP
69
The API refused.
.TP
74
The database cannot be read or written.
.TP
78
The configuration, or the key, is missing or wrong.
.TP
130
Ended at once.
.SH FILES
.TP
/etc/growthd/config.toml
The watchlist and every setting.
.TP
/etc/credstore/api\-key
The API key, readable by root alone, for growthd.service.
.TP
/var/lib/growthd/growth.db
The history, a SQLite database whose views are the interface.
.SH "SEE ALSO"
.BR sqlite3 (1),
.BR systemctl (1),
.BR journalctl (1)
"#;

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
    let whole = clap_mangen::Man::new(command.clone());
    whole.render_title(&mut page)?;
    whole.render_name_section(&mut page)?;
    whole.render_synopsis_section(&mut page)?;
    whole.render_description_section(&mut page)?;
    whole.render_options_section(&mut page)?;
    for verb in command.get_subcommands() {
        let name = verb.get_name();
        writeln!(page, ".SH \"GROWTHD {}\"", name.to_uppercase())?;
        let verb = clap_mangen::Man::new(verb.clone().bin_name(format!("growthd {name}")));
        verb.render_synopsis_section(&mut page)?;
        verb.render_description_section(&mut page)?;
        verb.render_options_section(&mut page)?;
    }
    page.extend_from_slice(CLOSING_SECTIONS.as_bytes());
    io::stdout().lock().write_all(&page)?;
    Ok(Done::Well)
}
