//! What people do with nodes of the network, beside what they do at its edge.

use super::World;
use crate::domain::ids::NodeId;
use crate::domain::time::Instant;
use crate::sim::node::{CodeTable, Node};

impl World {
    /// Every node that takes part in the network.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().map(|(id, node)| (*id, node))
    }

    /// Somebody presses the factory reset of a node: codes, keys and network are gone, and the stick knows nothing of it.
    /// `false`: there is no such node.
    pub fn reset(&mut self, node: NodeId, now: Instant) -> bool {
        let there = self.visit(node, |lock| lock.memory.codes = CodeTable::new(lock.model.slots)).is_some();
        self.left(node, now);
        there
    }

    /// The host has read and acknowledged everything that there was for it.
    pub fn is_heard_out(&self) -> bool {
        self.line.is_quiet()
    }
}
