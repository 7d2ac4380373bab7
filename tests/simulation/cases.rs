//! What the simulation draws by chance, told one by one.

use growthd::clock::Time;
use growthd::config::{Budget, CatchUp, OnUnknown, Period};
use growthd::engine::RefreshRequest;
use growthd::engine::{EngineConfig, Event};
use growthd::store::{PauseKind, StoreError};

use super::bench::{Bench, at, terms, watched};
use super::vendor::Kind;

const DAY: i64 = 24 * 3600;
const MONDAYS: &str = "0 6 * * MON";

/// One account, Mondays at 06:00 UTC, its baseline taken on Thursday, 1 January 2026.
fn weekly(terms: EngineConfig) -> Bench {
    let mut bench = Bench::new(vec![watched("a", MONDAYS, "UTC")], terms);
    bench.start(at("2026-01-01T12:00:00"));
    assert_eq!(bench.run(at("2026-01-01T12:00:00"), at("2026-01-02T00:00:00")), 1);
    assert_eq!(bench.ledger(1), ["a first - ok"]);
    bench
}

#[test]
fn weeks_down_end_in_one_refresh() {
    let mut bench = weekly(terms());
    bench.start(at("2026-02-04T09:00:00"));
    assert_eq!(bench.run(at("2026-02-04T09:00:00"), at("2026-02-09T06:00:00")), 1);
    assert_eq!(bench.ledger(2), ["a catch_up 2026-02-02T06:00:00 ok"]);
}

#[test]
fn sleeping_over_a_slot_is_lateness_too() {
    let mut bench = weekly(terms());
    bench.engine().resumed(at("2026-01-06T09:00:00").into());
    assert_eq!(bench.run(at("2026-01-06T09:00:00"), at("2026-01-12T06:00:00")), 1);
    assert_eq!(bench.ledger(2), ["a catch_up 2026-01-05T06:00:00 ok"]);
}

#[test]
fn how_late_a_slot_is_worth_it_is_configured() {
    let hours = |hours: i64| CatchUp::Within(hours * 3600);
    for (catch_up, line) in [
        (CatchUp::Never, "a catch_up 2026-01-05T06:00:00 skipped"),
        (hours(2), "a catch_up 2026-01-05T06:00:00 skipped"),
        (hours(3), "a catch_up 2026-01-05T06:00:00 ok"),
    ] {
        let mut bench = weekly(EngineConfig { catch_up, ..terms() });
        bench.start(at("2026-01-05T09:00:00"));
        bench.run(at("2026-01-05T09:00:00"), at("2026-01-12T05:00:00"));
        assert_eq!(bench.ledger(2), [line], "{catch_up:?}");
    }
}

#[test]
fn a_retry_knows_no_lateness() {
    let mut bench = weekly(EngineConfig { catch_up: CatchUp::Never, ..terms() });
    bench.answers.insert("a", Kind::NotSent);
    assert_eq!(bench.run(at("2026-01-05T06:00:00"), at("2026-01-05T06:00:10")), 1);
    bench.answers.clear();
    bench.start(at("2026-01-07T06:00:00"));
    bench.run(at("2026-01-07T06:00:00"), at("2026-01-08T06:00:00"));
    assert_eq!(bench.ledger(3), ["a retry 2026-01-05T06:00:00 ok"]);
}

#[test]
fn a_start_at_the_very_second_of_a_slot_serves_it_once() {
    let mut bench = weekly(terms());
    let slot = at("2026-01-05T06:00:00");
    bench.start(slot);
    let (claims, _) = bench.turn(slot);
    assert_eq!(claims.len(), 1);
    drop(claims);
    bench.start(slot);
    bench.run(slot, at("2026-01-12T06:00:00"));
    assert_eq!(
        bench.ledger(2),
        ["a schedule 2026-01-05T06:00:00 unknown", "a retry 2026-01-05T06:00:00 ok"]
    );
}

