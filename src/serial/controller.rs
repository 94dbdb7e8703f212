//! Information about the controller (docs/protocol/serial-api.md §4: 0x02, 0x05, 0x07, 0x09, 0x0A, 0x15, 0x20, 0xDA,
//! 0xDB).

use std::collections::BTreeSet;

use nom::bytes::complete::{tag, take, take_till};
use nom::combinator::{all_consuming, opt, rest};
use nom::number::complete::{be_u16, be_u32, u8};
use nom::{IResult, Parser};
use serde::{Serialize, Serializer};

use super::codec::{Hex, NodeIdWidth, counted, end_within, mask_of_nodes, nodes_of_mask, put_counted};
use super::function::FunctionId;
use super::node_info::{as_class_list, classes_of, put_classes};
use crate::command::ClassId;
use crate::domain::ids::{HomeId, NodeId};

/// Bytes of the bit mask of classic nodes.
pub const CLASSIC_MASK: usize = 29;

/// Get Init Data's response (0x02): the nodes of the network.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct InitData {
    /// Version of the serial API; from 10 on, 9 more than the official one.
    pub api_version: u8,
    /// Role bits. Implementations differ in them: take the role from Get Controller Capabilities.
    pub capabilities: u8,
    /// Classic nodes, including the controller.
    pub nodes: BTreeSet<NodeId>,
    /// 5, 7 or 8 for the 500, 700 and 800 series; 0 if not reported.
    pub chip_type: u8,
    /// Version of the chip.
    pub chip_version: u8,
}

impl InitData {
    pub(super) fn parse(input: &[u8]) -> IResult<&[u8], Self> {
        let (input, (api_version, capabilities)) = (u8, u8).parse(input)?;
        let (input, mask) = counted(input)?;
        let (input, chip) = opt((u8, u8)).parse(input)?;
        let (chip_type, chip_version) = chip.unwrap_or_default();
        Ok((input, Self { api_version, capabilities, nodes: nodes_of_mask(mask, 1), chip_type, chip_version }))
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend([self.api_version, self.capabilities]);
        put_counted(bytes, &mask_of_nodes(&self.nodes, 1, CLASSIC_MASK));
        bytes.extend([self.chip_type, self.chip_version]);
    }
}

/// Get Controller Capabilities' response (0x05): the role of the controller.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct ControllerCapabilities {
    /// The received bits. In addition to the methods below: 0x10 this controller is the SUC, 0x20 no node was ever
    /// included.
    pub flags: u8,
}

impl ControllerCapabilities {
    /// A secondary controller, which cannot include nodes by itself.
    pub fn is_secondary(self) -> bool {
        self.flags & 0x01 != 0
    }

    /// A SIS is in the network.
    pub fn sis_present(self) -> bool {
        self.flags & 0x04 != 0
    }
}

/// Get Serial API Capabilities' response (0x07): product and supported functions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Capabilities {
    /// Version and revision of the controller's application.
    #[serde(rename = "serial_api_version", serialize_with = "as_dotted")]
    pub version: (u8, u8),
    /// Manufacturer of the controller.
    #[serde(serialize_with = "as_hex16")]
    pub manufacturer: u16,
    #[serde(serialize_with = "as_hex16")]
    pub product_type: u16,
    #[serde(rename = "product_id", serialize_with = "as_hex16")]
    pub product: u16,
    #[serde(rename = "supported_functions", serialize_with = "as_function_list")]
    pub functions: BTreeSet<FunctionId>,
}

impl Capabilities {
    /// Bytes of the function mask.
    const MASK: usize = 32;

    /// Whether the controller supports `function`.
    pub fn supports(&self, function: FunctionId) -> bool {
        self.functions.contains(&function)
    }

    pub(super) fn parse(input: &[u8]) -> IResult<&[u8], Self> {
        let (input, version) = (u8, u8).parse(input)?;
        let (input, (manufacturer, product_type, product)) = (be_u16, be_u16, be_u16).parse(input)?;
        let (input, mask) = rest.parse(input)?;
        let functions = nodes_of_mask(mask, 1).iter().filter_map(|id| u8::try_from(id.0).ok()).map(FunctionId).collect();
        Ok((input, Self { version, manufacturer, product_type, product, functions }))
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend([self.version.0, self.version.1]);
        bytes.extend([self.manufacturer, self.product_type, self.product].iter().flat_map(|id| id.to_be_bytes()));
        let bits: Vec<_> = self.functions.iter().map(|function| NodeId(function.0.into())).collect();
        bytes.extend(mask_of_nodes(&bits, 1, Self::MASK));
    }
}

