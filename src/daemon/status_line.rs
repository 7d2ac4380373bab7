//! The daemon's state in the one line that `systemctl status` shows.

use std::fmt;
use std::time::Duration;

use tracing::{debug, info, warn};

use crate::clock::{self, Time};
use crate::daemon::http::Served;
use crate::daemon::notify::Notifier;
use crate::daemon::read_share::pause_after;
use crate::daemon::unused_edit::UnusedEdit;
use crate::engine::{Breaker, OpenBreaker};
use crate::printable::Printable;
use crate::report::{Grouped, TimeUntil, counted};
use crate::store::{Overview, Reader, StoreError, disk_trouble};

/// The shortest and the longest time between two lines. The line also ages without events: "in 3
/// h".
const MIN_INTERVAL: Duration = Duration::from_secs(5);
const MAX_INTERVAL: Duration = Duration::from_secs(60);

/// The content of the line.
#[derive(Debug)]
struct StatusLine {
    now: Time,
    /// Why nothing can be recorded.
    trouble: Option<String>,
    /// What will soon keep a refresh from being recorded.
    disk: Option<String>,
    unused_edit: Option<UnusedEdit>,
    breaker: Option<OpenBreaker>,
    overview: Overview,
    /// The spent credits and the budget.
    budget: Option<(u64, u64)>,
}

/// Keeps the line up to date until the daemon ends. Also logs a full disk, which nothing else
/// notices as long as the WAL file has room for what is recorded.
pub async fn keep(notifier: Notifier, served: Served) {
    let mut was_full = false;
    loop {
        let begun = clock::monotonic();
        let source = served.clone();
        match tokio::task::spawn_blocking(move || StatusLine::read(&source)).await {
            Ok(Ok(line)) => {
                match &line.disk {
                    Some(disk) if !was_full => warn!(
                        "{disk}; free some space: refreshes stop when they can no longer be recorded"
                    ),
                    None if was_full => info!("the disk has free space again"),
                    _ => {}
                }
                was_full = line.disk.is_some();
                notifier.status(&line.to_string());
            }
            Ok(Err(error)) => notifier.status(&error.to_string()),
            Err(error) => debug!("no status line: {error}"),
        }
        let took = clock::monotonic().duration_since(begun);
        tokio::time::sleep(MIN_INTERVAL.max(pause_after(took))).await;
        // Without a change, update the times in the line after a while.
        tokio::time::timeout(MAX_INTERVAL, notifier.change()).await.ok();
    }
}

impl StatusLine {
    fn read(served: &Served) -> Result<StatusLine, StoreError> {
        let now = clock::now().time();
        let mut reader = Reader::open(&served.database)?;
        let tx = reader.begin_read()?;
        let budget = *served.budget.borrow();
        Ok(StatusLine {
            now,
            trouble: served.metrics.trouble(),
            disk: disk_trouble(&served.database),
            unused_edit: served.metrics.unused_edit(),
            breaker: Breaker::read(&tx)?.as_open().cloned(),
            overview: tx.overview(now)?,
            budget: tx
                .budget_use(budget.as_ref(), now)?
                .map(|used| (used.spent, used.budget.refreshes)),
        })
    }
}

impl fmt::Display for StatusLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.now;
        if let Some(trouble) = &self.trouble {
            write!(f, "nothing is refreshed: {}; ", Printable(trouble))?;
        } else if let Some(disk) = &self.disk {
            write!(f, "{}; ", Printable(disk))?;
        }
        if let Some(edit) = &self.unused_edit {
            write!(f, "{edit}; ")?;
        }
        if let Some(open) = &self.breaker {
            let probe = TimeUntil { time: open.next_probe(now), now };
            write!(f, "vendor in trouble: {}, next probe {probe}; ", Printable(&open.reason))?;
        }
        let Overview { watched, next_due, overdue, failing, .. } = self.overview;
        f.write_str(&counted(watched, "account"))?;
        if let Some(time) = next_due
            && self.breaker.is_none()
        {
            write!(f, ", next {}", TimeUntil { time, now })?;
        }
        for (count, word) in [(overdue, "overdue"), (failing, "failing")] {
            if count > 0 {
                write!(f, ", {} {word}", Grouped::of(count))?;
            }
        }
        if let Some((spent, cap)) = self.budget {
            write!(f, ", budget {spent}/{cap}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> StatusLine {
        let now = Time(1_767_225_600);
        StatusLine {
            now,
            trouble: None,
            disk: None,
            unused_edit: None,
            breaker: None,
            overview: Overview {
                watched: 1204,
                next_due: Some(now.plus(3 * 3600)),
                overdue: 2,
                failing: 0,
                last_snapshot: None,
            },
            budget: Some((310, 1000)),
        }
    }

    #[test]
    fn the_line_shows_accounts_and_budget() {
        let text = line().to_string();
        assert_eq!(text, "1,204 accounts, next in 3 h, 2 overdue, budget 310/1000");
        let overview = Overview { watched: 1, ..Overview::default() };
        assert_eq!(StatusLine { overview, budget: None, ..line() }.to_string(), "1 account");
    }

    #[test]
    fn problems_come_first() {
        let trouble = Some("the disk\nis full".to_owned());
        let text =
            StatusLine { trouble, unused_edit: Some(UnusedEdit::Refused), ..line() }.to_string();
        assert!(text.starts_with("nothing is refreshed: the disk"), "{text}");
        assert!(!text.contains('\n'), "{text}");
        assert!(
            text.contains(
                "; the configuration was refused, and the daemon keeps using an older one; 1,204"
            ),
            "{text}"
        );
        let disk = Some("the disk of /d is full: 0 bytes free".to_owned());
        let text = StatusLine { disk, ..line() }.to_string();
        assert!(text.starts_with("the disk of /d is full: 0 bytes free; 1,204"), "{text}");
    }
}
