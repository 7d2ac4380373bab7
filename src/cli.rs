//! The command line's arguments, without any logic.

use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, TypedValueParser};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::account::{AccountId, Platform};
use crate::config::{Span, check_name};
use crate::period::{Moment, Month, PeriodOptions, Week};
use crate::selection::Selection;

const GLOBAL: &str = "Global options";
const PERIOD: &str = "Period";
const ACCOUNTS: &str = "Accounts";

/// Refresh social-media accounts on schedule, and keep their growth history in SQLite
#[derive(Debug, Parser)]
#[command(name = "growthd", version, max_term_width = 100)]
pub struct Cli {
    /// Configuration file [default: $GROWTHD_CONFIG, else ./config.toml if it exists, else
    /// /etc/growthd/config.toml]
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Format of log lines; $GROWTHD_LOG filters them, as in GROWTHD_LOG=debug
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,

    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run the daemon: refresh each account when it is due (spends credits)
    Run {
        /// Reload when a configuration file changes, without waiting for SIGHUP
        #[arg(long)]
        watch: bool,
    },
    /// Validate the configuration, and forecast its cost
    Check {
        /// Print only problems
        #[arg(long, short)]
        quiet: bool,
        /// Keep running: check again after each edit, and print one line per check
        #[arg(long, conflicts_with_all = ["quiet", "online"])]
        watch: bool,
        /// Also check that the vendor's host can be reached (no key is sent, nothing is bought)
        #[arg(long)]
        online: bool,
    },
    /// Show the next run of each account
    Plan(PlanArgs),
    /// Refresh accounts now (spends credits)
    Refresh(RefreshArgs),
    /// Look up account ids, and add them to the watchlist (one credit per account)
    Add(AddArgs),
    /// Show the state of everything; exits 1 if something needs attention
    Status(StatusArgs),
    /// Write the history as one self-contained HTML page with charts
    ///
    /// With --tag this is the client's edition: it shows those accounts and their growth, without
    /// ids, errors, other tags, or the cost of refreshes.
    Report(ReportArgs),
    /// Show one account's history, with charts
    ///
    /// Without a period, this is the whole history.
    History(HistoryArgs),
    /// Show which accounts grew most, and which shrank
    ///
    /// Without a period, this is the last 30 days, up to each account's newest measurement.
    Growth(GrowthArgs),
    /// Summarize a week, or another period, in about twenty lines to send by mail
    ///
    /// Without a period, this is the last ISO week that is over.
    Digest(DigestArgs),
    /// Export a view, by default the whole history, as CSV or JSON lines
    ///
    /// Without a period, these are all of its rows.
    Export(ExportArgs),
    /// Import older history from a CSV file, before each account's first snapshot (spends nothing)
    Import(ImportArgs),
    /// Back up the database, also while the daemon runs
    Backup {
        /// Where to write the copy
        file: PathBuf,
        /// Replace an existing file
        #[arg(long)]
        force: bool,
        /// Make `status` warn if the next backup does not follow within this time, such as 36h
        #[arg(long, value_name = "DURATION", value_parser = deadline)]
        again_within: Option<Span>,
    },
    /// Watch a simulated year of refreshes: no key, no network, half a minute
    Demo,
    /// Print shell completions, for packagers
    Completions { shell: Shell },
    /// Print a manual page, for packagers
    Man {
        #[arg(value_name = "PAGE", value_enum, default_value_t)]
        page: ManualPage,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum ManualPage {
    /// growthd(1), the program
    #[default]
    Growthd,
    /// growthd.toml(5), the configuration
    #[value(name = "growthd.toml")]
    Configuration,
}

#[derive(Debug, Args)]
pub struct AddArgs {
    /// Usernames, with or without @, or profile URLs
    #[arg(value_name = "USERNAME", required_unless_present = "from")]
    pub usernames: Vec<String>,
    /// Platform of the usernames that are not URLs
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Platform>,
    /// File with one username or URL per line, at most 1,000; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Configuration file to add to, one that `include` names [default: the main one]
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Label of the account, if there is only one [default: its username]
    #[arg(long, value_parser = label)]
    pub label: Option<String>,
    /// Spend without asking; without a terminal, nothing is asked anyway
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Print JSON; with --quiet a summary that does not grow with the list
    #[arg(long)]
    pub json: bool,
    /// Print only what needs attention
    #[arg(long, short)]
    pub quiet: bool,
    /// Do not report that no daemon is running
    #[arg(long)]
    pub no_daemon: bool,
}

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("which"),
    group = ArgGroup::new("whom")
        .args(["ids", "all", "due", "tags", "platform"])
        .multiple(true)
        .required(true)
)]
pub struct RefreshArgs {
    /// Account ids, which `growthd status` lists
    #[arg(value_name = "ID", group = "which", conflicts_with_all = ["tags", "platform"], value_parser = id)]
    pub ids: Vec<AccountId>,
    /// Every enabled account
    #[arg(long, group = "which")]
    pub all: bool,
    /// Every account that is due
    #[arg(long, group = "which")]
    pub due: bool,
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Account id, label or username
    pub account: String,
    /// List every snapshot below the charts, not just the newest
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub period: PeriodArgs,
    #[command(flatten)]
    pub form: FormArgs,
}

