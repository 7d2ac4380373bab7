//! Parsing of cells. Nothing is guessed: `1.234` may be a thousand or a fraction, depending on locale.

use jiff::civil::{Date, DateTime};

use crate::clock::Time;
use crate::store::Suspicion;

/// Parses a count in digits, to which some programs append a zero fraction: 1234, 1234.0. Three
/// zeros may be thousands.
pub(super) fn count(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_zero = matches!(fraction, "0" | "00");
    let is_digits = whole.bytes().all(|byte| byte.is_ascii_digit());
    (is_zero && is_digits).then(|| whole.parse().ok()).flatten()
}

/// Parses an instant, a day (its midnight in UTC), or unix seconds.
pub(super) fn instant(text: &str) -> Option<Time> {
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    // Eight digits are not accepted, because they may be a date.
    if (9..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Time);
    }
    let minutes = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|format| DateTime::strptime(format, text).ok());
    let midnight =
        || Some(Date::strptime("%Y-%m-%d", text).ok()?.to_datetime(jiff::civil::Time::midnight()));
    let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    Some(Time(epoch.duration_until(minutes.or_else(midnight)?).as_secs()))
}

/// Parses why a snapshot is suspect, as exported.
pub(super) fn suspect(text: &str) -> Option<Suspicion> {
    match text {
        "" => Some(Suspicion::default()),
        "zero" => Some(Suspicion::ZERO),
        "cached" => Some(Suspicion::CACHED),
        "clock" => Some(Suspicion::CLOCK),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_parsed_strictly() {
        for (text, expected) in [
            ("1234", Some(1234)),
            ("1234.0", Some(1234)),
            ("0", Some(0)),
            ("1,234", None),
            ("1234.00", Some(1234)),
            ("1.234", None),
            ("15.000", None),
            ("1234.000000", None),
            ("1234.", None),
            (".0", None),
            ("-1", None),
            ("12K", None),
            ("9223372036854775808", None),
        ] {
            assert_eq!(count(text), expected, "{text}");
        }
        let at = |seconds| Some(Time(seconds));
        for (text, expected) in [
            ("2026-01-05", at(1_767_571_200)),
            ("2026-01-05 06:00", at(1_767_592_800)),
            ("2026-01-05 06:00:00", at(1_767_592_800)),
            ("2026-01-05T08:00:00+02:00", at(1_767_592_800)),
            ("1767592800", at(1_767_592_800)),
            ("20260105", None),
            ("05.01.2026", None),
            ("1/5/2026", None),
            ("2026-02-29", None),
            ("", None),
        ] {
            assert_eq!(instant(text), expected, "{text}");
        }
    }
}
