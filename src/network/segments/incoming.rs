//! Reassembles the segments from one node.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::{PAUSE, Piece, SEGMENT, SILENCE};
use crate::command::Body;
use crate::command::transport_service::{Offset, SegmentComplete, SegmentRequest, SegmentWait, SessionId, TransportService};
use crate::domain::time::{Deadline, Instant};

/// Number of requests without progress after which the datagram is dropped. Four of them, 800 ms apart, last longer
/// than the sender, which gives up two seconds after its last segment.
const REQUESTS: u8 = 5;
/// A sender repeats its last segment within two seconds; a later segment belongs to another datagram with the same
/// session.
const REPEATS: Duration = Duration::from_secs(3);
/// Number of completed datagrams for which late copies are recognised.
const REMEMBERED: usize = 4;

/// The datagram being received from one node, if any: at most 1280 bytes per node.
#[derive(Default, Debug)]
pub(in crate::network) struct Incoming {
    current: Option<Datagram>,
    /// Completed datagrams, the latest last.
    done: VecDeque<Done>,
}

/// Result of a segment.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(in crate::network) struct Heard {
    /// To be sent to the node at once, under the security class of the segment.
    pub reply: Option<TransportService>,
    /// The complete datagram: a command with its encapsulation. Returned once.
    pub datagram: Option<Body>,
}

#[derive(Debug)]
struct Datagram {
    session: SessionId,
    bytes: Gaps,
    /// When the last segment arrived.
    heard: Instant,
    /// When to request the lowest missing byte.
    ask_at: Instant,
    /// Requests since the last progress.
    requests: u8,
}

/// The received bytes of a datagram. They may contain codes.
struct Gaps(Vec<Option<u8>>);

#[derive(Debug)]
struct Done {
    session: SessionId,
    size: usize,
    /// Its last bytes, as many as a segment has: tells a repeated last segment from the last segment of another
    /// datagram.
    tail: Body,
    until: Instant,
}

impl Incoming {
    /// Processes a segment, in any order, possibly repeated. Other commands of the class are for [`super::Outgoing`]
    /// and are ignored here.
    pub(in crate::network) fn hear(&mut self, said: &TransportService, now: Instant) -> Heard {
        let Some(piece) = Piece::of(said) else { return Heard::default() };
        match self.done.iter().find(|done| done.is_of(&piece) && now < done.until) {
            Some(_) if !piece.is_last() => return Heard::default(),
            Some(done) if done.ends_like(&piece) => return Heard { reply: Some(complete(piece.session)), datagram: None },
            // Another datagram with the same session: the node started over.
            Some(_) => self.done.retain(|done| !done.is_of(&piece)),
            None => {}
        }
        if let Some(current) = &self.current
            && current.session != piece.session
            && now < current.heard + SILENCE
        {
            // Only a first segment is answered by Segment Wait: late segments of an old datagram need no answer.
            let reply = (piece.offset == 0).then(|| current.wait(now));
            return Heard { reply, datagram: None };
        }
        let mut current = self
            .current
            .take()
            .filter(|current| current.session == piece.session && current.bytes.agree(&piece))
            .unwrap_or_else(|| Datagram::new(&piece, now));
        if current.bytes.fill(&piece) {
            current.requests = 0;
        }
        (current.heard, current.ask_at) = (now, now + SILENCE);
        let Some(bytes) = current.bytes.whole() else {
            let reply = if piece.is_last() { current.ask(now) } else { None };
            self.current = Some(current);
            return Heard { reply, datagram: None };
        };
        self.done.retain(|done| now < done.until && !done.is_of(&piece));
        if self.done.len() == REMEMBERED {
            self.done.pop_front();
        }
        self.done.push_back(Done::new(piece.session, &bytes, now));
        Heard { reply: Some(complete(piece.session)), datagram: Some(Body(bytes)) }
    }

