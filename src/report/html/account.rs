//! An account as the templates show it: as a row of the table and as a section.

use std::borrow::Cow;

use crate::printable::Printable;
use crate::report::html::chart_data::{drawn, stride};
use crate::report::html::entry::{Anchor, Entry};
use crate::report::html::figure::{Date, Gained, Minute, Percent, Rate, tone};
use crate::report::html::page::Page;
use crate::report::html::series::Metric;
use crate::report::html::sparkline::Sparkline;
use crate::report::{Grouped, TimeUntil, counted};
use crate::store::{Reading, Suspect};

/// An account with its index in the page's order.
#[derive(Clone, Copy)]
pub(super) struct Account<'a> {
    pub page: &'a Page,
    pub entry: &'a Entry,
    pub index: usize,
    /// How many rows of values are shown if scripts are disabled.
    pub rows: usize,
}

/// A cell's text and, if known, the number it is sorted by.
pub(super) struct Cell {
    pub text: String,
    pub value: Option<String>,
    pub tone: &'static str,
}

impl Cell {
    fn new<T>(value: Option<T>, key: impl Fn(&T) -> String, text: impl Fn(&T) -> String) -> Cell {
        match value {
            Some(value) => Cell { text: text(&value), value: Some(key(&value)), tone: "" },
            None => Cell { text: "–".to_owned(), value: None, tone: "" },
        }
    }

    fn count(count: Option<i64>) -> Cell {
        Cell::new(count, i64::to_string, |&count| Grouped(count).to_string())
    }
}

/// A line of an account's list of facts.
pub(super) struct Fact {
    pub name: &'static str,
    pub value: String,
    /// The URL that the value links to.
    pub link: Option<String>,
}

