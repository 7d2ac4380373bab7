//! Whose trouble it is, told case by case.

use growthd::config::{CatchUp, OnUnknown, Retry};
use growthd::engine::EngineConfig;

use super::bench::{Bench, at, config, watched};
use super::vendor::Kind;

const DAY: i64 = 24 * 3600;
const HOUR: i64 = 3600;
const SLOT: &str = "2026-01-05T06:00:00";

const IDS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// Trouble of each kind but "too fast".
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

/// Twelve accounts on Mondays, with their baselines.
fn twelve(config: EngineConfig) -> Bench {
    let list = IDS.iter().map(|id| watched(id, "0 6 * * MON", "UTC")).collect();
    let mut bench = Bench::new(list, config, at("2026-01-01T12:00:00"));
    assert_eq!(bench.run(at("2026-01-02T00:00:00")), IDS.len());
    bench
}

fn paid(bench: &Bench) -> i64 {
    bench.number("SELECT sum(spent) FROM refreshes WHERE cause <> 'first'")
}

#[test]
fn seconds_of_any_trouble_cost_no_slot_and_few_credits() {
    for kind in KINDS {
        let mut bench = twelve(config());
        bench.pass_to(at(SLOT));
        bench.everybody = kind;
        bench.run(at(SLOT) + 12);
        bench.everybody = Kind::Ok;
        bench.run(at(SLOT) + HOUR);
        assert_eq!(bench.bought(SLOT), 12, "{kind:?}");
        assert!(paid(&bench) <= 24, "{kind:?}: {}", paid(&bench));
    }
}

#[test]
fn days_of_any_trouble_cost_no_slot_and_few_credits() {
    for kind in KINDS {
        let mut bench = twelve(config());
        bench.pass_to(at(SLOT));
        bench.everybody = kind;
        bench.run(at(SLOT) + 3 * DAY);
        assert!(paid(&bench) < 40, "{kind:?}: {}", paid(&bench));
        bench.everybody = Kind::Ok;
        bench.run(at(SLOT) + 3 * DAY + 7 * HOUR);
        assert_eq!(bench.bought(SLOT), 12, "{kind:?}");
    }
}

#[test]
fn shared_trouble_uses_no_attempt_up_even_if_there_is_one() {
    let retry = Retry { max_paid_attempts: 1, ..config().retry };
    for kind in [Kind::TimedOut, Kind::Broken(500)] {
        let mut bench = twelve(EngineConfig { retry, ..config() });
        bench.pass_to(at(SLOT));
        bench.everybody = kind;
        bench.run(at(SLOT) + HOUR);
        bench.everybody = Kind::Ok;
        bench.run(at(SLOT) + 8 * HOUR);
        assert_eq!(bench.bought(SLOT), 12, "{kind:?}");
    }
}

#[test]
fn trouble_of_every_kind_at_once_is_one_trouble() {
    let mut bench = twelve(config());
    bench.pass_to(at(SLOT));
    bench.answers = IDS.into_iter().zip(KINDS).collect();
    bench.run(at(SLOT) + HOUR);
    assert!(paid(&bench) <= 20, "{}", paid(&bench));
    bench.answers.clear();
    bench.run(at(SLOT) + 8 * HOUR);
    assert_eq!(bench.bought(SLOT), 12);
}

