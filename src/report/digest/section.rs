//! The tables and sentences of a digest, shared by its text and HTML formats.

use crate::clock::Time;
use crate::report::digest::total::Total;
use crate::report::digest::{Digest, day};
use crate::report::{
    Grouped, Sentence, Signed, SignedPercent, counted_are, described, quoted, whole,
};
use crate::store::{AccountGrowth, Milestone, SilentAccount, Unusual};

/// How many rows or lines of a section are shown; the rest is only counted.
const SHOWN: usize = 5;

/// Maximum width of a name or a profile's text in a sentence, in columns.
const NAME: usize = 32;

/// Maximum width of a text from the vendor in a sentence, in columns.
const QUOTE: usize = 80;

/// Completes the sentence that there is no total.
const UNMEASURED: &str = "measured at both ends: the history may begin later, or the refresh after \
                          the period may still be to come.";

/// A table of accounts or tags.
pub(super) struct Numbers {
    pub title: &'static str,
    pub rows: Vec<Row>,
    /// Number of rows not shown.
    pub more: usize,
}

/// A row of a table: its name may come from the vendor, and its numbers are formatted.
pub(super) struct Row {
    pub name: String,
    pub gained: String,
    pub percent: String,
    pub followers: String,
}

impl Row {
    fn of(name: &str, gained: i64, percent: Option<f64>, followers: i64) -> Row {
        Row {
            name: name.to_owned(),
            gained: Signed(gained).to_string(),
            percent: percent.map_or(String::new(), |percent| SignedPercent(percent).to_string()),
            followers: Grouped(followers).to_string(),
        }
    }
}

/// Sentences under a heading.
pub(super) struct Section {
    pub title: &'static str,
    pub lines: Vec<Sentence>,
    /// Number of lines not shown.
    pub more: usize,
}

impl Digest {
    /// Returns the opening sentences: the total, how many accounts it covers, which not, and any caveat.
    pub(super) fn lead(&self) -> Vec<Sentence> {
        let mut lines: Vec<Sentence> = Vec::new();
        lines.extend(self.period.unfinished.map(|unfinished| unfinished.to_string().into()));
        match (&self.total, self.listed) {
            (_, 0) if self.selection.is_everything() => {
                lines.push(
                    "No account is watched yet: those in the configuration are once `growthd run` \
                     has read them."
                        .to_owned()
                        .into(),
                );
            }
            (_, 0) => lines.push(format!("No account{} is watched.", self.selection).into()),
            (None, 1) => lines.push(format!("The account was not {UNMEASURED}").into()),
            (None, listed) => {
                let listed = grouped(listed);
                lines.push(format!("None of the {listed} accounts was {UNMEASURED}").into());
            }
            (Some(total), listed) => {
                lines.push(sum(total).into());
                if total.accounts < listed {
                    let (counted, listed) = (grouped(total.accounts), grouped(listed));
                    let verb = if total.accounts == 1 { "is" } else { "are" };
                    let both = "included: measured at both ends.";
                    lines.push(format!("{counted} of {listed} accounts {verb} {both}").into());
                }
                if self.grew.is_empty() && self.lost.is_empty() {
                    let none = "No follower count changed by more than rounding.";
                    lines.push(none.to_owned().into());
                }
            }
        }
        lines.extend_from_slice(&self.apart);
        lines
    }

    /// Returns the tables of accounts that grew, of accounts that lost, and of tags.
    pub(super) fn numbers(&self) -> Vec<Numbers> {
        let of = |title, accounts: &[AccountGrowth]| {
            let known = accounts.iter().filter_map(|account| {
                let (gained, followers) = (account.gained?, account.followers?);
                Some(Row::of(&account.name, gained, account.percent(), followers))
            });
            let more = accounts.len().saturating_sub(SHOWN);
            Numbers { title, rows: known.take(SHOWN).collect(), more }
        };
        let tags = self
            .tags
            .iter()
            .take(SHOWN)
            .map(|(tag, total)| Row::of(tag, total.gained, total.percent(), total.followers));
        let more = self.tags.len().saturating_sub(SHOWN);
        let tags = Numbers { title: "TAG", rows: tags.collect(), more };
        let mut numbers = vec![of("GREW", &self.grew), of("LOST", &self.lost), tags];
        numbers.retain(|numbers| !numbers.rows.is_empty());
        numbers
    }

