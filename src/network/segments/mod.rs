//! Datagrams longer than a frame, cut into segments and put together again: Transport Service as two pure machines.
//! Bytes and time go in, segments and answers come out. [`Incoming`] is one a node, [`Outgoing`] one a datagram.
//!
//! The rules (docs/protocol/command-classes.md 0x55; those marked *ours* are not in it):
//!
//! - A datagram has at most 1280 bytes, a segment at most 39 of them. Every segment tells session and size, the later
//!   ones their place too, so that they may come in any order, also before the first (*ours*).
//! - The receiver asks for the lowest byte that is missing: 800 ms after the last segment it heard, and at once when the
//!   end of the datagram came and there are gaps. It forgets a datagram that five requests did not bring forward (*ours*).
//! - The sender goes on from the byte it was asked for, to the end.
//! - The whole datagram is confirmed by Segment Complete, and again when its last segment is repeated. The sender waits
//!   1000 ms for it, repeats the last segment once, waits again, and gives up.
//! - A receiver in the midst of another datagram of this node says Segment Wait, until the other one was silent for
//!   800 ms: then its sender is taken to have given up, and the new one is begun (*ours*). The sender pauses 100 ms for
//!   each pending segment and starts over.
//! - Between segments there are 35 ms, where there are more than two: others want the air, too.
//!
//! These are the times for links of 40 kbps and less. Faster ones allow for half of them, in one implementation; nothing
//! breaks if they are waited out.
//!
//! Not for frames that came by multicast: nobody answers those.

mod incoming;
mod outgoing;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::command::transport_service::{SessionId, TransportService};

pub(super) use incoming::Incoming;
pub(super) use outgoing::{Ended, Failure, Outgoing, SendStep};

/// The longest datagram.
pub(super) const LONGEST: usize = 1280;
/// The most bytes of a datagram in one segment.
pub(super) const SEGMENT: usize = 39;
/// A receiver that hears no segment for so long asks for it.
const SILENCE: Duration = Duration::from_millis(800);
/// How long the sender is to pause for each segment that a busy receiver still waits for.
const PAUSE: Duration = Duration::from_millis(100);

/// A segment of either kind.
struct Piece<'a> {
    session: SessionId,
    size: usize,
    offset: usize,
    bytes: &'a [u8],
}

impl<'a> Piece<'a> {
    /// `None` for what is no segment, and for one that can't be: without bytes, outside its datagram, or of a datagram
    /// that is too long.
    fn of(said: &'a TransportService) -> Option<Self> {
        let piece = match said {
            TransportService::FirstSegment(it) => {
                Self { session: it.session_id, size: it.datagram_size.bytes(), offset: 0, bytes: &it.partial_datagram.0 }
            }
            TransportService::SubsequentSegment(it) => Self {
                session: it.session_id,
                size: it.datagram_size.bytes(),
                offset: it.datagram_offset.bytes(),
                bytes: &it.partial_datagram.0,
            },
            TransportService::SegmentRequest(_) | TransportService::SegmentComplete(_) | TransportService::SegmentWait(_) => {
                return None;
            }
        };
        let fits = !piece.bytes.is_empty() && piece.end() <= piece.size && piece.size <= LONGEST;
        fits.then_some(piece)
    }

    fn end(&self) -> usize {
        self.offset + self.bytes.len()
    }

    /// Whether it is the last segment.
    fn is_last(&self) -> bool {
        self.end() == self.size
    }
}
