//! The events of the demo's year and their times. Pure.

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::{Offset, TimeZone};

use crate::clock::Time;

/// The time zone of the demo's schedules.
pub(super) const ZONE: &str = "Europe/Berlin";

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// In seconds.
pub(super) const WEEK: i64 = 7 * DAY;

/// On how many consecutive days accounts are refreshed by hand too.
const DAYS_BY_HAND: i64 = 14;

/// A year that ends now, so that queries about the current week find data.
#[derive(Clone, Debug)]
pub(super) struct Year {
    pub start: Time,
    pub end: Time,
    /// When an account changes its name.
    pub renamed: Time,
    /// From when to when an account shows 0 followers.
    pub zero: (Time, Time),
    pub machine_off: (Time, Time),
    pub vendor_down: (Time, Time),
    pub viral: Time,
    pub added: Time,
    /// The first day on which accounts are refreshed by hand too.
    pub by_hand: Time,
    pub vanished: Time,
}

/// An event of the year, to be acted upon or only shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum YearEvent {
    /// In the last second of the month, before calls that wait for the next one's budget.
    MonthEnds,
    Renamed,
    MachineOff,
    MachineOn,
    VendorDown,
    VendorUp,
    Viral,
    /// An account joins the watchlist.
    Added,
    /// A client's accounts are refreshed outside their schedule.
    ByHand {
        is_first: bool,
    },
    Vanished,
    ClocksChange {
        /// How many hours the clocks go forward.
        hours: i32,
        /// The hour in UTC of six in the morning after the change.
        six_is: i32,
    },
}

impl Year {
    pub fn ending(end: Time) -> Year {
        let start = end.plus(-365 * DAY);
        let monday = |week: i64| monday_after(start).plus(week * WEEK);
        let machine_off = (monday(13).plus(DAY + 12 * HOUR), monday(16).plus(3 * DAY + 8 * HOUR));
        let month = month_after(monday(29));
        let by_hand = month.plus(7 * DAY + 15 * HOUR);
        // When the budget of that month may be spent.
        let end_of_month = (month.plus(19 * DAY), month_after(month.plus(DAY)));
        Year {
            start,
            end,
            renamed: monday(5).plus(-3 * DAY + 14 * HOUR),
            zero: (monday(9), monday(10)),
            machine_off,
            vendor_down: (monday(20).plus(14 * HOUR), monday(20).plus(21 * HOUR + HOUR / 2)),
            viral: monday(24).plus(12 * HOUR),
            added: june_day(start, end, &[machine_off, end_of_month]),
            by_hand,
            vanished: monday(42).plus(-2 * DAY + 11 * HOUR),
        }
    }

    /// Returns all events in order.
    pub fn events(&self) -> Vec<(Time, YearEvent)> {
        let by_hand = (0..DAYS_BY_HAND)
            .map(|day| (self.by_hand.plus(day * DAY), YearEvent::ByHand { is_first: day == 0 }));
        let months = std::iter::successors(Some(month_after(self.start)), |month| {
            Some(month_after(month.plus(DAY)))
        });
        let months = months.take_while(|month| *month < self.end);
        let mut all = vec![
            (self.renamed, YearEvent::Renamed),
            (self.machine_off.0, YearEvent::MachineOff),
            (self.machine_off.1, YearEvent::MachineOn),
            (self.vendor_down.0, YearEvent::VendorDown),
            (self.vendor_down.1, YearEvent::VendorUp),
            (self.viral, YearEvent::Viral),
            (self.added, YearEvent::Added),
            (self.vanished, YearEvent::Vanished),
        ];
        all.extend(by_hand);
        all.extend(months.map(|month| (month.plus(-1), YearEvent::MonthEnds)));
        all.extend(self.clock_changes());
        all.sort_by_key(|(time, _)| *time);
        all
    }

    fn clock_changes(&self) -> Vec<(Time, YearEvent)> {
        let bounds = [self.start, self.end].map(|time| Timestamp::from_second(time.0));
        let (Ok(zone), [Ok(start), Ok(end)]) = (TimeZone::get(ZONE), bounds) else {
            return Vec::new();
        };
        let hours = |offset: Offset| offset.seconds() / 3600;
        let changes = zone.following(start).take_while(|change| change.timestamp() < end);
        let changes = changes.map(|change| {
            let time = Time(change.timestamp().as_second());
            let before = Timestamp::from_second(time.0 - 1).map(|before| zone.to_offset(before));
            let before = before.unwrap_or(change.offset());
            let hours_forward = hours(change.offset()) - hours(before);
            let six_is = 6 - hours(change.offset());
            (time, YearEvent::ClocksChange { hours: hours_forward, six_is })
        });
        changes.collect()
    }
}

