//! Membership of the network: inclusion, exclusion, SmartStart, failed nodes (docs/protocol/serial-api.md §4, 0x4A to
//! 0x63; docs/protocol/security.md A6, B4 and B11; docs/protocol/gateway.md §6).
//!
//! 1. [`Network::begin`] starts a [`Change`]; [`Network::expect_devices`] sets the devices that may join by SmartStart.
//! 2. [`Progress`] is emitted as [`NetworkEvent::Change`]; a question is answered by [`Network::enter_pin`] or
//!    [`Network::grant_keys`].
//! 3. [`Progress::Ended`] is emitted once. The interview of an included device follows.
//!
//! | file | what |
//! | --- | --- |
//! | `words` | the types: changes, progress, results |
//! | `controller` | the controller's part: it finds the device, and changes its node list |
//! | `keys` | the host's part: key exchange |
//! | `policy` | which keys a device gets |
//!
//! As soon as the controller has added a device, the node is stored as joining. It becomes a member when it has its
//! keys. If it gets none, it is refused: nothing is sent to it, in particular no code. If the daemon stops in between,
//! it finds the stored node at the next start and cannot continue, because device and controller have time-outs of ten
//! seconds.

mod controller;
mod keys;
mod policy;
mod words;

pub use words::{
    CannotBegin, Change, Ended, ExpectedDevice, Failed, JoinInputRejected, JoinQuestion, JoinSecurity, Progress, Reason, Terms,
    Warning,
};

use std::time::Duration;

use super::{Network, NetworkEvent};
use crate::domain::ids::NodeId;
use crate::domain::node::{Joining, Node};
use crate::domain::time::{Deadline, Instant, Now};
use crate::security::key_exchange::{DskPin, Grant};
use crate::security::keys::KeyMask;
use crate::serial::node_info::NodeInformation;
use crate::serial::{CallbackId, FunctionId};

use super::jobs::Priority;
use super::nodes::NodeState;
use controller::Then;
use keys::KeyTransfer;
use policy::Brought;

/// Time for a ping and for the controller's own check of a failed node, which takes up to a minute.
const CHECK_TIMEOUT: Duration = Duration::from_secs(120);

/// The change under way, and the expected devices.
#[derive(Default, Debug)]
pub(super) struct JoinState {
    operation: Option<RunningChange>,
    expected: Vec<ExpectedDevice>,
    /// The controller is in SmartStart mode.
    listens: bool,
    /// Number of stops to send before anything else.
    stops: u8,
}

/// A change under way.
#[derive(Debug)]
struct RunningChange {
    task: Task,
    phase: Phase,
    /// The time-out of the phase.
    until: Option<Instant>,
    /// Callback ids of the request, and of the stop.
    callbacks: [CallbackId; 2],
    /// The device that the controller added because of this change.
    joined: Option<NodeId>,
    is_lock: bool,
    /// The keys that the user granted when asked.
    answered: Option<KeyMask>,
    /// It was cancelled, but cannot end at this moment.
    cancelled: bool,
    /// The controller was busy, and was asked a second time.
    again: bool,
}

#[derive(Clone, Debug)]
enum Task {
    Include(Terms),
    /// `long_range`: whether its request came over Long Range.
    SmartStart {
        expected: ExpectedDevice,
        long_range: bool,
    },
    Exclude,
    RemoveFailed(NodeId),
    ReplaceFailed(NodeId, Terms),
}

#[derive(Debug)]
enum Phase {
    /// The request is to be sent as soon as the controller is free.
    Beginning,
    Opening,
    Listening,
    /// A device was found.
    Found,
    /// The controller adds or removes this device. Node 0: it belongs to another network.
    Moving(Newcomer),
    /// The stop is to be sent, or was.
    Closing {
        sent: bool,
        then: Then,
    },
    /// A failed node is being checked or removed.
    Looking,
    Keys(NodeId, KeyTransfer),
}

/// A device and its node information. A device that replaces a failed node sends none.
#[derive(Clone, Debug)]
struct Newcomer {
    node: NodeId,
    info: Option<NodeInformation>,
}

/// What may be sent from the queue during a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Radio {
    Free,
    /// Only urgent transactions are sent.
    Urgent,
    /// Nothing: the radio is needed for the key exchange.
    Lent,
}

impl Radio {
    pub(super) fn admits(self, priority: Priority) -> bool {
        match self {
            Self::Free => true,
            Self::Urgent => priority <= Priority::Revoke,
            Self::Lent => false,
        }
    }
}

impl RunningChange {
    /// What the user supplied for the device.
    fn brought(&self) -> Brought {
        match &self.task {
            Task::Include(Terms { pin: Some(_), .. }) | Task::ReplaceFailed(_, Terms { pin: Some(_), .. }) => Brought::Pin,
            Task::SmartStart { expected, .. } => Brought::Label(expected.keys),
            Task::Include(_) | Task::ReplaceFailed(..) | Task::Exclude | Task::RemoveFailed(_) => Brought::Nothing,
        }
    }
}

