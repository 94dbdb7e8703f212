//! A scripted controller in virtual time: whatever the network sends is answered by a table, and each scenario changes one
//! row of it.

mod adopt;
mod datagrams;
pub(crate) mod forged;
mod hub;
mod inclusion;
mod interview;
mod jobs;
pub(crate) mod logged;
mod real_controllers;
mod revocation;
pub(crate) mod secure;
mod start_up;
mod storm;
mod trouble;
mod wrapped;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::*;
use crate::command::supervision::{self, SessionId, Status, Supervision};
use crate::command::user_code::{self, UserCode, UserId, UserIdStatus};
use crate::command::{ClassId, Command};
use crate::domain::node::{Beam, ClassSupport, NodeProtocol, SecurityClass};
use crate::domain::pin::CodeText;
use crate::domain::time::Timestamp;
use crate::security::crypto::Key;
use crate::serial::Request;
use crate::serial::controller::{Capabilities, ControllerCapabilities, ControllerVersion, InitData, LongRangeNodes, MemoryId};
use crate::serial::node_info::{
    ApplicationUpdate, InclusionCallback, InclusionStatus, NodeInformation, NodeProtocolInfo, UpdateStatus,
};
use crate::serial::request::AddNode;
use crate::serial::setup::{Region, SetupCommand, SetupRequest, SetupResponse};
use crate::serial::transmit::{
    ApplicationCommand, RouteReport, Rssi, RxStatus, SendData, SendDataCallback, SendDataResponse, TxReport, TxStatus,
};

pub(crate) const HOME: HomeId = HomeId(0xC0FF_EE01);
pub(crate) const LOCK: NodeId = NodeId(5);
pub(crate) const OTHER: NodeId = NodeId(6);

/// The network, its controller, and everything that happened.
pub(crate) struct Bench {
    pub(crate) network: Network,
    pub(crate) controller: Controller,
    pub(crate) clock: Instant,
    /// What will happen, in order of time and then of planning.
    agenda: BTreeMap<(Instant, u64), Input>,
    planned: u64,
    pub(crate) events: Vec<(Instant, NetworkEvent)>,
    pub(crate) requests: Vec<(Instant, Request)>,
    pub(crate) reopened: usize,
}

/// How the controller behaves.
pub(crate) struct Controller {
    pub(crate) home: HomeId,
    pub(crate) library: &'static str,
    pub(crate) functions: BTreeSet<FunctionId>,
    pub(crate) setup: BTreeSet<SetupCommand>,
    pub(crate) region: Region,
    pub(crate) width: NodeIdWidth,
    /// Says when it restarted.
    pub(crate) announces_start: bool,
    pub(crate) long_range: BTreeSet<NodeId>,
    pub(crate) nodes: BTreeMap<NodeId, Peer>,
    /// Node 0: there is none.
    pub(crate) suc: NodeId,
    pub(crate) secondary: bool,
    /// Functions whose response gets lost.
    pub(crate) mute: BTreeSet<FunctionId>,
    /// Results of the next SendData, before the nodes' own.
    pub(crate) results: VecDeque<Result<TxStatus, Trouble>>,
    in_flight: Option<(CallbackId, FunctionId)>,
    /// A device that waits in learn mode to be taken in.
    pub(crate) joins: Option<(NodeId, NodeInformation)>,
    /// One that waits in learn mode to leave. Node 0: it is another network's.
    pub(crate) leaves: Option<NodeId>,
    /// The controller's function stops after this callback.
    pub(crate) stops_after: Option<InclusionStatus>,
    pub(crate) moving: Moving,
}

/// What the controller is busy with beside sending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Moving {
    Idle,
    Adding(Option<NodeId>),
    Removing(Option<NodeId>),
    Calling,
}

/// What can go wrong with a SendData.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    /// The controller's queue is full.
    NotAccepted,
    /// The response is lost, the callback comes.
    ResponseLost,
    /// Nothing is heard of it until it is aborted.
    Stuck,
    /// The controller never calls back, aborted or not.
    Hung,
    /// It fails, after it was transmitted.
    FailedOnAir,
}

