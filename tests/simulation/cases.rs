//! Single cases of what the simulation draws: schedules, lateness, clocks, edits.

use growthd::config::{Budget, CatchUp, OnUnknown, Period, Retry};
use growthd::engine::EngineConfig;

use super::bench::{Bench, at, config};
use super::process::watched;
use super::vendor::Kind;

const DAY: i64 = 24 * 3600;
const MONDAYS: &str = "0 6 * * MON";

/// Returns a daemon with one account, Mondays at 06:00 UTC, after its baseline on Thursday,
/// 1 January 2026.
fn weekly(config: EngineConfig) -> Bench {
    let mut bench =
        Bench::new(vec![watched("a", MONDAYS, "UTC")], config, at("2026-01-01T12:00:00"));
    assert_eq!(bench.run(at("2026-01-02T00:00:00")), 1);
    assert_eq!(bench.ledger(1), ["a first - ok"]);
    bench
}

/// Returns a daemon with this many accounts after their baselines.
fn several(count: usize, cron: &str) -> Bench {
    let ids = ["a", "b", "c", "d", "e"];
    let list = ids[..count].iter().map(|id| watched(id, cron, "UTC")).collect();
    let mut bench = Bench::new(list, config(), at("2026-01-01T12:00:00"));
    assert_eq!(bench.run(at("2026-01-02T00:00:00")), count);
    bench
}

#[test]
fn weeks_of_downtime_lead_to_one_refresh() {
    let mut bench = weekly(config());
    bench.skip_to(at("2026-02-04T09:00:00"));
    bench.start();
    assert_eq!(bench.run(at("2026-02-09T06:00:00")), 1);
    assert_eq!(bench.ledger(2), ["a catch_up 2026-02-02T06:00:00 ok"]);
}

#[test]
fn a_slot_during_a_suspension_is_late() {
    let mut bench = weekly(config());
    bench.sleep_to(at("2026-01-06T09:00:00"));
    assert_eq!(bench.run(at("2026-01-12T06:00:00")), 1);
    assert_eq!(bench.ledger(2), ["a catch_up 2026-01-05T06:00:00 ok"]);
}

#[test]
fn catch_up_limits_how_late_a_slot_is_served() {
    let hours = |hours: i64| CatchUp::Within(hours * 3600);
    for (catch_up, start, line) in [
        // A fiftieth of a week is three hours and twenty minutes.
        (CatchUp::Never, "2026-01-05T09:00:00", "a schedule 2026-01-05T06:00:00 ok"),
        (CatchUp::Never, "2026-01-05T10:00:00", "a catch_up 2026-01-05T06:00:00 skipped"),
        (hours(3), "2026-01-05T10:00:00", "a catch_up 2026-01-05T06:00:00 skipped"),
        (hours(5), "2026-01-05T10:00:00", "a catch_up 2026-01-05T06:00:00 ok"),
    ] {
        let mut bench = weekly(EngineConfig { catch_up, ..config() });
        bench.skip_to(at(start));
        bench.start();
        bench.run(at("2026-01-12T05:00:00"));
        assert_eq!(bench.ledger(2), [line], "{catch_up:?}");
    }
}

#[test]
fn waiting_for_the_pace_is_not_lateness() {
    // The pace alone makes the last account wait for two hours.
    let never = EngineConfig { catch_up: CatchUp::Never, requests_per_minute: 1, ..config() };
    let ids: Vec<String> = (0..120).map(|number| format!("a{number}")).collect();
    let list = ids.iter().map(|id| watched(id, "0 6 * * *", "UTC")).collect();
    let mut bench = Bench::new(list, never, at("2026-01-01T12:00:00"));
    bench.run(at("2026-01-02T12:00:00"));
    assert_eq!(bench.bought("2026-01-02T06:00:00"), 120);
}

#[test]
fn a_slot_that_fell_due_while_the_store_failed_is_not_late() {
    let mut bench = weekly(EngineConfig { catch_up: CatchUp::Never, ..config() });
    bench.skip_to(at("2026-01-05T05:00:00"));
    bench.start();
    for minutes in 0..300 {
        bench.skip_to(at("2026-01-05T05:00:00") + 60 * minutes);
        bench.failing_turn();
    }
    bench.run(at("2026-01-05T11:00:00"));
    assert_eq!(bench.ledger(2), ["a schedule 2026-01-05T06:00:00 ok"]);
}

#[test]
fn a_start_in_the_second_of_a_slot_serves_it_once() {
    let mut bench = weekly(config());
    bench.skip_to(at("2026-01-05T06:00:00"));
    bench.start();
    assert_eq!(bench.turn().claims.len(), 1);
    bench.start();
    bench.run(at("2026-01-12T06:00:00"));
    assert_eq!(
        bench.ledger(2),
        ["a schedule 2026-01-05T06:00:00 unknown", "a retry 2026-01-05T06:00:00 ok"]
    );
}

