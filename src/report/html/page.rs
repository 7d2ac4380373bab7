//! What the page shows, taken from one look at the database.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};

use crate::account::AccountId;
use crate::clock::Time;
use crate::engine::{Breaker, OpenBreaker};
use crate::period::Period;
use crate::report::html::document;
use crate::report::html::series::{Gain, Measured, Series};
use crate::selection::Selection;
use crate::store::{
    AccountGrowth, AccountStatus, DailySpend, Extent, ReadTx, Reading, ReportAccount, StoreError,
    Totals, Wait,
};

const DAY: i64 = 86_400;

/// What gains are told of, in days.
const GAINED: i64 = 30;

/// How far back the small lines in the table go.
const QUARTER: i64 = 90 * DAY;

/// The budget, and what of it is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowance {
    /// What may be spent.
    pub refreshes: u64,
    /// What is.
    pub spent: u64,
    /// `day`, `week`, `month`.
    pub per: &'static str,
}

/// For whom a page is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Edition {
    /// Whoever runs growthd: everything.
    Operator,
    /// A client, by a tag: the client's accounts and how they grew. Neither ids and other tags,
    /// nor what refreshing costs and how it goes.
    Client,
}

impl Edition {
    fn of(selection: &Selection) -> Edition {
        if selection.tags.is_empty() { Edition::Operator } else { Edition::Client }
    }
}

/// What a page is about.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// Whose accounts. With a tag it is the client's edition.
    pub selection: Selection,
    /// What it is headed with, where somebody said so.
    pub title: Option<String>,
    /// The budget, where there is one.
    pub allowance: Option<Allowance>,
}

/// Everything on the page.
#[derive(Debug)]
pub struct Page {
    pub(super) edition: Edition,
    pub(super) title: String,
    pub(super) now: Time,
    pub(super) totals: Totals,
    pub(super) breaker: Option<OpenBreaker>,
    pub(super) wait: Option<Wait>,
    pub(super) allowance: Option<Allowance>,
    pub(super) spend: Vec<DailySpend>,
    /// Most followers first; those without any, and then those taken off the list, last.
    pub(super) entries: Vec<Entry>,
    /// Where the small lines in the table begin.
    pub(super) trend_from: Time,
}

/// An account on the page.
#[derive(Debug)]
pub(super) struct Entry {
    edition: Edition,
    pub portrait: ReportAccount,
    /// `None` once it is off the list.
    pub status: Option<AccountStatus>,
    pub series: Series,
    pub followers: Vec<Measured>,
    /// The newest measured followers, in the order of refreshes.
    newest: Option<Measured>,
    pub likes: Option<i64>,
    /// Of followers, over [`GAINED`].
    pub gain: Option<Gain>,
    /// What one step in the last digit of its followers is worth.
    rounding: i64,
}

impl Page {
    /// Reads the page for `now`.
    ///
    /// # Errors
    /// What the store says.
    pub fn read(look: &ReadTx<'_>, subject: Subject, now: Time) -> Result<Page, StoreError> {
        let Subject { selection, title, allowance } = subject;
        let edition = Edition::of(&selection);
        let mut statuses: HashMap<_, _> = look
            .statuses(&selection, Extent::All, now)?
            .into_iter()
            .map(|status| (status.id.clone(), status))
            .collect();
        let mut readings: HashMap<_, Vec<Reading>> = HashMap::new();
        look.each_reading(&selection, |account, reading| {
            readings.entry(account).or_default().push(reading);
        })?;
        let growth = look.growth_of_all(&selection, &Period::last_days(GAINED))?;
        let mut growth: HashMap<_, _> = growth.into_iter().map(|one| (one.key, one)).collect();
        let mut entries: Vec<Entry> = look
            .portraits(&selection)?
            .into_iter()
            .map(|portrait| {
                let status = statuses.remove(&portrait.id);
                let readings = readings.remove(&portrait.key).unwrap_or_default();
                let growth = growth.remove(&portrait.key);
                Entry::new(edition, portrait, status, readings, growth.as_ref())
            })
            .filter(Entry::is_shown)
            .collect();
        entries.sort_by_key(|entry| {
            (entry.status.is_none(), std::cmp::Reverse(entry.newest().map(|(_, count)| count)))
        });
        let first = entries.iter().filter_map(|entry| entry.followers.first()).map(|first| first.0);
        let trend_from = first.min().unwrap_or(now).max(now.plus(-QUARTER)).min(now);
        Ok(Page {
            edition,
            title: title.unwrap_or_else(|| format!("Growth report{selection}")),
            now,
            totals: look.totals_of(&selection)?,
            breaker: Breaker::read(look)?.as_open().cloned(),
            wait: look.wait()?.filter(|wait| wait.until > now),
            allowance,
            spend: look.daily_spend()?,
            entries,
            trend_from,
        })
    }

    /// Writes the page.
    ///
    /// # Errors
    /// What `out` says.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        document::write(self, out)
    }

    /// How many accounts and snapshots are on it.
    pub fn size(&self) -> (usize, usize) {
        let readings = self.entries.iter().map(|entry| entry.series.readings().len());
        (self.entries.len(), readings.sum())
    }

    /// The accounts of the list.
    pub(super) fn listed(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.status.is_some())
    }
}

