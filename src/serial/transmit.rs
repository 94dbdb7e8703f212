//! Application payloads to and from nodes: all forms of Send Data, their results, and commands of nodes
//! (docs/protocol/serial-api.md §4: 0x13, 0x14, 0xA9, 0xAB, 0x04, 0xA8).

use nom::bytes::complete::take;
use nom::combinator::{all_consuming, opt};
use nom::number::complete::{be_u16, i8, u8};
use nom::{IResult, Parser};
use serde::{Serialize, Serializer};

use super::codec::{CallbackId, NodeIdWidth, Payload, as_hex, counted, end_within, put_counted};
use super::function::FunctionId;
use crate::domain::ids::NodeId;
use crate::domain::node::Beam;

/// Transmit options: a bit set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct TxOptions(pub u8);

impl TxOptions {
    /// Ask the receiver for an acknowledgement.
    pub const ACK: Self = Self(0x01);
    /// ACK, automatic routes and explorer frames: the normal way.
    pub const NORMAL: Self = Self(0x25);
    /// ACK and automatic routes, without the slow explorer: for Nonce Reports, which expire soon.
    pub const NONCE: Self = Self(0x05);
}

/// A payload for one node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SendData {
    pub node: NodeId,
    #[serde(rename = "payload")]
    pub data: Payload,
    #[serde(rename = "tx_options")]
    pub options: TxOptions,
    /// Connects the result with this request.
    #[serde(rename = "callback_id")]
    pub callback: CallbackId,
}

impl SendData {
    pub(super) fn put(&self, bytes: &mut Vec<u8>, width: NodeIdWidth, bridge: bool) {
        width.put(bytes, self.node);
        put_counted(bytes, &self.data);
        bytes.push(self.options.0);
        if bridge {
            // A fixed route, which is not used.
            bytes.extend_from_slice(&[0; 4]);
        }
        bytes.push(self.callback.0);
    }

    pub(super) fn parse(input: &[u8], width: NodeIdWidth, bridge: bool) -> IResult<&[u8], Self> {
        let (input, node) = width.node(input)?;
        let (input, data) = counted(input)?;
        let (input, options) = u8.parse(input)?;
        let (input, _) = take(if bridge { 4_usize } else { 0 }).parse(input)?;
        let (input, callback) = all_consuming(u8).parse(input)?;
        let callback = CallbackId(callback);
        Ok((input, Self { node, data: data.into(), options: TxOptions(options), callback }))
    }
}

/// A payload for several nodes, without acknowledgements.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SendDataMulti {
    pub nodes: Vec<NodeId>,
    #[serde(rename = "payload")]
    pub data: Payload,
    #[serde(rename = "tx_options")]
    pub options: TxOptions,
    /// Connects the result with this request.
    #[serde(rename = "callback_id")]
    pub callback: CallbackId,
}

impl SendDataMulti {
    pub(super) fn put(&self, bytes: &mut Vec<u8>, width: NodeIdWidth) {
        bytes.push(u8::try_from(self.nodes.len()).unwrap_or(u8::MAX));
        self.nodes.iter().for_each(|node| width.put(bytes, *node));
        put_counted(bytes, &self.data);
        bytes.extend_from_slice(&[self.options.0, self.callback.0]);
    }

    pub(super) fn parse(input: &[u8], width: NodeIdWidth) -> IResult<&[u8], Self> {
        let (mut input, count) = u8.parse(input)?;
        let mut nodes = Vec::new();
        for _ in 0..count {
            let (rest, node) = width.node(input)?;
            nodes.push(node);
            input = rest;
        }
        let (input, data) = counted(input)?;
        let (input, (options, callback)) = all_consuming((u8, u8)).parse(input)?;
        let callback = CallbackId(callback);
        Ok((input, Self { nodes, data: data.into(), options: TxOptions(options), callback }))
    }
}

/// Whether the controller accepted a payload. If not (queue full or busy), no callback follows: try again after at
/// least 100 ms.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct SendDataResponse {
    /// Which form of Send Data it answers.
    #[serde(skip)]
    pub function: FunctionId,
    #[serde(rename = "sent")]
    pub accepted: bool,
}

/// The result of a transmission.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct TxStatus(pub u8);

impl TxStatus {
    /// Acknowledged; without the ACK option: sent.
    pub const OK: Self = Self(0);
    /// Not acknowledged: asleep, missed the beam, or dead.
    pub const NO_ACK: Self = Self(1);
    /// Could not be sent: the radio is jammed. Says nothing about the node.
    pub const FAIL: Self = Self(2);
    /// The controller was busy routing.
    pub const NOT_IDLE: Self = Self(3);
    /// No route to the node.
    pub const NO_ROUTE: Self = Self(4);
}

