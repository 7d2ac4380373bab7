//! What the daemon does with what its engine tells: the log, the metrics, and systemd.

use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::daemon::journal::Journal;
use crate::daemon::metrics::Metrics;
use crate::daemon::notify::Notifier;
use crate::runner::{Notice, Observer};

/// Logs, counts and tells systemd. Where the database was replaced, `reload` is raised: the
/// watchlist in the new one may be another.
pub fn observer(notifier: Notifier, metrics: Metrics, reload: watch::Sender<u64>) -> Observer {
    let mut journal = Journal::default();
    Box::new(move |notice| match notice {
        Notice::Event(event) => {
            journal.log(event);
            metrics.count(event);
            notifier.changed();
        }
        Notice::Turned { in_flight, .. } => {
            metrics.turned(in_flight);
            notifier.alive();
        }
        Notice::Took(duration) => metrics.took(duration),
        Notice::StoreFailed { error, is_new } => {
            metrics.store_failed(error);
            if is_new {
                error!("nothing is refreshed until it can be recorded: {error}");
                notifier.status(&format!("nothing is refreshed: {error}"));
                notifier.changed();
            }
            notifier.alive();
        }
        Notice::StoreRecovered(lasted) => {
            info!(seconds = lasted.as_secs(), "the database can be written again");
            notifier.changed();
        }
        Notice::Slept => info!("the machine slept"),
        Notice::Replaced => {
            warn!("the database file was replaced; going on with the new one");
            reload.send_modify(|count| *count += 1);
        }
        Notice::NotCheckpointed(error) => {
            warn!("the write-ahead log could not be checkpointed: {error}");
        }
        Notice::WalHeld(bytes) => warn!(
            megabytes = bytes >> 20,
            "the journal beside the database grows with every refresh, as long as some program \
             goes on reading the state it once began with; end that program, or its transaction"
        ),
    })
}
