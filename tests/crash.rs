//! `kill -9` at any moment: every call is in the ledger, and no slot is bought twice.

use std::collections::HashMap;
use std::time::Duration;

use crate::harness::{Settings, Setup, Vendor};
use crate::scripted_api::Behaviour;

const ROUNDS: u64 = 10;

#[test]
fn a_ledger_survives_kills_at_any_moment() {
    let vendor = Vendor::start();
    let ids: Vec<String> = (0..100).map(|n| format!("a{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let settings = Settings {
        api: "max_in_flight = 8".to_owned(),
        retry: "first_delay = \"1s\"\nmax_delay = \"1s\"\nmax_paid_attempts = 20",
        ..Settings::each_second(&ids)
    };
    let place = Setup::new(&vendor, &settings);
    for (n, id) in ids.iter().enumerate() {
        let delay = Duration::from_millis(u64::try_from(n).expect("few") % 7 * 3);
        vendor.always(id, Behaviour::After(delay, Box::new(Behaviour::Answer)));
    }
    for round in 0..ROUNDS {
        let daemon = place.run();
        // At another point of a batch each time, from the first call to those of a second.
        let more = usize::try_from(growthd::schedule::stable_hash(&round.to_le_bytes()) % 120);
        vendor.wait_for_calls(vendor.call_count() + 1 + more.expect("few"));
        daemon.kill();
    }
    place.run().once_up().stop();

    let database = place.database();
    database.is_sound();
    assert_eq!(database.one::<i64>("SELECT count(*) FROM refreshes WHERE outcome = 'pending'"), 0);
    let mut seen: HashMap<String, i64> = HashMap::new();
    for call in vendor.calls() {
        *seen.entry(call.account_id.expect("a refresh")).or_default() += 1;
    }
    for (id, calls) in seen {
        let lines: i64 = database.one(&format!(
            "SELECT count(*) FROM refreshes WHERE account_id = '{id}' AND outcome <> 'skipped'"
        ));
        assert!(lines >= calls, "{id}: {calls} calls, {lines} lines");
    }
    let charged = i64::try_from(vendor.charged_count()).expect("few");
    let spent: i64 = database.one("SELECT sum(spent) FROM refreshes");
    assert!(charged <= spent, "{charged} charged, {spent} in the ledger");
    let unknown: i64 = database.one("SELECT count(*) FROM refreshes WHERE outcome = 'unknown'");
    assert!(unknown > 0, "no kill met a call in flight");
    assert!(unknown <= i64::try_from(ROUNDS * 8).expect("few"), "{unknown}");
}
