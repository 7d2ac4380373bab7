//! The command line, and nothing else.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::account::AccountId;
use crate::config::Span;
use crate::period::{Moment, Month, Wanted, Week};
use crate::selection::Selection;

/// Refreshes social-media accounts when they are due, and keeps their growth history in SQLite.
#[derive(Debug, Parser)]
#[command(name = "growthd", version, max_term_width = 100)]
pub struct Cli {
    /// The configuration [default: ./config.toml if it is there, else /etc/growthd/config.toml]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "GROWTHD_CONFIG",
        hide_env_values = true
    )]
    pub config: Option<PathBuf>,

    /// How log lines are written (GROWTHD_LOG filters them, as in GROWTHD_LOG=debug)
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,

    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// How log lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run the daemon: refresh every account when it is due (spends credits)
    Run {
        /// Reload when the configuration's file changes, without waiting for SIGHUP
        #[arg(long)]
        watch: bool,
    },
    /// Check the configuration, and forecast what it will cost
    Check {
        /// Say nothing but what is wrong with the configuration
        #[arg(long, short)]
        quiet: bool,
        /// Go on, and check again after each edit of any of its files: a line for each
        #[arg(long, conflicts_with = "quiet")]
        watch: bool,
        /// Also ask the vendor's host whether it can be reached (the key is not sent)
        #[arg(long)]
        online: bool,
    },
    /// Show the next runs, account by account
    Plan {
        /// Print one JSON value
        #[arg(long)]
        json: bool,
    },
    /// Refresh accounts now (spends credits)
    Refresh(RefreshArgs),
    /// Ask the vendor for accounts' ids, and add them to the watchlist (a credit each)
    Add(AddArgs),
    /// Show how everything stands; exits 1 if something needs attention
    Status {
        /// Print one JSON value; with --quiet it does not grow with the list
        #[arg(long)]
        json: bool,
        /// Print nothing but what needs attention
        #[arg(long, short)]
        quiet: bool,
        /// No daemon is meant to run
        #[arg(long)]
        no_daemon: bool,
    },
    /// Write the history as one HTML page with charts, which needs no network
    Report {
        /// Where to; an earlier page is replaced, and `-` is stdout
        #[arg(long, short, value_name = "FILE", default_value = "growthd-report.html")]
        output: PathBuf,
    },
    /// Show one account's history, with charts
    History(HistoryArgs),
    /// Show who grew most, and who lost
    Growth(GrowthArgs),
    /// Write a view (the whole history by default) for other programs
    Export(ExportArgs),
    /// Add older history from a CSV file, before the accounts' first snapshots (calls nothing)
    Import(ImportArgs),
    /// Copy the database, while the daemon runs
    Backup {
        /// The copy
        file: PathBuf,
        /// Replace a file that is there
        #[arg(long)]
        force: bool,
        /// Have `status` complain if no other backup follows within this time, such as 36h
        #[arg(long, value_name = "DURATION")]
        again_within: Option<Span>,
    },
    /// Watch it work against a simulated API: no key, no network, half a minute
    Demo,
    /// Print a shell's completions, for packagers
    Completions {
        /// Which shell's
        shell: Shell,
    },
    /// Print a manual page, for packagers
    Man {
        /// Which page
        #[arg(value_name = "PAGE", value_enum, default_value_t)]
        page: ManualPage,
    },
}

/// A manual page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum ManualPage {
    /// The program, section 1.
    #[default]
    Growthd,
    /// The configuration, section 5.
    #[value(name = "growthd.toml")]
    Configuration,
}

/// Whom to add.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// The accounts' names on their platform, with or without @, or their profile URLs
    #[arg(value_name = "USERNAME", required_unless_present = "from")]
    pub usernames: Vec<String>,
    /// The platform of names that are no URLs: tiktok or youtube
    #[arg(long, value_name = "P")]
    pub platform: Option<Platform>,
    /// A file with a name or URL a line; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// How you call it, where there is one name [default: the name]
    #[arg(long)]
    pub label: Option<String>,
    /// Do not ask before a credit is spent
    #[arg(long, short)]
    pub yes: bool,
}