#[test]
fn daylight_saving_time_neither_loses_nor_repeats_a_slot() {
    for (zone, cron, from, slots) in [
        (
            "Europe/London",
            "30 1 * * *",
            "2026-03-28T12:00:00",
            &["2026-03-29T01:00:00", "2026-03-30T00:30:00"][..],
        ),
        (
            "Europe/London",
            "30 1 * * *",
            "2026-10-24T12:00:00",
            &["2026-10-25T00:30:00", "2026-10-26T01:30:00"],
        ),
        (
            "Europe/London",
            "0 1,13 * * *",
            "2026-10-24T13:00:00",
            &["2026-10-25T00:00:00", "2026-10-25T13:00:00", "2026-10-26T01:00:00"],
        ),
        ("Europe/London", "0,30 1 * * SUN", "2026-03-27T12:00:00", &["2026-03-29T01:00:00"]),
        (
            "America/New_York",
            "30 2 * * *",
            "2026-03-07T12:00:00",
            &["2026-03-08T07:00:00", "2026-03-09T06:30:00"],
        ),
        (
            "Australia/Lord_Howe",
            "15 2 * * *",
            "2026-10-03T12:00:00",
            &["2026-10-03T15:30:00", "2026-10-04T15:15:00"],
        ),
        (
            "Australia/Lord_Howe",
            "45 1 * * *",
            "2026-04-04T10:00:00",
            &["2026-04-04T14:45:00", "2026-04-05T15:15:00"],
        ),
    ] {
        let mut bench = Bench::new(vec![watched("a", cron, zone)], config(), at(from));
        bench.run(at(slots[slots.len() - 1]) + 3600);
        let lines: Vec<_> = slots.iter().map(|slot| format!("a schedule {slot} ok")).collect();
        assert_eq!(bench.ledger(2), lines, "{cron} in {zone}");
    }
}

#[test]
fn a_clock_that_steps_back_over_a_slot_repeats_nothing() {
    let mut bench = weekly(config());
    bench.run(at("2026-01-05T06:10:00"));
    for is_restarted in [false, true] {
        bench.set_clock(at("2026-01-05T05:30:00") - at("2026-01-05T06:10:00"));
        if is_restarted {
            bench.start();
        }
        assert_eq!(bench.run(at("2026-01-05T06:10:00")), 0);
    }
    assert_eq!(bench.run(at("2026-01-12T06:00:10")), 1);
}

#[test]
fn a_clock_that_was_ahead_loses_no_week() {
    // With the vendor's `Date`, snapshots taken under the wrong clock serve no slot.
    for (ahead, seconds, has_date) in
        [(6 * DAY, 14, true), (6 * DAY, 14, false), (365 * DAY, 600, true), (365 * DAY, 600, false)]
    {
        for is_restarted in [false, true] {
            let mut bench = several(3, MONDAYS);
            bench.date_error = has_date.then_some(0);
            bench.run(at("2026-01-05T07:00:00"));
            bench.set_clock(ahead);
            bench.run(at("2026-01-05T07:00:00") + ahead + seconds);
            bench.set_clock(-ahead);
            if is_restarted {
                bench.start();
            }
            bench.run(at("2026-01-19T06:10:00"));
            let case = format!("{ahead} {has_date} {is_restarted}");
            assert_eq!(bench.bought("2026-01-19T06:00:00"), 3, "{case}");
            // Without it, slots of the next week that were bought are not bought again.
            assert_eq!(bench.bought("2026-01-12T06:00:00"), 3, "{case}");
        }
    }
}

#[test]
fn a_clock_that_was_set_is_trusted_after_a_response() {
    let mut bench = several(5, MONDAYS);
    bench.turn();
    bench.set_clock(7 * DAY);
    let mut turned = bench.turn();
    assert_eq!(turned.claims.len(), 1);
    bench.respond(turned.claims.pop().expect("a claim"));
    assert_eq!(bench.turn().claims.len(), 4);
}

#[test]
fn a_response_from_before_the_clock_was_set_does_not_confirm_it() {
    for by in [7 * DAY, -7 * DAY] {
        let mut bench = several(5, "0 6 * * *");
        bench.skip_to(at("2026-01-20T06:00:00"));
        let mut turned = bench.turn();
        assert_eq!(turned.claims.len(), 4);
        bench.respond(turned.claims.pop().expect("a claim"));
        bench.skip_to(at("2026-01-20T06:00:01"));
        bench.set_clock(by);
        assert_eq!(bench.turn().claims.len(), 0, "{by}");
        bench.respond(turned.claims.pop().expect("a claim"));
        assert!(!bench.turn().claims.is_empty(), "{by}");
    }
}

