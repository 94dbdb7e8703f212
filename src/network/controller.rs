//! Life cycle of the controller: port opened and lost, start-up, restart, hang.

use std::collections::BTreeSet;

use super::exchange::{Awaits, Ended, Exchange};
use super::hub::Hub;
use super::jobs::{Completion, Operation, Outcome, Requester, Transaction};
use super::nodes::NodeState;
use super::start_up::{Controller, Next, StartUp};
use super::{ControllerStatus, Network, NetworkEvent, Output, Owner, SoftReset};
use crate::domain::ids::{HomeId, NodeId};
use crate::domain::node::Node;
use crate::serial::function::Pattern;
use crate::serial::{Message, NodeIdWidth};

impl Network {
    pub(super) fn link_up(&mut self) {
        self.lose_what_is_under_way();
        self.begin_start_up(StartUp::new(self.may_reset, self.known_home()));
    }

    pub(super) fn link_down(&mut self, why: String) {
        self.lose_what_is_under_way();
        self.start_up = None;
        self.stranger = None;
        // The next controller may belong to another network that uses the same node ids.
        self.early.clear();
        self.status = ControllerStatus::Absent { why };
    }

    /// The controller accepts or answers nothing: reopen the port, and reset the controller if that is allowed.
    pub(super) fn controller_hangs(&mut self, why: &str) {
        tracing::warn!(why, "the controller hangs; reopening its port");
        // No second reset for a controller that does not come back from one: the reset may be the reason.
        let was_reset = self.start_up.as_ref().is_some_and(StartUp::was_reset);
        self.may_reset = self.options.soft_reset == SoftReset::Auto && !was_reset;
        self.link_down(why.into());
        self.outputs.push_back(Output::Reopen);
    }

    /// The controller restarted, by our reset or by itself (watchdog, brown-out): its settings and pending callbacks
    /// are lost (docs/protocol/serial-api.md §1, step 6).
    pub(super) fn controller_started(&mut self) {
        match self.start_up.take() {
            Some(mut start_up) => {
                start_up.controller_started();
                self.lose_what_is_under_way();
                self.begin_start_up(start_up);
            }
            // A frame received before the port was reported as open is ignored.
            None if !self.is_ready() => {}
            None => {
                tracing::warn!("the controller restarted by itself; repeating its set-up");
                self.lose_what_is_under_way();
                self.begin_start_up(StartUp::new(false, self.known_home()));
            }
        }
    }

    pub(super) fn go_on_with_start_up(&mut self) {
        if self.exchange.is_some() {
            return;
        }
        let Some(start_up) = &mut self.start_up else { return };
        let next = start_up.next(self.clock);
        self.width = start_up.width();
        self.status = ControllerStatus::Starting { step: start_up.describe() };
        match next {
            Next::Wait => {}
            Next::GiveUp(why) => self.controller_hangs(why),
            Next::Done(controller) => self.ready(controller),
            Next::Ask(request) => {
                // These requests contain no node id but the controller's own, so they can be written with either width.
                let Ok(frame) = request.write(self.width) else { return };
                let function = frame.function;
                let awaits = match function.pattern() {
                    Some(Pattern::RequestOnly) => Awaits::Acknowledgement,
                    _ => Awaits::Response,
                };
                let send = self.send(frame);
                self.exchange = Some((Exchange::new(send, function, awaits, self.clock), Owner::StartUp));
            }
        }
    }

    pub(super) fn start_up_answered(&mut self, ended: Ended) {
        let (width, now) = (self.width, self.clock);
        let Some(start_up) = &mut self.start_up else { return };
        match ended {
            Ended::Answered(frame) => {
                let message = frame.and_then(|frame| Message::parse(&frame, width).ok());
                start_up.answered(message.as_ref(), now);
            }
            Ended::NotAccepted | Ended::NotSent | Ended::Silent => start_up.failed(now),
        }
        if start_up.is_past_reset() {
            self.may_reset = false;
        }
    }

    fn begin_start_up(&mut self, start_up: StartUp) {
        self.stranger = None;
        self.width = start_up.width();
        self.hold_until = self.clock;
        self.status = ControllerStatus::Starting { step: start_up.describe() };
        self.start_up = Some(start_up);
    }

