//! Single cases of trouble: whose it is, and what it costs.

use growthd::config::{CatchUp, OnUnknown, Retry};
use growthd::engine::EngineConfig;

use super::bench::{Bench, at, config};
use super::process::watched;
use super::vendor::Kind;

const DAY: i64 = 24 * 3600;
const HOUR: i64 = 3600;
const SLOT: &str = "2026-01-05T06:00:00";

const IDS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// All kinds of failures except throttling.
const KINDS: [Kind; 17] = [
    Kind::Refused(404),
    Kind::Refused(400),
    Kind::Refused(401),
    Kind::Refused(402),
    Kind::Refused(403),
    Kind::Subscription,
    Kind::Redirect,
    Kind::Busy(408),
    Kind::Busy(409),
    Kind::Broken(500),
    Kind::Maintenance(5),
    Kind::Page,
    Kind::Empty,
    Kind::SaysNo,
    Kind::NotSent,
    Kind::TimedOut,
    Kind::Cut,
];

/// Returns a daemon with twelve weekly accounts after their baselines.
fn twelve(config: EngineConfig) -> Bench {
    let list = IDS.iter().map(|id| watched(id, "0 6 * * MON", "UTC")).collect();
    let mut bench = Bench::new(list, config, at("2026-01-01T12:00:00"));
    assert_eq!(bench.run(at("2026-01-02T00:00:00")), IDS.len());
    bench
}

fn paid(bench: &Bench) -> i64 {
    bench.query("SELECT sum(spent) FROM refreshes WHERE cause <> 'first'")
}

/// Returns how many calls repeat one for the same slot whose result is unknown.
fn repeated_unknown(bench: &Bench) -> i64 {
    bench.query(
        "SELECT count(*) FROM refreshes r JOIN refreshes u USING (account_id)
         WHERE u.outcome = 'unknown' AND r.refresh_id > u.refresh_id
           AND r.scheduled_time = u.scheduled_time",
    )
}

#[test]
fn a_short_outage_of_any_kind_costs_no_slot_and_few_credits() {
    for kind in KINDS {
        let mut bench = twelve(config());
        bench.skip_to(at(SLOT));
        bench.default_kind = kind;
        bench.run(at(SLOT) + 12);
        bench.default_kind = Kind::Ok;
        bench.run(at(SLOT) + HOUR);
        assert_eq!(bench.bought(SLOT), 12, "{kind:?}");
        assert!(paid(&bench) <= 24, "{kind:?}: {}", paid(&bench));
    }
}

#[test]
fn a_long_outage_of_any_kind_costs_no_slot_and_few_credits() {
    for kind in KINDS {
        let mut bench = twelve(config());
        bench.skip_to(at(SLOT));
        bench.default_kind = kind;
        bench.run(at(SLOT) + 3 * DAY);
        assert!(paid(&bench) < 40, "{kind:?}: {}", paid(&bench));
        bench.default_kind = Kind::Ok;
        bench.run(at(SLOT) + 3 * DAY + 7 * HOUR);
        assert_eq!(bench.bought(SLOT), 12, "{kind:?}");
    }
}

#[test]
fn shared_trouble_uses_up_no_attempt_even_if_there_is_only_one() {
    let retry = Retry { max_paid_attempts: 1, ..config().retry };
    for kind in [Kind::TimedOut, Kind::Broken(500)] {
        let mut bench = twelve(EngineConfig { retry, ..config() });
        bench.skip_to(at(SLOT));
        bench.default_kind = kind;
        bench.run(at(SLOT) + HOUR);
        bench.default_kind = Kind::Ok;
        bench.run(at(SLOT) + 8 * HOUR);
        assert_eq!(bench.bought(SLOT), 12, "{kind:?}");
    }
}

#[test]
fn troubles_of_different_kinds_are_shared_trouble() {
    let mut bench = twelve(config());
    bench.skip_to(at(SLOT));
    bench.kinds = IDS.into_iter().zip(KINDS).collect();
    bench.run(at(SLOT) + HOUR);
    assert!(paid(&bench) <= 20, "{}", paid(&bench));
    bench.kinds.clear();
    bench.run(at(SLOT) + 8 * HOUR);
    assert_eq!(bench.bought(SLOT), 12);
}

#[test]
fn the_trouble_of_one_account_delays_no_other() {
    let kinds = KINDS.into_iter().chain([Kind::Refused(410), Kind::OtherAccount]);
    for kind in kinds {
        for is_restarted in [false, true] {
            let mut bench = twelve(config());
            bench.kinds.insert("a", kind);
            bench.skip_to(at(SLOT));
            if is_restarted {
                bench.run(at(SLOT) + 30);
                bench.start();
            }
            bench.run(at(SLOT) + 60);
            assert_eq!(bench.bought(SLOT), 11, "{kind:?} {is_restarted}");
        }
    }
}

