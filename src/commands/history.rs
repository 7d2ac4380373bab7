//! `growthd history`: one account's series.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::cli::HistoryArgs;
use crate::clock::{self, Time};
use crate::commands::period::period;
use crate::commands::{CommandError, Done, Form, open_up_to_date, output, print_json};
use crate::config::Settings;
use crate::engine::Holds;
use crate::period::Period;
use crate::printable::Printable;
use crate::report::{
    ALWAYS_SHOWN, Cell, Chart, Column, Csv, Grouped, Shape, Signed, SignedPercent, Table,
    TimeUntil, terminal,
};
use crate::store::{AccountRef, Change, Gap, Point};

/// An account's snapshots and gaps in a period.
struct History {
    account: AccountRef,
    period: Option<Period>,
    since: Option<Time>,
    points: Vec<Point>,
    gaps: Vec<Gap>,
    /// What may hold back the next refresh.
    holds: Holds,
}

/// How many snapshots are listed without `--all`: few enough to keep the chart in view.
const LISTED: usize = 20;

/// Prints an account's history.
pub fn history(settings: &Settings, args: &HistoryArgs) -> Result<Done, CommandError> {
    let now = clock::now().time();
    let mut reader = open_up_to_date(&settings.database.path)?;
    let tx = reader.begin_read()?;
    let account = tx.named(&args.account)??;
    let period = period(&tx, args.period.options(), now)?;
    // A duration goes back from the account's newest measurement.
    let newest = tx.last_measured_time(account.key)?.unwrap_or(now);
    let (from, until) = match &period {
        None => (Time(i64::MIN), Time(i64::MAX)),
        Some(period) => (period.begin(newest), period.until.unwrap_or(Time(i64::MAX))),
    };
    let mut points = tx.points(&account.id, from)?;
    points.retain(|point| point.time < until);
    let mut gaps = tx.gaps(&account.id, from)?;
    gaps.retain(|gap| gap.from < until);
    let since = period.map(|_| from).filter(|from| from.0 > i64::MIN);
    let holds = Holds::read(&tx, settings.budget.as_ref(), now)?;
    let history = History { account, period, since, points, gaps, holds };
    match args.form.form() {
        Form::Json => print_json(&history.json())?,
        Form::Csv => history.write_csv(output::stdout())?,
        Form::Text => {
            let rows = if args.all { usize::MAX } else { LISTED };
            history.print(&mut io::stdout().lock(), terminal::width(), rows)?;
        }
    }
    Ok(Done::Well)
}

const COLUMNS: [&str; 23] = [
    "account_id",
    "name",
    "label",
    "username",
    "platform",
    "time_utc",
    "gap_days",
    "followers",
    "followers_delta",
    "followers_per_7d",
    "followers_pct_per_7d",
    "likes",
    "likes_delta",
    "likes_per_7d",
    "likes_pct_per_7d",
    "videos",
    "videos_delta",
    "videos_per_7d",
    "videos_pct_per_7d",
    "engagement_rate",
    "is_suspect",
    "suspect",
    "refresh_id",
];

impl History {
    fn write_csv(&self, out: impl Write) -> io::Result<()> {
        let mut csv = Csv::new(out, &COLUMNS)?;
        for point in &self.points {
            let Point { followers, likes, videos, .. } = point;
            csv.row(&[
                Cell::Id(&self.account.id),
                Cell::Text(&self.account.name),
                (&self.account.label).into(),
                (&self.account.username).into(),
                (&self.account.platform).into(),
                Cell::Time(point.time),
                point.gap_days.into(),
                followers.value.into(),
                followers.delta.into(),
                followers.per_7d.into(),
                followers.pct_per_7d.into(),
                likes.value.into(),
                likes.delta.into(),
                likes.per_7d.into(),
                likes.pct_per_7d.into(),
                videos.value.into(),
                videos.delta.into(),
                videos.per_7d.into(),
                videos.pct_per_7d.into(),
                point.engagement_rate.into(),
                Cell::Flag(point.suspect.is_some()),
                (&point.suspect).into(),
                Cell::Whole(point.refresh.0),
            ])?;
        }
        csv.finish()
    }

    fn json(&self) -> Value {
        let utc = |time: Time| time.to_string();
        json!({
            "account_id": self.account.id,
            "name": self.account.name,
            "label": self.account.label,
            "username": self.account.username,
            "platform": self.account.platform,
            "since_time": self.since.map(|since| since.0),
            "since_utc": self.since.map(utc),
            "snapshots": self.points.iter().map(|point| {
                let mut value = json!({
                    "refresh_id": point.refresh.0,
                    "time": point.time.0,
                    "time_utc": utc(point.time),
                    "gap_days": point.gap_days,
                    "engagement_rate": point.engagement_rate,
                    "is_suspect": point.suspect.is_some(),
                    "suspect": point.suspect,
                });
                for (name, change) in [
                    ("followers", point.followers),
                    ("likes", point.likes),
                    ("videos", point.videos),
                ] {
                    value[name] = json!(change.value);
                    value[format!("{name}_delta")] = json!(change.delta);
                    value[format!("{name}_per_7d")] = json!(change.per_7d);
                    value[format!("{name}_pct_per_7d")] = json!(change.pct_per_7d);
                }
                value
            }).collect::<Vec<_>>(),
            "gaps": self.gaps.iter().map(|gap| json!({
                "from_time": gap.from.0, "from_utc": utc(gap.from),
                "to_time": gap.to.0, "to_utc": utc(gap.to), "days": gap.days,
            })).collect::<Vec<_>>(),
        })
    }

