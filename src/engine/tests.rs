//! The engine in virtual time, with a vendor that is a function of account and time.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::api::{CallResult, HttpResponse, RetryAfter};
use crate::clock::Time;
use crate::config::{Budget, CatchUp, OnUnknown, Period, Retry, Watched};
use crate::store::{Cause, Creation, Extent, Outcome, wal_size};

/// Monday, 2026-01-05, 06:00 UTC: the slot of `0 6 * * MON`.
const MONDAY: i64 = 1_767_592_800;
const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

fn good(id: &str, followers: i64) -> CallResult {
    let body = format!(
        r#"{{"success":true,"data":{{"account":{{"id":"{id}","stats":{{"followers":{followers}}}}}}}}}"#
    );
    http(200, &body)
}

fn http(status: u16, body: &str) -> CallResult {
    CallResult::Http(HttpResponse {
        status,
        body: body.into(),
        is_whole: true,
        ..HttpResponse::default()
    })
}

fn retry_after(status: u16, seconds: i64) -> CallResult {
    CallResult::Http(HttpResponse {
        status,
        retry_after: Some(RetryAfter::Seconds(seconds)),
        is_whole: true,
        ..HttpResponse::default()
    })
}

fn unknown() -> CallResult {
    CallResult::Unknown("no answer within the timeout".to_owned())
}

fn unreachable() -> CallResult {
    CallResult::NotSent("cannot connect".to_owned())
}

/// Every kind of trouble, and whether it may cost a credit.
fn troubles() -> Vec<(&'static str, CallResult, bool)> {
    vec![
        ("404", http(404, ""), false),
        ("403", http(403, ""), false),
        ("401", http(401, ""), false),
        ("402", http(402, ""), false),
        ("408", http(408, ""), false),
        ("409", http(409, ""), false),
        ("307", http(307, ""), false),
        ("500", http(500, ""), true),
        ("503 with Retry-After", retry_after(503, 5), true),
        ("a maintenance page", http(200, "<html>"), true),
        ("an empty 200", http(200, ""), true),
        ("not successful", http(200, r#"{"success":false}"#), true),
        ("silent", unknown(), true),
        ("unreachable", unreachable(), false),
    ]
}

/// Returns whether a trouble of this name is a refusal.
fn is_refusal(name: &str) -> bool {
    ["404", "403", "401", "402", "307"].contains(&name)
}

/// Returns the number in an id of [`list`].
fn number(id: &str) -> usize {
    id[1..].parse().expect("a number")
}

fn config() -> EngineConfig {
    EngineConfig {
        retry: Retry {
            first_delay: 30,
            max_delay: 6 * HOUR,
            max_paid_attempts: 3,
            unknown: OnUnknown::Retry,
        },
        budget: None,
        max_in_flight: 4,
        requests_per_minute: 60,
        catch_up: CatchUp::Always,
    }
}

fn list(count: usize, cron: &str) -> Vec<Watched> {
    (0..count).map(|number| Watched::example(&format!("a{number:03}"), cron)).collect()
}

fn ids(ids: &[&str]) -> Selection {
    Selection::Ids(ids.iter().map(|id| id.parse().expect("an id")).collect())
}

/// A settled call.
#[derive(Clone, Debug)]
struct SettledCall {
    id: String,
    at: i64,
    is_ok: bool,
    spent: bool,
    cause: Cause,
}

struct World {
    engine: Engine,
    folder: tempfile::TempDir,
    /// The machine's monotonic clock, in milliseconds: the time that really passes.
    time: i64,
    /// How far the wall clock is ahead of it, in milliseconds.
    skew: i64,
    /// How long a response takes, in milliseconds.
    latency: i64,
    in_flight: Vec<(i64, CompletedCall)>,
    calls: Vec<SettledCall>,
    events: Vec<Event>,
    turns: usize,
    /// Whether the vendor sends a `Date`.
    is_dated: bool,
}

type Vendor<'a> = &'a dyn Fn(&str, i64) -> CallResult;

impl World {
    fn new(accounts: &[Watched], config: EngineConfig, start: i64) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open_volatile(&folder.path().join("growth.db"), Creation::Allowed);
        let store = store.expect("a database");
        let mut world = World {
            engine: Engine::new(store, config.clone(), ClaimMode::Due),
            folder,
            time: start * 1000,
            skew: 0,
            latency: 2000,
            in_flight: Vec::new(),
            calls: Vec::new(),
            events: Vec::new(),
            turns: 0,
            is_dated: false,
        };
        let moment = world.moment();
        world.engine.watch(accounts, config, moment).expect("a watchlist");
        world
    }

    /// Creates a world whose accounts had their baselines a week before its first Monday.
    fn settled(accounts: &[Watched], config: EngineConfig) -> World {
        let mut world = World::new(accounts, config, MONDAY - WEEK + 60);
        world.until(MONDAY - 5 * MINUTE, &|id, _| good(id, 100));
        world.calls.clear();
        world.events.clear();
        world
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("growth.db")
    }

    fn moment(&self) -> Moment {
        Moment { wall: Now(self.time + self.skew), machine: self.time }
    }

    fn watch(&mut self, accounts: &[Watched]) {
        let moment = self.moment();
        self.engine.watch(accounts, config(), moment).expect("a watchlist");
    }

    /// Kills the process, and starts it again `down` seconds later.
    fn crash(&mut self, down: i64, config: EngineConfig) {
        let path = self.path();
        self.in_flight.clear();
        let placeholder = Store::open(&self.folder.path().join("other.db"), Creation::Allowed);
        let placeholder = placeholder.expect("a database");
        drop(std::mem::replace(
            &mut self.engine,
            Engine::new(placeholder, config.clone(), ClaimMode::Due),
        ));
        self.time += down * 1000;
        let store = Store::open_volatile(&path, Creation::Refused).expect("a database");
        self.engine = Engine::new(store, config, ClaimMode::Due);
    }

    /// Runs until `end` by the machine's clock.
    fn until(&mut self, end: i64, vendor: Vendor<'_>) {
        let mut turns_in_place = 0;
        while self.time < end * 1000 {
            self.receive();
            let turn = self.engine.turn(self.moment()).expect("a turn");
            self.turns += 1;
            for event in &turn.events {
                if let Event::Settled { id, outcome, spent, cause, .. } = event {
                    self.calls.push(SettledCall {
                        id: id.to_string(),
                        at: self.time / 1000,
                        is_ok: *outcome == Outcome::Ok,
                        spent: *spent,
                        cause: *cause,
                    });
                }
            }
            self.events.extend(turn.events);
            for claim in turn.claims {
                let id = claim.account_id().map_or("looked-up".to_owned(), ToString::to_string);
                let mut answer = vendor(&id, self.time / 1000);
                if let CallResult::Http(answer) = &mut answer
                    && self.is_dated
                {
                    answer.date.get_or_insert(Time((self.time + self.latency) / 1000));
                }
                let arrival = self.time + self.latency;
                let arrived = Time((arrival + self.skew) / 1000);
                self.in_flight.push((arrival, CompletedCall::new(claim, answer, arrived)));
            }
            let wake = turn.wake.map(|wake| wake.0 - self.skew);
            let arrival = self.in_flight.iter().map(|(arrival, _)| *arrival).min();
            let next = wake.into_iter().chain(arrival).min().unwrap_or(i64::MAX);
            turns_in_place = if next > self.time { 0 } else { turns_in_place + 1 };
            assert!(turns_in_place < 100, "the engine makes turns without progress");
            self.time = next.clamp(self.time, end * 1000);
        }
        self.receive();
    }

    fn receive(&mut self) {
        let time = self.time;
        let (received, in_flight) = std::mem::take(&mut self.in_flight)
            .into_iter()
            .partition(|(arrival, _)| *arrival <= time);
        self.in_flight = in_flight;
        let received: Vec<(i64, CompletedCall)> = received;
        for (_, completed) in received {
            self.engine.take(completed);
        }
    }

    /// Returns the number of successful calls of each account.
    fn served(&self) -> BTreeMap<String, usize> {
        let mut served = BTreeMap::new();
        for call in self.calls.iter().filter(|call| call.is_ok) {
            *served.entry(call.id.clone()).or_default() += 1;
        }
        served
    }

    fn calls_of(&self, id: &str) -> Vec<&SettledCall> {
        self.calls.iter().filter(|call| call.id == id).collect()
    }

    fn request(&mut self, selection: &Selection) {
        let moment = self.moment();
        self.engine.request(RequesterId(1), selection, moment).expect("a request");
    }

    /// Returns the declined requests' accounts, and why.
    fn declined(&self) -> Vec<(String, String)> {
        let declined = |event: &Event| match event {
            Event::Declined { id, why } => Some((id.to_string(), why.clone())),
            _ => None,
        };
        self.events.iter().filter_map(declined).collect()
    }

    /// Returns how many accounts are failing.
    fn failing(&mut self) -> u64 {
        let now = self.moment().wall.time();
        let tx = self.engine.store().begin_read().expect("a transaction");
        tx.overview(now).expect("an overview").failing
    }

    fn opened(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::BreakerOpened(_))).count()
    }

    fn skipped(&self) -> Vec<(String, i64, String)> {
        let skipped = |event: &Event| match event {
            Event::Skipped { id, slot, why } => Some((id.to_string(), slot.0, why.clone())),
            _ => None,
        };
        self.events.iter().filter_map(skipped).collect()
    }
}

#[test]
fn trouble_of_all_accounts_for_seconds_costs_no_slot() {
    for (name, trouble, _) in troubles() {
        let mut world = World::settled(&list(12, "0 6 * * MON"), config());
        let vendor = |id: &str, time: i64| match (MONDAY..MONDAY + 12).contains(&time) {
            true => trouble.clone(),
            false => good(id, 200),
        };
        world.until(MONDAY + HOUR, &vendor);
        assert_eq!(world.served().len(), 12, "{name}");
        let spent = world.calls.iter().filter(|call| call.spent).count();
        assert!(spent <= 12 + 12, "{name}: {spent} credits");
        assert_eq!(world.opened(), 1, "{name}");
        let last = world.calls.iter().map(|call| call.at).max().expect("a call");
        assert!(last <= MONDAY + 5 * MINUTE, "{name}: {}", last - MONDAY);
    }
}

#[test]
fn trouble_of_all_accounts_for_days_costs_few_probes() {
    for (name, trouble, _) in troubles() {
        let mut world = World::settled(&list(30, "0 6 * * MON"), config());
        let end = MONDAY + 4 * DAY;
        let vendor = |id: &str, time: i64| match (MONDAY..end).contains(&time) {
            true => trouble.clone(),
            false => good(id, 200),
        };
        world.until(end, &vendor);
        let spent = world.calls.iter().filter(|call| call.spent).count();
        assert!(spent <= 4 + 10 + 16, "{name}: {spent} credits");
        world.until(end + 7 * HOUR, &vendor);
        assert_eq!(world.served().len(), 30, "{name}");
        assert!(world.skipped().is_empty(), "{name}: {:?}", world.skipped());
    }
}

#[test]
fn mixed_troubles_are_the_vendors_too() {
    let mut world = World::settled(&list(12, "0 6 * * MON"), config());
    let kinds = troubles();
    let vendor = |id: &str, time: i64| match (MONDAY..MONDAY + 600).contains(&time) {
        true => kinds[usize::try_from(time).expect("positive") % kinds.len()].1.clone(),
        false => good(id, 200),
    };
    world.until(MONDAY + 2 * HOUR, &vendor);
    assert_eq!(world.served().len(), 12);
    assert!(world.calls.iter().filter(|call| call.spent).count() <= 24);
}

#[test]
fn trouble_of_one_account_is_its_own() {
    for (name, trouble, may_cost) in troubles() {
        let mut world = World::settled(&list(12, "0 6 * * MON"), config());
        let vendor = |id: &str, _: i64| match id {
            "a005" => trouble.clone(),
            _ => good(id, 200),
        };
        world.until(MONDAY + 6 * DAY, &vendor);
        assert_eq!(world.served().len(), 11, "{name}");
        let last = world.calls.iter().filter(|call| call.is_ok).map(|call| call.at).max();
        assert!(last.is_some_and(|last| last < MONDAY + 20), "{name}");
        assert_eq!(world.opened(), 0, "{name}");
        let calls = world.calls_of("a005");
        if may_cost {
            assert_eq!(calls.len(), 3, "{name}");
        }
        if matches!(name, "404" | "401" | "403" | "402" | "307") {
            let at: Vec<i64> = calls.iter().map(|call| (call.at - MONDAY) / HOUR).collect();
            assert_eq!(at, [0, 1, 7, 31], "{name}");
        }
    }
}

#[test]
fn one_throttled_account_pauses_the_others_once() {
    let mut world = World::settled(&list(300, "0 6 * * MON"), config());
    let vendor = |id: &str, _: i64| match id {
        "a001" => http(429, ""),
        _ => good(id, 200),
    };
    world.until(MONDAY + DAY, &vendor);
    assert_eq!(world.served().len(), 299);
    let last = world.calls.iter().filter(|call| call.is_ok).map(|call| call.at).max();
    assert!(last.is_some_and(|last| last < MONDAY + 300 + 70), "{last:?}");
}

