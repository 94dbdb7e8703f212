//! The controller's part of an inclusion or exclusion: it finds the device, and adds it to its node list or removes it
//! (docs/protocol/serial-api.md §4, 0x4A, 0x4B, 0x61, 0x63).
//!
//! These functions have no response; callbacks report the progress. At the end the controller is always told to stop,
//! whatever the result: in add mode it would accept any device in range.

use std::time::Duration;

use super::{Ended, ExpectedDevice, Newcomer, Phase, Progress, Reason, RunningChange, Task};
use crate::domain::ids::NodeId;
use crate::network::exchange::{Awaits, Ended as ExchangeEnded, Exchange};
use crate::network::{ControllerStatus, Network, NetworkEvent, Owner};
use crate::serial::node_info::{ApplicationUpdate, InclusionCallback, InclusionStatus, UpdateStatus};
use crate::serial::request::{AddNode, NodeCall, SmartStartIds};
use crate::serial::setup::Region;
use crate::serial::{CallbackId, FunctionId, Message, Request};

/// Time until the controller reports that it is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a person to walk to the device and to press its button.
const LEARN_MODE: Duration = Duration::from_secs(120);
/// Time for a SmartStart device that asked to be included: it is listening already.
const SMART_START_TIMEOUT: Duration = Duration::from_secs(60);
/// Time between the states "found" and "removing" (0x4B).
const REMOVE_TIMEOUT: Duration = Duration::from_secs(14);
/// Time between the states "found" and "protocol done", without the part per node (0x4A).
const NEIGHBOURS: Duration = Duration::from_secs(76);
const LISTENING_NEIGHBOUR: Duration = Duration::from_millis(217);
const BEAMED_NEIGHBOUR: Duration = Duration::from_millis(3517);
const CONTROLLER_NEIGHBOUR: Duration = Duration::from_millis(732);
/// Time until the controller confirms a stop. Without confirmation the next step is taken anyway.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// Status in the callback of Replace Failed Node ([`Message::Callback`]).
const REPLACE_ANSWERED: u8 = 0;
const REPLACE_WAITING: u8 = 3;
const REPLACE_DONE: u8 = 4;

/// What follows after the controller was told to stop.
#[derive(Clone, Debug)]
pub(super) enum Then {
    /// Key exchange with the device.
    GiveKeys(Newcomer),
    Make(Ended),
    Fail(Reason),
}

impl Network {
    /// Sends the next request of the change, if the controller is free.
    pub(in crate::network) fn process_change(&mut self) {
        self.check_change();
        if self.exchange.is_some() || self.clock < self.hold_until {
            return;
        }
        if self.membership.stops > 0 {
            self.membership.stops -= 1;
            let stop = AddNode { mode: STOP, callback: CallbackId::NONE, smart_start: None };
            return self.order(&Request::AddNode(stop), Awaits::Acknowledgement);
        }
        match self.membership.operation.as_ref().map(|operation| &operation.phase) {
            Some(Phase::Beginning) => self.open(),
            Some(Phase::Closing { sent: false, .. }) => self.order_to_stop(),
            Some(_) => {}
            None => self.listen_for_callers(),
        }
    }

    /// The request of the change was acknowledged or answered, or failed.
    pub(in crate::network) fn ordered(&mut self, ended: &ExchangeEnded) {
        let replaces = self.membership.operation.as_ref().is_some_and(RunningChange::replaces);
        match ended {
            ExchangeEnded::Answered(None) => {}
            ExchangeEnded::Answered(Some(frame)) if replaces => match Message::parse(frame, self.width) {
                Ok(Message::FailedNodeResponse { flags: 0, .. }) => {}
                // The node is not in the controller's list of failed nodes.
                Ok(Message::FailedNodeResponse { flags, .. }) if flags & 0x08 != 0 => self.end_change(Err(Reason::Answers)),
                _ => self.end_change(Err(Reason::ControllerFailed)),
            },
            ExchangeEnded::Answered(Some(_)) => {}
            ExchangeEnded::NotAccepted | ExchangeEnded::NotSent | ExchangeEnded::Silent => {
                let stopping = |operation: &RunningChange| matches!(operation.phase, Phase::Closing { sent: true, .. });
                if self.membership.operation.as_ref().is_some_and(stopping) {
                    self.closed(None);
                } else {
                    self.end_change(Err(Reason::ControllerSilent));
                }
            }
        }
    }

