//! Histories with the rows that a daemon would have written.

use std::fs;
use std::path::Path;

use growthd::clock::{self, Time};
use growthd::store::{Creation, Store};
use rusqlite::{Connection, params};
use tempfile::TempDir;

pub const DAY: i64 = 86_400;
pub const WEEK: i64 = 7 * DAY;

/// A snapshot of an account at an age in seconds.
#[derive(Clone)]
pub struct Snapshot {
    pub ago: i64,
    pub followers: Option<i64>,
    pub likes: Option<i64>,
    pub engagement: Option<f64>,
    /// Why it is suspect, as in `_snapshot`: 0 if it is not, 1 if its likes fell to 0, 2 if its followers
    /// did.
    pub suspect: i64,
}

impl Snapshot {
    pub fn new(ago: i64, followers: Option<i64>) -> Snapshot {
        Snapshot { ago, followers, likes: None, engagement: None, suspect: 0 }
    }
}

/// A folder with a configuration and a database.
pub struct World {
    folder: TempDir,
    connection: Connection,
    now: Time,
}

impl World {
    /// Creates a number of weekly accounts with a number of snapshots each.
    pub fn new(accounts: usize, snapshots: usize) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        write_config(folder.path());
        let store = Store::open(&folder.path().join("growth.db"), Creation::Allowed);
        drop(store.expect("a database"));
        let connection = Connection::open(folder.path().join("growth.db")).expect("the database");
        connection.pragma_update(None, "synchronous", "OFF").expect("a pragma");
        let mut world = World { folder, connection, now: clock::now().time() };
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
                        suspect: 0,
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

    /// Adds an account with this display name, and its snapshots in order.
    pub fn account(&mut self, id: &str, name: Option<&str>, snapshots: &[Snapshot]) {
        let added = self.now.plus(-400 * DAY).0;
        let connection = self.connection.transaction().expect("a transaction");
        connection
            .execute(
                "INSERT INTO _account (account_id, tags, cron, timezone, spread, enabled, added_time,
                                       active_time, phase, next_due, settled_slot, interval)
                 VALUES (?1, '[\"client-a\"]', '0 6 * * MON', 'UTC', 0, 1, ?2, ?2, 1, ?3, ?2, ?4)",
                params![id, added, self.now.plus(5 * DAY).0, WEEK],
            )
            .expect("an account");
        let account = connection.last_insert_rowid();
        if !snapshots.is_empty() {
            let name = name.map_or_else(|| format!("Creator {id}"), str::to_owned);
            connection
                .execute(
                    "INSERT INTO _profile (account, platform, username, display_name, avatar_url,
                                           profile_url)
                     VALUES (?1, 'tiktok', 'user_' || ?2, ?3, 'https://avatar.invalid/a.jpg',
                             'https://www.tiktok.com/@user_' || ?2)",
                    params![account, id, name],
                )
                .expect("a profile");
        }
        for snapshot in snapshots {
            let time = self.now.plus(-snapshot.ago).0;
            connection
                .execute(
                    "INSERT INTO _refresh (account, cause, outcome, spent, interval, started_time, took)
                     VALUES (?1, 4, 1, 1, ?2, ?3, 0)",
                    params![account, WEEK, time],
                )
                .expect("a line");
            let refresh = connection.last_insert_rowid();
            connection
                .execute(
                    "INSERT INTO _snapshot VALUES (?1, ?2, ?3, ?4, NULL, 12, ?5, ?6, NULL, NULL, NULL, ?7, NULL)",
                    params![
                        account,
                        refresh,
                        time,
                        snapshot.followers,
                        snapshot.likes,
                        snapshot.engagement,
                        snapshot.suspect
                    ],
                )
                .expect("a snapshot");
            connection
                .execute(
                    "UPDATE _account SET last_refresh = ?2 WHERE account = ?1",
                    [account, refresh],
                )
                .expect("the newest");
        }
        connection.commit().expect("committed");
    }
}

/// Returns a configuration that uses `growth.db` beside it.
pub fn write_config(folder: &Path) {
    let text = "[database]\npath = \"growth.db\"\n\n[[account]]\nid = \"clx00000\"\n";
    fs::write(folder.join("config.toml"), text).expect("written");
}