#[derive(Debug, Args)]
pub struct GrowthArgs {
    #[command(flatten)]
    pub period: PeriodArgs,
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// How many accounts to show in each list [default: 10; all with --json or --csv]
    #[arg(long, value_name = "N", value_parser = top)]
    pub top: Option<usize>,
    #[command(flatten)]
    pub form: FormArgs,
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Where to write the page; `-` is standard output
    #[arg(long, short, value_name = "FILE", default_value = "growthd-report.html")]
    pub output: PathBuf,
    /// Heading of the page
    #[arg(long, value_name = "TITLE", value_parser = NonEmptyStringValueParser::new().try_map(heading))]
    pub title: Option<String>,
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Write the client's edition for each tag into this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["output", "tags"])]
    pub each_tag: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct DigestArgs {
    #[command(flatten)]
    pub period: PeriodArgs,
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Format of the digest
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: DigestFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum DigestFormat {
    /// Plain text, at most 72 columns wide
    #[default]
    Text,
    /// An HTML body for a mail
    Html,
    /// JSON
    Json,
}

#[derive(Clone, Copy, Debug, Args)]
pub struct PeriodArgs {
    /// Start: 2026-01-31, 2026-01 or 2026-W05, or 30d or 1y before the newest measurement (with --until,
    /// before that)
    #[arg(long, help_heading = PERIOD, value_name = "WHEN")]
    since: Option<Moment>,
    /// End, exclusive: 2026-01-31, 2026-W05 or 2026-02 (which ends it with January), or 30d or 1y
    /// before now
    #[arg(long, help_heading = PERIOD, value_name = "WHEN")]
    until: Option<Moment>,
    /// One month in UTC, such as 2026-01
    #[arg(long, help_heading = PERIOD, value_name = "MONTH", conflicts_with_all = ["since", "until", "week"])]
    month: Option<Month>,
    /// One ISO week in UTC, such as 2026-W05
    #[arg(long, help_heading = PERIOD, value_name = "WEEK", conflicts_with_all = ["since", "until"])]
    week: Option<Week>,
}

impl PeriodArgs {
    pub fn options(self) -> PeriodOptions {
        PeriodOptions { since: self.since, until: self.until, month: self.month, week: self.week }
    }
}

#[derive(Clone, Debug, Args)]
pub struct SelectionArgs {
    /// Only accounts with this tag; may be repeated for any of several
    #[arg(help_heading = ACCOUNTS, long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Only accounts on this platform, such as tiktok or youtube
    #[arg(help_heading = ACCOUNTS, long = "platform", value_name = "PLATFORM")]
    platform: Option<String>,
}

impl SelectionArgs {
    pub fn selection(&self) -> Selection {
        let mut tags: Vec<String> = Vec::new();
        for tag in &self.tags {
            if !tags.contains(tag) {
                tags.push(tag.clone());
            }
        }
        Selection { tags, platform: self.platform.clone() }
    }
}

#[derive(Clone, Copy, Debug, Args)]
pub struct FormArgs {
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print CSV
    #[arg(long)]
    pub csv: bool,
}

#[derive(Debug, Args)]
#[command(mut_arg("since", |since| since.help(
    "Start: 2026-01-31, 2026-01 or 2026-W05, or 30d or 1y before now (with --until, before that)",
)))]
pub struct ExportArgs {
    /// View to export
    #[arg(long, value_name = "NAME", default_value = "snapshots")]
    pub view: String,
    /// Format of the export
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: ExportFormat,
    /// CSV that Excel and Calc open directly: with a byte-order mark, and dates they recognize
    #[arg(long)]
    pub for_excel: bool,
    #[command(flatten)]
    pub period: PeriodArgs,
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Write to this file, completely or not at all; `-` is standard output, the default
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// CSV with the columns account (id, label or username), time or date, and any of followers,
    /// following, videos and likes
    pub file: PathBuf,
    /// Write to the database; without this, only show what would be written
    #[arg(long)]
    pub write: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum ExportFormat {
    /// Comma-separated values with a header line
    #[default]
    Csv,
    /// One JSON object per line
    Jsonl,
}

#[expect(clippy::needless_pass_by_value, reason = "clap passes the value")]
fn heading(title: String) -> Result<String, &'static str> {
    match title.trim() {
        "" => Err("it is blank"),
        title => Ok(title.to_owned()),
    }
}

/// Parses an id, or says where to find one.
fn id(id: &str) -> Result<AccountId, String> {
    id.parse().map_err(|why| format!("{why}; `growthd status` lists the ids"))
}

fn top(count: &str) -> Result<usize, &'static str> {
    let count = count.parse().ok().filter(|count| *count > 0);
    count.ok_or("expected a whole number, at least 1")
}

fn label(label: &str) -> Result<String, String> {
    check_name(label).map(|()| label.trim().to_owned()).map_err(|why| format!("it {why}"))
}

fn deadline(span: &str) -> Result<Span, String> {
    match span.parse::<Span>() {
        Ok(span) if span.seconds() == 0 => Err("it is over at once".to_owned()),
        Ok(span) => Ok(span),
        Err(why) => Err(format!("it {why}")),
    }
}
