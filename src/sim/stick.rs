//! What a stick answers its host, and what it asks of the air. Facts: serial-api sheet §3 and §4.
//!
//! | file | what |
//! | --- | --- |
//! | `inclusion` | adding, removing, SmartStart: one mode at a time |
//! | `failed` | nodes that do not answer: the failed list, removed and replaced |
//! | `reports` | what it tells of itself and of its nodes |

mod failed;
mod inclusion;
mod reports;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::domain::ids::{HomeId, NodeId};
use crate::domain::node::Beam;
use crate::serial::controller::{ControllerCapabilities, ControllerVersion, MemoryId, ProtocolVersion, SerialApiStarted};
use crate::serial::node_info::{ApplicationUpdate, NodeInformation, NodeProtocolInfo, UpdateStatus};
use crate::serial::request::NodeCall;
use crate::serial::setup::{SetupRequest, SetupResponse};
use crate::serial::transmit::{ApplicationCommand, Rssi, RxStatus, SendData, SendDataCallback, SendDataResponse, TxStatus};
use crate::serial::{CallbackId, Frame, FunctionId, Message, NodeIdWidth, Request};

use super::air::Flight;
use super::chip::Chip;
use super::device::DeviceId;
use super::model::DeviceClass;
use super::node::Node;
use inclusion::Mode;

/// The controller's own node id.
pub(super) const OWN: NodeId = NodeId(1);
/// Payload of one classic frame with room for a route.
const MAX_PAYLOAD: u8 = 46;
/// The same over Long Range.
const MAX_LONG_RANGE_PAYLOAD: u8 = 148;
/// How strongly everything is heard here.
const SIGNAL: Rssi = Rssi(-62);

/// What the stick wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// A frame for the host.
    ToHost(Frame),
    /// A payload for a node.
    Transmit(Transmission),
    /// Ask a node for its node information frame.
    AskNodeInfo {
        /// Which node.
        node: NodeId,
        /// Which transmission, for [`Stick::transmitted`].
        number: u64,
    },
    /// Reach a node with a frame of the protocol, of which its application hears nothing.
    Reach {
        /// Which node.
        node: NodeId,
        /// Which transmission, for [`Stick::transmitted`].
        number: u64,
    },
    /// Go on with the inclusion or exclusion after a while: [`Stick::proceed`].
    Proceed {
        /// In this time.
        after: Duration,
    },
    /// A device is in the network now.
    Joined {
        /// Which.
        device: DeviceId,
        /// As which node.
        node: NodeId,
    },
    /// A node is out of the network, and knows it.
    Left {
        /// Which it was.
        node: NodeId,
    },
    /// Stop transmitting.
    Abort,
    /// Start again after a while; then [`Stick::start`].
    Restart,
}

/// A payload on its way to a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transmission {
    /// Which transmission, for [`Stick::transmitted`].
    pub number: u64,
    /// To whom.
    pub node: NodeId,
    /// What.
    pub payload: Vec<u8>,
}

/// What became of a transmission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Acknowledged.
    pub acked: bool,
    /// The beam that went before.
    pub beam: Option<Beam>,
    /// From start to outcome.
    pub took: Duration,
}

impl Outcome {
    /// What the sender learns of a flight.
    pub fn of(flight: &Flight) -> Self {
        Self { acked: flight.acked, beam: flight.beam, took: flight.ends.since(flight.began) }
    }
}

/// The one thing the radio is busy with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct InFlight {
    number: u64,
    node: NodeId,
    what: Busy,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Busy {
    Sending {
        function: FunctionId,
        callback: CallbackId,
    },
    AskingNodeInfo,
    /// Telling a node its way to the controller.
    Routing {
        callback: CallbackId,
    },
    /// Making sure that a node does not answer.
    Failed {
        function: FunctionId,
        callback: CallbackId,
    },
}

/// A stick. Its network (home id, nodes) survives everything; its settings are lost by a reset.
#[derive(Debug)]
pub struct Stick {
    chip: Chip,
    home: HomeId,
    nodes: BTreeMap<NodeId, NodeProtocolInfo>,
    /// Nodes that did not answer last time.
    failed: BTreeSet<NodeId>,
    /// Ids are not given twice in a row: the last of each radio.
    given: [NodeId; 2],
    width: NodeIdWidth,
    tx_reports: bool,
    mode: Mode,
    in_flight: Option<InFlight>,
    transmissions: u64,
}

