//! Histories, written the way the daemon writes them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use growthd::account::AccountId;
use growthd::clock::{self, Time};
use growthd::config::Watched;
use growthd::measurement::{Field, Measurement, Profile};
use growthd::store::{AccountState, Cause, Creation, Outcome, Store, Verdict};
use tempfile::TempDir;

pub const DAY: i64 = 86_400;
pub const WEEK: i64 = 7 * DAY;

/// A snapshot of an account, so many seconds ago.
#[derive(Clone)]
pub struct Snapshot {
    pub ago: i64,
    pub followers: Option<i64>,
    pub likes: Option<i64>,
    pub engagement: Option<f64>,
    pub is_suspect: bool,
}

impl Snapshot {
    pub fn new(ago: i64, followers: Option<i64>) -> Snapshot {
        Snapshot { ago, followers, likes: None, engagement: None, is_suspect: false }
    }
}

/// A folder with a configuration and a database.
pub struct World {
    folder: TempDir,
    store: Store,
    now: Time,
}

impl World {
    /// A world with so many weekly accounts of so many snapshots.
    pub fn new(accounts: usize, snapshots: usize) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        write_config(folder.path());
        let store = Store::open(&folder.path().join("growth.db"), Creation::Allowed);
        let store = store.expect("a database");
        store.make_volatile().expect("a pragma");
        let mut world = World { folder, store, now: clock::now().time() };
        let count = i64::try_from(snapshots).expect("a few");
        for account in 0..accounts {
            let place = i64::try_from(account).expect("a few");
            let history: Vec<Snapshot> = (0..count)
                .map(|step| {
                    let wave = (step * 37 + place * 11) % 23;
                    let followers = 1_000 + place * 997 + step * (place % 7 - 2) * 50 + wave * 9;
                    Snapshot {
                        ago: (count - 1 - step) * WEEK + 7200 + place % 3600,
                        followers: Some(followers.max(0)),
                        likes: (place % 3 > 0).then_some(followers * 31 + step * 400),
                        engagement: Some(f64::from(u32::try_from(wave).unwrap_or(0)) / 10.0 + 4.0),
                        is_suspect: false,
                    }
                })
                .collect();
            world.account(&format!("clx{account:05}"), None, &history);
        }
        world
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Adds an account that calls itself so, with its snapshots in the order they were taken.
    pub fn account(&mut self, id: &str, name: Option<&str>, snapshots: &[Snapshot]) {
        let id: AccountId = id.parse().expect("an id");
        let entry = Watched {
            id: id.clone(),
            label: None,
            tags: vec!["client-a".to_owned()],
            cron: Arc::from("0 6 * * MON"),
            timezone: Arc::from("UTC"),
            spread: 0,
            enabled: true,
        };
        let standing = AccountState {
            next_due: Some(self.now.plus(5 * DAY)),
            last_slot: None,
            slot: None,
            interval: WEEK,
            tries: 0,
            paid: 0,
            failing: None,
            last_failure: None,
            last_refresh: None,
        };
        let mut batch = self.store.begin().expect("a batch");
        batch.add(&entry, &standing, self.now.plus(-400 * DAY)).expect("added");
        let account = batch.account_by_id(&id).expect("read").expect("there");
        let mut claims = Vec::new();
        for snapshot in snapshots {
            let now = self.now.plus(-snapshot.ago);
            batch.claim(&account, Cause::Manual, None, now).expect("claimed");
            claims.extend(batch.commit().expect("committed"));
            batch = self.store.begin().expect("a batch");
            let claim = claims.pop().expect("a claim");
            let verdict = Verdict {
                outcome: Outcome::Ok,
                spent: true,
                http_status: Some(200),
                error: None,
                answer: None,
            };
            let line = batch.settle(&claim, Some(account.key), &verdict, now).expect("settled");
            let told = measurement(&id, name, snapshot);
            batch.append(line, account.key, now, &told, snapshot.is_suspect).expect("appended");
            batch.keep_profile(line, account.key, now, &told.profile).expect("kept");
            batch
                .save(account.key, &AccountState { last_refresh: Some(line), ..standing })
                .expect("saved");
        }
        batch.commit().expect("committed");
    }
}

fn measurement(id: &AccountId, name: Option<&str>, snapshot: &Snapshot) -> Measurement {
    Measurement {
        followers: snapshot.followers,
        likes: snapshot.likes,
        engagement_rate: snapshot.engagement,
        videos: Some(12),
        profile: Profile {
            platform: Field::Value("tiktok".to_owned()),
            username: Field::Value(format!("user_{id}")),
            display_name: Field::Value(name.map_or_else(|| format!("Creator {id}"), str::to_owned)),
            avatar_url: Field::Value("https://avatar.invalid/a.jpg".to_owned()),
            profile_url: Field::Value(format!("https://www.tiktok.com/@user_{id}")),
            ..Profile::default()
        },
        ..Measurement::default()
    }
}

/// A configuration that names `growth.db` beside it.
pub fn write_config(folder: &Path) {
    let text = "[database]\npath = \"growth.db\"\n\n[[account]]\nid = \"clx00000\"\n";
    fs::write(folder.join("config.toml"), text).expect("written");
}
