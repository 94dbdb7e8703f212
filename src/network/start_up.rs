//! Start-up of the controller: its identity, its functions, its nodes (docs/protocol/serial-api.md §1, start-up
//! sequence).
//!
//! Version and capabilities come first, so that only supported functions are used. The soft reset is sent at most once
//! per opened port: some controllers drop off the bus, and some do not report that they restarted. Last, and only if
//! the controller supports it, it becomes SIS if the network has none, and gets the hub's node information
//! ([`hub::node_information`]). The watchdog is not started: controllers that do not acknowledge that command would
//! seem to hang.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{ControllerInfo, hub};
use crate::domain::ids::{HomeId, NodeId};
use crate::domain::time::{Deadline, Instant};
use crate::serial::controller::{Capabilities, ControllerCapabilities, ControllerVersion, InitData, MemoryId};
use crate::serial::setup::{Region, SetupCommand, SetupRequest, SetupResponse};
use crate::serial::transmit::TxOptions;
use crate::serial::{CallbackId, FunctionId, Message, NodeIdWidth, Request};

/// If SerialAPIStarted does not arrive after this time, the version is requested.
const RESET: Duration = Duration::from_millis(1500);
/// Pause before a failed request is repeated.
const RETRY: Duration = Duration::from_millis(500);
/// Number of tries for each request.
const TRIES: u8 = 3;
/// The node id that means "none".
const NO_NODE: NodeId = NodeId(0);
/// Segments of the list of Long Range nodes: ids 256 to 4000.
const LONG_RANGE_SEGMENTS: u8 = 4;

/// A start-up under way.
#[derive(Debug)]
pub(super) struct StartUp {
    step: StartUpStep,
    may_reset: bool,
    home: Option<HomeId>,
    tries: u8,
    not_before: Instant,
    version: Option<ControllerVersion>,
    capabilities: Option<Capabilities>,
    setup: BTreeSet<SetupCommand>,
    width: NodeIdWidth,
    region: Option<Region>,
    init: Option<InitData>,
    long_range: Option<BTreeSet<NodeId>>,
    memory: Option<MemoryId>,
    /// Node 0 means that there is none.
    suc: Option<NodeId>,
    role: Option<ControllerCapabilities>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum StartUpStep {
    Version,
    Capabilities,
    SoftReset,
    /// The reset may be complete without SerialAPIStarted.
    PollVersion,
    SetupCommands,
    TxReport,
    WideIds,
    Region,
    Identity,
    Nodes,
    LongRange(u8),
    /// Reads the node id of the SUC.
    Suc,
    /// Reads the role of this controller.
    Role,
    TakeRole,
    /// Sets the node information of the hub.
    Announce,
    Done,
}

/// The next action of a start-up.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Next {
    Ask(Request),
    Wait,
    /// The start-up is complete.
    Done(Controller),
    /// The port has to be reopened.
    GiveUp(&'static str),
}

/// A controller that is ready.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Controller {
    pub(super) info: ControllerInfo,
    pub(super) functions: BTreeSet<FunctionId>,
    /// All nodes except the controller.
    pub(super) nodes: BTreeSet<NodeId>,
    /// Whether `nodes` would include Long Range nodes.
    pub(super) lists_long_range: bool,
}

impl StartUp {
    /// `home`: the network of the known nodes. A controller of another network is read, but nothing is changed on it.
    pub(super) fn new(may_reset: bool, home: Option<HomeId>) -> Self {
        Self {
            step: StartUpStep::Version,
            may_reset,
            home,
            tries: 0,
            not_before: Instant::ZERO,
            version: None,
            capabilities: None,
            setup: BTreeSet::new(),
            width: NodeIdWidth::Bits8,
            region: None,
            init: None,
            long_range: None,
            memory: None,
            suc: None,
            role: None,
        }
    }

    /// The next action. Functions that the controller does not support are skipped.
    pub(super) fn next(&mut self, now: Instant) -> Next {
        if now < self.not_before {
            return Next::Wait;
        }
        loop {
            if self.step == StartUpStep::Done {
                return self.controller().map_or(Next::GiveUp("the controller's answers are inconsistent"), Next::Done);
            }
            if self.tries == self.step.tries() {
                if self.step.is_needed() {
                    return Next::GiveUp("the controller answers, but not to its requests");
                }
                self.proceed();
                continue;
            }
            match self.request() {
                Some(request) => return Next::Ask(request),
                None => self.proceed(),
            }
        }
    }

