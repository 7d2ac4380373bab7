//! The data of charts, totals and events, as JSON inside a script element that is not executed.

use serde::Serialize;

use crate::report::html::entry::Entry;
use crate::report::html::series::{Metric, Series};
use crate::report::html::steps::Steps;
use crate::store::{Reading, Suspect};

/// The most readings that are drawn per account: years of daily values, and more than a screen can
/// show.
pub(super) const DRAWN: usize = 1500;

/// An account's columns, of equal length. Times and counts are delta-encoded.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Columns {
    t: Vec<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    f: Vec<Option<i64>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    l: Vec<Option<i64>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    e: Vec<Option<f64>>,
    /// Indices of suspect readings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    s: Vec<usize>,
    /// Indices of readings of which only the likes are suspect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sl: Vec<usize>,
    /// When each gap begins and ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    g: Vec<(i64, i64)>,
    /// Its events, newest first: time, kind, description, and the instant that decides to which period
    /// it belongs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    v: Vec<(i64, &'static str, String, i64)>,
    /// When the account was removed from the watchlist: only the others are in the current totals.
    #[serde(skip_serializing_if = "Option::is_none")]
    off: Option<i64>,
    /// The newest followers: time, count, gain in the page's period, gain in the one before it, and
    /// the value of one step in the count's last digit.
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<[Option<i64>; 5]>,
    /// Followers at the start of each week: the number of the first week, its value, then deltas.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    w: Vec<Option<i64>>,
    /// The same at the start of each month.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    m: Vec<Option<i64>>,
    /// From which week on its value is rounded to which unit, and the same for months.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rw: Vec<(i64, i64)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rm: Vec<(i64, i64)>,
}

/// Returns `n` such that every `n`th reading is drawn.
pub(super) fn stride(readings: usize) -> usize {
    readings.div_ceil(DRAWN).max(1)
}

/// Returns the readings that are drawn: the last of each run, so that the newest is always included.
pub(super) fn drawn(series: &Series) -> impl Iterator<Item = &Reading> {
    let readings = series.readings();
    readings.rchunks(stride(readings.len())).rev().filter_map(<[_]>::last)
}

/// Returns an account's data as JSON that is safe inside a script element.
pub(super) fn chart_data(entry: &Entry) -> serde_json::Result<String> {
    serde_json::to_string(&columns(entry)).map(|json| escaped(&json))
}

/// Returns the part of the data from which totals over accounts are computed.
pub(super) fn sums(entry: &Entry) -> serde_json::Result<String> {
    let (w, m) = (steps(&entry.weeks), steps(&entry.months));
    serde_json::to_string(&Columns { w, m, off: removed(entry), ..Columns::default() })
        .map(|json| escaped(&json))
}

/// Escapes the characters that are special in HTML, and the two line separators that are special in
/// scripts.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            '\u{2028}' => text.push_str("\\u2028"),
            '\u{2029}' => text.push_str("\\u2029"),
            c => text.push(c),
        }
    }
    text
}

fn columns(entry: &Entry) -> Columns {
    let drawn: Vec<_> = drawn(&entry.series).collect();
    let counts = |metric, count: fn(&Reading) -> Option<i64>| {
        if !entry.series.has(metric) {
            return Vec::new();
        }
        let mut last = 0;
        let step = |reading: &&_| {
            let count = count(reading)?;
            let step = count.saturating_sub(last);
            last = count;
            Some(step)
        };
        drawn.iter().map(step).collect()
    };
    let suspect =
        |suspect| (0..drawn.len()).filter(|&index| drawn[index].suspect == suspect).collect();
    let mut last = 0;
    Columns {
        off: removed(entry),
        n: entry.newest().map(|(time, count)| {
            let by = entry.gain().map(|gain| gain.by);
            [Some(time.0), Some(count), by, entry.gained_before(), Some(entry.rounding())]
        }),
        w: steps(&entry.weeks),
        m: steps(&entry.months),
        rw: entry.weeks.roundings.clone(),
        rm: entry.months.roundings.clone(),
        t: drawn
            .iter()
            .map(|reading| {
                reading.time.since(crate::clock::Time(std::mem::replace(&mut last, reading.time.0)))
            })
            .collect(),
        f: counts(Metric::Followers, |reading| reading.followers),
        l: counts(Metric::Likes, |reading| reading.likes),
        e: match entry.series.has(Metric::Engagement) {
            true => drawn.iter().map(|reading| reading.engagement.map(short)).collect(),
            false => Vec::new(),
        },
        s: suspect(Suspect::Everything),
        sl: suspect(Suspect::Likes),
        g: entry.gaps.iter().map(|gap| (gap.from.0, gap.to.0)).collect(),
        v: entry
            .events
            .iter()
            .map(|event| {
                let text = event.text.isolated().to_owned();
                (event.time.0, event.kind.name(), text, event.dated.0)
            })
            .collect(),
    }
}

fn removed(entry: &Entry) -> Option<i64> {
    entry.account.removed.map(|time| time.0)
}

fn steps(steps: &Steps) -> Vec<Option<i64>> {
    if steps.values.is_empty() {
        return Vec::new();
    }
    let mut last = 0;
    let values = steps.values.iter().map(|&value| {
        let step = value?.saturating_sub(last);
        last = value?;
        Some(step)
    });
    std::iter::once(Some(steps.first)).chain(values).collect()
}

/// Rounds to four decimals, more than a chart can show.
fn short(rate: f64) -> f64 {
    (rate * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::entry::test_entry;

    #[test]
    fn escaped_json_contains_no_markup() {
        let text = "</script><!--&\u{2028}\u{2029}";
        let json = escaped(&serde_json::to_string(text).expect("JSON"));
        assert!(!json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), text);
    }

    #[test]
    fn counts_are_deltas_and_unreported_ones_are_null() {
        let entry = test_entry(&[(0, Some(100)), (7, None), (14, Some(130)), (42, Some(120))]);
        // What isolates the quoted text, as a visible character.
        let data = |entry| chart_data(entry).expect("JSON").replace(['\u{2068}', '\u{2069}'], "|");
        let json = data(&entry);
        assert_eq!(
            json,
            r#"{"t":[0,604800,604800,2419200],"f":[100,null,30,-10],"g":[[0,1209600],[1209600,3628800]],"v":[[0,"profile","|\u003ci\u003e�|",0]],"off":0,"n":[3628800,120,71,null,0]}"#
        );
        assert_eq!(
            data(&test_entry(&[])),
            r#"{"t":[],"v":[[0,"profile","|\u003ci\u003e�|",0]],"off":0}"#
        );
    }

    #[test]
    fn a_long_history_keeps_its_newest_reading_and_every_gap() {
        let mut days: Vec<(i64, Option<i64>)> = (0..4000).map(|day| (day, Some(day))).collect();
        days.push((4100, Some(5000)));
        let entry = test_entry(&days);
        let columns = columns(&entry);
        assert!(columns.t.len() <= DRAWN && columns.t.len() > DRAWN / 2);
        assert_eq!(columns.t.iter().sum::<i64>(), 4100 * 86_400);
        assert_eq!(columns.f.iter().flatten().sum::<i64>(), 5000);
        assert_eq!(columns.g, [(3999 * 86_400, 4100 * 86_400)]);
        for (from_end, is_drawn) in [(1, true), (2, false)] {
            let mut readings = entry.series.readings().to_vec();
            let index = readings.len() - from_end;
            readings[index].suspect = Suspect::Everything;
            let series = Series::new(readings);
            assert_eq!(drawn(&series).any(|r| r.suspect != Suspect::Nothing), is_drawn);
        }
    }
}
