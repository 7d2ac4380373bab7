//! Runs the real engine and store in virtual time, with responses as the vendor documents them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use growthd::account::AccountId;
use growthd::api::{CallResult, HttpResponse};
use growthd::clock::{Moment, Time};
use growthd::config::{CatchUp, OnUnknown, Retry, Watched};
use growthd::engine::{ClaimMode, CompletedCall, Engine, EngineConfig};
use growthd::schedule::stable_hash;
use growthd::store::{Claim, Creation, Store};

pub const DAY: i64 = 86_400;
pub const WEEK: i64 = 7 * DAY;

/// A Monday, an hour before the accounts become due.
pub const START: i64 = 1_767_589_200;

/// A list with its engine, at a virtual time.
pub struct Year {
    engine: Engine,
    config: EngineConfig,
    list: Vec<Watched>,
    now: i64,
    /// The claims by time of arrival and refresh id.
    in_flight: BTreeMap<(i64, i64), Claim>,
    pub settled: u64,
    /// Returns the body of a response for an account at a time; by default [`documented`].
    pub answer: fn(&AccountId, i64) -> String,
}

impl Year {
    /// Watches `accounts` accounts weekly from [`START`] on, without a rate limit, in a new
    /// database at `path` that is not flushed to the disk.
    pub fn new(path: &Path, accounts: u64) -> Year {
        Year::under(path, accounts, "0 6 * * MON", 0)
    }

    /// Like [`Year::new`], with another schedule and a rate limit.
    pub fn under(path: &Path, accounts: u64, cron: &str, requests_per_minute: u32) -> Year {
        let config = EngineConfig {
            retry: Retry {
                first_delay: 30,
                max_delay: 21_600,
                max_paid_attempts: 3,
                unknown: OnUnknown::Retry,
            },
            budget: None,
            max_in_flight: 64,
            requests_per_minute,
            catch_up: CatchUp::Always,
        };
        let store = Store::open_volatile(path, Creation::Allowed).unwrap();
        let engine = Engine::new(store, config.clone(), ClaimMode::Due);
        let (cron, timezone) = (Arc::<str>::from(cron), Arc::<str>::from("UTC"));
        let list: Vec<Watched> = (0..accounts)
            .map(|n| Watched {
                id: id(n),
                label: Some(format!("Account {n}")),
                tags: vec![format!("client-{}", n % 50)],
                cron: cron.clone(),
                timezone: timezone.clone(),
                spread: 0,
                enabled: true,
            })
            .collect();
        let in_flight = BTreeMap::new();
        let answer = documented;
        let mut year = Year { engine, config, list, now: START, in_flight, settled: 0, answer };
        year.edit(|_| {});
        year
    }

    /// Edits the watchlist.
    pub fn edit<T>(&mut self, change: impl FnOnce(&mut Vec<Watched>) -> T) -> T {
        let result = change(&mut self.list);
        self.engine.watch(&self.list, self.config.clone(), moment(self.now)).unwrap();
        result
    }

    /// Checkpoints the WAL, as the daemon does when idle.
    pub fn checkpoint(&mut self) {
        self.engine.store().checkpoint().unwrap();
    }

    /// Runs until `end`, with a turn each second while calls are in flight, and otherwise when the
    /// engine asks for one.
    pub fn until(&mut self, end: i64) {
        while self.now < end {
            let arrived = self.in_flight.split_off(&(self.now + 1, 0));
            for claim in std::mem::replace(&mut self.in_flight, arrived).into_values() {
                let answer = HttpResponse {
                    status: 200,
                    body: (self.answer)(claim.account_id().unwrap(), self.now).into_bytes(),
                    is_whole: true,
                    ..HttpResponse::default()
                };
                let call = CompletedCall::new(claim, CallResult::Http(answer), Time(self.now));
                self.engine.take(call);
                self.settled += 1;
            }
            let turn = self.engine.turn(moment(self.now)).unwrap();
            for claim in turn.claims {
                let key = claim.refresh().0;
                let seconds = 2 + mixed(key.cast_unsigned()).cast_signed().rem_euclid(29);
                self.in_flight.insert((self.now + seconds, key), claim);
            }
            self.now = match self.in_flight.is_empty() {
                false => self.now + 1,
                true => turn.wake.map_or(end, |wake| wake.time().0.max(self.now + 1)),
            };
        }
    }
}

/// Returns the id of the `n`th account, from 0.
pub fn id(n: u64) -> AccountId {
    format!("clx{:022}", mixed(n) % 1_000_000_000_000).parse().unwrap()
}

/// Returns the documented response, with numbers that depend on the account and grow.
pub fn documented(id: &AccountId, now: i64) -> String {
    let own = own(id);
    let week = ((now - START) / WEEK).cast_unsigned();
    let followers = scale(own) * (100 + own % 900) + week * step(id);
    format!(
        r#"{{"success":true,"message":"Account refreshed successfully","data":{{"account":{{
        "id":"{id}","username":"user{}","platform":"tiktok","displayName":"User {}",
        "bio":"Helping you get fit one video at a time","avatarUrl":"https://cdn.tiktok.com/{}.jpg",
        "isVerified":false,"stats":{{"followers":{followers},"following":{},"videos":{},"likes":{}}},
        "analytics":{{"engagementRate":{}.{},"viralityScore":{}.{},"avgViews":{}}},
        "lastAnalyzed":"{}","profileUrl":"https://www.tiktok.com/@user{}"}}}}}}"#,
        own % 1_000_000,
        own % 1_000_000,
        own % 1_000_000,
        own % 1500,
        own % 900 + week,
        followers * 31 + week * 977,
        mixed(own ^ week) % 15,
        mixed(own ^ week ^ 1) % 10,
        mixed(own ^ week ^ 2) % 100,
        mixed(own ^ week ^ 3) % 10,
        followers / 3 + week,
        Time(now - 3),
        own % 1_000_000,
    )
}

/// Returns how many followers an account gains every week.
pub fn step(id: &AccountId) -> u64 {
    scale(own(id)) * (own(id) % 7)
}

fn own(id: &AccountId) -> u64 {
    id.as_str().bytes().fold(7, |sum, byte| mixed(sum ^ u64::from(byte)))
}

/// Returns a power of ten from 10 to 10,000.
fn scale(own: u64) -> u64 {
    10_u64.pow(1 + u32::try_from(own % 4).unwrap())
}

fn mixed(number: u64) -> u64 {
    stable_hash(&number.to_le_bytes())
}

/// Returns a moment at which the wall clock has not been set.
fn moment(time: i64) -> Moment {
    Moment { wall: Time(time).into(), machine: time * 1000 }
}
