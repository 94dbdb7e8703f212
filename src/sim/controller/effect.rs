//! Requests of the controller to the world, and results of transmissions.

use std::time::Duration;

use super::constants::OWN;
use crate::domain::ids::NodeId;
use crate::domain::node::Beam;
use crate::serial::Frame;
use crate::sim::device::DeviceId;
use crate::sim::radio::{Effort, Flight, MOST_REPEATERS, Party, Rate};

/// A request of the controller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// A frame for the host.
    ToHost(Frame),
    /// A payload for a node.
    Transmit(Transmission),
    /// A payload for several nodes; empty: a protocol frame for all nodes.
    Multicast {
        /// Which transmission, for [`Controller::transmitted`](super::Controller::transmitted).
        number: u64,
        nodes: Vec<NodeId>,
        payload: Vec<u8>,
    },
    /// Ask a node for its node information frame.
    AskNodeInfo {
        node: NodeId,
        /// Which transmission, for [`Controller::transmitted`](super::Controller::transmitted).
        number: u64,
    },
    /// Send a protocol frame, which the application of the node does not see.
    Reach {
        node: NodeId,
        /// Which transmission, for [`Controller::transmitted`](super::Controller::transmitted).
        number: u64,
    },
    /// Call [`Controller::proceed`](super::Controller::proceed) after a while, to continue the inclusion or exclusion.
    Proceed {
        /// Counted from the present time.
        after: Duration,
    },
    /// A device was included.
    Joined {
        device: DeviceId,
        /// Node id that it gets.
        node: NodeId,
    },
    /// A node was excluded, and has noticed.
    Left {
        /// Node id that it had.
        node: NodeId,
    },
    Abort {
        /// Which transmission it was.
        number: u64,
    },
    /// Changes the time-out for the host's ACK.
    AckWait(Duration),
    /// Restart after a while; then call [`Controller::start`](super::Controller::start).
    Restart,
}

/// A payload on its way to a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transmission {
    /// Which transmission, for [`Controller::transmitted`](super::Controller::transmitted).
    pub number: u64,
    pub node: NodeId,
    pub payload: Vec<u8>,
    /// How hard to try.
    pub effort: Effort,
}

/// Why a controller starts (docs/protocol/serial-api.md §4, 0x0A).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wake {
    /// The watchdog restarted it.
    Watchdog,
    PowerUp,
    /// The host reset it.
    SoftReset,
}

impl Wake {
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Watchdog => 3,
            Self::PowerUp => 5,
            Self::SoftReset => 7,
        }
    }
}

/// The result of a transmission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    pub acked: bool,
    /// The beam before it.
    pub beam: Option<Beam>,
    /// From start to outcome.
    pub took: Duration,
    /// How fast it was.
    pub rate: Rate,
    /// The repeaters; 0 for none.
    pub repeaters: [u8; MOST_REPEATERS],
    pub attempts: u8,
    /// The link that failed last, from and to, 0 where there is none.
    pub failed_link: (u8, u8),
}

impl Outcome {
    /// What the sender learns from a flight.
    pub fn of(flight: &Flight) -> Self {
        let id = |party| match party {
            Party::Controller => u8::try_from(OWN.0).unwrap_or(0),
            Party::Node(node) => u8::try_from(node.0).unwrap_or(0),
            Party::Outside => 0,
        };
        Self {
            acked: flight.acked,
            beam: flight.beam,
            took: flight.ends.since(flight.began),
            rate: flight.rate,
            repeaters: flight.repeaters,
            attempts: flight.attempts,
            failed_link: flight.failed_link.map(|(from, to)| (id(from), id(to))).unwrap_or_default(),
        }
    }

    /// A multicast, without acknowledgements.
    pub fn of_multicast(took: Duration) -> Self {
        let (beam, repeaters, failed_link) = (None, [0; MOST_REPEATERS], (0, 0));
        Self { acked: true, beam, took, rate: Rate::default(), repeaters, attempts: 1, failed_link }
    }
}