    pub(super) fn ready(&mut self, controller: Controller) {
        self.start_up = None;
        let early = std::mem::take(&mut self.early);
        if let Some(known) = self.known_home().filter(|known| *known != controller.info.home) {
            return self.refuse(known, controller);
        }
        let Controller { info, functions, nodes, lists_long_range } = controller;
        if self.home != Some(info.home) {
            // Settings made by nodes of another network do not apply here.
            self.hub = Hub::default();
        }
        self.home = Some(info.home);
        self.own = info.own;
        self.functions = functions;
        self.status = ControllerStatus::Ready(info.clone());
        self.tell(NetworkEvent::Ready(info));
        self.follow_node_list(&nodes, lists_long_range);
        self.clean_up_departed();
        for (at, message) in early {
            self.heard_at = at;
            self.unsolicited(message);
        }
    }

    /// The network of the known nodes, if there are any.
    fn known_home(&self) -> Option<HomeId> {
        self.home.filter(|_| !self.nodes.is_empty())
    }

    /// A controller of another network: its node ids stand for other devices. Nothing is sent and nothing is forgotten.
    /// If the right controller is plugged in again, it continues where it was; if this network is adopted, this
    /// controller is used.
    fn refuse(&mut self, known: HomeId, controller: Controller) {
        let found = controller.info.home;
        self.stranger = Some(Box::new(controller));
        let why = format!(
            "this controller belongs to network {found}, the known locks to {known}: plug in their controller, or start with a new [store] path"
        );
        self.status = ControllerStatus::Absent { why };
        self.tell(NetworkEvent::OtherNetwork { known, found });
    }

    fn follow_node_list(&mut self, listed: &BTreeSet<NodeId>, lists_long_range: bool) {
        let may_be_gone = |id: &NodeId| !listed.contains(id) && (lists_long_range || !id.is_long_range());
        let gone: Vec<NodeId> = self.nodes.keys().copied().filter(may_be_gone).collect();
        for id in gone {
            self.remove_node(id);
        }
        for &id in listed {
            self.add_node(id);
        }
    }

    pub(super) fn add_node(&mut self, id: NodeId) {
        if id == self.own || self.nodes.contains_key(&id) {
            return;
        }
        self.nodes.insert(id, NodeState::new(Node::listed(id), &mut self.entropy));
        self.tell(NetworkEvent::NodeChanged(id));
    }

    pub(super) fn remove_node(&mut self, id: NodeId) {
        if self.nodes.contains_key(&id) {
            self.forget(id);
            self.tell(NetworkEvent::NodeRemoved(id));
        }
    }

    pub(super) fn forget(&mut self, id: NodeId) {
        let Some(mut state) = self.nodes.remove(&id) else { return };
        let under_way = state.take_what_is_under_way();
        let waiting = self.queue.take_if(|transaction| transaction.node == id);
        for transaction in under_way.into_iter().chain(waiting) {
            self.finish(transaction, Outcome::Cancelled);
        }
    }

    /// Callbacks and reports of operations under way may be lost with the controller.
    fn lose_what_is_under_way(&mut self) {
        self.lose_exchange();
        let mut lost = Vec::new();
        self.nodes.for_each_active(|state| lost.extend(state.take_what_is_under_way()));
        lost.into_iter().for_each(|transaction| self.lose(transaction));
        self.change_lost();
    }

    /// Ends the function under way without a result.
    pub(super) fn lose_exchange(&mut self) {
        match (self.exchange.take(), &mut self.start_up) {
            (Some((_, Owner::Node(transmission))), _) => self.lose(transmission.transaction),
            (Some((_, Owner::StartUp)), Some(start_up)) => start_up.failed(self.clock),
            (Some((_, Owner::StartUp)), None) | (Some((_, Owner::Segment(_) | Owner::Change)), _) | (None, _) => {}
        }
    }

    /// A lost Get is sent again. A lost Set is not, because it may have arrived: its owner decides. An unlock must not
    /// happen a minute later, when the controller is back.
    pub(super) fn lose(&mut self, transaction: Transaction) {
        match (&transaction.operation, transaction.requester) {
            (_, Requester::Machine) => {}
            (_, Requester::Ping) => self.finish(transaction, Outcome::ControllerGone),
            (_, Requester::LocalReset | Requester::Joining) => self.finish(transaction, Outcome::ControllerGone),
            (Operation::RemoveFailed | Operation::ReturnRoute | Operation::Join { .. }, _) => {}
            (
                Operation::ProtocolInfo
                | Operation::NodeInfo
                | Operation::Probe(_)
                | Operation::Command { expect: Completion::Reply, .. },
                _,
            ) => {
                self.queue.push_front(transaction);
            }
            (Operation::Command { expect: Completion::Supervised | Completion::Nothing, .. }, _) => {
                self.finish(transaction, Outcome::ControllerGone);
            }
        }
    }

    /// The current width of node ids, for unsolicited frames of the controller.
    pub(super) fn width(&self) -> NodeIdWidth {
        self.width
    }
}