    /// A callback of Add Node or Remove Node.
    pub(in crate::network) fn inclusion_callback(&mut self, told: InclusionCallback) {
        let now = self.clock;
        let Some(operation) = &mut self.membership.operation else {
            return tracing::debug!(status = told.status.0, "callback of an inclusion that has ended");
        };
        if told.callback == CallbackId::NONE || !operation.callbacks.contains(&told.callback) {
            return tracing::debug!(status = told.status.0, "callback of another inclusion");
        }
        let excludes = matches!(operation.task, Task::Exclude);
        match (told.status, &operation.phase) {
            (InclusionStatus::READY, Phase::Opening) => {
                let report_timeout =
                    if matches!(operation.task, Task::SmartStart { .. }) { SMART_START_TIMEOUT } else { LEARN_MODE };
                self.enter(Phase::Listening, Some(now + report_timeout));
                self.tell(NetworkEvent::Change(Progress::Ready));
            }
            (InclusionStatus::NODE_FOUND, Phase::Opening | Phase::Listening) => {
                let report_timeout = if excludes { REMOVE_TIMEOUT } else { self.neighbour_discovery() };
                self.enter(Phase::Found, Some(now + report_timeout));
                self.tell(NetworkEvent::Change(Progress::Found));
            }
            (InclusionStatus::END_NODE | InclusionStatus::CONTROLLER, Phase::Opening | Phase::Listening | Phase::Found) => {
                let report_timeout = if excludes { REMOVE_TIMEOUT } else { self.neighbour_discovery() };
                let newcomer = Newcomer { node: told.node, info: told.info };
                if !excludes && told.node.0 != 0 && told.node != self.own {
                    self.admit(&newcomer);
                }
                self.enter(Phase::Moving(newcomer), Some(now + report_timeout));
            }
            (InclusionStatus::PROTOCOL_DONE, Phase::Moving(newcomer)) if !excludes => {
                let then = Then::GiveKeys(newcomer.clone());
                self.close(then);
            }
            (InclusionStatus::DONE, Phase::Moving(newcomer)) => {
                let newcomer = newcomer.clone();
                self.close(if excludes { excluded(newcomer.node) } else { Then::GiveKeys(newcomer) });
            }
            // Some controllers report nothing in between and name the node only here.
            (InclusionStatus::DONE, Phase::Listening | Phase::Found) if excludes => self.close(excluded(told.node)),
            (InclusionStatus::DONE | InclusionStatus::FAILED | InclusionStatus::PROTOCOL_DONE, Phase::Closing { sent, .. }) => {
                if *sent {
                    self.closed(Some(&told));
                }
            }
            // The controller was in another mode: it is told to stop, and asked once more.
            (InclusionStatus::FAILED, Phase::Opening) if !std::mem::replace(&mut operation.again, true) => {
                self.membership.stops += 1;
                self.enter(Phase::Beginning, None);
            }
            (InclusionStatus::FAILED, _) => self.close(Then::Fail(Reason::ControllerFailed)),
            (InclusionStatus::NOT_PRIMARY, _) => self.close(Then::Fail(Reason::NotPrimary)),
            (status, phase) => tracing::debug!(status = status.0, ?phase, "unexpected callback of an inclusion"),
        }
    }

    /// A callback of Replace Failed Node.
    pub(in crate::network) fn replacement_callback(&mut self, callback: CallbackId, status: u8) {
        let now = self.clock;
        let Some(operation) = self.membership.operation.as_ref().filter(|operation| operation.callbacks.contains(&callback))
        else {
            return;
        };
        let Task::ReplaceFailed(node, _) = operation.task else { return };
        match status {
            REPLACE_WAITING => {
                self.enter(Phase::Listening, Some(now + LEARN_MODE));
                self.tell(NetworkEvent::Change(Progress::Ready));
            }
            REPLACE_DONE => {
                let newcomer = Newcomer { node, info: None };
                self.admit(&newcomer);
                self.start_key_exchange(&newcomer);
            }
            REPLACE_ANSWERED => self.end_change(Err(Reason::Answers)),
            _ => self.end_change(Err(Reason::ControllerFailed)),
        }
    }

    /// A SmartStart device asks to be included.
    pub(in crate::network) fn device_calls(&mut self, update: &ApplicationUpdate) {
        let Some(home) = update.smart_start.map(|it| it.nwi_home_id) else { return };
        let long_range = update.status == UpdateStatus::SMART_START_PRIME_LONG_RANGE;
        // Without Long Range in the controller it is included in the mesh.
        let has_long_range = match &self.status {
            ControllerStatus::Ready(info) => info.region.is_some_and(Region::is_long_range),
            ControllerStatus::Starting { .. } | ControllerStatus::Absent { .. } => false,
        };
        let wanted = |it: &&ExpectedDevice| it.dsk.nwi_home_id() == home && (it.long_range && has_long_range) == long_range;
        let expected = self.membership.expected.iter().find(wanted);
        let Some(expected) = expected.cloned() else {
            return tracing::debug!(long_range, "SmartStart request of an unknown device, or over the wrong radio");
        };
        // It will ask again.
        if self.membership.operation.is_some() {
            return;
        }
        self.tell(NetworkEvent::Change(Progress::Calls(expected.dsk.clone())));
        self.start(Task::SmartStart { expected, long_range }, Phase::Beginning);
    }

