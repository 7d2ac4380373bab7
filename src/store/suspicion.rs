//! What speaks against the numbers of an answer, count by count.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef};

use crate::clock::Time;
use crate::measurement::{Measurement, Number};

/// The reasons not to take an answer's counts for measured. They are stored, so that a count is
/// measured or not for good, whatever comes later.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Suspicion(u8);

impl Suspicion {
    /// Likes fell to 0. It speaks against them alone.
    const LIKES: Suspicion = Suspicion(1);
    /// Followers fell to 0.
    const ZERO: Suspicion = Suspicion(2);
    /// It is the last answer once more.
    const CACHED: Suspicion = Suspicion(4);
    /// The vendor's clock contradicts ours.
    const CLOCK: Suspicion = Suspicion(8);

    /// Whether nothing speaks against the answer as a whole.
    pub fn is_measured(self) -> bool {
        self.0 < Suspicion::ZERO.0
    }

    fn with(self, reason: Suspicion, applies: bool) -> Suspicion {
        Suspicion(if applies { self.0 | reason.0 } else { self.0 })
    }
}

impl ToSql for Suspicion {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl FromSql for Suspicion {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Suspicion> {
        u8::column_result(value).map(Suspicion)
    }
}

/// The numbers of a stored snapshot, to hold a new one against.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Previous {
    /// Followers, following, videos, likes.
    pub counts: [Option<i64>; 4],
    /// Engagement rate and virality score.
    pub rates: [Option<f64>; 2],
    /// Average views.
    pub avg_views: Option<Number>,
    /// When the vendor had scraped the platform.
    pub analyzed: Option<Time>,
}

impl From<&Measurement> for Previous {
    fn from(told: &Measurement) -> Previous {
        Previous {
            counts: told.counts(),
            rates: [told.engagement_rate, told.virality_score],
            avg_views: told.avg_views,
            analyzed: told.analyzed,
        }
    }
}

/// What an answer is held against.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Known {
    /// The answer before it, measured or not.
    pub last: Option<Previous>,
    /// The last measured followers.
    pub followers: Option<i64>,
    /// The last measured likes.
    pub likes: Option<i64>,
}

/// What speaks against an answer. A count that fell to 0 is held against the last *measured* one,
/// so that a stretch of zeros is suspect to its end, however long.
pub(super) fn suspicion(told: &Measurement, known: &Known, clock_contradicts: bool) -> Suspicion {
    let fell = |now: Option<i64>, then: Option<i64>| now == Some(0) && then.is_some_and(|n| n > 0);
    let is_cached = told.analyzed.is_some() && known.last == Some(Previous::from(told));
    Suspicion::default()
        .with(Suspicion::LIKES, fell(told.likes, known.likes))
        .with(Suspicion::ZERO, fell(told.followers, known.followers))
        .with(Suspicion::CACHED, is_cached)
        .with(Suspicion::CLOCK, clock_contradicts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;

    fn told(followers: Option<i64>, likes: Option<i64>, analyzed: Option<i64>) -> Measurement {
        Measurement {
            followers,
            likes,
            following: Some(0),
            videos: Some(0),
            analyzed: analyzed.map(Time),
            ..Measurement::default()
        }
    }

    #[test]
    fn a_zero_is_held_against_the_last_measured_count() {
        let known = |followers, likes| Known { last: None, followers, likes };
        for (now, then, expected) in [
            ((Some(0), Some(0)), (None, None), 0),
            ((Some(0), Some(0)), (Some(0), Some(0)), 0),
            ((Some(0), Some(5)), (Some(1010), Some(5)), 2),
            ((Some(10), Some(0)), (Some(1010), Some(5)), 1),
            ((Some(0), Some(0)), (Some(1010), Some(5)), 3),
            ((None, None), (Some(1010), Some(5)), 0),
            ((Some(1), None), (Some(1010), Some(5)), 0),
        ] {
            let found = suspicion(&told(now.0, now.1, None), &known(then.0, then.1), false);
            assert_eq!(found, Suspicion(expected), "{now:?} after {then:?}");
            assert_eq!(found.is_measured(), expected < 2);
        }
    }

    #[test]
    fn the_last_answer_once_more_is_cached_where_the_vendor_had_not_looked_again() {
        let known = |last: Measurement| Known {
            followers: last.followers,
            likes: last.likes,
            last: Some(Previous::from(&last)),
        };
        let of = |followers, analyzed| told(Some(followers), None, analyzed);
        for (now, then, expected) in [
            (of(5, Some(1)), of(5, Some(1)), Suspicion::CACHED),
            (of(5, Some(2)), of(5, Some(1)), Suspicion::default()),
            (of(6, Some(1)), of(5, Some(1)), Suspicion::default()),
            (of(5, None), of(5, None), Suspicion::default()),
        ] {
            assert_eq!(suspicion(&now, &known(then.clone()), false), expected, "{now:?}");
            let found = suspicion(&now, &known(then), true);
            assert_eq!(found, expected.with(Suspicion::CLOCK, true));
            assert!(!found.is_measured());
        }
    }
}
