//! Information about nodes: protocol info, node information frames, updates, inclusion and exclusion
//! (docs/protocol/serial-api.md §4: 0x41, 0x49, 0x4A, 0x4B).

use nom::bytes::complete::take;
use nom::combinator::opt;
use nom::number::complete::{be_u32, u8};
use nom::{IResult, Parser};
use serde::{Serialize, Serializer};

use super::codec::{CallbackId, Hex, NodeIdWidth, as_0x, end_within, inconsistent, put_counted};
use super::function::FunctionId;
use crate::command::ClassId;
use crate::domain::ids::{HomeId, NodeId};
use crate::domain::node::{Beam, NodeProtocol};

/// Get Node Protocol Info's response (0x41).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct NodeProtocolInfo {
    /// Always listening: mains powered.
    pub listening: bool,
    pub routing: bool,
    /// 2 = up to 40k, 1 = 9.6k only.
    pub speed_bits: u8,
    /// 1 = ZDK 2.0, 2 = 4.2x/5.0x, 3 = 4.5x/6.0x and up.
    pub protocol_version: u8,
    /// Supports more than its device class requires.
    pub optional: bool,
    /// Listens for a beam each second.
    pub flirs_1000ms: bool,
    /// Listens for a beam four times a second.
    pub flirs_250ms: bool,
    pub beaming: bool,
    /// An end node that keeps return routes.
    pub routing_end_node: bool,
    /// A specific device class follows.
    pub specific_present: bool,
    pub controller: bool,
    /// Legacy "security" bit, unrelated to S0 and S2.
    pub security: bool,
    /// 1 = 100k, 2 = Long Range 100k.
    pub speed_ext: u8,
    pub basic: u8,
    /// Generic device class; 0 = this node is not in the network.
    pub generic: u8,
    pub specific: u8,
}

impl NodeProtocolInfo {
    /// Whether the node is in the network at all.
    pub fn exists(&self) -> bool {
        self.generic != 0
    }

    pub(super) fn parse(input: &[u8]) -> IResult<&[u8], Self> {
        let (input, (capability, security, reserved)) = (u8, u8, u8).parse(input)?;
        let (input, (basic, generic)) = (u8, u8).parse(input)?;
        // Some controllers omit the specific class if there is none.
        let (input, specific) = opt(u8).parse(input)?;
        let info = Self {
            listening: capability & 0x80 != 0,
            routing: capability & 0x40 != 0,
            speed_bits: capability >> 3 & 0x07,
            protocol_version: capability & 0x07,
            optional: security & 0x80 != 0,
            flirs_1000ms: security & 0x40 != 0,
            flirs_250ms: security & 0x20 != 0,
            beaming: security & 0x10 != 0,
            routing_end_node: security & 0x08 != 0,
            specific_present: security & 0x04 != 0,
            controller: security & 0x02 != 0,
            security: security & 0x01 != 0,
            speed_ext: reserved & 0x07,
            basic,
            generic,
            specific: specific.unwrap_or(0),
        };
        Ok((input, info))
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        let flags = |bits: [bool; 8]| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
        bytes.push(
            u8::from(self.listening) << 7
                | u8::from(self.routing) << 6
                | (self.speed_bits & 0x07) << 3
                | self.protocol_version & 0x07,
        );
        bytes.push(flags([
            self.optional,
            self.flirs_1000ms,
            self.flirs_250ms,
            self.beaming,
            self.routing_end_node,
            self.specific_present,
            self.controller,
            self.security,
        ]));
        bytes.extend([self.speed_ext & 0x07, self.basic, self.generic, self.specific]);
    }
}

impl From<&NodeProtocolInfo> for NodeProtocol {
    fn from(info: &NodeProtocolInfo) -> Self {
        let beam = match (info.flirs_1000ms, info.flirs_250ms) {
            (true, _) => Some(Beam::Ms1000),
            (false, true) => Some(Beam::Ms250),
            (false, false) => None,
        };
        let NodeProtocolInfo { listening, basic, generic, specific, .. } = *info;
        Self { listening, beam, basic, generic, specific }
    }
}

