//! `growthd growth`: who grew most, and who lost.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::cli::GrowthArgs;
use crate::clock::{self, Time};
use crate::commands::{CommandError, Done, Form, output, print_json};
use crate::config::Config;
use crate::report::{Cell, Csv, Grouped, Signed, Sparkline, Table, terminal};
use crate::store::{AccountGrowth, Batch, Reader};

/// How many winners, and as many losers, a person is shown who does not say.
const SHOWN: usize = 10;

/// Columns of a sparkline: a quarter of the terminal's, at most these.
const TREND: usize = 30;

/// Tells the list's movers.
pub fn growth(config: &Config, args: &GrowthArgs) -> Result<Done, CommandError> {
    let now = clock::now().time();
    let since = args.since.resolve(now)?;
    let mut reader = Reader::open_up_to_date(&config.database.path)?;
    let look = reader.look()?;
    let movers = look.movers(since)?;
    match args.form.form() {
        Form::Json => print_json(&json(&chosen(&movers, args.top), since))?,
        Form::Csv => write_csv(&chosen(&movers, args.top), output::stdout())?,
        Form::Text => {
            let top = args.top.unwrap_or(SHOWN);
            let newest = movers.iter().filter_map(|mover| Some(mover.newest?.0)).max();
            let until = newest.unwrap_or(now);
            let page = Page { look: &look, since, until, width: terminal::width() };
            page.print(&movers, top, &mut io::stdout().lock())?;
        }
    }
    Ok(Done::Well)
}

/// The `top` that grew most and the `top` that lost most, in the order of their gains.
fn chosen(movers: &[AccountGrowth], top: Option<usize>) -> Vec<&AccountGrowth> {
    let Some(top) = top else { return movers.iter().collect() };
    let (up, down) = (winners(movers), losers(movers));
    let lowest = down.len().saturating_sub(top);
    up.iter().take(top).chain(&down[lowest..]).copied().collect()
}

fn winners(movers: &[AccountGrowth]) -> Vec<&AccountGrowth> {
    movers.iter().filter(|mover| mover.gained.is_some_and(|gained| gained >= 0)).collect()
}

fn losers(movers: &[AccountGrowth]) -> Vec<&AccountGrowth> {
    movers.iter().filter(|mover| mover.gained.is_some_and(|gained| gained < 0)).collect()
}

fn json(movers: &[&AccountGrowth], since: Time) -> Value {
    json!({
        "since_time": since.0,
        "since_utc": since.to_string(),
        "accounts": movers.iter().map(|mover| json!({
            "account_id": mover.id,
            "label": mover.label,
            "username": mover.username,
            "time": mover.newest.map(|(time, _)| time.0),
            "time_utc": mover.newest.map(|(time, _)| time.to_string()),
            "followers": mover.newest.map(|(_, followers)| followers),
            "followers_gained": mover.gained,
            "followers_gained_pct": mover.percent(),
        })).collect::<Vec<_>>(),
    })
}

fn write_csv(movers: &[&AccountGrowth], out: impl Write) -> io::Result<()> {
    let headings = [
        "account_id",
        "label",
        "username",
        "time_utc",
        "followers",
        "followers_gained",
        "followers_gained_pct",
    ];
    let mut csv = Csv::new(out, &headings)?;
    for mover in movers {
        csv.row(&[
            Cell::Id(&mover.id),
            (&mover.label).into(),
            (&mover.username).into(),
            mover.newest.map(|(time, _)| time).into(),
            mover.newest.map(|(_, followers)| followers).into(),
            mover.gained.into(),
            mover.percent().into(),
        ])?;
    }
    csv.finish()
}

/// What a person is shown.
struct Page<'a> {
    look: &'a Batch<'a>,
    since: Time,
    /// The newest measurement of the list: where every trend ends.
    until: Time,
    width: usize,
}

impl Page<'_> {
    fn print(
        &self,
        movers: &[AccountGrowth],
        top: usize,
        out: &mut impl Write,
    ) -> Result<(), CommandError> {
        if movers.is_empty() {
            return Ok(writeln!(
                out,
                "the list is empty: add an [[account]] to the configuration"
            )?);
        }
        let (up, mut down) = (winners(movers), losers(movers));
        down.reverse();
        writeln!(out, "Followers gained since {}", self.since)?;
        for (title, all) in [("GREW", up), ("LOST", down)] {
            let shown = &all[..all.len().min(top)];
            if !shown.is_empty() {
                let of = match all.len() - shown.len() {
                    0 => String::new(),
                    _ => format!(" (the first {} of {})", shown.len(), Grouped(count(all.len()))),
                };
                write!(out, "\n{title}{of}\n{}", self.table(shown)?)?;
            }
        }
        self.print_silent(movers, out)
    }

    /// Whose growth is not known is said, and not left out in silence.
    fn print_silent(
        &self,
        movers: &[AccountGrowth],
        out: &mut impl Write,
    ) -> Result<(), CommandError> {
        let unknown = movers.iter().filter(|mover| mover.gained.is_none());
        let (stale, young): (Vec<&AccountGrowth>, Vec<&AccountGrowth>) =
            unknown.partition(|m| m.newest.is_none_or(|(time, _)| time <= self.since));
        if !young.is_empty() {
            let (n, them) = (young.len(), names(&young));
            writeln!(out, "\n{n} without a history back to then: {them}")?;
        }
        if !stale.is_empty() {
            let (n, them) = (stale.len(), names(&stale));
            writeln!(out, "\n{n} without a measurement since then: {them}")?;
        }
        Ok(())
    }

    fn table(&self, movers: &[&AccountGrowth]) -> Result<Table, CommandError> {
        let headings = ["ACCOUNT", "FOLLOWERS", "GAINED", "", "TREND"];
        let mut table = Table::new(&headings).with_numbers(1..4);
        let trend = (self.width / 4).min(TREND);
        let room = self.width.saturating_sub(trend + 40).max(12);
        for mover in movers {
            let values = self.look.followers(mover.key, self.since)?;
            let gaps = self.look.gaps(&mover.id, self.since)?;
            let gaps: Vec<_> = gaps.iter().map(|gap| (gap.from, gap.to)).collect();
            let (from, to) = (self.since, self.until);
            let line = Sparkline { values: &values, gaps: &gaps, from, to, width: trend };
            table.row([
                terminal::fitted(name(mover), room),
                mover.newest.map_or(String::new(), |(_, count)| Grouped(count).to_string()),
                mover.gained.map_or(String::new(), |gained| Signed(gained).to_string()),
                mover.percent().map_or(String::new(), |percent| format!("{percent:+.2}%")),
                line.to_string(),
            ]);
        }
        Ok(table)
    }
}

fn name(mover: &AccountGrowth) -> &str {
    mover.label.as_deref().or(mover.username.as_deref()).unwrap_or(&mover.id)
}

fn names(movers: &[&AccountGrowth]) -> String {
    const NAMED: usize = 5;
    let named: Vec<_> = movers.iter().take(NAMED).map(|m| terminal::fitted(name(m), 24)).collect();
    let more = if movers.len() > NAMED { ", …" } else { "" };
    format!("{}{more}", named.join(", "))
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
