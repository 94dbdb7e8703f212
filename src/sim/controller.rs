//! The simulated controller: its answers to the host, and its requests to the radio. Facts:
//! docs/protocol/serial-api.md §3 and §4.
//!
//! | file | what |
//! | --- | --- |
//! | `inclusion` | adding, removing, SmartStart: one mode at a time |
//! | `effect` | requests to the world, and results of transmissions |
//! | `failed` | the list of failed nodes; removing and replacing them |
//! | `sending` | payloads for one, several or all nodes |
//! | `routes` | return routes, priority routes, neighbours, the SUC |
//! | `setup` | Serial API Setup, powers, regions, channels |
//! | `mode` | the mode of an inclusion or exclusion |
//! | `node_info` | what it keeps and reports about nodes |
//! | `memory` | non-volatile memory, and its image |
//! | `nvm`, `nvm_session` | that image, read and written by the host |
//! | `reports` | reports about itself and its nodes |

mod constants;
mod effect;
mod failed;
mod inclusion;
mod memory;
mod mode;
mod node_info;
mod nvm;
mod nvm_session;
mod reports;
mod routes;
mod sending;
mod setup;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::domain::entropy::Entropy;
use crate::domain::ids::{HomeId, NodeId};
use crate::serial::controller::{ControllerVersion, MemoryId, PriorityRoute, ProtocolVersion, SerialApiStarted};
use crate::serial::node_info::{ApplicationUpdate, UpdateStatus};
use crate::serial::setup::Region;
use crate::serial::transmit::{ApplicationCommand, RxStatus, TxStatus};
use crate::serial::{CallbackId, Frame, FunctionId, Message, NodeIdWidth, Request};

use super::chip::Chip;
use super::node::Node;
use super::radio::Effort;
pub(super) use constants::OWN;
use constants::{NOISE, SIGNAL};
pub use effect::{Effect, Outcome, Transmission, Wake};
pub use memory::ControllerMemory;
use mode::Mode;
use node_info::{node_information, protocol_info};
use nvm_session::Nvm;

/// Radio channels of a controller: two of the mesh, two of Long Range.
const CHANNELS: usize = 4;
/// Maximum number of random bytes per request.
const MOST_RANDOM: u8 = 32;
/// The radio operation under way.
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
        effort: Effort,
    },
    SendingToMany {
        function: FunctionId,
        callback: CallbackId,
    },
    AskingNodeInfo,
    /// Setting a route or the SUC: the callback is the result of the transmission.
    Routing {
        function: FunctionId,
        callback: CallbackId,
    },
    FindingNeighbours {
        callback: CallbackId,
    },
    /// Checking that a node does not answer.
    Failed {
        function: FunctionId,
        callback: CallbackId,
    },
}

/// A controller. Its memory survives a reset, its settings do not.
#[derive(Debug)]
pub struct Controller {
    chip: Chip,
    memory: ControllerMemory,
    nvm: Nvm,
    entropy: Entropy,
    /// Nodes that did not acknowledge the last frame.
    failed: BTreeSet<NodeId>,
    /// The last working route to each node.
    last_working: BTreeMap<NodeId, PriorityRoute>,
    /// Nodes that are reached by a repeater, and that repeater.
    behind: BTreeMap<NodeId, NodeId>,
    width: NodeIdWidth,
    tx_reports: bool,
    receives: bool,
    watchdog: bool,
    /// Shut down by the host: it does nothing until its next power-up.
    is_down: bool,
    /// The region in force.
    region: Region,
    /// Its time-outs for the host's ACK and next byte, in 10 ms.
    timeouts: (u8, u8),
    wake: Wake,
    mode: Mode,
    in_flight: Option<InFlight>,
    transmissions: u64,
}

/// Default time-outs after a reset, in 10 ms.
const TIMEOUTS: (u8, u8) = (150, 15);

impl Controller {
    /// A running controller with these nodes. Random values come from `entropy`.
    pub fn new(chip: Chip, home: HomeId, members: &BTreeMap<NodeId, Node>, entropy: Entropy) -> Self {
        let nodes = members.iter().map(|(id, node)| (*id, protocol_info(*id, node))).collect();
        Self {
            memory: ControllerMemory::new(home, nodes, chip.region),
            region: chip.region,
            chip,
            nvm: Nvm::default(),
            entropy,
            failed: BTreeSet::new(),
            last_working: BTreeMap::new(),
            behind: BTreeMap::new(),
            width: NodeIdWidth::Bits8,
            tx_reports: false,
            receives: true,
            watchdog: false,
            is_down: false,
            timeouts: TIMEOUTS,
            wake: Wake::PowerUp,
            mode: Mode::Idle,
            in_flight: None,
            transmissions: 0,
        }
    }

