//! What a stick answers its host, and what it asks of the air. Facts: serial-api sheet §3 and §4.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::domain::ids::{HomeId, NodeId};
use crate::domain::node::Beam;
use crate::serial::controller::{
    Capabilities, ControllerCapabilities, ControllerVersion, InitData, LongRangeNodes, MemoryId, ProtocolVersion,
    SerialApiStarted,
};
use crate::serial::node_info::{ApplicationUpdate, NodeInformation, NodeProtocolInfo, UpdateStatus};
use crate::serial::setup::{Region, SetupRequest, SetupResponse};
use crate::serial::transmit::{
    ApplicationCommand, RouteReport, Rssi, RxStatus, SendData, SendDataCallback, SendDataResponse, TxReport, TxStatus,
};
use crate::serial::{CallbackId, Frame, FunctionId, Message, NodeIdWidth, Request};

use super::air::Flight;
use super::chip::Chip;
use super::lock::Lock;

/// The controller's own node id.
const OWN: NodeId = NodeId(1);
/// Payload of one classic frame with room for a route.
const MAX_PAYLOAD: u8 = 46;
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
    what: Busy,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Busy {
    Sending { function: FunctionId, callback: CallbackId },
    AskingNodeInfo,
}

/// A stick. Its network (home id, nodes) survives everything; its settings are lost by a reset.
#[derive(Debug)]
pub struct Stick {
    chip: Chip,
    home: HomeId,
    width: NodeIdWidth,
    tx_reports: bool,
    in_flight: Option<InFlight>,
    transmissions: u64,
}

impl Stick {
    /// A stick that is up.
    pub fn new(chip: Chip, home: HomeId) -> Self {
        Self { chip, home, width: NodeIdWidth::Bits8, tx_reports: false, in_flight: None, transmissions: 0 }
    }

    /// A frame from the host. A function the stick does not have is acknowledged and not answered.
    pub fn request(&mut self, frame: &Frame, nodes: &BTreeMap<NodeId, Lock>) -> Vec<Effect> {
        if !self.chip.functions.contains(&frame.function) {
            return Vec::new();
        }
        let Ok(request) = Request::parse(frame, self.width) else { return Vec::new() };
        let answer = match request {
            Request::GetSerialApiInitData => Message::InitData(self.init_data(nodes)),
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
            Request::GetLongRangeNodes { segment } => {
                Message::LongRangeNodes(LongRangeNodes { more: false, segment, nodes: BTreeSet::new() })
            }
            Request::IsFailedNode { node } => {
                Message::IsFailedNode { failed: nodes.get(&node).is_some_and(|lock| lock.faults.gone) }
            }
            Request::GetNodeProtocolInfo { node } => Message::NodeProtocolInfo(protocol_info(node, nodes.get(&node))),
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
            | Request::AddNode(_)
            | Request::RemoveNode { .. }
            | Request::AssignPriorityReturnRoute { .. }
            | Request::SetLearnMode { .. }
            | Request::AssignSucReturnRoute(_)
            | Request::SetSucNodeId { .. }
            | Request::DeleteSucReturnRoute(_)
            | Request::AssignPrioritySucReturnRoute { .. }
            | Request::RemoveFailedNode(_)
            | Request::ReplaceFailedNode(_)
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
            protocols: Some(0),
        };
        vec![self.to_host(&Message::SerialApiStarted(started))]
    }

    /// A transmission is over. Says nothing about one that was aborted or lost by a reset.
    pub fn transmitted(&mut self, number: u64, outcome: Outcome) -> Vec<Effect> {
        let Some(in_flight) = self.in_flight.take_if(|it| it.number == number) else { return Vec::new() };
        let message = match in_flight.what {
            Busy::Sending { function, callback } => {
                let status = if outcome.acked { TxStatus::OK } else { TxStatus::NO_ACK };
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
        };
        vec![self.to_host(&message)]
    }

    /// A node's node information frame came.
    pub fn node_information(&mut self, node: NodeId, lock: &Lock) -> Vec<Effect> {
        self.in_flight.take_if(|it| it.what == Busy::AskingNodeInfo);
        let info = NodeInformation {
            basic: 0x04,
            generic: 0x40,
            specific: 0x03,
            supported: lock.classes().into_keys().collect(),
            controlled: Vec::new(),
        };
        let status = UpdateStatus::NODE_INFO_RECEIVED;
        let update = ApplicationUpdate { status, node, smart_start: None, info: Some(info) };
        vec![self.to_host(&Message::ApplicationUpdate(update))]
    }

    /// A node's command came.
    pub fn hear(&mut self, node: NodeId, payload: Vec<u8>) -> Vec<Effect> {
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
            let number = self.begin(Busy::Sending { function, callback: send.callback });
            effects.push(Effect::Transmit(Transmission { number, node: send.node, payload: send.data.to_vec() }));
        }
        effects
    }

