//! What people do with nodes of the network, beside what they do at its edge.

use super::World;
use crate::domain::ids::NodeId;
use crate::sim::node::Node;

impl World {
    /// Every node that takes part in the network.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().map(|(id, node)| (*id, node))
    }

    /// The host has read and acknowledged everything that there was for it.
    pub fn is_heard_out(&self) -> bool {
        self.line.is_quiet()
    }
}
