//! Durable refreshes a second, against what stores nothing and what commits each by itself.
//!
//! `cargo bench --bench throughput [-- REFRESHES]`. All three ask the same simulated API on
//! loopback in the same run, with as many calls in flight; only the ratios mean something.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a benchmark: it may end at the first surprise, and rounds what it prints"
)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use growthd::account::AccountId;
use growthd::api::{Answer, Client};
use growthd::clock;
use growthd::config::{ApiKey, Config};
use growthd::daemon::{Input, Metrics, Notifier, Work, Worker, make_calls};
use growthd::engine::{Appetite, Engine, Terms};
use growthd::simulated_api::{SimulatedApi, World};
use growthd::store::{Creation, Store};
use tokio::sync::mpsc::unbounded_channel;

const IN_FLIGHT: usize = 64;

fn main() {
    let refreshes = std::env::args().filter_map(|text| text.parse().ok()).next().unwrap_or(50_000);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let world = World::with_any_account("bench-key").without_call_list();
        let api = SimulatedApi::start(world).await.unwrap();
        let config = config(folder.path(), &api, refreshes);
        let key = || ApiKey::find(&config, |_| Some("bench-key".into())).unwrap().0;
        let client = Client::new(&config.api, key()).unwrap();

        // Warms connections and the simulated accounts up.
        bare(&client, &config, refreshes / 10).await;
        let bare_rate = bare(&client, &config, refreshes).await;
        let each_rate =
            commit_each(&client, &config, folder.path(), (refreshes / 25).max(100)).await;
        let full_rate = full(&client, &config, refreshes).await;
        println!("bare client, nothing stored        {bare_rate:>9.0} /s");
        println!("a commit for each snapshot         {each_rate:>9.0} /s");
        println!("growthd: ledger, snapshot, fsync   {full_rate:>9.0} /s");
        println!("growthd : bare client              {:>9.2}", full_rate / bare_rate);
        println!("growthd : a commit for each        {:>9.1}", full_rate / each_rate);
        let size = std::fs::metadata(&config.database.path).unwrap().len();
        println!(
            "database, baseline and profile     {:>9.0} bytes an account",
            size as f64 / refreshes as f64
        );
    });
}

fn config(folder: &Path, api: &SimulatedApi, accounts: usize) -> Config {
    use std::fmt::Write;
    let mut text = format!(
        "[api]\nbase_url = \"{}\"\nmax_in_flight = {IN_FLIGHT}\nrequests_per_minute = 0\n",
        api.base_url()
    );
    for n in 0..accounts {
        write!(text, "[[account]]\nid = \"acct{n:08}\"\n").unwrap();
    }
    Config::parse(&folder.join("config.toml"), text.as_bytes(), clock::now().time()).unwrap()
}

/// Calls a second of so many tasks that each ask for one account after the other.
async fn rate_of<F, Fut>(config: &Config, count: usize, call: F) -> f64
where
    F: Fn(AccountId) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let ids: Arc<Vec<AccountId>> =
        Arc::new(config.accounts.iter().take(count).map(|account| account.id.clone()).collect());
    let next = Arc::new(AtomicUsize::new(0));
    let start = clock::monotonic();
    let tasks: Vec<_> = (0..IN_FLIGHT)
        .map(|_| {
            let (ids, next, call) = (ids.clone(), next.clone(), call.clone());
            tokio::spawn(async move {
                while let Some(id) = ids.get(next.fetch_add(1, Ordering::Relaxed)) {
                    call(id.clone()).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    count as f64 / start.elapsed().as_secs_f64()
}

async fn bare(client: &Client, config: &Config, count: usize) -> f64 {
    let client = client.clone();
    rate_of(config, count, move |id| {
        let client = client.clone();
        async move { assert!(matches!(client.refresh(&id).await, Answer::Http(_))) }
    })
    .await
}

async fn commit_each(client: &Client, config: &Config, folder: &Path, count: usize) -> f64 {
    let connection = rusqlite::Connection::open(folder.join("each.db")).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE snapshot (id TEXT, time INTEGER, answer TEXT);",
        )
        .unwrap();
    let connection = Arc::new(std::sync::Mutex::new(connection));
    let client = client.clone();
    rate_of(config, count, move |id| {
        let (client, connection) = (client.clone(), connection.clone());
        async move {
            let Answer::Http(answer) = client.refresh(&id).await else { return };
            let time = clock::now().time().0;
            let row = (id.as_str(), time, answer.body);
            let connection = connection.lock().unwrap();
            connection.execute("INSERT INTO snapshot VALUES (?1, ?2, ?3)", row).unwrap();
        }
    })
    .await
}

/// The whole of growthd but its signals: every account's baseline, ledger line first.
async fn full(client: &Client, config: &Config, count: usize) -> f64 {
    let store = Store::open(&config.database.path, Creation::Allowed).unwrap();
    let mut engine = Engine::new(store, Terms::of(config), Appetite::Due);
    engine.watch(&config.accounts, Terms::of(config), clock::now()).unwrap();
    let (inbox, received) = channel();
    let (claims, claimed) = unbounded_channel();
    let client = client.clone();
    tokio::spawn(make_calls(claimed, move || client.clone(), inbox.clone(), Metrics::default()));
    let (tells, mut told) = unbounded_channel();
    inbox.send(Input::Follow(tells)).unwrap();
    let start = clock::monotonic();
    let worker =
        Worker::new(engine, received, claims, Notifier::silent(), Metrics::default(), Work::Daemon);
    let worker = thread::spawn(move || worker.run());
    let mut settled = 0;
    while settled < count {
        if let growthd::daemon::Progress::Settled { outcome, .. } = told.recv().await.unwrap() {
            assert_eq!(outcome, "ok");
            settled += 1;
        }
    }
    let rate = count as f64 / start.elapsed().as_secs_f64();
    inbox.send(Input::Stop).unwrap();
    tokio::task::spawn_blocking(|| worker.join()).await.unwrap().unwrap().unwrap();
    rate
}