impl<'a> Account<'a> {
    pub fn anchor(&self) -> Anchor<'a> {
        self.entry.anchor()
    }

    pub fn name(&self) -> Printable<'a> {
        Printable(self.entry.name())
    }

    pub fn handle(&self) -> Option<Printable<'a>> {
        self.entry.account.username.as_deref().map(Printable)
    }

    /// Returns the platform, or the id of an account that was never measured.
    pub fn platform(&self) -> String {
        match self.entry.account.platform.as_deref() {
            Some("tiktok") => "TikTok".to_owned(),
            Some("youtube") => "YouTube".to_owned(),
            Some(other) => Printable(other).to_string(),
            None => self.entry.id().map_or(String::new(), ToString::to_string),
        }
    }

    pub fn tags(&self) -> Vec<String> {
        self.entry.tags().iter().map(|tag| Printable(tag).to_string()).collect()
    }

    pub fn followers(&self) -> Cell {
        Cell::count(self.entry.newest().map(|(_, count)| count))
    }

    pub fn gain(&self) -> Cell {
        let gain = self.entry.gain();
        let cell = Cell::new(gain, |gain| gain.by.to_string(), |&gain| Gained(gain).to_string());
        Cell { tone: tone(gain), ..cell }
    }

    pub fn share(&self) -> Cell {
        let share = self.entry.gain().and_then(super::gain::Gain::permille);
        Cell::new(share, i64::to_string, |&share| Percent(share).to_string())
    }

    pub fn trend(&self) -> Sparkline<'a> {
        let (from, to) = (self.page.trend_from, self.page.now);
        Sparkline { measured: &self.entry.followers, from, to }
    }

    pub fn likes(&self) -> Cell {
        Cell::count(self.entry.series.newest_likes())
    }

    pub fn engagement(&self) -> Cell {
        let rate = self.entry.series.engagement();
        Cell::new(rate, f64::to_string, |&rate| Rate(rate).to_string())
    }

    /// Returns when the row's followers were measured, or any count if they never were.
    pub fn measured(&self) -> Cell {
        let last = self.entry.newest().map(|(time, _)| time).or(self.entry.account.last);
        let cell = Cell::new(last, |last| last.0.to_string(), |&last| Date(last).to_string());
        if last.is_none() { Cell { text: "never".to_owned(), ..cell } } else { cell }
    }

    pub fn state(&self) -> Cell {
        let text = self.entry.state(self.page.now);
        let tone = match text {
            "overdue" | "failing" => "warn",
            _ => "soft",
        };
        Cell { text: text.to_owned(), value: None, tone }
    }

    /// Returns the gain in the page's period, or since the start of a shorter history.
    pub fn gained(&self) -> String {
        let first = self.entry.series.first();
        match (self.entry.gain(), self.entry.gain_since_start(), first) {
            (Some(gain), ..) => format!("{} in 30 days", Gained(gain)),
            (None, Some(gain), Some((first, _))) => {
                format!("{} since {}", Gained(gain), Date(first))
            }
            _ => String::new(),
        }
    }

    pub fn gained_tone(&self) -> &'static str {
        tone(self.entry.gain().or(self.entry.gain_since_start()))
    }

    pub fn facts(&self) -> Vec<Fact> {
        let mut facts: Vec<(&str, Option<String>)> = Vec::new();
        let account = &self.entry.account;
        facts.push(("Videos", account.videos.map(|videos| Grouped(videos).to_string())));
        facts.push(("Views per video", account.avg_views.map(Rate::whole)));
        facts.push(("Measured", account.last.map(|last| format!("{} UTC", Minute(last)))));
        // Only the operator is shown the state of refreshing.
        if self.page.is_operators() {
            let next = self.entry.status.as_ref().and_then(|status| status.next_due);
            let next = next.map(|time| TimeUntil { time, now: self.page.now }.to_string());
            facts.push(("Next", next));
            facts.push(("State", Some(self.entry.state(self.page.now).to_owned())));
        }
        facts.push(("Verified", account.is_verified.then(|| "yes".to_owned())));
        facts.push(("Account id", self.entry.id().map(ToString::to_string)));
        let known = facts.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let known = known.map(|(name, value)| Fact { name, value, link: None });
        let profile = account.profile_url.as_deref().and_then(link).map(|(host, url)| Fact {
            name: "Profile",
            value: host,
            link: Some(url),
        });
        known.chain(profile).collect()
    }

    pub fn error(&self) -> Option<Printable<'a>> {
        let status = self.entry.status.as_ref().filter(|_| self.page.is_operators());
        status.and_then(|status| status.last_error.as_deref()).map(Printable)
    }

    /// Returns the number of its events.
    pub fn happened(&self) -> usize {
        self.entry.events.len()
    }

    pub fn has_history(&self) -> bool {
        !self.entry.series.readings().is_empty()
    }

    /// Returns the legend of the charts' markings.
    pub fn key(&self) -> String {
        let series = &self.entry.series;
        let is_suspect = drawn(series).any(|reading| reading.suspect != Suspect::Nothing);
        let stride = stride(series.readings().len());
        let key = [
            (!self.entry.gaps.is_empty()).then(|| "Shaded: nothing was measured.".to_owned()),
            is_suspect.then(|| "Hollow: suspect, not counted.".to_owned()),
            (stride > 1).then(|| format!("One value in {stride} is drawn.")),
        ];
        key.into_iter().flatten().collect::<Vec<String>>().join(" ")
    }

    /// Returns how many values are drawn, as in "52 values".
    pub fn drawn(&self) -> String {
        let readings = self.entry.series.readings().len();
        counted(readings.div_ceil(stride(readings)), "value")
    }

    /// Returns the metrics of which the vendor ever reported a value.
    pub fn metrics(&self) -> Vec<Metric> {
        let metrics = Metric::ALL.into_iter();
        metrics.filter(|&metric| self.entry.series.has(metric)).collect()
    }

    pub fn is_cut(&self) -> bool {
        self.rows < self.entry.series.readings().len()
    }

    /// Returns the newest values, for readers who disable scripts.
    pub fn values(&self) -> impl Iterator<Item = Value<'a>> {
        let readings = self.entry.series.readings();
        readings.iter().rev().take(self.rows).map(Value)
    }
}

/// A row of the table of values.
pub(super) struct Value<'a>(&'a Reading);

impl Value<'_> {
    pub fn day(&self) -> Date {
        Date(self.0.time)
    }

    pub fn of(&self, metric: &Metric) -> Cow<'static, str> {
        let count = match metric {
            Metric::Followers => self.0.followers,
            Metric::Likes => self.0.likes,
            Metric::Engagement => {
                let rate = self.0.engagement.map(|rate| Rate(rate).to_string());
                return rate.map_or(Cow::Borrowed("–"), Cow::Owned);
            }
        };
        count.map_or(Cow::Borrowed("–"), |count| Cow::Owned(Grouped(count).to_string()))
    }

    pub fn note(&self) -> &'static str {
        match self.0.suspect {
            Suspect::Nothing => "",
            Suspect::Likes => "likes suspect",
            Suspect::Everything => "suspect",
        }
    }
}

/// Returns the host and the URL of an `https` link; any other scheme might run a script.
fn link(url: &str) -> Option<(String, String)> {
    let url: reqwest::Url = url.parse().ok()?;
    (url.scheme() == "https").then_some(())?;
    Some((url.host_str()?.to_owned(), url.to_string()))
}