#[test]
fn one_account_throttled_among_other_troubles_pauses_the_others_once() {
    let others = [http(404, ""), http(500, ""), http(409, ""), unknown(), retry_after(404, 7200)];
    for other in others {
        let mut world = World::settled(&list(12, "0 * * * *"), config());
        let count = std::cell::Cell::new(0);
        let vendor = |id: &str, _: i64| {
            if id != "a001" {
                return good(id, 200);
            }
            count.set(count.get() + 1);
            if count.get() % 2 == 0 { other.clone() } else { retry_after(429, 7200) }
        };
        world.until(MONDAY + DAY, &vendor);
        assert!(count.get() > 2);
        let waits = world.events.iter().filter(|event| matches!(event, Event::Waiting(_))).count();
        assert_eq!(waits, 1, "{other:?}");
    }
}

#[test]
fn a_vendor_that_is_down_and_says_for_how_long_holds_up_no_early_probe() {
    let mut world = World::settled(&list(4, "0 6 * * MON"), config());
    world.until(MONDAY + 5 * MINUTE, &|_, _| retry_after(503, 7200));
    let before = world.calls.len();
    world.until(MONDAY + HOUR, &|id, _| good(id, 200));
    assert_eq!(world.calls.len(), before);
    world.watch(&list(4, "0 6 * * MON"));
    world.until(MONDAY + HOUR + MINUTE, &|id, _| good(id, 200));
    assert_eq!(world.calls.iter().filter(|call| call.is_ok).count(), 4);
}

/// The budget is spent, the process restarts between the slot and the next one, and is up at that.
#[test]
fn a_slot_replaced_while_the_process_is_up_has_its_line_whenever_it_fell_due() {
    let budget = Some(Budget { refreshes: 2, per: Period::Month, manual: None });
    let config = EngineConfig { budget, ..config() };
    let mut world = World::settled(&list(2, "0 6 * * MON"), config.clone());
    world.until(MONDAY + WEEK + 3 * DAY, &|id, _| good(id, 100));
    assert_eq!(world.calls.len(), 2);
    world.crash(60, config);
    world.until(MONDAY + 2 * WEEK + HOUR, &|id, _| good(id, 100));
    let skipped = world.events.iter().filter_map(|event| match event {
        Event::Skipped { slot, .. } => Some(slot.0),
        _ => None,
    });
    assert_eq!(skipped.collect::<Vec<_>>(), [MONDAY + WEEK; 2]);
}

#[test]
fn an_account_with_unserved_slots_is_failing_until_its_next_ok() {
    for trouble in [http(409, ""), retry_after(503, 7200), unreachable()] {
        let mut world = World::settled(&list(12, "0 * * * *"), config());
        let failing = |world: &mut World, time: i64| {
            world.until(time, &|id, now| match (id, now < MONDAY + 3 * HOUR) {
                ("a001", true) => trouble.clone(),
                _ => good(id, 200),
            });
            world.failing()
        };
        assert_eq!(failing(&mut world, MONDAY + HOUR / 2), 0, "{trouble:?}");
        assert_eq!(failing(&mut world, MONDAY + 2 * HOUR + HOUR / 2), 1, "{trouble:?}");
        assert_eq!(failing(&mut world, MONDAY + 4 * HOUR + HOUR / 2), 0, "{trouble:?}");
    }
}

#[test]
fn a_requested_delay_is_kept_although_slots_come_meanwhile() {
    for status in [503, 429] {
        let mut world = World::settled(&list(12, "0 * * * *"), config());
        let back = MONDAY + 8 * HOUR;
        world.until(back + HOUR + MINUTE, &|id, now| match (id, now < back) {
            ("a001", true) => retry_after(status, 3 * HOUR),
            _ => good(id, 200),
        });
        let calls = world.calls_of("a001");
        // The first 429 is taken for everybody's, and pauses all calls as long as that.
        let alone = calls.iter().skip(usize::from(status == 429)).map(|call| call.at);
        let alone: Vec<i64> = alone.collect();
        assert!(alone.windows(2).take(2).all(|pair| pair[1] - pair[0] >= 3 * HOUR), "{alone:?}");
        let skipped = world.skipped().into_iter().filter(|(id, ..)| id == "a001");
        let skipped: Vec<i64> = skipped.map(|(_, slot, _)| slot).collect();
        let bought = calls.iter().filter(|call| call.is_ok).count();
        let all = (0..=9).map(|hours| MONDAY + hours * HOUR).collect::<Vec<_>>();
        assert_eq!(skipped, all[..all.len() - bought], "{status}: {calls:?}");
    }
}

/// As when a proxy caches the response for one account.
#[test]
fn a_wrong_date_for_one_account_is_its_own_trouble() {
    let mut accounts = list(12, "0 6 * * MON");
    accounts
        .extend((0..6).map(|day| Watched::example(&format!("b{day}"), &format!("0 20 * * {day}"))));
    let mut world = World::settled(&accounts, config());
    world.is_dated = true;
    let vendor = |id: &str, time: i64| match (good(id, 200), id) {
        (CallResult::Http(answer), "a005") => {
            CallResult::Http(HttpResponse { date: Some(Time(time - WEEK)), ..answer })
        }
        (answer, _) => answer,
    };
    for week in 0..3 {
        let monday = MONDAY + week * WEEK;
        world.calls.clear();
        world.until(monday + WEEK - HOUR, &vendor);
        let calls = world.calls_of("a005").len();
        assert!(calls <= 4, "week {week}: {calls} credits");
        let last = world.calls.iter().filter(|call| call.id.starts_with('a') && call.id != "a005");
        assert!(last.map(|call| call.at).max() < Some(monday + 90), "{week}");
    }
    assert_eq!(world.opened(), 1);
}

#[test]
fn dead_accounts_delay_no_others_and_cost_only_their_attempts() {
    for dead in [10, 3] {
        for (name, trouble, _) in troubles().into_iter().step_by(4) {
            let mut world = World::settled(&list(100, "0 6 * * MON"), config());
            let is_dead = |id: &str| number(id).is_multiple_of(dead);
            let vendor = |id: &str, _: i64| match is_dead(id) {
                true => trouble.clone(),
                false => good(id, 200),
            };
            for week in 0..3 {
                let monday = MONDAY + week * WEEK;
                world.calls.clear();
                world.until(monday + WEEK - HOUR, &vendor);
                let well = (0..100).filter(|number: &usize| !number.is_multiple_of(dead)).count();
                assert_eq!(world.served().len(), well, "{name} {dead} {week}");
                let last = world.calls.iter().filter(|call| call.is_ok).map(|call| call.at).max();
                let late = last.expect("a call") - monday - 100;
                assert!(late <= 3 * MINUTE, "{name} 1/{dead} week {week}: {late} s late");
                let spent = world.calls.iter().filter(|call| call.spent && !call.is_ok).count();
                // That they are dead and not the vendor's trouble is known after a week.
                let attempts = if week == 0 { 8 } else { 3 };
                let most = attempts * (100 - well) + 40;
                assert!(spent <= most, "{name} 1/{dead} week {week}: {spent}");
            }
        }
    }
}

#[test]
fn three_dead_accounts_at_the_end_delay_no_others_a_week_later() {
    for (name, trouble, _) in troubles() {
        let mut world = World::settled(&list(12, "0 6 * * MON"), config());
        let vendor = |id: &str, _: i64| match id {
            "a009" | "a010" | "a011" => trouble.clone(),
            _ => good(id, 200),
        };
        for week in 0..5 {
            let monday = MONDAY + week * WEEK;
            world.calls.clear();
            world.until(monday + WEEK - HOUR, &vendor);
            assert_eq!(world.served().len(), 9, "{name} {week}");
            let last = world.calls.iter().filter(|call| call.is_ok).map(|call| call.at).max();
            assert!(last.is_some_and(|last| last < monday + 90), "{name} {week}");
        }
    }
}

#[test]
fn probes_for_reloads_come_once_a_minute_and_lengthen_no_interval() {
    let mut world = World::settled(&list(12, "0 6 * * MON"), config());
    let down = |_: &str, _: i64| http(500, "");
    world.until(MONDAY + 30, &down);
    assert_eq!(world.opened(), 1);
    let before = world.calls.len();
    for second in 0..10 {
        world.watch(&list(12, "0 6 * * MON"));
        world.until(MONDAY + 30 + second, &down);
    }
    world.until(MONDAY + 55, &down);
    assert_eq!(world.calls.len(), before + 1);
    // The regular probe still comes a minute after the breaker opened.
    world.until(MONDAY + 80, &down);
    assert!(world.calls.len() >= before + 2);
    let ids: Vec<AccountId> = vec!["nobody".parse().expect("an id")];
    let before = world.calls.len();
    for _ in 0..6 {
        let moment = world.moment();
        world
            .engine
            .request(RequesterId(1), &Selection::Ids(ids.clone()), moment)
            .expect("a request");
        world.until(world.time / 1000 + 1, &down);
    }
    assert_eq!(world.calls.len(), before);
}

#[test]
fn a_slot_during_an_outage_is_on_time() {
    let never = EngineConfig { catch_up: CatchUp::Never, ..config() };
    let mut world = World::settled(&list(12, "0 6 * * MON"), never);
    let vendor = |id: &str, time: i64| match time < MONDAY + 30 * MINUTE {
        true => http(404, ""),
        false => good(id, 200),
    };
    world.until(MONDAY + 3 * HOUR, &vendor);
    assert_eq!(world.served().len(), 12);
    assert!(world.skipped().is_empty(), "{:?}", world.skipped());
}

#[test]
fn a_clock_set_for_seconds_costs_no_account_a_week() {
    for catch_up in [CatchUp::Always, CatchUp::Never] {
        for days in [6, -6, 40, 400] {
            let config = EngineConfig { catch_up, ..config() };
            let mut world = World::settled(&list(12, "0 6 * * MON"), config);
            world.is_dated = true;
            let well = |id: &str, _: i64| good(id, 200);
            world.until(MONDAY + HOUR, &well);
            let before = world.calls.len();
            let noon = MONDAY + 6 * HOUR;
            world.until(noon, &well);
            world.skew = days * DAY * 1000;
            world.until(noon + 14, &well);
            world.skew = 0;
            world.until(noon + DAY, &well);
            assert!(world.calls.len() - before <= 3, "{days}: {:?}", world.calls);
            world.calls.clear();
            world.until(MONDAY + WEEK + HOUR, &well);
            assert_eq!(world.served().len(), 12, "{catch_up:?} {days}");
            assert!(world.calls.iter().all(|call| call.cause == Cause::Schedule));
        }
    }
}

#[test]
fn an_edit_lengthens_no_wait() {
    // From Monday to Sunday, edited on a Sunday at noon.
    let mut world = World::settled(&list(1, "0 6 * * MON"), config());
    let well = |id: &str, _: i64| good(id, 200);
    let sunday = MONDAY + 6 * DAY + 6 * HOUR;
    world.until(sunday, &well);
    world.calls.clear();
    world.watch(&list(1, "0 6 * * SUN"));
    world.until(sunday + MINUTE, &well);
    assert_eq!(world.calls.len(), 1, "due now");

    // From 06:00 to 05:00, edited at 05:30.
    let mut world = World::settled(&list(1, "0 6 * * MON"), config());
    world.until(MONDAY + WEEK - 30 * MINUTE, &well);
    world.calls.clear();
    world.watch(&list(1, "0 5 * * MON"));
    world.until(MONDAY + WEEK + HOUR, &well);
    assert_eq!(world.calls.len(), 1);

    // From daily to weekly: waits for the week.
    let mut world = World::settled(&list(1, "0 6 * * *"), config());
    world.until(MONDAY + HOUR, &well);
    world.calls.clear();
    world.watch(&list(1, "0 6 * * MON"));
    world.until(MONDAY + WEEK - HOUR, &well);
    assert!(world.calls.is_empty());
}

#[test]
fn a_list_emptied_for_a_moment_loses_no_slot() {
    let mut world = World::settled(&list(5, "0 6 * * MON"), config());
    let vendor = |id: &str, time: i64| match time < MONDAY + HOUR {
        true => http(500, ""),
        false => good(id, 200),
    };
    world.until(MONDAY + 10 * MINUTE, &vendor);
    world.watch(&[]);
    world.until(MONDAY + 10 * MINUTE + 1, &vendor);
    let removed = world.skipped();
    assert_eq!(removed.len(), 5);
    assert!(removed.iter().all(|(_, slot, why)| *slot == MONDAY && why == "removed"));
    world.watch(&list(5, "0 6 * * MON"));
    world.until(MONDAY + 8 * HOUR, &vendor);
    assert_eq!(world.served().len(), 5);
}

#[test]
fn an_account_removed_for_a_moment_stays_in_the_run_of_troubles() {
    let accounts: Vec<Watched> = [0, 1, 3]
        .map(|minute| Watched::example(&format!("a00{minute}"), &format!("{minute} 6 * * MON")))
        .to_vec();
    let vendor = |id: &str, time: i64| match time < MONDAY + 10 * MINUTE {
        true => http(500, ""),
        false => good(id, 200),
    };
    // The first account has used up its attempts before it leaves, and returns before or after the
    // third account's trouble opens the breaker.
    for (left, returned) in [(0, 170), (1, 170), (1, 900)] {
        let mut world = World::settled(&accounts, config());
        world.until(MONDAY + 150, &vendor);
        assert_eq!(world.calls_of("a000").len(), 3);
        world.watch(if left == 0 { &[] } else { &accounts[left..] });
        world.until(MONDAY + returned, &vendor);
        world.watch(&accounts);
        world.until(MONDAY + 8 * HOUR, &vendor);
        assert_eq!(world.opened(), 1, "{left} {returned}");
        assert_eq!(world.served().len(), 3, "{left} {returned}");
    }
}

