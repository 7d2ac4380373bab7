//! How many files and sockets the process may have open, and how many it needs.

use std::io;
use std::os::unix::net::UnixStream;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::debug;

/// The database with its journal twice over, the lock, the log, signals, the control socket and
/// those who are connected to it, a reload, a name being looked up.
const OWN: u64 = 96;

/// A call's connection, and the one that is still closing before it.
const PER_CALL: u64 = 2;

/// What the process may have open does not carry the calls that are configured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "max_in_flight = {max_in_flight} needs about {needed} open files, and the system allows {allowed}: lower it, or raise the limit (LimitNOFILE= in the unit, `ulimit -n` in a shell)"
)]
pub struct TooFewDescriptors {
    max_in_flight: u32,
    needed: u64,
    allowed: u64,
}

/// Whether tokio's runtime gets what it needs open: it panics where it gets none for its signals.
///
/// # Errors
/// What the system says.
pub fn check_runtime() -> io::Result<()> {
    const PAIRS: usize = 5;
    (0..PAIRS).map(|_| UnixStream::pair()).collect::<io::Result<Vec<_>>>().map(drop)
}

/// Raises what the process may have open to what it may raise it to; the usual soft limit is
/// there for programs that use `select`.
pub fn raise_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        debug!("the limit of open files is not raised: {error}");
    }
}

/// Whether so many calls at a time, beside so many connections to growthd, can all be open, once
/// the limit is raised.
///
/// # Errors
/// They cannot.
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
    fn calls_that_do_not_fit_are_refused_with_what_to_do() {
        assert_eq!(check_against(1024, 4, 32), Ok(()));
        assert_eq!(check_against(1024, 448, 32), Ok(()));
        let told = check_against(1024, 449, 32).expect_err("too many").to_string();
        assert!(told.starts_with("max_in_flight = 449 needs about 1026 open files"), "{told}");
    }
}
