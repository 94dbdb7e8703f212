//! What a host sends.

mod wire;

use bytes::Bytes;
use serde::Serialize;

use super::codec::{CallbackId, NodeIdWidth, ParseError, WriteError, as_hex};
use super::controller::PriorityRoute;
use super::frame::{Frame, FrameType, MAX_PARAMS};
use super::function::FunctionId;
use super::node_info::as_class_list;
use super::nvm::{NvmBytes, NvmForm, NvmOperation};
use super::setup::SetupRequest;
use super::transmit::{SendData, SendDataMulti, TxOptions};
use crate::command::ClassId;
use crate::domain::ids::{HomeId, NodeId};

/// A request to a controller (docs/protocol/serial-api.md §4). Serialises as its fields.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Request {
    /// Reads the list of nodes.
    GetSerialApiInitData,
    /// Sets the node information of the controller. No response.
    SetNodeInformation(SetNodeInformation),
    /// Reads the role of the controller.
    GetControllerCapabilities,
    /// Sets the controller's time-outs, in units of 10 ms.
    SetTimeouts {
        /// Its time-out for an ACK of the host.
        ack_10ms: u8,
        /// Its time-out for the next byte.
        byte_10ms: u8,
    },
    /// Reads manufacturer, product and supported functions.
    GetCapabilities,
    /// Restart. No response; SerialAPIStarted follows on most controllers.
    SoftReset,
    GetProtocolVersion,
    /// A sub-command of Setup.
    Setup(SetupRequest),
    /// Radio receiver on or off (off for NVM back-up).
    SetRfReceiveMode {
        on: bool,
    },
    /// Sends the node information frame of the controller.
    SendNodeInformation {
        /// The receiver; 0xFF is broadcast.
        node: NodeId,
        #[serde(rename = "tx_options")]
        options: TxOptions,
        #[serde(rename = "callback_id")]
        callback: CallbackId,
    },
    /// A payload to a node.
    SendData(SendData),
    /// A payload to several nodes.
    SendDataMulti(SendDataMulti),
    /// Reads version and library type.
    GetControllerVersion,
    /// Aborts the transmission under way; its callback still follows. No response.
    SendDataAbort,
    /// Random bytes from the radio.
    GetRandom {
        /// Number of bytes, 1 to 32.
        n: u8,
    },
    /// Reads home id and own node id.
    MemoryGetId,
    /// Reads the memory type of a 500-series controller.
    NvmGetId,
    /// Reads a part of that memory.
    NvmRead {
        /// Offset in bytes, 24 bits.
        offset: u32,
        /// Number of bytes to read.
        len: u16,
    },
    /// Writes a part of that memory.
    NvmWrite {
        /// Offset in bytes, 24 bits.
        offset: u32,
        #[serde(rename = "data_hex", serialize_with = "as_hex")]
        data: NvmBytes,
    },
    /// Reads or writes the memory of a newer controller.
    Nvm {
        /// Which of the two functions.
        #[serde(skip)]
        form: NvmForm,
        #[serde(flatten)]
        operation: NvmOperation,
    },
    GetBackgroundRssi,
    /// Reads the protocol info of a node.
    GetNodeProtocolInfo {
        node: NodeId,
    },
    /// Erases the whole network. Never sent automatically.
    HardReset {
        #[serde(rename = "callback_id")]
        callback: CallbackId,
    },
    /// Assigns a node a return route to another node.
    AssignReturnRoute {
        node: NodeId,
        /// The destination of the route.
        #[serde(rename = "dest_node")]
        destination: NodeId,
        #[serde(rename = "callback_id")]
        callback: CallbackId,
    },
    /// Deletes a node's return routes.
    DeleteReturnRoute(NodeCall),
    /// Starts neighbour discovery of a node.
    RequestNodeNeighborUpdate(NodeCall),
    AddNode(AddNode),
    RemoveNode {
        /// Mode and options as for [`AddNode`]; mode 5 stops.
        mode: u8,
        #[serde(rename = "callback_id")]
        callback: CallbackId,
    },
    /// Assigns a node a fixed return route to another node.
    AssignPriorityReturnRoute {
        node: NodeId,
        /// The destination of the route.
        #[serde(rename = "dest_node")]
        destination: NodeId,
        #[serde(flatten)]
        route: PriorityRoute,
        #[serde(rename = "callback_id")]
        callback: CallbackId,
    },
    SetLearnMode {
        /// Learn mode; 0 stops it.
        mode: u8,
        #[serde(rename = "callback_id")]
        callback: CallbackId,
    },
    /// Assigns a node a return route to the SUC.
    AssignSucReturnRoute(NodeCall),
    /// Makes a node the SUC. No callback if it is the controller itself.
    SetSucNodeId {
        node: NodeId,
        suc: bool,
        /// Transmit options of the notification.
        #[serde(rename = "tx_options")]
        options: TxOptions,
        /// As SIS, which can include nodes.
        sis: bool,
        #[serde(rename = "callback_id")]
        callback: CallbackId,
    },
    /// Deletes a node's return route to the SUC.
    DeleteSucReturnRoute(NodeCall),
    /// Reads the node id of the SUC.
    GetSucNodeId,
    /// Assigns a node a fixed return route to the SUC.
    AssignPrioritySucReturnRoute {
        node: NodeId,
        #[serde(flatten)]
        route: PriorityRoute,
        #[serde(rename = "callback_id")]
        callback: CallbackId,
    },
    /// Requests a node information frame. The answer is an Application Update, without a callback id.
    RequestNodeInfo {
        node: NodeId,
    },
    /// Removes a failed node from the network.
    RemoveFailedNode(NodeCall),
    /// Asks whether the node is in the list of failed nodes.
    IsFailedNode {
        node: NodeId,
    },
    /// Replaces a failed node by a new device.
    ReplaceFailedNode(NodeCall),
    /// Reads a node's neighbours.
    GetRoutingInfo {
        node: NodeId,
        /// Whether bad links are left out.
        remove_bad: bool,
        /// Without nodes that do not repeat.
        remove_non_repeaters: bool,
    },
    /// Reads the priority route to a node.
    GetPriorityRoute {
        node: NodeId,
    },
    /// Sets the priority route to a node.
    SetPriorityRoute {
        node: NodeId,
        /// The route; `None` clears it.
        #[serde(flatten)]
        route: Option<PriorityRoute>,
    },
    /// Reads the virtual nodes of the bridge.
    GetVirtualNodes,
    /// As SendData, for controllers with the bridge library.
    SendDataBridge {
        #[serde(rename = "source_node")]
        source: NodeId,
        #[serde(flatten)]
        send: SendData,
    },
    /// As SendDataMulti, for controllers with the bridge library.
    SendDataMultiBridge {
        #[serde(rename = "source_node")]
        source: NodeId,
        #[serde(flatten)]
        send: SendDataMulti,
    },
    /// Starts the watchdog, which restarts a controller that hangs. No response.
    StartWatchdog,
    /// Stops the watchdog. No response.
    StopWatchdog,
    /// Prepare for power off.
    Shutdown,
    /// Reads the list of Long Range nodes.
    GetLongRangeNodes {
        /// Segments of 1024 nodes, from 0.
        segment: u8,
    },
    /// Reads the Long Range channel.
    GetLongRangeChannel,
    SetLongRangeChannel {
        /// 1 = A, 2 = B, 0xFF = automatic.
        channel: u8,
    },
    Other {
        #[serde(skip)]
        function: FunctionId,
        #[serde(rename = "args_hex", serialize_with = "as_hex")]
        params: Bytes,
    },
}

