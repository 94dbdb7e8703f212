//! The non-volatile memory of a controller, and its image for backups. Real images differ between makes; this one has a
//! header, records, a checksum, and 0xFF up to the end.

use std::collections::BTreeMap;

use super::constants::{BEFORE_LONG_RANGE, OWN};
use crate::domain::entropy::{Entropy, keyed_hash};
use crate::domain::ids::{HomeId, NodeId};
use crate::serial::controller::PriorityRoute;
use crate::serial::node_info::NodeProtocolInfo;
use crate::serial::request::SetNodeInformation;
use crate::serial::setup::Region;
use crate::serial::{Frame, FrameType, FunctionId, Message, NodeIdWidth, Request};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControllerMemory {
    /// The network's home id.
    pub home: HomeId,
    /// The nodes of the network, without the controller.
    pub nodes: BTreeMap<NodeId, NodeProtocolInfo>,
    /// The controller is SUC and SIS.
    pub is_suc: bool,
    /// The radio region; takes effect after the next reset.
    pub region: Region,
    /// Normal power and the power measured at 0 dBm, in 0.1 dBm.
    pub powers: (i16, i16),
    /// The maximum power over Long Range, in 0.1 dBm.
    pub long_range_power: i16,
    /// 1 = A, 2 = B, 0xFF = automatic.
    pub long_range_channel: u8,
    /// Priority routes set by the host.
    pub routes: BTreeMap<NodeId, PriorityRoute>,
    pub information: SetNodeInformation,
    /// The last assigned node id of each radio, so that ids are not reused at once.
    pub(super) given: [NodeId; 2],
}

const MAGIC: &[u8; 4] = b"LKS1";
/// Magic and the length of the records.
const HEAD: usize = 8;
const CHECKSUM: usize = 4;

const NETWORK: u8 = 1;
const RADIO: u8 = 2;
const INFORMATION: u8 = 3;
const NODE: u8 = 4;
const ROUTE: u8 = 5;

impl ControllerMemory {
    /// A controller with these nodes.
    pub(super) fn new(home: HomeId, nodes: BTreeMap<NodeId, NodeProtocolInfo>, region: Region) -> Self {
        let last = |far: bool| nodes.keys().copied().filter(|node| node.is_long_range() == far).max();
        Self {
            home,
            given: [last(false).unwrap_or(OWN), last(true).unwrap_or(BEFORE_LONG_RANGE)],
            nodes,
            is_suc: true,
            region,
            powers: (0, 0),
            long_range_power: 140,
            long_range_channel: 1,
            routes: BTreeMap::new(),
            information: SetNodeInformation { device_options: 1, generic: 0x02, specific: 0x07, classes: Vec::new() },
        }
    }

    /// A controller after a hard reset: a network of its own, without nodes and without SUC.
    pub(super) fn factory(region: Region, entropy: &mut Entropy) -> Self {
        // Controllers draw home ids from 0xC0000000 on.
        let home = u32::from_be_bytes(entropy.bytes()) | 0xC000_0000;
        Self { is_suc: false, ..Self::new(HomeId(home), BTreeMap::new(), region) }
    }

    /// The image. Nodes that do not fit into `size` are left out.
    pub fn image(&self, size: usize) -> Vec<u8> {
        let mut records = Vec::new();
        let mut record = |kind: u8, data: &[u8]| {
            if records.len() + data.len() + 2 + HEAD + CHECKSUM <= size {
                records.extend([kind, u8::try_from(data.len()).unwrap_or(u8::MAX)]);
                records.extend_from_slice(data);
            }
        };
        let [given, given_far] = self.given.map(|node| node.0.to_be_bytes());
        record(NETWORK, &[&self.home.0.to_be_bytes()[..], &given, &given_far, &[u8::from(self.is_suc)]].concat());
        let powers = [self.powers.0, self.powers.1, self.long_range_power].map(i16::to_be_bytes).concat();
        record(RADIO, &[&[self.region.0, self.long_range_channel], &powers[..]].concat());
        if let Ok(frame) = Request::SetNodeInformation(self.information.clone()).write(NodeIdWidth::Bits8) {
            record(INFORMATION, &frame.params);
        }
        for (node, info) in &self.nodes {
            let info = Message::NodeProtocolInfo(*info).write(NodeIdWidth::Bits8);
            record(NODE, &[&node.0.to_be_bytes()[..], &info.params].concat());
        }
        for (node, PriorityRoute { repeaters, speed }) in &self.routes {
            record(ROUTE, &[&node.0.to_be_bytes()[..], repeaters, &[*speed]].concat());
        }
        let mut image = MAGIC.to_vec();
        image.extend(u32::try_from(records.len()).unwrap_or(0).to_be_bytes());
        image.extend(&records);
        image.extend(checksum(&records));
        image.resize(size, 0xFF);
        image
    }