/// How a node behaves.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) info: NodeProtocolInfo,
    pub(crate) classes: Vec<ClassId>,
    pub(crate) listens: bool,
    /// How long it takes to acknowledge, beam included.
    pub(crate) airtime: Duration,
    /// How long it thinks before it reports.
    pub(crate) thinks: Duration,
    pub(crate) answers: fn(&Command) -> Vec<Command>,
}

impl Bench {
    /// A controller with these nodes, and a network that knows them from before (complete, with their classes).
    pub(crate) fn with_known(peers: &[(NodeId, Peer)]) -> Self {
        let nodes = peers.iter().map(|(id, peer)| known(*id, peer)).collect();
        let mut bench = Self::new(peers, nodes, Some(HOME), Options::default());
        bench.start();
        bench
    }

    pub(crate) fn new(peers: &[(NodeId, Peer)], nodes: Vec<Node>, home: Option<HomeId>, options: Options) -> Self {
        Self {
            network: Network::new(nodes, home, keys(), options, Entropy::from_number(7)),
            controller: Controller::new(peers),
            clock: Instant::from_millis(1000),
            agenda: BTreeMap::new(),
            planned: 0,
            events: Vec::new(),
            requests: Vec::new(),
            reopened: 0,
        }
    }

    /// Plugs the controller in and waits until it is set up.
    pub(crate) fn start(&mut self) {
        self.now(Input::LinkUp);
        self.run(2000);
        assert!(matches!(self.network.controller(), ControllerStatus::Ready(_)), "{:?}", self.network.controller());
        self.requests.clear();
    }

    /// The cable is out and in again.
    pub(crate) fn replug(&mut self) {
        self.agenda.clear();
        self.controller.width = NodeIdWidth::Bits8;
        self.now(Input::LinkDown { why: "unplugged".into() });
        self.now(Input::LinkUp);
    }

    pub(crate) fn time(&self) -> Now {
        Now { mono: self.clock, wall: Timestamp::from_millis(0), trusted: true }
    }

    pub(crate) fn now(&mut self, input: Input) {
        let time = self.time();
        self.network.handle(input, time);
        self.drain();
    }

    pub(crate) fn plan(&mut self, after_ms: u64, input: Input) {
        self.planned += 1;
        self.agenda.insert((self.clock + Duration::from_millis(after_ms), self.planned), input);
    }

    /// A node says something, now.
    pub(crate) fn hear(&mut self, from: NodeId, command: &Command) {
        self.hear_with(from, command, RxStatus(0));
    }

    pub(crate) fn hear_with(&mut self, from: NodeId, command: &Command, rx: RxStatus) {
        let frame = self.controller.report(from, command, rx);
        self.now(Input::Frame(frame));
    }

    pub(crate) fn submit(&mut self, node: NodeId, priority: Priority, command: Command, expect: Completion) -> JobId {
        let time = self.time();
        let id = self.network.submit(Job { node, priority, command, expect, deadline: None }, time);
        self.drain();
        id
    }

    /// Another controller's network becomes ours.
    pub(crate) fn adopt(&mut self, home: HomeId, keys: &NetworkKeys, nodes: Vec<Node>) -> Adopted {
        let time = self.time();
        let adopted = self.network.adopt(home, keys.clone(), nodes, time);
        self.drain();
        adopted
    }

    pub(crate) fn run(&mut self, ms: u64) {
        let end = self.clock + Duration::from_millis(ms);
        for _ in 0..100_000 {
            let planned = self.agenda.keys().next().map(|(at, _)| *at);
            let deadline = self.network.poll_deadline().map(|deadline| deadline.at);
            let Some(next) = planned.into_iter().chain(deadline).min().filter(|&next| next <= end) else {
                self.clock = end;
                return;
            };
            assert!(next >= self.clock, "time never goes back");
            self.clock = next;
            if planned == Some(next) {
                let (_, input) = self.agenda.pop_first().unwrap();
                self.now(input);
            } else {
                let time = self.time();
                self.network.handle_timeout(time);
                self.drain();
                let again = self.network.poll_deadline().map(|deadline| deadline.at);
                assert!(again.is_none_or(|again| again > next), "the machine spins at {:?}", self.network.poll_deadline());
            }
        }
        panic!("no end of it");
    }

