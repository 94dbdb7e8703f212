//! Puts the segments of one node together.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::{PAUSE, Piece, SEGMENT, SILENCE};
use crate::command::Body;
use crate::command::transport_service::{Offset, SegmentComplete, SegmentRequest, SegmentWait, SessionId, TransportService};
use crate::domain::time::{Deadline, Instant};

/// So many requests without a new byte, and the datagram is forgotten. Four of them, 800 ms apart, outlast the sender,
/// who gives up two seconds after its last segment.
const REQUESTS: u8 = 5;
/// A sender repeats its last segment within two seconds; later it is another datagram with the same session.
const REPEATS: Duration = Duration::from_secs(3);
/// Late copies are recognised of so many datagrams.
const REMEMBERED: usize = 4;

/// The datagram that one node is sending, if any: at most 1280 bytes are kept for a node.
#[derive(Default, Debug)]
pub(in crate::network) struct Incoming {
    current: Option<Datagram>,
    /// What was told, the latest last.
    done: VecDeque<Done>,
}

/// What a segment led to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(in crate::network) struct Heard {
    /// To be sent to the node, at once and in the security class of the segment: none.
    pub reply: Option<TransportService>,
    /// The datagram, whole: a command with its encapsulation. Each is told once.
    pub datagram: Option<Body>,
}

/// A datagram of which bytes are missing.
#[derive(Debug)]
struct Datagram {
    session: SessionId,
    bytes: Gaps,
    /// When the last segment came.
    heard: Instant,
    /// When to ask for the lowest byte that is missing.
    ask_at: Instant,
    /// Requests since the last new byte.
    requests: u8,
}

/// What is known of a datagram. It may hold codes.
struct Gaps(Vec<Option<u8>>);

/// A datagram that was told.
#[derive(Debug)]
struct Done {
    session: SessionId,
    size: usize,
    /// Its end, of the length of a segment: tells a repeated last segment from that of another datagram.
    tail: Body,
    until: Instant,
}

impl Incoming {
    /// A segment of the node, in any order, perhaps a repeated one. Other commands of the class are for [`super::Outgoing`]
    /// and change nothing here.
    pub(in crate::network) fn hear(&mut self, said: &TransportService, now: Instant) -> Heard {
        let Some(piece) = Piece::of(said) else { return Heard::default() };
        match self.done.iter().find(|done| done.is_of(&piece) && now < done.until) {
            Some(_) if !piece.is_last() => return Heard::default(),
            Some(done) if done.ends_like(&piece) => return Heard { reply: Some(complete(piece.session)), datagram: None },
            // Another datagram under the same session: the node started anew.
            Some(_) => self.done.retain(|done| !done.is_of(&piece)),
            None => {}
        }
        if let Some(current) = &self.current
            && current.session != piece.session
            && now < current.heard + SILENCE
        {
            // Late segments of a datagram long gone are no reason to interrupt anybody: the first one is.
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

    /// Time passed: perhaps the node must be asked for a segment. Nothing is said of a datagram that is given up, since
    /// its sender is gone.
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

    /// The request for the lowest byte that is missing; `None` once it was made too often.
    fn ask(&mut self, now: Instant) -> Option<TransportService> {
        self.ask_at = now + SILENCE;
        if self.requests == REQUESTS {
            return None;
        }
        self.requests += 1;
        let datagram_offset = self.bytes.lowest().and_then(Offset::new)?;
        Some(TransportService::SegmentRequest(SegmentRequest { session_id: self.session, datagram_offset }))
    }

    /// Tells the sender of another datagram to come back when this one is whole, or given up.
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

    /// Whether `piece` can be of this datagram: of its size, and nowhere different from what is known.
    fn agree(&self, piece: &Piece<'_>) -> bool {
        let differs = |(known, byte): (&Option<u8>, &u8)| known.is_some_and(|known| known != *byte);
        self.0.len() == piece.size && !self.range_of(piece).iter().zip(piece.bytes).any(differs)
    }

    /// Puts `piece` in its place; whether it brought anything new.
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

    /// The datagram, if no byte is missing.
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