impl Stick {
    /// A stick that is up, with these nodes in its network.
    pub fn new(chip: Chip, home: HomeId, members: &BTreeMap<NodeId, Node>) -> Self {
        let nodes: BTreeMap<_, _> = members.iter().map(|(id, node)| (*id, reports::protocol_info(*id, node))).collect();
        let last = |far: bool| nodes.keys().copied().filter(|node| node.is_long_range() == far).max();
        Self {
            chip,
            home,
            given: [last(false).unwrap_or(OWN), last(true).unwrap_or(inclusion::BEFORE_LONG_RANGE)],
            nodes,
            failed: BTreeSet::new(),
            width: NodeIdWidth::Bits8,
            tx_reports: false,
            mode: Mode::Idle,
            in_flight: None,
            transmissions: 0,
        }
    }

    /// The network's home id.
    pub fn home(&self) -> HomeId {
        self.home
    }

    /// A frame from the host. A function the stick does not have is acknowledged and not answered.
    pub fn request(&mut self, frame: &Frame) -> Vec<Effect> {
        if !self.chip.functions.contains(&frame.function) {
            return Vec::new();
        }
        let Ok(request) = Request::parse(frame, self.width) else { return Vec::new() };
        let answer = match request {
            Request::GetSerialApiInitData => Message::InitData(self.init_data()),
            // Role: SIS present, was real primary, SUC.
            Request::GetControllerCapabilities => Message::ControllerCapabilities(ControllerCapabilities { flags: 0x1C }),
            Request::SetTimeouts { .. } => Message::Timeouts { old_ack: 150, old_byte: 15 },
            Request::GetCapabilities => Message::Capabilities(self.capabilities()),
            Request::GetProtocolVersion => Message::ProtocolVersion(ProtocolVersion {
                protocol_type: 0,
                version: self.chip.sdk,
                app_build: Some(1),
                commit: bytes::Bytes::new(),
            }),
            Request::GetControllerVersion => Message::ControllerVersion(ControllerVersion {
                version: self.chip.version.clone(),
                library_type: if self.chip.bridge { 7 } else { 1 },
            }),
            Request::MemoryGetId => Message::MemoryId(MemoryId { home: self.home, own: OWN }),
            Request::GetSucNodeId => Message::SucNodeId { node: OWN },
            Request::GetBackgroundRssi => Message::BackgroundRssi { rssi: vec![Rssi(-101), Rssi(-99)] },
            Request::GetLongRangeNodes { segment } => Message::LongRangeNodes(self.long_range_nodes(segment)),
            Request::IsFailedNode { node } => Message::IsFailedNode { failed: self.failed.contains(&node) },
            Request::GetNodeProtocolInfo { node } => Message::NodeProtocolInfo(self.protocol_info(node)),
            Request::AddNode(add) => return self.add_node(&add),
            Request::RemoveNode { mode, callback } => return self.remove_node(mode, callback),
            Request::RemoveFailedNode(call) => return self.failed_node(FunctionId::REMOVE_FAILED_NODE, call),
            Request::ReplaceFailedNode(call) => return self.failed_node(FunctionId::REPLACE_FAILED_NODE, call),
            Request::AssignSucReturnRoute(call) => return self.assign_return_route(call),
            Request::Setup(setup) => return self.set_up(&setup),
            Request::SendData(send) => return self.send(FunctionId::SEND_DATA, &send),
            Request::SendDataBridge { send, .. } => return self.send(FunctionId::SEND_DATA_BRIDGE, &send),
            Request::SendDataAbort => return self.abort(),
            Request::RequestNodeInfo { node } => return self.ask_node_info(node),
            Request::SoftReset => {
                self.reset();
                return vec![Effect::Restart];
            }
            // Acknowledged; there is no response.
            Request::SetNodeInformation(_) | Request::StartWatchdog | Request::StopWatchdog => return Vec::new(),
            // Not among any chip's functions.
            Request::SetRfReceiveMode { .. }
            | Request::SendNodeInformation { .. }
            | Request::SendDataMulti(_)
            | Request::SendDataMultiBridge { .. }
            | Request::GetRandom { .. }
            | Request::HardReset { .. }
            | Request::AssignReturnRoute { .. }
            | Request::DeleteReturnRoute(_)
            | Request::RequestNodeNeighborUpdate(_)
            | Request::AssignPriorityReturnRoute { .. }
            | Request::SetLearnMode { .. }
            | Request::SetSucNodeId { .. }
            | Request::DeleteSucReturnRoute(_)
            | Request::AssignPrioritySucReturnRoute { .. }
            | Request::GetRoutingInfo { .. }
            | Request::GetPriorityRoute { .. }
            | Request::SetPriorityRoute { .. }
            | Request::GetVirtualNodes
            | Request::Shutdown
            | Request::GetLongRangeChannel
            | Request::SetLongRangeChannel { .. }
            | Request::Other { .. } => return Vec::new(),
        };
        vec![self.to_host(&answer)]
    }

