//! Reasons to distrust the counts of a response.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef};

use crate::clock::Time;
use crate::measurement::{Measurement, Number};

/// The reasons why a response's counts are not measured. They are stored with the snapshot, so that
/// whether a count is measured never changes afterwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Suspicion(u8);

impl Suspicion {
    /// Likes fell to 0. This makes only the likes suspect.
    const LIKES: Suspicion = Suspicion(1);
    pub(crate) const ZERO: Suspicion = Suspicion(2);
    /// The response repeats the one before it.
    pub(crate) const CACHED: Suspicion = Suspicion(4);
    /// The vendor's clock contradicts ours.
    pub(crate) const CLOCK: Suspicion = Suspicion(8);

    pub(super) fn and(self, other: Suspicion) -> Suspicion {
        Suspicion(self.0 | other.0)
    }

    /// Returns the followers and the likes that count as measured.
    pub(super) fn measured(self, measurement: &Measurement) -> [Option<i64>; 2] {
        [
            measurement.followers.filter(|_| self.0 < Suspicion::ZERO.0),
            measurement.likes.filter(|_| self == Suspicion::default()),
        ]
    }

    /// Returns the followers and the likes that a later 0 is compared with: what counts as measured, and
    /// what is above 0 although the response is suspect for another reason.
    pub(super) fn known(self, measurement: &Measurement) -> [Option<i64>; 2] {
        let [followers, likes] = self.measured(measurement);
        let above_zero = |count: Option<i64>| count.filter(|count| *count > 0);
        [followers.or(above_zero(measurement.followers)), likes.or(above_zero(measurement.likes))]
    }

    /// Replaces a `zero` that names no count, by that of each count that is 0 and before which nothing
    /// measured is known: it fell before the history begins. If another count was `found` to fall here,
    /// that is what was meant, and only those that had `fallen` before are still suspect.
    pub(super) fn of_first_zeros(
        self,
        found: Suspicion,
        fallen: Suspicion,
        measurement: &Measurement,
        known: &Known,
    ) -> Suspicion {
        let is_stated = self.has(Suspicion::ZERO);
        let is_explained = found.has(Suspicion::LIKES.and(Suspicion::ZERO));
        let applies = |reason, now: Option<i64>, then: Option<i64>| {
            let is_first = now == Some(0) && then.is_none();
            is_stated && is_first && (!is_explained || fallen.has(reason))
        };
        Suspicion(self.0 & !Suspicion::ZERO.0)
            .with(Suspicion::LIKES, applies(Suspicion::LIKES, measurement.likes, known.likes))
            .with(Suspicion::ZERO, applies(Suspicion::ZERO, measurement.followers, known.followers))
    }

    /// Returns whether this is any of the reasons.
    fn has(self, reasons: Suspicion) -> bool {
        self.0 & reasons.0 != 0
    }

    /// Returns whether any count is measured, like the column `_snapshot.is_measured`.
    pub fn is_any_measured(self, measurement: &Measurement) -> bool {
        let [_, likes] = self.measured(measurement);
        let Measurement { followers, following, videos, .. } = measurement;
        self.0 < Suspicion::ZERO.0 && followers.or(*following).or(*videos).or(likes).is_some()
    }

    /// Returns the reason, as the column `suspect` of the views names it.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Suspicion(0) => None,
            _ if self.has(Suspicion::ZERO) => Some("zero"),
            _ if self.has(Suspicion::CACHED) => Some("cached"),
            _ if self.has(Suspicion::CLOCK) => Some("clock"),
            _ => Some("zero"),
        }
    }

    /// Returns whether only the likes are suspect.
    pub fn is_of_likes_alone(self) -> bool {
        self == Suspicion::LIKES
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

/// The numbers of a stored snapshot, to compare a new response with.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Previous {
    pub counts: [Option<i64>; 4],
    /// Engagement rate and virality score.
    pub rates: [Option<f64>; 2],
    pub avg_views: Option<Number>,
    /// When the vendor read the platform.
    pub analyzed: Option<Time>,
}

impl From<&Measurement> for Previous {
    fn from(measurement: &Measurement) -> Previous {
        Previous {
            counts: measurement.counts(),
            rates: [measurement.engagement_rate, measurement.virality_score],
            avg_views: measurement.avg_views,
            analyzed: measurement.analyzed,
        }
    }
}

/// What a new response is compared with.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Known {
    /// The snapshot before it, measured or not.
    pub last: Option<Previous>,
    pub followers: Option<i64>,
    pub likes: Option<i64>,
}