#[test]
fn an_account_with_a_replaced_slot_stays_in_the_run_of_troubles() {
    let accounts = [
        Watched::example("a000", "0 * * * *"),
        Watched::example("a001", "1 7 * * MON"),
        Watched::example("a002", "2 7 * * MON"),
    ];
    let mut world = World::settled(&accounts, config());
    world.until(MONDAY + HOUR + 5 * MINUTE, &|id, time| match time < MONDAY {
        true => good(id, 200),
        false => http(404, ""),
    });
    assert_eq!(world.opened(), 1);
    assert_eq!(world.failing(), 0);
}

#[test]
fn a_disabled_account_is_neither_failing_nor_due() {
    let mut accounts = list(3, "0 6 * * MON");
    let mut world = World::settled(&accounts, config());
    let vendor = |id: &str, _: i64| match id {
        "a001" => http(404, ""),
        _ => good(id, 200),
    };
    world.until(MONDAY + HOUR / 2, &vendor);
    assert_eq!(world.failing(), 1);
    accounts[1].enabled = false;
    world.watch(&accounts);
    assert_eq!(world.failing(), 0);
    world.calls.clear();
    world.until(MONDAY + 3 * DAY, &vendor);
    assert!(world.calls_of("a001").is_empty());
}

#[test]
fn every_replaced_slot_has_a_ledger_line() {
    let mut world = World::new(&list(5, "0 6 * * *"), config(), MONDAY - DAY + 60);
    world.until(MONDAY - MINUTE, &|id, _| good(id, 100));
    let end = MONDAY + 4 * DAY + HOUR;
    let vendor = |id: &str, time: i64| match time < end {
        true => unknown(),
        false => good(id, 200),
    };
    world.until(end, &vendor);
    world.crash(2 * DAY, config());
    world.until(end + 2 * DAY + HOUR, &vendor);
    let mut lines: Vec<(String, i64)> =
        world.skipped().into_iter().map(|(id, slot, _)| (id, slot)).collect();
    lines.sort();
    let expected: Vec<(String, i64)> = (0..5)
        .flat_map(|n| (0..4).map(move |day| (format!("a{n:03}"), MONDAY + day * DAY)))
        .collect();
    assert_eq!(lines, expected);
}

#[test]
fn replaced_slots_are_recorded_while_the_budget_is_spent() {
    let budget = Some(Budget { refreshes: 2, per: Period::Month, manual: None });
    let config = EngineConfig { budget, ..config() };
    let list = [Watched::example("a", "0 6 * * *"), Watched::example("b", "0 18 * * *")];
    let mut world = World::new(&list, config, MONDAY + 60);
    let days = 10;
    let end = MONDAY + days * DAY + 11 * MINUTE;
    world.until(end, &|id, _| good(id, 100));
    let slots = |id: &str, first: i64| -> Vec<(String, i64)> {
        let slots = (0..).map(|day| first + day * DAY);
        slots.take_while(|slot| slot + DAY < end).map(|slot| (id.to_owned(), slot)).collect()
    };
    let mut lines: Vec<(String, i64)> =
        world.skipped().into_iter().map(|(id, slot, _)| (id, slot)).collect();
    lines.sort();
    assert_eq!(lines, [slots("a", MONDAY + DAY), slots("b", MONDAY + DAY / 2)].concat());
    assert!(world.turns < 60, "{} turns", world.turns);
}

#[test]
fn unknown_results_are_not_retried_with_skip() {
    let mut skip = config();
    skip.retry.unknown = OnUnknown::Skip;
    let mut world = World::settled(&list(6, "0 6 * * MON"), skip);
    let vendor = |id: &str, time: i64| match time < MONDAY + 12 {
        true => unknown(),
        false => good(id, 200),
    };
    world.until(MONDAY + DAY, &vendor);
    let mut refreshed: Vec<&str> = world.calls.iter().map(|call| call.id.as_str()).collect();
    refreshed.sort_unstable();
    let mut once = refreshed.clone();
    once.dedup();
    assert_eq!(refreshed, once, "each is refreshed once");
    assert_eq!(refreshed.len(), 6);
}

#[test]
fn requests_and_slots_alternate_and_each_account_is_called_once() {
    let mut world = World::settled(&list(200, "0 6 * * MON"), config());
    let well = |id: &str, _: i64| good(id, 200);
    world.until(MONDAY - MINUTE, &well);
    world.request(&Selection::All);
    world.until(MONDAY + 6 * MINUTE, &well);
    let slots = world.calls.iter().filter(|call| call.cause.is_scheduled()).count();
    assert!((50..150).contains(&slots), "{slots}");
    assert_eq!((world.served().len(), world.calls.len()), (200, 200));
    // A request serves the slot too. If they did not alternate, the last slot would wait for all
    // requests.
    assert!(world.calls.iter().all(|call| call.at <= MONDAY + 210));
    assert_eq!(world.engine.cancel(RequesterId(1)), 0);
}

#[test]
fn a_request_is_served_by_the_call_in_flight_and_by_any_later_one_even_if_it_fails() {
    let mut world = World::settled(&list(3, "0 6 * * MON"), config());
    let vendor = |id: &str, _: i64| match id {
        "a001" => good(id, 200),
        _ => http(404, ""),
    };
    // The first slot is called, and is still in flight when everything is requested.
    world.until(MONDAY + 1, &vendor);
    assert!(world.engine.is_in_flight(&"a000".parse().expect("an id")));
    world.request(&Selection::All);
    world.until(MONDAY + HOUR / 2, &vendor);
    let calls: Vec<(&str, Cause)> =
        world.calls.iter().map(|call| (call.id.as_str(), call.cause)).collect();
    let expected = [("a000", Cause::Schedule), ("a001", Cause::Manual), ("a002", Cause::Schedule)];
    assert_eq!(calls, expected);
    assert_eq!(world.engine.cancel(RequesterId(1)), 0);
}

fn look_up(world: &mut World, names: std::ops::Range<usize>) {
    for number in names {
        let name = format!("name{number}");
        let handle = Handle::new(&name, crate::account::Platform::Tiktok).expect("a handle");
        let lookup = AccountLookup { handle, entry: Watched::example("unknown", "0 6 * * MON") };
        world.engine.look_up(RequesterId(1), lookup);
    }
}

/// Returns the names that were looked up in vain, and whether each was called.
fn not_found(world: &World) -> Vec<bool> {
    let not_found = |event: &Event| match event {
        Event::NotFound { call, .. } => Some(call.is_some()),
        _ => None,
    };
    world.events.iter().filter_map(not_found).collect()
}

/// What people request is bounded: in trouble of everybody, many names cost no more calls than a few.
/// A name that is refused says nothing about the others.
#[test]
fn an_outage_costs_three_lookups_however_many_names_are_requested_and_delays_no_slot() {
    for (name, trouble, _) in troubles() {
        let is_refusal = matches!(name, "404" | "403" | "307");
        for requests_per_minute in [0, 60] {
            let config = EngineConfig { requests_per_minute, max_in_flight: 8, ..config() };
            let mut world = World::settled(&list(4, "0 6 * * MON"), config);
            let vendor = |id: &str, _: i64| match id {
                "looked-up" => trouble.clone(),
                _ => good(id, 200),
            };
            look_up(&mut world, 0..12);
            world.until(MONDAY - 3 * MINUTE, &vendor);
            let called = not_found(&world).into_iter().filter(|is_called| *is_called).count();
            let expected = if is_refusal { 12 } else { 3 };
            assert_eq!((called, not_found(&world).len()), (expected, 12), "{name}");
            assert_eq!(world.engine.cancel(RequesterId(1)), 0, "{name}");
            // Another request is tried again.
            look_up(&mut world, 12..13);
            world.until(MONDAY + 10, &vendor);
            assert_eq!((world.opened(), world.served().len()), (0, 4), "{name}");
            assert_eq!(not_found(&world).last(), Some(&true), "{name}");
        }
    }
}

#[test]
fn an_ok_of_any_call_ends_a_run_of_troubled_lookups() {
    let mut world = World::settled(&list(12, "0 6 * * MON"), config());
    let lookups = std::cell::Cell::new(0);
    // Only the third is found.
    let vendor = |id: &str, _: i64| {
        lookups.set(lookups.get() + usize::from(id == "looked-up"));
        let is_ok = id != "looked-up" || lookups.get() == 3;
        if is_ok { good(id, 200) } else { http(500, "") }
    };
    look_up(&mut world, 0..8);
    world.until(MONDAY - 1, &vendor);
    assert_eq!(not_found(&world), [true, true, true, true, true, false, false]);
    // Slots that are served alternate with these.
    look_up(&mut world, 8..16);
    world.until(MONDAY + MINUTE, &vendor);
    assert_eq!(not_found(&world)[7..], [true; 8]);
}

#[test]
fn a_clock_that_stays_wrong_is_probed_occasionally() {
    let never = EngineConfig { catch_up: CatchUp::Never, ..config() };
    let mut accounts = list(3, "0 6 * * MON");
    accounts.push(Watched::example("b", "0 20 * * MON"));
    let mut world = World::settled(&accounts, never);
    world.is_dated = true;
    let well = |id: &str, _: i64| good(id, 200);
    world.until(MONDAY - 2 * MINUTE, &well);
    // Fifteen hours ahead for an hour: one slot is called early, and its response is not trusted.
    world.skew = 15 * HOUR * 1000;
    world.until(MONDAY - 2 * MINUTE + HOUR, &well);
    let calls = world.calls.len();
    assert!((4..=8).contains(&calls), "{calls}: {:?}", world.calls);
    world.skew = 0;
    world.until(MONDAY + 2 * HOUR, &well);
    let tx = world.engine.store().begin_read().expect("a transaction");
    assert_eq!(tx.overview(Time(MONDAY + 2 * HOUR)).expect("an overview").overdue, 0);
}

#[test]
fn calls_keep_the_pace() {
    for (requests_per_minute, expected) in
        [(60, vec![2, 3, 4, 5, 6]), (20, vec![2, 5, 8, 11, 14]), (0, vec![2, 2, 2, 2, 4])]
    {
        let config = EngineConfig { requests_per_minute, ..config() };
        let mut world = World::settled(&list(5, "0 6 * * MON"), config);
        world.until(MONDAY + MINUTE, &|id, _| good(id, 101));
        let ends: Vec<i64> = world.calls.iter().map(|call| call.at - MONDAY).collect();
        assert_eq!(ends, expected, "{requests_per_minute} a minute");
    }
}

#[test]
fn a_spent_budget_holds_accounts_back_until_its_period_ends_and_is_reported_once() {
    let budget = Budget { refreshes: 3, per: Period::Day, manual: None };
    let config = EngineConfig { budget: Some(budget), ..config() };
    let mut world = World::new(&list(5, "0 6 * * MON"), config, MONDAY);
    world.until(MONDAY + 12 * HOUR, &|id, _| good(id, 100));
    assert_eq!(world.calls.len(), 3);
    let midnight = Time(MONDAY - 6 * HOUR + DAY);
    let reports = |world: &World| {
        let report = |event: &Event| match event {
            Event::BudgetSpent(until) => Some(*until),
            _ => None,
        };
        world.events.iter().filter_map(report).collect::<Vec<_>>()
    };
    assert_eq!(reports(&world), [midnight]);
    world.request(&ids(&["a000"]));
    world.until(MONDAY + 13 * HOUR, &|id, _| good(id, 100));
    let why = "the budget is spent until 2026-01-06T00:00:00Z";
    assert_eq!(world.declined(), [("a000".to_owned(), why.to_owned())]);
    world.until(MONDAY + 2 * DAY, &|id, _| good(id, 100));
    assert_eq!(world.served().len(), 5);
    // Nothing waited for the second day's budget.
    assert_eq!(reports(&world), [midnight]);
}

#[test]
fn a_spent_manual_budget_declines_requests_and_holds_no_slot_back() {
    let budget = Budget { refreshes: 100, per: Period::Day, manual: Some(1) };
    let config = EngineConfig { budget: Some(budget), ..config() };
    let mut world = World::settled(&list(2, "0 6 * * MON"), config);
    world.request(&ids(&["a000"]));
    world.request(&ids(&["a001"]));
    world.until(MONDAY + HOUR, &|id, _| good(id, 101));
    let causes: Vec<(&str, Cause)> =
        world.calls.iter().map(|call| (call.id.as_str(), call.cause)).collect();
    assert!(
        causes.contains(&("a000", Cause::Manual)) && causes.contains(&("a001", Cause::Schedule))
    );
    let why = "[budget] manual is spent until 2026-01-06T00:00:00Z";
    assert_eq!(world.declined(), [("a001".to_owned(), why.to_owned())]);
}

#[test]
fn a_call_that_costs_nothing_leaves_the_manual_budget_to_the_next_request() {
    let budget = Budget { refreshes: 100, per: Period::Day, manual: Some(1) };
    let config = EngineConfig { budget: Some(budget), requests_per_minute: 0, ..config() };
    let mut world = World::settled(&list(3, "0 6 * * MON"), config);
    world.latency = 3000;
    world.request(&ids(&["a000", "a001", "a002"]));
    world.until(MONDAY - MINUTE, &|id, _| match id {
        "a000" => http(404, ""),
        _ => good(id, 101),
    });
    let called: Vec<&str> = world.calls.iter().map(|call| call.id.as_str()).collect();
    assert_eq!(called, ["a000", "a001"]);
    let why = "[budget] manual is spent until 2026-01-06T00:00:00Z";
    assert_eq!(world.declined(), [("a002".to_owned(), why.to_owned())]);
}

