//! One host function from request to callback: acknowledgement, response, callback. The controller allows one at a
//! time.

use std::time::Duration;

use crate::domain::ids::NodeId;
use crate::domain::time::{Deadline, Instant};
use crate::serial::link::SendId;
use crate::serial::{CallbackId, Frame, FrameType, FunctionId};

/// Some 500-series controllers take seconds to respond (docs/protocol/serial-api.md §1, timers).
const RESPONSE: Duration = Duration::from_secs(10);
/// A controller that does not respond to a transmission within this time has dropped it, or its response was lost. It
/// is told to abort, and gets the same time again for the callback.
const NO_RESPONSE: Duration = Duration::from_secs(5);
/// A transmission without result is aborted after this time.
const ABORT: Duration = Duration::from_secs(20);
/// Without callback after this time the controller is considered hung.
const CALLBACK: Duration = Duration::from_secs(65);
/// Time for a node information frame to arrive, including the beam and the search for routes.
const NODE_INFO: Duration = Duration::from_secs(10);

/// The function under way.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    send: SendId,
    function: FunctionId,
    awaits: Awaits,
    phase: Phase,
    /// When the frame was handed to the link.
    started: Instant,
    aborted: bool,
}

/// What ends an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Awaits {
    /// The acknowledgement, for functions without a response.
    Acknowledgement,
    Response,
    /// The callback with this id, after a response that accepts the request.
    Callback(CallbackId),
    /// The node information frame of this node, after such a response.
    NodeInfo(NodeId),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Acknowledgement,
    Response {
        since: Instant,
    },
    Callback {
        since: Instant,
    },
    /// The response never arrived; the callback still may.
    Unanswered {
        since: Instant,
    },
}

/// How an exchange ended.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Ended {
    /// By the awaited frame, or by the acknowledgement alone.
    Answered(Option<Frame>),
    /// The controller refused it, because its queue is full or it is busy. Nothing was transmitted.
    NotAccepted,
    /// The frame never reached the controller.
    NotSent,
    /// The controller acknowledged the frame and then sent nothing.
    Silent,
}

/// What is due at a moment in time.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Due {
    /// Tell the controller to abort. The callback follows anyway.
    Abort,
    End(Ended),
}

impl Exchange {
    pub(super) fn new(send: SendId, function: FunctionId, awaits: Awaits, now: Instant) -> Self {
        Self { send, function, awaits, phase: Phase::Acknowledgement, started: now, aborted: false }
    }

    /// The controller acknowledged frame `send`.
    pub(super) fn sent(&mut self, send: SendId, now: Instant) -> Option<Ended> {
        if send != self.send || self.phase != Phase::Acknowledgement {
            return None;
        }
        if self.awaits == Awaits::Acknowledgement {
            return Some(Ended::Answered(None));
        }
        self.phase = Phase::Response { since: now };
        None
    }

    /// Frame `send` could not be delivered.
    pub(super) fn failed(&self, send: SendId) -> Option<Ended> {
        (send == self.send && self.phase == Phase::Acknowledgement).then_some(Ended::NotSent)
    }

    /// Whether `frame` belongs to this exchange; if so, pass it to [`Exchange::take`].
    pub(super) fn owns(&self, frame: &Frame) -> bool {
        match frame.kind {
            FrameType::Response => frame.function == self.function && !matches!(self.phase, Phase::Callback { .. }),
            FrameType::Request => match self.awaits {
                Awaits::Callback(id) => frame.function == self.function && frame.callback_id() == Some(id),
                Awaits::NodeInfo(_) | Awaits::Acknowledgement | Awaits::Response => false,
            },
            FrameType::Other(_) => false,
        }
    }

    /// Processes a frame of this exchange. It is accepted even if the acknowledgement or the response before it was
    /// lost.
    pub(super) fn take(&mut self, frame: Frame, now: Instant) -> Option<Ended> {
        if frame.kind == FrameType::Request {
            return Some(Ended::Answered(Some(frame)));
        }
        match self.awaits {
            Awaits::Acknowledgement | Awaits::Response => Some(Ended::Answered(Some(frame))),
            Awaits::Callback(_) | Awaits::NodeInfo(_) if !self.is_accepted(&frame) => Some(Ended::NotAccepted),
            Awaits::Callback(_) | Awaits::NodeInfo(_) => {
                self.phase = Phase::Callback { since: now };
                None
            }
        }
    }

    /// Whether the response accepts the request: 0 means "no", except for Remove Failed Node, where it means "no
    /// objection" (docs/protocol/serial-api.md §4, 0x61).
    fn is_accepted(&self, response: &Frame) -> bool {
        let is_zero = response.params.first() == Some(&0);
        if self.function == FunctionId::REMOVE_FAILED_NODE { is_zero } else { !is_zero }
    }

    /// What is due at `now`. A lost response does not mean a lost transmission, so the callback is still awaited.
    pub(super) fn due(&mut self, now: Instant) -> Option<Due> {
        if now < self.deadline()?.at {
            return None;
        }
        if let (Phase::Response { .. }, Awaits::Callback(_)) = (self.phase, self.awaits) {
            self.phase = Phase::Unanswered { since: now };
            self.aborted = true;
            return Some(Due::Abort);
        }
        if self.may_abort() {
            self.aborted = true;
            return Some(Due::Abort);
        }
        Some(Due::End(Ended::Silent))
    }

    /// When [`Exchange::due`] has to be called. The link watches the acknowledgement.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let (at, why) = match (self.phase, self.awaits) {
            (Phase::Acknowledgement, _) => return None,
            (Phase::Response { since }, Awaits::Callback(_)) => (since + NO_RESPONSE, "response to a transmission"),
            (Phase::Response { since }, _) => (since + RESPONSE, "response of the controller"),
            (Phase::Unanswered { since }, _) => (since + NO_RESPONSE, "callback after a lost response"),
            (Phase::Callback { since }, Awaits::NodeInfo(_)) => (since + NODE_INFO, "node information frame"),
            (Phase::Callback { since }, _) if self.may_abort() => (since + ABORT, "abort of a stuck transmission"),
            (Phase::Callback { since }, _) => (since + CALLBACK, "callback of the controller"),
        };
        Some(Deadline { at, why })
    }

    /// Whether the controller is transmitting and was not told to abort yet.
    pub(super) fn may_abort(&self) -> bool {
        matches!((self.phase, self.awaits), (Phase::Callback { .. }, Awaits::Callback(_))) && !self.aborted
    }

    /// Records that the controller was told to abort.
    pub(super) fn abort(&mut self) {
        self.aborted = true;
    }

    /// Whether the controller was told to abort.
    pub(super) fn was_aborted(&self) -> bool {
        self.aborted
    }

    pub(super) fn awaits(&self) -> Awaits {
        self.awaits
    }

    /// When the frame was handed to the link.
    pub(super) fn started(&self) -> Instant {
        self.started
    }
}
