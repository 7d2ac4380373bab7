//! A value as it was typed, with its place.

use super::schema::Key;

/// A value and where it stands.
#[derive(Clone, Copy)]
pub(super) struct At<T> {
    pub value: T,
    /// Its first byte in the text.
    pub at: usize,
    pub key: &'static Key,
}
