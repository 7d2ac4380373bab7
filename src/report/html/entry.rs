//! An account on the page.

use std::fmt;

use crate::account::AccountId;
use crate::clock::Time;
use crate::report::html::edition::Edition;
use crate::report::html::event::Event;
use crate::report::html::gain::Gain;
use crate::report::html::series::{Measured, Series};
use crate::report::html::steps::Steps;
use crate::store::{AccountGrowth, AccountStatus, Gap, Reading, ReportAccount};

/// An account's counts, as read from the store.
#[derive(Debug, Default)]
pub(super) struct History {
    pub readings: Vec<Reading>,
    /// Between which times nothing was measured for too long, as in the view `gaps`.
    pub gaps: Vec<Gap>,
    /// Followers at the start of each week.
    pub weeks: Steps,
    /// Followers at the start of each month.
    pub months: Steps,
    /// Growth in the page's default period.
    pub growth: Option<AccountGrowth>,
}

/// An account and everything shown of it.
#[derive(Debug)]
pub(super) struct Entry {
    edition: Edition,
    pub account: ReportAccount,
    /// `None` once it is removed from the watchlist.
    pub status: Option<AccountStatus>,
    pub series: Series,
    pub gaps: Vec<Gap>,
    pub followers: Vec<Measured>,
    pub weeks: Steps,
    pub months: Steps,
    growth: Option<AccountGrowth>,
    pub events: Vec<Event>,
}

impl Entry {
    pub fn new(
        edition: Edition,
        account: ReportAccount,
        status: Option<AccountStatus>,
        history: History,
        events: Vec<Event>,
    ) -> Entry {
        let History { readings, gaps, weeks, months, growth } = history;
        let series = Series::new(readings);
        let followers = series.followers();
        Entry { edition, account, status, series, gaps, followers, weeks, months, growth, events }
    }

    /// Returns the label, display name, handle or id, whichever is known first. A client's edition
    /// contains no id.
    pub fn name(&self) -> &str {
        self.account.name.as_deref().unwrap_or(match self.edition {
            Edition::Operator => self.account.id.as_str(),
            Edition::Client if self.series.readings().is_empty() => "Not measured yet",
            Edition::Client => "An account without a name",
        })
    }

    /// Returns whether it is on the watchlist, or was and has a history.
    pub fn is_counted(&self) -> bool {
        self.status.is_some() || !self.series.readings().is_empty()
    }

    /// Returns whether it is shown. A client's edition shows only what is watched now.
    pub fn is_shown(&self) -> bool {
        self.status.is_some() || self.edition == Edition::Operator
    }

    /// Returns the id in the operator's edition.
    pub fn id(&self) -> Option<&AccountId> {
        (self.edition == Edition::Operator).then_some(&self.account.id)
    }

    /// Returns the tags in the operator's edition: a tag may be the name of another client.
    pub fn tags(&self) -> Vec<String> {
        match self.edition {
            Edition::Operator => serde_json::from_str(&self.account.tags).unwrap_or_default(),
            Edition::Client => Vec::new(),
        }
    }

    /// Returns the fragment that addresses its section.
    pub fn anchor(&self) -> Anchor<'_> {
        Anchor(self)
    }

    /// Returns the newest measured followers in the order of refreshes, whereas charts are ordered by
    /// time.
    pub fn newest(&self) -> Option<Measured> {
        let newest = self.growth.as_ref().and_then(|growth| growth.newest.zip(growth.followers));
        newest.or(self.followers.last().copied())
    }

    /// Returns the gain of followers in the page's default period.
    pub fn gain(&self) -> Option<Gain> {
        self.growth.as_ref().and_then(Gain::of)
    }

    /// Returns the gain of followers in the period before that.
    pub fn gained_before(&self) -> Option<i64> {
        self.growth.as_ref()?.gained_before
    }

    /// Returns the gain from the first measured followers to the newest.
    pub fn gain_since_start(&self) -> Option<Gain> {
        let (_, from) = self.series.first().filter(|_| self.followers.len() > 1)?;
        let (_, newest) = self.newest()?;
        Some(Gain { by: newest.saturating_sub(from), from, rounding: self.rounding() })
    }

    /// Returns the value of one unit in the last digit of the newest followers; 0 if they are exact.
    pub fn rounding(&self) -> i64 {
        self.growth.as_ref().map_or(0, |growth| growth.rounding)
    }

    pub fn is_overdue(&self, now: Time) -> bool {
        self.status.as_ref().is_some_and(|status| status.is_overdue(now))
    }

    pub fn is_failing(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.failing_since.is_some())
    }

    /// Returns the state, in the words of `growthd status`.
    pub fn state(&self, now: Time) -> &'static str {
        self.status.as_ref().map_or("removed", |status| status.state(now))
    }
}

/// The fragment of an account's section: its id, or its key in the database in a client's edition.
pub(super) struct Anchor<'a>(&'a Entry);

impl fmt::Display for Anchor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.id() {
            Some(id) => write!(f, "a-{id}"),
            None => write!(f, "a-{}", self.0.account.key.0),
        }
    }
}

/// Returns an account with these followers on these days, refreshed weekly.
#[cfg(test)]
pub(super) fn test_entry(days: &[(i64, Option<i64>)]) -> Entry {
    use crate::store::AccountKey;
    const DAY: i64 = 86_400;
    let label = Some("<b>\"O'Neil\"</b> & \u{202e}Söhne</script>".to_owned());
    let account = ReportAccount {
        key: AccountKey(1),
        id: "clx1".parse().expect("an id"),
        name: label.clone(),
        tags: r#"["<i>"]"#.to_owned(),
        platform: Some("tiktok".to_owned()),
        username: Some("o<neil".to_owned()),
        profile_url: Some("javascript:alert(1)".to_owned()),
        is_verified: true,
        removed: Some(Time(0)),
        last: days.last().map(|&(day, _)| Time(day * DAY)),
        videos: None,
        avg_views: None,
    };
    let reading = |&(day, followers): &(i64, Option<i64>)| Reading {
        time: Time(day * DAY),
        followers,
        likes: None,
        engagement: None,
        suspect: crate::store::Suspect::Nothing,
    };
    let known = || days.iter().filter_map(|&(day, count)| Some((Time(day * DAY), count?)));
    let growth = known().next_back().zip(known().next()).map(|((newest, count), (oldest, _))| {
        let gained = Some(count).filter(|_| known().count() > 1).map(|_| 71);
        AccountGrowth {
            key: AccountKey(1),
            id: "clx1".to_owned(),
            name: String::new(),
            label,
            username: None,
            platform: None,
            newest: Some(newest),
            oldest: Some(oldest),
            followers: Some(count),
            gained,
            gained_before: None,
            rounding: 0,
        }
    });
    let readings = days.iter().map(reading).collect();
    let gap = |(from, to): (Time, Time)| Gap { from, to, days: 28.0 };
    let times: Vec<Time> = known().map(|(time, _)| time).collect();
    let gaps = times.windows(2).map(|pair| gap((pair[0], pair[1])));
    let gaps = gaps.filter(|gap| gap.to.since(gap.from) > 10 * DAY).collect();
    let event = Event {
        time: Time(0),
        dated: Time(0),
        kind: crate::report::html::event::Kind::Profile,
        text: crate::report::quoted("<i>\u{202e}", 9).into(),
    };
    let history = History { readings, gaps, growth, ..History::default() };
    Entry::new(Edition::Operator, account, None, history, vec![event])
}
