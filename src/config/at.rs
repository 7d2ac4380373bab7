//! A value of the configuration with its position.

use super::schema::Key;

/// A value, its position and its key.
#[derive(Clone, Copy)]
pub(super) struct At<T> {
    pub value: T,
    /// The offset of its first byte in the text.
    pub at: usize,
    pub key: &'static Key,
}