#[test]
fn a_clock_that_was_set_does_not_change_the_pace() {
    let mut bench = weekly(EngineConfig { requests_per_minute: 60, ..config() });
    bench.run(at("2026-01-05T07:00:00"));
    bench.set_clock(300 * DAY);
    bench.run(at("2026-01-05T07:00:10") + 300 * DAY);
    bench.set_clock(-293 * DAY);
    // Its last slot is clamped, so it owes its latest one.
    let wake = bench.turn().wake.expect("a wake");
    assert_eq!(wake, at("2026-01-05T07:00:11") * 1000);
}

#[test]
fn under_a_contradicted_clock_no_slot_is_skipped() {
    // By a clock that is days ahead, the slot is too late.
    let never = EngineConfig { catch_up: CatchUp::Never, ..config() };
    for is_restarted in [false, true] {
        let list = vec![watched("a", MONDAYS, "UTC"), watched("b", "0 * * * *", "UTC")];
        let mut bench = Bench::new(list, never.clone(), at("2026-01-01T12:00:00"));
        bench.date_error = Some(0);
        bench.run(at("2026-01-08T18:00:00"));
        bench.set_clock(5 * DAY);
        bench.run(at("2026-01-08T18:00:00") + 5 * DAY + 3600);
        if is_restarted {
            bench.start();
        }
        bench.run(at("2026-01-09T10:00:00") + 5 * DAY);
        bench.set_clock(-5 * DAY);
        bench.run(at("2026-01-12T07:00:00"));
        assert_eq!(bench.bought("2026-01-12T06:00:00"), 2, "{is_restarted}");
    }
}

#[test]
fn requests_are_served_while_due_slots_wait_for_a_confirmed_clock() {
    let mut bench = several(3, MONDAYS);
    bench.config.catch_up = CatchUp::Never;
    bench.watch();
    bench.default_kind = Kind::NotSent;
    bench.set_clock(6 * DAY);
    bench.turn();
    for (requester, id) in ["a", "b"].into_iter().enumerate() {
        bench.request(requester as u64, id);
    }
    for _ in 0..2 {
        let turns = [bench.turn(), bench.turn()];
        let mut claims: Vec<_> = turns.into_iter().flat_map(|turn| turn.claims).collect();
        assert_eq!(claims.len(), 1);
        bench.respond(claims.pop().expect("a claim"));
    }
}

#[test]
fn a_slot_tried_under_a_clock_ahead_is_not_tried_again_before_it_comes() {
    let mut bench = several(2, "0 6 * * *");
    bench.run(at("2026-01-05T12:00:00"));
    bench.set_clock(DAY);
    let mut turned = bench.turn();
    assert_eq!(turned.claims.len(), 1);
    bench.set_clock(-DAY);
    bench.default_kind = Kind::NotSent;
    bench.respond(turned.claims.pop().expect("a claim"));
    bench.default_kind = Kind::Ok;
    assert_eq!(bench.run(at("2026-01-06T05:59:00")), 0);
    bench.run(at("2026-01-06T06:01:00"));
    assert_eq!(bench.bought("2026-01-06T06:00:00"), 2);
}

#[test]
fn a_breaker_restores_no_state_from_another_clock() {
    let list = [("a", "0 6 * * *"), ("b", "0 6 * * *"), ("c", "0 8 * * *")];
    let list = list.map(|(id, cron)| watched(id, cron, "UTC")).to_vec();
    let mut bench = Bench::new(list, config(), at("2026-07-01T12:00:00"));
    bench.run(at("2026-07-03T06:00:00"));
    bench.default_kind = Kind::NotSent;
    bench.run(at("2026-07-03T06:00:20"));
    bench.set_clock(-100 * DAY);
    bench.run(at("2026-03-25T08:00:20"));
    bench.default_kind = Kind::Ok;
    bench.run(at("2026-03-28T12:00:00"));
    for day in ["2026-03-27", "2026-03-28"] {
        let ok = format!(
            "SELECT count(*) FROM refreshes WHERE outcome = 'ok' AND scheduled_utc LIKE '{day}%'"
        );
        assert_eq!(bench.query(&ok), 3, "{day}");
    }
}