#[test]
fn an_account_that_fails_alone_has_few_calls_per_slot() {
    for (kind, calls) in [
        (Kind::Broken(500), 3),
        (Kind::Page, 3),
        (Kind::SaysNo, 3),
        (Kind::TimedOut, 3),
        (Kind::Refused(404), 4),
        (Kind::Refused(401), 4),
    ] {
        let mut bench = twelve(config());
        bench.kinds.insert("a", kind);
        bench.run(at(SLOT) + 6 * DAY);
        let calls_of_a =
            "SELECT count(*) FROM refreshes WHERE account_id = 'a' AND cause <> 'first'";
        assert_eq!(bench.query(calls_of_a), calls, "{kind:?}");
        bench.kinds.clear();
        bench.run(at(SLOT) + 7 * DAY + 60);
        assert_eq!(bench.bought("2026-01-12T06:00:00"), 12, "{kind:?}");
    }
}

#[test]
fn a_momentary_refusal_costs_no_week() {
    let mut bench = twelve(config());
    bench.kinds.insert("a", Kind::Refused(404));
    bench.run(at(SLOT) + 60);
    bench.kinds.clear();
    bench.run(at(SLOT) + HOUR + 600);
    assert_eq!(bench.bought(SLOT), 12);
}

#[test]
fn throttled_calls_wait_and_are_repeated() {
    for (wait, seconds) in [(None, 60), (Some(5), 5), (Some(90_000), 21_600)] {
        let mut bench = twelve(config());
        bench.skip_to(at(SLOT));
        bench.default_kind = Kind::Throttled(wait);
        let first = bench.run(at(SLOT) + 1);
        bench.default_kind = Kind::Ok;
        assert_eq!(bench.run(at(SLOT) + seconds), 0, "{wait:?}");
        bench.run(at(SLOT) + seconds + 60);
        assert_eq!(bench.bought(SLOT), 12, "{wait:?} {first}");
    }
}

#[test]
fn a_pause_is_no_longer_than_a_new_configuration_allows() {
    let mut bench = twelve(config());
    bench.skip_to(at(SLOT));
    bench.default_kind = Kind::Throttled(Some(7200));
    bench.run(at(SLOT) + 3);
    bench.default_kind = Kind::Ok;
    bench.config.retry.max_delay = 60;
    bench.watch();
    bench.run(at(SLOT) + 60);
    assert_eq!(bench.bought(SLOT), 12);
}

#[test]
fn an_account_throttled_alone_delays_the_others_once() {
    let mut bench = twelve(config());
    bench.kinds.insert("a", Kind::Throttled(Some(600)));
    bench.run(at(SLOT) + 700);
    assert_eq!(bench.bought(SLOT), 11);
    for (slot, kind) in [
        ("2026-01-12T06:00:00", Kind::AskedToWait(403, 600)),
        ("2026-01-19T06:00:00", Kind::Throttled(None)),
    ] {
        bench.kinds.insert("a", kind);
        bench.run(at(slot) + 60);
        assert_eq!(bench.bought(slot), 11, "{slot}");
    }
}

#[test]
fn requests_and_reloads_cause_a_probe_a_minute_and_no_longer_delays() {
    let mut bench = twelve(config());
    bench.skip_to(at(SLOT));
    bench.default_kind = Kind::Broken(500);
    bench.run(at(SLOT) + 30);
    let before = paid(&bench);
    for second in 30..40 {
        bench.watch();
        bench.request(second, "nobody-here");
        bench.request(second, "a");
        bench.run(at(SLOT) + i64::try_from(second).expect("small") + 1);
    }
    assert!(paid(&bench) <= before + 2, "{before} {}", paid(&bench));
    bench.default_kind = Kind::Ok;
    bench.run(at(SLOT) + 600);
    assert_eq!(bench.bought(SLOT), 12);
}

#[test]
fn many_requests_at_once_cost_one_probe_in_an_outage() {
    let paid_with = |requested: &[&str]| {
        let mut bench = twelve(config());
        bench.skip_to(at(SLOT));
        bench.default_kind = Kind::TimedOut;
        bench.run(at(SLOT) + 2 * HOUR);
        for (requester, id) in requested.iter().enumerate() {
            bench.request(requester as u64, id);
        }
        bench.run(at(SLOT) + 4 * HOUR);
        paid(&bench)
    };
    assert_eq!(paid_with(&IDS), paid_with(&[]) + 1);
}

