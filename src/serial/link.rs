//! Acknowledgement and retransmission (docs/protocol/serial-api.md §1): one host frame at a time, control bytes before
//! frames.
//!
//! Pure: bytes and time are inputs, bytes and events are outputs. After each input, drain [`Link::poll_transmit`] and
//! [`Link::poll_event`], then wait until [`Link::poll_deadline`].
//!
//! # Duplicates
//!
//! A controller repeats a data frame if it did not see an ACK for it, and sends no other frame before. So an equal
//! frame is certainly a repeat in two cases only:
//!
//! * it was received before our ACK for the first copy was written: the controller cannot have sent anything new (a
//!   host that was stalled finds several copies in its buffer);
//! * it is a callback within the controller's own ACK time-out, because callback ids are not used again that soon.
//!
//! Any other equal frame is delivered: two equal reports of a lock may be two events, and a Nonce Get repeated after 50
//! ms is a second request. The layers above are idempotent or use sequence numbers.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

use super::frame::{ACK, Decoder, Frame, FrameType, NAK, Received};
use super::function::FunctionId;
use crate::domain::time::{Deadline, Instant};

/// Identifies a frame that was passed to the link, so that its result can be reported.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct SendId(pub u64);

/// Why a frame did not reach the controller. It may have arrived all the same: a lost ACK looks like a lost frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum SendFailure {
    /// No ACK after all retransmissions.
    #[error("the controller does not acknowledge")]
    NoAck,
    /// The controller refused it every time, because it was sending itself (CAN) or received it damaged (NAK).
    #[error("the controller refused the frame every time")]
    Refused,
    /// The port was closed or lost.
    #[error("the port is gone")]
    PortLost,
}

/// An event of the link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LinkEvent {
    /// A data frame arrived and was acknowledged.
    Frame(Frame),
    /// The controller acknowledged a frame.
    Sent(SendId),
    /// A frame was given up.
    Failed(SendId, SendFailure),
    /// The controller does not answer any more: reopen the port, and reset the controller.
    Unresponsive,
}

/// The host's side of the serial line.
#[derive(Debug)]
pub struct Link {
    decoder: Decoder,
    /// Start of an incomplete frame.
    half_frame_since: Option<Instant>,
    queue: VecDeque<(SendId, Frame)>,
    flight: Option<Flight>,
    /// ACKs and NAKs that were not written yet.
    controls: VecDeque<u8>,
    events: VecDeque<LinkEvent>,
    /// The last data frame, and when it was received.
    last: Option<(Frame, Instant)>,
    /// Consecutive transmissions without an answer. Any control byte resets it.
    silences: u8,
}

/// The frame that waits for its ACK.
#[derive(Debug)]
struct Flight {
    id: SendId,
    frame: Frame,
    retransmissions: u8,
    /// A try got no answer: the controller may have received the frame, whatever it answers to later tries.
    may_have_arrived: bool,
    state: FlightState,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum FlightState {
    /// To be written at the next opportunity.
    Ready,
    AwaitAck {
        until: Instant,
    },
    /// No answer, or refused; to be written again later.
    BackOff {
        until: Instant,
        refused: bool,
    },
}

impl Link {
    /// Time-out for an ACK. Controllers take up to 1.5 s.
    pub const ACK_TIMEOUT: Duration = Duration::from_millis(1600);
    /// Time-out for a frame, from its first byte.
    pub const FRAME_TIMEOUT: Duration = Duration::from_millis(1500);
    /// Maximum number of retransmissions of a frame.
    pub const MAX_RETRANSMISSIONS: u8 = 3;
    /// Consecutive transmissions without any answer after which the controller is given up.
    const MAX_SILENCES: u8 = 3;
    /// Time within which a controller may repeat a callback.
    const DUPLICATE_WINDOW: Duration = Duration::from_millis(1600);

    /// A link over a newly opened port. Its first transmission is a NAK, which ends a half-received frame in the
    /// controller.
    pub fn new() -> Self {
        Self {
            decoder: Decoder::new(),
            half_frame_since: None,
            queue: VecDeque::new(),
            flight: None,
            controls: VecDeque::from([NAK]),
            events: VecDeque::new(),
            last: None,
            silences: 0,
        }
    }

    /// Queues a frame. Its result is reported as an event.
    pub fn send(&mut self, id: SendId, frame: Frame) {
        self.queue.push_back((id, frame));
    }

    /// Whether nothing is left to be sent or acknowledged.
    pub fn is_quiet(&self) -> bool {
        self.queue.is_empty() && self.flight.is_none()
    }

    /// The port was lost: every frame without ACK fails.
    pub fn close(&mut self) {
        let flying = self.flight.take().map(|flight| flight.id);
        for id in flying.into_iter().chain(self.queue.drain(..).map(|(id, _)| id)) {
            self.events.push_back(LinkEvent::Failed(id, SendFailure::PortLost));
        }
    }

    /// Processes bytes from the controller.
    pub fn bytes(&mut self, bytes: &[u8], now: Instant) {
        self.handle_timeout(now);
        self.decoder.push(bytes);
        let mut progress = false;
        while let Some(received) = self.decoder.next() {
            progress = true;
            self.received(received, now);
        }
        self.half_frame_since = match self.half_frame_since {
            _ if !self.decoder.is_mid_frame() => None,
            Some(since) if !progress => Some(since),
            _ => Some(now),
        };
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.half_frame_since.is_some_and(|since| now >= since + Self::FRAME_TIMEOUT) {
            // No NAK: the controller repeats the frame by itself.
            self.decoder.reset();
            self.half_frame_since = None;
        }
        match self.flight.as_mut().map(|flight| (flight.state, flight)) {
            Some((FlightState::AwaitAck { until }, _)) if now >= until => {
                self.silences = self.silences.saturating_add(1);
                self.back_off(now, false);
            }
            Some((FlightState::BackOff { until, .. }, flight)) if now >= until => flight.state = FlightState::Ready,
            _ => {}
        }
    }