#[test]
fn a_slot_that_replaced_another_has_new_attempts_after_an_edit() {
    let list = vec![watched("a", "0 6 * * *", "UTC"), watched("b", "0 * * * *", "UTC")];
    let mut bench = Bench::new(list, config(), at("2026-01-01T12:00:00"));
    bench.run(at("2026-01-02T06:00:00"));
    bench.kinds.insert("a", Kind::NotSent);
    bench.run(at("2026-01-02T20:00:00"));
    // Down during the next slot, and edited meanwhile.
    bench.skip_to(at("2026-01-03T06:10:00"));
    bench.list[0] = watched("a", "0 23 * * *", "UTC");
    bench.start();
    bench.run(at("2026-01-03T06:14:00"));
    let calls = "SELECT count(*) FROM refreshes
                 WHERE account_id = 'a' AND scheduled_utc = '2026-01-03T06:00:00Z'";
    assert!(bench.query(calls) >= 3, "{}", bench.query(calls));
}

#[test]
fn a_bought_slot_that_recurs_after_the_clock_was_set_back_is_not_superseded() {
    let budget = Some(Budget { refreshes: 20, per: Period::Month, manual: None });
    let list = vec![watched("a", "0 6 * * *", "UTC")];
    let mut bench =
        Bench::new(list, EngineConfig { budget, ..config() }, at("2026-01-01T12:00:00"));
    bench.run(at("2026-02-10T12:00:00"));
    bench.set_clock(-25 * DAY);
    for day in 1..15 {
        bench.run(at("2026-01-16T12:00:00") + day * DAY);
    }
    let twice =
        "SELECT count(*) FROM refreshes s JOIN refreshes o USING (account_id, scheduled_time)
                 WHERE s.outcome = 'skipped' AND o.outcome = 'ok'";
    assert_eq!(bench.query(twice), 0);
}

#[test]
fn a_response_that_could_not_be_committed_serves_no_later_slot() {
    let list = vec![watched("a", "0 6 * * *", "UTC")];
    let mut bench = Bench::new(list, config(), at("2026-01-01T05:00:00"));
    let mut turned = bench.turn();
    bench.respond(turned.claims.pop().expect("a claim"));
    bench.skip_to(at("2026-01-03T12:00:00"));
    bench.run(at("2026-01-03T12:01:00"));
    let last = bench.ledger(1).pop();
    assert_eq!(last.as_deref(), Some("a schedule 2026-01-03T06:00:00 ok"));
}

#[test]
fn edits_neither_buy_nor_lose_a_slot() {
    for (old, new, edited, until, slots) in [
        // Sunday noon: the next Sunday would be thirteen days after the last snapshot.
        (
            "0 6 * * MON",
            "0 6 * * SUN",
            "2026-01-11T12:00:00",
            "2026-01-18T07:00:00",
            &["2026-01-11T06:00:00", "2026-01-18T06:00:00"][..],
        ),
        // Half an hour before the old slot, and half an hour after the new one.
        (
            "0 6 * * MON",
            "0 5 * * MON",
            "2026-01-12T05:30:00",
            "2026-01-19T06:00:00",
            &["2026-01-12T05:00:00", "2026-01-19T05:00:00"],
        ),
        // The next slot comes soon enough.
        (
            "0 6 * * MON",
            "0 6 * * THU",
            "2026-01-06T12:00:00",
            "2026-01-08T07:00:00",
            &["2026-01-08T06:00:00"],
        ),
        (
            "0 6 * * MON",
            "0 6 * * *",
            "2026-01-08T12:00:00",
            "2026-01-09T07:00:00",
            &["2026-01-09T06:00:00"],
        ),
        (
            "0 6 * * *",
            "0 6 1 * *",
            "2026-01-08T12:00:00",
            "2026-02-01T07:00:00",
            &["2026-02-01T06:00:00"],
        ),
    ] {
        let list = vec![watched("a", old, "UTC")];
        let mut bench = Bench::new(list, config(), at("2026-01-01T12:00:00"));
        bench.run(at(edited));
        let before = i64::try_from(bench.ledger(1).len()).expect("few");
        bench.list[0] = watched("a", new, "UTC");
        bench.watch();
        bench.run(at(until));
        let bought: Vec<String> = bench.ledger(before + 1);
        let expected: Vec<_> = slots.iter().map(|slot| format!("{slot} ok")).collect();
        let bought: Vec<_> =
            bought.iter().map(|line| line.splitn(3, ' ').nth(2).unwrap_or_default()).collect();
        assert_eq!(bought, expected, "{old} to {new}");
    }
}

