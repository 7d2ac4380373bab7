//! The simulated API as a separate process, so that its cost is not counted.

use crate::harness::own::{Own, is_started_as, run_until_ended};
use crate::harness::scripted_api::{ScriptedApi, World};

/// The argument that runs a benchmark's program as the server.
const SERVE: &str = "--serve";

pub const KEY: &str = "bench-key";

/// A running server. It ends when dropped.
pub struct Server {
    _process: Own,
    pub base_url: String,
}

impl Server {
    pub fn start() -> Server {
        let process = Own::start(&[SERVE]);
        Server { base_url: process.ready_line.clone(), _process: process }
    }
}

/// Runs the server until it is ended, if this process was started for that.
pub fn serve_if_asked() -> bool {
    if !is_started_as(SERVE) {
        return false;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let world = World::with_any_account(KEY).without_call_list();
    let api = runtime.block_on(ScriptedApi::start(world)).unwrap();
    run_until_ended(&api.base_url());
    true
}
