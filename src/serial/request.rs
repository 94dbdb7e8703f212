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

/// One request to a controller (docs/protocol/serial-api.md §4). Serialises as its fields.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Request {
    /// Which nodes are there?
    GetSerialApiInitData,
    /// What the controller shall tell others about us. No response.
    SetNodeInformation(SetNodeInformation),
    /// Which role has the controller?
    GetControllerCapabilities,
    /// The controller's time-outs, in 10 ms.
    SetTimeouts {
        /// Its wait for our ACK.
        ack_10ms: u8,
        /// Its wait for our next byte.
        byte_10ms: u8,
    },
    /// Which controller is it, and what can it do?
    GetCapabilities,
    /// Restart. No response; a Serial API Started, if the controller sends one.
    SoftReset,
    /// Which SDK?
    GetProtocolVersion,
    /// A sub-command of Setup.
    Setup(SetupRequest),
    /// Radio receiver on or off (off for NVM back-up).
    SetRfReceiveMode {
        /// On.
        on: bool,
    },
    /// Send our node information.
    SendNodeInformation {
        /// To whom; 0xFF to all.
        node: NodeId,
        /// How.
        #[serde(rename = "tx_options")]
        options: TxOptions,
        /// Callback.
        #[serde(rename = "callback_id")]
        callback: CallbackId,
    },
    /// A payload to a node.
    SendData(SendData),
    /// A payload to several nodes.
    SendDataMulti(SendDataMulti),
    /// Which version and library?
    GetControllerVersion,
    /// Give up the transmission under way; its callback still comes. No response.
    SendDataAbort,
    /// Random bytes from the radio.
    GetRandom {
        /// How many, 1–32.
        n: u8,
    },
    /// Which network, which node are we?
    MemoryGetId,
    /// What memory has a 500-series controller?
    NvmGetId,
    /// A part of that memory.
    NvmRead {
        /// From here, 24 bits.
        offset: u32,
        /// So many bytes.
        len: u16,
    },
    /// Overwrite a part of it.
    NvmWrite {
        /// From here, 24 bits.
        offset: u32,
        /// With this.
        #[serde(rename = "data_hex", serialize_with = "as_hex")]
        data: NvmBytes,
    },
    /// Read or write the memory of a newer controller.
    Nvm {
        /// Which of the two functions.
        #[serde(skip)]
        form: NvmForm,
        /// What.
        #[serde(flatten)]
        operation: NvmOperation,
    },
    /// How much noise?
    GetBackgroundRssi,
    /// What radio habits has a node?
    GetNodeProtocolInfo {
        /// Which.
        node: NodeId,
    },
    /// Forget the whole network. Never automatic.
    HardReset {
        /// Callback.
        #[serde(rename = "callback_id")]
        callback: CallbackId,
    },
    /// Tell a node its way to another.
    AssignReturnRoute {
        /// Which.
        node: NodeId,
        /// The way to whom.
        #[serde(rename = "dest_node")]
        destination: NodeId,
        /// Callback.
        #[serde(rename = "callback_id")]
        callback: CallbackId,
    },
    /// Make a node forget its ways.
    DeleteReturnRoute(NodeCall),
    /// Find out a node's neighbours.
    RequestNodeNeighborUpdate(NodeCall),
    /// Include.
    AddNode(AddNode),
    /// Exclude.
    RemoveNode {
        /// Mode and options as for [`AddNode`]; mode 5 stops.
        mode: u8,
        /// Callback.
        #[serde(rename = "callback_id")]
        callback: CallbackId,
    },
    /// Tell a node a fixed way to another.
    AssignPriorityReturnRoute {
        /// Which.
        node: NodeId,
        /// The way to whom.
        #[serde(rename = "dest_node")]
        destination: NodeId,
        /// The way.
        #[serde(flatten)]
        route: PriorityRoute,
        /// Callback.
        #[serde(rename = "callback_id")]
        callback: CallbackId,
    },
    /// Join another network.
    SetLearnMode {
        /// How; 0 stops.
        mode: u8,
        /// Callback.
        #[serde(rename = "callback_id")]
        callback: CallbackId,
    },
    /// Tell a node its way to the SUC.
    AssignSucReturnRoute(NodeCall),
    /// Make a node the SUC. No callback when it is the controller itself.
    SetSucNodeId {
        /// Which.
        node: NodeId,
        /// On or off.
        suc: bool,
        /// How to tell it.
        #[serde(rename = "tx_options")]
        options: TxOptions,
        /// As SIS, which can include.
        sis: bool,
        /// Callback.
        #[serde(rename = "callback_id")]
        callback: CallbackId,
    },
    /// Make a node forget its way to the SUC.
    DeleteSucReturnRoute(NodeCall),
    /// Who is the SUC?
    GetSucNodeId,
    /// Tell a node a fixed way to the SUC.
    AssignPrioritySucReturnRoute {
        /// Which.
        node: NodeId,
        /// The way.
        #[serde(flatten)]
        route: PriorityRoute,
        /// Callback.
        #[serde(rename = "callback_id")]
        callback: CallbackId,
    },
    /// Ask a node for its node information. The answer is an Application Update, without a callback id.
    RequestNodeInfo {
        /// Which.
        node: NodeId,
    },
    /// Take a dead node out of the network.
    RemoveFailedNode(NodeCall),
    /// Is the node on the failed list?
    IsFailedNode {
        /// Which.
        node: NodeId,
    },
    /// Put a new device in the place of a dead node.
    ReplaceFailedNode(NodeCall),
    /// Who are a node's neighbours?
    GetRoutingInfo {
        /// Whose.
        node: NodeId,
        /// Leave out bad links.
        remove_bad: bool,
        /// Leave out nodes that don't repeat.
        remove_non_repeaters: bool,
    },
    /// Which way does the controller take to a node?
    GetPriorityRoute {
        /// Which.
        node: NodeId,
    },
    /// Take this way to a node.
    SetPriorityRoute {
        /// Which.
        node: NodeId,
        /// The way; `None` clears it.
        #[serde(flatten)]
        route: Option<PriorityRoute>,
    },
    /// Which nodes does the bridge play?
    GetVirtualNodes,
    /// As SendData, for controllers with the bridge library.
    SendDataBridge {
        /// Our node id.
        #[serde(rename = "source_node")]
        source: NodeId,
        /// The rest.
        #[serde(flatten)]
        send: SendData,
    },
    /// As SendDataMulti, for controllers with the bridge library.
    SendDataMultiBridge {
        /// Our node id.
        #[serde(rename = "source_node")]
        source: NodeId,
        /// The rest.
        #[serde(flatten)]
        send: SendDataMulti,
    },
    /// Restart the controller when its main loop hangs. No response.
    StartWatchdog,
    /// Leave the controller hanging. No response.
    StopWatchdog,
    /// Prepare for power off.
    Shutdown,
    /// Which Long Range nodes are there?
    GetLongRangeNodes {
        /// Segments of 1024 nodes, from 0.
        segment: u8,
    },
    /// On which channel is Long Range?
    GetLongRangeChannel,
    /// Choose it.
    SetLongRangeChannel {
        /// 1 = A, 2 = B, 0xFF = automatic.
        channel: u8,
    },
    /// Anything else.
    Other {
        /// Which function.
        #[serde(skip)]
        function: FunctionId,
        /// Its parameters.
        #[serde(rename = "args_hex", serialize_with = "as_hex")]
        params: Bytes,
    },
}