#[test]
fn after_an_edit_an_open_slot_is_fresh_by_its_own_schedule_only() {
    for (cron, lines) in [
        // The open slot of the 12th is fresh, and so is not the last one served: the next Thursday
        // would be eleven days after the snapshot.
        (
            "0 6 * * THU",
            ["a schedule 2026-01-12T06:00:00 skipped", "a catch_up 2026-01-15T06:00:00 ok"],
        ),
        // Months are longer, but the slot came two days after the snapshot, of seven.
        ("0 6 13 * *", ["a catch_up 2026-01-12T06:00:00 ok", "a schedule 2026-02-13T06:00:00 ok"]),
    ] {
        let mut bench = weekly(config());
        let snapshot =
            if cron.ends_with("THU") { "2026-01-11T23:00:00" } else { "2026-01-10T06:00:00" };
        bench.skip_to(at(snapshot));
        bench.start();
        bench.run(at(snapshot) + 60);
        assert_eq!(bench.ledger(2), ["a catch_up 2026-01-05T06:00:00 ok"]);
        bench.skip_to(at("2026-01-16T12:00:00"));
        bench.list[0] = watched("a", cron, "UTC");
        bench.start();
        bench.run(at("2026-02-13T07:00:00"));
        assert_eq!(bench.ledger(3)[..2], lines, "{cron}");
    }
}

#[test]
fn an_account_that_left_with_an_open_slot_has_it_open_when_it_returns() {
    for is_disabled in [false, true] {
        let mut bench = several(3, MONDAYS);
        bench.default_kind = Kind::NotSent;
        bench.run(at("2026-01-05T06:30:00"));
        let list = bench.list.clone();
        match is_disabled {
            true => bench.list.iter_mut().for_each(|entry| entry.enabled = false),
            false => bench.list.clear(),
        }
        bench.watch();
        let word = if is_disabled { "disabled" } else { "removed" };
        let lines = bench.query(&format!(
            "SELECT count(*) FROM refreshes WHERE outcome = 'skipped' AND error LIKE '{word}%'"
        ));
        assert_eq!(lines, 3);
        bench.run(at("2026-01-05T06:31:00"));
        bench.default_kind = Kind::Ok;
        bench.list = list;
        bench.watch();
        bench.run(at("2026-01-05T08:00:00"));
        assert_eq!(bench.bought("2026-01-05T06:00:00"), 3);
    }
}

#[test]
fn an_account_that_returns_after_the_clock_was_set_back_is_called_at_its_slot() {
    let mut bench = several(3, MONDAYS);
    bench.default_kind = Kind::NotSent;
    bench.run(at("2026-01-05T06:30:00"));
    let list = std::mem::take(&mut bench.list);
    bench.watch();
    bench.run(at("2026-01-05T06:31:00"));
    bench.set_clock(-3 * DAY);
    bench.run(at("2026-01-02T06:32:00"));
    bench.default_kind = Kind::Ok;
    bench.list = list;
    bench.watch();
    assert_eq!(bench.run(at("2026-01-05T05:59:00")), 0);
    assert_eq!(bench.run(at("2026-01-05T08:00:00")), 3);
}

/// A call that a crash interrupted was for a slot that the edit has replaced.
#[test]
fn a_call_left_pending_reopens_no_slot_that_an_edit_has_replaced() {
    let mut bench = weekly(config());
    bench.run(at("2026-01-05T06:00:00"));
    assert_eq!(bench.turn().claims.len(), 1);
    bench.skip_to(at("2026-01-14T12:00:00"));
    bench.list[0].cron = "0 6 * * FRI".into();
    bench.start();
    bench.run(at("2026-01-14T12:30:00"));
    assert_eq!(bench.bought("2026-01-12T06:00:00"), 1, "{:?}", bench.ledger(1));
    assert_eq!(bench.bought("2026-01-05T06:00:00"), 0);
}

/// The crash interrupted the call, and the account left before the next start.
#[test]
fn a_call_left_pending_reopens_no_slot_from_before_the_account_left() {
    let mut bench = weekly(config());
    bench.skip_to(at("2026-01-05T06:00:00"));
    assert_eq!(bench.turn().claims.len(), 1);
    let list = std::mem::take(&mut bench.list);
    bench.start();
    bench.list = list;
    bench.skip_to(at("2026-01-20T12:00:00"));
    bench.start();
    assert_eq!(bench.run(at("2026-01-26T05:59:59")), 0);
    assert_eq!(bench.run(at("2026-01-26T07:00:00")), 1);
}

/// Refusals of a year ago do not count against it.
#[test]
fn an_account_without_a_snapshot_has_new_attempts_when_it_returns() {
    let list = ["a", "b", "c"].map(|id| watched(id, MONDAYS, "UTC")).to_vec();
    let mut bench = Bench::new(list, config(), at("2026-01-05T12:00:00"));
    bench.kinds.insert("a", Kind::Refused(404));
    bench.run(at("2026-01-06T12:00:00"));
    bench.list[0].enabled = false;
    bench.watch();
    bench.run(at("2026-07-08T12:00:00"));
    bench.list[0].enabled = true;
    bench.watch();
    let calls = "SELECT count(*) FROM refreshes WHERE account_id = 'a' AND outcome = 'failed'";
    let before = bench.query(calls);
    bench.run(at("2026-07-08T20:00:00"));
    assert_eq!((before, bench.query(calls)), (3, 6), "each time after an hour, and six more");
}