#[test]
fn clocks_that_change_neither_lose_nor_repeat_a_slot() {
    for (zone, cron, from, slots) in [
        (
            "Europe/London",
            "30 1 * * *",
            "2026-03-28T12:00:00",
            ["2026-03-29T01:00:00", "2026-03-30T00:30:00"],
        ),
        (
            "Europe/London",
            "30 1 * * *",
            "2026-10-24T12:00:00",
            ["2026-10-25T00:30:00", "2026-10-26T01:30:00"],
        ),
        (
            "America/New_York",
            "30 2 * * *",
            "2026-03-07T12:00:00",
            ["2026-03-08T07:00:00", "2026-03-09T06:30:00"],
        ),
        (
            "Australia/Lord_Howe",
            "15 2 * * *",
            "2026-10-03T12:00:00",
            ["2026-10-03T15:30:00", "2026-10-04T15:15:00"],
        ),
        (
            "Australia/Lord_Howe",
            "45 1 * * *",
            "2026-04-04T10:00:00",
            ["2026-04-04T14:45:00", "2026-04-05T15:15:00"],
        ),
    ] {
        let mut bench = Bench::new(vec![watched("a", cron, zone)], terms());
        bench.start(at(from));
        bench.run(at(from), at(slots[1]).plus(3600));
        let lines = slots.map(|slot| format!("a schedule {slot} ok"));
        assert_eq!(bench.ledger(2), lines, "{cron} in {zone}");
    }
}

#[test]
fn a_clock_that_steps_back_over_a_slot_repeats_nothing() {
    let mut bench = weekly(terms());
    bench.run(at("2026-01-05T06:00:00"), at("2026-01-05T06:10:00"));
    for is_restarted in [false, true] {
        if is_restarted {
            bench.start(at("2026-01-05T05:30:00"));
        }
        assert_eq!(bench.run(at("2026-01-05T05:30:00"), at("2026-01-12T06:00:00")), 0);
    }
    assert_eq!(bench.run(at("2026-01-12T06:00:00"), at("2026-01-12T06:00:10")), 1);
}

#[test]
fn a_clock_a_year_ahead_and_back_loses_nothing() {
    for is_restarted in [false, true] {
        let mut bench = weekly(EngineConfig { requests_per_minute: 60, ..terms() });
        bench.run(at("2026-01-05T06:00:00"), at("2026-01-05T06:10:00"));
        assert_eq!(bench.run(at("2027-01-06T06:00:00"), at("2027-01-06T06:10:00")), 1);
        let now = at("2026-01-06T06:00:00");
        if is_restarted {
            bench.start(now);
        }
        assert_eq!(bench.run(now, at("2026-01-12T06:00:00")), 0);
        bench.run(at("2026-01-12T06:00:00"), at("2026-01-19T06:10:00"));
        assert_eq!(
            bench.ledger(5),
            ["a schedule 2026-01-12T06:00:00 ok", "a schedule 2026-01-19T06:00:00 ok"]
        );
    }
}

#[test]
fn an_answer_from_a_year_ahead_serves_no_slot_before() {
    let mut bench = weekly(terms());
    let (mut claims, _) = bench.turn(at("2027-01-06T06:00:00"));
    let claim = claims.pop().expect("a claim");
    bench.answer(claim, at("2026-01-04T06:00:00"));
    assert_eq!(bench.run(at("2026-01-04T06:00:00"), at("2026-01-05T06:00:00")), 0);
    bench.run(at("2026-01-05T06:00:00"), at("2026-01-12T06:01:00"));
    assert_eq!(
        bench.ledger(4),
        ["a schedule 2026-01-05T06:00:00 ok", "a schedule 2026-01-12T06:00:00 ok"]
    );
}

#[test]
fn an_edit_under_a_clock_ahead_is_taken_back_with_it() {
    let mut bench = weekly(terms());
    bench.list[0] = watched("a", "0 7 * * MON", "UTC");
    bench.answers.insert("a", Kind::NotSent);
    bench.run(at("2026-01-05T06:00:00"), at("2026-01-05T06:00:10"));
    bench.answers.clear();
    bench.run(at("2026-01-05T06:00:40"), at("2026-01-05T06:10:00"));
    bench.start(at("2027-01-09T06:00:00"));
    bench.crash();
    bench.start(at("2026-01-10T06:00:00"));
    assert_eq!(bench.run(at("2026-01-10T06:00:00"), at("2026-01-12T07:00:10")), 1);
}