    /// The network's home id.
    pub fn home(&self) -> HomeId {
        self.memory.home
    }

    pub fn memory(&self) -> &ControllerMemory {
        &self.memory
    }

    /// Replaces its memory, as if it were another controller. It has to be restarted afterwards.
    pub fn set_memory(&mut self, memory: ControllerMemory) {
        self.nvm.erase();
        self.memory = memory;
    }

    /// Whether it receives frames of this node.
    pub fn hears(&self, node: NodeId) -> bool {
        self.receives && !self.is_down && self.covers(node)
    }

    /// Whether its radio can reach the node: Long Range needs a region with Long Range.
    pub fn covers(&self, node: NodeId) -> bool {
        !node.is_long_range() || self.region.is_long_range()
    }

    /// Whether the watchdog is on, which restarts it if it hangs.
    pub fn is_watched(&self) -> bool {
        self.watchdog
    }

    /// Sets the reason of its next start.
    pub fn wake_by(&mut self, wake: Wake) {
        self.wake = wake;
        self.is_down = false;
    }

    /// Handles a frame of the host. An unsupported function is acknowledged and not answered.
    pub fn request(&mut self, frame: &Frame) -> Vec<Effect> {
        if self.is_down || !self.chip.functions.contains(&frame.function) {
            return Vec::new();
        }
        let Ok(request) = Request::parse(frame, self.width) else { return Vec::new() };
        let answer = match request {
            Request::GetSerialApiInitData => Message::InitData(self.init_data()),
            Request::GetControllerCapabilities => Message::ControllerCapabilities(self.role()),
            Request::SetTimeouts { ack_10ms, byte_10ms } => {
                let (old_ack, old_byte) = std::mem::replace(&mut self.timeouts, (ack_10ms, byte_10ms));
                let wait = Effect::AckWait(Duration::from_millis(u64::from(ack_10ms) * 10));
                return vec![wait, self.to_host(&Message::Timeouts { old_ack, old_byte })];
            }
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
            Request::MemoryGetId => Message::MemoryId(MemoryId { home: self.home(), own: OWN }),
            Request::GetSucNodeId => Message::SucNodeId { node: if self.memory.is_suc { OWN } else { NodeId(0) } },
            Request::SetSucNodeId { node, suc, .. } => self.set_suc(node, suc),
            Request::GetBackgroundRssi => Message::BackgroundRssi { rssi: vec![NOISE; CHANNELS] },
            Request::GetRandom { n } => Message::Random { random: self.random(n) },
            Request::GetLongRangeNodes { segment } => Message::LongRangeNodes(self.long_range_nodes(segment)),
            Request::GetLongRangeChannel => Message::LongRangeChannel(self.long_range_channel()),
            Request::SetLongRangeChannel { channel } => self.set_long_range_channel(channel),
            Request::IsFailedNode { node } => Message::IsFailedNode { failed: self.failed.contains(&node) },
            Request::GetNodeProtocolInfo { node } => Message::NodeProtocolInfo(self.protocol_info(node)),
            Request::GetRoutingInfo { node, remove_non_repeaters, .. } => {
                Message::RoutingInfo { neighbors: self.neighbours(node, remove_non_repeaters) }
            }
            Request::GetPriorityRoute { node } => self.priority_route(node),
            Request::SetPriorityRoute { node, route } => self.set_priority_route(node, route),
            Request::GetVirtualNodes => Message::VirtualNodes { nodes: BTreeSet::new() },
            Request::SetRfReceiveMode { on } => {
                self.receives = on;
                Message::Response { function: FunctionId::SET_RF_RECEIVE_MODE, ok: true }
            }
            Request::NvmGetId => Message::NvmId(self.nvm_id()),
            Request::NvmRead { offset, len } => self.nvm_read(offset, len),
            Request::NvmWrite { offset, data } => return self.nvm_write(offset, &data),
            Request::Nvm { form, operation } => Message::Nvm(self.nvm(form, operation)),
            Request::AddNode(add) => return self.add_node(&add),
            Request::RemoveNode { mode, callback } => return self.remove_node(mode, callback),
            Request::SetLearnMode { mode, callback } => return self.learn(mode, callback),
            Request::RemoveFailedNode(call) => return self.failed_node(FunctionId::REMOVE_FAILED_NODE, call),
            Request::ReplaceFailedNode(call) => return self.failed_node(FunctionId::REPLACE_FAILED_NODE, call),
            Request::AssignSucReturnRoute(call) => {
                let is_suc = self.memory.is_suc;
                return self.tell_route(frame.function, call.node, call.callback, is_suc);
            }
            Request::DeleteSucReturnRoute(call) | Request::DeleteReturnRoute(call) => {
                return self.tell_route(frame.function, call.node, call.callback, true);
            }
            Request::AssignReturnRoute { node, destination, callback } => {
                let ok = node != destination && self.is_destination(destination);
                return self.tell_route(frame.function, node, callback, ok);
            }
            Request::AssignPriorityReturnRoute { node, destination, route, callback } => {
                let ok = node != destination && self.is_destination(destination) && self.is_possible(&route);
                return self.tell_route(frame.function, node, callback, ok);
            }
            Request::AssignPrioritySucReturnRoute { node, route, callback } => {
                let ok = self.memory.is_suc && self.is_possible(&route);
                return self.tell_route(frame.function, node, callback, ok);
            }
            Request::RequestNodeNeighborUpdate(call) => return self.find_neighbours(call),
            Request::Setup(setup) => return self.set_up(&setup),
            Request::SendData(send) | Request::SendDataBridge { send, .. } => return self.send(frame.function, &send),
            Request::SendDataMulti(send) | Request::SendDataMultiBridge { send, .. } => {
                return self.send_multi(frame.function, &send);
            }
            Request::SendNodeInformation { node, callback, .. } => return self.announce(node, callback),
            Request::SendDataAbort => return self.abort(),
            Request::RequestNodeInfo { node } => return self.ask_node_info(node),
            Request::SoftReset => {
                self.reset();
                self.wake = Wake::SoftReset;
                return vec![Effect::Restart];
            }
            Request::HardReset { callback } => return self.forget_network(callback),
            Request::Shutdown => {
                let done = self.to_host(&Message::Response { function: FunctionId::SHUTDOWN, ok: true });
                self.reset();
                self.is_down = true;
                return vec![done];
            }
            // Acknowledged without a response.
            Request::SetNodeInformation(information) => {
                self.memory.information = information;
                return Vec::new();
            }
            Request::StartWatchdog | Request::StopWatchdog => {
                self.watchdog = request == Request::StartWatchdog;
                return Vec::new();
            }
            // No controller supports it.
            Request::Other { .. } => return Vec::new(),
        };
        vec![self.to_host(&answer)]
    }