#[test]
fn an_edit_repeats_no_call_for_a_baseline_that_was_given_up() {
    let retry = Retry { unknown: OnUnknown::Skip, ..config().retry };
    let list = ["a", "b", "c"].map(|id| watched(id, MONDAYS, "UTC")).to_vec();
    let mut bench = Bench::new(list, EngineConfig { retry, ..config() }, at("2026-01-01T12:00:00"));
    bench.kinds.insert("a", Kind::TimedOut);
    assert_eq!(bench.run(at("2026-01-02T12:00:00")), 3);
    bench.list[0].cron = "0 6 * * WED".into();
    bench.watch();
    bench.kinds.clear();
    assert_eq!(bench.run(at("2026-01-05T05:59:59")), 0);
    bench.run(at("2026-01-07T07:00:00"));
    assert_eq!(bench.bought("2026-01-07T06:00:00"), 1);
}

#[test]
fn an_edit_in_an_outage_keeps_the_open_slot_through_a_restart() {
    // Too late for a slot that was not tried, but this one was open before the edit.
    let never = EngineConfig { catch_up: CatchUp::Never, ..config() };
    for cron in ["0 23 * * TUE", "0 6 * * *", "0 6 1 * *"] {
        let list = ["a", "b", "c"].map(|id| watched(id, MONDAYS, "UTC")).to_vec();
        let mut bench = Bench::new(list, never.clone(), at("2026-01-01T12:00:00"));
        bench.run(at("2026-01-05T06:00:00"));
        bench.default_kind = Kind::Refused(404);
        bench.run(at("2026-01-07T09:00:00"));
        bench.list = ["a", "b", "c"].map(|id| watched(id, cron, "UTC")).to_vec();
        bench.watch();
        bench.start();
        bench.run(at("2026-01-07T12:00:00"));
        bench.default_kind = Kind::Ok;
        bench.run(at("2026-01-07T14:00:00"));
        assert_eq!(bench.bought("2026-01-05T06:00:00"), 3, "{cron}");
        let lines = "SELECT count(*) FROM refreshes WHERE outcome = 'skipped'";
        assert_eq!(bench.query(lines), 0, "{cron}");
    }
}

#[test]
fn a_slot_tried_under_a_contradicted_clock_is_open_after_a_restart() {
    let never = EngineConfig { catch_up: CatchUp::Never, ..config() };
    for kind in [Kind::Ok, Kind::Broken(502), Kind::Throttled(None)] {
        let mut bench = weekly(never.clone());
        // Nearly five hours behind: more than counts as on time.
        bench.date_error = Some(17_000);
        bench.default_kind = kind;
        bench.run(at("2026-01-05T06:01:00"));
        bench.set_clock(17_000);
        bench.default_kind = Kind::Ok;
        bench.start();
        bench.run(at("2026-01-05T12:00:00"));
        assert_eq!(bench.bought("2026-01-05T06:00:00"), 1, "{kind:?}");
    }
}

/// The manual refresh is no call for the slot, and does not hide that there was one.
#[test]
fn a_slot_tried_under_a_contradicted_clock_is_open_after_a_manual_refresh() {
    let mut bench = weekly(EngineConfig { catch_up: CatchUp::Never, ..config() });
    bench.date_error = Some(17_000);
    bench.run(at("2026-01-05T06:02:00"));
    bench.request(1, "a");
    bench.run(at("2026-01-05T06:03:00"));
    assert!(bench.ledger(1).contains(&"a manual - ok".to_owned()), "{:?}", bench.ledger(1));
    bench.set_clock(17_000);
    bench.start();
    bench.run(at("2026-01-05T12:00:00"));
    assert_eq!(bench.bought("2026-01-05T06:00:00"), 1, "{:?}", bench.ledger(1));
}

#[test]
fn a_contradicted_clock_opens_the_breaker_whatever_the_response_is() {
    for kind in [Kind::Ok, Kind::Broken(502), Kind::Busy(409), Kind::Throttled(Some(30))] {
        let mut bench = weekly(config());
        bench.date_error = Some(17_000);
        bench.default_kind = kind;
        bench.run(at("2026-01-05T06:00:10"));
        assert_eq!(bench.query("SELECT count(*) FROM _breaker"), 1, "{kind:?}");
        bench.date_error = None;
        bench.default_kind = Kind::Ok;
        bench.run(at("2026-01-05T08:00:00"));
        assert_eq!(bench.bought("2026-01-05T06:00:00"), 1, "{kind:?}");
    }
}