#[test]
fn requests_leave_one_place_for_a_slot_that_falls_due() {
    for max_in_flight in [2, 4] {
        let limits = EngineConfig { max_in_flight, requests_per_minute: 0, ..config() };
        let mut accounts = list(20, "0 12 * * MON");
        accounts[0] = Watched::example("a000", "0 6 * * MON");
        let mut world = World::settled(&accounts, limits);
        world.until(MONDAY - 2, &|id, _| good(id, 101));
        world.latency = 60 * 1000;
        let turns = world.turns;
        let requested: Vec<String> = (1..20).map(|number| format!("a{number:03}")).collect();
        world.request(&ids(&requested.iter().map(String::as_str).collect::<Vec<_>>()));
        world.until(MONDAY + 2 * HOUR, &|id, _| good(id, 102));
        assert_eq!(world.served().len(), 20);
        assert_eq!(world.calls_of("a000")[0].at, MONDAY + MINUTE, "{max_in_flight} in flight");
        assert!(world.turns - turns < 100, "{} turns", world.turns - turns);
    }
}

/// Puts another database in the place of the world's, with this watchlist.
fn replace_file(world: &mut World, accounts: &[Watched]) {
    let path = world.path();
    let other = world.folder.path().join("other.db");
    let store = Store::open_volatile(&other, Creation::Allowed).expect("a database");
    let mut engine = Engine::new(store, config(), ClaimMode::Nothing);
    engine.watch(accounts, config(), world.moment()).expect("a watchlist");
    engine.store().checkpoint().expect("a checkpoint");
    drop(engine);
    std::fs::rename(&other, &path).expect("a replaced file");
    assert!(matches!(world.engine.turn(world.moment()), Err(StoreError::Replaced(_))));
    world.engine.reopen(world.moment()).expect("the other file");
}

/// Wherever the edit falls that brings the other file's watchlist up to date.
#[test]
fn an_account_in_flight_is_not_called_again_after_its_file_was_replaced() {
    let both = [Watched::example("b000", "0 6 * * MON"), Watched::example("a000", "0 6 * * MON")];
    // In the one file another account has its key, in the other it has no row.
    for accounts in [&both[..], &both[..1]] {
        for edited in [1, 20, 40] {
            let mut world = World::new(&list(1, "0 6 * * MON"), config(), MONDAY);
            world.latency = 30 * 1000;
            world.until(MONDAY + 1, &|id, _| good(id, 100));
            assert_eq!(world.in_flight.len(), 1);
            replace_file(&mut world, accounts);
            world.until(MONDAY + edited, &|id, _| good(id, 100));
            world.watch(&both);
            world.until(MONDAY + 3 * MINUTE, &|id, _| good(id, 100));
            let calls: Vec<&str> = world.calls.iter().map(|call| call.id.as_str()).collect();
            assert_eq!(calls, ["a000", "b000"], "edited after {edited} s");
            assert!(world.declined().is_empty(), "what was paid for is kept");
        }
    }
}

#[test]
fn a_replaced_files_watchlist_is_used_only_if_no_other_comes() {
    let removed = Watched::example("removed", "0 6 * * MON");
    for is_edited in [true, false] {
        let kept = list(1, "0 6 * * MON");
        let mut world = World::settled(&kept, config());
        replace_file(&mut world, &[kept[0].clone(), removed.clone()]);
        world.until(MONDAY - 5 * MINUTE + 50, &|id, _| good(id, 100));
        assert!(world.calls.is_empty(), "its watchlist may be out of date");
        if is_edited {
            world.watch(&kept);
        }
        world.until(MONDAY, &|id, _| good(id, 100));
        assert_eq!(world.calls_of("a000").len(), 1);
        assert_eq!(world.calls_of("removed").len(), usize::from(!is_edited));
    }
}

/// As when a copy of it is put in its place.
#[test]
fn the_lines_of_calls_in_flight_are_found_in_another_file() {
    let mut world = World::new(&list(1, "0 6 * * MON"), config(), MONDAY);
    world.until(MONDAY + 1, &|id, _| good(id, 100));
    world.time += 10_000;
    let lookup = AccountLookup {
        handle: Handle::new("fitness", crate::account::Platform::Tiktok).expect("a handle"),
        entry: Watched::example("unknown", "0 6 * * MON"),
    };
    world.engine.look_up(RequesterId(1), lookup);
    let claim = world.engine.turn(world.moment()).expect("a turn").claims.pop().expect("a claim");
    let arrived = Time(MONDAY + 12);
    world.in_flight.push((world.time, CompletedCall::new(claim, good("new", 50), arrived)));
    world.engine.store().checkpoint().expect("a checkpoint");
    let (path, copy) = (world.path(), world.folder.path().join("copy.db"));
    std::fs::copy(&path, &copy).expect("a copy");
    std::fs::rename(&copy, &path).expect("a replaced file");
    world.engine.reopen(world.moment()).expect("the copy");
    world.watch(&list(1, "0 6 * * MON"));
    world.until(MONDAY + MINUTE, &|id, _| good(id, 100));
    let lines = rusqlite::Connection::open(&path).expect("a database");
    let lines = lines.query_row(
        "SELECT group_concat(account_id || ' ' || outcome || ' ' || spent, ', ') FROM refreshes",
        [],
        |row| row.get::<_, String>(0),
    );
    assert_eq!(lines.expect("the ledger"), "a000 ok 1, new ok 1");
    assert!(!world.events.iter().any(|event| matches!(event, Event::LeftPending(_))));
}

/// Gives a stored account a zone that this system does not have, as if it had left it.
fn lose_zone(world: &World, id: &str) {
    let file = rusqlite::Connection::open(world.path());
    let sql = "UPDATE _account SET timezone = 'Gone/Zone' WHERE account_id = ?1";
    assert_eq!(file.expect("a database").execute(sql, [id]), Ok(1));
}

#[test]
fn a_zone_that_has_left_the_system_stops_neither_its_account_nor_the_list() {
    let mut world = World::settled(&list(2, "0 6 * * MON"), config());
    lose_zone(&world, "a000");
    // The second week's calls all fail, and the clock is set back by a day.
    let vendor = |id: &str, time: i64| match (MONDAY + DAY..MONDAY + 10 * DAY).contains(&time) {
        true => http(500, "{}"),
        false => good(id, 100),
    };
    world.until(MONDAY + 11 * DAY, &vendor);
    world.skew = -DAY * 1000;
    world.until(MONDAY + 2 * WEEK + DAY + HOUR, &vendor);
    for id in ["a000", "a001"] {
        let served = |call: &SettledCall| call.is_ok.then_some((call.at - MONDAY) / DAY);
        let days: Vec<i64> =
            world.calls.iter().filter(|call| call.id == id).filter_map(served).collect();
        assert_eq!(days, [0, 10, 15], "{id}");
    }
}

#[test]
fn an_edit_corrects_a_zone_that_has_left_the_system() {
    let accounts = list(2, "0 6 * * MON");
    let disabled = Watched { enabled: false, ..accounts[0].clone() };
    let later = Watched { cron: "0 7 * * TUE".into(), ..accounts[0].clone() };
    let other = accounts[1].clone();
    for (edited, calls) in [
        (accounts.clone(), &[0][..]),
        (vec![disabled, other.clone()], &[]),
        (vec![other.clone()], &[]),
        (vec![later, other.clone()], &[0, 1]),
    ] {
        // Before the slot, and while it is open.
        for is_open in [false, true] {
            let mut world = World::settled(&accounts, config());
            lose_zone(&world, "a000");
            world.time += if is_open { 10 * MINUTE * 1000 } else { 0 };
            world.watch(&edited);
            world.until(MONDAY + DAY + 2 * HOUR, &|id, _| good(id, 100));
            let of = |id: &str| -> Vec<i64> {
                world.calls_of(id).iter().map(|call| (call.at - MONDAY) / DAY).collect()
            };
            assert_eq!(of("a001"), [0], "{edited:?}");
            assert_eq!(of("a000"), calls, "{edited:?}, open: {is_open}");
            let skipped = match (is_open, calls.is_empty()) {
                (true, true) => vec![("a000".to_owned(), MONDAY)],
                _ => Vec::new(),
            };
            let lines: Vec<(String, i64)> =
                world.skipped().into_iter().map(|(id, slot, _)| (id, slot)).collect();
            assert_eq!(lines, skipped, "{edited:?}, open: {is_open}");
        }
    }
}

#[test]
fn a_manual_refresh_that_is_not_measured_leaves_the_slot_open() {
    let mut world = World::settled(&list(4, "0 6 * * MON"), config());
    let vendor = |id: &str, time: i64| match time - MONDAY {
        ..20 if id == "a000" => http(500, ""),
        // Followers of 0 are suspect.
        20..30 => good(id, 0),
        _ => good(id, 200),
    };
    world.until(MONDAY + 20, &vendor);
    world.request(&ids(&["a000"]));
    world.until(MONDAY + HOUR, &vendor);
    let oks = world.calls_of("a000").into_iter().filter(|call| call.is_ok);
    let scheduled: Vec<bool> = oks.map(|call| call.cause.is_scheduled()).collect();
    assert_eq!(scheduled, [false, true]);
}

#[test]
fn an_account_that_the_breaker_restored_has_its_slot_open_in_a_second_outage() {
    let once = Retry { max_paid_attempts: 1, ..config().retry };
    let config = EngineConfig { retry: once, ..config() };
    let mut world = World::settled(&list(6, "0 6 * * MON"), config);
    // The vendor is down for three calls, well for three others, and down for the next three.
    let count = std::cell::RefCell::new(BTreeMap::new());
    let vendor = |id: &str, _: i64| {
        let mut count = count.borrow_mut();
        let count: &mut usize = count.entry(id.to_owned()).or_default();
        *count += 1;
        match id {
            "a000" | "a001" | "a002" if *count <= 2 => http(500, ""),
            _ => good(id, 200),
        }
    };
    world.until(MONDAY + DAY, &vendor);
    assert_eq!(world.served().len(), 6);
    assert_eq!(world.opened(), 2);
}

#[test]
fn a_baseline_is_never_too_late() {
    let never = EngineConfig { catch_up: CatchUp::Never, ..config() };
    let mut world = World::new(&list(4, "0 6 * * MON"), never.clone(), MONDAY - 10 * HOUR);
    world.until(MONDAY - 9 * HOUR, &|_, _| http(500, ""));
    world.crash(15 * HOUR, never);
    world.until(MONDAY + 8 * HOUR, &|id, _| good(id, 100));
    assert_eq!(world.served().len(), 4);
}

#[test]
fn a_slot_that_is_due_because_of_an_edit_is_not_too_late() {
    for catch_up in [CatchUp::Never, CatchUp::Within(6 * HOUR)] {
        for is_restart in [true, false] {
            let config = EngineConfig { catch_up, ..config() };
            let mut world = World::settled(&list(1, "0 6 * * MON"), config.clone());
            world.until(MONDAY + DAY, &|id, _| good(id, 200));
            match is_restart {
                true => world.crash(3 * DAY, config.clone()),
                false => world.until(MONDAY + 4 * DAY, &|id, _| good(id, 200)),
            }
            let moment = world.moment();
            // Ten days would pass from Monday to the second Thursday.
            world.engine.watch(&list(1, "0 6 * * THU"), config, moment).expect("a watchlist");
            world.until(MONDAY + 4 * DAY + HOUR, &|id, _| good(id, 300));
            assert_eq!(world.served()["a000"], 2, "{catch_up:?} {is_restart}");
            assert_eq!(world.skipped(), [], "{catch_up:?} {is_restart}");
        }
    }
}

/// A third of the accounts, which come first in the list, fail from a moment on, as when the scraper
/// of one platform is down. The others are well, and are probed before all of those.
#[test]
fn accounts_that_fail_together_hold_up_no_others_for_long() {
    for trouble in [http(404, ""), http(500, "")] {
        let mut world = World::settled(&list(42, "0 6 * * *"), config());
        world.until(MONDAY + HOUR, &|id, _| good(id, 100));
        world.until(MONDAY + DAY + 2 * HOUR, &|id, _| match id < "a014" {
            true => trouble.clone(),
            false => good(id, 100),
        });
        let is_late = |call: &&SettledCall| call.is_ok && call.at > MONDAY + DAY;
        let served = world.calls.iter().filter(is_late).count();
        assert_eq!(served, 28, "{trouble:?}");
    }
}

#[test]
fn a_start_under_a_clock_behind_the_ledger_makes_one_call_at_a_time() {
    let accounts = list(12, "0 * * * *");
    let mut world = World::new(&accounts, config(), MONDAY + 10 * MINUTE);
    world.is_dated = true;
    world.until(MONDAY + HOUR + 60, &|id, _| good(id, 100));
    let before = world.calls.len();
    world.skew = -9 * HOUR * 1000;
    world.crash(60, config());
    world.until(MONDAY + HOUR + 180, &|id, _| good(id, 200));
    assert_eq!(world.calls.len() - before, 1, "{:?}", &world.calls[before..]);
}

