//! The number of a frame.

use serde::Serialize;

/// Numbers the frames from one node to another, whatever they say: a retransmission keeps its number (B8).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct SequenceNumber(pub u8);

impl SequenceNumber {
    /// The number of the next frame.
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}