    /// Returns the events of the period, and what needs attention.
    pub(super) fn sections(&self) -> Vec<Section> {
        let milestones: Vec<_> = Milestone::largest_of_steps(&self.milestones).collect();
        let mut sections = vec![
            section("MILESTONES", &milestones, |reached| {
                let (count, name) = (Grouped(reached.milestone), short(&reached.name));
                format!("{name}: {count} {} by {}", reached.count, day(reached.time))
            }),
            section("UNUSUAL", &self.unusual, unusual),
            section("PROFILES", &self.changes, |change| {
                let (name, day) = (short(&change.name), day(change.time));
                format!("{name}: {} ({day})", described(change, NAME).isolated())
            }),
            section("SILENT", &self.silent, |account| silent(account, self.period.until)),
            section("FAILING NOW", &self.failing, |account| {
                let name = short(&account.name);
                let since = account.failing_since.map_or(String::new(), day);
                let error = quoted(account.last_error.as_deref().unwrap_or("?"), QUOTE);
                format!("{name} since {since}: {error}")
            }),
        ];
        let breaker = self.holds.breaker.as_slice();
        sections.push(section("BREAKER", breaker, |open| {
            let reason = quoted(&open.reason, QUOTE);
            format!("the vendor has been in trouble since {}: {reason}", day(open.since))
        }));
        sections.push(section("PAUSE", self.holds.long_pause().as_slice(), |pause| {
            quoted(&pause.to_string(), QUOTE)
        }));
        sections.push(section("BUDGET", self.short_budget().as_slice(), |budget| {
            let accounts = counted_are(self.held_back, "account");
            format!("used up: {accounts} held back until {}", budget.until)
        }));
        sections.retain(|section| !section.lines.is_empty());
        sections
    }

    /// Returns a sentence that names the empty sections.
    pub(super) fn nothing(&self) -> Option<String> {
        let parts = [
            (self.milestones.is_empty(), "no milestone"),
            (self.unusual.is_empty(), "nothing unusual"),
            (self.changes.is_empty(), "no profile changed"),
            (self.silent.is_empty(), "no account silent"),
            (self.failing.is_empty(), "no account failing"),
        ];
        let parts = parts.iter().filter(|(is_empty, _)| *is_empty);
        let parts: Vec<&str> = parts.map(|(_, what)| *what).collect();
        (self.listed > 0 && !parts.is_empty()).then(|| format!("Otherwise: {}.", parts.join(", ")))
    }
}

fn section<T>(title: &'static str, all: &[T], line: impl Fn(&T) -> String) -> Section {
    let lines = all.iter().take(SHOWN).map(|one| line(one).into()).collect();
    Section { title, lines, more: all.len().saturating_sub(SHOWN) }
}

/// Returns the total gain, with that of the period before if they are comparable.
fn sum(total: &Total) -> String {
    let percent =
        total.percent().map_or(String::new(), |percent| format!(" ({})", SignedPercent(percent)));
    let before = total
        .gained_before
        .map_or(String::new(), |before| format!("; {} in the period before", Signed(before)));
    let (gained, followers) = (Signed(total.gained), Grouped(total.followers));
    format!("{gained} followers{percent}, to {followers}{before}.")
}

fn unusual(step: &Unusual) -> String {
    let rate = |rate: f64| Signed(whole(rate));
    format!(
        "{}: {} {} by {}, {} a week; {} is usual",
        short(&step.name),
        Signed(step.delta),
        step.count,
        day(step.time),
        rate(step.per_7d),
        rate(step.usual_per_7d)
    )
}

/// `until` is the period's end.
fn silent(account: &SilentAccount, until: Option<Time>) -> String {
    let name = short(&account.name);
    match (account.since, until) {
        (Some(since), _) => format!("{name} since {}", day(since)),
        (None, Some(until)) if account.is_measured_later => {
            format!("{name}, not measured by {}", day(until))
        }
        (None, _) => format!("{name}, never measured"),
    }
}

fn short(name: &str) -> String {
    quoted(name, NAME)
}

pub(super) fn grouped(count: usize) -> Grouped {
    Grouped::of(count)
}