#[test]
fn a_manual_refresh_leaves_the_lines_of_the_slots_that_were_replaced() {
    let mut world = World::settled(&list(2, "0 * * * *"), config());
    world.until(MONDAY + 4 * MINUTE, &|id, _| match id == "a000" {
        true => http(404, ""),
        false => good(id, 100),
    });
    // The retry comes after the next slot.
    world.until(MONDAY + HOUR - 1, &|_, _| http(404, ""));
    let next = MONDAY + HOUR + 1;
    world.time = next * 1000;
    world.request(&ids(&["a000"]));
    world.until(next + MINUTE, &|id, _| good(id, 100));
    assert!(world.skipped().iter().any(|(id, slot, _)| id == "a000" && *slot == MONDAY));
}

#[test]
fn a_bought_slot_that_comes_again_is_not_skipped() {
    for catch_up in [CatchUp::Always, CatchUp::Never, CatchUp::Within(6 * HOUR)] {
        let config = EngineConfig { catch_up, ..config() };
        let mut world = World::settled(&list(2, "0 6 * * MON"), config);
        world.until(MONDAY + 10 * WEEK, &|id, _| good(id, 200));
        world.calls.clear();
        world.skew = (DAY - 10 * WEEK) * 1000;
        world.until(MONDAY + 10 * WEEK + DAY, &|id, _| good(id, 300));
        assert_eq!(world.skipped(), [], "{catch_up:?}");
        assert_eq!(world.calls.len(), 0, "{catch_up:?}");
    }
}

#[test]
fn a_slot_that_fell_due_in_a_long_pause_is_late() {
    let mut accounts = list(2, "0 6 * * MON");
    accounts.push(Watched::example("b000", "58 5 * * MON"));
    let mut world = World::settled(&accounts, config());
    let vendor = |id: &str, time: i64| match time < MONDAY {
        true => retry_after(429, 6 * HOUR),
        false => good(id, 200),
    };
    world.until(MONDAY + DAY, &vendor);
    let causes: Vec<_> =
        world.calls.iter().filter(|call| call.is_ok).map(|call| call.cause).collect();
    assert_eq!(causes, [Cause::CatchUp, Cause::CatchUp, Cause::Retry]);
}

#[test]
fn an_account_that_failed_once_is_not_passed_over_while_the_budget_is_short() {
    let budget = Budget { refreshes: 4, per: Period::Day, manual: None };
    let mut world = World::settled(&list(6, "0 3 * * *"), config());
    let config = EngineConfig { budget: Some(budget), ..config() };
    let moment = world.moment();
    world.engine.watch(&list(6, "0 3 * * *"), config, moment).expect("a watchlist");
    let failed = std::cell::Cell::new(false);
    world.until(MONDAY + 10 * DAY, &|id, _| match id == "a000"
        && !failed.replace(id == "a000" || failed.get())
    {
        true => http(500, ""),
        false => good(id, 200),
    });
    let served = world.served();
    let fewest = served.values().min();
    assert!(served.len() == 6 && fewest >= Some(&5), "{served:?}");
}

#[test]
fn a_manual_refresh_gives_up_no_slot_that_an_outage_took() {
    let retry = Retry { max_paid_attempts: 1, unknown: OnUnknown::Skip, ..config().retry };
    let mut accounts = list(1, "0 6 * * MON");
    accounts.extend(["b000", "b001"].map(|id| Watched::example(id, "1 6 * * MON")));
    let mut world = World::settled(&accounts, EngineConfig { retry, ..config() });
    let vendor = |id: &str, time: i64| match time - MONDAY {
        10..50 => unknown(),
        ..120 => http(500, ""),
        _ => good(id, 200),
    };
    world.until(MONDAY + 10, &vendor);
    world.request(&ids(&["a000"]));
    world.until(MONDAY + DAY, &vendor);
    assert_eq!(world.served().len(), 3);
}

#[test]
fn an_error_and_a_wrong_date_are_both_reported() {
    let mut world = World::settled(&list(1, "0 6 * * MON"), config());
    world.until(MONDAY + MINUTE, &|_, time| match http(404, "") {
        CallResult::Http(answer) => {
            CallResult::Http(HttpResponse { date: Some(Time(time - WEEK)), ..answer })
        }
        other => other,
    });
    let error = world.events.iter().find_map(|event| match event {
        Event::Settled { error: Some(error), .. } => Some(error.as_str()),
        _ => None,
    });
    let error = error.expect("an error");
    assert!(error.starts_with("HTTP 404") && error.contains("clock"), "{error}");
}

/// One account has failed for days when the vendor becomes unreachable, and is the first to be
/// probed when it is back.
#[test]
fn a_failing_account_says_nothing_about_a_vendor_that_is_down() {
    for answer in [http(500, ""), retry_after(503, 6 * HOUR)] {
        let mut world = World::settled(&list(12, "0 6 * * *"), config());
        let back = MONDAY + 2 * DAY + 17 * HOUR;
        let vendor = |id: &str, time: i64| match (id, time) {
            (_, time) if (MONDAY + 2 * DAY - HOUR..back).contains(&time) => unreachable(),
            ("a005", _) => answer.clone(),
            _ => good(id, 200),
        };
        world.until(back, &vendor);
        world.calls.clear();
        world.until(back + 65 * MINUTE, &vendor);
        assert_eq!(world.served().len(), 11);
    }
}

/// Others had an ok between the first failures, so that only the last account to fail was not failing
/// before the breaker opened; and it alone has not recovered.
#[test]
fn the_account_that_opened_the_breaker_does_not_get_every_probe() {
    for (name, trouble, _) in troubles() {
        let mut world = World::settled(&list(8, "0 6 * * *"), config());
        let (down, back) = (MONDAY + 2 * DAY - HOUR, MONDAY + 2 * DAY + 2 * HOUR);
        let vendor = |id: &str, time: i64| match id {
            "a007" if time >= down => trouble.clone(),
            "a001" | "a003" | "a005" if (down..back).contains(&time) => trouble.clone(),
            _ => good(id, 200),
        };
        world.until(back, &vendor);
        let opened = world.opened();
        world.calls.clear();
        world.until(back + 12 * HOUR, &vendor);
        let served: Vec<String> = world.served().into_keys().collect();
        assert_eq!(served, ["a001", "a003", "a005"], "{name}: opened {opened} times");
        let spent = world.calls_of("a007").iter().filter(|call| call.spent).count();
        assert!(spent <= 4, "{name}: {spent}");
    }
}

#[test]
fn trouble_of_a_part_of_the_list_costs_no_slot() {
    for (name, trouble, may_cost) in troubles() {
        // Accounts that were refused are failing, and asked again after an hour.
        let is_refused = is_refusal(name);
        for (count, every, is_first_bad) in
            [(6, 2, true), (6, 2, false), (20, 2, true), (12, 3, false), (9, 3, true)]
        {
            for max_in_flight in [1, 4] {
                let config = EngineConfig { max_in_flight, ..config() };
                let mut world = World::settled(&list(count, "0 6 * * MON"), config);
                let is_bad = |id: &str| number(id).is_multiple_of(every) == is_first_bad;
                let back = MONDAY + HOUR / 2;
                world.until(MONDAY + 5 * DAY, &|id, time| match is_bad(id) && time < back {
                    true => trouble.clone(),
                    false => good(id, 200),
                });
                let what = format!("{name}, {count} / {every}, {max_in_flight} in flight");
                assert_eq!(world.served().len(), count, "{what}");
                let bad = (0..count).filter(|n| n.is_multiple_of(every) == is_first_bad).count();
                let spent = world.calls.iter().filter(|call| call.spent && !call.is_ok).count();
                assert!(spent <= 3 * bad + 8, "{what}: {spent}");
                assert!(may_cost || spent == 0, "{what}: {spent}");
                let last = world.calls.last().map_or(0, |call| call.at);
                assert!(last <= back + if is_refused { 2 } else { 1 } * HOUR, "{what}: {last}");
            }
        }
    }
}

/// As of one platform's accounts, for whose trouble the breaker does not open: oks come in between.
#[test]
fn trouble_of_a_part_of_the_list_for_hours_loses_no_slot() {
    for (name, trouble, may_cost) in troubles() {
        for (count, bad, hours) in [(45, 15, 1), (45, 15, 30), (12, 4, 10), (150, 30, 5)] {
            let mut accounts = list(count, "0 6 * * MON");
            for account in &mut accounts {
                account.spread = HOUR;
            }
            let mut world = World::settled(&accounts, config());
            let is_bad = |id: &str| number(id).is_multiple_of(count / bad);
            let back = MONDAY + hours * HOUR;
            world.until(MONDAY + 6 * DAY, &|id, time| match is_bad(id) && time < back {
                true => trouble.clone(),
                false => good(id, 200),
            });
            let what = format!("{name}, {bad} of {count} for {hours} h");
            let lost = count - world.served().len();
            // Those that failed first could not be told from accounts that fail alone.
            assert!(lost <= if may_cost { 2 } else { 0 }, "{what}: {lost} lost");
            let spent = world.calls.iter().filter(|call| call.spent && !call.is_ok).count();
            assert!(spent <= if may_cost { 8 * bad + 10 } else { 0 }, "{what}: {spent}");
        }
    }
}

/// Its oks close the breaker each time.
#[test]
fn an_account_that_is_well_and_often_due_costs_the_others_no_slot() {
    for (name, trouble, may_cost) in troubles() {
        for (cron, often) in [("0 6 * * MON", 1), ("0 6 * * *", 3)] {
            let mut accounts = list(8 + often, cron);
            for (number, account) in accounts[8..].iter_mut().enumerate() {
                account.cron = format!("{} * * * *", 20 * number).into();
            }
            let mut world = World::settled(&accounts, config());
            let is_bad = |id: &str| id < "a008";
            let back = MONDAY + 11 * HOUR;
            world.until(MONDAY + 23 * HOUR, &|id, time| match is_bad(id) && time < back {
                true => trouble.clone(),
                false => good(id, 200),
            });
            let served = world.served().keys().filter(|id| is_bad(id)).count();
            let spent = world.calls.iter().filter(|call| call.spent && !call.is_ok).count();
            // Those that were refused are asked after 1, 6 and 24 hours, as each alone would be.
            let is_refused = is_refusal(name);
            if cron.ends_with("MON") || !is_refused {
                assert_eq!(served, 8, "{name} {cron}");
            }
            // Each ok closes the breaker, and then they are asked again.
            assert!(spent <= if may_cost { 110 } else { 0 }, "{name} {cron}: {spent}");
        }
    }
}

/// They were lost together, but by this machine.
#[test]
fn calls_lost_in_crashes_are_repeated_within_their_allowance_although_others_were_lost_too() {
    let limits = EngineConfig { requests_per_minute: 0, ..config() };
    let mut world = World::settled(&list(6, "0 6 * * MON"), limits.clone());
    world.until(MONDAY, &|id, _| good(id, 100));
    world.latency = DAY * 1000;
    for crash in 1..40 {
        world.until(MONDAY + crash * 15 * MINUTE, &|id, _| good(id, 100));
        world.crash(5, limits.clone());
    }
    let path = world.path();
    let reader = rusqlite::Connection::open(path).expect("a database");
    let most =
        "SELECT max(calls) FROM (SELECT count(*) AS calls FROM _refresh GROUP BY account, slot)";
    let most: i64 = reader.query_row(most, [], |row| row.get(0)).expect("a count");
    assert_eq!(most, 3);
}

/// The vendor may not find any account of a platform for days. Which it is, the end of the week tells.
#[test]
fn a_slot_is_given_up_after_four_refusals_unless_a_third_of_the_list_is_refused() {
    for (name, trouble, _) in troubles() {
        if !is_refusal(name) {
            continue;
        }
        for (count, refused, is_kept) in [
            (12, 1, false),
            (12, 3, false),
            (12, 4, true),
            (12, 6, true),
            (4, 2, false),
            (6, 3, true),
        ] {
            let mut world = World::settled(&list(count, "0 6 * * MON"), config());
            // Every other one, so that they do not open the breaker together.
            let is_bad = |id: &str| !number(id).is_multiple_of(2) && number(id) / 2 < refused;
            let back = MONDAY + 4 * DAY;
            world.until(MONDAY + 6 * DAY, &|id, time| match is_bad(id) && time < back {
                true => trouble.clone(),
                false => good(id, 200),
            });
            let what = format!("{name}, {refused} of {count}");
            let served = if is_kept { count } else { count - refused };
            assert_eq!(world.served().len(), served, "{what}");
            // Half of the list open the breaker with their retries, which then probes them.
            assert_eq!(world.opened(), usize::from(2 * refused == count && is_kept), "{what}");
            if world.opened() == 0 {
                let calls = world.calls_of("a001").len();
                assert_eq!(calls, if is_kept { 7 } else { 4 }, "{what}");
            }
            assert!(world.calls.iter().all(|call| call.is_ok || !call.spent), "{what}");
        }
    }
}

/// The others were failing before, and are well now: their calls are in flight when its own fails.
#[test]
fn oks_of_calls_in_flight_show_that_the_vendor_is_well() {
    for latency in [100, 3000] {
        let mut limits = config();
        limits.requests_per_minute = 0;
        let mut world = World::settled(&list(3, "0 6 * * MON"), limits);
        world.latency = latency;
        let vendor = |id: &str, time: i64| match (id, time < MONDAY + WEEK - HOUR) {
            ("a001" | "a002", true) | ("a000", false) => http(500, ""),
            _ => good(id, 200),
        };
        world.until(MONDAY + WEEK - HOUR, &vendor);
        let opened = world.opened();
        world.calls.clear();
        world.until(MONDAY + 2 * WEEK - HOUR, &vendor);
        assert_eq!(world.opened(), opened);
        let spent = world.calls_of("a000").iter().filter(|call| call.spent).count();
        assert_eq!((spent, world.served().len()), (3, 2));
    }
}

