//! The parameters of each request, written and parsed.

use bytes::Bytes;
use nom::combinator::{map, opt};
use nom::number::complete::{be_u16, be_u32, u8};
use nom::{IResult, Parser};

use super::{AddNode, NodeCall, Request, SetNodeInformation, SmartStartIds};
use crate::domain::ids::{HomeId, NodeId};
use crate::serial::codec::{CallbackId, NodeIdWidth, counted, end_within, put_counted};
use crate::serial::controller::PriorityRoute;
use crate::serial::function::FunctionId;
use crate::serial::node_info::{classes_of, put_classes};
use crate::serial::nvm::{self, NvmForm, NvmOperation};
use crate::serial::setup::SetupRequest;
use crate::serial::transmit::{SendData, SendDataMulti, TxOptions};

/// Get Routing Info: leave out bad links.
const REMOVE_BAD: u8 = 0x80;
/// Get Routing Info: without nodes that do not repeat.
const REMOVE_NON_REPEATERS: u8 = 0x40;

impl Request {
    pub(super) fn put(&self, bytes: &mut Vec<u8>, width: NodeIdWidth) {
        match self {
            Self::GetSerialApiInitData
            | Self::GetControllerCapabilities
            | Self::GetCapabilities
            | Self::SoftReset
            | Self::GetProtocolVersion
            | Self::GetControllerVersion
            | Self::SendDataAbort
            | Self::MemoryGetId
            | Self::NvmGetId
            | Self::GetBackgroundRssi
            | Self::GetSucNodeId
            | Self::GetVirtualNodes
            | Self::StartWatchdog
            | Self::StopWatchdog
            | Self::Shutdown
            | Self::GetLongRangeChannel => {}
            Self::SetNodeInformation(info) => {
                bytes.extend([info.device_options, info.generic, info.specific]);
                let mut classes = Vec::new();
                put_classes(&mut classes, &info.classes);
                put_counted(bytes, &classes);
            }
            Self::SetTimeouts { ack_10ms, byte_10ms } => bytes.extend([ack_10ms, byte_10ms]),
            Self::Setup(setup) => setup.put(bytes),
            Self::SetRfReceiveMode { on } => bytes.push((*on).into()),
            Self::SendNodeInformation { node, options, callback } => {
                width.put(bytes, *node);
                bytes.extend([options.0, callback.0]);
            }
            Self::SendData(send) => send.put(bytes, width, false),
            Self::SendDataMulti(send) => send.put(bytes, width),
            Self::GetRandom { n } => bytes.push(*n),
            Self::NvmRead { offset, len } => {
                nvm::put_offset(bytes, *offset);
                bytes.extend(len.to_be_bytes());
            }
            Self::NvmWrite { offset, data } => {
                nvm::put_offset(bytes, *offset);
                nvm::put_long(bytes, data);
            }
            Self::Nvm { form, operation } => operation.put(bytes, *form),
            Self::GetNodeProtocolInfo { node }
            | Self::RequestNodeInfo { node }
            | Self::IsFailedNode { node }
            | Self::GetPriorityRoute { node } => width.put(bytes, *node),
            Self::HardReset { callback } => bytes.push(callback.0),
            Self::AssignReturnRoute { node, destination, callback } => {
                width.put(bytes, *node);
                width.put(bytes, *destination);
                bytes.push(callback.0);
            }
            Self::DeleteReturnRoute(call)
            | Self::RequestNodeNeighborUpdate(call)
            | Self::AssignSucReturnRoute(call)
            | Self::DeleteSucReturnRoute(call)
            | Self::RemoveFailedNode(call)
            | Self::ReplaceFailedNode(call) => {
                width.put(bytes, call.node);
                bytes.push(call.callback.0);
            }
            Self::AddNode(AddNode { mode, callback, smart_start }) => {
                bytes.extend([*mode, callback.0]);
                if let Some(ids) = smart_start {
                    bytes.extend(ids.nwi_home_id.0.to_be_bytes());
                    bytes.extend(ids.auth_home_id.0.to_be_bytes());
                }
            }
            Self::RemoveNode { mode, callback } | Self::SetLearnMode { mode, callback } => bytes.extend([*mode, callback.0]),
            Self::AssignPriorityReturnRoute { node, destination, route, callback } => {
                width.put(bytes, *node);
                width.put(bytes, *destination);
                route.put(bytes);
                bytes.push(callback.0);
            }
            Self::SetSucNodeId { node, suc, options, sis, callback } => {
                width.put(bytes, *node);
                bytes.extend([(*suc).into(), options.0, (*sis).into(), callback.0]);
            }
            Self::AssignPrioritySucReturnRoute { node, route, callback } => {
                width.put(bytes, *node);
                route.put(bytes);
                bytes.push(callback.0);
            }
            Self::GetRoutingInfo { node, remove_bad, remove_non_repeaters } => {
                width.put(bytes, *node);
                let bad = if *remove_bad { REMOVE_BAD } else { 0 };
                let non_repeaters = if *remove_non_repeaters { REMOVE_NON_REPEATERS } else { 0 };
                bytes.extend([bad | non_repeaters, 0]);
            }
            Self::SetPriorityRoute { node, route } => {
                width.put(bytes, *node);
                if let Some(route) = route {
                    route.put(bytes);
                }
            }
            Self::SendDataBridge { source, send } => {
                width.put(bytes, *source);
                send.put(bytes, width, true);
            }
            Self::SendDataMultiBridge { source, send } => {
                width.put(bytes, *source);
                send.put(bytes, width);
            }
            Self::GetLongRangeNodes { segment } => bytes.push(*segment),
            Self::SetLongRangeChannel { channel } => bytes.push(*channel),
            Self::Other { params, .. } => bytes.extend_from_slice(params),
        }
    }