/// Get Controller Version's response (0x15).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ControllerVersion {
    /// A text such as `Z-Wave 7.18`.
    pub version: String,
    /// 1 static controller, 7 bridge controller; others cannot be used by a host.
    pub library_type: u8,
}

impl ControllerVersion {
    pub(super) fn parse(input: &[u8]) -> IResult<&[u8], Self> {
        let (input, text) = take_till(|byte| byte == 0).parse(input)?;
        let (input, _) = tag(&[0][..]).parse(input)?;
        let (input, library_type) = u8.parse(input)?;
        Ok((input, Self { version: String::from_utf8_lossy(text).into_owned(), library_type }))
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.version.as_bytes());
        bytes.extend([0, self.library_type]);
    }
}

/// Get Protocol Version's response (0x09): the exact SDK.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ProtocolVersion {
    /// 0 Z-Wave, 1 Z-Wave AV, 2 Z-Wave for IP.
    pub protocol_type: u8,
    #[serde(serialize_with = "as_dotted3")]
    pub version: (u8, u8, u8),
    /// Build number of the application.
    pub app_build: Option<u16>,
    /// Hash of the SDK's commit, 16 bytes; often missing.
    #[serde(serialize_with = "super::codec::as_hex", skip_serializing_if = "bytes::Bytes::is_empty")]
    pub commit: bytes::Bytes,
}

impl ProtocolVersion {
    pub(super) fn parse(input: &[u8]) -> IResult<&[u8], Self> {
        let (input, (protocol_type, version)) = (u8, (u8, u8, u8)).parse(input)?;
        let (input, app_build) = opt(be_u16).parse(input)?;
        let (input, commit) = rest.parse(input)?;
        Ok((input, Self { protocol_type, version, app_build, commit: bytes::Bytes::copy_from_slice(commit) }))
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend([self.protocol_type, self.version.0, self.version.1, self.version.2]);
        if let Some(build) = self.app_build {
            bytes.extend(build.to_be_bytes());
            bytes.extend_from_slice(&self.commit);
        }
    }
}

/// Memory Get Id's response (0x20): the identity of network and controller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct MemoryId {
    #[serde(rename = "home_id", serialize_with = "as_home")]
    pub home: HomeId,
    /// Node id of the controller.
    #[serde(rename = "own_node")]
    pub own: NodeId,
}

impl MemoryId {
    pub(super) fn parse(input: &[u8], width: NodeIdWidth) -> IResult<&[u8], Self> {
        let (input, home) = be_u32.parse(input)?;
        let (input, own) = all_consuming(|i| width.node(i)).parse(input)?;
        Ok((input, Self { home: HomeId(home), own }))
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>, width: NodeIdWidth) {
        bytes.extend(self.home.0.to_be_bytes());
        width.put(bytes, self.own);
    }
}

/// The controller started (0x0A). Node ids have 8 bits again; settings and pending callbacks are lost.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SerialApiStarted {
    /// 0 reset pin, 3 watchdog, 5 power up, 6 USB suspend, 7 software reset, 8 emergency watchdog, 9 brown-out.
    pub wake_reason: u8,
    /// Not 0 if the watchdog runs.
    pub watchdog: u8,
    /// Bit 0: always listening.
    pub device_option: u8,
    pub generic: u8,
    pub specific: u8,
    /// The command classes in its node information.
    #[serde(rename = "ccs", serialize_with = "as_class_list")]
    pub classes: Vec<ClassId>,
    /// Bit 0: Long Range. Missing in old firmware.
    #[serde(rename = "supported_protocols", serialize_with = "as_optional_hex")]
    pub protocols: Option<u8>,
}