#[test]
fn edits_buy_nothing() {
    let ids = ["a", "b", "c"];
    let list = |cron| ids.map(|id| watched(id, cron, "UTC")).to_vec();
    let mut bench = Bench::new(list(MONDAYS), terms());
    bench.start(at("2026-01-01T12:00:00"));
    bench.run(at("2026-01-01T12:00:00"), at("2026-01-06T12:00:00"));
    let before = bench.ledger(1).len();
    let now = at("2026-01-07T12:00:00");
    bench.list.reverse();
    bench.watch(now);
    bench.list = list("0 9 * * *");
    bench.watch(now);
    bench.list[0].timezone = "Asia/Kolkata".into();
    bench.list[1].spread = 7200;
    bench.watch(now);
    assert_eq!(bench.run(now, at("2026-01-08T03:30:00")), 0);
    assert_eq!(bench.ledger(1).len(), before);
    assert_eq!(bench.run(at("2026-01-08T03:30:00"), at("2026-01-09T03:00:00")), 3);
}

#[test]
fn an_open_slot_stays_open_over_an_edit() {
    let mut bench = weekly(terms());
    bench.list[0] = watched("a", "0 6 * * TUE", "UTC");
    bench.start(at("2026-01-05T08:00:00"));
    bench.run(at("2026-01-05T08:00:00"), at("2026-01-06T05:00:00"));
    assert_eq!(bench.ledger(2), ["a catch_up 2026-01-05T06:00:00 ok"]);
}

#[test]
fn removed_and_put_back_it_owes_nothing() {
    let mut bench = weekly(terms());
    let list = std::mem::take(&mut bench.list);
    bench.watch(at("2026-01-02T12:00:00"));
    assert_eq!(bench.run(at("2026-01-02T12:00:00"), at("2026-01-21T12:00:00")), 0);
    bench.list = list;
    bench.watch(at("2026-01-21T12:00:00"));
    assert_eq!(bench.run(at("2026-01-21T12:00:00"), at("2026-01-26T06:00:00")), 0);
    bench.run(at("2026-01-26T06:00:00"), at("2026-01-26T06:10:00"));
    assert_eq!(bench.ledger(2), ["a schedule 2026-01-26T06:00:00 ok"]);
    assert_eq!(bench.number("SELECT count(*) FROM snapshots"), Some(2));
}

#[test]
fn a_fresh_snapshot_takes_the_place_of_a_slot() {
    for (manual, lines) in [
        ("2026-01-04T14:00:00", &["a manual - ok", "a schedule 2026-01-05T06:00:00 skipped"][..]),
        ("2026-01-04T13:00:00", &["a manual - ok", "a schedule 2026-01-05T06:00:00 ok"]),
    ] {
        let mut bench = weekly(terms());
        let id = bench.list[0].id.clone();
        bench.engine().wish(RefreshRequest::Now(id));
        bench.run(at(manual), at("2026-01-06T00:00:00"));
        assert_eq!(bench.ledger(2), lines, "{manual}");
    }
}

#[test]
fn slots_close_together_are_all_served() {
    let mut bench = Bench::new(vec![watched("a", "0 9,12,17 * * MON", "UTC")], terms());
    bench.start(at("2026-01-01T12:00:00"));
    assert_eq!(bench.run(at("2026-01-01T12:00:00"), at("2026-01-06T00:00:00")), 4);
}

fn few(count: usize, terms: EngineConfig) -> Bench {
    let ids = ["a", "b", "c", "d", "e"];
    let list = ids[..count].iter().map(|id| watched(id, MONDAYS, "UTC")).collect();
    let mut bench = Bench::new(list, terms);
    bench.start(at("2026-01-01T12:00:00"));
    bench
}

#[test]
fn a_spent_budget_waits_for_the_next_period_across_restarts() {
    let budget = Some(Budget { refreshes: 2, per: Period::Day, manual: None });
    let mut bench = few(5, EngineConfig { budget, ..terms() });
    assert_eq!(bench.run(at("2026-01-01T12:00:00"), at("2026-01-01T18:00:00")), 2);
    assert!(bench.events.contains(&Event::BudgetSpent(at("2026-01-02T00:00:00"))));
    bench.start(at("2026-01-01T20:00:00"));
    assert_eq!(bench.run(at("2026-01-01T20:00:00"), at("2026-01-02T00:00:00")), 0);
    assert_eq!(bench.run(at("2026-01-02T00:00:00"), at("2026-01-02T12:00:00")), 2);
    assert_eq!(bench.run(at("2026-01-03T00:00:00"), at("2026-01-03T12:00:00")), 1);
    assert_eq!(bench.number("SELECT max(spent) FROM spend"), Some(2));
    assert_eq!(bench.number("SELECT count(DISTINCT account_id) FROM snapshots"), Some(5));
}

