//! The daemon's observer of its engine: log, metrics and systemd notifications.

use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::daemon::event_log::EventLog;
use crate::daemon::metrics::Metrics;
use crate::daemon::notify::Notifier;
use crate::runner::{Notice, Observer};

/// Logs and counts notices, and notifies systemd. Requests a reload if the database was replaced,
/// because the new one may have another watchlist.
pub fn observer(notifier: Notifier, metrics: Metrics, reload: watch::Sender<u64>) -> Observer {
    let mut event_log = EventLog::default();
    Box::new(move |notice| match notice {
        Notice::Event(event) => {
            event_log.log(event);
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
        Notice::NotInWatchlist(ids) => EventLog::not_in_watchlist(ids),
        Notice::Slept => info!("the machine was suspended"),
        Notice::Replaced => {
            warn!("the database file was replaced; continuing with the new one");
            reload.send_modify(|count| *count += 1);
        }
        Notice::NotCheckpointed(error) => {
            warn!("the write-ahead log could not be checkpointed: {error}");
        }
        Notice::WalHeld(bytes) => warn!(
            megabytes = bytes >> 20,
            "the write-ahead log grows with every refresh, because some program keeps a read \
             transaction open; end that program or its transaction"
        ),
    })
}
