//! What the view `gaps` says of what the engine does: a gap is over one and a half times the
//! interval that was to follow.

use super::bench::{Bench, at, config};
use super::process::watched;
use super::vendor::Kind;

const GAPS: &str = "SELECT count(*) FROM gaps";
const WORKDAYS: &str = "0 6 * * MON-FRI";

/// Returns a daemon with one account that waits for its next slot.
fn waiting(cron: &str, baseline: &str, until: &str) -> Bench {
    let mut bench = Bench::new(vec![watched("a", cron, "UTC")], config(), at(baseline));
    bench.run(at(until));
    bench
}

#[test]
fn a_snapshot_in_the_place_of_the_last_slot_before_a_weekend_is_followed_by_the_weekend() {
    // Friday, 9 January: by request, by a baseline, and by Thursday's slot that is late.
    let mut requested = waiting(WORKDAYS, "2026-01-05T12:00:00", "2026-01-09T05:00:00");
    requested.request(1, "a");
    let baseline = waiting(WORKDAYS, "2026-01-09T05:00:00", "2026-01-09T05:01:00");
    let mut late = waiting(WORKDAYS, "2026-01-05T12:00:00", "2026-01-08T05:00:00");
    late.sleep_to(at("2026-01-09T05:00:00"));
    for (mut bench, of_thursday) in [(requested, 0), (baseline, 0), (late, 1)] {
        bench.run(at("2026-01-12T07:00:00"));
        let skipped = "SELECT count(*) FROM refreshes
                       WHERE outcome = 'skipped' AND scheduled_utc = '2026-01-09T06:00:00Z'";
        assert_eq!(bench.query(skipped), 1);
        assert_eq!(bench.bought("2026-01-12T06:00:00"), 1);
        // From Wednesday to Friday, if the machine slept through Thursday.
        assert_eq!(bench.query(GAPS), of_thursday);
        bench.sleep_to(at("2026-01-14T07:00:00"));
        bench.run(at("2026-01-14T08:00:00"));
        assert_eq!(bench.query(GAPS), of_thursday + 1, "Tuesday is missing");
    }
}

#[test]
fn the_wait_for_a_new_schedule_is_no_gap() {
    const DAILY: &str = "0 6 * * *";
    const TUESDAYS: &str = "0 6 * * TUE";
    for (old, new) in [(DAILY, TUESDAYS), (TUESDAYS, DAILY), (DAILY, WORKDAYS)] {
        let mut bench = waiting(old, "2026-01-06T12:00:00", "2026-01-17T12:00:00");
        bench.list[0] = watched("a", new, "UTC");
        bench.watch();
        bench.run(at("2026-01-20T12:00:00"));
        assert_eq!(bench.query(GAPS), 0, "{old} to {new}");
    }
    // Edited while no daemon ran, at an unknown time.
    let mut bench = waiting(DAILY, "2026-01-06T12:00:00", "2026-01-13T12:00:00");
    bench.skip_to(at("2026-01-20T06:00:00"));
    bench.list[0] = watched("a", TUESDAYS, "UTC");
    bench.start();
    bench.run(at("2026-01-20T12:00:00"));
    assert_eq!(bench.query(GAPS), 0);
    // Slots missed before the edit stay missed.
    let mut bench = waiting(DAILY, "2026-01-06T12:00:00", "2026-01-13T12:00:00");
    bench.default_kind = Kind::Broken(500);
    bench.run(at("2026-01-17T12:00:00"));
    bench.list[0] = watched("a", TUESDAYS, "UTC");
    bench.watch();
    bench.default_kind = Kind::Ok;
    bench.run(at("2026-01-18T12:00:00"));
    assert_eq!(bench.query(GAPS), 1);
}