    /// The stick has started: settings are back to what they were at the factory.
    pub fn start(&mut self) -> Vec<Effect> {
        self.reset();
        if !self.chip.says_started {
            return Vec::new();
        }
        let started = SerialApiStarted {
            wake_reason: 7,
            watchdog: 0,
            device_option: 1,
            generic: 0x02,
            specific: 0x07,
            classes: Vec::new(),
            protocols: Some(self.chip.region.is_long_range().into()),
        };
        vec![self.to_host(&Message::SerialApiStarted(started))]
    }

    /// A transmission is over. Says nothing about one that was aborted or lost by a reset.
    pub fn transmitted(&mut self, number: u64, outcome: Outcome) -> Vec<Effect> {
        let Some(in_flight) = self.in_flight.take_if(|it| it.number == number) else { return Vec::new() };
        let (node, status) = (in_flight.node, if outcome.acked { TxStatus::OK } else { TxStatus::NO_ACK });
        if outcome.acked {
            self.failed.remove(&node);
        } else if self.nodes.contains_key(&node) {
            self.failed.insert(node);
        }
        let message = match in_flight.what {
            Busy::Sending { function, callback } => {
                let Some(message) = self.callback(function, callback, status, Some(outcome)) else { return Vec::new() };
                message
            }
            // The chip often leaves out which node did not answer.
            Busy::AskingNodeInfo => Message::ApplicationUpdate(ApplicationUpdate {
                status: UpdateStatus::NODE_INFO_REQUEST_FAILED,
                node: NodeId(0),
                smart_start: None,
                info: None,
            }),
            Busy::Routing { callback } => {
                return self.called_back(FunctionId::ASSIGN_SUC_RETURN_ROUTE, callback, status.0);
            }
            Busy::Failed { function, callback } => return self.failed_node_tried(function, callback, node, outcome.acked),
        };
        vec![self.to_host(&message)]
    }

    /// A node's node information frame came.
    pub fn node_information(&mut self, node: NodeId, lock: &Node) -> Vec<Effect> {
        self.in_flight.take_if(|it| it.what == Busy::AskingNodeInfo);
        self.failed.remove(&node);
        let info = node_information(lock);
        let status = UpdateStatus::NODE_INFO_RECEIVED;
        let update = ApplicationUpdate { status, node, smart_start: None, info: Some(info) };
        vec![self.to_host(&Message::ApplicationUpdate(update))]
    }

    /// A node's command came.
    pub fn hear(&mut self, node: NodeId, payload: Vec<u8>) -> Vec<Effect> {
        self.failed.remove(&node);
        // There is no way to say who it was.
        if node.is_long_range() && self.width == NodeIdWidth::Bits8 {
            return Vec::new();
        }
        let command = ApplicationCommand {
            rx: RxStatus::default(),
            destination: self.chip.bridge.then_some(OWN),
            source: node,
            payload: payload.into(),
            multicast_mask: bytes::Bytes::new(),
            rssi: Some(SIGNAL),
            trailing: bytes::Bytes::new(),
        };
        vec![self.to_host(&Message::ApplicationCommand(command))]
    }

    /// The radio does one thing at a time: what comes meanwhile is refused, and the host tries again.
    fn send(&mut self, function: FunctionId, send: &SendData) -> Vec<Effect> {
        let accepted = self.in_flight.is_none();
        let mut effects = vec![self.to_host(&Message::SendDataResponse(SendDataResponse { function, accepted }))];
        if accepted {
            let number = self.begin(send.node, Busy::Sending { function, callback: send.callback });
            effects.push(Effect::Transmit(Transmission { number, node: send.node, payload: send.data.to_vec() }));
        }
        effects
    }