impl Entry {
    fn new(
        edition: Edition,
        portrait: ReportAccount,
        status: Option<AccountStatus>,
        readings: Vec<Reading>,
        growth: Option<&AccountGrowth>,
    ) -> Entry {
        let series = Series::new(readings);
        let followers = series.followers();
        let likes = series.likes().last().map(|&(_, likes)| likes);
        // A chart is in the order of time; what is the newest says the order of refreshes.
        let newest = growth.and_then(|growth| growth.newest.zip(growth.followers));
        let newest = newest.or(followers.last().copied());
        let gain = growth.and_then(Gain::of);
        let rounding = growth.map_or(0, |growth| growth.rounding);
        Entry { edition, portrait, status, series, followers, newest, likes, gain, rounding }
    }

    /// What a person calls it.
    pub fn name(&self) -> &str {
        let ReportAccount { label, display_name, username, id, .. } = &self.portrait;
        let mut names = [label, display_name, username].into_iter().flatten();
        let name = names.find(|name| !name.trim().is_empty()).map(String::as_str);
        name.unwrap_or(match self.edition {
            Edition::Operator => id.as_str(),
            Edition::Client => "Not measured yet",
        })
    }

    /// Whether it stands on the page. A client is shown what is watched for them now.
    fn is_shown(&self) -> bool {
        let has_history = !self.series.readings().is_empty();
        self.status.is_some() || (has_history && self.edition == Edition::Operator)
    }

    /// Its id, for whom that is of use.
    pub fn id(&self) -> Option<&AccountId> {
        (self.edition == Edition::Operator).then_some(&self.portrait.id)
    }

    /// Its tags, for whom they are of use: a client's are another's name as well.
    pub fn tags(&self) -> Vec<String> {
        match self.edition {
            Edition::Operator => serde_json::from_str(&self.portrait.tags).unwrap_or_default(),
            Edition::Client => Vec::new(),
        }
    }

    /// What its section is called in the page's address.
    pub fn anchor(&self) -> Anchor<'_> {
        Anchor(self)
    }

    /// The newest measured followers.
    pub fn newest(&self) -> Option<Measured> {
        self.newest
    }

    /// From the first measured followers to the newest.
    pub fn gain_since_start(&self) -> Option<Gain> {
        let [(_, from), _, ..] = self.followers[..] else { return None };
        let (_, newest) = self.newest?;
        Some(Gain { by: newest.saturating_sub(from), from, rounding: self.rounding })
    }

    /// Whether its gain is one of these days, and not of long ago.
    pub fn is_current(&self, now: Time) -> bool {
        self.status.is_some()
            && self.newest().is_some_and(|(time, _)| now.since(time) <= GAINED * DAY)
    }

    pub fn is_overdue(&self, now: Time) -> bool {
        self.status.as_ref().is_some_and(|status| status.is_overdue(now))
    }

    pub fn is_failing(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.failing_since.is_some())
    }

    /// How it stands, in the words of `growthd status`.
    pub fn state(&self, now: Time) -> &'static str {
        match &self.status {
            None => "removed",
            Some(status) if status.next_due.is_none() => "disabled",
            Some(_) if self.is_overdue(now) => "overdue",
            Some(_) if self.is_failing() => "failing",
            Some(status) if status.tries > 0 => "retrying",
            Some(status) if status.owed_since.is_some() => "due",
            Some(_) => "ok",
        }
    }
}

/// The name of an account's section: its id, else the number that the database has for it.
pub(super) struct Anchor<'a>(&'a Entry);

impl fmt::Display for Anchor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.id() {
            Some(id) => write!(f, "a-{id}"),
            None => write!(f, "a-{}", self.0.portrait.key.0),
        }
    }
}

/// An account with these followers on these days, refreshed weekly.
#[cfg(test)]
pub(super) fn test_entry(days: &[(i64, Option<i64>)]) -> Entry {
    let portrait = ReportAccount {
        key: crate::store::AccountKey(1),
        id: "clx1".parse().expect("an id"),
        label: Some("<b>\"O'Neil\"</b> & \u{202e}Söhne</script>".to_owned()),
        tags: r#"["<i>"]"#.to_owned(),
        platform: Some("tiktok".to_owned()),
        username: Some("o<neil".to_owned()),
        display_name: None,
        profile_url: Some("javascript:alert(1)".to_owned()),
        is_verified: true,
        is_removed: true,
        interval: 7 * DAY,
        last: days.last().map(|&(day, _)| Time(day * DAY)),
        videos: None,
        avg_views: None,
    };
    let reading = |&(day, followers): &(i64, Option<i64>)| Reading {
        time: Time(day * DAY),
        followers,
        likes: None,
        engagement: None,
        is_suspect: false,
        interval: Some(7 * DAY),
    };
    Entry::new(Edition::Operator, portrait, None, days.iter().map(reading).collect(), None)
}