/// A request about one node, with a callback.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct NodeCall {
    pub node: NodeId,
    /// Connects the callback with this request.
    #[serde(rename = "callback_id")]
    pub callback: CallbackId,
}

/// The node information of the controller (0x03).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SetNodeInformation {
    /// Bit 0: always listening.
    #[serde(rename = "listening")]
    pub device_options: u8,
    pub generic: u8,
    pub specific: u8,
    /// Command classes, at most 35.
    #[serde(rename = "ccs", serialize_with = "as_class_list")]
    pub classes: Vec<ClassId>,
}

/// Start or stop an inclusion (0x4A).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct AddNode {
    /// What to do, in the low nibble, and options.
    pub mode: u8,
    /// Connects the callbacks with this request.
    #[serde(rename = "callback_id")]
    pub callback: CallbackId,
    /// Home ids of the device, for [`AddNode::SMART_START_HOME_ID`]: both come from its DSK.
    #[serde(flatten)]
    pub smart_start: Option<SmartStartIds>,
}

impl AddNode {
    pub const ANY: u8 = 1;
    pub const STOP: u8 = 5;
    /// Stop after a failed replication.
    pub const STOP_FAILED: u8 = 6;
    /// Include the SmartStart device with these home ids.
    pub const SMART_START_HOME_ID: u8 = 8;
    /// Listen for SmartStart devices. No callback.
    pub const SMART_START_LISTEN: u8 = 9;
    /// Option: over Long Range (SmartStart only).
    pub const LONG_RANGE: u8 = 0x20;
    pub const NETWORK_WIDE: u8 = 0x40;
    pub const NORMAL_POWER: u8 = 0x80;
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct SmartStartIds {
    /// From bytes 9–12 of its DSK.
    pub nwi_home_id: HomeId,
    /// From bytes 13–16 of its DSK.
    pub auth_home_id: HomeId,
}

impl Request {
    pub fn write(&self, width: NodeIdWidth) -> Result<Frame, WriteError> {
        if let Some(node) = self.nodes().iter().find(|node| !width.holds(**node) && node.0 > 0xFF) {
            return Err(WriteError::NodeTooWide(*node));
        }
        let mut params = Vec::new();
        self.put(&mut params, width);
        if params.len() > MAX_PARAMS {
            return Err(WriteError::TooLong(params.len()));
        }
        Ok(Frame::request(self.function(), params))
    }

