//! The command line, and nothing else.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::account::AccountId;

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
    Check,
    /// Show the next runs, account by account
    Plan {
        /// Print one JSON value
        #[arg(long)]
        json: bool,
    },
    /// Refresh accounts now (spends credits)
    Refresh(RefreshArgs),
    /// Show how everything stands; exits 1 if something needs attention
    Status {
        /// Print one JSON value
        #[arg(long, conflicts_with = "quiet")]
        json: bool,
        /// Print nothing but what needs attention
        #[arg(long, short)]
        quiet: bool,
    },
    /// Write the history as one HTML page with charts, which needs no network
    Report {
        /// Where to; an earlier page is replaced, and `-` is stdout
        #[arg(long, short, value_name = "FILE", default_value = "growthd-report.html")]
        output: PathBuf,
    },
    /// Watch it work against a simulated API: no key, no network, half a minute
    Demo,
}

/// Which accounts to refresh.
#[derive(Debug, Args)]
pub struct RefreshArgs {
    /// These accounts
    #[arg(value_name = "ID", required_unless_present_any = ["all", "due"])]
    pub ids: Vec<AccountId>,
    /// Every enabled account
    #[arg(long, conflicts_with_all = ["ids", "due"])]
    pub all: bool,
    /// Those that are due
    #[arg(long, conflicts_with = "ids")]
    pub due: bool,
    /// Print one JSON value
    #[arg(long)]
    pub json: bool,
}