/// A node information frame: device classes and command classes.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct NodeInformation {
    pub basic: u8,
    pub generic: u8,
    pub specific: u8,
    /// Command classes that the node supports without encryption.
    #[serde(rename = "supported_ccs", serialize_with = "as_class_list")]
    pub supported: Vec<ClassId>,
    /// Command classes the node controls.
    #[serde(rename = "controlled_ccs", serialize_with = "as_class_list")]
    pub controlled: Vec<ClassId>,
}

impl NodeInformation {
    /// Separates supported from controlled classes.
    const MARK: u8 = 0xEF;

    /// Parses device and command classes that a length byte counts; length 0 is `None`.
    pub(super) fn parse_counted(input: &[u8]) -> IResult<&[u8], Option<Self>> {
        let (input, len) = u8.parse(input)?;
        if len == 0 {
            return Ok((input, None));
        }
        let (input, body) = take(len).parse(input)?;
        let [basic, generic, rest @ ..] = body else { return Err(inconsistent(input)) };
        let (specific, classes) = rest.split_first().unwrap_or((&0, &[]));
        let mut lists = classes.splitn(2, |byte| *byte == Self::MARK).map(classes_of);
        let (supported, controlled) = (lists.next().unwrap_or_default(), lists.next().unwrap_or_default());
        Ok((input, Some(Self { basic: *basic, generic: *generic, specific: *specific, supported, controlled })))
    }

    pub(super) fn put_counted(info: Option<&Self>, bytes: &mut Vec<u8>) {
        let Some(info) = info else { return bytes.push(0) };
        let mut body = vec![info.basic, info.generic, info.specific];
        put_classes(&mut body, &info.supported);
        if !info.controlled.is_empty() {
            body.push(Self::MARK);
            put_classes(&mut body, &info.controlled);
        }
        put_counted(bytes, &body);
    }
}

/// Class numbers: one byte each, two from 0xF1 on. A missing second byte reads as 0.
pub(super) fn classes_of(bytes: &[u8]) -> Vec<ClassId> {
    let mut bytes = bytes.iter().copied();
    let class = || match bytes.next()? {
        high @ 0xF1.. => Some(ClassId(u16::from_be_bytes([high, bytes.next().unwrap_or(0)]))),
        low => Some(ClassId(low.into())),
    };
    std::iter::from_fn(class).collect()
}

/// Appends class numbers, as [`classes_of`] reads them.
pub(super) fn put_classes(bytes: &mut Vec<u8>, classes: &[ClassId]) {
    for class in classes {
        let [high, low] = class.0.to_be_bytes();
        if high != 0 {
            bytes.push(high);
        }
        bytes.push(low);
    }
}

/// Serialises classes as `["5e", "f100"]`.
pub(super) fn as_class_list<S: Serializer>(classes: &[ClassId], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(classes.iter().map(|class| {
        let [high, low] = class.0.to_be_bytes();
        if high == 0 { Hex(&[low]).to_string() } else { Hex(&[high, low]).to_string() }
    }))
}

/// What an Application Update is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct UpdateStatus(#[serde(serialize_with = "as_0x")] pub u8);

impl UpdateStatus {
    /// The id of the SUC changed.
    pub const SUC_ID: Self = Self(0x10);
    /// Another controller removed a node.
    pub const NODE_REMOVED: Self = Self(0x20);
    /// Another controller added a node.
    pub const NODE_ADDED: Self = Self(0x40);
    pub const ROUTING_PENDING: Self = Self(0x80);
    /// Request Node Info failed; the node id is often 0.
    pub const NODE_INFO_REQUEST_FAILED: Self = Self(0x81);
    /// Request Node Info was sent.
    pub const NODE_INFO_REQUEST_DONE: Self = Self(0x82);
    /// A node information frame arrived, requested or unsolicited.
    pub const NODE_INFO_RECEIVED: Self = Self(0x84);
    /// A SmartStart device asks to be included.
    pub const SMART_START_PRIME: Self = Self(0x85);
    /// An included SmartStart device was powered up.
    pub const SMART_START_INIF: Self = Self(0x86);
    /// A SmartStart device asks to be included over Long Range.
    pub const SMART_START_PRIME_LONG_RANGE: Self = Self(0x87);

    fn is_smart_start(self) -> bool {
        matches!(self, Self::SMART_START_PRIME | Self::SMART_START_INIF | Self::SMART_START_PRIME_LONG_RANGE)
    }
}

