//! Senders and receivers.

use crate::domain::ids::NodeId;

/// A sender or receiver.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Party {
    Controller,
    /// A node of its network.
    Node(NodeId),
    /// A device that is not in the network.
    Outside,
}