impl Network {
    /// Starts a change. Progress and result are emitted as [`NetworkEvent::Change`].
    pub fn begin(&mut self, change: Change, now: Now) -> Result<(), CannotBegin> {
        self.tick(now);
        if !self.is_ready() {
            return Err(CannotBegin::NoController);
        }
        if self.membership.operation.is_some() {
            return Err(CannotBegin::Busy);
        }
        let (needed, failed) = match &change {
            Change::Include(_) => (FunctionId::ADD_NODE_TO_NETWORK, None),
            Change::Exclude => (FunctionId::REMOVE_NODE_FROM_NETWORK, None),
            Change::RemoveFailed(node) => (FunctionId::REMOVE_FAILED_NODE, Some(*node)),
            Change::ReplaceFailed(node, _) => (FunctionId::REPLACE_FAILED_NODE, Some(*node)),
        };
        if !self.functions.contains(&needed) {
            return Err(CannotBegin::NotSupported);
        }
        if let Change::Include(terms) | Change::ReplaceFailed(_, terms) = &change
            && terms.pin.is_some()
            && terms.security != JoinSecurity::Best
        {
            return Err(CannotBegin::PinNeedsS2);
        }
        if let Some(node) = failed
            && !self.nodes.contains_key(&node)
        {
            return Err(CannotBegin::UnknownNode(node));
        }
        match change {
            Change::Include(terms) => self.start(Task::Include(terms), Phase::Beginning),
            Change::Exclude => self.start(Task::Exclude, Phase::Beginning),
            Change::RemoveFailed(node) => self.start(Task::RemoveFailed(node), Phase::Looking),
            Change::ReplaceFailed(node, terms) => self.start(Task::ReplaceFailed(node, terms), Phase::Looking),
        }
        if let Some(node) = failed {
            self.check_failed(node);
            let until = self.clock + CHECK_TIMEOUT;
            self.enter(Phase::Looking, Some(until));
        }
        self.process_due();
        Ok(())
    }

    /// Whether a change is under way.
    pub fn is_changing(&self) -> bool {
        self.membership.operation.is_some()
    }

    /// Answers the question for the PIN.
    pub fn enter_pin(&mut self, pin: &DskPin, now: Now) -> Result<(), JoinInputRejected> {
        self.tick(now);
        let operation = self.membership.operation.as_mut().ok_or(JoinInputRejected::NothingUnderWay)?;
        let Phase::Keys(_, KeyTransfer::S2(exchange)) = &mut operation.phase else { return Err(JoinInputRejected::NotAsked) };
        exchange.pin(pin, now.mono).map_err(|_| JoinInputRejected::NotAsked)?;
        self.tell(NetworkEvent::Change(Progress::Exchanging));
        self.process_key_exchange();
        self.process_due();
        Ok(())
    }

    /// Answers the question for keys. No keys means "no".
    pub fn grant_keys(&mut self, keys: KeyMask, now: Now) -> Result<(), JoinInputRejected> {
        self.tick(now);
        let operation = self.membership.operation.as_mut().ok_or(JoinInputRejected::NothingUnderWay)?;
        let brought = operation.brought();
        let Phase::Keys(_, KeyTransfer::S2(exchange)) = &mut operation.phase else { return Err(JoinInputRejected::NotAsked) };
        let Some(asked) = exchange.offered() else { return Err(JoinInputRejected::NotAsked) };
        if !policy::is_answer(keys, asked, brought) {
            return Err(JoinInputRejected::NotOffered);
        }
        // Both CSA and a PIN authenticate the device.
        let grant = Grant { keys, client_side_authentication: true };
        exchange.grant(grant, now.mono).map_err(|_| JoinInputRejected::NotAsked)?;
        operation.answered = Some(keys);
        if !keys.is_empty() {
            self.tell(NetworkEvent::Change(Progress::Exchanging));
        }
        self.process_key_exchange();
        self.process_due();
        Ok(())
    }

    /// Cancels the change under way. It still ends by [`Progress::Ended`]: a device that the controller has found is
    /// added first, and then left without keys.
    pub fn cancel_change(&mut self, now: Now) -> Result<(), JoinInputRejected> {
        self.tick(now);
        let operation = self.membership.operation.as_mut().ok_or(JoinInputRejected::NothingUnderWay)?;
        match &mut operation.phase {
            Phase::Beginning => self.end_change(Err(Reason::Cancelled)),
            Phase::Opening | Phase::Listening => self.close(Then::Fail(Reason::Cancelled)),
            Phase::Keys(_, KeyTransfer::S2(exchange)) => {
                exchange.cancel(now.mono);
                self.process_key_exchange();
            }
            Phase::Keys(_, KeyTransfer::S0(_)) => self.end_change(Err(Reason::Cancelled)),
            Phase::Found | Phase::Moving(_) | Phase::Closing { .. } | Phase::Looking => operation.cancelled = true,
        }
        self.process_due();
        Ok(())
    }