/// An update about a node (0x49).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ApplicationUpdate {
    pub status: UpdateStatus,
    /// The node; 0 if the controller does not report it.
    pub node: NodeId,
    /// SmartStart: how the frame was received, and the home id of the waiting device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smart_start: Option<SmartStart>,
    /// Its node information frame.
    #[serde(flatten)]
    pub info: Option<NodeInformation>,
}

/// The part of an [`ApplicationUpdate`] about a SmartStart device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct SmartStart {
    /// How the frame was received.
    pub rx_status: u8,
    /// The home id that the device derived from its DSK: identifies it among the expected devices.
    pub nwi_home_id: HomeId,
}

impl ApplicationUpdate {
    pub(super) fn parse(input: &[u8], width: NodeIdWidth) -> IResult<&[u8], Self> {
        let (input, status) = u8.map(UpdateStatus).parse(input)?;
        let (mut input, node) = opt(|i| width.any_node(i)).parse(input)?;
        let mut smart_start = None;
        if status.is_smart_start() {
            let (rest, (rx_status, home)) = (u8, be_u32).parse(input)?;
            smart_start = Some(SmartStart { rx_status, nwi_home_id: HomeId(home) });
            input = rest;
        }
        let (rest, info) = opt(NodeInformation::parse_counted).parse(input)?;
        let info = info.flatten();
        end_within(rest, if info.is_some() { 2 } else { 0 })?;
        let node = node.unwrap_or(NodeId(0));
        // A node information frame has a sender; without one it was parsed with the wrong width.
        if status == UpdateStatus::NODE_INFO_RECEIVED && !width.holds(node) {
            return Err(inconsistent(rest));
        }
        Ok((&[], Self { status, node, smart_start, info }))
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>, width: NodeIdWidth) {
        bytes.push(self.status.0);
        width.put(bytes, self.node);
        if let Some(smart_start) = &self.smart_start {
            bytes.push(smart_start.rx_status);
            bytes.extend(smart_start.nwi_home_id.0.to_be_bytes());
        }
        NodeInformation::put_counted(self.info.as_ref(), bytes);
    }
}

/// Progress of an inclusion or exclusion.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct InclusionStatus(pub u8);

impl InclusionStatus {
    /// The controller is ready; put the device into learn mode.
    pub const READY: Self = Self(1);
    /// A device was found.
    pub const NODE_FOUND: Self = Self(2);
    /// An end node is being added or removed.
    pub const END_NODE: Self = Self(3);
    /// A controller is being added or removed.
    pub const CONTROLLER: Self = Self(4);
    /// The protocol part is done: stop now, with a callback id.
    pub const PROTOCOL_DONE: Self = Self(5);
    pub const DONE: Self = Self(6);
    pub const FAILED: Self = Self(7);
    /// This controller is not the primary controller.
    pub const NOT_PRIMARY: Self = Self(0x23);
}

/// Add Node's, Remove Node's and Set Learn Mode's callbacks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct InclusionCallback {
    /// Which of the three functions.
    #[serde(skip)]
    pub function: FunctionId,
    #[serde(rename = "callback_id")]
    pub callback: CallbackId,
    /// How far it got.
    pub status: InclusionStatus,
    /// The node; 0 if there is none, or for a node of another network.
    pub node: NodeId,
    #[serde(flatten)]
    pub info: Option<NodeInformation>,
}

impl InclusionCallback {
    pub(super) fn parse(input: &[u8], width: NodeIdWidth, function: FunctionId) -> IResult<&[u8], Self> {
        let (input, (callback, status)) = (u8, u8).parse(input)?;
        let (input, node) = opt(|i| width.any_node(i)).parse(input)?;
        let (rest, info) = opt(NodeInformation::parse_counted).parse(input)?;
        end_within(rest, 2)?;
        let (callback, status) = (CallbackId(callback), InclusionStatus(status));
        Ok((&[], Self { function, callback, status, node: node.unwrap_or(NodeId(0)), info: info.flatten() }))
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>, width: NodeIdWidth) {
        bytes.extend([self.callback.0, self.status.0]);
        width.put(bytes, self.node);
        NodeInformation::put_counted(self.info.as_ref(), bytes);
    }
}