/// A received signal strength as the controller reports it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Rssi(pub i8);

impl Rssi {
    pub const NOT_AVAILABLE: Self = Self(127);
}

/// dBm, or why there is no figure.
impl Serialize for Rssi {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            127 => serializer.serialize_str("n/a"),
            126 => serializer.serialize_str("saturated"),
            125 => serializer.serialize_str("no signal"),
            dbm => serializer.serialize_i8(dbm),
        }
    }
}

/// The transmit report. Old firmware reports less (parts are `None`), or nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TxReport {
    /// From start to outcome, beam included, in units of 10 ms.
    #[serde(rename = "tx_ticks_10ms")]
    pub ticks: u16,
    /// The route, from SDK 6.7x on.
    #[serde(flatten)]
    pub route: Option<RouteReport>,
    /// Powers at both ends: up to five figures, from 700-series on. Own TX power, own noise floor, the receiver's TX
    /// power for its ACK, its RSSI of our frame, its noise floor (the last three: Long Range only).
    #[serde(rename = "powers", skip_serializing_if = "Vec::is_empty")]
    pub powers: Vec<Rssi>,
}

/// The part of a [`TxReport`] about the route.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RouteReport {
    /// Number of repeaters on the way.
    pub repeaters_used: u8,
    /// Strength of the ACK; meaningless unless acknowledged.
    pub ack_rssi: Rssi,
    /// Strength at each repeater.
    pub repeater_rssi: [Rssi; 4],
    /// Channel of the ACK.
    pub ack_channel: u8,
    /// Channel of the frame.
    pub tx_channel: u8,
    /// 1 direct, 2 application priority, 3 last working, 4 next to last, 5 auto, 6 resort direct, 7 explore.
    pub routing_scheme: u8,
    /// Ids of the repeaters, 0 where there is none. One byte each, whatever the width (Z-Wave JS).
    pub last_route: [u8; 4],
    /// A beam of 1000 ms went before.
    pub beam_1000ms: bool,
    /// A beam of 250 ms went before.
    pub beam_250ms: bool,
    /// 1 = 9.6k, 2 = 40k, 3 = 100k, 4 = Long Range.
    pub route_speed: u8,
    /// How many attempts it took.
    pub routing_attempts: u8,
    /// The last link that failed, from and to; 0 if none.
    pub failed_link: (u8, u8),
}

impl RouteReport {
    /// The beam that woke the receiver, if any.
    pub fn beam(&self) -> Option<Beam> {
        match (self.beam_1000ms, self.beam_250ms) {
            (true, _) => Some(Beam::Ms1000),
            (false, true) => Some(Beam::Ms250),
            (false, false) => None,
        }
    }

    fn parse(input: &[u8]) -> IResult<&[u8], Self> {
        let (input, (repeaters_used, ack)) = (u8, i8).parse(input)?;
        let (input, (r1, r2, r3, r4)) = (i8, i8, i8, i8).parse(input)?;
        let (input, (ack_channel, tx_channel, routing_scheme)) = (u8, u8, u8).parse(input)?;
        let (input, (n1, n2, n3, n4)) = (u8, u8, u8, u8).parse(input)?;
        let (input, (speed, routing_attempts, from, to)) = (u8, u8, u8, u8).parse(input)?;
        let report = Self {
            repeaters_used,
            ack_rssi: Rssi(ack),
            repeater_rssi: [Rssi(r1), Rssi(r2), Rssi(r3), Rssi(r4)],
            ack_channel,
            tx_channel,
            routing_scheme,
            last_route: [n1, n2, n3, n4],
            beam_1000ms: speed & 0x40 != 0,
            beam_250ms: speed & 0x20 != 0,
            route_speed: speed & 0x07,
            routing_attempts,
            failed_link: (from, to),
        };
        Ok((input, report))
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend([self.repeaters_used, self.ack_rssi.0.cast_unsigned()]);
        bytes.extend(self.repeater_rssi.map(|rssi| rssi.0.cast_unsigned()));
        bytes.extend([self.ack_channel, self.tx_channel, self.routing_scheme]);
        bytes.extend(self.last_route);
        let beam = u8::from(self.beam_1000ms) << 6 | u8::from(self.beam_250ms) << 5;
        bytes.extend([beam | self.route_speed & 0x07, self.routing_attempts, self.failed_link.0, self.failed_link.1]);
    }
}