#[test]
fn one_accounts_trouble_is_its_own_after_everybody_was_throttled() {
    let mut world = World::settled(&list(4, "0 6 * * MON"), config());
    let vendor = |id: &str, time: i64| match (time < MONDAY + 4, id) {
        (true, _) => retry_after(429, 3),
        (false, "a000") => http(500, ""),
        (false, _) => good(id, 200),
    };
    world.latency = 5000;
    world.until(MONDAY + 4 * DAY, &vendor);
    assert_eq!(world.opened(), 0);
    let spent = world.calls_of("a000").iter().filter(|call| call.spent).count();
    assert_eq!((spent, world.served().len()), (3, 3));
}

#[test]
fn accounts_that_failed_for_a_week_open_the_breaker_no_more() {
    for (name, trouble, _) in troubles() {
        let mut world = World::settled(&list(12, "0 6 * * MON"), config());
        let vendor = |id: &str, _: i64| match id {
            "a009" | "a010" | "a011" => trouble.clone(),
            _ => good(id, 200),
        };
        world.until(MONDAY + WEEK - HOUR, &vendor);
        world.events.clear();
        world.calls.clear();
        world.until(MONDAY + 2 * WEEK - HOUR, &vendor);
        assert_eq!(world.opened(), 0, "{name}");
        let spent = world.calls.iter().filter(|call| call.spent && !call.is_ok).count();
        assert!(spent <= 9, "{name}: {spent}");
    }
}

#[test]
fn a_scheduled_refresh_writes_less_than_24_kilobytes_to_the_wal() {
    let mut accounts = list(300, "0 6 * * MON");
    accounts[150] = Watched::example("a150", "0 6 * * TUE");
    let mut world = World::settled(&accounts, config());
    let well = |id: &str, time: i64| good(id, time - MONDAY);
    world.until(MONDAY + 12 * HOUR, &well);
    let path = world.path();
    let before = wal_size(&path);
    world.calls.clear();
    world.until(MONDAY + DAY + HOUR, &well);
    assert_eq!(world.calls.len(), 1);
    let written = wal_size(&path) - before;
    assert!((1..24 << 10).contains(&written), "{written}");
}

#[test]
fn an_account_that_was_throttled_or_lost_with_the_process_counts_as_well() {
    let accounts: Vec<Watched> =
        list(8, "0 6 * * *").into_iter().chain([Watched::example("z", "1 6 * * *")]).collect();
    let is_bad = |id: &str| ["a000", "a001", "a002", "a003"].contains(&id);
    let mut limits = config();
    limits.requests_per_minute = 0;
    for is_throttled in [true, false] {
        let mut world = World::settled(&accounts, limits.clone());
        // The first answers are requests for a pause, or never arrive.
        let vendor = |id: &str, time: i64| match time - MONDAY {
            ..20 if is_throttled && is_bad(id) => retry_after(429, 1),
            30..1800 => http(500, ""),
            _ => good(id, 200),
        };
        world.until(MONDAY + 1, &vendor);
        if !is_throttled {
            world.crash(20, limits.clone());
            world.watch(&accounts);
        }
        world.until(MONDAY + 5 * HOUR, &vendor);
        assert_eq!(world.opened(), 1, "throttled: {is_throttled}");
        assert_eq!(world.served().len(), 9, "throttled: {is_throttled}");
    }
}

#[test]
fn an_outage_is_no_lateness() {
    for catch_up in [CatchUp::Never, CatchUp::Within(2 * HOUR)] {
        let config = EngineConfig { catch_up, ..config() };
        let mut world = World::settled(&list(40, "0 6 * * MON"), config);
        let back = MONDAY + 4 * HOUR;
        world.until(MONDAY + DAY, &|id, time| match time < back {
            true => http(500, ""),
            false => good(id, 200),
        });
        assert_eq!(world.served().len(), 40, "{catch_up:?}");
        assert_eq!(world.skipped(), [], "{catch_up:?}");
    }
}

#[test]
fn a_slot_is_not_late_if_the_pause_began_in_its_second() {
    let config = EngineConfig { catch_up: CatchUp::Never, requests_per_minute: 30, ..config() };
    let mut world = World::settled(&list(10, "0 6 * * MON"), config);
    world.latency = 20;
    world.until(MONDAY + DAY, &|id, time| match time < MONDAY + 2 * HOUR {
        true => retry_after(429, 5 * HOUR),
        false => good(id, 200),
    });
    assert_eq!((world.served().len(), world.skipped()), (10, vec![]));
}

/// The later slot replaced the one of the call, and the edit left it open.
#[test]
fn giving_up_a_slot_leaves_a_later_one_open() {
    for (unknown, max_paid_attempts) in [(OnUnknown::Skip, 3), (OnUnknown::Retry, 1)] {
        let config = config();
        let retry = Retry { unknown, max_paid_attempts, ..config.retry };
        let config = EngineConfig { retry, ..config };
        let mut world = World::settled(&list(1, "0 6 * * MON"), config.clone());
        world.latency = 60_000;
        world.until(MONDAY + 10, &|id, _| good(id, 200));
        world.crash(9 * DAY, config.clone());
        world.calls.clear();
        let moment = world.moment();
        world.engine.watch(&list(1, "0 6 * * FRI"), config, moment).expect("a watchlist");
        world.until(MONDAY + 9 * DAY + HOUR, &|id, _| good(id, 300));
        assert_eq!(world.served().len(), 1, "{unknown:?}: {:?}", world.events);
    }
}

/// A probe has just failed, and the pace does not allow another call yet.
#[test]
fn a_request_that_may_probe_the_vendor_waits_for_the_pace() {
    let mut limits = config();
    limits.requests_per_minute = 6;
    let mut world = World::settled(&list(4, "0 6 * * MON"), limits);
    world.latency = 100;
    let vendor = |id: &str, time: i64| match time < MONDAY + 2 * HOUR {
        true => unreachable(),
        false => good(id, 200),
    };
    world.until(MONDAY + HOUR, &vendor);
    let before = world.calls.len();
    while world.calls.len() == before {
        world.until(world.time / 1000 + 1, &vendor);
    }
    world.request(&ids(&["a000"]));
    world.until(world.time / 1000 + MINUTE, &vendor);
    assert_eq!(world.declined(), []);
    assert_eq!(world.calls.len(), before + 2, "{:?}", world.calls);
}

/// What fell due in the first pause was on time after it, and only waits for its turn.
#[test]
fn a_pause_makes_nothing_late_that_could_be_served_before_it() {
    let config = EngineConfig { catch_up: CatchUp::Never, ..config() };
    let accounts = [("a", "0 6 * * MON"), ("b", "30 6 * * MON"), ("c", "31 6 * * MON")]
        .map(|(id, cron)| Watched::example(id, cron));
    let mut world = World::settled(&accounts, config);
    world.latency = 100;
    // a, then b after two hours; c is the next after four.
    world.until(MONDAY + DAY, &|id, time| match time < MONDAY + 3 * HOUR {
        true => retry_after(429, 2 * HOUR),
        false => good(id, 200),
    });
    assert_eq!((world.served().len(), world.skipped()), (3, vec![]));
}

#[test]
fn a_pause_makes_late_only_what_falls_due_in_it() {
    // The first probe after the outage is throttled.
    let config = EngineConfig { catch_up: CatchUp::Never, ..config() };
    let accounts: Vec<Watched> = list(40, "0 6 * * MON")
        .into_iter()
        .chain([Watched::example("z", "30 11 * * MON")])
        .collect();
    for (pause, skipped) in [(60, 0), (5 * HOUR, 1)] {
        let mut world = World::settled(&accounts, config.clone());
        let back = MONDAY + 4 * HOUR;
        world.until(MONDAY + DAY, &|id, time| match time {
            ..MONDAY => good(id, 100),
            _ if time < back => http(409, ""),
            _ if time < back + pause => retry_after(429, pause),
            _ => good(id, 200),
        });
        let ids: Vec<String> = world.skipped().into_iter().map(|(id, ..)| id).collect();
        assert_eq!((world.served().len(), ids.len()), (41 - skipped, skipped), "{ids:?}");
        assert!(ids.iter().all(|id| id == "z"), "{ids:?}");
    }
}

#[test]
fn a_call_that_ends_while_the_account_is_away_counts_as_an_attempt() {
    for is_removed in [true, false] {
        for is_new in [true, false] {
            let accounts = list(2, "0 6 * * MON");
            let mut away = accounts.clone();
            match is_removed {
                true => away.truncate(1),
                false => away[1].enabled = false,
            }
            let vendor = |id: &str, _: i64| match id {
                "a001" => http(500, ""),
                _ => good(id, 200),
            };
            let mut world = match is_new {
                true => World::new(&accounts, config(), MONDAY + HOUR),
                false => World::settled(&accounts, config()),
            };
            let start = if is_new { MONDAY + HOUR } else { MONDAY };
            world.latency = 5000;
            for _ in 0..8 {
                // Away while a call is in flight.
                while world.in_flight.is_empty() && world.time < (start + DAY) * 1000 {
                    world.until(world.time / 1000 + 1, &vendor);
                }
                world.watch(&away);
                world.until(world.time / 1000 + 10, &vendor);
                world.watch(&accounts);
            }
            world.until(start + 2 * DAY, &vendor);
            let spent = world.calls_of("a001").len();
            assert_eq!(spent, 3, "removed: {is_removed}, new: {is_new}");
        }
    }
}

#[test]
fn an_account_that_is_back_within_its_slot_with_another_schedule_was_edited() {
    // From Sunday to Monday on a Monday noon: almost eight days without a snapshot, if it were new.
    let accounts = list(2, "0 6 * * SUN");
    let edited = list(2, "0 5 * * MON");
    let disabled = |accounts: &[Watched]| {
        let mut accounts = accounts.to_vec();
        accounts[1].enabled = false;
        accounts
    };
    // The schedule is edited on the return, as it leaves, or while it is away.
    for absence in [
        vec![edited[..1].to_vec()],
        vec![disabled(&accounts)],
        vec![disabled(&edited)],
        vec![disabled(&accounts), disabled(&edited)],
        vec![disabled(&edited), edited[..1].to_vec()],
    ] {
        let mut world = World::settled(&accounts, config());
        let now = MONDAY + 7 * DAY + 6 * HOUR;
        world.until(now, &|id, _| good(id, 200));
        for list in &absence {
            world.watch(list);
        }
        world.watch(&edited);
        world.calls.clear();
        world.until(now + HOUR, &|id, _| good(id, 300));
        assert_eq!(world.served().len(), 2, "{absence:?}: {:?}", world.calls);
    }
}

#[test]
fn a_schedule_that_was_edited_and_restored_while_disabled_was_not_edited() {
    let accounts = list(2, "0 6 * * SUN");
    let mut world = World::settled(&accounts, config());
    let now = MONDAY + 7 * DAY + 6 * HOUR;
    world.until(now, &|id, _| good(id, 200));
    for cron in ["0 6 * * SUN", "0 5 * * MON"] {
        let mut disabled = accounts.clone();
        disabled[1] = Watched { enabled: false, ..Watched::example("a001", cron) };
        world.watch(&disabled);
    }
    world.watch(&accounts);
    world.calls.clear();
    world.until(now + HOUR, &|id, _| good(id, 300));
    assert!(world.calls.is_empty(), "{:?}", world.calls);
}

#[test]
fn an_account_whose_slot_was_replaced_before_it_was_removed_is_failing_when_it_is_back() {
    let accounts = list(12, "0 6 * * *");
    let mut world = World::settled(&accounts, config());
    world.until(MONDAY + DAY - MINUTE, &|id, _| match id {
        "a011" => http(409, ""),
        _ => good(id, 200),
    });
    world.time = (MONDAY + DAY + MINUTE) * 1000;
    world.watch(&accounts[..11]);
    world.watch(&accounts);
    assert_eq!(world.failing(), 1);
}

#[test]
fn a_slot_that_is_replaced_during_a_manual_refresh_has_its_line() {
    let accounts = list(2, "0 * * * *");
    let mut world = World::settled(&accounts, config());
    let vendor = |id: &str, time: i64| match (id, time < MONDAY + HOUR) {
        ("a001", true) => http(409, ""),
        _ => good(id, 200 + time),
    };
    world.until(MONDAY + HOUR - 3, &vendor);
    world.latency = 20_000;
    world.request(&ids(&["a001"]));
    world.until(MONDAY + HOUR + MINUTE, &vendor);
    let why = "superseded by the next slot".to_owned();
    assert_eq!(world.skipped(), [("a001".to_owned(), MONDAY, why)]);
    assert_eq!(world.calls.iter().filter(|call| call.cause == Cause::Manual).count(), 1);
}

