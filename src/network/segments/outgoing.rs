//! Cuts a datagram into segments, and sees it through.

use std::time::Duration;

use super::{LONGEST, PAUSE, SEGMENT};
use crate::command::Body;
use crate::command::transport_service::{FirstSegment, Offset, SessionId, SubsequentSegment, TransportService};
use crate::domain::time::{Deadline, Instant};

/// Between segments, where there are more than two.
const GAP: Duration = Duration::from_millis(35);
/// How long the receiver has to confirm the datagram.
const COMPLETE: Duration = Duration::from_secs(1);
/// So many requests that ask for nothing further on, and the receiver is taken for deaf.
const REQUESTS: u8 = 5;
/// So many times the sender starts over because the receiver is busy.
const STARTS: u8 = 5;

/// One datagram on its way to one node.
#[derive(Debug)]
pub(in crate::network) struct Outgoing {
    payload: Body,
    session: SessionId,
    /// Where the next segment begins; at the end: the confirmation is waited for.
    next: usize,
    /// Where the last segment began when it was sent; none before.
    last: Option<usize>,
    /// It was repeated already.
    repeated: bool,
    /// A segment was handed out and has not gone yet.
    on_air: bool,
    /// Nothing is sent, and no wait ends, before this.
    not_before: Instant,
    /// The air belongs to others until then.
    gap_until: Instant,
    /// The highest place that was asked for, and how many requests did not go further.
    asked: usize,
    requests: u8,
    waits: u8,
    ended: Option<Ended>,
}

/// What to do for a datagram.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::network) enum SendStep {
    /// Send this, and call [`Outgoing::sent`] when it went.
    Send(TransportService),
    /// It is over. Told until the machine is dropped.
    Ended(Ended),
}

/// What became of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::network) enum Ended {
    /// The node has it.
    Complete,
    /// The node may have it or not; nobody knows.
    Failed(Failure),
}

/// Why nobody knows whether a datagram arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::network) enum Failure {
    /// The node never confirmed it.
    Unanswered,
    /// The node asks for the same segment again and again.
    NotHeard,
    /// The node is busy with another datagram, again and again.
    Busy,
}

impl Outgoing {
    /// The way of `payload`, which may go at once. `None`: without bytes, or longer than a datagram can be.
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

    /// What to do now. Nothing while a segment is on the air, and nothing before the deadline.
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

    /// The segment that was handed out went, or the controller gave it up: the node asks for what it misses.
    pub(in crate::network) fn sent(&mut self, now: Instant) {
        self.on_air = false;
        let all = self.next >= self.payload.0.len();
        self.gap_until = if self.payload.0.len() > 2 * SEGMENT { now + GAP } else { now };
        self.not_before = if all { now + COMPLETE } else { self.not_before.max(self.gap_until) };
    }

    /// What the node says of this datagram. Segments are for [`super::Incoming`] and change nothing here.
    pub(in crate::network) fn hear(&mut self, said: &TransportService, now: Instant) {
        if self.ended.is_some() {
            return;
        }
        match said {
            // Before the end was sent, this is about an earlier datagram of the same session.
            TransportService::SegmentComplete(complete) if complete.session_id == self.session && self.last.is_some() => {
                self.end(Ended::Complete);
            }
            TransportService::SegmentRequest(request)
                if request.session_id == self.session && request.datagram_offset.bytes() < self.payload.0.len() =>
            {
                self.requested(request.datagram_offset.bytes(), now);
            }
            // It names no session: whatever is under way starts over.
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

    /// When to call [`Outgoing::poll`]; none while a segment is on the air, or when it is over.
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

    /// The segment at `next`, which is on the air from now on.
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
