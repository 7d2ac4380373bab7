//! From when on: a length of time back, a day, or an instant.

use std::str::FromStr;

use crate::clock::Time;
use crate::config::{InvalidSpan, Span};

/// A point in the past as a person names it: `90d`, `2026-01-01` (its midnight, UTC) or
/// `2026-01-01T06:00:00Z`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Since {
    /// So long before now.
    Back(Span),
    /// At this instant.
    At(Time),
}

/// Why a text is no point in the past.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidSince {
    /// Neither a length of time, nor a day, nor an instant.
    #[error(
        "expected a length of time (90d), a day (2026-01-01) or an instant (2026-01-01T06:00:00Z)"
    )]
    Shape,
    /// A length of time over what is accepted.
    #[error(transparent)]
    Span(InvalidSpan),
}

/// It has not come yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("--since {at} lies in the future (it is {now}): name a point in the past")]
pub struct Future {
    at: Time,
    now: Time,
}

impl Since {
    /// The instant it means now.
    ///
    /// # Errors
    /// [`Future`].
    pub fn resolve(self, now: Time) -> Result<Time, Future> {
        match self {
            Since::Back(span) => Ok(now.plus(-span.seconds())),
            Since::At(at) if at > now => Err(Future { at, now }),
            Since::At(at) => Ok(at),
        }
    }
}

impl FromStr for Since {
    type Err = InvalidSince;

    fn from_str(text: &str) -> Result<Since, InvalidSince> {
        match text.parse() {
            Ok(span) => return Ok(Since::Back(span)),
            Err(InvalidSpan::TooLong) => return Err(InvalidSince::Span(InvalidSpan::TooLong)),
            Err(InvalidSpan::Shape) => {}
        }
        let instant = text.parse().or_else(|_| format!("{text}T00:00:00Z").parse());
        instant.map(Since::At).map_err(|_| InvalidSince::Shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_in_the_past_has_three_forms() {
        for (text, at) in [
            ("90d", Ok(Time(1_800_000_000 - 90 * 86_400))),
            ("0s", Ok(Time(1_800_000_000))),
            ("2026-01-01", Ok(Time(1_767_225_600))),
            ("2026-01-01T06:00:00Z", Ok(Time(1_767_247_200))),
            ("2026-01-01T06:00:00+02:00", Ok(Time(1_767_240_000))),
            ("4000d", Err(InvalidSince::Span(InvalidSpan::TooLong))),
            ("2026-02-30", Err(InvalidSince::Shape)),
            ("2026-1-1", Err(InvalidSince::Shape)),
            ("yesterday", Err(InvalidSince::Shape)),
            ("", Err(InvalidSince::Shape)),
        ] {
            let now = Time(1_800_000_000);
            let read = text.parse::<Since>().map(|since| since.resolve(now).expect("past"));
            assert_eq!(read, at, "{text:?}");
        }
    }

    #[test]
    fn the_future_is_none() {
        let since: Since = "2027-01-16".parse().expect("a day");
        let told = since.resolve(Time(1_800_000_000)).expect_err("the future").to_string();
        assert_eq!(
            told,
            "--since 2027-01-16T00:00:00Z lies in the future (it is 2027-01-15T08:00:00Z): \
             name a point in the past"
        );
    }
}
