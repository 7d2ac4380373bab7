//! Moments, in the world's time and on the machine's clock.

/// A time before all others, far enough from the minimum for arithmetic.
pub const NEVER: i64 = i64::MIN / 4;

/// A moment. The world's time never jumps; the wall clock does when it is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct At {
    /// Milliseconds since 1970.
    pub world_ms: i64,
    /// How far the machine's wall clock is ahead of that.
    pub skew_ms: i64,
}

impl At {
    pub fn wall_ms(self) -> i64 {
        self.world_ms + self.skew_ms
    }

    /// Returns the world's time in seconds.
    pub fn world(self) -> i64 {
        self.world_ms.div_euclid(1000)
    }

    /// Returns the time on the machine's wall clock, in seconds.
    pub fn wall(self) -> i64 {
        self.wall_ms().div_euclid(1000)
    }
}