    /// The aborted transmission still gets its callback.
    fn abort(&mut self) -> Vec<Effect> {
        match self.in_flight.take_if(|it| matches!(it.what, Busy::Sending { .. })).map(|it| it.what) {
            Some(Busy::Sending { function, callback }) => {
                let message = self.callback(function, callback, TxStatus::NO_ACK, None);
                let callback = message.map(|message| self.to_host(&message));
                std::iter::once(Effect::Abort).chain(callback).collect()
            }
            _ => Vec::new(),
        }
    }

    fn ask_node_info(&mut self, node: NodeId) -> Vec<Effect> {
        let ok = self.in_flight.is_none();
        let function = FunctionId::REQUEST_NODE_INFO;
        let mut effects = vec![self.to_host(&Message::Response { function, ok })];
        if ok {
            let number = self.begin(node, Busy::AskingNodeInfo);
            effects.push(Effect::AskNodeInfo { node, number });
        }
        effects
    }

    fn set_up(&mut self, request: &SetupRequest) -> Vec<Effect> {
        let command = request.command();
        let response = match request {
            _ if !self.chip.setup.contains(&command) => SetupResponse::Unsupported(command),
            SetupRequest::GetSupported => SetupResponse::Supported(self.chip.setup.clone()),
            SetupRequest::SetTxStatusReport(on) => {
                self.tx_reports = *on;
                SetupResponse::Done(command, true)
            }
            SetupRequest::SetNodeIdType(width) => {
                self.width = *width;
                SetupResponse::Done(command, true)
            }
            SetupRequest::GetMaxPayload => SetupResponse::MaxPayload(MAX_PAYLOAD),
            SetupRequest::GetLrMaxPayload => SetupResponse::LrMaxPayload(MAX_LONG_RANGE_PAYLOAD),
            SetupRequest::GetRfRegion => SetupResponse::RfRegion(self.chip.region),
            SetupRequest::SetLrMaxTxPower(_)
            | SetupRequest::SetPowerlevel(..)
            | SetupRequest::GetLrMaxTxPower
            | SetupRequest::GetPowerlevel
            | SetupRequest::SetPowerlevel16(..)
            | SetupRequest::GetPowerlevel16
            | SetupRequest::GetSupportedRegions
            | SetupRequest::GetRegionInfo(_)
            | SetupRequest::SetRfRegion(_)
            | SetupRequest::Other(..) => SetupResponse::Unsupported(command),
        };
        vec![self.to_host(&Message::Setup(response))]
    }

    fn callback(
        &self,
        function: FunctionId,
        callback: CallbackId,
        status: TxStatus,
        outcome: Option<Outcome>,
    ) -> Option<Message> {
        if callback == CallbackId::NONE {
            return None;
        }
        let report = outcome.filter(|_| self.tx_reports).map(|outcome| reports::tx_report(&outcome));
        Some(Message::SendDataCallback(SendDataCallback { function, callback, status, report }))
    }

    fn assign_return_route(&mut self, call: NodeCall) -> Vec<Effect> {
        let function = FunctionId::ASSIGN_SUC_RETURN_ROUTE;
        // Long Range has no routes.
        let ok = self.in_flight.is_none() && self.nodes.contains_key(&call.node) && !call.node.is_long_range();
        let mut effects = vec![self.to_host(&Message::Response { function, ok })];
        if ok {
            let number = self.begin(call.node, Busy::Routing { callback: call.callback });
            effects.push(Effect::Reach { node: call.node, number });
        }
        effects
    }

    /// A callback with a status, if the host wants one.
    fn called_back(&self, function: FunctionId, callback: CallbackId, status: u8) -> Vec<Effect> {
        let message = Message::Callback { function, callback, status: Some(status) };
        if callback == CallbackId::NONE { Vec::new() } else { vec![self.to_host(&message)] }
    }

    fn begin(&mut self, node: NodeId, what: Busy) -> u64 {
        self.transmissions += 1;
        self.in_flight = Some(InFlight { number: self.transmissions, node, what });
        self.transmissions
    }

    fn reset(&mut self) {
        self.width = NodeIdWidth::Bits8;
        self.tx_reports = false;
        self.in_flight = None;
        self.mode = Mode::Idle;
    }

    fn to_host(&self, message: &Message) -> Effect {
        Effect::ToHost(message.write(self.width))
    }
}

/// A device's node information frame.
fn node_information(lock: &Node) -> NodeInformation {
    let DeviceClass { basic, generic, specific } = lock.model.kind.device_class();
    NodeInformation { basic, generic, specific, supported: lock.listed(), controlled: Vec::new() }
}
