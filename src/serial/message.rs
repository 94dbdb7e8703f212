//! What a controller sends: responses, callbacks, unsolicited frames.

use std::collections::BTreeSet;

use bytes::Bytes;
use nom::bytes::complete::take;
use nom::combinator::{all_consuming, map, opt};
use nom::number::complete::u8;
use nom::{IResult, Parser};
use serde::Serialize;

use super::codec::{CallbackId, NodeIdWidth, ParseError, as_hex, mask_of_nodes, nodes_of_mask};
use super::controller::{
    CLASSIC_MASK, Capabilities, ControllerCapabilities, ControllerVersion, InitData, LongRangeChannel, LongRangeNodes, MemoryId,
    PriorityRoute, ProtocolVersion, SerialApiStarted, parse_background_rssi,
};
use super::frame::{Frame, FrameType};
use super::function::FunctionId;
use super::node_info::{ApplicationUpdate, InclusionCallback, NodeProtocolInfo};
use super::nvm::{NvmAnswer, NvmBytes, NvmForm, NvmId};
use super::setup::SetupResponse;
use super::transmit::{ApplicationCommand, Rssi, SendDataCallback, SendDataResponse};
use crate::domain::ids::NodeId;

/// A frame from a controller. Serialises as the fields of its payload.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Message {
    /// Get Init Data's response.
    InitData(InitData),
    /// Get Controller Capabilities' response.
    ControllerCapabilities(ControllerCapabilities),
    /// Get Serial API Capabilities' response.
    Capabilities(Capabilities),
    /// Get Controller Version's response.
    ControllerVersion(ControllerVersion),
    /// Get Protocol Version's response.
    ProtocolVersion(ProtocolVersion),
    /// Memory Get Id's response.
    MemoryId(MemoryId),
    /// Set Serial API Timeouts' response: the values before, in 10 ms.
    Timeouts {
        /// Time-out for an ACK.
        old_ack: u8,
        /// Time-out for a byte.
        old_byte: u8,
    },
    /// Serial API Setup's response.
    Setup(SetupResponse),
    /// Get Random's response; empty if the controller failed.
    Random {
        /// The bytes, in hexadecimal when serialised.
        #[serde(serialize_with = "as_hex")]
        random: Bytes,
    },
    /// NVM Get Id's response.
    NvmId(NvmId),
    /// Data of a 500-series controller's memory.
    NvmData {
        #[serde(rename = "data_hex", serialize_with = "as_hex")]
        data: NvmBytes,
    },
    /// Answer of a newer controller to a memory operation.
    Nvm(NvmAnswer),
    /// Get Background RSSI's response, one value per channel.
    BackgroundRssi {
        /// Background noise per channel, in dBm.
        rssi: Vec<Rssi>,
    },
    /// Get Node Protocol Info's response.
    NodeProtocolInfo(NodeProtocolInfo),
    /// Get SUC Node Id's response; node 0: there is none.
    SucNodeId {
        #[serde(rename = "suc_node")]
        node: NodeId,
    },
    /// Get Routing Info's response.
    RoutingInfo {
        /// Neighbours of the node that was asked about.
        neighbors: BTreeSet<NodeId>,
    },
    /// Get Virtual Nodes' response.
    VirtualNodes {
        /// Virtual nodes of the bridge.
        nodes: BTreeSet<NodeId>,
    },
    /// Get Priority Route's response.
    PriorityRoute {
        node: NodeId,
        /// 0 none, 1 last working, 2 next to last, 0x10 application.
        kind: u8,
        #[serde(flatten)]
        route: PriorityRoute,
    },
    /// Set Priority Route's response.
    SetPriorityRoute {
        node: NodeId,
        ok: bool,
    },
    /// Get LR Nodes' response.
    LongRangeNodes(LongRangeNodes),
    /// Get LR Channel's response.
    LongRangeChannel(LongRangeChannel),
    /// Is Failed Node's response.
    IsFailedNode {
        /// The node is on the failed list.
        failed: bool,
    },
    /// Remove or Replace Failed Node's response: 0 started; else why not, as bits 0x02 not primary, 0x04 no callback,
    /// 0x08 node not on the failed list, 0x10 busy, 0x20 failed.
    FailedNodeResponse {
        /// Which of the two functions it answers.
        #[serde(skip)]
        function: FunctionId,
        flags: u8,
    },
    /// Whether a Send Data was accepted.
    SendDataResponse(SendDataResponse),
    /// The response of any other function with one byte: success or failure.
    Response {
        #[serde(skip)]
        function: FunctionId,
        #[serde(rename = "response", serialize_with = "as_number")]
        ok: bool,
    },
    /// The result of a Send Data.
    SendDataCallback(SendDataCallback),
    /// How any other function ended. What `status` means depends on it: a [`TxStatus`](super::transmit::TxStatus) for
    /// return routes and Send Node Information; 0x21 started, 0x22 done, 0x23 failed for a neighbour update; 5 done,
    /// 6 failed for Set SUC; for Remove Failed Node 0 the node answered, 1 removed, 2 not removed; for Replace Failed
    /// Node 0 the node answered, 3 waiting, 4 done, 5 failed.
    Callback {
        #[serde(skip)]
        function: FunctionId,
        #[serde(rename = "callback_id")]
        callback: CallbackId,
        /// The status; `None` for Hard Reset, which has none.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u8>,
    },
    /// Progress of an inclusion, an exclusion or learn mode.
    Inclusion(InclusionCallback),
    /// An Application Update about a node.
    ApplicationUpdate(ApplicationUpdate),
    /// A command from a node.
    ApplicationCommand(ApplicationCommand),
    SerialApiStarted(SerialApiStarted),
    Other {
        #[serde(skip)]
        function: FunctionId,
        #[serde(skip)]
        kind: FrameType,
        #[serde(rename = "args_hex", serialize_with = "as_hex")]
        params: Bytes,
    },
}

