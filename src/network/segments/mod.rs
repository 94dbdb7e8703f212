//! Transport Service: segmentation and reassembly of datagrams longer than a frame, as two pure state machines.
//! [`Incoming`] exists once per node, [`Outgoing`] once per datagram.
//!
//! The rules (docs/protocol/command-classes.md 0x55; those marked *own* are not in it):
//!
//! - A datagram has at most 1280 bytes, a segment at most 39 of them. Every segment carries session and size, later
//!   ones their offset, so they may arrive in any order, also before the first (*own*).
//! - The receiver requests the lowest missing byte: 800 ms after the last segment, and at once when the last segment
//!   arrived and there are gaps. It drops a datagram after five requests without progress (*own*).
//! - The sender continues from the requested byte to the end.
//! - The complete datagram is confirmed by Segment Complete, again if its last segment is repeated. The sender waits
//!   1000 ms for it, repeats the last segment once, waits again, and gives up.
//! - A receiver that is receiving another datagram of this node answers Segment Wait, until the other one was silent
//!   for 800 ms: its sender has given up, and the new datagram is accepted (*own*). The sender pauses 100 ms per
//!   pending segment and starts over.
//! - There are 35 ms between segments if there are more than two, so that others can use the channel.
//!
//! These times are for links of up to 40 kbit/s. One implementation halves them for faster links; the longer times work
//! for all.
//!
//! Segments received by multicast are not handled, because nobody answers them.

mod incoming;
mod outgoing;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::command::transport_service::{SessionId, TransportService};

pub(super) use incoming::Incoming;
pub(super) use outgoing::{Ended, Failure, Outgoing, SendStep};

pub(super) const LONGEST: usize = 1280;
/// Maximum payload of a segment in bytes.
pub(super) const SEGMENT: usize = 39;
/// Time without a segment after which the receiver requests one.
const SILENCE: Duration = Duration::from_millis(800);
/// Pause of the sender for each segment that a busy receiver still expects.
const PAUSE: Duration = Duration::from_millis(100);

/// A segment, first or later.
struct Piece<'a> {
    session: SessionId,
    size: usize,
    offset: usize,
    bytes: &'a [u8],
}

impl<'a> Piece<'a> {
    /// `None` for other commands, and for impossible segments: without bytes, outside the datagram, or of a datagram
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
