//! `growthd completions` and `growthd man`: shell completions and manual pages for packages.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::{Cli, ManualPage};
use crate::commands::{CommandError, Done};
use crate::config::manual_page;

/// The sections of the manual page that are not generated from the command line.
const CLOSING_SECTIONS: &str = r#".SH SIGNALS
.TP
SIGTERM, SIGINT
Finish and record the calls in flight, then end; a second one ends at once.
.TP
SIGHUP
Reload the configuration; if it has a mistake, all of it is refused.
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
The database cannot be read or written, or an output not be written.
.TP
78
The configuration, or the key, is missing or wrong.
.TP
130
Ended at once.
.SH ENVIRONMENT
.TP
GROWTHD_CONFIG
The configuration file, unless \-\-config names one.
.TP
GROWTHD_API_KEY
The API key, if neither the credential nor the key file exists.
.TP
GROWTHD_LOG
What is logged, as in GROWTHD_LOG=debug or GROWTHD_LOG=warn,growthd=info.
.TP
CREDENTIALS_DIRECTORY, STATE_DIRECTORY, NOTIFY_SOCKET, WATCHDOG_USEC
Set by systemd: where the key is, where the database is by default, and whom to notify.
.TP
TZDIR
The folder of the time zones, if not /usr/share/zoneinfo.
.SH FILES
.TP
/etc/growthd/config.toml
The watchlist and every setting.
.TP
/etc/credstore/api\-key
The API key, readable by root alone, for growthd.service.
.TP
/var/lib/growthd/growth.db
The history, a SQLite database whose views are the interface. Beside it are growth.db\-wal and
growth.db\-shm (SQLite's journal), growth.db.sock (the control socket) and growth.db.backup (the time of
the last backup).
.TP
/etc/growthd/NAME.toml, /etc/credstore/growthd\-NAME.api\-key, /var/lib/growthd\-NAME
The same for the instance growthd@NAME.service.
.SH "SEE ALSO"
.BR growthd.toml (5),
.BR sqlite3 (1),
.BR systemctl (1),
.BR journalctl (1)
"#;

/// Prints a shell's completions.
pub fn completions(shell: Shell) -> Result<Done, CommandError> {
    // Into memory first, because the generator panics if the pipe is closed.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "growthd", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(Done::Well)
}

/// Prints a manual page. The program's page includes every verb.
pub fn man(page: ManualPage) -> Result<Done, CommandError> {
    if page == ManualPage::Configuration {
        io::stdout().lock().write_all(manual_page().as_bytes())?;
        return Ok(Done::Well);
    }
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