    fn print(&self, out: &mut impl Write, width: usize, rows: usize) -> io::Result<()> {
        writeln!(out, "{}", terminal::paragraph(&self.title(), 0))?;
        if self.points.is_empty() {
            return writeln!(out, "{}", terminal::paragraph(&self.nothing(), 0));
        }
        let measured = |count: fn(&Point) -> Change| {
            let measured = self.points.iter().filter(|point| count(point).is_measured);
            measured.filter_map(|p| Some((p.time, count(p).value?))).collect::<Vec<_>>()
        };
        let gaps: Vec<_> = self.gaps.iter().map(|gap| (gap.from, gap.to)).collect();
        for (name, count) in [
            ("followers", (|point| point.followers) as fn(&Point) -> Change),
            ("likes", |point| point.likes),
        ] {
            let values = measured(count);
            if !values.is_empty() {
                writeln!(out, "\n{name}")?;
                write!(out, "{}", Chart { values: &values, gaps: &gaps, width })?;
            }
        }
        let unlisted = self.points.len().saturating_sub(rows);
        let listed = &self.points[unlisted..];
        write!(out, "\n{}", self.table(listed).narrowed(width))?;
        if unlisted > 0 {
            let all = self.points.len();
            let more = format!("the newest {rows} of {all}; use --all to list them all");
            writeln!(out, "\n{}", terminal::paragraph(&more, 0))?;
        }
        if listed.iter().any(|point| point.suspect.is_some()) {
            let why = "? a count of this snapshot is suspect: it is shown, but takes no part in any \
                       change (see docs/history.md)";
            writeln!(out, "\n{}", terminal::paragraph(why, 0))?;
        }
        Ok(())
    }

    fn title(&self) -> String {
        let AccountRef { id, name, username, .. } = &self.account;
        let mut title = match name {
            name if name == id || Some(name) == username.as_ref() => id.clone(),
            name => format!("{} ({id})", Printable(name)),
        };
        if let Some(username) = username {
            title.push_str(&format!("  @{}", Printable(username)));
        }
        if let Some(platform) = &self.account.platform {
            title.push_str(&format!(" on {}", Printable(platform)));
        }
        title
    }

    fn nothing(&self) -> String {
        let next = match self.account.next_due.map(|due| self.holds.earliest(due)) {
            Some((time, hold)) => {
                let next = TimeUntil { time, now: self.holds.now };
                let held = hold.map_or(String::new(), |hold| {
                    format!(", held back until then by the {}", hold.as_str())
                });
                format!("the next refresh is {next}{held}")
            }
            None => "it is not watched".to_owned(),
        };
        match self.period {
            Some(period) => format!("no snapshot {period}; {next}"),
            None => format!("no snapshot yet; {next}"),
        }
    }

    fn table(&self, points: &[Point]) -> Table {
        let mut columns = vec![
            Column::new("TIME (UTC)", Shape::Text, ALWAYS_SHOWN),
            Column::new("FOLLOWERS", Shape::Number, ALWAYS_SHOWN),
            Column::new("CHANGE", Shape::Number, ALWAYS_SHOWN),
            Column::new("A WEEK", Shape::Number, ALWAYS_SHOWN),
            Column::new("LIKES", Shape::Number, 3),
            Column::new("CHANGE", Shape::Number, 2),
            Column::new("VIDEOS", Shape::Number, 0),
            Column::new("ENGAGEMENT", Shape::Number, 1),
        ];
        if points.iter().any(|point| point.suspect.is_some()) {
            columns.push(Column::new("", Shape::Text, ALWAYS_SHOWN));
        }
        let mut table = Table::new(columns);
        let format = self.time_format();
        for point in points {
            if let Some(gap) = self.gaps.iter().find(|gap| gap.to == point.time) {
                table.row([format!("  gap: {:.1} days", gap.days)]);
            }
            let Point { followers, likes, videos, .. } = point;
            table.row([
                point.time.utc().strftime(format).to_string(),
                count(followers.value),
                delta(followers.delta),
                followers.pct_per_7d.map_or(String::new(), |pct| SignedPercent(pct).to_string()),
                count(likes.value),
                delta(likes.delta),
                count(videos.value),
                point.engagement_rate.map_or(String::new(), |rate| format!("{rate:.2}")),
                point.suspect.as_ref().map_or(String::new(), |_| "?".to_owned()),
            ]);
        }
        table
    }

    /// Returns the time format, with seconds if minutes do not distinguish two snapshots.
    fn time_format(&self) -> &'static str {
        let is_dense = |pair: &[Point]| (pair[1].time.since(pair[0].time)).abs() < 60;
        match self.points.windows(2).any(is_dense) {
            true => "%Y-%m-%d %H:%M:%S",
            false => "%Y-%m-%d %H:%M",
        }
    }
}

fn count(count: Option<i64>) -> String {
    count.map_or("-".to_owned(), |count| Grouped(count).to_string())
}

fn delta(delta: Option<i64>) -> String {
    delta.map_or(String::new(), |delta| Signed(delta).to_string())
}
