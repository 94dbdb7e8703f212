//! Reports of a controller about itself and its nodes.

use std::collections::BTreeSet;

use crate::domain::ids::NodeId;
use crate::serial::controller::{Capabilities, ControllerCapabilities, InitData, LongRangeNodes};
use crate::serial::node_info::NodeProtocolInfo;

use super::Controller;
use super::constants::OWN;
use super::node_info::common;

/// Long Range nodes of one segment, the first of which begins with node 256.
const SEGMENT: u16 = 1024;

impl Controller {
    pub(super) fn init_data(&self) -> InitData {
        // The mask is of classic nodes; Long Range ones have a list of their own.
        let classic = self.memory.nodes.keys().copied().filter(|node| !node.is_long_range());
        InitData {
            api_version: if self.chip.series > 5 { 10 } else { 5 },
            capabilities: 0x08,
            nodes: classic.chain([OWN]).collect(),
            chip_type: self.chip.series,
            chip_version: 0,
        }
    }

    /// A primary controller; either SUC and SIS, or neither.
    pub(super) fn role(&self) -> ControllerCapabilities {
        const REAL_PRIMARY: u8 = 0x08;
        const SIS_AND_SUC: u8 = 0x04 | 0x10;
        const NO_NODES: u8 = 0x20;
        let suc = if self.memory.is_suc { SIS_AND_SUC } else { 0 };
        let alone = if self.memory.nodes.is_empty() { NO_NODES } else { 0 };
        ControllerCapabilities { flags: REAL_PRIMARY | suc | alone }
    }

    pub(super) fn long_range_nodes(&self, segment: u8) -> LongRangeNodes {
        let segment_of = |node: &NodeId| node.0.checked_sub(256).map(|far| far / SEGMENT);
        let nodes: BTreeSet<_> =
            self.memory.nodes.keys().copied().filter(|node| segment_of(node) == Some(segment.into())).collect();
        let more = self.memory.nodes.keys().any(|node| segment_of(node) > Some(segment.into()));
        LongRangeNodes { more, segment, nodes }
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        Capabilities {
            version: (1, 2),
            manufacturer: 0xFFFE,
            product_type: 1,
            product: 1,
            functions: self.chip.functions.clone(),
        }
    }

    pub(super) fn protocol_info(&self, node: NodeId) -> NodeProtocolInfo {
        if node == OWN {
            let classes = NodeProtocolInfo { basic: 0x02, generic: 0x02, specific: 0x07, ..common() };
            return NodeProtocolInfo { listening: true, controller: true, ..classes };
        }
        // Generic class 0: not in the network.
        self.memory.nodes.get(&node).copied().unwrap_or_default()
    }
}