    /// Parses an image. `None`: it is invalid or incomplete.
    pub fn of_image(image: &[u8]) -> Option<Self> {
        let (head, rest) = image.split_at_checked(HEAD)?;
        let (magic, len) = head.split_at_checked(MAGIC.len())?;
        let len = usize::try_from(u32::from_be_bytes(len.try_into().ok()?)).ok()?;
        let (records, rest) = rest.split_at_checked(len)?;
        if magic != MAGIC || !rest.starts_with(&checksum(records)) {
            return None;
        }
        // Missing records keep the factory defaults.
        let mut memory = Self { is_suc: false, ..Self::new(HomeId(0), BTreeMap::new(), Region::EU) };
        let mut rest = records;
        while let [kind, len, after @ ..] = rest {
            let (data, after) = after.split_at_checked(usize::from(*len))?;
            memory.take(*kind, data)?;
            rest = after;
        }
        rest.is_empty().then_some(memory)
    }

    fn take(&mut self, kind: u8, data: &[u8]) -> Option<()> {
        let frame = |kind, function, params: &[u8]| Frame { kind, function, params: params.to_vec().into() };
        match (kind, data) {
            (NETWORK, [h1, h2, h3, h4, n1, n2, f1, f2, suc]) => {
                self.home = HomeId(u32::from_be_bytes([*h1, *h2, *h3, *h4]));
                self.given = [[*n1, *n2], [*f1, *f2]].map(|id| NodeId(u16::from_be_bytes(id)));
                self.is_suc = *suc != 0;
            }
            (RADIO, [region, channel, n1, n2, m1, m2, l1, l2]) => {
                (self.region, self.long_range_channel) = (Region(*region), *channel);
                self.powers = (i16::from_be_bytes([*n1, *n2]), i16::from_be_bytes([*m1, *m2]));
                self.long_range_power = i16::from_be_bytes([*l1, *l2]);
            }
            (INFORMATION, params) => {
                let frame = frame(FrameType::Request, FunctionId::APPLICATION_NODE_INFORMATION, params);
                let Ok(Request::SetNodeInformation(information)) = Request::parse(&frame, NodeIdWidth::Bits8) else {
                    return None;
                };
                self.information = information;
            }
            (NODE, [high, low, info @ ..]) => {
                let frame = frame(FrameType::Response, FunctionId::GET_NODE_PROTOCOL_INFO, info);
                let Ok(Message::NodeProtocolInfo(info)) = Message::parse(&frame, NodeIdWidth::Bits8) else { return None };
                self.nodes.insert(NodeId(u16::from_be_bytes([*high, *low])), info);
            }
            (ROUTE, [high, low, r1, r2, r3, r4, speed]) => {
                let route = PriorityRoute { repeaters: [*r1, *r2, *r3, *r4], speed: *speed };
                self.routes.insert(NodeId(u16::from_be_bytes([*high, *low])), route);
            }
            _ => return None,
        }
        Some(())
    }
}

fn checksum(records: &[u8]) -> [u8; CHECKSUM] {
    let [a, b, c, d, ..] = keyed_hash(&[0; 32], records);
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_image_is_not_taken_for_a_network() {
        let info = NodeProtocolInfo { generic: 0x40, flirs_1000ms: true, ..NodeProtocolInfo::default() };
        let nodes = BTreeMap::from([(NodeId(2), info), (NodeId(300), info)]);
        let mut memory = ControllerMemory::new(HomeId(0xC0FF_EE01), nodes, Region::US_LONG_RANGE);
        memory.routes.insert(NodeId(2), PriorityRoute { repeaters: [7, 0, 0, 0], speed: 2 });
        memory.powers = (-35, 10);
        let image = memory.image(4_096);
        assert_eq!((image.len(), ControllerMemory::of_image(&image)), (4_096, Some(memory)));
        for at in [0, 5, 9, 30, 60] {
            let mut damaged = image.clone();
            damaged[at] ^= 0x10;
            assert_eq!(ControllerMemory::of_image(&damaged), None, "a wrong byte at {at}");
        }
        assert_eq!(ControllerMemory::of_image(&image[..40]), None);
        assert_eq!(ControllerMemory::of_image(&[0xFF; 64]), None);
    }
}
