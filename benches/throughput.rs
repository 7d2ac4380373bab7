//! Measures durable refreshes a second, compared with clients that store nothing or that commit
//! each refresh separately.
//!
//! `cargo bench --bench throughput [-- REFRESHES]`. All call the same simulated API, a separate
//! process on loopback, in the same run. Only the ratios are meaningful. Includes `wrk` if it is
//! installed.
#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a benchmark may panic, and rounds what it prints"
)]

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use growthd::account::AccountId;
use growthd::api::Client;
use growthd::clock::{self, Clock};
use growthd::config::{Api, ApiKey, Config};
use growthd::engine::{ClaimMode, Engine, EngineConfig};
use growthd::runner::{Notice, Runner, Work};
use growthd::store::{Creation, Store};
use harness::cost::{self, Counting};
use harness::server::{KEY, Server, serve_if_asked};
use rusqlite::Connection;

mod harness;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const IN_FLIGHT: usize = 64;

fn main() {
    if serve_if_asked() {
        return;
    }
    let refreshes = std::env::args().filter_map(|text| text.parse().ok()).next().unwrap_or(100_000);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(measure(refreshes));
}

async fn measure(refreshes: usize) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start();
    let config = config(folder.path(), &server, "growth", refreshes);
    let (key, _) = ApiKey::find_with(&config.settings, |_| Some(KEY.into())).unwrap();
    let client = Client::new(&config.settings.api, key).unwrap();
    let requests = Requests::new(&config.settings.api);

    // Warms up the connections and the server's accounts.
    bare(&requests, &config, refreshes / 10).await;
    let alone = refreshes / 50;
    let wrk = wrk(&server);
    let bare = bare(&requests, &config, refreshes).await;
    let committing = async |tasks, count, commits| {
        commit_each(&requests, &config, folder.path(), tasks, count, commits).await
    };
    let each = committing(IN_FLIGHT, refreshes / 10, Commits::Snapshot).await;
    let one = committing(1, alone, Commits::Snapshot).await;
    let two = committing(1, alone, Commits::LedgerAndSnapshot).await;
    let full = full(&client, &config, false).await;
    let counted = {
        let config = self::config(folder.path(), &server, "counted", refreshes / 5);
        self::full(&client, &config, true).await
    };

    println!("{:<46}{:>7}{:>12}", "", "each s", "CPU µs each");
    let line = |what: &str, rate: f64, cpu: f64| println!("{what:<46}{rate:>7.0}{cpu:>12.1}");
    if let Some(wrk) = wrk {
        println!("{:<46}{wrk:>7.0}", "wrk, 64 connections, nothing read");
    }
    line("a bare client, 64 at once, nothing stored", bare.rate, bare.cpu);
    line("growthd: ledger, snapshot, durable", full.rate, full.cpu);
    line("64 at once, a commit for each snapshot", each.rate, each.cpu);
    line("one after the other, a commit for each", one.rate, one.cpu);
    line("one after the other, ledger row first", two.rate, two.cpu);
    println!("\ngrowthd compared with");
    println!("{:<46}{:>7.2}", "a bare client", full.rate / bare.rate);
    if let Some(wrk) = wrk {
        println!("{:<46}{:>7.2}", "wrk", full.rate / wrk);
    }
    println!("{:<46}{:>7.1}", "64 at once, a commit for each", full.rate / each.rate);
    println!("{:<46}{:>7.1}", "one after the other, a commit for each", full.rate / one.rate);
    let same_promise = "one after the other, ledger row first";
    println!("{same_promise:<46}{:>7.1}", full.rate / two.rate);
    println!("\nallocations per refresh {:>7.1}", counted.allocations);
}

fn config(folder: &Path, server: &Server, name: &str, accounts: usize) -> Config {
    let mut text = format!(
        "[api]\nbase_url = \"{}\"\nmax_in_flight = {IN_FLIGHT}\nrequests_per_minute = 0\n\
         [database]\npath = \"{name}.db\"\n",
        server.base_url
    );
    for n in 0..accounts {
        write!(text, "[[account]]\nid = \"acct{n:08}\"\n").unwrap();
    }
    Config::parse(&folder.join("config.toml"), text.as_bytes(), clock::now().time()).unwrap()
}

/// The cost of a number of refreshes.
struct Cost {
    /// Refreshes a second.
    rate: f64,
    /// This process's CPU time per refresh, in microseconds.
    cpu: f64,
    /// Allocations per refresh, if they were counted.
    allocations: f64,
}

struct Stopwatch {
    start: std::time::Instant,
    cpu: u64,
    allocations: u64,
}

impl Stopwatch {
    fn start() -> Stopwatch {
        Stopwatch { start: clock::monotonic(), cpu: cost::cpu(), allocations: cost::allocations() }
    }

    fn stop(self, count: usize) -> Cost {
        let count = count as f64;
        Cost {
            rate: count / self.start.elapsed().as_secs_f64(),
            cpu: (cost::cpu() - self.cpu) as f64 / count,
            allocations: (cost::allocations() - self.allocations) as f64 / count,
        }
    }
}