    /// A request was answered. An answer without content counts as none.
    pub(super) fn answered(&mut self, message: Option<&Message>, now: Instant) {
        let understood = match (self.step, message) {
            (StartUpStep::SoftReset, _) => {
                self.step = StartUpStep::PollVersion;
                self.tries = 0;
                self.not_before = now + RESET;
                return;
            }
            (StartUpStep::PollVersion, Some(Message::ControllerVersion(_))) => true,
            (StartUpStep::Version, Some(Message::ControllerVersion(version))) => {
                self.version = Some(version.clone());
                true
            }
            (StartUpStep::Capabilities, Some(Message::Capabilities(capabilities))) => {
                self.capabilities = Some(capabilities.clone());
                true
            }
            (StartUpStep::SetupCommands, Some(Message::Setup(SetupResponse::Supported(commands)))) => {
                self.setup.clone_from(commands);
                true
            }
            (StartUpStep::WideIds, Some(Message::Setup(SetupResponse::Done(_, done)))) => {
                if *done {
                    self.width = NodeIdWidth::Bits16;
                }
                true
            }
            (StartUpStep::Region, Some(Message::Setup(SetupResponse::RfRegion(region)))) => {
                self.region = Some(*region);
                true
            }
            // A refused setting is not fatal.
            (
                StartUpStep::TxReport | StartUpStep::SetupCommands | StartUpStep::WideIds | StartUpStep::Region,
                Some(Message::Setup(_)),
            ) => true,
            (StartUpStep::Identity, Some(Message::MemoryId(memory))) => {
                self.memory = Some(*memory);
                true
            }
            (StartUpStep::Nodes, Some(Message::InitData(init))) => {
                self.init = Some(init.clone());
                true
            }
            (StartUpStep::LongRange(segment), Some(Message::LongRangeNodes(list))) => {
                self.long_range.get_or_insert_default().extend(&list.nodes);
                if list.more && segment + 1 < LONG_RANGE_SEGMENTS {
                    self.step = StartUpStep::LongRange(segment + 1);
                    self.tries = 0;
                    return;
                }
                true
            }
            (StartUpStep::Suc, Some(Message::SucNodeId { node })) => {
                self.suc = Some(*node);
                true
            }
            (StartUpStep::Role, Some(Message::ControllerCapabilities(role))) => {
                self.role = Some(*role);
                true
            }
            (StartUpStep::TakeRole, Some(Message::Response { ok, .. })) => {
                tracing::info!(ok, "the network had no SUC: the controller was made SUC and SIS");
                true
            }
            (StartUpStep::Announce, _) => true,
            _ => false,
        };
        if understood { self.proceed() } else { self.failed(now) }
    }

    /// A request was not answered.
    pub(super) fn failed(&mut self, now: Instant) {
        self.tries += 1;
        self.not_before = now + RETRY;
    }

    /// SerialAPIStarted arrived: node ids have 8 bits again, and settings are lost.
    pub(super) fn controller_started(&mut self) {
        self.width = NodeIdWidth::Bits8;
        self.not_before = Instant::ZERO;
        self.tries = 0;
        self.step = match self.capabilities {
            Some(_) => StartUpStep::SetupCommands,
            None => StartUpStep::Version,
        };
    }

    /// The current width of node ids.
    pub(super) fn width(&self) -> NodeIdWidth {
        self.width
    }

    /// Whether the controller was reset during this start-up.
    pub(super) fn was_reset(&self) -> bool {
        self.may_reset && self.is_past_reset()
    }

    /// Whether the reset was sent or skipped.
    pub(super) fn is_past_reset(&self) -> bool {
        !matches!(self.step, StartUpStep::Version | StartUpStep::Capabilities | StartUpStep::SoftReset)
    }

