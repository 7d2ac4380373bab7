//! The order of refreshes when there is never time for all accounts.

use std::collections::BTreeMap;

use crate::harness::history::connect;
use crate::harness::year::{START, Year};

const ACCOUNTS: u64 = 1000;
const A_MINUTE: u32 = 60;
const ROUNDS: i64 = 10;

/// Every account is due each minute, and one is refreshed each second: a round takes a quarter of
/// an hour. The rank of a refresh is how many other accounts had waited longer.
pub fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("growth.db");
    let mut list = Year::under(&path, ACCOUNTS, "* * * * *", A_MINUTE);
    list.until(START + ROUNDS * ACCOUNTS.cast_signed() * 60 / i64::from(A_MINUTE));
    drop(list);

    let database = connect(&path);
    let mut calls = database
        .prepare("SELECT refresh_id, account FROM _refresh WHERE outcome <> 4 ORDER BY refresh_id")
        .unwrap();
    let calls = calls.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let mut last_calls: BTreeMap<i64, i64> = BTreeMap::new();
    let mut count: BTreeMap<i64, u64> = BTreeMap::new();
    let mut largest_rank = 0;
    for call in calls {
        let (refresh, account) = call.unwrap();
        if let Some(before) = last_calls.insert(account, refresh) {
            let waited_longer = last_calls.values().filter(|call| **call < before).count() as u64;
            let never = ACCOUNTS - last_calls.len() as u64;
            largest_rank = largest_rank.max(waited_longer + never);
        }
        *count.entry(account).or_default() += 1;
    }
    let (most, fewest) = (count.values().max().unwrap(), count.values().min().unwrap());
    println!(
        "\n{ACCOUNTS} accounts that are always due, {A_MINUTE} refreshed a minute, {ROUNDS} rounds"
    );
    println!("{:<52}{:>10}  0", "largest rank of a refresh", largest_rank);
    println!("{:<52}{:>10}  at most 1", "refreshes per account, most less fewest", most - fewest);
}