#[test]
fn a_lookup_under_a_contradicted_clock_opens_the_breaker_whatever_the_response_is() {
    for kind in [Kind::Refused(404), Kind::Broken(502), Kind::Throttled(Some(30))] {
        let mut bench = weekly(config());
        bench.run(at("2026-01-04T12:00:00"));
        bench.date_error = Some(17_000);
        bench.default_kind = kind;
        bench.process().look_up(7, "somebody");
        bench.run(at("2026-01-04T12:00:10"));
        assert_eq!(bench.query("SELECT count(*) FROM _breaker"), 1, "{kind:?}");
    }
}

/// A call that a crash interrupted does not make the dates that follow the account's own trouble.
#[test]
fn a_clock_that_is_set_wrong_after_a_crash_costs_no_slot() {
    let mut bench = weekly(config());
    bench.skip_to(at("2026-01-05T06:00:00"));
    bench.turn();
    bench.start();
    bench.turn();
    bench.set_clock(15_000);
    bench.date_error = Some(-15_000);
    bench.run(at("2026-01-05T11:00:00"));
    bench.set_clock(-15_000);
    bench.date_error = None;
    bench.run(at("2026-01-05T18:00:00"));
    assert_eq!(bench.bought("2026-01-05T06:00:00"), 1, "{:?}", bench.ledger(1));
}

/// Under a clock that was ahead, the edit made a slot due at once that is weeks away.
#[test]
fn a_slot_that_an_edit_made_due_too_early_can_be_too_late_when_it_comes() {
    let mut bench = weekly(EngineConfig { catch_up: CatchUp::Never, ..config() });
    bench.set_clock(100 * DAY);
    // The slots until then are skipped, once the clock has been trusted.
    bench.run(at("2026-04-12T08:00:00"));
    bench.list[0].cron = "0 6 * * SUN".into();
    bench.watch();
    assert_eq!(bench.query("SELECT edited_slot FROM _account"), at("2026-04-12T06:00:00"));
    bench.set_clock(-100 * DAY);
    bench.run(at("2026-04-10T00:00:00"));
    bench.skip_to(at("2026-04-13T12:00:00"));
    bench.start();
    bench.run(at("2026-04-13T12:01:00"));
    assert_eq!(bench.bought("2026-04-05T06:00:00"), 1, "{:?}", bench.ledger(1));
    assert_eq!(bench.bought("2026-04-12T06:00:00"), 0, "{:?}", bench.ledger(1));
}

#[test]
fn an_account_that_returned_under_a_clock_ahead_owes_its_slot() {
    let mut bench = weekly(config());
    bench.set_clock(100 * DAY);
    for enabled in [false, true] {
        bench.list[0].enabled = enabled;
        bench.watch();
        bench.run(at("2026-04-12T00:00:10") + i64::from(enabled));
    }
    bench.set_clock(-100 * DAY);
    bench.skip_to(at("2026-01-05T18:00:00"));
    bench.start();
    bench.run(at("2026-01-05T18:01:00"));
    assert_eq!(bench.bought("2026-01-05T06:00:00"), 1);
}

/// The slot that has passed by the clock that was ahead was never owed, and has yet to come.
#[test]
fn an_account_that_returned_under_a_clock_ahead_is_called_at_its_next_slot() {
    let mut bench = weekly(config());
    bench.list[0].enabled = false;
    bench.watch();
    bench.set_clock(4 * DAY);
    bench.list[0].enabled = true;
    bench.watch();
    assert_eq!(bench.run(at("2026-01-06T00:01:00")), 0);
    bench.set_clock(-4 * DAY);
    bench.run(at("2026-01-05T06:01:00"));
    assert_eq!(bench.bought("2026-01-05T06:00:00"), 1);
}

#[test]
fn a_clock_set_back_for_a_moment_keeps_the_open_slot_of_an_earlier_schedule() {
    let mut bench = weekly(config());
    bench.default_kind = Kind::NotSent;
    bench.run(at("2026-01-05T06:10:00"));
    bench.list[0].cron = "0 6 * * SAT".into();
    bench.watch();
    bench.set_clock(-2 * DAY);
    bench.default_kind = Kind::Ok;
    assert_eq!(bench.run(at("2026-01-03T06:20:00")), 0);
    bench.set_clock(2 * DAY);
    bench.run(at("2026-01-05T06:21:00"));
    assert_eq!(bench.bought("2026-01-05T06:00:00"), 1);
}