impl Message {
    /// Parses a frame from a controller, in the other node id width if it fits only that: the controller may have been
    /// left in 16-bit mode, or have restarted unnoticed.
    pub fn parse(frame: &Frame, width: NodeIdWidth) -> Result<Self, ParseError> {
        Self::parse_detecting(frame, width).map(|(message, _)| message)
    }

    /// As [`Message::parse`], and returns the width of the frame. For frames without node ids that is `width`.
    pub fn parse_detecting(frame: &Frame, width: NodeIdWidth) -> Result<(Self, NodeIdWidth), ParseError> {
        for width in [width, width.other()] {
            if let Ok((_, message)) = Self::parse_as(&frame.params, frame.kind, frame.function, width) {
                return Ok((message, width));
            }
        }
        Err(ParseError::Malformed { function: frame.function, len: frame.params.len() })
    }

    fn parse_as(input: &[u8], kind: FrameType, function: FunctionId, width: NodeIdWidth) -> IResult<&[u8], Self> {
        match kind {
            FrameType::Request => Self::parse_request(input, function, width),
            FrameType::Response => Self::parse_response(input, function, width),
            FrameType::Other(_) => Ok(Self::parse_other(input, kind, function)),
        }
    }

    fn parse_response(input: &[u8], function: FunctionId, width: NodeIdWidth) -> IResult<&[u8], Self> {
        match function {
            FunctionId::GET_SERIAL_API_INIT_DATA => map(InitData::parse, Self::InitData).parse(input),
            FunctionId::GET_CONTROLLER_CAPABILITIES => {
                map(u8, |flags| Self::ControllerCapabilities(ControllerCapabilities { flags })).parse(input)
            }
            FunctionId::GET_SERIAL_API_CAPABILITIES => map(Capabilities::parse, Self::Capabilities).parse(input),
            FunctionId::GET_CONTROLLER_VERSION => map(ControllerVersion::parse, Self::ControllerVersion).parse(input),
            FunctionId::GET_PROTOCOL_VERSION => map(ProtocolVersion::parse, Self::ProtocolVersion).parse(input),
            FunctionId::MEMORY_GET_ID => map(|i| MemoryId::parse(i, width), Self::MemoryId).parse(input),
            FunctionId::SET_SERIAL_API_TIMEOUTS => {
                map((u8, u8), |(old_ack, old_byte)| Self::Timeouts { old_ack, old_byte }).parse(input)
            }
            FunctionId::SERIAL_API_SETUP => map(SetupResponse::parse, Self::Setup).parse(input),
            FunctionId::GET_RANDOM => {
                let (input, (ok, len)) = (u8, u8).parse(input)?;
                let (input, random) = take(if ok == 0 { 0 } else { len }).parse(input)?;
                Ok((input, Self::Random { random: Bytes::copy_from_slice(random) }))
            }
            FunctionId::NVM_GET_ID => map(NvmId::parse, Self::NvmId).parse(input),
            FunctionId::NVM_READ => Ok((&[], Self::NvmData { data: input.into() })),
            FunctionId::NVM_OPERATIONS => map(|i| NvmAnswer::parse(i, NvmForm::Short), Self::Nvm).parse(input),
            FunctionId::NVM_EXTENDED_OPERATIONS => map(|i| NvmAnswer::parse(i, NvmForm::Extended), Self::Nvm).parse(input),
            FunctionId::GET_BACKGROUND_RSSI => map(parse_background_rssi, |rssi| Self::BackgroundRssi { rssi }).parse(input),
            FunctionId::GET_NODE_PROTOCOL_INFO => map(NodeProtocolInfo::parse, Self::NodeProtocolInfo).parse(input),
            FunctionId::GET_SUC_NODE_ID => {
                map(all_consuming(|i| width.any_node(i)), |node| Self::SucNodeId { node }).parse(input)
            }
            FunctionId::GET_ROUTING_INFO => {
                map(take(CLASSIC_MASK), |mask| Self::RoutingInfo { neighbors: nodes_of_mask(mask, 1) }).parse(input)
            }
            FunctionId::GET_VIRTUAL_NODES => {
                map(take(CLASSIC_MASK), |mask| Self::VirtualNodes { nodes: nodes_of_mask(mask, 1) }).parse(input)
            }
            FunctionId::GET_PRIORITY_ROUTE => {
                let (input, (node, kind)) = (|i| width.node(i), u8).parse(input)?;
                let (input, route) = all_consuming(PriorityRoute::parse).parse(input)?;
                Ok((input, Self::PriorityRoute { node, kind, route }))
            }
            FunctionId::SET_PRIORITY_ROUTE => {
                let (input, (node, ok)) = all_consuming((|i| width.node(i), u8)).parse(input)?;
                Ok((input, Self::SetPriorityRoute { node, ok: ok != 0 }))
            }
            FunctionId::GET_LR_NODES => map(LongRangeNodes::parse, Self::LongRangeNodes).parse(input),
            FunctionId::GET_LR_CHANNEL => map(LongRangeChannel::parse, Self::LongRangeChannel).parse(input),
            FunctionId::IS_FAILED_NODE => map(u8, |failed| Self::IsFailedNode { failed: failed != 0 }).parse(input),
            FunctionId::REMOVE_FAILED_NODE | FunctionId::REPLACE_FAILED_NODE => {
                map(u8, |flags| Self::FailedNodeResponse { function, flags }).parse(input)
            }
            FunctionId::SEND_DATA
            | FunctionId::SEND_DATA_MULTI
            | FunctionId::SEND_DATA_BRIDGE
            | FunctionId::SEND_DATA_MULTI_BRIDGE => {
                map(u8, |ok| Self::SendDataResponse(SendDataResponse { function, accepted: ok != 0 })).parse(input)
            }
            FunctionId::SET_RF_RECEIVE_MODE
            | FunctionId::SEND_NODE_INFORMATION
            | FunctionId::ASSIGN_RETURN_ROUTE
            | FunctionId::DELETE_RETURN_ROUTE
            | FunctionId::ASSIGN_PRIORITY_RETURN_ROUTE
            | FunctionId::ASSIGN_SUC_RETURN_ROUTE
            | FunctionId::SET_SUC_NODE_ID
            | FunctionId::DELETE_SUC_RETURN_ROUTE
            | FunctionId::ASSIGN_PRIORITY_SUC_RETURN_ROUTE
            | FunctionId::REQUEST_NODE_INFO
            | FunctionId::NVM_WRITE
            | FunctionId::SHUTDOWN
            | FunctionId::SET_LR_CHANNEL => map(u8, |ok| Self::Response { function, ok: ok != 0 }).parse(input),
            _ => Ok(Self::parse_other(input, FrameType::Response, function)),
        }
    }