    /// Replaces the list of devices that may join by SmartStart.
    pub fn expect_devices(&mut self, devices: Vec<ExpectedDevice>, now: Now) {
        self.tick(now);
        self.membership.expected = devices;
        if self.membership.expected.is_empty() && std::mem::take(&mut self.membership.listens) {
            self.membership.stops += 1;
        }
        self.process_due();
    }

    /// The daemon stops: tell a controller in add mode to stop at once, because no keys could be sent to a new device.
    pub fn stop(&mut self, now: Now) {
        self.tick(now);
        self.stop_the_controller();
    }

    /// The user allows codes in a lock whose class is below the minimum.
    pub fn allow_insecure(&mut self, id: NodeId, now: Now) {
        self.tick(now);
        if let Some(state) = self.nodes.get_mut(&id)
            && !std::mem::replace(&mut state.node.insecure_allowed, true)
        {
            self.tell(NetworkEvent::NodeChanged(id));
        }
    }

    pub(super) fn change_deadline(&self) -> Option<Deadline> {
        let operation = self.membership.operation.as_ref()?;
        let gives_up = operation.until.map(|at| Deadline { at, why: "a step of an inclusion" });
        let talk = match &operation.phase {
            Phase::Keys(_, talk) => talk.deadline(),
            _ => None,
        };
        Deadline::earliest(gives_up, talk)
    }

    /// What may be sent from the queue.
    pub(super) fn radio_is(&self) -> Radio {
        match self.membership.operation.as_ref().map(|operation| &operation.phase) {
            None | Some(Phase::Beginning | Phase::Looking | Phase::Keys(..)) => Radio::Free,
            Some(Phase::Opening | Phase::Listening) => Radio::Urgent,
            Some(Phase::Found | Phase::Moving(_) | Phase::Closing { .. }) => Radio::Lent,
        }
    }

    /// The controller was lost or reset.
    pub(super) fn change_lost(&mut self) {
        self.membership.listens = false;
        self.membership.stops = 0;
        self.end_change(Err(Reason::ControllerGone));
    }

    /// Checks devices that an earlier run left without keys. A device that no longer answers is removed; one that
    /// answers has to be excluded.
    pub(super) fn clean_up_departed(&mut self) {
        let left: Vec<NodeId> =
            self.nodes.values().filter(|state| state.node.joining == Joining::UnderWay).map(|state| state.node.id).collect();
        for id in left {
            tracing::warn!(node = %id, "the inclusion of this node was interrupted: it has no keys and has to be excluded");
            self.refuse_node(id);
            self.reset_locally(id);
        }
    }

    fn start(&mut self, task: Task, phase: Phase) {
        if std::mem::take(&mut self.membership.listens) {
            self.membership.stops += 1;
        }
        let callbacks = [CallbackId::NONE; 2];
        let operation = RunningChange {
            task,
            phase,
            until: None,
            callbacks,
            joined: None,
            is_lock: false,
            answered: None,
            cancelled: false,
            again: false,
        };
        self.membership.operation = Some(operation);
    }

    fn enter(&mut self, phase: Phase, until: Option<Instant>) {
        if let Some(operation) = &mut self.membership.operation {
            operation.phase = phase;
            operation.until = until;
        }
    }

    fn end_change(&mut self, result: Result<Ended, Reason>) {
        let Some(operation) = self.membership.operation.take() else { return };
        let calls = matches!(operation.task, Task::SmartStart { .. });
        let ended = result.map_err(|why| {
            let left = operation.joined.filter(|id| self.nodes.contains_key(id));
            if let Some(id) = left {
                // Without a controller the node cannot be checked; that is done when it is back.
                if why != Reason::ControllerGone {
                    self.refuse_node(id);
                }
                // A SmartStart device without keys leaves the network by itself (docs/protocol/security.md B11).
                if calls && why != Reason::ControllerGone {
                    self.reset_locally(id);
                }
            }
            Failed { why, left }
        });
        match &ended {
            Ok(ended) => tracing::info!(?ended, "inclusion or exclusion succeeded"),
            Err(Failed { why, left }) => tracing::warn!(%why, ?left, "inclusion or exclusion failed"),
        }
        self.tell(NetworkEvent::Change(Progress::Ended(ended)));
    }

    /// The controller added a device. Anything stored under its node id belonged to another device.
    fn admit(&mut self, newcomer: &Newcomer) {
        let id = newcomer.node;
        self.forget(id);
        let mut node = Node { joining: Joining::UnderWay, ..Node::listed(id) };
        if let Some(info) = &newcomer.info {
            node.classes = info.supported.iter().map(|&class| (class, Default::default())).collect();
        }
        self.nodes.insert(id, NodeState::new(node, &mut self.entropy));
        if let Some(operation) = &mut self.membership.operation {
            operation.joined = Some(id);
        }
        self.tell(NetworkEvent::Change(Progress::Joined(id)));
        self.tell(NetworkEvent::NodeChanged(id));
    }

    fn refuse_node(&mut self, id: NodeId) {
        if let Some(state) = self.nodes.get_mut(&id) {
            state.node.joining = Joining::Refused;
            self.tell(NetworkEvent::NodeChanged(id));
        }
    }
}