impl TxReport {
    fn parse(input: &[u8]) -> IResult<&[u8], Self> {
        let (input, ticks) = be_u16.parse(input)?;
        let (input, route) = opt(RouteReport::parse).parse(input)?;
        let powers = match route {
            Some(_) => input.iter().take(5).map(|byte| Rssi(byte.cast_signed())).collect(),
            None => Vec::new(),
        };
        Ok((&[], Self { ticks, route, powers }))
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.ticks.to_be_bytes());
        let Some(route) = &self.route else { return };
        route.put(bytes);
        bytes.extend(self.powers.iter().take(5).map(|power| power.0.cast_unsigned()));
    }
}

/// The outcome of a SendData, in all its forms.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SendDataCallback {
    /// Which form of Send Data it belongs to.
    #[serde(skip)]
    pub function: FunctionId,
    #[serde(rename = "callback_id")]
    pub callback: CallbackId,
    #[serde(rename = "tx_status")]
    pub status: TxStatus,
    /// The transmit report, if switched on (Setup 0x02) and supported.
    #[serde(flatten)]
    pub report: Option<TxReport>,
}

impl SendDataCallback {
    pub(super) fn parse(input: &[u8], function: FunctionId) -> IResult<&[u8], Self> {
        let (input, (callback, status)) = (u8, u8).parse(input)?;
        let (_, report) = opt(TxReport::parse).parse(input)?;
        Ok((&[], Self { function, callback: CallbackId(callback), status: TxStatus(status), report }))
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend([self.callback.0, self.status.0]);
        if let Some(report) = &self.report {
            report.put(bytes);
        }
    }
}

/// How a frame reached the controller: a bit set.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
#[serde(transparent)]
pub struct RxStatus(pub u8);

impl RxStatus {
    /// Multicast or broadcast: a Get in it must not be answered unless it came under S2.
    pub fn is_multicast(self) -> bool {
        self.0 & 0x0C != 0
    }

    /// From another network, so it is ignored.
    pub fn is_foreign(self) -> bool {
        self.0 & 0xC0 != 0
    }
}

/// A command from a node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ApplicationCommand {
    #[serde(rename = "rx_status")]
    pub rx: RxStatus,
    /// The destination node id; `None` unless the controller has the bridge library (0xA8).
    #[serde(rename = "dest_node", skip_serializing_if = "Option::is_none")]
    pub destination: Option<NodeId>,
    #[serde(rename = "node")]
    pub source: NodeId,
    pub payload: Payload,
    /// Receivers of a multicast, as a bit mask (0xA8 only; mostly empty).
    #[serde(serialize_with = "as_hex", skip_serializing_if = "bytes::Bytes::is_empty")]
    pub multicast_mask: bytes::Bytes,
    /// Signal strength; missing in old firmware.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rssi: Option<Rssi>,
    /// Bytes that newer firmware appends: security key, and two powers from the 700-series on.
    #[serde(rename = "trailing_hex", serialize_with = "as_hex", skip_serializing_if = "bytes::Bytes::is_empty")]
    pub trailing: bytes::Bytes,
}

impl ApplicationCommand {
    /// The maximum number of bytes seen after the RSSI. More means that the frame was parsed with the wrong node id
    /// width.
    const MOST_TRAILING: usize = 4;

    pub(super) fn parse(input: &[u8], width: NodeIdWidth, bridge: bool) -> IResult<&[u8], Self> {
        let (input, rx) = u8.parse(input)?;
        let (input, destination) = if bridge { width.node(input).map(|(i, n)| (i, Some(n)))? } else { (input, None) };
        let (input, source) = width.node(input)?;
        let (input, payload) = counted(input)?;
        let (input, mask) = if bridge {
            // The upper three bits are an offset in classic multicast headers.
            let (input, len) = u8.parse(input)?;
            take(len & 0x1F).parse(input)?
        } else {
            (input, &[][..])
        };
        let (trailing, rssi) = opt(i8).parse(input)?;
        end_within(trailing, Self::MOST_TRAILING)?;
        let command = Self {
            rx: RxStatus(rx),
            destination,
            source,
            payload: payload.into(),
            multicast_mask: bytes::Bytes::copy_from_slice(mask),
            rssi: rssi.map(Rssi),
            trailing: bytes::Bytes::copy_from_slice(trailing),
        };
        Ok((&[], command))
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>, width: NodeIdWidth) {
        bytes.push(self.rx.0);
        if let Some(destination) = self.destination {
            width.put(bytes, destination);
        }
        width.put(bytes, self.source);
        put_counted(bytes, &self.payload);
        if self.destination.is_some() {
            put_counted(bytes, &self.multicast_mask);
        }
        if let Some(rssi) = self.rssi {
            bytes.push(rssi.0.cast_unsigned());
            bytes.extend_from_slice(&self.trailing);
        }
    }
}