    pub(crate) fn outcome(&self, job: JobId) -> Option<&Outcome> {
        let mut ends = self.events.iter().filter_map(|(_, event)| match event {
            NetworkEvent::JobDone { id, outcome, .. } if *id == job => Some(outcome),
            _ => None,
        });
        let outcome = ends.next();
        assert!(ends.next().is_none(), "a job ends once");
        outcome
    }

    /// When the job ended.
    pub(crate) fn ended_at(&self, job: JobId) -> Option<Instant> {
        self.events.iter().find_map(|(at, event)| match event {
            NetworkEvent::JobDone { id, .. } if *id == job => Some(*at),
            _ => None,
        })
    }

    /// What was sent to `node`, decoded, with the time.
    pub(crate) fn sent_to(&self, node: NodeId) -> Vec<(Instant, Command)> {
        let payloads = self.requests.iter().filter_map(|(at, request)| match request {
            Request::SendData(send) | Request::SendDataBridge { send, .. } if send.node == node => Some((*at, &send.data)),
            _ => None,
        });
        payloads.map(|(at, data)| (at, Command::parse(data).unwrap())).collect()
    }

    pub(crate) fn received(&self) -> Vec<(NodeId, Command)> {
        let received = self.events.iter().filter_map(|(_, event)| match event {
            NetworkEvent::Received { node, command, .. } => Some((*node, command.clone())),
            _ => None,
        });
        received.collect()
    }

    pub(crate) fn reaches(&self, of: NodeId) -> Vec<Reach> {
        let reaches = self.events.iter().filter_map(|(_, event)| match event {
            NetworkEvent::ReachChanged { node, reach } if *node == of => Some(*reach),
            _ => None,
        });
        reaches.collect()
    }

    fn drain(&mut self) {
        while let Some(output) = self.network.poll_output() {
            match output {
                Output::Event(event) => self.events.push((self.clock, event)),
                Output::Reopen => self.reopened += 1,
                Output::Send { id, frame } => {
                    let request = Request::parse(&frame, self.controller.width).unwrap();
                    self.requests.push((self.clock, request.clone()));
                    self.plan(1, Input::Sent(id));
                    for (after_ms, frame) in self.controller.answer(&request) {
                        self.plan(after_ms, Input::Frame(frame));
                    }
                }
            }
        }
    }
}

impl Controller {
    fn new(peers: &[(NodeId, Peer)]) -> Self {
        Self {
            home: HOME,
            library: "Z-Wave 7.18",
            functions: BTreeSet::from([
                FunctionId::SOFT_RESET,
                FunctionId::SERIAL_API_SETUP,
                FunctionId::GET_LR_NODES,
                FunctionId::SEND_DATA,
                FunctionId::SEND_DATA_BRIDGE,
                FunctionId::REMOVE_FAILED_NODE,
                FunctionId::REPLACE_FAILED_NODE,
                FunctionId::ADD_NODE_TO_NETWORK,
                FunctionId::REMOVE_NODE_FROM_NETWORK,
                FunctionId::ASSIGN_SUC_RETURN_ROUTE,
            ]),
            setup: BTreeSet::from([
                SetupCommand::GET_SUPPORTED,
                SetupCommand::SET_TX_STATUS_REPORT,
                SetupCommand::SET_NODE_ID_TYPE,
                SetupCommand::GET_RF_REGION,
            ]),
            region: Region::EU,
            width: NodeIdWidth::Bits8,
            announces_start: true,
            long_range: BTreeSet::new(),
            nodes: peers.iter().cloned().collect(),
            suc: NodeId(1),
            secondary: false,
            mute: BTreeSet::new(),
            results: VecDeque::new(),
            in_flight: None,
            joins: None,
            leaves: None,
            stops_after: None,
            moving: Moving::Idle,
        }
    }

    pub(crate) fn report(&self, from: NodeId, command: &Command, rx: RxStatus) -> Frame {
        let message = ApplicationCommand {
            rx,
            destination: self.functions.contains(&FunctionId::SEND_DATA_BRIDGE).then_some(NodeId(1)),
            source: from,
            payload: command.write().into(),
            multicast_mask: Default::default(),
            rssi: None,
            trailing: Default::default(),
        };
        Message::ApplicationCommand(message).write(self.width)
    }

