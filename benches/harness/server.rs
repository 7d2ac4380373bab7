//! The simulated API as a process of its own, so that what it costs is nobody else's.

use crate::harness::own::{Own, be_until_ended, is_started_as};
use crate::harness::scripted_api::{ScriptedApi, World};

/// The argument that makes a benchmark's program the server.
const SERVE: &str = "--serve";

pub const KEY: &str = "bench-key";

/// A server that ends with this value.
pub struct Server {
    _process: Own,
    pub base_url: String,
}

impl Server {
    pub fn start() -> Server {
        let process = Own::start(&[SERVE]);
        Server { base_url: process.said.clone(), _process: process }
    }
}

/// Serves until it is ended, if that is what this process was started for.
pub fn serve_if_asked() -> bool {
    if !is_started_as(SERVE) {
        return false;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let world = World::with_any_account(KEY).without_call_list();
    let api = runtime.block_on(ScriptedApi::start(world)).unwrap();
    be_until_ended(&api.base_url());
    true
}