    /// The current step, for display.
    pub(super) fn describe(&self) -> &'static str {
        match self.step {
            StartUpStep::Version => "version",
            StartUpStep::Capabilities => "capabilities",
            StartUpStep::SoftReset | StartUpStep::PollVersion => "soft reset",
            StartUpStep::SetupCommands | StartUpStep::TxReport | StartUpStep::WideIds | StartUpStep::Region => "set-up",
            StartUpStep::Identity => "home id",
            StartUpStep::Nodes | StartUpStep::LongRange(_) => "node list",
            StartUpStep::Suc | StartUpStep::Role | StartUpStep::TakeRole => "role in the network",
            StartUpStep::Announce | StartUpStep::Done => "node information",
        }
    }

    /// When [`StartUp::next`] has to be called.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        Some(Deadline { at: self.not_before, why: "start-up of the controller" })
    }

    fn proceed(&mut self) {
        self.tries = 0;
        self.step = match self.step {
            StartUpStep::Version => StartUpStep::Capabilities,
            StartUpStep::Capabilities => StartUpStep::SoftReset,
            StartUpStep::SoftReset | StartUpStep::PollVersion => StartUpStep::SetupCommands,
            StartUpStep::SetupCommands => StartUpStep::TxReport,
            StartUpStep::TxReport => StartUpStep::WideIds,
            StartUpStep::WideIds => StartUpStep::Region,
            StartUpStep::Region => StartUpStep::Identity,
            StartUpStep::Identity => StartUpStep::Nodes,
            StartUpStep::Nodes => StartUpStep::LongRange(0),
            StartUpStep::LongRange(_) => StartUpStep::Suc,
            StartUpStep::Suc => StartUpStep::Role,
            StartUpStep::Role => StartUpStep::TakeRole,
            StartUpStep::TakeRole => StartUpStep::Announce,
            StartUpStep::Announce | StartUpStep::Done => StartUpStep::Done,
        };
    }

    fn request(&self) -> Option<Request> {
        let knows = |function: FunctionId| self.capabilities.as_ref().is_none_or(|known| known.supports(function));
        let setup = |request: SetupRequest| {
            let known = knows(FunctionId::SERIAL_API_SETUP) && self.setup.contains(&request.command());
            known.then_some(Request::Setup(request))
        };
        match self.step {
            StartUpStep::Version | StartUpStep::PollVersion => Some(Request::GetControllerVersion),
            StartUpStep::Capabilities => Some(Request::GetCapabilities),
            StartUpStep::SoftReset => (self.may_reset && knows(FunctionId::SOFT_RESET)).then_some(Request::SoftReset),
            StartUpStep::SetupCommands => {
                knows(FunctionId::SERIAL_API_SETUP).then_some(Request::Setup(SetupRequest::GetSupported))
            }
            StartUpStep::TxReport => setup(SetupRequest::SetTxStatusReport(true)),
            StartUpStep::WideIds => setup(SetupRequest::SetNodeIdType(NodeIdWidth::Bits16)),
            StartUpStep::Region => setup(SetupRequest::GetRfRegion),
            StartUpStep::Identity => Some(Request::MemoryGetId),
            StartUpStep::Nodes => Some(Request::GetSerialApiInitData),
            StartUpStep::LongRange(segment) => {
                let wide = self.width == NodeIdWidth::Bits16 && knows(FunctionId::GET_LR_NODES);
                wide.then_some(Request::GetLongRangeNodes { segment })
            }
            StartUpStep::Suc => {
                let can = knows(FunctionId::GET_SUC_NODE_ID) && knows(FunctionId::SET_SUC_NODE_ID);
                (can && self.is_ours()).then_some(Request::GetSucNodeId)
            }
            StartUpStep::Role => {
                let wanted = self.suc == Some(NO_NODE) && knows(FunctionId::GET_CONTROLLER_CAPABILITIES);
                wanted.then_some(Request::GetControllerCapabilities)
            }
            StartUpStep::TakeRole => {
                let free = self.role.is_some_and(|role| !role.is_secondary() && !role.sis_present());
                self.memory.filter(|_| free).map(|memory| be_sis(memory.own))
            }
            StartUpStep::Announce => {
                let can = knows(FunctionId::APPLICATION_NODE_INFORMATION);
                (can && self.is_ours()).then(hub::node_information)
            }
            StartUpStep::Done => None,
        }
    }

    fn is_ours(&self) -> bool {
        self.memory.is_some_and(|memory| self.home.is_none_or(|home| home == memory.home))
    }

    fn controller(&self) -> Option<Controller> {
        let (capabilities, init, memory) = (self.capabilities.as_ref()?, self.init.as_ref()?, self.memory?);
        let nodes = init.nodes.iter().chain(self.long_range.iter().flatten()).copied();
        Some(Controller {
            info: ControllerInfo {
                home: memory.home,
                own: memory.own,
                library: self.version.as_ref().map(|version| version.version.clone()).unwrap_or_default(),
                firmware: capabilities.version,
                manufacturer: capabilities.manufacturer,
                product_type: capabilities.product_type,
                product: capabilities.product,
                region: self.region,
            },
            functions: capabilities.functions.clone(),
            nodes: nodes.filter(|&node| node != memory.own).collect(),
            lists_long_range: self.long_range.is_some(),
        })
    }
}

/// Makes the controller SUC and SIS, so that it can include nodes, also on behalf of other controllers
/// (docs/protocol/gateway.md §6.1). No callback is requested, since none comes for the controller itself.
fn be_sis(own: NodeId) -> Request {
    Request::SetSucNodeId { node: own, suc: true, options: TxOptions(0), sis: true, callback: CallbackId::NONE }
}

impl StartUpStep {
    /// Number of tries. Steps that only help other controllers must not delay the locks.
    fn tries(self) -> u8 {
        match self {
            Self::Suc | Self::Role | Self::TakeRole | Self::Announce => 1,
            _ => TRIES,
        }
    }

    /// Whether the controller cannot be used without the answer.
    fn is_needed(self) -> bool {
        match self {
            Self::Capabilities | Self::Identity | Self::Nodes => true,
            Self::Version
            | Self::SoftReset
            | Self::PollVersion
            | Self::SetupCommands
            | Self::TxReport
            | Self::WideIds
            | Self::Region
            | Self::LongRange(_)
            | Self::Suc
            | Self::Role
            | Self::TakeRole
            | Self::Announce
            | Self::Done => false,
        }
    }
}
