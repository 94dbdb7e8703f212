//! Sends a datagram in segments until it is confirmed.

use std::time::Duration;

use super::{LONGEST, PAUSE, SEGMENT};
use crate::command::Body;
use crate::command::transport_service::{FirstSegment, Offset, SessionId, SubsequentSegment, TransportService};
use crate::domain::time::{Deadline, Instant};

/// Pause between segments if there are more than two.
const GAP: Duration = Duration::from_millis(35);
/// Time for the receiver to confirm the datagram.
const COMPLETE: Duration = Duration::from_secs(1);
/// Number of requests without progress after which the receiver is given up.
const REQUESTS: u8 = 5;
/// How often the sender starts over because the receiver is busy.
const STARTS: u8 = 5;

/// One datagram for one node.
#[derive(Debug)]
pub(in crate::network) struct Outgoing {
    payload: Body,
    session: SessionId,
    /// Offset of the next segment; at the end, the confirmation is awaited.
    next: usize,
    /// Offset of the last segment once it was sent.
    last: Option<usize>,
    /// The last segment was repeated.
    repeated: bool,
    /// A segment was passed to the caller and its transmission has not ended.
    on_air: bool,
    /// Nothing is sent before this, and no wait ends.
    not_before: Instant,
    /// End of the pause between two segments.
    gap_until: Instant,
    /// The highest requested offset, and the number of requests that did not go beyond it.
    asked: usize,
    requests: u8,
    waits: u8,
    ended: Option<Ended>,
}

/// What to do for a datagram.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::network) enum SendStep {
    /// Send this, and call [`Outgoing::sent`] afterwards.
    Send(TransportService),
    /// It ended. Returned by every later call.
    Ended(Ended),
}

/// Result of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::network) enum Ended {
    /// The node confirmed it.
    Complete,
    /// Unknown whether the node received it.
    Failed(Failure),
}

/// Why it is unknown whether a datagram arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::network) enum Failure {
    /// The node did not confirm it.
    Unanswered,
    /// The node requested the same segment too often.
    NotHeard,
    /// The node was busy with another datagram too often.
    Busy,
}

impl Outgoing {
    /// Starts a datagram. `None` if it is empty or too long.
    pub(in crate::network) fn new(payload: Vec<u8>, session: SessionId) -> Option<Self> {
        (1..=LONGEST).contains(&payload.len()).then_some(Self {
            payload: Body(payload),
            session,
            next: 0,
            last: None,
            repeated: false,
            on_air: false,
            not_before: Instant::ZERO,
            gap_until: Instant::ZERO,
            asked: 0,
            requests: 0,
            waits: 0,
            ended: None,
        })
    }

    /// The next action. None while a segment is being transmitted, and none before the deadline.
    pub(in crate::network) fn poll(&mut self, now: Instant) -> Option<SendStep> {
        if let Some(ended) = self.ended {
            return Some(SendStep::Ended(ended));
        }
        if self.on_air || now < self.not_before {
            return None;
        }
        if self.next >= self.payload.0.len() {
            if self.repeated {
                return Some(SendStep::Ended(self.end(Ended::Failed(Failure::Unanswered))));
            }
            self.repeated = true;
            self.next = self.last.unwrap_or_default();
        }
        self.segment().map(SendStep::Send)
    }

    /// The transmission of the segment ended, successfully or not: the node requests what it misses.
    pub(in crate::network) fn sent(&mut self, now: Instant) {
        self.on_air = false;
        let all = self.next >= self.payload.0.len();
        self.gap_until = if self.payload.0.len() > 2 * SEGMENT { now + GAP } else { now };
        self.not_before = if all { now + COMPLETE } else { self.not_before.max(self.gap_until) };
    }

    /// Processes an answer to this datagram. Segments are for [`super::Incoming`] and are ignored here.
    pub(in crate::network) fn hear(&mut self, said: &TransportService, now: Instant) {
        if self.ended.is_some() {
            return;
        }
        match said {
            // Before the last segment was sent, this is about an earlier datagram of the same session.
            TransportService::SegmentComplete(complete) if complete.session_id == self.session && self.last.is_some() => {
                self.end(Ended::Complete);
            }
            TransportService::SegmentRequest(request)
                if request.session_id == self.session && request.datagram_offset.bytes() < self.payload.0.len() =>
            {
                self.requested(request.datagram_offset.bytes(), now);
            }
            // It names no session: the datagram under way starts over.
            TransportService::SegmentWait(wait) => {
                self.waits += 1;
                if self.waits > STARTS {
                    self.end(Ended::Failed(Failure::Busy));
                }
                self.go_on_from(0, now + PAUSE * u32::from(wait.pending_segments));
            }
            _ => {}
        }
    }

    /// When to call [`Outgoing::poll`]; `None` during a transmission or after the end.
    pub(in crate::network) fn deadline(&self) -> Option<Deadline> {
        let why = if self.next < self.payload.0.len() { "the next segment goes" } else { "a datagram is not confirmed" };
        (!self.on_air && self.ended.is_none()).then_some(Deadline { at: self.not_before, why })
    }

    fn requested(&mut self, offset: usize, now: Instant) {
        if offset > self.asked {
            (self.asked, self.requests) = (offset, 0);
        }
        self.requests += 1;
        if self.requests > REQUESTS {
            self.end(Ended::Failed(Failure::NotHeard));
        }
        self.go_on_from(offset, now);
    }

    fn go_on_from(&mut self, offset: usize, at: Instant) {
        self.next = offset;
        self.repeated = false;
        self.not_before = at.max(self.gap_until);
    }

    fn end(&mut self, ended: Ended) -> Ended {
        self.ended = Some(ended);
        ended
    }

    /// The segment at `next`, whose transmission begins now.
    fn segment(&mut self) -> Option<TransportService> {
        let offset = self.next;
        let bytes = self.payload.0.get(offset..)?;
        let bytes = bytes.get(..SEGMENT).unwrap_or(bytes);
        let datagram_size = Offset::new(self.payload.0.len())?;
        let (session_id, partial_datagram) = (self.session, Body(bytes.to_vec()));
        self.next = offset + bytes.len();
        if self.next == self.payload.0.len() {
            self.last = Some(offset);
        }
        self.on_air = true;
        Some(if offset == 0 {
            TransportService::FirstSegment(FirstSegment { datagram_size, session_id, header_extension: None, partial_datagram })
        } else {
            TransportService::SubsequentSegment(SubsequentSegment {
                datagram_size,
                datagram_offset: Offset::new(offset)?,
                session_id,
                header_extension: None,
                partial_datagram,
            })
        })
    }
}
