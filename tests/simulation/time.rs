//! A moment: in the world, and as the machine's clock has it.

/// Before everything, with room to reckon from it.
pub const NEVER: i64 = i64::MIN / 4;

/// A moment. The world's time never jumps; the wall clock is what somebody set it to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct At {
    /// Milliseconds since 1970.
    pub world_ms: i64,
    /// What the machine's clock says beyond that.
    pub skew_ms: i64,
}

impl At {
    pub fn wall_ms(self) -> i64 {
        self.world_ms + self.skew_ms
    }

    /// The world's second.
    pub fn world(self) -> i64 {
        self.world_ms.div_euclid(1000)
    }

    /// The second that the machine's clock shows.
    pub fn wall(self) -> i64 {
        self.wall_ms().div_euclid(1000)
    }
}
