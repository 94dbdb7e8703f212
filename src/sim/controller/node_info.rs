//! What the controller keeps and reports about nodes and transmissions.

use super::constants::{NOISE, SIGNAL};
use super::effect::Outcome;
use super::memory::ControllerMemory;
use crate::domain::ids::NodeId;
use crate::domain::node::Beam;
use crate::serial::node_info::{NodeInformation, NodeProtocolInfo};
use crate::serial::transmit::{RouteReport, Rssi, TxReport};
use crate::sim::model::DeviceClass;
use crate::sim::node::Node;
use crate::sim::radio::Rate;

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

pub(super) fn common() -> NodeProtocolInfo {
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

/// A device's node information frame.
pub(super) fn node_information(lock: &Node) -> NodeInformation {
    let DeviceClass { basic, generic, specific } = lock.model.kind.device_class();
    NodeInformation { basic, generic, specific, supported: lock.listed(), controlled: Vec::new() }
}
