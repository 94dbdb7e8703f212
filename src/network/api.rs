//! The types of the network's public interface: inputs, outputs, events and status.

use jiff::tz::TimeZone;

use super::hub::Blink;
use super::inclusion::Progress;
use super::jobs::{JobId, Outcome};
use crate::command::Command;
use crate::domain::ids::{HomeId, NodeId};
use crate::domain::node::SecurityClass;
use crate::domain::time::Instant;
use crate::serial::Frame;
use crate::serial::link::{SendFailure, SendId};
use crate::serial::setup::Region;

/// Settings of the network.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether the controller is reset at start-up.
    pub soft_reset: SoftReset,
    /// The time zone of the home, for nodes that ask for the time.
    pub zone: TimeZone,
}

impl Default for Options {
    fn default() -> Self {
        Self { soft_reset: SoftReset::default(), zone: TimeZone::UTC }
    }
}

/// Whether the controller is reset at start-up. Some controllers drop off the USB bus when they are
/// (docs/protocol/serial-api.md §1).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum SoftReset {
    /// Once after the port was opened, if the controller supports it.
    #[default]
    Auto,
    Never,
}

/// An event on the serial side.
#[derive(Clone, PartialEq, Debug)]
pub enum Input {
    /// The port was opened.
    LinkUp,
    /// The port was lost.
    LinkDown {
        /// The error message of the operating system.
        why: String,
    },
    /// No port can be opened yet.
    LinkWaiting {
        /// What is missing, including the remedy.
        why: String,
    },
    /// A frame from the controller, received just now.
    Frame(Frame),
    /// A frame from the controller that waited since `since`, because a turn took long (a slow disk).
    Waited { frame: Frame, since: Instant },
    /// The controller acknowledged a frame.
    Sent(SendId),
    /// A frame could not be delivered to the controller.
    Failed(SendId, SendFailure),
    /// The controller stopped acknowledging frames.
    Unresponsive,
}

/// What the shell has to do.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// Send a frame to the controller; answered by [`Input::Sent`] or [`Input::Failed`].
    Send {
        /// Identifies the frame in the answer.
        id: SendId,
        frame: Frame,
    },
    /// Close the port and open it again.
    Reopen,
    Event(NetworkEvent),
}

/// An event for the owner of the network.
#[derive(Clone, PartialEq, Debug)]
pub enum NetworkEvent {
    /// The controller is ready. Emitted after every start-up.
    Ready(ControllerInfo),
    /// The controller belongs to another network than the known nodes. Nothing is sent to it, and no node is forgotten.
    OtherNetwork {
        /// The home id of the nodes that are known.
        known: HomeId,
        /// The home id of the controller.
        found: HomeId,
    },
    /// Data of a node changed that have to be stored: see [`Network::node`](super::Network::node).
    NodeChanged(NodeId),
    /// The controller no longer lists the node.
    NodeRemoved(NodeId),
    /// The interview reached the stage Capabilities, so the node can be used.
    Interviewed(NodeId),
    /// An application command from a node, without its encapsulation, whether it answers a job or was unsolicited.
    Received {
        node: NodeId,
        /// The end point that sent it; 0 is the node itself.
        endpoint: u8,
        command: Command,
        /// The security class that it was received under.
        security: SecurityClass,
        /// Received by multicast or broadcast.
        multicast: bool,
        /// When it was received, which may be earlier than now.
        at: Instant,
    },
    /// A job ended. If a report ended it, that report was emitted as `Received` before.
    JobDone { id: JobId, node: NodeId, outcome: Outcome },
    /// A node asked the hub to identify itself, or to stop.
    Identify {
        by: NodeId,
        /// `None` ends the signal.
        blink: Option<Blink>,
    },
    /// Progress of an inclusion, exclusion or replacement.
    Change(Progress),
    /// A node became reachable or unreachable.
    ReachChanged { node: NodeId, reach: Reach },
    /// A node requested a new nonce, so it may have acknowledged a frame that it could not decrypt.
    OutOfSync { node: NodeId },
    /// A node that acknowledged none of its last tries acknowledges a ping or sends something: the radio was at fault,
    /// not the node.
    FoundAlive { node: NodeId },
}

/// Whether a node can be reached.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Reach {
    /// Nothing was sent or received since the start.
    #[default]
    Unknown,
    /// It acknowledged a frame or sent one.
    Alive,
    /// It sleeps until its next Wake Up Notification.
    Asleep,
    /// It acknowledges nothing. It is tried again with growing pauses, or when something is received from it.
    Dead,
}

/// Progress of a requested interview.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Interviewing {
    /// None is under way; the last one, if any, succeeded.
    #[default]
    Idle,
    UnderWay,
    /// The last one failed.
    Failed(InterviewTrouble),
}

/// Why an interview makes no progress. It is retried automatically.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InterviewTrouble {
    /// The node acknowledges nothing.
    #[error("it does not answer")]
    Unreachable,
    /// The node answered under none of its possible security classes, or no longer under the known one.
    #[error("it answers under none of the network's keys")]
    NoClassAnswers,
    /// A lock that does not report its number of user codes cannot be used.
    #[error("it does not report how many codes it can hold")]
    NoSlots,
}

/// Why a node cannot be interviewed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CannotInterview {
    /// There is no controller, or it is still starting.
    #[error("the controller is not ready; see `latchkey status`, and try again")]
    NoController,
    /// The network has no such node.
    #[error("node {0} is not in the network; `latchkey network status` lists the nodes")]
    UnknownNode(NodeId),
    /// Key exchange with the node is under way, or failed.
    #[error("node {0} has no keys; put it into exclusion mode after `latchkey network exclude`, and include it again")]
    NotAMember(NodeId),
}

/// Radio use of a node since the daemon started.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RadioUse {
    /// Frames that were passed to the controller for the node.
    pub frames: u64,
    /// Transmissions that began with a beam.
    pub wakeups: u64,
    /// Time that the controller spent on it in milliseconds, including beams and retransmissions (from transmit
    /// reports).
    pub airtime_ms: u64,
    /// Frames in its name that failed authentication: wrong key, modified, or out of sync.
    pub rejected: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ControllerStatus {
    Absent {
        /// The reason, including the remedy.
        why: String,
    },
    /// The start-up is under way.
    Starting {
        /// The current step of the start-up.
        step: &'static str,
    },
    Ready(ControllerInfo),
}

/// What the controller reported about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControllerInfo {
    pub home: HomeId,
    /// Node id of the controller.
    pub own: NodeId,
    /// The library version as reported, such as `Z-Wave 7.17`; empty if the controller does not report it.
    pub library: String,
    /// Firmware version as (major, minor).
    pub firmware: (u8, u8),
    pub manufacturer: u16,
    pub product_type: u16,
    pub product: u16,
    /// RF region (docs/protocol/serial-api.md §4, 0x0B), if the controller reports it.
    pub region: Option<Region>,
}
