//! One host function on its way: acknowledgement, response, callback. The controller allows one at a time.

use std::time::Duration;

use crate::domain::ids::NodeId;
use crate::domain::time::{Deadline, Instant};
use crate::serial::link::SendId;
use crate::serial::{CallbackId, Frame, FrameType, FunctionId};

/// Some 500-series chips take seconds to answer (docs/protocol/serial-api.md §1, timers).
const RESPONSE: Duration = Duration::from_secs(10);
/// A controller that says nothing to a transmission for so long has dropped it, or dropped its answer: it is told to stop,
/// and gets as long again to call back.
const NO_RESPONSE: Duration = Duration::from_secs(5);
/// A transmission without result is aborted after this.
const ABORT: Duration = Duration::from_secs(20);
/// A controller that calls back later than this hangs.
const CALLBACK: Duration = Duration::from_secs(65);
/// A sleeping receiver is beamed at for a second, and routes are tried; then the node information frame must be here.
const NODE_INFO: Duration = Duration::from_secs(10);

/// The function under way.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    send: SendId,
    function: FunctionId,
    awaits: Awaits,
    phase: Phase,
    /// When the host handed the frame to the link.
    started: Instant,
    aborted: bool,
}

/// What ends an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Awaits {
    /// The controller's acknowledgement: such functions have no answer.
    Acknowledgement,
    /// The response.
    Response,
    /// The callback with this id, after a response that says "accepted".
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
    /// The response never came; the callback still may.
    Unanswered {
        since: Instant,
    },
}

/// How an exchange ended.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Ended {
    /// With the frame that was awaited; none where the acknowledgement is all there is.
    Answered(Option<Frame>),
    /// The controller did not accept it: its queue is full, or it is busy. Nothing went out.
    NotAccepted,
    /// The frame never reached the controller.
    NotSent,
    /// The controller acknowledged the frame and then said nothing.
    Silent,
}

/// What a passing moment asks of an exchange.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Due {
    /// Tell the controller to give up; the callback comes all the same.
    Abort,
    /// It ended.
    End(Ended),
}

impl Exchange {
    pub(super) fn new(send: SendId, function: FunctionId, awaits: Awaits, now: Instant) -> Self {
        Self { send, function, awaits, phase: Phase::Acknowledgement, started: now, aborted: false }
    }

    /// The controller acknowledged the frame `send`.
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

    /// The frame `send` could not be delivered.
    pub(super) fn failed(&self, send: SendId) -> Option<Ended> {
        (send == self.send && self.phase == Phase::Acknowledgement).then_some(Ended::NotSent)
    }

    /// Whether `frame` belongs to this exchange; if so, call [`Exchange::take`].
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

    /// Takes a frame that belongs to this exchange. A lost acknowledgement or response is no reason to refuse what
    /// comes after it.
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

    /// Whether a response says that the function was begun: 0 is "no", but for Remove Failed Node, where it is "no
    /// objection" (docs/protocol/serial-api.md §4, 0x61).
    fn is_accepted(&self, response: &Frame) -> bool {
        let is_zero = response.params.first() == Some(&0);
        if self.function == FunctionId::REMOVE_FAILED_NODE { is_zero } else { !is_zero }
    }

    /// What `now` asks for. A lost response is no lost transmission: its callback is still awaited.
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

    /// When [`Exchange::due`] has something to say. The link watches over the acknowledgement.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let (at, why) = match (self.phase, self.awaits) {
            (Phase::Acknowledgement, _) => return None,
            (Phase::Response { since }, Awaits::Callback(_)) => (since + NO_RESPONSE, "response to a transmission"),
            (Phase::Response { since }, _) => (since + RESPONSE, "response of the stick"),
            (Phase::Unanswered { since }, _) => (since + NO_RESPONSE, "callback after a lost response"),
            (Phase::Callback { since }, Awaits::NodeInfo(_)) => (since + NODE_INFO, "node information frame"),
            (Phase::Callback { since }, _) if self.may_abort() => (since + ABORT, "abort of a stuck transmission"),
            (Phase::Callback { since }, _) => (since + CALLBACK, "callback of the stick"),
        };
        Some(Deadline { at, why })
    }

    /// Whether the controller is transmitting, and was not told to stop yet.
    pub(super) fn may_abort(&self) -> bool {
        matches!((self.phase, self.awaits), (Phase::Callback { .. }, Awaits::Callback(_))) && !self.aborted
    }

    /// The controller was told to stop.
    pub(super) fn abort(&mut self) {
        self.aborted = true;
    }

    /// Whether the controller was asked to stop.
    pub(super) fn was_aborted(&self) -> bool {
        self.aborted
    }

    /// What ends it.
    pub(super) fn awaits(&self) -> Awaits {
        self.awaits
    }

    /// When the frame was handed to the link.
    pub(super) fn started(&self) -> Instant {
        self.started
    }
}