#[test]
fn a_slot_that_an_edit_has_made_due_stays_so_over_a_restart() {
    let config = EngineConfig { catch_up: CatchUp::Never, ..config() };
    let mut world = World::settled(&list(1, "0 6 * * TUE"), config.clone());
    let edit = MONDAY + WEEK + 6 * HOUR;
    world.until(edit, &|id, _| good(id, 200));
    world.calls.clear();
    let moment = world.moment();
    let edited = list(1, "0 6 * * MON");
    world.engine.watch(&edited, config.clone(), moment).expect("a watchlist");
    world.crash(6 * HOUR, config.clone());
    let moment = world.moment();
    world.engine.watch(&edited, config, moment).expect("a watchlist");
    world.until(edit + DAY, &|id, _| good(id, 300));
    assert_eq!(world.calls.len(), 1, "{:?}", world.events);
}

/// The process is up, but as of the moment at which the clock was set.
#[test]
fn a_slot_that_an_edit_left_open_has_its_line_when_a_clock_that_is_set_replaces_it() {
    let budget = Some(Budget { refreshes: 2, per: Period::Week, manual: None });
    let config = EngineConfig { budget, requests_per_minute: 1, ..config() };
    let list = |cron| [Watched::example("a", "0 6 * * MON"), Watched::example("b", cron)];
    let mut world = World::new(&list("0 6 * * *"), config.clone(), MONDAY);
    let well = |id: &str, _: i64| good(id, 200);
    world.until(MONDAY + DAY + 6 * HOUR, &well);
    assert_eq!(world.served().len(), 2, "the budget is spent");
    let moment = world.moment();
    world.engine.watch(&list("0 5 * * TUE"), config, moment).expect("a watchlist");
    world.until(MONDAY + 2 * DAY, &well);
    world.calls.clear();
    world.skew = 9 * DAY * 1000;
    world.until(MONDAY + 2 * DAY + 20, &well);
    assert_eq!(world.calls.len(), 1, "its answer confirms the clock");
    world.skew = 0;
    world.until(MONDAY + 3 * DAY, &well);
    let why = "superseded by the next slot".to_owned();
    assert_eq!(world.skipped(), [("b".to_owned(), MONDAY + DAY, why)]);
}

#[test]
fn a_pause_of_a_minute_declines_no_request() {
    for answer in [http(429, ""), retry_after(429, 60)] {
        let mut world = World::settled(&list(4, "0 6 * * MON"), config());
        let now = world.time / 1000;
        world.request(&Selection::All);
        world.until(now + 5 * MINUTE, &|id, time| match time < now + 1 {
            true => answer.clone(),
            false => good(id, 200),
        });
        assert_eq!(world.declined(), []);
        assert_eq!(world.served().len(), 3);
    }
}

#[test]
fn a_snapshot_is_fresh_for_a_tenth_of_the_shorter_distance() {
    // Monday's slot follows a weekend, and is followed by Tuesday's.
    for (cron, hours_before, calls) in [
        ("0 6 * * MON-FRI", 3, 1),
        ("0 6 * * MON-FRI", 2, 0),
        ("0 6 * * MON", 17, 1),
        ("0 6 * * MON", 16, 0),
        ("0 6,10 * * MON", 1, 1),
    ] {
        let mut world = World::new(&list(1, cron), config(), MONDAY - hours_before * HOUR);
        world.until(MONDAY - 5 * MINUTE, &|id, _| good(id, 100));
        world.calls.clear();
        world.until(MONDAY + HOUR, &|id, _| good(id, 200));
        assert_eq!(world.calls.len(), calls, "{cron} {hours_before}");
    }
    // To the second: a tenth of a day is 2 h 24 min, and the response arrives after two seconds.
    for (seconds, calls) in [(8640, 1), (8639, 0)] {
        let start = MONDAY - seconds - 2;
        let mut world = World::new(&list(1, "0 6 * * *"), config(), start);
        world.until(MONDAY - 5 * MINUTE, &|id, _| good(id, 100));
        world.calls.clear();
        world.until(MONDAY + HOUR, &|id, _| good(id, 200));
        assert_eq!(world.calls.len(), calls, "{seconds} s before");
    }
}

#[test]
fn a_turn_without_anything_to_do_does_not_wait_for_the_file() {
    let mut world = World::settled(&list(2, "0 6 * * MON"), config());
    let path = world.path();
    let other = rusqlite::Connection::open(path).expect("a database");
    world.until(MONDAY - 4 * MINUTE, &|_, _| panic!("nothing is due"));
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    world.until(MONDAY - MINUTE, &|_, _| panic!("nothing is due"));
    for _ in 0..3 {
        let turn = world.engine.turn(world.moment()).expect("it needs no lock");
        assert_eq!((turn.claims.len(), turn.events.len()), (0, 0));
    }
    // Nor does one that waits for the vendor's trouble to end.
    other.execute_batch("ROLLBACK").expect("no lock");
    world.until(MONDAY + 3 * HOUR, &|_, _| http(500, ""));
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    let turn = world.engine.turn(world.moment()).expect("it needs no lock");
    assert!(turn.claims.is_empty() && turn.wake.is_some_and(|wake| wake > world.moment().wall));
}

#[test]
fn a_stopped_engine_claims_nothing_and_has_no_requests() {
    let mut world = World::settled(&list(2, "0 6 * * MON"), config());
    world.request(&Selection::All);
    world.engine.stop();
    world.request(&Selection::All);
    world.until(MONDAY + HOUR, &|_, _| panic!("it has stopped"));
    assert_eq!(world.engine.cancel(RequesterId(1)), 0);
    assert_eq!(world.engine.in_flight(), 0);
}

#[test]
fn cancelled_requests_are_counted_and_not_called() {
    let config = EngineConfig { requests_per_minute: 1, ..config() };
    let mut world = World::settled(&list(3, "0 6 * * MON"), config);
    world.request(&Selection::All);
    world.until(world.time / 1000 + 5, &|id, _| good(id, 101));
    assert_eq!(world.engine.cancel(RequesterId(2)), 0);
    assert_eq!(world.engine.cancel(RequesterId(1)), 2);
    world.until(MONDAY - MINUTE, &|id, _| good(id, 101));
    assert_eq!(world.calls.len(), 1);
}

#[test]
fn requests_are_served_although_only_one_call_may_be_in_flight() {
    let limits = EngineConfig { max_in_flight: 1, requests_per_minute: 0, ..config() };
    let mut world = World::settled(&list(3, "0 6 * * MON"), limits);
    world.request(&Selection::All);
    world.until(MONDAY - MINUTE, &|id, _| good(id, 101));
    assert_eq!(world.served().len(), 3);
}

#[test]
fn a_budget_that_a_call_in_flight_may_give_back_is_not_reported_as_spent() {
    let budget = Budget { refreshes: 1, per: Period::Day, manual: None };
    let config = EngineConfig { budget: Some(budget), ..config() };
    let mut world = World::settled(&list(2, "0 6 * * MON"), config);
    let is_spent =
        |world: &World| world.events.iter().any(|event| matches!(event, Event::BudgetSpent(_)));
    world.latency = 30_000;
    let vendor = |id: &str, _| match id {
        "a000" => http(404, ""),
        _ => good(id, 101),
    };
    world.until(MONDAY + 29, &vendor);
    assert!(world.in_flight.len() == 1 && !is_spent(&world));
    world.until(MONDAY + 50, &vendor);
    assert!(world.in_flight.len() == 1 && !is_spent(&world), "it was given back, and used again");
    world.until(MONDAY + 2 * HOUR, &vendor);
    assert!(world.calls.len() == 2 && is_spent(&world), "the first one's retry waits for it");
}

#[test]
fn a_request_during_a_long_pause_is_declined_with_its_reason() {
    let mut world = World::settled(&list(3, "0 6 * * MON"), config());
    world.request(&ids(&["a000"]));
    let now = world.time / 1000;
    world.until(now + MINUTE, &|_, _| retry_after(429, 3600));
    world.request(&ids(&["a001"]));
    world.until(now + 2 * MINUTE, &|_, _| panic!("all calls are paused"));
    let [(id, why)] = &world.declined()[..] else { panic!("{:?}", world.declined()) };
    assert!(id == "a001" && why.contains("HTTP 429"), "{why}");
}

#[test]
fn a_slot_that_comes_during_a_call_is_served_or_has_its_line() {
    for is_measured in [true, false] {
        let mut world = World::new(&list(1, "*/20 * * * * *"), config(), MONDAY - 30);
        world.until(MONDAY - 1, &|id, _| good(id, 100));
        world.calls.clear();
        world.latency = 45_000;
        world.until(MONDAY + 46, &|id, _| good(id, if is_measured { 200 } else { 0 }));
        let lines: Vec<i64> = world.skipped().iter().map(|(_, slot, _)| slot - MONDAY).collect();
        assert_eq!(world.calls.len(), 1);
        match is_measured {
            // What the snapshot came after needs no call.
            true => assert_eq!(lines, [20, 40]),
            false => assert_eq!((lines, world.in_flight.len()), (vec![20], 1)),
        }
    }
}

/// As seen: the only account whose slot was not replaced during the outage got all the probes.
#[test]
fn every_account_is_probed_in_turn_after_their_slots_were_replaced() {
    for (name, trouble, _) in troubles() {
        let dead = Watched::example("dead", "0 6 1 * *");
        let accounts: Vec<Watched> = list(4, "0 6 * * *").into_iter().chain([dead]).collect();
        let mut world = World::settled(&accounts[..4], config());
        let back = MONDAY + DAY + 2 * HOUR;
        let vendor = |id: &str, time: i64| match id == "dead" || time < back {
            true => trouble.clone(),
            false => good(id, 200),
        };
        world.until(MONDAY + DAY - HOUR, &vendor);
        world.watch(&accounts);
        world.until(back + 13 * HOUR, &vendor);
        assert_eq!(world.served().len(), 4, "{name}");
        let replaced = |(_, slot, _): &(String, i64, String)| *slot > MONDAY;
        assert!(!world.skipped().iter().any(replaced), "{name}: {:?}", world.skipped());
    }
}

#[test]
fn an_account_is_failing_since_its_first_failure_after_its_last_ok() {
    let mut world = World::settled(&list(4, "0 6 * * *"), config());
    world.until(MONDAY + DAY + HOUR, &|_, _| http(500, ""));
    let tx = world.engine.store().begin_read().expect("a transaction");
    let now = Time(MONDAY + DAY + HOUR);
    let failing = tx.statuses(&Default::default(), Extent::Failing, now).expect("a status");
    let since = failing.iter().map(|account| account.failing_since.map(|since| since.0 - MONDAY));
    assert_eq!(since.flatten().collect::<Vec<_>>(), [2, 3, 4, 5]);
}

#[test]
fn accounts_that_failed_before_they_left_the_list_open_no_breaker_when_they_are_back() {
    let accounts = list(12, "0 6 * * MON");
    let vendor = |id: &str, _: i64| match id {
        "a003" | "a004" | "a005" | "a006" => http(500, ""),
        _ => good(id, 200),
    };
    let mut world = World::settled(&accounts, config());
    world.until(MONDAY + 2 * WEEK - DAY, &vendor);
    world.watch(&[]);
    world.until(MONDAY + 2 * WEEK - DAY + 5, &vendor);
    world.watch(&accounts);
    world.events.clear();
    world.calls.clear();
    world.until(MONDAY + 3 * WEEK - DAY, &vendor);
    assert_eq!(world.opened(), 0);
    let spent = world.calls.iter().filter(|call| call.spent && !call.is_ok).count();
    assert_eq!((spent, world.served().len()), (12, 8));
}

#[test]
fn an_outage_over_many_slots_is_followed_by_another() {
    let mut world = World::settled(&list(6, "0 * * * *"), config());
    let back = MONDAY + 4 * HOUR + 20 * MINUTE;
    // A person's refresh succeeds, and then the vendor is down again for ten minutes.
    let vendor = |id: &str, time: i64| match time - back {
        0 => good(id, 200),
        ..600 if time > MONDAY - MINUTE => http(500, ""),
        _ => good(id, 200),
    };
    world.until(back, &vendor);
    world.events.clear();
    world.request(&ids(&["a005"]));
    world.until(back + 30 * MINUTE, &vendor);
    assert_eq!((world.opened(), world.skipped()), (1, vec![]));
    assert_eq!(world.served().len(), 6);
}

#[test]
fn a_backup_made_during_a_call_and_restored_into_the_file_loses_no_slot() {
    let mut world = World::settled(&list(1, "0 6 * * MON"), config());
    world.latency = 30 * 1000;
    world.until(MONDAY + 1, &|id, _| good(id, 101));
    assert_eq!(world.in_flight.len(), 1);
    let copy = world.folder.path().join("copy.db");
    let path = world.path();
    let mut live = rusqlite::Connection::open(path).expect("a connection");
    live.execute("VACUUM INTO ?1", [copy.to_str().expect("UTF-8")]).expect("a copy");
    world.until(MONDAY + MINUTE, &|id, _| good(id, 101));
    assert_eq!(world.served().len(), 1);
    world.calls.clear();
    live.restore("main", &copy, None::<fn(_)>).expect("a restored copy");
    world.until(MONDAY + HOUR, &|id, _| good(id, 102));
    assert!(world.events.iter().any(|event| matches!(event, Event::LeftPending(1))));
    assert_eq!(world.served().len(), 1, "its snapshot was not in the backup");
}