    /// The aborted transmission still gets its callback.
    fn abort(&mut self) -> Vec<Effect> {
        match self.in_flight.take_if(|it| it.what != Busy::AskingNodeInfo).map(|it| it.what) {
            Some(Busy::Sending { function, callback }) => {
                let message = self.callback(function, callback, TxStatus::NO_ACK, None);
                let callback = message.map(|message| self.to_host(&message));
                std::iter::once(Effect::Abort).chain(callback).collect()
            }
            Some(Busy::AskingNodeInfo) | None => Vec::new(),
        }
    }

    fn ask_node_info(&mut self, node: NodeId) -> Vec<Effect> {
        let ok = self.in_flight.is_none();
        let function = FunctionId::REQUEST_NODE_INFO;
        let mut effects = vec![self.to_host(&Message::Response { function, ok })];
        if ok {
            let number = self.begin(Busy::AskingNodeInfo);
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
            SetupRequest::GetRfRegion => SetupResponse::RfRegion(Region::EU),
            SetupRequest::SetLrMaxTxPower(_)
            | SetupRequest::SetPowerlevel(..)
            | SetupRequest::GetLrMaxTxPower
            | SetupRequest::GetPowerlevel
            | SetupRequest::GetLrMaxPayload
            | SetupRequest::SetPowerlevel16(..)
            | SetupRequest::GetPowerlevel16
            | SetupRequest::GetSupportedRegions
            | SetupRequest::GetRegionInfo(_)
            | SetupRequest::SetRfRegion(_)
            | SetupRequest::Other(..) => SetupResponse::Unsupported(command),
        };
        vec![self.to_host(&Message::Setup(response))]
    }

    fn init_data(&self, nodes: &BTreeMap<NodeId, Lock>) -> InitData {
        // The mask is of classic nodes; Long Range ones have a list of their own.
        let classic = nodes.keys().copied().filter(|node| !node.is_long_range());
        InitData {
            api_version: if self.chip.series > 5 { 10 } else { 5 },
            capabilities: 0x08,
            nodes: classic.chain([OWN]).collect(),
            chip_type: self.chip.series,
            chip_version: 0,
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            version: (1, 2),
            manufacturer: 0xFFFE,
            product_type: 1,
            product: 1,
            functions: self.chip.functions.clone(),
        }
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
        let report = outcome.filter(|_| self.tx_reports).map(|outcome| tx_report(&outcome));
        Some(Message::SendDataCallback(SendDataCallback { function, callback, status, report }))
    }

    fn begin(&mut self, what: Busy) -> u64 {
        self.transmissions += 1;
        self.in_flight = Some(InFlight { number: self.transmissions, what });
        self.transmissions
    }

    fn reset(&mut self) {
        self.width = NodeIdWidth::Bits8;
        self.tx_reports = false;
        self.in_flight = None;
    }

    fn to_host(&self, message: &Message) -> Effect {
        Effect::ToHost(message.write(self.width))
    }
}

fn protocol_info(node: NodeId, lock: Option<&Lock>) -> NodeProtocolInfo {
    let common = NodeProtocolInfo {
        routing: true,
        speed_bits: 2,
        protocol_version: 3,
        optional: true,
        beaming: true,
        specific_present: true,
        speed_ext: 1,
        ..NodeProtocolInfo::default()
    };
    match lock {
        Some(lock) => NodeProtocolInfo {
            listening: lock.model.beam.is_none(),
            flirs_1000ms: lock.model.beam == Some(Beam::Ms1000),
            flirs_250ms: lock.model.beam == Some(Beam::Ms250),
            basic: 0x04,
            generic: 0x40,
            specific: 0x03,
            ..common
        },
        None if node == OWN => {
            NodeProtocolInfo { listening: true, controller: true, basic: 0x02, generic: 0x02, specific: 0x07, ..common }
        }
        // Generic class 0: not in the network.
        None => NodeProtocolInfo::default(),
    }
}

fn tx_report(outcome: &Outcome) -> TxReport {
    let none = Rssi::NOT_AVAILABLE;
    let route = RouteReport {
        repeaters_used: 0,
        ack_rssi: if outcome.acked { SIGNAL } else { none },
        repeater_rssi: [none; 4],
        ack_channel: 0,
        tx_channel: 0,
        routing_scheme: 1,
        last_route: [0; 4],
        beam_1000ms: outcome.beam == Some(Beam::Ms1000),
        beam_250ms: outcome.beam == Some(Beam::Ms250),
        route_speed: 2,
        routing_attempts: 1,
        failed_link: (0, 0),
    };
    let ticks = u16::try_from(outcome.took.as_millis() / 10).unwrap_or(u16::MAX);
    TxReport { ticks, route: Some(route), powers: vec![none; 2] }
}
