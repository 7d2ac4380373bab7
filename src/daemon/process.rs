//! Metrics of the process itself, with the names that all Prometheus clients use. Read from
//! `/proc`, and omitted if it is missing.

use std::fs;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::clock::Time;

/// Registers the available metrics of this process, which began at `started`.
pub(super) fn register(registry: &mut Registry, started: Time) {
    let registry = registry.sub_registry_with_prefix("process");
    registry.register_with_unit(
        "start_time",
        "When the process started",
        Unit::Seconds,
        gauge(u64::try_from(started.0).unwrap_or(0)),
    );
    if let Some(seconds) = cpu_seconds() {
        let counter = Counter::<f64, AtomicU64>::default();
        counter.inc_by(seconds);
        registry.register_with_unit("cpu", "Total CPU time", Unit::Seconds, counter);
    }
    if let Some((total, resident)) = memory() {
        let help = "Resident memory";
        registry.register_with_unit("resident_memory", help, Unit::Bytes, gauge(resident));
        let help = "Virtual memory";
        registry.register_with_unit("virtual_memory", help, Unit::Bytes, gauge(total));
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        let open = u64::try_from(open.count()).unwrap_or(u64::MAX);
        registry.register("open_fds", "Open file descriptors", gauge(open));
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let help = "Maximum number of open file descriptors";
    registry.register("max_fds", help, gauge(limit.unwrap_or(u64::MAX)));
}

pub(super) fn gauge(value: u64) -> Gauge<i64> {
    let gauge = Gauge::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    gauge
}

#[expect(clippy::cast_precision_loss, reason = "a clock of hundredths, exact for a million years")]
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field, the name, may contain anything, including spaces and parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Returns the virtual and the resident memory, in bytes.
fn memory() -> Option<(u64, u64)> {
    let pages = fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = pages.split_ascii_whitespace();
    let size = u64::try_from(rustix::param::page_size()).ok()?;
    let mut next = || pages.next()?.parse::<u64>().ok()?.checked_mul(size);
    Some((next()?, next()?))
}
