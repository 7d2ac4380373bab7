//! The numbers of all charts, as JSON inside a script element that is not run.

use serde::Serialize;

use crate::report::html::entry::Entry;

use crate::report::html::series::Metric;
use crate::report::html::steps::Steps;

/// Up to this many readings an account are drawn: years of days, and more than a screen shows.
pub(super) const DRAWN: usize = 1500;

/// An account's columns, of equal length. Times and counts are differences to the value before.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Columns {
    t: Vec<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    f: Vec<Option<i64>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    l: Vec<Option<i64>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    e: Vec<Option<f64>>,
    /// Places of suspect readings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    s: Vec<usize>,
    /// Places before which a metric has a hole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bf: Vec<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bl: Vec<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    be: Vec<usize>,
    /// 1 where the account is on the list: only those are in the sums of today.
    #[serde(skip_serializing_if = "is_none")]
    on: u8,
    /// The newest followers: when, how many, and how many had been gained in the page's period, in
    /// the one before it, and what a step in the count's last digit is worth.
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<[Option<i64>; 5]>,
    /// Followers where weeks begin: the number of the first week, its value, then differences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    w: Vec<Option<i64>>,
    /// The same where months begin.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    m: Vec<Option<i64>>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes what it asks about by reference"
)]
fn is_none(flag: &u8) -> bool {
    *flag == 0
}

/// Of how many readings in a row one is drawn.
pub(super) fn stride(readings: usize) -> usize {
    readings.div_ceil(DRAWN).max(1)
}

/// An account's numbers as JSON that can stand inside a script element.
pub(super) fn chart_data(entry: &Entry) -> serde_json::Result<String> {
    serde_json::to_string(&columns(entry)).map(|json| inert(&json))
}

/// The part of it that sums over accounts are made of.
pub(super) fn sums(entry: &Entry) -> serde_json::Result<String> {
    let (w, m) = (steps(&entry.weeks), steps(&entry.months));
    serde_json::to_string(&Columns { w, m, ..Columns::default() }).map(|json| inert(&json))
}

/// JSON without a character that HTML, or a script that holds it, could take for its own.
fn inert(json: &str) -> String {
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
    let readings = entry.series.readings();
    let stride = stride(readings.len());
    // The last of each run, so that the newest is always among them.
    let runs = readings.rchunks(stride).rev().filter_map(<[_]>::last);
    let drawn: Vec<_> = runs.collect();
    let offset = (stride - readings.len() % stride) % stride;
    let place = |reading: usize| (reading + offset) / stride;
    let breaks = |metric| {
        let mut places: Vec<usize> =
            entry.series.breaks(metric, entry.account.interval).into_iter().map(place).collect();
        places.dedup();
        places
    };
    let counts = |metric, count: fn(&crate::store::Reading) -> Option<i64>| {
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
    let mut last = 0;
    Columns {
        on: u8::from(entry.status.is_some()),
        n: entry.newest().map(|(time, count)| {
            let gain = entry.gain();
            let rounding = gain.map_or(0, |gain| gain.rounding);
            let by = gain.map(|gain| gain.by);
            [Some(time.0), Some(count), by, entry.gained_before(), Some(rounding)]
        }),
        w: steps(&entry.weeks),
        m: steps(&entry.months),
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
        s: (0..drawn.len()).filter(|&place| drawn[place].is_suspect).collect(),
        bf: breaks(Metric::Followers),
        bl: breaks(Metric::Likes),
        be: breaks(Metric::Engagement),
    }
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

/// Four places after the point are more than a chart tells.
fn short(rate: f64) -> f64 {
    (rate * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::entry::test_entry;

    #[test]
    fn nothing_in_the_island_is_markup() {
        let text = "</script><!--&\u{2028}\u{2029}";
        let json = inert(&serde_json::to_string(text).expect("JSON"));
        assert!(!json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), text);
    }

    #[test]
    fn counts_are_steps_and_what_was_not_told_is_null() {
        let entry = test_entry(&[(0, Some(100)), (7, None), (14, Some(130)), (42, Some(120))]);
        let json = chart_data(&entry).expect("JSON");
        assert_eq!(
            json,
            r#"{"t":[0,604800,604800,2419200],"f":[100,null,30,-10],"bf":[2,3],"n":[3628800,120,71,null,0]}"#
        );
        assert_eq!(chart_data(&test_entry(&[])).expect("JSON"), r#"{"t":[]}"#);
    }

    #[test]
    fn of_a_long_history_the_newest_and_every_hole_stay() {
        let mut days: Vec<(i64, Option<i64>)> = (0..4000).map(|day| (day, Some(day))).collect();
        days.push((4100, Some(5000)));
        let entry = test_entry(&days);
        let columns = columns(&entry);
        assert!(columns.t.len() <= DRAWN && columns.t.len() > DRAWN / 2);
        assert_eq!(columns.t.iter().sum::<i64>(), 4100 * 86_400);
        assert_eq!(columns.f.iter().flatten().sum::<i64>(), 5000);
        assert_eq!(columns.bf, [columns.t.len() - 1]);
    }
}