    /// What the controller says to a request, and after how many milliseconds.
    fn answer(&mut self, request: &Request) -> Vec<(u64, Frame)> {
        if self.mute.contains(&request.function()) {
            return Vec::new();
        }
        let message = match request {
            Request::GetControllerVersion => {
                Message::ControllerVersion(ControllerVersion { version: self.library.into(), library_type: 7 })
            }
            Request::GetCapabilities => Message::Capabilities(Capabilities {
                version: (1, 2),
                manufacturer: 0x0086,
                product_type: 1,
                product: 0x5A,
                functions: self.functions.clone(),
            }),
            Request::SoftReset => {
                self.width = NodeIdWidth::Bits8;
                return self.started(7).into_iter().filter(|_| self.announces_start).map(|frame| (300, frame)).collect();
            }
            Request::Setup(SetupRequest::GetSupported) => Message::Setup(SetupResponse::Supported(self.setup.clone())),
            Request::Setup(SetupRequest::SetNodeIdType(width)) => {
                let answer = Message::Setup(SetupResponse::Done(SetupCommand::SET_NODE_ID_TYPE, true)).write(self.width);
                self.width = *width;
                return vec![(2, answer)];
            }
            Request::Setup(SetupRequest::GetRfRegion) => Message::Setup(SetupResponse::RfRegion(self.region)),
            Request::Setup(request) => Message::Setup(SetupResponse::Done(request.command(), true)),
            Request::GetSucNodeId => Message::SucNodeId { node: self.suc },
            Request::GetControllerCapabilities => {
                Message::ControllerCapabilities(ControllerCapabilities { flags: self.secondary.into() })
            }
            Request::SetSucNodeId { node, .. } => {
                self.suc = *node;
                Message::Response { function: FunctionId::SET_SUC_NODE_ID, ok: true }
            }
            Request::SetNodeInformation(_) => return Vec::new(),
            Request::MemoryGetId => Message::MemoryId(MemoryId { home: self.home, own: NodeId(1) }),
            Request::GetSerialApiInitData => Message::InitData(InitData {
                api_version: 10,
                capabilities: 0,
                nodes: self.nodes.keys().copied().filter(|id| !id.is_long_range()).chain([NodeId(1)]).collect(),
                chip_type: 7,
                chip_version: 0,
            }),
            Request::GetLongRangeNodes { segment } => {
                Message::LongRangeNodes(LongRangeNodes { more: false, segment: *segment, nodes: self.long_range.clone() })
            }
            Request::GetNodeProtocolInfo { node } => {
                Message::NodeProtocolInfo(self.nodes.get(node).map(|peer| peer.info).unwrap_or_default())
            }
            Request::RequestNodeInfo { node } => return self.node_info(*node),
            Request::SendData(send) | Request::SendDataBridge { send, .. } => return self.send_data(send, request.function()),
            Request::SendDataAbort => {
                let Some((callback, function)) = self.in_flight.take() else { return Vec::new() };
                return vec![(20, self.callback(callback, function, TxStatus::FAIL, Duration::ZERO))];
            }
            Request::RemoveFailedNode(call) => return self.remove_failed(call.node, call.callback),
            Request::AddNode(add) => return self.add_node(*add),
            Request::RemoveNode { mode, callback } => return self.remove_node(*mode, *callback),
            Request::ReplaceFailedNode(call) => return self.replace_failed(call.node, call.callback),
            Request::AssignSucReturnRoute(call) => {
                let function = FunctionId::ASSIGN_SUC_RETURN_ROUTE;
                let response = Message::Response { function, ok: true }.write(self.width);
                let callback = Message::Callback { function, callback: call.callback, status: Some(0) }.write(self.width);
                return vec![(2, response), (1100, callback)];
            }
            other => panic!("nobody should send {other:?}"),
        };
        vec![(2, message.write(self.width))]
    }

    pub(crate) fn started(&self, wake_reason: u8) -> Option<Frame> {
        use crate::serial::controller::SerialApiStarted;
        let started = SerialApiStarted {
            wake_reason,
            watchdog: 0,
            device_option: 1,
            generic: 2,
            specific: 1,
            classes: Vec::new(),
            protocols: Some(0),
        };
        Some(Message::SerialApiStarted(started).write(self.width))
    }

