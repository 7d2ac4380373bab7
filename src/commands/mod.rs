//! The verbs, one file each, and the exit codes of their errors.

mod add;
mod backup;
mod check;
mod check_output;
mod demo;
mod digest;
mod export;
mod growth;
mod history;
mod import;
mod journald;
mod logging;
mod output;
mod packaging;
mod paid_request;
mod period;
mod plan;
mod reach;
mod refresh;
mod report;
mod run;
mod signals;
mod status;
mod target;

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::CommandFactory;
use clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
use serde::ser::{Serialize, SerializeSeq, Serializer};

use crate::cli::{Cli, FormArgs, LogFormat, Verb};
use crate::clock;
use crate::commands::target::TargetError;
use crate::config::{Config, ConfigError, EditError, KeyError, Settings};
use crate::daemon::{Refused, RunError, check_not_removed};
use crate::demo::DemoError;
use crate::descriptors;
use crate::log_queue;
use crate::period::InvalidPeriod;
use crate::printable::Printable;
use crate::selection::Unselectable;
use crate::store::{Creation, Reader, SCHEMA_VERSION, Store, StoreError, UnknownName};

pub use run::handle_signals;

/// How a verb ended that returned no error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Done {
    /// Nothing needs attention.
    Well,
    /// Done, and something needs attention.
    Attention,
    /// The API refused every call.
    Refused,
}

impl From<Done> for ExitCode {
    fn from(done: Done) -> ExitCode {
        ExitCode::from(match done {
            Done::Well => 0,
            Done::Attention => 1,
            Done::Refused => 69,
        })
    }
}