/// The platforms that the vendor documents.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Platform {
    /// TikTok.
    Tiktok,
    /// YouTube.
    Youtube,
}

impl Platform {
    /// Its name, as the vendor writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Platform::Tiktok => "tiktok",
            Platform::Youtube => "youtube",
        }
    }
}

/// Which accounts to refresh.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true))]
pub struct RefreshArgs {
    /// These accounts
    #[arg(value_name = "ID", group = "which")]
    pub ids: Vec<AccountId>,
    /// Every enabled account
    #[arg(long, group = "which")]
    pub all: bool,
    /// Those that are due
    #[arg(long, group = "which")]
    pub due: bool,
    /// Print one JSON value
    #[arg(long)]
    pub json: bool,
}

/// Whose history to show.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Its id, label or username
    pub account: String,
    /// From when to when.
    #[command(flatten)]
    pub period: PeriodArgs,
    /// For whom.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Which growth to show: in the last 30 days, where no period is named.
#[derive(Debug, Args)]
pub struct GrowthArgs {
    /// From when to when.
    #[command(flatten)]
    pub period: PeriodArgs,
    /// Which accounts.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// So many that grew most, and so many that lost most [default: 10; all with --json or --csv]
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,
    /// For whom.
    #[command(flatten)]
    pub form: FormArgs,
}

/// From when to when.
#[derive(Clone, Copy, Debug, Args)]
pub struct PeriodArgs {
    /// From then on: 30d or 1y back from the newest measurement, or 2026-01-31, 2026-01, 2026-W05
    #[arg(long, value_name = "WHEN")]
    since: Option<Moment>,
    /// Up to then, in the same words: 2026-02 ends it with January
    #[arg(long, value_name = "WHEN")]
    until: Option<Moment>,
    /// In this month, as in 2026-01, UTC
    #[arg(long, value_name = "MONTH", conflicts_with_all = ["since", "until", "week"])]
    month: Option<Month>,
    /// In this ISO week, as in 2026-W05, UTC
    #[arg(long, value_name = "WEEK", conflicts_with_all = ["since", "until"])]
    week: Option<Week>,
}

impl PeriodArgs {
    /// What was said.
    pub fn wanted(self) -> Wanted {
        Wanted { since: self.since, until: self.until, month: self.month, week: self.week }
    }
}

/// Which accounts.
#[derive(Clone, Debug, Args)]
pub struct SelectionArgs {
    /// Accounts with this tag; more than once: with any of them
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Accounts of this platform: tiktok, youtube
    #[arg(long = "platform", value_name = "P")]
    platform: Option<String>,
}

impl SelectionArgs {
    /// What was said.
    pub fn selection(&self) -> Selection {
        Selection { tags: self.tags.clone(), platform: self.platform.clone() }
    }
}

/// For whom it is.
#[derive(Clone, Copy, Debug, Args)]
pub struct FormArgs {
    /// Print one JSON value
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print CSV
    #[arg(long)]
    pub csv: bool,
}

/// What of the history to write, and where.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Which view
    #[arg(long, value_name = "NAME", default_value = "snapshots")]
    pub view: String,
    /// How it is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: ExportFormat,
    /// CSV that Excel and Calc open as it is: with a byte-order mark, and dates they know
    #[arg(long)]
    pub for_excel: bool,
    /// From when to when.
    #[command(flatten)]
    pub period: PeriodArgs,
    /// Which accounts.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Into this file, whole or not at all [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Which history to add.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// With the columns account (id, label or username), time (or date), and counts: followers,
    /// following, videos, likes
    pub file: PathBuf,
    /// Write it; without this, only what would be written is said
    #[arg(long)]
    pub write: bool,
}

/// How the history is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum ExportFormat {
    /// Comma-separated values, with headings.
    #[default]
    Csv,
    /// A JSON object a line.
    Jsonl,
}