    /// Controllers look themselves before they forget a node.
    fn remove_failed(&self, node: NodeId, callback: CallbackId) -> Vec<(u64, Frame)> {
        let function = FunctionId::REMOVE_FAILED_NODE;
        let status = if self.nodes[&node].listens { 0 } else { 1 };
        let response = Message::FailedNodeResponse { function, flags: 0 }.write(self.width);
        let callback = Message::Callback { function, callback, status: Some(status) }.write(self.width);
        vec![(2, response), (1500, callback)]
    }

    fn node_info(&self, node: NodeId) -> Vec<(u64, Frame)> {
        let function = FunctionId::REQUEST_NODE_INFO;
        let response = Message::Response { function, ok: true }.write(self.width);
        let peer = &self.nodes[&node];
        let update = if peer.listens {
            let (basic, generic, specific) = (4, peer.info.generic, peer.info.specific);
            let info = NodeInformation { basic, generic, specific, supported: peer.classes.clone(), controlled: Vec::new() };
            ApplicationUpdate { status: UpdateStatus::NODE_INFO_RECEIVED, node, smart_start: None, info: Some(info) }
        } else {
            let status = UpdateStatus::NODE_INFO_REQUEST_FAILED;
            ApplicationUpdate { status, node: NodeId(0), smart_start: None, info: None }
        };
        vec![(2, response), (1200, Message::ApplicationUpdate(update).write(self.width))]
    }

    fn send_data(&mut self, send: &SendData, function: FunctionId) -> Vec<(u64, Frame)> {
        let response = |accepted| Message::SendDataResponse(SendDataResponse { function, accepted }).write(self.width);
        let peer = &self.nodes[&send.node];
        let airtime = peer.airtime;
        let airtime_ms = u64::try_from(airtime.as_millis()).unwrap();
        let mut out = vec![(2, response(true))];
        let own = if peer.listens { TxStatus::OK } else { TxStatus::NO_ACK };
        let status = match self.results.pop_front() {
            None => own,
            Some(Ok(status)) => status,
            Some(Err(Trouble::NotAccepted)) => return vec![(2, response(false))],
            Some(Err(Trouble::ResponseLost)) => {
                out.clear();
                own
            }
            Some(Err(Trouble::Stuck)) => {
                self.in_flight = Some((send.callback, function));
                return out;
            }
            Some(Err(Trouble::Hung)) => return out,
            Some(Err(Trouble::FailedOnAir)) => {
                out.push((airtime_ms + 3, self.callback(send.callback, function, TxStatus::FAIL, airtime)));
                return out;
            }
        };
        // A jammed controller transmits nothing.
        let on_air = if status == TxStatus::FAIL { Duration::ZERO } else { airtime };
        out.push((airtime_ms + 3, self.callback(send.callback, function, status, on_air)));
        if status == TxStatus::OK {
            let thinks = u64::try_from(peer.thinks.as_millis()).unwrap();
            let replies = (peer.answers)(&Command::parse(&send.data).unwrap());
            let frames = replies.iter().map(|reply| self.report(send.node, reply, RxStatus(0)));
            out.extend(frames.map(|frame| (airtime_ms + thinks, frame)));
        }
        out
    }

    fn callback(&self, callback: CallbackId, function: FunctionId, status: TxStatus, airtime: Duration) -> Frame {
        let route = RouteReport {
            repeaters_used: 0,
            ack_rssi: Rssi(-60),
            repeater_rssi: [Rssi::NOT_AVAILABLE; 4],
            ack_channel: 0,
            tx_channel: 0,
            routing_scheme: 1,
            last_route: [0; 4],
            beam_1000ms: airtime >= Duration::from_secs(1),
            beam_250ms: false,
            route_speed: 2,
            routing_attempts: 1,
            failed_link: (0, 0),
        };
        let ticks = u16::try_from(airtime.as_millis() / 10).unwrap();
        let report = Some(TxReport { ticks, route: Some(route), powers: Vec::new() });
        Message::SendDataCallback(SendDataCallback { function, callback, status, report }).write(self.width)
    }
}