    /// Parses the parameters of `function`, which must be consumed completely.
    pub(super) fn parse_as(input: &[u8], function: FunctionId, width: NodeIdWidth) -> IResult<&[u8], Self> {
        let (rest, request) = Self::parse_params(input, function, width)?;
        end_within(rest, 0)?;
        Ok((rest, request))
    }

    fn parse_params(input: &[u8], function: FunctionId, width: NodeIdWidth) -> IResult<&[u8], Self> {
        let node = |i| width.node(i);
        let callback = |i| map(u8, CallbackId).parse(i);
        let call = |i| map((node, callback), |(node, callback)| NodeCall { node, callback }).parse(i);
        match function {
            FunctionId::GET_SERIAL_API_INIT_DATA => Ok((input, Self::GetSerialApiInitData)),
            FunctionId::APPLICATION_NODE_INFORMATION => {
                map((u8, u8, u8, counted), |(device_options, generic, specific, classes)| {
                    let classes = classes_of(classes);
                    Self::SetNodeInformation(SetNodeInformation { device_options, generic, specific, classes })
                })
                .parse(input)
            }
            FunctionId::GET_CONTROLLER_CAPABILITIES => Ok((input, Self::GetControllerCapabilities)),
            FunctionId::SET_SERIAL_API_TIMEOUTS => {
                map((u8, u8), |(ack_10ms, byte_10ms)| Self::SetTimeouts { ack_10ms, byte_10ms }).parse(input)
            }
            FunctionId::GET_SERIAL_API_CAPABILITIES => Ok((input, Self::GetCapabilities)),
            FunctionId::SOFT_RESET => Ok((input, Self::SoftReset)),
            FunctionId::GET_PROTOCOL_VERSION => Ok((input, Self::GetProtocolVersion)),
            FunctionId::SERIAL_API_SETUP => map(SetupRequest::parse, Self::Setup).parse(input),
            FunctionId::SET_RF_RECEIVE_MODE => map(u8, |on| Self::SetRfReceiveMode { on: on != 0 }).parse(input),
            FunctionId::SEND_NODE_INFORMATION => map((node, u8, callback), |(node, options, callback)| {
                Self::SendNodeInformation { node, options: TxOptions(options), callback }
            })
            .parse(input),
            FunctionId::SEND_DATA => map(|i| SendData::parse(i, width, false), Self::SendData).parse(input),
            FunctionId::SEND_DATA_MULTI => map(|i| SendDataMulti::parse(i, width), Self::SendDataMulti).parse(input),
            FunctionId::GET_CONTROLLER_VERSION => Ok((input, Self::GetControllerVersion)),
            FunctionId::SEND_DATA_ABORT => Ok((input, Self::SendDataAbort)),
            // Without a number, 32 bytes are meant.
            FunctionId::GET_RANDOM => map(opt(u8), |n| Self::GetRandom { n: n.unwrap_or(32) }).parse(input),
            FunctionId::MEMORY_GET_ID => Ok((input, Self::MemoryGetId)),
            FunctionId::NVM_GET_ID => Ok((input, Self::NvmGetId)),
            FunctionId::NVM_READ => map((nvm::parse_offset, be_u16), |(offset, len)| Self::NvmRead { offset, len }).parse(input),
            FunctionId::NVM_WRITE => {
                map((nvm::parse_offset, nvm::parse_long), |(offset, data)| Self::NvmWrite { offset, data }).parse(input)
            }
            FunctionId::NVM_OPERATIONS => Self::parse_nvm(input, NvmForm::Short),
            FunctionId::NVM_EXTENDED_OPERATIONS => Self::parse_nvm(input, NvmForm::Extended),
            FunctionId::GET_BACKGROUND_RSSI => Ok((input, Self::GetBackgroundRssi)),
            FunctionId::GET_NODE_PROTOCOL_INFO => map(node, |node| Self::GetNodeProtocolInfo { node }).parse(input),
            FunctionId::HARD_RESET => map(callback, |callback| Self::HardReset { callback }).parse(input),
            FunctionId::ASSIGN_RETURN_ROUTE => map((node, node, callback), |(node, destination, callback)| {
                Self::AssignReturnRoute { node, destination, callback }
            })
            .parse(input),
            FunctionId::DELETE_RETURN_ROUTE => map(call, Self::DeleteReturnRoute).parse(input),
            FunctionId::REQUEST_NODE_NEIGHBOR_UPDATE => map(call, Self::RequestNodeNeighborUpdate).parse(input),
            FunctionId::ADD_NODE_TO_NETWORK => {
                let (input, (mode, callback, ids)) = (u8, callback, opt((be_u32, be_u32))).parse(input)?;
                let smart_start = ids.map(|(nwi, auth)| SmartStartIds { nwi_home_id: HomeId(nwi), auth_home_id: HomeId(auth) });
                Ok((input, Self::AddNode(AddNode { mode, callback, smart_start })))
            }
            FunctionId::REMOVE_NODE_FROM_NETWORK => {
                map((u8, callback), |(mode, callback)| Self::RemoveNode { mode, callback }).parse(input)
            }
            FunctionId::ASSIGN_PRIORITY_RETURN_ROUTE => {
                map((node, node, PriorityRoute::parse, callback), |(node, destination, route, callback)| {
                    Self::AssignPriorityReturnRoute { node, destination, route, callback }
                })
                .parse(input)
            }
            FunctionId::SET_LEARN_MODE => {
                map((u8, callback), |(mode, callback)| Self::SetLearnMode { mode, callback }).parse(input)
            }
            FunctionId::ASSIGN_SUC_RETURN_ROUTE => map(call, Self::AssignSucReturnRoute).parse(input),
            FunctionId::SET_SUC_NODE_ID => map((node, u8, u8, u8, callback), |(node, suc, options, capabilities, callback)| {
                Self::SetSucNodeId { node, suc: suc != 0, options: TxOptions(options), sis: capabilities & 0x01 != 0, callback }
            })
            .parse(input),
            FunctionId::DELETE_SUC_RETURN_ROUTE => map(call, Self::DeleteSucReturnRoute).parse(input),
            FunctionId::GET_SUC_NODE_ID => Ok((input, Self::GetSucNodeId)),
            FunctionId::ASSIGN_PRIORITY_SUC_RETURN_ROUTE => {
                map((node, PriorityRoute::parse, callback), |(node, route, callback)| Self::AssignPrioritySucReturnRoute {
                    node,
                    route,
                    callback,
                })
                .parse(input)
            }
            FunctionId::REQUEST_NODE_INFO => map(node, |node| Self::RequestNodeInfo { node }).parse(input),
            FunctionId::REMOVE_FAILED_NODE => map(call, Self::RemoveFailedNode).parse(input),
            FunctionId::IS_FAILED_NODE => map(node, |node| Self::IsFailedNode { node }).parse(input),
            FunctionId::REPLACE_FAILED_NODE => map(call, Self::ReplaceFailedNode).parse(input),
            FunctionId::GET_ROUTING_INFO => {
                let (input, (node, options, non_repeaters, older)) = (node, u8, u8, opt(u8)).parse(input)?;
                // The older form has a byte for each flag, and a number of its own behind them
                // (docs/protocol/serial-api.md §4, 0x80).
                let (remove_bad, remove_non_repeaters) = match older {
                    Some(_) => (options != 0, non_repeaters != 0),
                    None => (options & REMOVE_BAD != 0, options & REMOVE_NON_REPEATERS != 0),
                };
                Ok((input, Self::GetRoutingInfo { node, remove_bad, remove_non_repeaters }))
            }
            FunctionId::GET_PRIORITY_ROUTE => map(node, |node| Self::GetPriorityRoute { node }).parse(input),
            FunctionId::SET_PRIORITY_ROUTE => {
                map((node, opt(PriorityRoute::parse)), |(node, route)| Self::SetPriorityRoute { node, route }).parse(input)
            }
            FunctionId::GET_VIRTUAL_NODES => Ok((input, Self::GetVirtualNodes)),
            FunctionId::SEND_DATA_BRIDGE => {
                map((node, |i| SendData::parse(i, width, true)), |(source, send)| Self::SendDataBridge { source, send })
                    .parse(input)
            }
            FunctionId::SEND_DATA_MULTI_BRIDGE => {
                map((node, |i| SendDataMulti::parse(i, width)), |(source, send)| Self::SendDataMultiBridge { source, send })
                    .parse(input)
            }
            FunctionId::START_WATCHDOG => Ok((input, Self::StartWatchdog)),
            FunctionId::STOP_WATCHDOG => Ok((input, Self::StopWatchdog)),
            FunctionId::SHUTDOWN => Ok((input, Self::Shutdown)),
            FunctionId::GET_LR_NODES => map(u8, |segment| Self::GetLongRangeNodes { segment }).parse(input),
            FunctionId::GET_LR_CHANNEL => Ok((input, Self::GetLongRangeChannel)),
            FunctionId::SET_LR_CHANNEL => map(u8, |channel| Self::SetLongRangeChannel { channel }).parse(input),
            _ => Ok((&[], Self::Other { function, params: Bytes::copy_from_slice(input) })),
        }
    }