/// Why a verb failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The watchlist's file cannot be edited.
    #[error(transparent)]
    Edit(#[from] EditError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Run(#[from] RunError),
    /// The daemon refused the request.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The daemon has not confirmed that it cancelled the request.
    #[error(
        "the daemon does not respond; what it was asked for is cancelled once it does, except for calls in flight"
    )]
    NoResponse,
    /// A signal to stop came before the daemon had taken the request.
    #[error("the request was cancelled before the daemon had taken it; nothing was done")]
    NotSent,
    /// The request was cancelled while the daemon cannot record the calls in flight.
    #[error("{}; no further call starts, and the daemon records those in flight once it can", Printable(.0))]
    NotRecorded(String),
    /// The daemon could not take the request, because of its database.
    #[error("nothing was refreshed: {}", Printable(.0))]
    NotTaken(String),
    /// `$GROWTHD_LOG` is invalid.
    #[error(
        "GROWTHD_LOG is not a log filter ({0}); expected one such as \"info\" or \"growthd=debug\""
    )]
    LogFilter(String),
    /// Logging could not start.
    #[error("cannot start the log: {0}")]
    Log(#[source] io::Error),
    /// The output could not be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// The command line cannot be parsed. Displays as `clap` formats it, in several lines.
    #[error(transparent)]
    CommandLine(clap::Error),
    /// The command line was parsed but cannot be carried out.
    #[error("{0}")]
    Usage(String),
    /// The command line names an invalid period.
    #[error(transparent)]
    Period(#[from] InvalidPeriod),
    /// A name on the command line matches no account, or several.
    #[error(transparent)]
    Name(#[from] UnknownName),
    /// The command line names a tag or a platform that no account has.
    #[error(transparent)]
    Selection(#[from] Unselectable),
    /// An input file is invalid. One message per problem, each with its line.
    #[error("{}", .0.join("\n"))]
    Problems(Vec<String>),
    /// An output file cannot be written.
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Demo(DemoError),
    /// An error that was printed when it occurred. Only its exit code is left to be told.
    #[error("{0}")]
    Told(Box<CommandError>),
}

impl CommandError {
    /// Returns the exit code, such as EX_CONFIG or EX_IOERR from sysexits.h.
    pub fn exit_code(&self) -> ExitCode {
        const USAGE: u8 = 2;
        // The database, the output or a disk.
        const IO: u8 = 74;
        const CONFIG: u8 = 78;
        ExitCode::from(match self {
            CommandError::Told(error) => return error.exit_code(),
            CommandError::Store(_)
            | CommandError::Log(_)
            | CommandError::NoResponse
            | CommandError::NotSent
            | CommandError::NotRecorded(_)
            | CommandError::NotTaken(_) => IO,
            CommandError::LogFilter(_)
            | CommandError::CommandLine(_)
            | CommandError::Usage(_)
            | CommandError::Edit(EditError::NotIncluded { .. })
            | CommandError::Refused(_)
            | CommandError::Problems(_)
            | CommandError::Demo(DemoError::Taken(_) | DemoError::Changed { .. })
            | CommandError::Period(_)
            | CommandError::Name(_)
            | CommandError::Selection(_) => USAGE,
            // It may be over by itself: systemd is to start it again.
            CommandError::Config(error) | CommandError::Run(RunError::Config(error))
                if error.is_system_failure() =>
            {
                IO
            }
            CommandError::Key(error) | CommandError::Run(RunError::Key(error))
                if error.is_system_failure() =>
            {
                IO
            }
            CommandError::Edit(error) if error.is_system_failure() => IO,
            CommandError::Config(_) | CommandError::Key(_) | CommandError::Edit(_) => CONFIG,
            CommandError::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            CommandError::Output(_) | CommandError::Target(_) | CommandError::Demo(_) => IO,
            CommandError::Run(error) => match error {
                RunError::Config(_)
                | RunError::Key(_)
                | RunError::Client(_)
                | RunError::Descriptors { .. }
                | RunError::SocketName { .. } => CONFIG,
                // A restart does not help: another version wrote the database.
                RunError::Store(StoreError::Newer { .. } | StoreError::PreRelease(_)) => CONFIG,
                RunError::Store(_) | RunError::Runner(_) | RunError::Start(_) => IO,
            },
        })
    }

    /// Returns whether the reader of the output has closed it, and so has read enough.
    fn is_closed_pipe(&self) -> bool {
        matches!(self, CommandError::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Prints the error to stderr. On a terminal, configuration errors quote the source line.
    pub fn print(&self) {
        let problems = match self {
            CommandError::Config(ConfigError::Invalid(problems))
            | CommandError::Edit(EditError::Config(ConfigError::Invalid(problems)))
            | CommandError::Run(RunError::Config(ConfigError::Invalid(problems))) => Some(problems),
            CommandError::Told(_) => return,
            error if error.is_closed_pipe() => return,
            _ => None,
        };
        if let CommandError::Problems(problems) = self {
            for problem in problems {
                // If stderr is closed, the error cannot be reported.
                writeln!(io::stderr(), "{}", Printable(problem)).ok();
            }
            return;
        }
        let text = match problems {
            Some(problems) if io::stderr().is_terminal() => format!("{problems:#}"),
            Some(problems) => problems.to_string(),
            None => match self {
                // Without arguments, the help is printed whole.
                CommandError::CommandLine(error)
                    if error.kind() == DisplayHelpOnMissingArgumentOrSubcommand =>
                {
                    error.to_string()
                }
                CommandError::CommandLine(error) if io::stderr().is_terminal() => {
                    explanation(error)
                }
                CommandError::CommandLine(error) => {
                    format!("growthd: {}", one_line(&explanation(error)))
                }
                // A daemon that uses it would not create another.
                CommandError::Store(
                    error @ (StoreError::Missing(path) | StoreError::OrphanedWal(path)),
                ) => {
                    let removed = check_not_removed(path).err();
                    let error = removed.as_ref().unwrap_or(error);
                    format!("growthd: {}", Printable(&error.to_string()))
                }
                // A path or a name in the message may contain control characters.
                _ => format!("growthd: {}", Printable(&self.to_string())),
            },
        };
        let line = format!("{}\n", text.trim_end());
        // The log goes to stderr too, and comes first.
        if log_queue::flush(STDERR_TIMEOUT) {
            write_stderr(line);
        }
    }
}

/// Formats a command-line error in one line without its usage, for a log or a script.
fn one_line(text: &str) -> String {
    let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.starts_with("Usage:"));
    let lines = paragraphs.map(|paragraph| {
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        words.join(" ")
    });
    let line = lines.collect::<Vec<_>>().join("; ").replace("; For more information, try", "; try");
    Printable(line.trim_start_matches("error: ").trim_end_matches('.')).to_string()
}

/// Returns the text of a command-line error, in several lines. It names the verb whose help would tell
/// more, and leaves out the tip to pass a mistyped option as a value: `add` would look it up, for a
/// credit.
fn explanation(error: &clap::Error) -> String {
    let text = error.to_string();
    let verbs = Cli::command();
    let mut words = std::env::args_os().skip(1);
    let verb = words.find_map(|word| verbs.find_subcommand(word).map(clap::Command::get_name));
    let help = match verb {
        Some(verb) => format!("growthd {verb} --help"),
        None => "growthd --help".to_owned(),
    };
    let is_misleading = |paragraph: &&str| paragraph.trim_start().starts_with("tip: to pass");
    let kept: Vec<&str> = text.split("\n\n").filter(|part| !is_misleading(part)).collect();
    kept.join("\n\n").replace("try '--help'", &format!("try '{help}'"))
}

/// How long the end of the process may be delayed by a reader of stderr that does not read.
const STDERR_TIMEOUT: Duration = Duration::from_secs(1);

/// Writes to stderr, giving up after [`STDERR_TIMEOUT`].
fn write_stderr(text: String) {
    let (written, end) = std::sync::mpsc::channel();
    let writer = thread::Builder::new().spawn(move || {
        // Fails if stderr is closed, or if the receiver timed out: neither can be reported.
        io::stderr().write_all(text.as_bytes()).ok();
        written.send(()).ok();
    });
    if writer.is_ok() {
        end.recv_timeout(STDERR_TIMEOUT).ok();
    }
}

/// Prints the help or the version, which `clap` returns as errors.
///
/// # Errors
/// Returns an error if the command line is invalid, or if the output cannot be written.
pub fn explain(error: clap::Error) -> Result<Done, CommandError> {
    if error.use_stderr() {
        return Err(CommandError::CommandLine(error));
    }
    error.print()?;
    Ok(Done::Well)
}

/// Runs the command line's verb and flushes the log.
///
/// # Errors
/// Returns the verb's error.
pub fn execute(cli: Cli) -> Result<Done, CommandError> {
    let done = dispatch(cli);
    if done.is_ok() {
        log_queue::flush(STDERR_TIMEOUT);
    }
    done
}

/// The log filter of a verb that prints its own output: only upgrades of the database, and panics, are
/// logged.
const QUIET: &str = "off,growthd::store::upgrade=warn,growthd::commands::logging=error";

/// The log filter of a verb that prints all that its engine does: only panics are logged.
const PANICS: &str = "off,growthd::commands::logging=error";

fn dispatch(cli: Cli) -> Result<Done, CommandError> {
    let path = cli.config.clone().unwrap_or_else(Config::default_path);
    let config = || Config::load(&path, clock::now().time());
    let settings = || Settings::load(&path, clock::now().time());
    match cli.verb {
        Verb::Run { watch } => {
            // Libraries log only warnings and errors.
            logging::start(cli.log_format, "warn,growthd=info")?;
            run::run(path, watch)
        }
        Verb::Check { watch: true, .. } => check::watch(&path),
        Verb::Check { online, quiet, .. } => {
            let scope =
                if quiet { check_output::Scope::Problems } else { check_output::Scope::Everything };
            check::check(&config()?, online, scope)
        }
        Verb::Plan(args) => plan::plan(&settings()?, &args),
        Verb::Refresh(args) => {
            logging::start(cli.log_format, QUIET)?;
            run::keep_memory_private();
            refresh::refresh(&config()?, args)
        }
        Verb::Add(args) => {
            logging::start(cli.log_format, QUIET)?;
            run::keep_memory_private();
            add::add(&path, &args)
        }
        Verb::Status(args) => status::status(&settings()?, &args),
        Verb::Report(args) => report::report(&settings()?, &args),
        Verb::Digest(args) => digest::digest(&settings()?, &args),
        Verb::History(args) => history::history(&settings()?, &args),
        Verb::Growth(args) => growth::growth(&settings()?, &args),
        Verb::Export(args) => export::export(&settings()?, &args),
        Verb::Import(args) => {
            if args.write {
                logging::start(cli.log_format, QUIET)?;
            }
            import::import(&settings()?, &args)
        }
        Verb::Backup { file, force, again_within } => {
            let replace = if force { target::Replace::Allowed } else { target::Replace::Refused };
            backup::backup(&settings()?, &file, replace, again_within)
        }
        Verb::Demo => {
            logging::start(cli.log_format, PANICS)?;
            demo::demo()
        }
        Verb::Completions { shell } => packaging::completions(shell),
        Verb::Man { page } => packaging::man(page),
    }
}

/// Opens the database at `path` for reading, in this version's schema. One of an earlier version is
/// upgraded first, as a writer would, and that is logged.
fn open_up_to_date(path: &Path) -> Result<Reader, CommandError> {
    let reader = Reader::open(path)?;
    if reader.schema()? == SCHEMA_VERSION {
        return Ok(reader);
    }
    drop(reader);
    logging::start(LogFormat::Text, QUIET)?;
    drop(Store::open(path, Creation::Refused)?);
    Ok(Reader::open(path)?)
}

/// The format of a verb's output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Text,
    /// One JSON value.
    Json,
    Csv,
}

impl FormArgs {
    fn form(self) -> Form {
        match (self.json, self.csv) {
            (true, _) => Form::Json,
            (_, true) => Form::Csv,
            _ => Form::Text,
        }
    }
}

/// Prints a JSON value on a line of its own.
fn print_json(value: &impl Serialize) -> Result<(), CommandError> {
    write_json(output::stdout(), value)
}

/// Writes a JSON value on a line of its own.
fn write_json(out: impl Write, value: &impl Serialize) -> Result<(), CommandError> {
    let mut out = BufWriter::new(out);
    serde_json::to_writer(&mut out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(out.flush()?)
}

/// Prints a JSON array on a line of its own. Only one item is in memory at a time.
fn print_json_list(items: impl ExactSizeIterator<Item: Serialize>) -> Result<(), CommandError> {
    let mut out = BufWriter::new(output::stdout());
    let mut json = serde_json::Serializer::new(&mut out);
    let mut list = json.serialize_seq(Some(items.len())).map_err(io::Error::from)?;
    for item in items {
        list.serialize_element(&item).map_err(io::Error::from)?;
    }
    list.end().map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(out.flush()?)
}

/// Serializes a value as its `Display` text.
fn as_text<S: Serializer>(value: &impl Display, json: S) -> Result<S::Ok, S::Error> {
    json.collect_str(value)
}

/// Starts a runtime for a verb that uses the network.
fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    let start_error = |error| CommandError::from(RunError::Start(Box::new(error)));
    descriptors::check_runtime().map_err(start_error)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(start_error)
}