    /// It has started: settings have their defaults.
    pub fn start(&mut self) -> Vec<Effect> {
        self.reset();
        self.take_what_was_written();
        self.region = self.memory.region;
        let ack_wait = Effect::AckWait(Duration::from_millis(u64::from(self.timeouts.0) * 10));
        if !self.chip.says_started {
            return vec![ack_wait];
        }
        let information = &self.memory.information;
        let started = SerialApiStarted {
            wake_reason: self.wake.number(),
            watchdog: self.watchdog.into(),
            device_option: information.device_options,
            generic: information.generic,
            specific: information.specific,
            classes: information.classes.clone(),
            protocols: Some(self.region.is_long_range().into()),
        };
        vec![ack_wait, self.to_host(&Message::SerialApiStarted(started))]
    }

    /// A transmission ended. Ignored if it was aborted or lost by a reset.
    pub fn transmitted(&mut self, number: u64, outcome: Outcome) -> Vec<Effect> {
        let Some(in_flight) = self.in_flight.take_if(|it| it.number == number) else { return Vec::new() };
        let node = in_flight.node;
        let unasked = matches!(in_flight.what, Busy::Sending { effort: Effort::Once, .. });
        let status = if outcome.acked || unasked { TxStatus::OK } else { TxStatus::NO_ACK };
        if outcome.acked {
            self.failed.remove(&node);
        } else if !unasked && self.memory.nodes.contains_key(&node) {
            self.failed.insert(node);
        }
        if outcome.acked && self.is_destination(node) {
            let route = PriorityRoute { repeaters: outcome.repeaters, speed: outcome.rate.number() };
            self.last_working.insert(node, route);
        }
        match in_flight.what {
            Busy::Sending { function, callback, .. } => {
                self.sent(function, callback, status, Some(outcome)).into_iter().collect()
            }
            Busy::SendingToMany { function, callback } => self.sent(function, callback, status, None).into_iter().collect(),
            // Controllers often leave out which node did not answer.
            Busy::AskingNodeInfo => vec![self.to_host(&Message::ApplicationUpdate(ApplicationUpdate {
                status: UpdateStatus::NODE_INFO_REQUEST_FAILED,
                node: NodeId(0),
                smart_start: None,
                info: None,
            }))],
            Busy::Routing { function, callback } => self.routed(function, callback, status),
            Busy::FindingNeighbours { callback } => self.found_neighbours(callback, outcome.acked),
            Busy::Failed { function, callback } => self.failed_node_tried(function, callback, node, outcome.acked),
        }
    }

