//! `growthd demo`: a simulated year of weekly refreshes, in some twenty seconds.
//!
//! The engine, its runner, the HTTP client and the store are those of `growthd run`, and the
//! configuration is the one that is left in the folder. Only the vendor and the time are simulated.
//! All code reads one [`Clock`](crate::clock::Clock), which is set here: it stops while a call is
//! in flight, and otherwise jumps to the next time at which there is something to do. So the year
//! is the same however busy the machine is, and no response's date contradicts its arrival.
//!
//! - `year`: the events of the year and their times. Pure.
//! - `creators`: the accounts, as functions of the time. Pure.
//! - `folder`: the files that are left behind.
//! - `stage`: runs the engine on the simulated clock.
//! - `show`: prints the progress.

mod creators;
mod error;
mod folder;
mod pace;
mod show;
mod stage;
mod year;

use std::io::Write;

use crate::clock::Time;

pub use creators::VIRAL_LABEL;
pub use error::DemoError;
pub use folder::{FOLDER, Folder};
pub use pace::Pace;

use show::Show;
use stage::Stage;
use year::{Year, YearEvent};

/// How far a demo got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Played {
    /// To the end of the year.
    Whole,
    /// Interrupted by the user at this time of the year.
    Until(Time),
}

/// Simulates the year that ends at `now`, and leaves its files in `folder`. An interruption is not
/// an error.
pub async fn play(
    folder: &Folder,
    now: Time,
    pace: Pace,
    out: &mut dyn Write,
) -> Result<Played, DemoError> {
    let year = Year::ending(now);
    let mut stage = Stage::new(folder, &year, pace, Show::new(&year, pace, out)).await?;
    let result = simulate(&mut stage, &year).await;
    let reached = stage.time();
    // Calls in flight are recorded in any case.
    let stopped = stage.stop().await;
    stage.show.close();
    match result {
        Ok(()) => stopped.map(|()| Played::Whole),
        Err(DemoError::Stopped) => stopped.map(|()| Played::Until(reached)),
        Err(error) => Err(error),
    }
}

async fn simulate(stage: &mut Stage<'_>, year: &Year) -> Result<(), DemoError> {
    stage.show.begin()?;
    stage.start().await?;
    for (time, event) in year.events() {
        stage.wait_until(time).await?;
        stage.show.year_event(time, event)?;
        match event {
            YearEvent::MachineOff => stage.stop().await?,
            YearEvent::MachineOn => stage.start().await?,
            YearEvent::VendorDown => stage.vendor_down(),
            YearEvent::VendorUp => stage.vendor_up(),
            YearEvent::Added => stage.add_newcomer().await?,
            YearEvent::ByHand { .. } => stage.refresh_by_hand().await?,
            YearEvent::Viral
            | YearEvent::Renamed
            | YearEvent::Vanished
            | YearEvent::ClocksChange { .. }
            | YearEvent::MonthEnds => {}
        }
    }
    stage.wait_until(year.end).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What every year shows.
    const SHOWN: [&str; 13] = [
        "11 accounts have their first snapshot",
        "calls itself @sourdough.robotics",
        "Lighthouse Kitchen: 0 followers after",
        "the machine is switched off",
        "one for each account",
        "the breaker opens",
        "the breaker closes after",
        "goes viral",
        "Dancing Toaster: ",
        "Tidepool Diaries: ",
        "the budget is spent",
        "the clocks go ",
        "Comet Watch: HTTP 404",
    ];

    async fn year_to(end: &str) {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = Folder::claim(parent.path()).expect("a demo's folder");
        let mut out = Vec::new();
        let time = end.parse().expect("a time");
        let played = play(&folder, time, Pace::Unwatched, &mut out).await.expect("a year");
        assert_eq!(played, Played::Whole);
        let out = String::from_utf8(out).expect("UTF-8");
        for words in SHOWN {
            assert!(out.contains(words), "{words:?} in the year to {end}: {out}");
        }
        assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_year_to_any_day_shows_everything() {
        // In the month of the newcomer, soon after it, and at the turn of a year. Concurrently,
        // since they mostly wait for the disk.
        tokio::join!(
            year_to("2027-06-14T12:00:00Z"),
            year_to("2026-07-05T23:00:00Z"),
            year_to("2028-01-01T00:00:00Z"),
        );
    }
}