    /// Time passed: a segment may have to be requested. A datagram that is given up is not mentioned to its sender,
    /// which gave up before.
    pub(in crate::network) fn handle_timeout(&mut self, now: Instant) -> Option<TransportService> {
        let current = self.current.as_mut().filter(|current| current.ask_at <= now)?;
        let request = current.ask(now);
        if request.is_none() {
            self.current = None;
        }
        request
    }

    /// When to call [`Incoming::handle_timeout`].
    pub(in crate::network) fn deadline(&self) -> Option<Deadline> {
        self.current.as_ref().map(|current| Deadline { at: current.ask_at, why: "a segment is missing" })
    }
}

impl Datagram {
    fn new(piece: &Piece<'_>, now: Instant) -> Self {
        let bytes = Gaps(vec![None; piece.size]);
        Self { session: piece.session, bytes, heard: now, ask_at: now + SILENCE, requests: 0 }
    }

    /// The request for the lowest missing byte; `None` after too many requests.
    fn ask(&mut self, now: Instant) -> Option<TransportService> {
        self.ask_at = now + SILENCE;
        if self.requests == REQUESTS {
            return None;
        }
        self.requests += 1;
        let datagram_offset = self.bytes.lowest().and_then(Offset::new)?;
        Some(TransportService::SegmentRequest(SegmentRequest { session_id: self.session, datagram_offset }))
    }

    /// Segment Wait: tells the sender of another datagram to start again when this one is complete or given up.
    fn wait(&self, now: Instant) -> TransportService {
        let missing = self.bytes.missing().div_ceil(SEGMENT);
        let given_up = (self.heard + SILENCE).since(now).as_millis().div_ceil(PAUSE.as_millis());
        let pending = missing.max(usize::try_from(given_up).unwrap_or_default());
        TransportService::SegmentWait(SegmentWait { pending_segments: u8::try_from(pending).unwrap_or(u8::MAX) })
    }
}

impl Gaps {
    fn range_of(&self, piece: &Piece<'_>) -> &[Option<u8>] {
        self.0.get(piece.offset..piece.end()).unwrap_or_default()
    }

    /// Whether `piece` can belong to this datagram: same size, and no contradicting bytes.
    fn agree(&self, piece: &Piece<'_>) -> bool {
        let differs = |(known, byte): (&Option<u8>, &u8)| known.is_some_and(|known| known != *byte);
        self.0.len() == piece.size && !self.range_of(piece).iter().zip(piece.bytes).any(differs)
    }

    /// Stores `piece`. Returns whether it contained new bytes.
    fn fill(&mut self, piece: &Piece<'_>) -> bool {
        let is_new = self.range_of(piece).iter().any(Option::is_none);
        for (known, byte) in self.0.iter_mut().skip(piece.offset).zip(piece.bytes) {
            *known = Some(*byte);
        }
        is_new
    }

    fn lowest(&self) -> Option<usize> {
        self.0.iter().position(Option::is_none)
    }

    fn missing(&self) -> usize {
        self.0.iter().filter(|byte| byte.is_none()).count()
    }

    /// The datagram, if it is complete.
    fn whole(&self) -> Option<Vec<u8>> {
        self.0.iter().copied().collect()
    }
}

impl fmt::Debug for Gaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes missing", self.missing(), self.0.len())
    }
}

impl Done {
    fn new(session: SessionId, bytes: &[u8], now: Instant) -> Self {
        let tail = bytes.get(bytes.len().saturating_sub(SEGMENT)..).unwrap_or_default();
        Self { session, size: bytes.len(), tail: Body(tail.to_vec()), until: now + REPEATS }
    }

    fn is_of(&self, piece: &Piece<'_>) -> bool {
        self.session == piece.session && self.size == piece.size
    }

    fn ends_like(&self, last: &Piece<'_>) -> bool {
        self.tail.0.iter().rev().zip(last.bytes.iter().rev()).all(|(ours, theirs)| ours == theirs)
    }
}

fn complete(session_id: SessionId) -> TransportService {
    TransportService::SegmentComplete(SegmentComplete { session_id })
}