    /// The node information frame of a node arrived.
    pub fn node_information(&mut self, node: NodeId, lock: &Node) -> Vec<Effect> {
        self.in_flight.take_if(|it| it.what == Busy::AskingNodeInfo && it.node == node);
        self.failed.remove(&node);
        let info = node_information(lock);
        let status = UpdateStatus::NODE_INFO_RECEIVED;
        let update = ApplicationUpdate { status, node, smart_start: None, info: Some(info) };
        vec![self.to_host(&Message::ApplicationUpdate(update))]
    }

    /// A command of a node arrived.
    pub fn hear(&mut self, node: NodeId, payload: Vec<u8>) -> Vec<Effect> {
        self.failed.remove(&node);
        // With 8-bit node ids the source cannot be expressed.
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

    fn ask_node_info(&mut self, node: NodeId) -> Vec<Effect> {
        let ok = self.is_free() && node != OWN;
        let function = FunctionId::REQUEST_NODE_INFO;
        let mut effects = vec![self.to_host(&Message::Response { function, ok })];
        if ok {
            let number = self.begin(node, Busy::AskingNodeInfo);
            effects.push(Effect::AskNodeInfo { node, number });
        }
        effects
    }

    /// Hard Reset: erases the network without notifying nodes.
    fn forget_network(&mut self, callback: CallbackId) -> Vec<Effect> {
        let stopped = self.in_flight.take().map(|it| Effect::Abort { number: it.number });
        self.nvm.erase();
        self.memory = ControllerMemory::factory(self.chip.region, &mut self.entropy);
        self.failed.clear();
        self.last_working.clear();
        self.behind.clear();
        self.mode = Mode::Idle;
        let done = Message::Callback { function: FunctionId::HARD_RESET, callback, status: None };
        let told = (callback != CallbackId::NONE).then(|| self.to_host(&done));
        stopped.into_iter().chain(told).collect()
    }

    fn random(&mut self, n: u8) -> bytes::Bytes {
        let random = self.entropy.bytes::<{ MOST_RANDOM as usize }>();
        let wanted = if n <= MOST_RANDOM { n } else { 0 };
        bytes::Bytes::copy_from_slice(random.get(..wanted.into()).unwrap_or_default())
    }

    /// A callback with a status, if the host asked for one.
    fn called_back(&self, function: FunctionId, callback: CallbackId, status: u8) -> Vec<Effect> {
        let message = Message::Callback { function, callback, status: Some(status) };
        if callback == CallbackId::NONE { Vec::new() } else { vec![self.to_host(&message)] }
    }

    /// Whether the radio is idle.
    fn is_free(&self) -> bool {
        self.in_flight.is_none() && !self.nvm.is_open()
    }

    fn begin(&mut self, node: NodeId, what: Busy) -> u64 {
        self.transmissions += 1;
        self.in_flight = Some(InFlight { number: self.transmissions, node, what });
        self.transmissions
    }

    fn reset(&mut self) {
        self.width = NodeIdWidth::Bits8;
        self.tx_reports = false;
        self.receives = true;
        self.watchdog = false;
        self.timeouts = TIMEOUTS;
        self.in_flight = None;
        self.mode = Mode::Idle;
        self.nvm.forget_session();
    }

    fn to_host(&self, message: &Message) -> Effect {
        Effect::ToHost(message.write(self.width))
    }
}
