//! Reports of a controller about itself and its nodes.

use std::collections::BTreeSet;

use crate::domain::ids::NodeId;
use crate::domain::node::Beam;
use crate::serial::controller::{Capabilities, ControllerCapabilities, InitData, LongRangeNodes};
use crate::serial::node_info::NodeProtocolInfo;
use crate::serial::transmit::{RouteReport, Rssi, TxReport};

use super::{Controller, ControllerMemory, NOISE, OWN, Outcome, SIGNAL};
use crate::sim::model::DeviceClass;
use crate::sim::node::Node;
use crate::sim::radio::Rate;

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

/// The protocol info that the controller stores for a node that it included.
pub(super) fn protocol_info(node: NodeId, lock: &Node) -> NodeProtocolInfo {
    let DeviceClass { basic, generic, specific } = lock.model.kind.device_class();
    NodeProtocolInfo {
        listening: lock.model.always_listens(),
        routing: !node.is_long_range(),
        flirs_1000ms: lock.model.beam == Some(Beam::Ms1000),
        flirs_250ms: lock.model.beam == Some(Beam::Ms250),
        speed_ext: if node.is_long_range() { 2 } else { 1 },
        basic,
        generic,
        specific,
        ..common()
    }
}

fn common() -> NodeProtocolInfo {
    NodeProtocolInfo {
        routing: true,
        speed_bits: 2,
        protocol_version: 3,
        optional: true,
        beaming: true,
        specific_present: true,
        speed_ext: 1,
        ..NodeProtocolInfo::default()
    }
}

pub(super) fn tx_report(outcome: &Outcome, memory: &ControllerMemory) -> TxReport {
    // Route schemes.
    const DIRECT: u8 = 1;
    const LAST_WORKING: u8 = 3;
    let none = Rssi::NOT_AVAILABLE;
    let repeaters = outcome.repeaters.map(|id| id != 0);
    let far = outcome.rate == Rate::LongRange;
    let route = RouteReport {
        repeaters_used: repeaters.iter().fold(0, |count, used| count + u8::from(*used)),
        ack_rssi: if outcome.acked { SIGNAL } else { none },
        repeater_rssi: repeaters.map(|used| if used && outcome.acked { SIGNAL } else { none }),
        ack_channel: 0,
        tx_channel: 0,
        routing_scheme: if outcome.repeaters == [0; 4] { DIRECT } else { LAST_WORKING },
        last_route: outcome.repeaters,
        beam_1000ms: outcome.beam == Some(Beam::Ms1000),
        beam_250ms: outcome.beam == Some(Beam::Ms250),
        route_speed: outcome.rate.number(),
        routing_attempts: outcome.attempts,
        failed_link: outcome.failed_link,
    };
    let ticks = u16::try_from(outcome.took.as_millis() / 10).unwrap_or(u16::MAX);
    let power = |tenths: i16| Rssi(i8::try_from(tenths / 10).unwrap_or(i8::MAX));
    let mut powers = vec![power(if far { memory.long_range_power } else { memory.powers.0 }), NOISE];
    if far {
        let other = |figure| if outcome.acked { figure } else { none };
        powers.extend([other(power(memory.long_range_power)), other(SIGNAL), other(NOISE)]);
    }
    TxReport { ticks, route: Some(route), powers }
}