    fn parse_request(input: &[u8], function: FunctionId, width: NodeIdWidth) -> IResult<&[u8], Self> {
        match function {
            FunctionId::APPLICATION_COMMAND => {
                map(|i| ApplicationCommand::parse(i, width, false), Self::ApplicationCommand).parse(input)
            }
            FunctionId::BRIDGE_APPLICATION_COMMAND => {
                map(|i| ApplicationCommand::parse(i, width, true), Self::ApplicationCommand).parse(input)
            }
            FunctionId::APPLICATION_UPDATE => map(|i| ApplicationUpdate::parse(i, width), Self::ApplicationUpdate).parse(input),
            FunctionId::SERIAL_API_STARTED => map(SerialApiStarted::parse, Self::SerialApiStarted).parse(input),
            FunctionId::SEND_DATA
            | FunctionId::SEND_DATA_MULTI
            | FunctionId::SEND_DATA_BRIDGE
            | FunctionId::SEND_DATA_MULTI_BRIDGE => {
                map(|i| SendDataCallback::parse(i, function), Self::SendDataCallback).parse(input)
            }
            FunctionId::ADD_NODE_TO_NETWORK | FunctionId::REMOVE_NODE_FROM_NETWORK | FunctionId::SET_LEARN_MODE => {
                map(|i| InclusionCallback::parse(i, width, function), Self::Inclusion).parse(input)
            }
            FunctionId::HARD_RESET
            | FunctionId::SEND_NODE_INFORMATION
            | FunctionId::ASSIGN_RETURN_ROUTE
            | FunctionId::DELETE_RETURN_ROUTE
            | FunctionId::REQUEST_NODE_NEIGHBOR_UPDATE
            | FunctionId::ASSIGN_PRIORITY_RETURN_ROUTE
            | FunctionId::ASSIGN_SUC_RETURN_ROUTE
            | FunctionId::SET_SUC_NODE_ID
            | FunctionId::DELETE_SUC_RETURN_ROUTE
            | FunctionId::ASSIGN_PRIORITY_SUC_RETURN_ROUTE
            | FunctionId::REMOVE_FAILED_NODE
            | FunctionId::REPLACE_FAILED_NODE => {
                let (input, (callback, status)) = (u8, opt(u8)).parse(input)?;
                Ok((input, Self::Callback { function, callback: CallbackId(callback), status }))
            }
            _ => Ok(Self::parse_other(input, FrameType::Request, function)),
        }
    }