/// A request about one node that calls back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct NodeCall {
    /// Which.
    pub node: NodeId,
    /// Pairs the callback with this request.
    #[serde(rename = "callback_id")]
    pub callback: CallbackId,
}

/// What the controller shall tell others about us (0x03).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SetNodeInformation {
    /// Bit 0: always listening.
    #[serde(rename = "listening")]
    pub device_options: u8,
    /// Generic device class.
    pub generic: u8,
    /// Specific device class.
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
    /// Pairs the callbacks with this request.
    #[serde(rename = "callback_id")]
    pub callback: CallbackId,
    /// The one device wanted, for [`AddNode::SMART_START_HOME_ID`]: both come from its DSK.
    #[serde(flatten)]
    pub smart_start: Option<SmartStartIds>,
}

impl AddNode {
    /// Include any device.
    pub const ANY: u8 = 1;
    /// Stop.
    pub const STOP: u8 = 5;
    /// Stop after a failed replication.
    pub const STOP_FAILED: u8 = 6;
    /// Include the SmartStart device with these home ids.
    pub const SMART_START_HOME_ID: u8 = 8;
    /// Listen for SmartStart devices. No callback.
    pub const SMART_START_LISTEN: u8 = 9;
    /// Option: over Long Range (SmartStart only).
    pub const LONG_RANGE: u8 = 0x20;
    /// Option: network wide.
    pub const NETWORK_WIDE: u8 = 0x40;
    /// Option: normal power.
    pub const NORMAL_POWER: u8 = 0x80;
}

/// Which SmartStart device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct SmartStartIds {
    /// From bytes 9–12 of its DSK.
    pub nwi_home_id: HomeId,
    /// From bytes 13–16 of its DSK.
    pub auth_home_id: HomeId,
}

impl Request {
    /// The frame to send.
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

    /// Reads a frame from a host; in the other width if it fits only that.
    pub fn parse(frame: &Frame, width: NodeIdWidth) -> Result<Self, ParseError> {
        let malformed = ParseError::Malformed { function: frame.function, len: frame.params.len() };
        if frame.kind != FrameType::Request {
            return Err(malformed);
        }
        let mut widths = [width, width.other()].into_iter();
        widths.find_map(|width| Some(Self::parse_as(&frame.params, frame.function, width).ok()?.1)).ok_or(malformed)
    }

    /// Its function.
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