#[test]
fn too_fast_waits_and_tries_again() {
    for (wait, seconds) in [(None, 60), (Some(5), 5), (Some(90_000), 21_600)] {
        let mut bench = weekly(terms());
        bench.answers.insert("a", Kind::Throttled(wait));
        let slot = at("2026-01-05T06:00:00");
        bench.run(slot, slot.plus(2));
        bench.answers.clear();
        assert_eq!(bench.run(slot.plus(2), slot.plus(1 + seconds)), 0, "{wait:?}");
        assert_eq!(bench.run(slot.plus(1 + seconds), slot.plus(3 + seconds)), 1, "{wait:?}");
        assert_eq!(bench.ledger(3), ["a retry 2026-01-05T06:00:00 ok"]);
    }
}

#[test]
fn the_third_too_fast_of_one_account_holds_no_other_up() {
    let mut bench = few(2, terms());
    let start = at("2026-01-01T12:00:00");
    bench.answers.insert("a", Kind::Throttled(Some(600)));
    bench.answers.insert("b", Kind::NotSent);
    bench.run(start, start.plus(1300));
    bench.answers.remove("b");
    let waits = bench.events.iter().filter(|event| matches!(event, Event::Waiting(_)));
    assert_eq!(waits.count(), 2);
    bench.run(start.plus(1300), start.plus(1500));
    assert_eq!(bench.number("SELECT count(*) FROM snapshots"), Some(1));
}

#[test]
fn what_is_unknown_is_repeated_within_its_allowance() {
    let retry = |unknown| growthd::config::Retry { unknown, ..terms().retry };
    for (unknown, calls) in [(OnUnknown::Retry, 3), (OnUnknown::Skip, 1)] {
        let mut bench = weekly(EngineConfig { retry: retry(unknown), ..terms() });
        bench.answers.insert("a", Kind::TimedOut);
        let slot = at("2026-01-05T06:00:00");
        assert_eq!(bench.run(slot, slot.plus(6 * DAY)), calls, "{unknown:?}");
        assert_eq!(
            bench.number("SELECT count(*) FROM _account WHERE failing_refresh > 0"),
            Some(1)
        );
        bench.answers.clear();
        assert_eq!(bench.run(slot.plus(7 * DAY), slot.plus(7 * DAY + 60)), 1);
        assert_eq!(
            bench.number("SELECT count(*) FROM _account WHERE failing_refresh > 0"),
            Some(0)
        );
    }
}

#[test]
fn a_slot_is_given_up_after_its_paid_attempts_or_a_refusal() {
    for (kind, calls) in [(Kind::Junk, 3), (Kind::NotFound, 1), (Kind::Forbidden, 1)] {
        let mut bench = few(3, terms());
        bench.run(at("2026-01-01T12:00:00"), at("2026-01-02T00:00:00"));
        bench.answers.insert("a", kind);
        let slot = at("2026-01-05T06:00:00");
        assert_eq!(bench.run(slot, slot.plus(6 * DAY)), calls + 2, "{kind:?}");
        bench.answers.clear();
        assert_eq!(bench.run(slot.plus(7 * DAY), slot.plus(7 * DAY + 60)), 3, "{kind:?}");
    }
}

#[test]
fn an_outage_of_a_day_costs_no_slot() {
    for kind in [Kind::NotSent, Kind::Broken, Kind::Maintenance(1), Kind::Unauthorized] {
        let mut bench = few(5, terms());
        bench.run(at("2026-01-01T12:00:00"), at("2026-01-02T00:00:00"));
        for id in ["a", "b", "c", "d", "e"] {
            bench.answers.insert(id, kind);
        }
        let slot = at("2026-01-05T06:00:00");
        let during = bench.run(slot, slot.plus(DAY));
        assert!(during < 150, "{kind:?}: {during} calls");
        bench.answers.clear();
        assert_eq!(bench.run(slot.plus(DAY), slot.plus(3 * DAY)), 5, "{kind:?}");
        let sql = "SELECT count(DISTINCT account_id) FROM refreshes
                   WHERE outcome = 'ok' AND scheduled_utc = '2026-01-05T06:00:00Z'";
        assert_eq!(bench.number(sql), Some(5), "{kind:?}");
        assert_eq!(bench.run(slot.plus(3 * DAY), slot.plus(7 * DAY)), 0, "{kind:?}");
    }
}