    fn parse_other(input: &[u8], kind: FrameType, function: FunctionId) -> (&[u8], Self) {
        (&[], Self::Other { function, kind, params: Bytes::copy_from_slice(input) })
    }

    /// The frame a controller would send. Used by the simulator and by tests.
    pub fn write(&self, width: NodeIdWidth) -> Frame {
        let mut params = Vec::new();
        let (kind, function) = self.put(&mut params, width);
        Frame { kind, function, params: params.into() }
    }

    /// Appends the parameters, and returns the frame type and function.
    fn put(&self, bytes: &mut Vec<u8>, width: NodeIdWidth) -> (FrameType, FunctionId) {
        let response = |function| (FrameType::Response, function);
        let request = |function| (FrameType::Request, function);
        match self {
            Self::InitData(data) => {
                data.put(bytes);
                response(FunctionId::GET_SERIAL_API_INIT_DATA)
            }
            Self::ControllerCapabilities(capabilities) => {
                bytes.push(capabilities.flags);
                response(FunctionId::GET_CONTROLLER_CAPABILITIES)
            }
            Self::Capabilities(capabilities) => {
                capabilities.put(bytes);
                response(FunctionId::GET_SERIAL_API_CAPABILITIES)
            }
            Self::ControllerVersion(version) => {
                version.put(bytes);
                response(FunctionId::GET_CONTROLLER_VERSION)
            }
            Self::ProtocolVersion(version) => {
                version.put(bytes);
                response(FunctionId::GET_PROTOCOL_VERSION)
            }
            Self::MemoryId(id) => {
                id.put(bytes, width);
                response(FunctionId::MEMORY_GET_ID)
            }
            Self::Timeouts { old_ack, old_byte } => {
                bytes.extend([old_ack, old_byte]);
                response(FunctionId::SET_SERIAL_API_TIMEOUTS)
            }
            Self::Setup(setup) => {
                setup.put(bytes);
                response(FunctionId::SERIAL_API_SETUP)
            }
            Self::Random { random } => {
                bytes.push(u8::from(!random.is_empty()));
                super::codec::put_counted(bytes, random);
                response(FunctionId::GET_RANDOM)
            }
            Self::NvmId(id) => {
                id.put(bytes);
                response(FunctionId::NVM_GET_ID)
            }
            Self::NvmData { data } => {
                bytes.extend_from_slice(data);
                response(FunctionId::NVM_READ)
            }
            Self::Nvm(answer) => {
                answer.put(bytes);
                response(answer.form.function())
            }
            Self::BackgroundRssi { rssi } => {
                bytes.extend(rssi.iter().map(|rssi| rssi.0.cast_unsigned()));
                response(FunctionId::GET_BACKGROUND_RSSI)
            }
            Self::NodeProtocolInfo(info) => {
                info.put(bytes);
                response(FunctionId::GET_NODE_PROTOCOL_INFO)
            }
            Self::SucNodeId { node } => {
                width.put(bytes, *node);
                response(FunctionId::GET_SUC_NODE_ID)
            }
            Self::RoutingInfo { neighbors } => {
                bytes.extend(mask_of_nodes(neighbors, 1, CLASSIC_MASK));
                response(FunctionId::GET_ROUTING_INFO)
            }
            Self::VirtualNodes { nodes } => {
                bytes.extend(mask_of_nodes(nodes, 1, CLASSIC_MASK));
                response(FunctionId::GET_VIRTUAL_NODES)
            }
            Self::PriorityRoute { node, kind, route } => {
                width.put(bytes, *node);
                bytes.push(*kind);
                route.put(bytes);
                response(FunctionId::GET_PRIORITY_ROUTE)
            }
            Self::SetPriorityRoute { node, ok } => {
                width.put(bytes, *node);
                bytes.push(u8::from(*ok));
                response(FunctionId::SET_PRIORITY_ROUTE)
            }
            Self::LongRangeNodes(nodes) => {
                nodes.put(bytes);
                response(FunctionId::GET_LR_NODES)
            }
            Self::LongRangeChannel(channel) => {
                bytes.push(channel.channel);
                bytes.extend(channel.auto);
                response(FunctionId::GET_LR_CHANNEL)
            }
            Self::IsFailedNode { failed } => {
                bytes.push(u8::from(*failed));
                response(FunctionId::IS_FAILED_NODE)
            }
            Self::FailedNodeResponse { function, flags } => {
                bytes.push(*flags);
                response(*function)
            }
            Self::SendDataResponse(SendDataResponse { function, accepted: ok }) | Self::Response { function, ok } => {
                bytes.push(u8::from(*ok));
                response(*function)
            }
            Self::SendDataCallback(callback) => {
                callback.put(bytes);
                request(callback.function)
            }
            Self::Callback { function, callback, status } => {
                bytes.push(callback.0);
                bytes.extend(*status);
                request(*function)
            }
            Self::Inclusion(callback) => {
                callback.put(bytes, width);
                request(callback.function)
            }
            Self::ApplicationUpdate(update) => {
                update.put(bytes, width);
                request(FunctionId::APPLICATION_UPDATE)
            }
            Self::ApplicationCommand(command) => {
                command.put(bytes, width);
                request(match command.destination {
                    Some(_) => FunctionId::BRIDGE_APPLICATION_COMMAND,
                    None => FunctionId::APPLICATION_COMMAND,
                })
            }
            Self::SerialApiStarted(started) => {
                started.put(bytes);
                request(FunctionId::SERIAL_API_STARTED)
            }
            Self::Other { function, kind, params } => {
                bytes.extend_from_slice(params);
                (*kind, *function)
            }
        }
    }
}

fn as_number<S: serde::Serializer>(flag: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8((*flag).into())
}
