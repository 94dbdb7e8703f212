//! The words between the network and its owner.

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

/// What can be set.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether the controller is reset at start.
    pub soft_reset: SoftReset,
    /// The zone of the home, for nodes that ask for the time.
    pub zone: TimeZone,
}

impl Default for Options {
    fn default() -> Self {
        Self { soft_reset: SoftReset::default(), zone: TimeZone::UTC }
    }
}

/// Whether the controller is reset at start. Some controllers drop off the bus when they are (docs/protocol/serial-api.md §1).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum SoftReset {
    /// Once after the port was opened, if the controller has the function.
    #[default]
    Auto,
    /// Not at all.
    Never,
}

/// What happened on the serial side.
#[derive(Clone, PartialEq, Debug)]
pub enum Input {
    /// The port is open.
    LinkUp,
    /// The port is gone.
    LinkDown {
        /// What the system said.
        why: String,
    },
    /// There is no port to open yet, or it can't be opened.
    LinkWaiting {
        /// What is missing, with the remedy.
        why: String,
    },
    /// The controller sent a frame, just now.
    Frame(Frame),
    /// The controller sent a frame, and we had no time for it: a slow disk held us up.
    Waited {
        /// The frame.
        frame: Frame,
        /// When it came.
        since: Instant,
    },
    /// The controller acknowledged a frame.
    Sent(SendId),
    /// A frame could not be delivered to the controller.
    Failed(SendId, SendFailure),
    /// The controller acknowledges nothing any more.
    Unresponsive,
}

/// What is to be done.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// Send a frame to the controller; [`Input::Sent`] or [`Input::Failed`] answers.
    Send {
        /// Names the frame in the answer.
        id: SendId,
        /// The frame.
        frame: Frame,
    },
    /// Close the port and open it again.
    Reopen,
    /// Tell the owner.
    Event(NetworkEvent),
}

/// What the network tells its owner.
#[derive(Clone, PartialEq, Debug)]
pub enum NetworkEvent {
    /// The controller is set up. Comes after every start-up.
    Ready(ControllerInfo),
    /// The controller belongs to another network than the nodes that are known. Nothing is sent to it, and nothing forgotten.
    OtherNetwork {
        /// The home id of the nodes that are known.
        known: HomeId,
        /// The home id of the controller.
        found: HomeId,
    },
    /// Something about a node that must be kept changed: see [`Network::node`](super::Network::node).
    NodeChanged(NodeId),
    /// The controller does not list the node any more.
    NodeRemoved(NodeId),
    /// Enough is known of the node to use it (stage Capabilities).
    Interviewed(NodeId),
    /// A node said something: every application command, decapsulated, whether it answered a job or came unasked.
    Received {
        /// Who.
        node: NodeId,
        /// Which of its end points; 0: the node itself.
        endpoint: u8,
        /// What.
        command: Command,
        /// Under which security class.
        security: SecurityClass,
        /// It was not for us alone.
        multicast: bool,
        /// When it came: what happened, happened then.
        at: Instant,
    },
    /// A job ended. A report that ended it came as `Received` before.
    JobDone {
        /// The job.
        id: JobId,
        /// Its node.
        node: NodeId,
        /// How it ended.
        outcome: Outcome,
    },
    /// Somebody wants to know which device the hub is: it shall show itself, or stop.
    Identify {
        /// Who asks.
        by: NodeId,
        /// How; `None`: stop.
        blink: Option<Blink>,
    },
    /// How far a change of who is in the network got.
    Change(Progress),
    /// A node became reachable or unreachable.
    ReachChanged {
        /// Which.
        node: NodeId,
        /// Now.
        reach: Reach,
    },
    /// A node calls for new nonces: it may have acknowledged what it could not open.
    OutOfSync {
        /// Which.
        node: NodeId,
    },
    /// A node that had just acknowledged none of its tries acknowledges a ping, or speaks: it was the air.
    FoundAlive {
        /// Which.
        node: NodeId,
    },
}

/// Whether a node can be reached.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Reach {
    /// Nothing was sent or heard since the start.
    #[default]
    Unknown,
    /// It acknowledged or was heard last.
    Alive,
    /// It sleeps until its next Wake Up Notification.
    Asleep,
    /// It acknowledges nothing; tried again with growing pauses, or when it is heard.
    Dead,
}

/// Progress of a requested interview.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Interviewing {
    /// None is under way; the last one, if there was one, went well.
    #[default]
    Idle,
    /// It goes on.
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
    /// The node answered under none of the classes that it may have, or not under the one that it has.
    #[error("it answers under none of the network's keys")]
    NoClassAnswers,
    /// A lock that does not say how many codes it holds is of no use.
    #[error("it does not say how many codes it can hold")]
    NoSlots,
}

/// Why a node can't be interviewed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CannotInterview {
    /// There is no controller, or it is being set up.
    #[error("the stick is not ready; look at `latchkey status`, and try again")]
    NoController,
    /// The network has no such node.
    #[error("node {0} is not in the network; `latchkey network status` lists the nodes")]
    UnknownNode(NodeId),
    /// It is getting its keys, or got none.
    #[error("node {0} has no keys; put it into exclusion mode after `latchkey network exclude`, and include it again")]
    NotAMember(NodeId),
}

/// What a node costs, since the daemon started.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RadioUse {
    /// Frames that were handed to the controller for the node.
    pub frames: u64,
    /// Transmissions that woke it by a beam.
    pub wakeups: u64,
    /// Time the controller was busy with it, in milliseconds, beams and repeats included (TX reports).
    pub airtime_ms: u64,
    /// Frames in its name that did not open: made with another key, changed, or out of step with its nonces.
    pub rejected: u64,
}

/// The controller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ControllerStatus {
    /// There is none.
    Absent {
        /// Why, with the remedy.
        why: String,
    },
    /// It is being set up.
    Starting {
        /// What is being asked.
        step: &'static str,
    },
    /// It works.
    Ready(ControllerInfo),
}

/// What is known of the controller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControllerInfo {
    /// Its network.
    pub home: HomeId,
    /// Its own node id.
    pub own: NodeId,
    /// The library as it names itself: `Z-Wave 7.17`; empty if the controller would not say.
    pub library: String,
    /// Firmware, `major.minor`.
    pub firmware: (u8, u8),
    /// Manufacturer.
    pub manufacturer: u16,
    /// Product type.
    pub product_type: u16,
    /// Product.
    pub product: u16,
    /// RF region (docs/protocol/serial-api.md §4, 0x0B), where the controller tells it.
    pub region: Option<Region>,
}