/// Returns the first midnight of a Monday that is not before `time`, in UTC.
fn monday_after(time: Time) -> Time {
    // 1970 began on a Thursday.
    let days = (time.0 + DAY - 1).div_euclid(DAY);
    Time((days + (4 - days).rem_euclid(7)) * DAY)
}

/// Returns the first midnight of a month that is not before `time`, in UTC.
fn month_after(time: Time) -> Time {
    let first = Time(time.0 - 1).utc().date().first_of_month();
    let next = first.saturating_add(jiff::ToSpan::months(1));
    Time(next.duration_since(date(1970, 1, 1)).as_secs())
}

/// Returns a morning in June that is well within the year, and as far as possible from the periods
/// in `taken`.
fn june_day(start: Time, end: Time, taken: &[(Time, Time)]) -> Time {
    const AWAY: i64 = 12 * DAY;
    let years = [start, end].map(|time| time.utc().year());
    let mornings = years
        .into_iter()
        .flat_map(|year| (1..=30).filter_map(move |day| jiff::civil::Date::new(year, 6, day).ok()));
    let distance = |time: Time| {
        let taken = taken.iter().map(|(from, to)| from.since(time).max(time.since(*to)));
        taken.chain([time.since(start), end.since(time)]).min().unwrap_or(0).min(AWAY)
    };
    mornings
        .map(|day| Time(day.duration_since(date(1970, 1, 1)).as_secs() + 9 * HOUR))
        // Of equally distant ones, the first.
        .min_by_key(|time| (-distance(*time), *time))
        .unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_to_any_day_has_all_events_in_a_sensible_order() {
        let now: Time = "2026-11-25T07:30:00Z".parse().expect("a time");
        for day in 0..1500 {
            let year = Year::ending(now.plus(day * (DAY + 61)));
            let all = year.events();
            let shown = || format!("{year:?}: {all:?}");
            assert!(
                all.iter().all(|(time, _)| year.start < *time && *time < year.end),
                "{}",
                shown()
            );
            assert_eq!(year.added.utc().month(), 6, "{}", shown());
            let is_off = |time: Time| year.machine_off.0 <= time && time <= year.machine_off.1;
            for time in [year.added, year.renamed, year.vendor_down.0, year.by_hand, year.viral] {
                assert!(!is_off(time), "{}", shown());
            }
            let margin = (year.added.since(year.start)).min(year.end.since(year.added));
            assert!(margin > 8 * DAY, "{}", shown());
            let changes = all.iter().filter_map(|(_, event)| match event {
                YearEvent::ClocksChange { hours, six_is } => Some((*hours, *six_is)),
                _ => None,
            });
            // 365 days from one last Sunday of October may end just before the next.
            let changes: Vec<_> = changes.collect();
            assert!(!changes.is_empty(), "{}", shown());
            assert!(changes.iter().all(|it| [(-1, 5), (1, 4)].contains(it)), "{}", shown());
            let months = all.iter().filter(|(_, event)| *event == YearEvent::MonthEnds);
            assert!((11..=12).contains(&months.count()), "{}", shown());
            assert!(year.by_hand.plus(DAYS_BY_HAND * DAY) < year.vanished, "{}", shown());
        }
    }

    #[test]
    fn mondays_and_months_begin_at_midnight() {
        let at = |text: &str| text.parse::<Time>().expect("a time");
        for (time, monday, month) in [
            ("2026-11-25T07:30:00Z", "2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("2026-11-30T00:00:00Z", "2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("2026-11-30T00:00:01Z", "2026-12-07T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("2027-01-01T00:00:00Z", "2027-01-04T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("2027-01-01T00:00:01Z", "2027-01-04T00:00:00Z", "2027-02-01T00:00:00Z"),
        ] {
            assert_eq!((monday_after(at(time)), month_after(at(time))), (at(monday), at(month)));
        }
    }
}