    /// When to call [`Link::handle_timeout`] next.
    pub fn poll_deadline(&self) -> Option<Deadline> {
        let half_frame = self.half_frame_since.map(|since| Deadline { at: since + Self::FRAME_TIMEOUT, why: "rest of a frame" });
        let flight = match self.flight.as_ref().map(|flight| flight.state) {
            Some(FlightState::AwaitAck { until }) => Some(Deadline { at: until, why: "ACK from the controller" }),
            Some(FlightState::BackOff { until, .. }) => Some(Deadline { at: until, why: "retransmission" }),
            Some(FlightState::Ready) | None => None,
        };
        Deadline::earliest(half_frame, flight)
    }

    /// The next bytes to write, ACKs first. A frame of the host waits while a frame of the controller is being
    /// received, because the controller would answer it with CAN.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Vec<u8>> {
        if !self.controls.is_empty() {
            return Some(self.controls.drain(..).collect());
        }
        if self.half_frame_since.is_some() {
            return None;
        }
        if self.flight.is_none() {
            let (id, frame) = self.queue.pop_front()?;
            self.flight = Some(Flight { id, frame, retransmissions: 0, may_have_arrived: false, state: FlightState::Ready });
        }
        let flight = self.flight.as_mut().filter(|flight| flight.state == FlightState::Ready)?;
        flight.state = FlightState::AwaitAck { until: now + Self::ACK_TIMEOUT };
        Some(flight.frame.encode())
    }

    pub fn poll_event(&mut self) -> Option<LinkEvent> {
        self.events.pop_front()
    }

    fn received(&mut self, received: Received, now: Instant) {
        match received {
            Received::Ack => {
                self.silences = 0;
                // A late ACK counts while the frame waits for its retransmission. After a refusal it cannot be meant
                // for this frame.
                if !self.flight.as_ref().is_some_and(|flight| matches!(flight.state, FlightState::BackOff { refused: true, .. }))
                {
                    self.acknowledged();
                }
            }
            Received::Nak | Received::Can => {
                self.silences = 0;
                if self.flight.as_ref().is_some_and(|flight| matches!(flight.state, FlightState::AwaitAck { .. })) {
                    self.back_off(now, true);
                }
            }
            Received::Frame(frame) => self.data_frame(frame, now),
            Received::BadChecksum => self.controls.push_back(NAK),
            Received::Garbage(_) => {}
        }
    }

    fn data_frame(&mut self, frame: Frame, now: Instant) {
        let duplicate = self.is_duplicate(&frame, now);
        self.controls.push_back(ACK);
        // The response proves that the request arrived, although its ACK was lost: sending it again would execute it
        // twice.
        if self.flight.as_ref().is_some_and(|flight| flight.is_answered_by(&frame)) {
            self.acknowledged();
        }
        self.last = Some((frame.clone(), now));
        if !duplicate {
            self.events.push_back(LinkEvent::Frame(frame));
        }
    }

    fn is_duplicate(&self, frame: &Frame, now: Instant) -> bool {
        let Some((last, at)) = self.last.as_ref().filter(|(last, _)| last == frame) else { return false };
        let ack_has_not_left = self.controls.contains(&ACK);
        let same_callback = last.callback_id().is_some_and(|id| id.0 != 0) && now.since(*at) <= Self::DUPLICATE_WINDOW;
        ack_has_not_left || same_callback
    }

    fn acknowledged(&mut self) {
        // An ACK without a frame in flight is a second one for a retransmitted frame.
        if let Some(flight) = self.flight.take_if(|flight| flight.has_left()) {
            self.silences = 0;
            self.events.push_back(LinkEvent::Sent(flight.id));
        }
    }

    /// The frame in flight was refused or got no answer: it waits for its retransmission, or is given up.
    fn back_off(&mut self, now: Instant, refused: bool) {
        let Some(flight) = &mut self.flight else { return };
        flight.may_have_arrived |= !refused;
        if flight.retransmissions < Self::MAX_RETRANSMISSIONS {
            let wait = Duration::from_millis(100 + 1000 * u64::from(flight.retransmissions));
            flight.retransmissions += 1;
            flight.state = FlightState::BackOff { until: now + wait, refused };
            return;
        }
        let why = if flight.may_have_arrived { SendFailure::NoAck } else { SendFailure::Refused };
        self.events.push_back(LinkEvent::Failed(flight.id, why));
        self.flight = None;
        // A controller that refuses frames is alive; a reset would only lose its frames.
        if self.silences >= Self::MAX_SILENCES {
            self.silences = 0;
            self.events.push_back(LinkEvent::Unresponsive);
        }
    }
}

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

impl Flight {
    /// Whether it was written at least once.
    fn has_left(&self) -> bool {
        self.retransmissions > 0 || self.state != FlightState::Ready
    }

    /// Whether `received` proves that the controller received this frame.
    fn is_answered_by(&self, received: &Frame) -> bool {
        let responds = received.kind == FrameType::Response && received.function == self.frame.function;
        let restarted = self.frame.function == FunctionId::SOFT_RESET && received.function == FunctionId::SERIAL_API_STARTED;
        self.has_left() && (responds || restarted)
    }
}

#[cfg(test)]
mod tests;
