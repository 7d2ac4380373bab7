//! The limit on open files and sockets, and how many of them the process needs.

use std::io;
use std::os::unix::net::UnixStream;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::debug;

/// Descriptors for everything but calls and connections: the database with its journal twice, the
/// lock, the log, signals, the control socket and its clients, a reload, a name lookup.
const OWN: u64 = 96;

/// A call's connection, and the previous one while it is still closing.
const PER_CALL: u64 = 2;

/// The limit on open files is too low for the configured number of calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "max_in_flight = {max_in_flight} needs about {needed} open files, and the system allows {allowed}: lower it, or raise the limit (LimitNOFILE= in the unit, `ulimit -n` in a shell)"
)]
pub struct TooFewDescriptors {
    max_in_flight: u32,
    needed: u64,
    allowed: u64,
}

/// Checks that tokio can open the descriptors that its runtime needs: without one for its signals,
/// it panics.
pub fn check_runtime() -> io::Result<()> {
    const PAIRS: usize = 5;
    (0..PAIRS).map(|_| UnixStream::pair()).collect::<io::Result<Vec<_>>>().map(drop)
}

/// Raises the soft limit on open files to the hard limit. The usual soft limit exists only for
/// programs that use `select`.
pub fn raise_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        debug!("cannot raise the limit on open files: {error}");
    }
}

/// Checks that the hard limit allows `max_in_flight` calls and `connections` to growthd at once.
pub fn check(max_in_flight: u32, connections: u32) -> Result<(), TooFewDescriptors> {
    match getrlimit(Resource::Nofile).maximum {
        Some(allowed) => check_against(allowed, max_in_flight, connections),
        None => Ok(()),
    }
}

fn check_against(
    allowed: u64,
    max_in_flight: u32,
    connections: u32,
) -> Result<(), TooFewDescriptors> {
    let needed = u64::from(max_in_flight) * PER_CALL + u64::from(connections) + OWN;
    match needed <= allowed {
        true => Ok(()),
        false => Err(TooFewDescriptors { max_in_flight, needed, allowed }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_calls_for_the_limit_are_refused() {
        assert_eq!(check_against(1024, 4, 32), Ok(()));
        assert_eq!(check_against(1024, 448, 32), Ok(()));
        let error = check_against(1024, 449, 32).expect_err("too many").to_string();
        assert!(error.starts_with("max_in_flight = 449 needs about 1026 open files"), "{error}");
    }
}
