//! How fast the year passes.

/// How fast the year passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// So that a person can follow it.
    Watched,
    /// As fast as the machine can.
    Unwatched,
}