/// Returns why a response is suspect. A count of 0 is compared with the last value that was measured or
/// above 0, so that every response of a run of zeros is suspect, however long the run, and whatever
/// spoke against the response before it.
pub(super) fn suspicion(
    measurement: &Measurement,
    known: &Known,
    clock_contradicts: bool,
) -> Suspicion {
    let fell = |now: Option<i64>, then: Option<i64>| now == Some(0) && then.is_some_and(|n| n > 0);
    let is_cached =
        measurement.analyzed.is_some() && known.last == Some(Previous::from(measurement));
    Suspicion::default()
        .with(Suspicion::LIKES, fell(measurement.likes, known.likes))
        .with(Suspicion::ZERO, fell(measurement.followers, known.followers))
        .with(Suspicion::CACHED, is_cached)
        .with(Suspicion::CLOCK, clock_contradicts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;

    #[test]
    fn a_reason_is_the_one_in_the_views() {
        let column = "CASE WHEN suspect & 2 THEN 'zero' WHEN suspect & 4 THEN 'cached' \
                      WHEN suspect & 8 THEN 'clock' WHEN suspect THEN 'zero' END";
        assert!(include_str!("schema/tables.sql").contains(column));
        let database = rusqlite::Connection::open_in_memory().expect("a database");
        for bits in 0..16 {
            let sql = format!("SELECT {column} FROM (SELECT ?1 AS suspect)");
            let reason: Option<String> =
                database.query_row(&sql, [bits], |row| row.get(0)).expect("a row");
            assert_eq!(Suspicion(bits).reason(), reason.as_deref(), "{bits}");
        }
    }

    fn measurement(
        followers: Option<i64>,
        likes: Option<i64>,
        analyzed: Option<i64>,
    ) -> Measurement {
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
    fn a_zero_is_held_against_the_last_known_count() {
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
            let found = suspicion(&measurement(now.0, now.1, None), &known(then.0, then.1), false);
            assert_eq!(found, Suspicion(expected), "{now:?} after {then:?}");
        }
    }

    /// In each, the source says `zero` of a response with 0 followers and 0 likes.
    #[test]
    fn a_stated_zero_is_of_what_fell_before_the_history_unless_another_count_falls_here() {
        let none = Suspicion::default();
        for (known, fallen, expected) in [
            ((None, None), none, Suspicion::LIKES.and(Suspicion::ZERO)),
            ((None, Some(7)), none, none),
            ((None, Some(7)), Suspicion::ZERO, Suspicion::ZERO),
            ((Some(7), None), none, none),
            ((Some(7), None), Suspicion::LIKES, Suspicion::LIKES),
            ((Some(0), Some(0)), Suspicion::ZERO, none),
        ] {
            let response = measurement(Some(0), Some(0), None);
            let before = Known { last: None, followers: known.0, likes: known.1 };
            let found = suspicion(&response, &before, false);
            let first = Suspicion::ZERO.of_first_zeros(found, fallen, &response, &before);
            assert_eq!(first, expected, "{known:?} {fallen:?}");
        }
    }

    #[test]
    fn a_count_above_0_is_known_whatever_speaks_against_its_response() {
        for (suspect, counts, expected) in [
            (Suspicion::default(), (Some(5), Some(7)), [Some(5), Some(7)]),
            (Suspicion::default(), (Some(0), Some(0)), [Some(0), Some(0)]),
            (Suspicion::CLOCK, (Some(5), Some(7)), [Some(5), Some(7)]),
            (Suspicion::CLOCK, (Some(0), Some(0)), [None, None]),
            (Suspicion::ZERO, (Some(0), Some(7)), [None, Some(7)]),
            (Suspicion::LIKES, (Some(5), Some(0)), [Some(5), None]),
        ] {
            assert_eq!(
                suspect.known(&measurement(counts.0, counts.1, None)),
                expected,
                "{suspect:?}"
            );
        }
    }

    #[test]
    fn the_last_answer_once_more_is_cached_where_the_vendor_had_not_looked_again() {
        let known = |last: Measurement| Known {
            followers: last.followers,
            likes: last.likes,
            last: Some(Previous::from(&last)),
        };
        let of = |followers, analyzed| measurement(Some(followers), None, analyzed);
        for (now, then, expected) in [
            (of(5, Some(1)), of(5, Some(1)), Suspicion::CACHED),
            (of(5, Some(2)), of(5, Some(1)), Suspicion::default()),
            (of(6, Some(1)), of(5, Some(1)), Suspicion::default()),
            (of(5, None), of(5, None), Suspicion::default()),
        ] {
            assert_eq!(suspicion(&now, &known(then.clone()), false), expected, "{now:?}");
            let found = suspicion(&now, &known(then), true);
            assert_eq!(found, expected.with(Suspicion::CLOCK, true));
        }
    }
}