    /// Parses a frame from a host; in the other width if it fits only that.
    pub fn parse(frame: &Frame, width: NodeIdWidth) -> Result<Self, ParseError> {
        let malformed = ParseError::Malformed { function: frame.function, len: frame.params.len() };
        if frame.kind != FrameType::Request {
            return Err(malformed);
        }
        let mut widths = [width, width.other()].into_iter();
        widths.find_map(|width| Some(Self::parse_as(&frame.params, frame.function, width).ok()?.1)).ok_or(malformed)
    }

    pub fn function(&self) -> FunctionId {
        match self {
            Self::GetSerialApiInitData => FunctionId::GET_SERIAL_API_INIT_DATA,
            Self::SetNodeInformation(_) => FunctionId::APPLICATION_NODE_INFORMATION,
            Self::GetControllerCapabilities => FunctionId::GET_CONTROLLER_CAPABILITIES,
            Self::SetTimeouts { .. } => FunctionId::SET_SERIAL_API_TIMEOUTS,
            Self::GetCapabilities => FunctionId::GET_SERIAL_API_CAPABILITIES,
            Self::SoftReset => FunctionId::SOFT_RESET,
            Self::GetProtocolVersion => FunctionId::GET_PROTOCOL_VERSION,
            Self::Setup(_) => FunctionId::SERIAL_API_SETUP,
            Self::SetRfReceiveMode { .. } => FunctionId::SET_RF_RECEIVE_MODE,
            Self::SendNodeInformation { .. } => FunctionId::SEND_NODE_INFORMATION,
            Self::SendData(_) => FunctionId::SEND_DATA,
            Self::SendDataMulti(_) => FunctionId::SEND_DATA_MULTI,
            Self::GetControllerVersion => FunctionId::GET_CONTROLLER_VERSION,
            Self::SendDataAbort => FunctionId::SEND_DATA_ABORT,
            Self::GetRandom { .. } => FunctionId::GET_RANDOM,
            Self::MemoryGetId => FunctionId::MEMORY_GET_ID,
            Self::NvmGetId => FunctionId::NVM_GET_ID,
            Self::NvmRead { .. } => FunctionId::NVM_READ,
            Self::NvmWrite { .. } => FunctionId::NVM_WRITE,
            Self::Nvm { form, .. } => form.function(),
            Self::GetBackgroundRssi => FunctionId::GET_BACKGROUND_RSSI,
            Self::GetNodeProtocolInfo { .. } => FunctionId::GET_NODE_PROTOCOL_INFO,
            Self::HardReset { .. } => FunctionId::HARD_RESET,
            Self::AssignReturnRoute { .. } => FunctionId::ASSIGN_RETURN_ROUTE,
            Self::DeleteReturnRoute(_) => FunctionId::DELETE_RETURN_ROUTE,
            Self::RequestNodeNeighborUpdate(_) => FunctionId::REQUEST_NODE_NEIGHBOR_UPDATE,
            Self::AddNode(_) => FunctionId::ADD_NODE_TO_NETWORK,
            Self::RemoveNode { .. } => FunctionId::REMOVE_NODE_FROM_NETWORK,
            Self::AssignPriorityReturnRoute { .. } => FunctionId::ASSIGN_PRIORITY_RETURN_ROUTE,
            Self::SetLearnMode { .. } => FunctionId::SET_LEARN_MODE,
            Self::AssignSucReturnRoute(_) => FunctionId::ASSIGN_SUC_RETURN_ROUTE,
            Self::SetSucNodeId { .. } => FunctionId::SET_SUC_NODE_ID,
            Self::DeleteSucReturnRoute(_) => FunctionId::DELETE_SUC_RETURN_ROUTE,
            Self::GetSucNodeId => FunctionId::GET_SUC_NODE_ID,
            Self::AssignPrioritySucReturnRoute { .. } => FunctionId::ASSIGN_PRIORITY_SUC_RETURN_ROUTE,
            Self::RequestNodeInfo { .. } => FunctionId::REQUEST_NODE_INFO,
            Self::RemoveFailedNode(_) => FunctionId::REMOVE_FAILED_NODE,
            Self::IsFailedNode { .. } => FunctionId::IS_FAILED_NODE,
            Self::ReplaceFailedNode(_) => FunctionId::REPLACE_FAILED_NODE,
            Self::GetRoutingInfo { .. } => FunctionId::GET_ROUTING_INFO,
            Self::GetPriorityRoute { .. } => FunctionId::GET_PRIORITY_ROUTE,
            Self::SetPriorityRoute { .. } => FunctionId::SET_PRIORITY_ROUTE,
            Self::GetVirtualNodes => FunctionId::GET_VIRTUAL_NODES,
            Self::SendDataBridge { .. } => FunctionId::SEND_DATA_BRIDGE,
            Self::SendDataMultiBridge { .. } => FunctionId::SEND_DATA_MULTI_BRIDGE,
            Self::StartWatchdog => FunctionId::START_WATCHDOG,
            Self::StopWatchdog => FunctionId::STOP_WATCHDOG,
            Self::Shutdown => FunctionId::SHUTDOWN,
            Self::GetLongRangeNodes { .. } => FunctionId::GET_LR_NODES,
            Self::GetLongRangeChannel => FunctionId::GET_LR_CHANNEL,
            Self::SetLongRangeChannel { .. } => FunctionId::SET_LR_CHANNEL,
            Self::Other { function, .. } => *function,
        }
    }
}