#[test]
fn what_is_forbidden_for_two_is_given_back_to_both() {
    let mut bench = few(3, terms());
    bench.run(at("2026-01-01T12:00:00"), at("2026-01-02T00:00:00"));
    for id in ["a", "b"] {
        bench.answers.insert(id, Kind::Forbidden);
    }
    let slot = at("2026-01-05T06:00:00");
    bench.run(slot, slot.plus(600));
    let is_pause =
        |event: &Event| matches!(event, Event::Paused(pause) if pause.kind == PauseKind::Forbidden);
    assert_eq!(bench.events.iter().filter(|event| is_pause(event)).count(), 1);
    bench.answers.clear();
    bench.run(slot.plus(600), slot.plus(DAY));
    let sql = "SELECT count(*) FROM refreshes
               WHERE outcome = 'ok' AND scheduled_utc = '2026-01-05T06:00:00Z'";
    assert_eq!(bench.number(sql), Some(3));
}

#[test]
fn a_restart_probes_once_and_does_not_hammer() {
    let mut bench = few(3, terms());
    for id in ["a", "b", "c"] {
        bench.answers.insert(id, Kind::PaymentRequired);
    }
    let start = at("2026-01-01T12:00:00");
    bench.run(start, start.plus(60));
    let before = bench.ledger(1).len();
    bench.start(start.plus(600));
    assert_eq!(bench.run(start.plus(600), start.plus(3600)), 1);
    assert_eq!(bench.ledger(1).len(), before + 1);
}

#[test]
fn a_reload_probes_with_the_next_account_that_falls_due() {
    let mut bench = weekly(terms());
    bench.date_error = Some(-2 * 3600);
    bench.run(at("2026-01-05T06:00:00"), at("2026-01-05T06:00:10"));
    bench.date_error = None;
    bench.run(at("2026-01-05T06:00:10"), at("2026-01-12T05:00:00"));
    bench.watch(at("2026-01-12T05:00:00"));
    bench.run(at("2026-01-12T05:00:00"), at("2026-01-12T06:00:10"));
    assert_eq!(bench.ledger(3), ["a schedule 2026-01-12T06:00:00 ok"]);
    assert_eq!(bench.number("SELECT sum(is_suspect) FROM snapshots"), Some(1));
}

#[test]
fn an_answer_that_could_not_be_committed_serves_no_later_slot() {
    let mut bench = Bench::new(vec![watched("a", "0 6 * * *", "UTC")], terms());
    let first = at("2026-01-01T05:00:00");
    bench.start(first);
    let (mut claims, _) = bench.turn(first);
    bench.answer(claims.pop().expect("a claim"), first.plus(5));
    let later: Time = at("2026-01-03T12:00:00");
    bench.run(later, later.plus(60));
    assert_eq!(
        bench.ledger(1).last().map(String::as_str),
        Some("a schedule 2026-01-03T06:00:00 ok")
    );
}

#[test]
fn a_copy_put_back_is_gone_on_with() {
    let mut bench = weekly(terms());
    let slot = at("2026-01-05T06:00:00");
    let (mut claims, _) = bench.turn(slot);
    bench.back_up();
    bench.answer(claims.pop().expect("a claim"), slot.plus(5));
    bench.turn(slot.plus(5));
    bench.restore();
    let now = slot.plus(60);
    let refused = bench.engine().turn(now.into()).expect_err("another file");
    assert!(matches!(refused, StoreError::Replaced(_)));
    bench.engine().reopen().expect("a copy");
    bench.watch(now);
    bench.run(now, slot.plus(DAY));
    assert_eq!(
        bench.ledger(2),
        ["a schedule 2026-01-05T06:00:00 unknown", "a retry 2026-01-05T06:00:00 ok"]
    );
}

#[test]
fn a_slot_that_came_while_the_store_was_in_trouble_is_not_late() {
    let mut bench = weekly(EngineConfig { catch_up: CatchUp::Never, ..terms() });
    bench.start(at("2026-01-05T05:00:00"));
    bench.lock(|bench| {
        for minutes in 0..120 {
            let now = at("2026-01-05T05:00:00").plus(60 * minutes);
            bench.engine().turn(now.into()).expect_err("locked");
        }
    });
    bench.run(at("2026-01-05T07:00:00"), at("2026-01-05T08:00:00"));
    assert_eq!(bench.ledger(2), ["a schedule 2026-01-05T06:00:00 ok"]);
}