#[test]
fn the_trouble_of_one_delays_no_other() {
    let kinds = KINDS.into_iter().chain([Kind::Refused(410), Kind::OtherAccount]);
    for kind in kinds {
        for is_restarted in [false, true] {
            let mut bench = twelve(config());
            bench.answers.insert("a", kind);
            bench.pass_to(at(SLOT));
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
fn what_one_account_alone_costs_in_a_slot() {
    for (kind, calls) in [
        (Kind::Broken(500), 3),
        (Kind::Page, 3),
        (Kind::SaysNo, 3),
        (Kind::TimedOut, 3),
        (Kind::Refused(404), 4),
        (Kind::Refused(401), 4),
    ] {
        let mut bench = twelve(config());
        bench.answers.insert("a", kind);
        bench.run(at(SLOT) + 6 * DAY);
        let its = "SELECT count(*) FROM refreshes WHERE account_id = 'a' AND cause <> 'first'";
        assert_eq!(bench.number(its), calls, "{kind:?}");
        bench.answers.clear();
        bench.run(at(SLOT) + 7 * DAY + 60);
        assert_eq!(bench.bought("2026-01-12T06:00:00"), 12, "{kind:?}");
    }
}

#[test]
fn a_momentary_refusal_costs_no_week() {
    let mut bench = twelve(config());
    bench.answers.insert("a", Kind::Refused(404));
    bench.run(at(SLOT) + 60);
    bench.answers.clear();
    bench.run(at(SLOT) + HOUR + 600);
    assert_eq!(bench.bought(SLOT), 12);
}

#[test]
fn too_fast_waits_and_tries_again() {
    for (wait, seconds) in [(None, 60), (Some(5), 5), (Some(90_000), 21_600)] {
        let mut bench = twelve(config());
        bench.pass_to(at(SLOT));
        bench.everybody = Kind::Throttled(wait);
        let first = bench.run(at(SLOT) + 1);
        bench.everybody = Kind::Ok;
        assert_eq!(bench.run(at(SLOT) + seconds), 0, "{wait:?}");
        bench.run(at(SLOT) + seconds + 60);
        assert_eq!(bench.bought(SLOT), 12, "{wait:?} {first}");
    }
}

#[test]
fn who_alone_is_too_fast_holds_the_others_up_once() {
    let mut bench = twelve(config());
    bench.answers.insert("a", Kind::Throttled(Some(600)));
    bench.run(at(SLOT) + 700);
    assert_eq!(bench.bought(SLOT), 11);
    for (slot, kind) in [
        ("2026-01-12T06:00:00", Kind::AskedToWait(403, 600)),
        ("2026-01-19T06:00:00", Kind::Throttled(None)),
    ] {
        bench.answers.insert("a", kind);
        bench.run(at(slot) + 60);
        assert_eq!(bench.bought(slot), 11, "{slot}");
    }
}

#[test]
fn impatience_forces_a_probe_a_minute_and_lengthens_nothing() {
    let mut bench = twelve(config());
    bench.pass_to(at(SLOT));
    bench.everybody = Kind::Broken(500);
    bench.run(at(SLOT) + 30);
    let before = paid(&bench);
    for second in 30..40 {
        bench.watch();
        bench.request(second, "nobody-here");
        bench.request(second, "a");
        bench.run(at(SLOT) + i64::try_from(second).expect("small") + 1);
    }
    assert!(paid(&bench) <= before + 2, "{before} {}", paid(&bench));
    bench.everybody = Kind::Ok;
    bench.run(at(SLOT) + 600);
    assert_eq!(bench.bought(SLOT), 12);
}

#[test]
fn what_waited_for_the_vendor_is_not_late() {
    // Nothing falls due for days after the cause is over, so that nobody is asked either.
    let mut bench = twelve(EngineConfig { catch_up: CatchUp::Never, ..config() });
    bench.pass_to(at("2026-01-01T13:00:00"));
    bench.everybody = Kind::Refused(401);
    for (requester, id) in IDS.iter().enumerate() {
        bench.request(requester as u64, id);
    }
    bench.run(at("2026-01-01T14:00:00"));
    bench.everybody = Kind::Ok;
    bench.run(at(SLOT) + 60);
    assert_eq!(bench.bought(SLOT), 12);
}

#[test]
fn what_is_unknown_is_repeated_within_its_allowance() {
    for (unknown, calls) in [(OnUnknown::Retry, 3), (OnUnknown::Skip, 1)] {
        let retry = Retry { unknown, ..config().retry };
        let mut bench = twelve(EngineConfig { retry, ..config() });
        bench.answers.insert("a", Kind::TimedOut);
        bench.run(at(SLOT) + 6 * DAY);
        let its = "SELECT count(*) FROM refreshes WHERE account_id = 'a' AND cause <> 'first'";
        assert_eq!(bench.number(its), calls, "{unknown:?}");
    }
}

#[test]
fn what_is_unknown_and_not_repeated_stays_so_when_the_trouble_is_everybodys() {
    let retry = Retry { unknown: OnUnknown::Skip, ..config().retry };
    let mut bench = twelve(EngineConfig { retry, max_in_flight: 1, ..config() });
    for kind in [Kind::Broken(502), Kind::Cut] {
        // One account in trouble twice, and then two others: three in a row.
        bench.everybody = kind;
        bench.pass_to(at(SLOT));
        bench.run(at(SLOT) + 1);
    }
    bench.run(at(SLOT) + 120);
    bench.everybody = Kind::Ok;
    bench.run(at(SLOT) + HOUR);
    let repeated = "SELECT count(*) FROM refreshes r JOIN refreshes u USING (account_id)
                    WHERE u.outcome = 'unknown' AND r.refresh_id > u.refresh_id
                      AND r.scheduled_time = u.scheduled_time";
    assert_eq!(bench.number(repeated), 0);
}

#[test]
fn what_a_crash_left_unknown_and_is_not_repeated_stays_so_when_the_breaker_opens() {
    let retry = Retry { unknown: OnUnknown::Skip, ..config().retry };
    let list = [("a", "0 6 * * MON"), ("b", "0 7 * * MON"), ("c", "0 7 * * MON")];
    let list = list.map(|(id, cron)| watched(id, cron, "UTC")).to_vec();
    let mut bench = Bench::new(list, EngineConfig { retry, ..config() }, at("2026-01-01T12:00:00"));
    bench.run(at(SLOT));
    bench.everybody = Kind::NotSent;
    bench.run(at(SLOT) + 10);
    bench.pass_to(at(SLOT) + 45);
    assert_eq!(bench.turn().claims.len(), 1);
    bench.start();
    bench.run(at(SLOT) + HOUR + 10);
    bench.everybody = Kind::Ok;
    bench.run(at(SLOT) + 2 * HOUR);
    assert_eq!(bench.bought("2026-01-05T07:00:00"), 2);
    let calls = bench.ledger(4).into_iter().filter(|line| line.starts_with("a "));
    let outcomes: Vec<_> = calls.map(|line| line.rsplit(' ').next().map(str::to_owned)).collect();
    assert_eq!(outcomes, ["failed", "unknown"].map(|outcome| Some(outcome.to_owned())));
}

#[test]
fn a_refusal_whose_date_is_wrong_is_a_refusal() {
    // It failed before, while others did well: what its date says is not about our clock.
    let mut bench = twelve(config());
    bench.answers.insert("a", Kind::Refused(404));
    bench.run(at("2026-01-07T12:00:00"));
    bench.list.iter_mut().skip(1).for_each(|entry| entry.cron = "0 6 * * SUN".into());
    bench.watch();
    bench.run(at("2026-01-12T05:00:00"));
    bench.date_error = Some(365 * DAY);
    bench.run(at("2026-01-12T06:10:00"));
    bench.date_error = Some(0);
    bench.answers.clear();
    bench.run(at("2026-01-12T07:10:00"));
    assert_eq!(bench.bought("2026-01-12T06:00:00"), 1);
}

#[test]
fn a_clock_that_the_vendor_contradicts_stops_everybody_until_it_is_right() {
    let mut bench = twelve(config());
    bench.date_error = Some(-2 * HOUR);
    bench.pass_to(at(SLOT));
    bench.run(at(SLOT) + HOUR);
    assert_eq!(bench.number("SELECT sum(is_suspect) FROM snapshots"), paid(&bench));
    assert!(paid(&bench) < 12, "{}", paid(&bench));
    bench.date_error = Some(0);
    bench.watch();
    bench.run(at(SLOT) + HOUR + 600);
    assert_eq!(bench.bought(SLOT), 12);
    let measured = "SELECT count(DISTINCT account_id) FROM snapshots
                    WHERE NOT is_suspect AND time >= unixepoch('2026-01-05 06:00:00')";
    assert_eq!(bench.number(measured), 12);
}
