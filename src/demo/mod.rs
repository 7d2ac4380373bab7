//! `growthd demo`: a year of weekly refreshes, lived through in some twenty seconds.
//!
//! The engine, its runner, the HTTP client and the store are those of `growthd run`, and the
//! configuration is the one that is left in the folder. Only the vendor and the time are
//! simulated. Everybody reads one [`Clock`](crate::clock::Clock), whose hand is moved here: it
//! stands still while a call is on its way, and goes from one thing to do to the next otherwise.
//! So a year is the same year however busy the machine is, and no answer's date contradicts its
//! arrival.
//!
//! - `year`: what happens in it, and when. Pure.
//! - `creators`: the accounts, as functions of the time. Pure.
//! - `folder`: what is left behind.
//! - `stage`: the engine at work, on the clock.
//! - `show`: what a person sees of it.

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
use year::{Happening, Year};

/// How far a demo came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Played {
    /// Through the year.
    Whole,
    /// Somebody ended it at this time of the year.
    Until(Time),
}

/// Lives through the year that ends `now`, and leaves it in `folder`.
///
/// # Errors
/// [`DemoError`], but not that it was ended early.
pub async fn play(
    folder: &Folder,
    now: Time,
    pace: Pace,
    out: &mut dyn Write,
) -> Result<Played, DemoError> {
    let year = Year::ending(now);
    let mut stage = Stage::new(folder, &year, pace, Show::new(&year, pace, out)).await?;
    let lived = live_through(&mut stage, &year).await;
    let reached = stage.time();
    // What is on its way is recorded, however it ended.
    let stopped = stage.stop().await;
    stage.show.close();
    match lived {
        Ok(()) => stopped.map(|()| Played::Whole),
        Err(DemoError::Stopped) => stopped.map(|()| Played::Until(reached)),
        Err(error) => Err(error),
    }
}

async fn live_through(stage: &mut Stage<'_>, year: &Year) -> Result<(), DemoError> {
    stage.show.begin()?;
    stage.start().await?;
    for (time, happening) in year.happenings() {
        stage.wait_until(time).await?;
        stage.show.happens(time, happening)?;
        match happening {
            Happening::MachineOff => stage.stop().await?,
            Happening::MachineOn => stage.start().await?,
            Happening::VendorDown => stage.vendor_down(),
            Happening::VendorUp => stage.vendor_up(),
            Happening::Added => stage.add_newcomer().await?,
            Happening::ByHand { .. } => stage.refresh_by_hand().await?,
            Happening::Viral
            | Happening::Renamed
            | Happening::Vanished
            | Happening::ClocksChange { .. }
            | Happening::MonthEnds => {}
        }
    }
    stage.wait_until(year.end).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What every year brings, by the words with which it is told.
    const TOLD: [&str; 13] = [
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
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::claim(place.path()).expect("a demo's folder");
        let mut out = Vec::new();
        let time = end.parse().expect("a time");
        let played = play(&folder, time, Pace::Unwatched, &mut out).await.expect("a year");
        assert_eq!(played, Played::Whole);
        let out = String::from_utf8(out).expect("UTF-8");
        for words in TOLD {
            assert!(out.contains(words), "{words:?} in the year to {end}: {out}");
        }
        assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whatever_day_it_is_the_year_tells_everything() {
        // In the month of the newcomer, soon after it, at a turn of the year. They wait for the
        // disk most of the time, and so do it together.
        tokio::join!(
            year_to("2027-06-14T12:00:00Z"),
            year_to("2026-07-05T23:00:00Z"),
            year_to("2028-01-01T00:00:00Z"),
        );
    }
}