/// Returns the requests a second of `wrk`, if it is installed.
fn wrk(server: &Server) -> Option<f64> {
    let script = tempfile::NamedTempFile::new().unwrap();
    let lua = format!("wrk.method = 'POST'\nwrk.headers['x-api-key'] = '{KEY}'\n");
    std::fs::write(script.path(), lua).unwrap();
    let url = format!("{}/v1/social/account/acct00000001/refresh", server.base_url);
    let output = Command::new("wrk")
        .args(["-t1", "-c64", "-d4s", "-s"])
        .arg(script.path())
        .arg(url)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("Non-2xx"), "{text}");
    let line = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    Some(line.unwrap().trim().parse().unwrap())
}

/// Returns the cost of `count` calls by `tasks` tasks, each of which makes one after the other.
async fn cost_of<F, Fut>(config: &Config, tasks: usize, count: usize, call: F) -> Cost
where
    F: Fn(AccountId) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let ids: Arc<Vec<AccountId>> =
        Arc::new(config.accounts.iter().take(count).map(|account| account.id.clone()).collect());
    let next = Arc::new(AtomicUsize::new(0));
    let watch = Stopwatch::start();
    let tasks: Vec<_> = (0..tasks)
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
    watch.stop(count)
}

/// Makes the same requests without growthd, whose client requires a ledger row.
#[derive(Clone)]
struct Requests {
    http: reqwest::Client,
    api: Api,
}

impl Requests {
    fn new(api: &Api) -> Requests {
        let builder = reqwest::Client::builder().no_proxy().tcp_nodelay(true).tls_certs_only([]);
        Requests { http: builder.build().unwrap(), api: api.clone() }
    }

    async fn refresh(&self, id: &AccountId) -> Vec<u8> {
        let url = self.api.url(["v1", "social", "account", id.as_str(), "refresh"]);
        let response = self.http.post(url).header("x-api-key", KEY).send().await.unwrap();
        response.bytes().await.unwrap().to_vec()
    }
}

async fn bare(requests: &Requests, config: &Config, count: usize) -> Cost {
    let requests = requests.clone();
    cost_of(config, IN_FLIGHT, count, move |id| {
        let requests = requests.clone();
        async move { assert!(!requests.refresh(&id).await.is_empty()) }
    })
    .await
}

/// The commits for each refresh.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Commits {
    /// One, after the response.
    Snapshot,
    /// One before the request and one after the response, which gives growthd's guarantees.
    LedgerAndSnapshot,
}

async fn commit_each(
    requests: &Requests,
    config: &Config,
    folder: &Path,
    tasks: usize,
    count: usize,
    commits: Commits,
) -> Cost {
    let connection = Connection::open(folder.join(format!("{commits:?}-{tasks}.db"))).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE ledger (id TEXT, time INTEGER);
             CREATE TABLE snapshot (id TEXT, time INTEGER, answer TEXT);",
        )
        .unwrap();
    let connection = Arc::new(Mutex::new(connection));
    let requests = requests.clone();
    cost_of(config, tasks, count, move |id| {
        let (requests, connection) = (requests.clone(), connection.clone());
        async move {
            if commits == Commits::LedgerAndSnapshot {
                let row = (id.as_str(), clock::now().time().0);
                let connection = connection.lock().unwrap();
                connection.execute("INSERT INTO ledger VALUES (?1, ?2)", row).unwrap();
            }
            let answer = requests.refresh(&id).await;
            let row = (id.as_str(), clock::now().time().0, answer);
            let connection = connection.lock().unwrap();
            connection.execute("INSERT INTO snapshot VALUES (?1, ?2, ?3)", row).unwrap();
        }
    })
    .await
}

/// Refreshes every account with growthd's own engine and runner, with each ledger row first.
async fn full(client: &Client, config: &Config, is_counted: bool) -> Cost {
    let count = config.accounts.len();
    let store = Store::open(&config.settings.database.path, Creation::Allowed).unwrap();
    let mut engine = Engine::new(store, EngineConfig::of(&config.settings), ClaimMode::Due);
    engine.watch(&config.accounts, EngineConfig::of(&config.settings), clock::moment()).unwrap();
    cost::count_allocations(is_counted);
    let watch = Stopwatch::start();
    // The runner ends when nothing more is due soon.
    let observer = Box::new(|_: Notice<'_>| {});
    let clock = Clock::system();
    let mut runner = Runner::start(engine, client.clone(), Work::OneShot, clock, observer).unwrap();
    runner.ended().await.unwrap();
    let cost = watch.stop(count);
    cost::count_allocations(false);
    let database = Connection::open(&config.settings.database.path).unwrap();
    let sql = "SELECT count(*) FROM refreshes WHERE outcome = 'ok'";
    let ok: usize = database.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(ok, count);
    cost
}