#[test]
fn a_slot_that_waited_for_the_vendor_is_not_late() {
    // Nothing falls due for days after the cause is over, so no call is made.
    let mut bench = twelve(EngineConfig { catch_up: CatchUp::Never, ..config() });
    bench.skip_to(at("2026-01-01T13:00:00"));
    bench.default_kind = Kind::Refused(401);
    for (requester, id) in IDS.iter().enumerate() {
        bench.request(requester as u64, id);
    }
    bench.run(at("2026-01-01T14:00:00"));
    bench.default_kind = Kind::Ok;
    bench.run(at(SLOT) + 60);
    assert_eq!(bench.bought(SLOT), 12);
}

#[test]
fn unknown_calls_are_repeated_within_their_allowance() {
    for (unknown, calls) in [(OnUnknown::Retry, 3), (OnUnknown::Skip, 1)] {
        let retry = Retry { unknown, ..config().retry };
        let mut bench = twelve(EngineConfig { retry, ..config() });
        bench.kinds.insert("a", Kind::TimedOut);
        bench.run(at(SLOT) + 6 * DAY);
        let calls_of_a =
            "SELECT count(*) FROM refreshes WHERE account_id = 'a' AND cause <> 'first'";
        assert_eq!(bench.query(calls_of_a), calls, "{unknown:?}");
    }
}

#[test]
fn unknown_calls_that_must_not_be_repeated_are_not_restored_by_the_breaker() {
    let retry = Retry { unknown: OnUnknown::Skip, ..config().retry };
    let mut bench = twelve(EngineConfig { retry, max_in_flight: 1, ..config() });
    for kind in [Kind::Broken(502), Kind::Cut] {
        // One account fails twice, and then two others: three in a row.
        bench.default_kind = kind;
        bench.skip_to(at(SLOT));
        bench.run(at(SLOT) + 1);
    }
    bench.run(at(SLOT) + 120);
    bench.default_kind = Kind::Ok;
    bench.run(at(SLOT) + HOUR);
    assert_eq!(repeated_unknown(&bench), 0);
}

/// The account is in the run since its call of the week before, which ended after the others' oks.
#[test]
fn a_call_in_the_second_week_of_a_run_is_not_restored_by_the_breaker() {
    let retry = Retry { unknown: OnUnknown::Skip, ..config().retry };
    let mut bench = twelve(EngineConfig { retry, max_in_flight: 12, ..config() });
    bench.skip_to(at(SLOT));
    let (slow, others): (Vec<_>, Vec<_>) = bench
        .turn()
        .claims
        .into_iter()
        .partition(|claim| claim.account_id().is_some_and(|id| id.as_str() == "a"));
    assert_eq!((slow.len(), others.len()), (1, 11));
    others.into_iter().for_each(|claim| bench.respond(claim));
    bench.turn();
    bench.kinds.insert("a", Kind::TimedOut);
    slow.into_iter().for_each(|claim| bench.respond(claim));
    bench.turn();
    bench.kinds.clear();
    let slot = "2026-01-12T06:00:00";
    bench.skip_to(at(slot));
    bench.default_kind = Kind::Cut;
    bench.run(at(slot) + 5);
    bench.default_kind = Kind::Ok;
    bench.run(at(slot) + HOUR);
    assert_eq!(repeated_unknown(&bench), 0, "{:?}", bench.ledger(13));
}

