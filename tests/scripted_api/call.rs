//! The calls that the scripted API has received.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use growthd::clock::Now;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::answering::Answering;
use super::lock;

/// The `x-api-key` of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeySeen {
    /// There was none.
    Missing,
    /// It was wrong.
    Wrong,
    /// It was right.
    Right,
}

/// One request, recorded when its head arrived and before any response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// The id in the path of a refresh, whether or not it exists; for an analyze, once the username
    /// was found.
    pub account_id: Option<String>,
    /// The path, without the query.
    pub path: String,
    /// Only whether the key was right: keys are not kept.
    pub key: KeySeen,
    /// When the head had arrived.
    pub received: Now,
    /// The status of the response; `None` before that, and always if the call hangs or is cut.
    pub status_sent: Option<u16>,
    /// Whether the call was charged.
    pub charged: bool,
}

impl Call {
    /// Returns whether the call had any key.
    pub fn has_key(&self) -> bool {
        self.key != KeySeen::Missing
    }
}

/// The counters of all calls, and the list of them if it is enabled.
pub struct Log {
    list: Option<Mutex<Vec<Call>>>,
    count: AtomicUsize,
    charged: AtomicUsize,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
    arrived: Notify,
}

impl Log {
    pub fn new(lists_calls: bool) -> Log {
        Log {
            list: lists_calls.then(Mutex::default),
            count: AtomicUsize::new(0),
            charged: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            arrived: Notify::new(),
        }
    }

    pub fn calls(&self) -> Vec<Call> {
        self.list.as_ref().map(|list| lock(list).clone()).unwrap_or_default()
    }

    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    pub fn charged(&self) -> usize {
        self.charged.load(Ordering::SeqCst)
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    pub fn most_in_flight(&self) -> usize {
        self.most_in_flight.load(Ordering::SeqCst)
    }

    /// Notified when the next call arrives.
    pub fn arrival(&self) -> Notified<'_> {
        self.arrived.notified()
    }
}

/// A call in flight, until this is dropped with the response's body or the connection.
pub struct Ticket {
    answering: Arc<Answering>,
    /// Its index in the list, if that is enabled.
    place: Option<usize>,
}

impl Ticket {
    /// Records a call.
    pub fn take(answering: &Arc<Answering>, path: &str, key: KeySeen, id: Option<&str>) -> Ticket {
        let log = &answering.log;
        let in_flight = log.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        log.most_in_flight.fetch_max(in_flight, Ordering::SeqCst);
        let place = log.list.as_ref().map(|list| {
            let call = Call {
                account_id: id.map(str::to_owned),
                path: path.to_owned(),
                key,
                received: answering.now(),
                status_sent: None,
                charged: false,
            };
            let mut list = lock(list);
            list.push(call);
            list.len() - 1
        });
        // Whoever waits for the count finds the call in the list.
        log.count.fetch_add(1, Ordering::SeqCst);
        log.arrived.notify_waiters();
        Ticket { answering: Arc::clone(answering), place }
    }

    pub fn is_for(&self, id: &str) {
        self.note(|call| call.account_id = Some(id.to_owned()));
    }

    pub fn charge(&self) {
        self.answering.log.charged.fetch_add(1, Ordering::SeqCst);
        self.note(|call| call.charged = true);
    }

    pub fn answered(&self, status: u16) {
        self.note(|call| call.status_sent = Some(status));
    }

    fn note(&self, change: impl FnOnce(&mut Call)) {
        if let (Some(list), Some(place)) = (&self.answering.log.list, self.place)
            && let Some(call) = lock(list).get_mut(place)
        {
            change(call);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.answering.log.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}
