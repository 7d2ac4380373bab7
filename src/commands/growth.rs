//! `growthd growth`: the accounts that grew most, and those that lost.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::cli::GrowthArgs;
use crate::clock::{self, Time};
use crate::commands::period::{check_selection, period, print_unfinished};
use crate::commands::{CommandError, Done, Form, open_up_to_date, output, print_json};
use crate::config::Settings;
use crate::period::{Beginning, Period};
use crate::report::{
    ALWAYS_SHOWN, Cell, Column, Csv, Grouped, Sentence, Shape, Signed, SignedPercent, Sparkline,
    Table, counted, counted_are, left_out, terminal,
};
use crate::selection::Selection;
use crate::store::{AccountGrowth, ReadTx};

/// How many winners, and how many losers, are shown without `--top`.
const SHOWN: usize = 10;

/// The period without period arguments, in days.
const DEFAULT_DAYS: i64 = 30;

/// Maximum width of a sparkline; it is also at most a quarter of the terminal's.
const TREND: usize = 30;

/// Prints the growth of the selected accounts.
pub fn growth(settings: &Settings, args: &GrowthArgs) -> Result<Done, CommandError> {
    let now = clock::now().time();
    let mut reader = open_up_to_date(&settings.database.path)?;
    let tx = reader.begin_read()?;
    let options = args.period.options().or_last_days(DEFAULT_DAYS);
    let Some(period) = period(&tx, options, now)? else { return Ok(Done::Well) };
    let selection = args.selection.selection();
    check_selection(&tx, &selection)?;
    let growths = tx.growth(&selection, &period)?;
    match args.form.form() {
        Form::Json => print_json(&json(&chosen(&growths, args.top), &period))?,
        Form::Csv => write_csv(&chosen(&growths, args.top), &period, output::stdout())?,
        Form::Text => {
            let top = args.top.unwrap_or(SHOWN);
            let newest = growths.iter().filter_map(|growth| growth.newest).max().unwrap_or(now);
            let width = terminal::width();
            let page = Page { tx: &tx, period, selection, newest, width };
            page.print(&growths, top, &mut io::stdout().lock())?;
        }
    }
    Ok(Done::Well)
}

/// Returns the `top` accounts that grew most and the `top` that lost most, ordered by gain. No change,
/// and what may be due to rounding alone, is neither.
fn chosen(growths: &[AccountGrowth], top: Option<usize>) -> Vec<&AccountGrowth> {
    let Some(top) = top else { return growths.iter().collect() };
    let (up, down) = (winners(growths), losers(growths));
    let lowest = down.len().saturating_sub(top);
    up.iter().take(top).chain(&down[lowest..]).copied().collect()
}

fn winners(growths: &[AccountGrowth]) -> Vec<&AccountGrowth> {
    sure(growths).filter(|growth| growth.gained.is_some_and(|gained| gained > 0)).collect()
}

fn losers(growths: &[AccountGrowth]) -> Vec<&AccountGrowth> {
    sure(growths).filter(|growth| growth.gained.is_some_and(|gained| gained < 0)).collect()
}

fn sure(growths: &[AccountGrowth]) -> impl Iterator<Item = &AccountGrowth> {
    growths.iter().filter(|growth| !growth.is_rough())
}

fn json(growths: &[&AccountGrowth], period: &Period) -> Value {
    let from = match period.from {
        Beginning::At(at) => Some(at),
        Beginning::Back(_) | Beginning::History => None,
    };
    json!({
        "period": period.to_string(),
        "is_over": period.unfinished.is_none(),
        "from_time": from.map(|time| time.0),
        "from_utc": from.map(|time| time.to_string()),
        "to_time": period.until.map(|time| time.0),
        "to_utc": period.until.map(|time| time.to_string()),
        "accounts": growths.iter().map(|growth| json!({
            "account_id": growth.id,
            "name": growth.name,
            "label": growth.label,
            "username": growth.username,
            "platform": growth.platform,
            "time": at_end(growth, period).map(|time| time.0),
            "time_utc": at_end(growth, period).map(|time| time.to_string()),
            "followers": growth.followers,
            "followers_gained": growth.gained,
            "followers_gained_pct": growth.percent(),
            "followers_gained_before": growth.gained_before,
        })).collect::<Vec<_>>(),
    })
}

/// Returns the instant of the followers at the period's end.
fn at_end(growth: &AccountGrowth, period: &Period) -> Option<Time> {
    growth.followers.and(growth.newest).map(|newest| period.end(newest))
}

fn write_csv(growths: &[&AccountGrowth], period: &Period, out: impl Write) -> io::Result<()> {
    let headings = [
        "account_id",
        "name",
        "label",
        "username",
        "platform",
        "time_utc",
        "followers",
        "followers_gained",
        "followers_gained_pct",
        "followers_gained_before",
    ];
    let mut csv = Csv::new(out, &headings)?;
    for growth in growths {
        csv.row(&[
            Cell::Id(&growth.id),
            Cell::Text(&growth.name),
            (&growth.label).into(),
            (&growth.username).into(),
            (&growth.platform).into(),
            at_end(growth, period).into(),
            growth.followers.into(),
            growth.gained.into(),
            growth.percent().into(),
            growth.gained_before.into(),
        ])?;
    }
    csv.finish()
}