impl Peer {
    /// A battery lock: woken by a beam, supervises, 30 codes of version 1.
    pub(crate) fn lock() -> Self {
        Self {
            info: NodeProtocolInfo { flirs_1000ms: true, basic: 4, generic: 0x40, specific: 3, ..NodeProtocolInfo::default() },
            classes: vec![
                ClassId::Z_WAVE_PLUS_INFO,
                ClassId::VERSION,
                ClassId::MANUFACTURER_SPECIFIC,
                ClassId::ASSOCIATION,
                ClassId::ASSOCIATION_GROUP_INFORMATION,
                ClassId::BATTERY,
                ClassId::DOOR_LOCK,
                ClassId::USER_CODE,
                ClassId::NOTIFICATION,
                ClassId::SUPERVISION,
            ],
            listens: true,
            airtime: Duration::from_millis(1100),
            thinks: Duration::from_millis(200),
            answers: lock_answers,
        }
    }

    /// The same lock without Supervision.
    pub(crate) fn old_lock() -> Self {
        let mut peer = Self::lock();
        peer.classes.retain(|class| *class != ClassId::SUPERVISION);
        peer
    }

    /// A keypad that sleeps.
    pub(crate) fn sleeper() -> Self {
        let mut peer = Self::lock();
        peer.info.flirs_1000ms = false;
        peer.classes.push(ClassId::WAKE_UP);
        peer.airtime = Duration::from_millis(20);
        peer
    }
}

/// A node as the store would give it back after a complete interview.
pub(crate) fn known(id: NodeId, peer: &Peer) -> Node {
    let beam = peer.info.flirs_1000ms.then_some(Beam::Ms1000);
    Node {
        stage: InterviewStage::Complete,
        protocol: Some(NodeProtocol { listening: peer.info.listening, beam, basic: 4, generic: 0x40, specific: 3 }),
        classes: peer.classes.iter().map(|&class| (class, ClassSupport { version: 1, secure: false })).collect(),
        ..Node::listed(id)
    }
}

/// What a lock says: the report to a Get, success to a supervised Set.
pub(crate) fn lock_answers(command: &Command) -> Vec<Command> {
    let hex = |hex: &str| {
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        vec![Command::parse(&bytes).unwrap()]
    };
    match command {
        Command::Supervision(Supervision::Get(get)) => vec![supervised(get.session, Status::SUCCESS)],
        Command::UserCode(UserCode::Get(get)) => vec![code_report(get.user_id)],
        Command::NoOperation => Vec::new(),
        other => match other.write().as_slice() {
            [0x86, 0x13, class] => hex(&format!("8614{class:02x}01")),
            [0x86, 0x11] => hex("86120307050102"),
            [0x72, 0x04] => hex("7205003b00010469"),
            [0x85, 0x02, group] => hex(&format!("8503{group:02x}050002")),
            [0x59, 0x03, ..] => hex("59048101000001000000"),
            [0x80, 0x02] => hex("80035a"),
            [0x62, 0x02] => hex("6203ff0002fefe"),
            [0x71, 0x07] => hex("71080140"),
            [0x63, 0x04] => hex("63051e"),
            _ => Vec::new(),
        },
    }
}

/// The keys of the bench's network.
pub(crate) fn keys() -> NetworkKeys {
    NetworkKeys::from_fn(|id| Key::from_bytes([id as u8 + 1; 16]))
}

pub(crate) fn supervised(session: SessionId, status: Status) -> Command {
    Command::Supervision(Supervision::Report(supervision::Report::final_of(session, status)))
}

pub(crate) fn code_report(user: u8) -> Command {
    let (status, code) = (UserIdStatus::ENABLED, CodeText::new(*b"4711"));
    Command::UserCode(UserCode::Report(user_code::Report { user_id: user, status, code }))
}

pub(crate) fn read_code(user: u16) -> Command {
    Command::UserCode(UserCode::read_code(UserId::new(user).unwrap()))
}

pub(crate) fn write_code(user: u16) -> Command {
    let code = CodeText::new(*b"4711");
    Command::UserCode(UserCode::write_code(UserId::new(user).unwrap(), UserIdStatus::ENABLED, code, 1).unwrap())
}

pub(crate) fn operate() -> Command {
    Command::parse(&[0x62, 0x01, 0xFF]).unwrap()
}

pub(crate) fn event() -> Command {
    Command::parse(&[0x71, 0x05, 0, 0, 0, 0xFF, 6, 6, 1, 3]).unwrap()
}