#[test]
fn a_slot_bought_before_it_came_makes_no_wait_longer_after_an_edit() {
    let mut bench = weekly(config());
    bench.set_clock(21 * DAY);
    bench.run(at("2026-01-24T00:00:00"));
    assert_eq!(bench.bought("2026-01-19T06:00:00"), 1);
    bench.set_clock(-21 * DAY);
    bench.run(at("2026-01-19T05:00:00"));
    bench.list[0].cron = "0 6 * * SUN".into();
    bench.skip_to(at("2026-01-20T00:00:00"));
    bench.start();
    bench.run(at("2026-01-20T00:01:00"));
    assert_eq!(bench.bought("2026-01-18T06:00:00"), 1);
}

#[test]
fn an_account_removed_after_the_clock_was_set_back_has_no_future_slot_skipped() {
    let mut bench = several(2, MONDAYS);
    bench.set_clock(100 * DAY);
    bench.default_kind = Kind::NotSent;
    bench.run(at("2026-04-13T06:10:00"));
    bench.set_clock(-100 * DAY);
    bench.list.pop();
    bench.start();
    bench.default_kind = Kind::Ok;
    bench.run(at("2026-01-05T06:01:00"));
    let future = "SELECT count(*) FROM refreshes
                   WHERE outcome = 'skipped' AND scheduled_time > started_time";
    assert_eq!(bench.query(future), 0);
    assert_eq!(bench.bought("2026-01-05T06:00:00"), 1);
}

#[test]
fn a_pause_from_a_clock_ahead_does_not_replace_a_later_one() {
    let mut bench = several(3, MONDAYS);
    bench.set_clock(60 * DAY);
    bench.default_kind = Kind::Throttled(Some(600));
    bench.run(at("2026-03-03T00:00:00") + 30);
    bench.set_clock(-60 * DAY);
    bench.run(at("2026-01-05T06:00:00") + 1);
    let calls = |bench: &Bench| bench.query("SELECT count(*) FROM refreshes");
    let before = calls(&bench);
    bench.run(at("2026-01-05T06:00:00") + 590);
    assert_eq!(calls(&bench), before);
    bench.default_kind = Kind::Ok;
    bench.run(at("2026-01-05T06:00:00") + 700);
    assert_eq!(bench.bought("2026-01-05T06:00:00"), 3);
}

#[test]
fn a_pause_that_is_over_does_not_recur_after_a_step_back() {
    for (stepped, by) in [("2026-01-05T08:00:00", -5400), ("2026-01-05T07:20:00", -1800)] {
        let mut bench = several(3, MONDAYS);
        bench.default_kind = Kind::Throttled(Some(3600));
        bench.run(at("2026-01-05T06:00:30"));
        bench.default_kind = Kind::Ok;
        bench.run(at(stepped));
        assert_eq!(bench.bought("2026-01-05T06:00:00"), 3);
        bench.set_clock(by);
        bench.list.push(watched("d", MONDAYS, "UTC"));
        bench.watch();
        bench.run(at(stepped) + by + 30);
        assert_eq!(bench.ledger(1).pop().as_deref(), Some("d first - ok"), "{by}");
    }
}

#[test]
fn a_spent_budget_waits_for_the_next_period_across_restarts() {
    let budget = Some(Budget { refreshes: 2, per: Period::Day, manual: None });
    let ids = ["a", "b", "c", "d", "e"];
    let list = ids.iter().map(|id| watched(id, MONDAYS, "UTC")).collect();
    let config = EngineConfig { budget, ..config() };
    let mut bench = Bench::new(list, config, at("2026-01-01T12:00:00"));
    assert_eq!(bench.run(at("2026-01-01T18:00:00")), 2);
    bench.start();
    assert_eq!(bench.run(at("2026-01-02T00:00:00")), 0);
    assert_eq!(bench.run(at("2026-01-02T12:00:00")), 2);
    assert_eq!(bench.run(at("2026-01-03T12:00:00")), 1);
    assert_eq!(bench.query("SELECT max(spent) FROM spend"), 2);
    assert_eq!(bench.query("SELECT count(DISTINCT account_id) FROM snapshots"), 5);
}

#[test]
fn every_superseded_slot_has_a_line() {
    let mut bench = several(3, "0 6 * * *");
    bench.default_kind = Kind::NotSent;
    bench.run(at("2026-01-06T12:00:00"));
    bench.default_kind = Kind::Ok;
    bench.run(at("2026-01-07T07:00:00"));
    let sql = "SELECT count(DISTINCT account_id || scheduled_time) FROM refreshes
               WHERE scheduled_utc BETWEEN '2026-01-02T06:00:00Z' AND '2026-01-05T06:00:00Z'
                 AND outcome = 'skipped' AND error LIKE 'superseded%'";
    assert_eq!(bench.query(sql), 12);
    assert_eq!(bench.bought("2026-01-06T06:00:00"), 3);
}