    /// Result of the check of a failed node, if a change requested it.
    pub(in crate::network) fn failed_node_checked_for_change(&mut self, node: NodeId, result: Result<(), Reason>) {
        let Some(operation) = &mut self.membership.operation else { return };
        if !matches!(operation.phase, Phase::Looking) {
            return;
        }
        match (&operation.task, result) {
            (Task::RemoveFailed(it), Ok(())) if *it == node => self.end_change(Ok(Ended::Removed(node))),
            (Task::ReplaceFailed(it, _), Ok(())) if *it == node => {
                if operation.cancelled {
                    return self.end_change(Err(Reason::Cancelled));
                }
                self.enter(Phase::Beginning, None);
            }
            (Task::RemoveFailed(it) | Task::ReplaceFailed(it, _), Err(why)) if *it == node => self.end_change(Err(why)),
            _ => {}
        }
    }

    /// Whether a failed node is replaced instead of removed.
    pub(in crate::network) fn is_to_be_replaced(&self, node: NodeId) -> bool {
        let task = self.membership.operation.as_ref().map(|operation| &operation.task);
        matches!(task, Some(Task::ReplaceFailed(it, _)) if *it == node)
    }

    /// Tells the controller to stop, without waiting for the result.
    pub(super) fn stop_the_controller(&mut self) {
        let looks = |operation: &RunningChange| {
            matches!(
                operation.phase,
                Phase::Opening | Phase::Listening | Phase::Found | Phase::Moving(_) | Phase::Closing { sent: false, .. }
            )
        };
        let operation = self.membership.operation.as_ref().filter(|operation| looks(operation));
        let excludes = operation.is_some_and(|operation| matches!(operation.task, Task::Exclude));
        if operation.is_none() && !self.membership.listens {
            return;
        }
        let callback = CallbackId::NONE;
        let request = if excludes {
            Request::RemoveNode { mode: STOP, callback }
        } else {
            Request::AddNode(AddNode { mode: STOP, callback, smart_start: None })
        };
        if let Ok(frame) = request.write(self.width) {
            self.send(frame);
        }
    }

    /// Tells the controller to stop, and continues with `then`.
    pub(super) fn close(&mut self, then: Then) {
        self.enter(Phase::Closing { sent: false, then }, None);
    }

    fn open(&mut self) {
        self.last_callback = self.last_callback.next();
        let callback = self.last_callback;
        let Some(operation) = &mut self.membership.operation else { return };
        operation.callbacks = [callback; 2];
        let (request, awaits) = match &operation.task {
            Task::Include(terms) => {
                // With S0 the network key is sent practically in clear, so the controller transmits with low power:
                // only receivers close to it can listen.
                let whispers = terms.security == super::JoinSecurity::S0;
                let power = if whispers { 0 } else { AddNode::NORMAL_POWER };
                let mode = AddNode::ANY | AddNode::NETWORK_WIDE | power;
                (Request::AddNode(AddNode { mode, callback, smart_start: None }), Awaits::Acknowledgement)
            }
            Task::SmartStart { expected, long_range } => {
                let far = if *long_range { AddNode::LONG_RANGE } else { 0 };
                let mode = AddNode::SMART_START_HOME_ID | AddNode::NETWORK_WIDE | AddNode::NORMAL_POWER | far;
                let (nwi_home_id, auth_home_id) = (expected.dsk.nwi_home_id(), expected.dsk.auth_home_id());
                let smart_start = Some(SmartStartIds { nwi_home_id, auth_home_id });
                (Request::AddNode(AddNode { mode, callback, smart_start }), Awaits::Acknowledgement)
            }
            Task::Exclude => {
                let mode = AddNode::ANY | AddNode::NETWORK_WIDE | AddNode::NORMAL_POWER;
                (Request::RemoveNode { mode, callback }, Awaits::Acknowledgement)
            }
            Task::RemoveFailed(node) | Task::ReplaceFailed(node, _) => {
                (Request::ReplaceFailedNode(NodeCall { node: *node, callback }), Awaits::Response)
            }
        };
        self.enter(Phase::Opening, Some(self.clock + READY_TIMEOUT));
        self.order(&request, awaits);
    }

