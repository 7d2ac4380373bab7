//! How much of the time the daemon reads the database for those who watch it.

use std::time::Duration;

/// At most one part in this many of the time is spent on such reads, unless they are very slow.
const MAX_SHARE: u32 = 50;

/// The longest pause after a read, the shortest usual interval of scrapes: a single slow read, as on a
/// busy disk, must not keep what it found on display for minutes.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Returns how long to use the result of a read that took this long.
pub fn pause_after(took: Duration) -> Duration {
    took.saturating_mul(MAX_SHARE).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_with_the_read_up_to_a_limit() {
        for (took, pause) in [(0, 0), (2, 100), (300, 15_000), (301, 15_000), (60_000, 15_000)] {
            assert_eq!(pause_after(Duration::from_millis(took)), Duration::from_millis(pause));
        }
        assert_eq!(pause_after(Duration::MAX), LONGEST_PAUSE);
    }
}
