//! The scripted API on its own runtime, so that tests need not be async.

use std::ops::Deref;

use growthd::simulated_api::Account;
use tokio::runtime::{Builder, Runtime};

use super::{KEY, PATIENCE};
use crate::scripted_api::{ScriptedApi, World};

/// A vendor that knows every account, and `clx123abc` as documented.
pub struct Vendor {
    // Dropped before the runtime, which the last handle needs to stop.
    api: ScriptedApi,
    runtime: Runtime,
}

impl Vendor {
    pub fn start() -> Vendor {
        Vendor::of(World::with_any_account(KEY).and("clx123abc", Account::documented()))
    }

    pub fn of(world: World) -> Vendor {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let api = runtime.block_on(ScriptedApi::start(world)).expect("a free port");
        Vendor { api, runtime }
    }

    /// Waits until `count` calls have arrived.
    pub fn wait_for_calls(&self, count: usize) {
        let arrived = self.runtime.block_on(async {
            tokio::time::timeout(PATIENCE, self.api.wait_for_calls(count)).await
        });
        assert!(arrived.is_ok(), "{count} calls, of which {} arrived", self.api.call_count());
    }

    /// Returns an address at which nothing listens any more.
    pub fn gone(self) -> String {
        self.runtime.block_on(self.api.stop());
        self.api.base_url()
    }
}

impl Deref for Vendor {
    type Target = ScriptedApi;

    fn deref(&self) -> &ScriptedApi {
        &self.api
    }
}