    fn order_to_stop(&mut self) {
        self.last_callback = self.last_callback.next();
        let callback = self.last_callback;
        let now = self.clock;
        let Some(operation) = &mut self.membership.operation else { return };
        operation.callbacks = [operation.callbacks[0], callback];
        operation.until = Some(now + STOP_TIMEOUT);
        if let Phase::Closing { sent, .. } = &mut operation.phase {
            *sent = true;
        }
        let request = match operation.task {
            Task::Exclude => Request::RemoveNode { mode: STOP, callback },
            _ => Request::AddNode(AddNode { mode: STOP, callback, smart_start: None }),
        };
        self.order(&request, Awaits::Acknowledgement);
    }

    /// The controller stopped, or the time-out for that passed.
    fn closed(&mut self, told: Option<&InclusionCallback>) {
        let Some(operation) = &mut self.membership.operation else { return };
        let Phase::Closing { then, .. } = &operation.phase else { return };
        let (then, cancelled) = (then.clone(), operation.cancelled);
        if !matches!(operation.task, Task::Exclude) {
            // Controllers expect another stop after "done" (0x4A). It is sent twice, because some idle controllers take
            // a stop for a start.
            self.membership.stops += 2;
        }
        match then {
            Then::Make(ended) => {
                if let Ended::Excluded(Some(id)) = ended {
                    self.remove_node(id);
                }
                self.end_change(Ok(ended));
            }
            Then::Fail(why) => self.end_change(Err(why)),
            Then::GiveKeys(newcomer) => {
                let failed = told.is_some_and(|told| told.status == InclusionStatus::FAILED);
                if newcomer.node.0 == 0 || newcomer.node == self.own || failed {
                    self.end_change(Err(Reason::ControllerFailed));
                } else if cancelled {
                    self.end_change(Err(Reason::Cancelled));
                } else {
                    self.start_key_exchange(&newcomer);
                }
            }
        }
    }

    fn listen_for_callers(&mut self) {
        let can = self.functions.contains(&FunctionId::ADD_NODE_TO_NETWORK);
        if self.membership.listens || self.membership.expected.is_empty() || !can {
            return;
        }
        self.membership.listens = true;
        let mode = AddNode::SMART_START_LISTEN | AddNode::NETWORK_WIDE;
        let listen = AddNode { mode, callback: CallbackId::NONE, smart_start: None };
        self.order(&Request::AddNode(listen), Awaits::Acknowledgement);
    }

    fn check_change(&mut self) {
        let now = self.clock;
        let Some(operation) = &mut self.membership.operation else { return };
        let overdue = operation.until.is_some_and(|at| at <= now);
        match &mut operation.phase {
            Phase::Keys(..) => self.check_keys(),
            _ if !overdue => {}
            Phase::Closing { .. } => self.closed(None),
            Phase::Listening => self.close(Then::Fail(Reason::NoDevice)),
            // The controller is in no mode that would have to be stopped.
            Phase::Looking => self.end_change(Err(Reason::ControllerSilent)),
            Phase::Beginning | Phase::Opening | Phase::Found | Phase::Moving(_) => {
                self.close(Then::Fail(Reason::ControllerSilent));
            }
        }
    }

    fn order(&mut self, request: &Request, awaits: Awaits) {
        let Ok(frame) = request.write(self.width) else { return self.end_change(Err(Reason::ControllerFailed)) };
        let function = frame.function;
        let send = self.send(frame);
        self.exchange = Some((Exchange::new(send, function, awaits, self.clock), Owner::Change));
    }

    fn neighbour_discovery(&self) -> Duration {
        let each = self.nodes.values().filter_map(|state| state.node.protocol).map(|protocol| {
            let found = if protocol.listening {
                LISTENING_NEIGHBOUR
            } else if protocol.beam.is_some() {
                BEAMED_NEIGHBOUR
            } else {
                Duration::ZERO
            };
            found + CONTROLLER_NEIGHBOUR
        });
        NEIGHBOURS + each.sum::<Duration>()
    }
}

/// The mode byte that stops an inclusion of any kind.
const STOP: u8 = AddNode::STOP | AddNode::NETWORK_WIDE | AddNode::NORMAL_POWER;

fn excluded(node: NodeId) -> Then {
    Then::Make(Ended::Excluded(Some(node).filter(|node| node.0 != 0)))
}

impl RunningChange {
    fn replaces(&self) -> bool {
        matches!(self.task, Task::ReplaceFailed(..)) && matches!(self.phase, Phase::Opening)
    }
}