/// A vendor that is down knows when it will be back, whatever `[retry]` says.
#[test]
fn a_vendor_that_is_down_is_not_called_before_it_asks_to_be() {
    let retry = Retry { first_delay: 1, max_delay: 4, ..config().retry };
    let config = EngineConfig { retry, ..config() };
    for alone in [true, false] {
        let mut world = World::settled(&list(4, "0 6 * * MON"), config.clone());
        world.until(MONDAY + HOUR, &|id, time| match id {
            _ if time >= MONDAY + 500 => good(id, 200),
            "a001" => retry_after(503, 900),
            _ if alone => good(id, 200),
            _ => retry_after(503, 900),
        });
        let at = |id| world.calls_of(id).iter().map(|call| call.at).collect::<Vec<_>>();
        let calls: Vec<i64> = ["a000", "a001", "a002", "a003"].into_iter().flat_map(at).collect();
        let later: Vec<i64> = calls.into_iter().filter(|at| *at > MONDAY + MINUTE).collect();
        assert!(!later.is_empty() && later.iter().all(|at| *at >= MONDAY + 900), "{later:?}");
        assert_eq!(world.served().len(), 4, "alone: {alone}");
    }
}

/// They need not wait for the next call, nor for the end of the process.
#[test]
fn slots_replaced_during_an_outage_have_their_lines_soon() {
    let often = list(6, "*/15 * * * *");
    let mut world = World::settled(&often, config());
    world.until(MONDAY + 31 * MINUTE, &|_, _| http(500, ""));
    let of_first = |slot| world.skipped().iter().filter(|(_, at, _)| *at == slot).count();
    assert_eq!([of_first(MONDAY), of_first(MONDAY + 15 * MINUTE)], [6, 6]);
}

/// It is asked again only after several of its slots; a restart must not lose their lines.
#[test]
fn slots_that_pass_during_a_requested_delay_have_their_lines_when_the_process_stops() {
    let hourly = list(2, "0 * * * *");
    let mut world = World::settled(&hourly, config());
    world.until(MONDAY + 4 * HOUR + 30 * MINUTE, &|id, _| match id {
        "a001" => retry_after(503, 6 * HOUR),
        _ => good(id, 200),
    });
    world.engine.stop();
    let turn = world.engine.turn(world.moment()).expect("a turn");
    world.events.extend(turn.events);
    let slots: Vec<i64> = world.skipped().into_iter().map(|(_, slot, _)| slot).collect();
    assert_eq!(slots, [0, 1, 2, 3].map(|hours| MONDAY + hours * HOUR));
    world.calls.clear();
    world.crash(0, config());
    world.watch(&hourly);
    world.until(MONDAY + 9 * HOUR, &|id, _| good(id, 300));
    let at = world.calls_of("a001")[0].at;
    assert!(
        (MONDAY + 6 * HOUR..MONDAY + 6 * HOUR + MINUTE).contains(&at),
        "not as the vendor asked: {at}"
    );
}

#[test]
fn a_slot_whose_account_leaves_during_a_call_that_fails_has_its_line() {
    for (is_removed, expected) in [(true, "removed"), (false, "disabled")] {
        let accounts = list(2, "0 6 * * MON");
        let mut world = World::settled(&accounts, config());
        world.latency = 5000;
        world.until(MONDAY + 2, &|_, _| http(500, ""));
        assert_eq!(world.in_flight.len(), 2);
        let mut fewer = accounts.clone();
        match is_removed {
            true => fewer.truncate(1),
            false => fewer[1].enabled = false,
        }
        world.watch(&fewer);
        world.until(MONDAY + 30, &|id, _| good(id, 200));
        assert_eq!(world.skipped(), [("a001".to_owned(), MONDAY, expected.to_owned())]);
        world.events.clear();
        world.watch(&accounts);
        world.until(MONDAY + HOUR, &|id, _| good(id, 200));
        assert_eq!(world.served(), [("a000".to_owned(), 1), ("a001".to_owned(), 1)].into());
    }
}

/// The call was for a slot of a clock that was ahead, which is still to come.
#[test]
fn a_slot_still_to_come_is_not_skipped_for_an_account_that_left() {
    let mut world = World::settled(&list(1, "0 6 * * MON"), config());
    world.latency = 5000;
    let start = world.time / 1000;
    world.skew = (WEEK + DAY) * 1000;
    world.until(start + 2, &|_, _| http(500, ""));
    assert_eq!(world.in_flight.len(), 1);
    world.watch(&[]);
    world.skew = 0;
    world.until(start + 30, &|_, _| http(500, ""));
    assert!(world.in_flight.is_empty());
    assert!(world.skipped().iter().all(|(_, _, why)| why != "removed"), "{:?}", world.skipped());
}

#[test]
fn accounts_that_left_the_watchlist_open_no_breaker() {
    let accounts = list(8, "0 6 * * MON");
    let mut world = World::settled(&accounts, EngineConfig { requests_per_minute: 0, ..config() });
    world.latency = 5000;
    world.until(MONDAY + 2, &|_, _| http(500, ""));
    let id = |(_, call): &(i64, CompletedCall)| call.claim.account_id().map(ToString::to_string);
    let called: Vec<String> = world.in_flight.iter().filter_map(id).collect();
    assert!(called.len() >= 3, "{called:?}");
    let kept: Vec<Watched> =
        accounts.into_iter().filter(|account| !called.contains(&account.id.to_string())).collect();
    world.watch(&kept);
    world.until(MONDAY + MINUTE, &|id, _| good(id, 200));
    let is_open = |event: &Event| matches!(event, Event::BreakerOpened(_));
    assert!(!world.events.iter().any(is_open), "{:?}", world.events);
    assert_eq!(world.served().len(), kept.len());
}

#[test]
fn a_shorter_pause_does_not_end_a_longer_one() {
    let unlimited = EngineConfig { requests_per_minute: 0, ..config() };
    let mut world = World::settled(&list(4, "0 6 * * MON"), unlimited);
    world.until(MONDAY + 2 * HOUR, &|id, time| match (id, time) {
        (_, MONDAY) => retry_after(429, if id == "a000" { 3600 } else { 600 }),
        _ => good(id, 200),
    });
    let first = world.calls.iter().filter(|call| call.is_ok).map(|call| call.at).min();
    assert!(first.is_some_and(|first| first >= MONDAY + HOUR), "{first:?}");
    assert_eq!(world.served().len(), 4);
}

#[test]
fn a_restart_keeps_the_pace() {
    let slow = EngineConfig { requests_per_minute: 10, ..config() };
    let mut world = World::settled(&list(2, "0 6 * * MON"), slow.clone());
    world.until(MONDAY + 1, &|id, _| good(id, 200));
    assert_eq!(world.in_flight.len(), 1);
    world.crash(0, slow.clone());
    let moment = world.moment();
    world.engine.watch(&list(2, "0 6 * * MON"), slow, moment).expect("a watchlist");
    world.until(MONDAY + MINUTE, &|id, _| good(id, 200));
    let next = world.calls.iter().filter(|call| call.is_ok).map(|call| call.at - 2).min();
    assert!(next.is_some_and(|next| (MONDAY + 6..MONDAY + 8).contains(&next)), "{next:?}");
}

#[test]
fn a_name_that_is_being_looked_up_is_looked_up_once() {
    let mut world = World::settled(&list(1, "0 6 * * MON"), config());
    look_up(&mut world, 0..1);
    world.latency = 30 * 1000;
    world.until(MONDAY - 5 * MINUTE + 2, &|_, _| good("new", 200));
    assert_eq!(world.in_flight.len(), 1);
    look_up(&mut world, 0..1);
    world.until(MONDAY - 3 * MINUTE, &|_, _| good("new", 200));
    let is_found = |event: &&Event| matches!(event, Event::Found { .. } | Event::Known { .. });
    assert_eq!(world.events.iter().filter(is_found).count(), 1);
}

#[test]
fn lookups_of_a_moment_share_the_manual_budget() {
    let budget = Budget { refreshes: 100, per: Period::Day, manual: Some(1) };
    let limits = EngineConfig { budget: Some(budget), requests_per_minute: 0, ..config() };
    let mut world = World::settled(&list(1, "0 6 * * MON"), limits);
    look_up(&mut world, 0..2);
    let turn = world.engine.turn(world.moment()).expect("a turn");
    assert_eq!(turn.claims.len(), 1);
}

#[test]
fn a_lookup_that_a_crash_interrupted_is_settled_as_unknown() {
    let mut world = World::settled(&list(1, "0 6 * * MON"), config());
    look_up(&mut world, 0..1);
    world.until(world.time / 1000 + 1, &|_, _| unknown());
    assert_eq!(world.in_flight.len(), 1);
    world.crash(60, config());
    world.until(world.time / 1000 + 1, &|_, _| panic!("nothing is due"));
    let left = |event: &&Event| matches!(event, Event::LeftPending(1));
    assert_eq!(world.events.iter().filter(left).count(), 1, "{:?}", world.events);
    let lines = rusqlite::Connection::open(world.path());
    let line = lines.expect("a database").query_row(
        "SELECT outcome || ' ' || spent || ' ' || error FROM refreshes WHERE cause = 'add'",
        [],
        |row| row.get::<_, String>(0),
    );
    assert_eq!(line.expect("a line"), "unknown 1 growthd ended before the response arrived");
}

#[test]
fn an_account_that_falls_due_in_an_outage_is_probed_then() {
    let mut accounts = list(3, "0 6 * * MON");
    accounts.push(Watched::example("a003", "7 12 * * MON"));
    let mut world = World::settled(&accounts, config());
    world.until(MONDAY + 8 * HOUR, &|_, _| http(500, ""));
    assert_eq!(world.calls_of("a003")[0].at, MONDAY + 6 * HOUR + 7 * MINUTE + 2);
}

#[test]
fn an_ok_of_a_call_sent_before_the_breaker_opened_does_not_close_it() {
    let mut accounts = list(4, "1 6 * * MON");
    accounts[0] = Watched::example("a000", "0 6 * * MON");
    let mut world = World::settled(&accounts, config());
    let vendor = |id: &str, _| match id {
        "a000" => good(id, 200),
        _ => http(500, ""),
    };
    world.latency = 120_000;
    world.until(MONDAY + 30, &vendor);
    world.latency = 1000;
    world.until(MONDAY + 110, &vendor);
    assert_eq!((world.opened(), world.in_flight.len()), (1, 1));
    world.until(MONDAY + 121, &vendor);
    assert_eq!(world.served().get("a000"), Some(&1));
    let closed = |event: &Event| matches!(event, Event::BreakerClosed { .. });
    assert!(!world.events.iter().any(closed));
}

#[test]
fn a_manual_refresh_that_fails_is_a_failure_only_if_it_is_refused() {
    for (answer, expected) in [(http(500, ""), 0), (http(404, ""), 1)] {
        let mut world = World::settled(&list(2, "0 6 * * MON"), config());
        world.request(&ids(&["a000"]));
        world.until(MONDAY - MINUTE, &|_, _| answer.clone());
        assert_eq!(world.calls.len(), 1);
        assert_eq!(world.failing(), expected);
    }
}

#[test]
fn a_difference_that_no_longer_exists_changes_nothing() {
    let mut world = World::settled(&list(3, "0 6 * * MON"), config());
    let mut edited = list(2, "0 6 * * MON");
    edited[1] = Watched::example("a001", "0 7 * * MON");
    edited.push(Watched::example("a003", "0 6 * * MON"));
    let diff = world.engine.store().begin_read().expect("a transaction").diff(&edited);
    let diff = diff.expect("a difference");
    let moment = world.moment();
    let mut amend = || world.engine.amend(&diff, config(), moment).expect("an amended list");
    let changes = amend();
    assert_eq!(changes, Changes { added: 1, removed: 1, changed: 1 });
    assert!(!changes.is_none());
    assert!(amend().is_none());
}

#[test]
fn requests_and_due_accounts_share_the_calls_of_a_moment() {
    let limits = EngineConfig { requests_per_minute: 0, ..config() };
    let mut accounts = list(8, "0 12 * * MON");
    for account in &mut accounts[..4] {
        *account = Watched::example(account.id.as_str(), "0 6 * * MON");
    }
    let mut world = World::settled(&accounts, limits);
    world.until(MONDAY, &|_, _| panic!("nothing is due"));
    world.request(&ids(&["a004", "a005", "a006", "a007"]));
    let turn = world.engine.turn(world.moment()).expect("a turn");
    let causes = turn.claims.iter().map(|claim| claim.line().cause);
    let (manual, scheduled): (Vec<_>, Vec<_>) = causes.partition(|cause| *cause == Cause::Manual);
    assert_eq!((manual.len(), scheduled.len()), (2, 2));
}

#[test]
fn a_pause_holds_back_until_its_end_and_is_as_long_as_any_may_be() {
    let mut world = World::settled(&list(2, "0 6 * * MON"), config());
    world.latency = 0;
    let now = world.time / 1000;
    world.request(&ids(&["a000"]));
    world.until(now + 1, &|_, _| retry_after(429, 7 * HOUR));
    let paused_until = |world: &mut World, at: i64| {
        let tx = world.engine.store().begin_read().expect("a transaction");
        let holds = Holds::read(&tx, None, Time(at)).expect("what holds back");
        holds.pause.map(|pause| pause.until.since(Time(now)))
    };
    // As long as `[retry] max_delay`, also when a reload compares it in the very second.
    let end = 6 * HOUR;
    world.time = now * 1000;
    world.watch(&list(2, "0 6 * * MON"));
    assert_eq!(paused_until(&mut world, now + end - 1), Some(end));
    assert_eq!(paused_until(&mut world, now + end), None);
}