    fn parse_nvm(input: &[u8], form: NvmForm) -> IResult<&[u8], Self> {
        map(|i| NvmOperation::parse(i, form), |operation| Self::Nvm { form, operation }).parse(input)
    }

    /// Every node id in it.
    pub(super) fn nodes(&self) -> Vec<NodeId> {
        match self {
            Self::GetNodeProtocolInfo { node }
            | Self::RequestNodeInfo { node }
            | Self::IsFailedNode { node }
            | Self::GetPriorityRoute { node }
            | Self::SetPriorityRoute { node, .. }
            | Self::GetRoutingInfo { node, .. }
            | Self::SetSucNodeId { node, .. }
            | Self::SendNodeInformation { node, .. }
            | Self::AssignPrioritySucReturnRoute { node, .. }
            | Self::SendData(SendData { node, .. }) => vec![*node],
            Self::AssignReturnRoute { node, destination, .. } | Self::AssignPriorityReturnRoute { node, destination, .. } => {
                vec![*node, *destination]
            }
            Self::DeleteReturnRoute(call)
            | Self::RequestNodeNeighborUpdate(call)
            | Self::AssignSucReturnRoute(call)
            | Self::DeleteSucReturnRoute(call)
            | Self::RemoveFailedNode(call)
            | Self::ReplaceFailedNode(call) => vec![call.node],
            Self::SendDataMulti(send) => send.nodes.clone(),
            Self::SendDataBridge { source, send } => vec![*source, send.node],
            Self::SendDataMultiBridge { source, send } => send.nodes.iter().copied().chain([*source]).collect(),
            Self::GetSerialApiInitData
            | Self::SetNodeInformation(_)
            | Self::GetControllerCapabilities
            | Self::SetTimeouts { .. }
            | Self::GetCapabilities
            | Self::SoftReset
            | Self::GetProtocolVersion
            | Self::Setup(_)
            | Self::SetRfReceiveMode { .. }
            | Self::GetControllerVersion
            | Self::SendDataAbort
            | Self::GetRandom { .. }
            | Self::MemoryGetId
            | Self::NvmGetId
            | Self::NvmRead { .. }
            | Self::NvmWrite { .. }
            | Self::Nvm { .. }
            | Self::GetBackgroundRssi
            | Self::HardReset { .. }
            | Self::AddNode(_)
            | Self::RemoveNode { .. }
            | Self::SetLearnMode { .. }
            | Self::GetSucNodeId
            | Self::GetVirtualNodes
            | Self::StartWatchdog
            | Self::StopWatchdog
            | Self::Shutdown
            | Self::GetLongRangeNodes { .. }
            | Self::GetLongRangeChannel
            | Self::SetLongRangeChannel { .. }
            | Self::Other { .. } => Vec::new(),
        }
    }
}
