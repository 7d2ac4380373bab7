//! The speed of the demo.

/// The speed of the demo.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// Slow enough to follow.
    Watched,
    /// As fast as possible.
    Unwatched,
}
