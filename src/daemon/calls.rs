//! Makes the calls that the engine has claimed, each as a task of its own.

use std::sync::mpsc::Sender;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::api::{Answer, Client};
use crate::clock;
use crate::daemon::{Input, Metrics};
use crate::engine::Return;
use crate::store::{Callee, Claim};

/// Makes every call that `claims` yields, until it is closed. Each answer goes to `inbox`; no
/// call is given up or cut short by a shutdown.
///
/// `client` is asked for at each call, so that a reload can replace it.
pub async fn make_calls(
    mut claims: UnboundedReceiver<Claim>,
    client: impl Fn() -> Client,
    inbox: Sender<Input>,
    metrics: Metrics,
) {
    while let Some(claim) = claims.recv().await {
        let client = client();
        let (inbox, metrics) = (inbox.clone(), metrics.clone());
        tokio::spawn(async move {
            let start = clock::monotonic();
            let callee = claim.callee().clone();
            // A task of its own, so that even a panic below settles the claim.
            let call = tokio::spawn(async move {
                match callee {
                    Callee::Account(_, id) => client.refresh(&id).await,
                    Callee::Newcomer(newcomer) => client.analyze(&newcomer.handle).await,
                }
            });
            let answer = call
                .await
                .unwrap_or_else(|error| Answer::Unknown(format!("the call ended early: {error}")));
            metrics.took(clock::monotonic().duration_since(start));
            let arrived = clock::now().time();
            // The worker outlives every call it has claimed; without it there is no ledger to
            // settle in, and the next start marks the line unknown.
            inbox.send(Input::Returned(Return { claim, answer, arrived })).ok();
        });
    }
}