/// Writes a paragraph below the tables.
fn note(out: &mut impl Write, sentence: &Sentence) -> io::Result<()> {
    writeln!(out, "\n{}", terminal::paragraph(&sentence.to_string(), 0))
}

/// What the text output is made from.
struct Page<'a> {
    tx: &'a ReadTx<'a>,
    period: Period,
    selection: Selection,
    /// The newest measurement of any account, where sparklines end unless the period ends before.
    newest: Time,
    width: usize,
}

impl Page<'_> {
    fn print(
        &self,
        growths: &[AccountGrowth],
        top: usize,
        out: &mut impl Write,
    ) -> Result<(), CommandError> {
        if growths.is_empty() {
            let why = match self.selection.is_everything() {
                true => "no account is watched yet: those in the configuration are once \
                         `growthd run` has read them"
                    .to_owned(),
                false => format!("no account{} is watched", self.selection),
            };
            return Ok(writeln!(out, "{}", terminal::paragraph(&why, 0))?);
        }
        let up = winners(growths);
        let unchanged: Vec<&AccountGrowth> =
            sure(growths).filter(|growth| growth.gained == Some(0)).collect();
        let rough: Vec<&AccountGrowth> =
            growths.iter().filter(|growth| growth.is_rough()).collect();
        let mut down = losers(growths);
        down.reverse();
        let title = format!("Followers gained {}{}", self.period, self.selection);
        writeln!(out, "{}", terminal::paragraph(&title, 0))?;
        print_unfinished(&self.period, out)?;
        for (title, all) in [("GREW", up), ("LOST", down)] {
            let shown = &all[..all.len().min(top)];
            if !shown.is_empty() {
                let of = match all.len() - shown.len() {
                    0 => String::new(),
                    _ => format!(" (the first {} of {})", shown.len(), Grouped::of(all.len())),
                };
                write!(out, "\n{title}{of}\n{}", self.table(shown)?)?;
            }
        }
        if !unchanged.is_empty() {
            let accounts = counted_are(unchanged.len(), "account");
            note(out, &format!("{accounts} unchanged: {}", left_out::names(&unchanged)).into())?;
        }
        if !rough.is_empty() {
            let (accounts, them) = (counted(rough.len(), "account"), left_out::names(&rough));
            note(out, &format!("{accounts} changed by no more than rounding: {them}").into())?;
        }
        let earlier = left_out::measured_earlier(growths, &self.period, self.newest);
        let unknown = left_out::unknown(self.tx, growths, &self.period)?;
        for sentence in earlier.into_iter().chain(unknown) {
            note(out, &sentence)?;
        }
        Ok(())
    }

    fn table(&self, growths: &[&AccountGrowth]) -> Result<Table, CommandError> {
        let width = (self.width / 4).min(TREND);
        let mut trends = Vec::with_capacity(growths.len());
        for growth in growths {
            let newest = growth.newest.unwrap_or(self.newest);
            let (from, to) = (self.period.begin(newest), self.period.end(newest));
            let mut values = self.tx.followers(growth.key, from)?;
            values.retain(|(time, _)| *time <= to);
            // The line leads from the value to the value whose difference stands beside it.
            if let (Some(end), Some(gained)) = (growth.followers, growth.gained) {
                values.retain(|(time, _)| from < *time && *time < to);
                values.insert(0, (from, end.saturating_sub(gained)));
                values.push((to, end));
            }
            let gaps = self.tx.gaps(&growth.id, from)?;
            let gaps: Vec<_> = gaps.iter().map(|gap| (gap.from, gap.to)).collect();
            trends.push(Sparkline { values: &values, gaps: &gaps, from, to, width }.to_string());
        }
        let number = |heading, priority, cell: fn(&AccountGrowth) -> String| {
            Column::new(heading, Shape::Number, priority).with(growths.iter().map(|m| cell(m)))
        };
        let mut columns = vec![
            Column::new("ACCOUNT", Shape::Name, ALWAYS_SHOWN)
                .with(growths.iter().map(|growth| growth.name.clone())),
            number("FOLLOWERS", ALWAYS_SHOWN, |growth| {
                growth.followers.map_or(String::new(), |count| Grouped(count).to_string())
            }),
            number("GAINED", ALWAYS_SHOWN, |growth| signed(growth.gained)),
            number("", ALWAYS_SHOWN, |growth| {
                growth.percent().map_or(String::new(), |percent| SignedPercent(percent).to_string())
            }),
        ];
        // The period before may precede every history.
        if growths.iter().any(|growth| growth.gained_before.is_some()) {
            columns.push(number("BEFORE", 0, |growth| signed(growth.gained_before)));
        }
        columns.push(Column::new("TREND", Shape::Text, 1).with(trends));
        Ok(Table::new(columns).narrowed(self.width))
    }
}

fn signed(gain: Option<i64>) -> String {
    gain.map_or(String::new(), |gain| Signed(gain).to_string())
}
