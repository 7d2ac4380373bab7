//! Makes the calls that the engine has claimed, each as a task of its own.

use std::sync::mpsc::Sender;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::api::{Answer, BodyPermit, ClassifiedResponse, Client, classify};
use crate::clock::{self, Time};
use crate::daemon::{Input, Metrics};
use crate::engine::CompletedCall;
use crate::store::{CallTarget, Claim};

/// Makes every call that `claims` yields, until it is closed. Each answer goes to `inbox`; no
/// call is given up or cut short by a shutdown.
///
/// `client` is asked for at each call, so that a reload can replace it.
pub async fn make_calls(
    mut claims: UnboundedReceiver<Vec<Claim>>,
    client: impl Fn() -> Client,
    inbox: Sender<Input>,
    metrics: Metrics,
) {
    while let Some(claims) = claims.recv().await {
        for claim in claims {
            let call = Call { claim: Some(claim), inbox: inbox.clone() };
            tokio::spawn(call.make(client(), metrics.clone()));
        }
    }
}

/// A call on its way. Whatever becomes of it, its claim goes back: a panic drops it.
struct Call {
    claim: Option<Claim>,
    inbox: Sender<Input>,
}

impl Call {
    async fn make(self, client: Client, metrics: Metrics) {
        let Some(claim) = &self.claim else { return };
        let start = clock::monotonic();
        let answer = match claim.target() {
            CallTarget::Account(_, id) => client.refresh(id).await,
            CallTarget::Lookup(lookup) => client.analyze(&lookup.handle).await,
        };
        metrics.took(clock::monotonic().duration_since(start));
        let arrived = clock::now().time();
        let heard = classify(&answer, claim.account_id(), arrived);
        self.settle(heard, arrived, answer.into_body_permit());
    }

    fn settle(mut self, response: ClassifiedResponse, arrived: Time, permit: BodyPermit) {
        if let Some(claim) = self.claim.take() {
            self.send(CompletedCall { claim, response, arrived, permit });
        }
    }

    fn send(&self, returned: CompletedCall) {
        // The worker outlives every call it has claimed; without it there is no ledger to settle
        // in, and the next start marks the line unknown.
        self.inbox.send(Input::Returned(returned)).ok();
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(claim) = self.claim.take() {
            let answer = Answer::Unknown("the call ended early".to_owned());
            self.send(CompletedCall::new(claim, answer, clock::now().time()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

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
        let store = Store::open(&config.database.path, Creation::Allowed).expect("a store");
        let mut engine = Engine::new(store, EngineConfig::of(&config), ClaimMode::Due);
        engine.watch(&config.accounts, EngineConfig::of(&config), NEW_YEAR_2026).expect("a list");
        let claim = engine.turn(NEW_YEAR_2026).expect("a turn").claims.pop();

        let (inbox, received) = channel();
        let call = Call { claim, inbox };
        let ended = tokio::spawn(async move {
            let _call = call;
            panic!("as below a call");
        });
        assert!(ended.await.is_err());
        let Ok(Input::Returned(returned)) = received.recv_timeout(Duration::from_secs(5)) else {
            panic!("nothing came back")
        };
        assert!(returned.response.spent && returned.response.status.is_none());
        engine.take(returned);
        engine.turn(NEW_YEAR_2026).expect("a turn");
        assert_eq!(engine.in_flight(), 0);
    }
}
