//! The mode of the controller: one inclusion, exclusion or replacement at a time.

use crate::domain::ids::NodeId;
use crate::serial::CallbackId;
use crate::serial::node_info::{NodeInformation, NodeProtocolInfo};
use crate::serial::request::SmartStartIds;
use crate::sim::device::DeviceId;

/// The mode of the controller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    Idle,
    /// Listening for SmartStart requests.
    Listening,
    /// A device to add.
    Adding {
        callback: CallbackId,
        /// Only this device, and whether over Long Range; `None`: any device in learn mode.
        wanted: Option<(SmartStartIds, bool)>,
        stage: Stage,
        /// The host sent a stop after the point of no return.
        stopped: Option<CallbackId>,
    },
    /// A node to remove.
    Removing {
        callback: CallbackId,
        stage: Stage,
    },
    /// Waiting for a device that replaces a node.
    Replacing {
        node: NodeId,
        callback: CallbackId,
        stage: Stage,
    },
    /// Learn mode, to join another network.
    Learning {
        callback: CallbackId,
    },
}

/// Progress of an inclusion or exclusion.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// Waiting for a device.
    Ready,
    /// A device is there.
    Found(Found),
    /// The node id is assigned, and neighbour discovery is under way.
    Placed(Found, NodeId),
    /// The protocol part is done.
    Done(NodeId),
}

/// The device that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Found {
    pub(super) who: Who,
    pub(super) info: NodeInformation,
    pub(super) protocol: NodeProtocolInfo,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Who {
    Device(DeviceId),
    /// A node of this network.
    Node(NodeId),
    /// A node that the controller does not know; `None`: a device without a network.
    Stranger(Option<NodeId>),
}

impl Mode {
    /// Whether another mode may begin.
    pub(super) fn gives_way(&self) -> bool {
        matches!(self, Self::Idle | Self::Listening)
    }
}