/// Three accounts that always fail, in a list of which few others are due at a time, open the breaker a
/// few times and then no more.
#[test]
fn three_accounts_that_always_fail_are_soon_known_however_the_others_are_spread() {
    const HOURS: [(&str, &str); 20] = [
        ("a", "0 0"),
        ("b", "0 1"),
        ("c", "0 2"),
        ("d", "0 3"),
        ("e", "0 4"),
        ("f", "0 5"),
        ("g", "0 7"),
        ("h", "0 8"),
        ("i", "0 9"),
        ("j", "0 10"),
        ("k", "0 11"),
        ("l", "0 12"),
        ("m", "0 13"),
        ("n", "0 14"),
        ("o", "0 15"),
        ("p", "0 17"),
        ("q", "0 18"),
        ("r", "0 19"),
        ("s", "0 21"),
        ("t", "0 23"),
    ];
    const DAYS: i64 = 5;
    for kinds in [
        [Kind::Cut, Kind::Broken(500), Kind::Page],
        [Kind::Broken(500); 3],
        [Kind::Refused(404); 3],
        [Kind::Cut, Kind::Broken(500), Kind::Refused(404)],
    ] {
        let daily =
            |(id, time): &(&'static str, &str)| watched(id, &format!("{time} * * *"), "UTC");
        let mut list: Vec<_> = HOURS.iter().map(daily).collect();
        list.extend(["x", "y", "z"].map(|id| watched(id, "0 6 * * *", "UTC")));
        let mut bench = Bench::new(list, config(), at("2026-01-01T12:00:00"));
        for (id, kind) in ["x", "y", "z"].into_iter().zip(kinds) {
            bench.kinds.insert(id, kind);
        }
        bench.run(at("2026-01-01T12:00:00") + DAYS * DAY);
        let bad = "FROM refreshes WHERE account_id IN ('x', 'y', 'z')";
        // Three for each slot and account, and a few for each opening.
        let spent = bench.query(&format!("SELECT ifnull(sum(spent), 0) {bad}"));
        assert!(spent <= 3 * 3 * (DAYS + 1) + 45, "{kinds:?}: {spent} credits");
        let most = bench.query(&format!(
            "SELECT max(n) FROM (SELECT sum(spent) AS n {bad} GROUP BY account_id, scheduled_time)"
        ));
        assert!(most <= 16, "{kinds:?}: {most} for one slot");
        let calls = bench.query(&format!("SELECT count(*) {bad} AND outcome <> 'skipped'"));
        assert!(calls <= 3 * 4 * (DAYS + 1) + 60, "{kinds:?}: {calls} calls");
        let failing =
            "SELECT count(*) FROM _account WHERE is_failing AND account_id IN ('x', 'y', 'z')";
        assert_eq!(bench.query(failing), 3, "{kinds:?}");
        let late = "SELECT count(*) FROM snapshots s JOIN refreshes r USING (refresh_id)
                    WHERE s.time - r.scheduled_time > 120";
        assert_eq!(bench.query(late), 0, "{kinds:?}");
    }
}

#[test]
fn calls_left_unknown_by_a_crash_are_not_restored_by_the_breaker() {
    let retry = Retry { unknown: OnUnknown::Skip, ..config().retry };
    let list = [("a", "0 6 * * MON"), ("b", "0 7 * * MON"), ("c", "0 7 * * MON")];
    let list = list.map(|(id, cron)| watched(id, cron, "UTC")).to_vec();
    let mut bench = Bench::new(list, EngineConfig { retry, ..config() }, at("2026-01-01T12:00:00"));
    bench.run(at(SLOT));
    bench.default_kind = Kind::NotSent;
    bench.run(at(SLOT) + 10);
    bench.skip_to(at(SLOT) + 45);
    assert_eq!(bench.turn().claims.len(), 1);
    bench.start();
    bench.run(at(SLOT) + HOUR + 10);
    bench.default_kind = Kind::Ok;
    bench.run(at(SLOT) + 2 * HOUR);
    assert_eq!(bench.bought("2026-01-05T07:00:00"), 2);
    let calls = bench.ledger(4).into_iter().filter(|line| line.starts_with("a "));
    let outcomes: Vec<_> = calls.map(|line| line.rsplit(' ').next().map(str::to_owned)).collect();
    assert_eq!(outcomes, ["failed", "unknown"].map(|outcome| Some(outcome.to_owned())));
}

#[test]
fn a_refusal_of_a_failing_account_is_a_refusal_whatever_its_date() {
    // It failed before while others succeeded, so its date says nothing about our clock.
    let mut bench = twelve(config());
    bench.kinds.insert("a", Kind::Refused(404));
    bench.run(at("2026-01-07T12:00:00"));
    bench.list.iter_mut().skip(1).for_each(|entry| entry.cron = "0 6 * * SUN".into());
    bench.watch();
    bench.run(at("2026-01-12T05:00:00"));
    bench.date_error = Some(365 * DAY);
    bench.run(at("2026-01-12T06:10:00"));
    bench.date_error = Some(0);
    bench.kinds.clear();
    bench.run(at("2026-01-12T07:10:00"));
    assert_eq!(bench.bought("2026-01-12T06:00:00"), 1);
}

#[test]
fn a_contradicted_clock_stops_all_calls_until_it_is_right() {
    let mut bench = twelve(config());
    bench.date_error = Some(-2 * HOUR);
    bench.skip_to(at(SLOT));
    bench.run(at(SLOT) + HOUR);
    assert_eq!(bench.query("SELECT sum(is_suspect) FROM snapshots"), paid(&bench));
    assert!(paid(&bench) < 12, "{}", paid(&bench));
    bench.date_error = Some(0);
    bench.watch();
    bench.run(at(SLOT) + HOUR + 600);
    assert_eq!(bench.bought(SLOT), 12);
    let measured = "SELECT count(DISTINCT account_id) FROM snapshots
                    WHERE NOT is_suspect AND time >= unixepoch('2026-01-05 06:00:00')";
    assert_eq!(bench.query(measured), 12);
}
