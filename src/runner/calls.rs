//! Making the paid calls. Each needs a [`Claim`]. Its response is classified on the runtime and
//! settled by the engine, which is the only writer.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::api::{CallResult, Client, classify};
use crate::clock::{self, Clock};
use crate::engine::CompletedCall;
use crate::runner::handle::{Handle, Input};
use crate::store::Claim;

/// The claims of one turn, with the client in use when they were claimed.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) client: Client,
    pub(super) claims: Vec<Claim>,
}

/// Makes a call for each claim that `claimed` yields, until it is closed. A shutdown does not
/// interrupt calls.
pub(super) async fn make_calls(
    mut claimed: UnboundedReceiver<Claims>,
    handle: Handle,
    clock: Clock,
) {
    while let Some(Claims { client, claims }) = claimed.recv().await {
        for claim in claims {
            let (handle, clock) = (handle.clone(), clock.clone());
            let call = Call { claim: Some(claim), handle, clock };
            tokio::spawn(call.make(client.clone()));
        }
    }
}

/// A call in flight. Its claim always returns to the engine: if the call panics, dropping it sends
/// the claim back.
struct Call {
    claim: Option<Claim>,
    handle: Handle,
    clock: Clock,
}

impl Call {
    async fn make(mut self, client: Client) {
        let Some(claim) = &self.claim else { return };
        let start = clock::monotonic();
        let result = client.call(claim).await;
        let took = clock::monotonic().duration_since(start);
        let arrived = self.clock.now().time();
        let response = classify(&result, claim.account_id(), arrived);
        let permit = result.into_body_permit();
        // Not `CompletedCall::new`: if it panicked, the claim would be lost in it.
        if let Some(claim) = self.claim.take() {
            self.send(CompletedCall { claim, response, arrived, permit }, took);
        }
    }

    fn send(&self, completed: CompletedCall, took: Duration) {
        // The worker outlives every call that it has claimed. If it has died nevertheless, there is
        // no ledger to settle in, and the next start marks the line as unknown.
        self.handle.send(Input::Completed(Box::new(completed), took));
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(claim) = self.claim.take() {
            let result = CallResult::Unknown("the call ended early".to_owned());
            let completed = CompletedCall::new(claim, result, self.clock.now().time());
            self.send(completed, Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::clock::{Moment, Now};
    use crate::config::Config;
    use crate::engine::{ClaimMode, Engine, EngineConfig};
    use crate::store::{Creation, Store};

    const NEW_YEAR_2026: Moment = Moment { wall: Now(1_767_225_600_000), machine: 0 };

    #[tokio::test]
    async fn a_call_that_ends_early_is_settled() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = b"[[account]]\nid = 'a'";
        let config = Config::parse(&folder.path().join("c.toml"), text, NEW_YEAR_2026.wall.time());
        let config = config.expect("a configuration");
        let store =
            Store::open(&config.settings.database.path, Creation::Allowed).expect("a store");
        let mut engine = Engine::new(store, EngineConfig::of(&config.settings), ClaimMode::Due);
        engine
            .watch(&config.accounts, EngineConfig::of(&config.settings), NEW_YEAR_2026)
            .expect("a list");
        let claim = engine.turn(NEW_YEAR_2026).expect("a turn").claims.pop();

        let (inbox, received) = channel();
        let call = Call { claim, handle: Handle { inbox }, clock: Clock::system() };
        let ended = tokio::spawn(async move {
            let _call = call;
            panic!("as during a call");
        });
        assert!(ended.await.is_err());
        let Ok(Input::Completed(completed, _)) = received.recv_timeout(Duration::from_secs(5))
        else {
            panic!("no completed call")
        };
        assert!(completed.response.spent && completed.response.status.is_none());
        engine.take(*completed);
        engine.turn(NEW_YEAR_2026).expect("a turn");
        assert_eq!(engine.in_flight(), 0);
    }
}