impl SerialApiStarted {
    pub(super) fn parse(input: &[u8]) -> IResult<&[u8], Self> {
        let (input, (wake_reason, watchdog, device_option)) = (u8, u8, u8).parse(input)?;
        let (input, (generic, specific)) = (u8, u8).parse(input)?;
        let (input, classes) = counted(input)?;
        let (input, protocols) = opt(u8).parse(input)?;
        let classes = classes_of(classes);
        Ok((input, Self { wake_reason, watchdog, device_option, generic, specific, classes, protocols }))
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend([self.wake_reason, self.watchdog, self.device_option, self.generic, self.specific]);
        let mut classes = Vec::new();
        put_classes(&mut classes, &self.classes);
        put_counted(bytes, &classes);
        bytes.extend(self.protocols);
    }
}

/// Get LR Nodes' response (0xDA): one segment of the Long Range nodes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LongRangeNodes {
    /// Whether another segment follows.
    pub more: bool,
    /// Which segment: node ids from 256 + 1024 · segment.
    pub segment: u8,
    /// The nodes in it.
    pub nodes: BTreeSet<NodeId>,
}

impl LongRangeNodes {
    /// Bytes of the mask of one segment.
    const MASK: usize = 128;

    fn first(segment: u8) -> u16 {
        256 + 1024 * u16::from(segment & 0x03)
    }

    pub(super) fn parse(input: &[u8]) -> IResult<&[u8], Self> {
        let (input, (more, segment)) = (u8, u8).parse(input)?;
        let (input, mask) = counted(input)?;
        Ok((input, Self { more: more != 0, segment, nodes: nodes_of_mask(mask, Self::first(segment)) }))
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend([u8::from(self.more), self.segment]);
        put_counted(bytes, &mask_of_nodes(&self.nodes, Self::first(self.segment), Self::MASK));
    }
}

/// Get LR Channel's response (0xDB).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct LongRangeChannel {
    /// 1 = A, 2 = B, 0xFF = automatic, 0 = not supported.
    pub channel: u8,
    /// Bit 4: automatic choice supported, bit 5: active. Missing in older firmware.
    pub auto: Option<u8>,
}

impl LongRangeChannel {
    pub(super) fn parse(input: &[u8]) -> IResult<&[u8], Self> {
        let (input, (channel, auto)) = (u8, opt(u8)).parse(input)?;
        Ok((input, Self { channel, auto }))
    }
}

/// A route to a node (0x92, 0x93, 0x4F, 0x58): up to four repeaters and a rate.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct PriorityRoute {
    /// Ids of the repeaters, 0 where there is none. One byte each: routes are for classic nodes only.
    pub repeaters: [u8; 4],
    /// 1 = 9.6k, 2 = 40k, 3 = 100k.
    pub speed: u8,
}

impl PriorityRoute {
    pub(super) fn parse(input: &[u8]) -> IResult<&[u8], Self> {
        let (input, (repeaters, speed)) = (take(4_usize), u8).parse(input)?;
        let mut route = Self { repeaters: [0; 4], speed };
        route.repeaters.copy_from_slice(repeaters);
        Ok((input, route))
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.repeaters);
        bytes.push(self.speed);
    }
}

/// Get Background RSSI's response (0x3B): noise on each channel.
pub(super) fn parse_background_rssi(input: &[u8]) -> IResult<&[u8], Vec<super::transmit::Rssi>> {
    end_within(input, 4)?;
    Ok((&[], input.iter().map(|byte| super::transmit::Rssi(byte.cast_signed())).collect()))
}

fn as_dotted<S: Serializer>((major, minor): &(u8, u8), serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{major}.{minor}"))
}

fn as_dotted3<S: Serializer>((major, minor, patch): &(u8, u8, u8), serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{major}.{minor}.{patch}"))
}

fn as_hex16<S: Serializer>(number: &u16, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{number:04x}"))
}

fn as_home<S: Serializer>(home: &HomeId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Hex(&home.0.to_be_bytes()))
}

fn as_optional_hex<S: Serializer>(byte: &Option<u8>, serializer: S) -> Result<S::Ok, S::Error> {
    match byte {
        Some(byte) => serializer.collect_str(&Hex(&[*byte])),
        None => serializer.serialize_none(),
    }
}

fn as_function_list<S: Serializer>(functions: &BTreeSet<FunctionId>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(functions.iter().map(|function| Hex(&[function.0]).to_string()))
}
