//! Return routes, priority routes, neighbours, the SUC (docs/protocol/serial-api.md §4, 0x80). Long Range has no
//! routes.

use std::collections::BTreeSet;

use crate::domain::ids::NodeId;
use crate::serial::controller::PriorityRoute;
use crate::serial::request::NodeCall;
use crate::serial::transmit::TxStatus;
use crate::serial::{CallbackId, FunctionId, Message};

use super::constants::OWN;
use super::{Busy, Controller, Effect};

const NO_ROUTE: u8 = 0;
const LAST_WORKING: u8 = 1;
const APPLICATION: u8 = 0x10;

/// Statuses of a neighbour update.
const STARTED: u8 = 0x21;
const DONE: u8 = 0x22;
const FAILED: u8 = 0x23;

/// Rates that a route may have: 9.6, 40 and 100 kbit/s.
const SPEEDS: std::ops::RangeInclusive<u8> = 1..=3;

impl Controller {
    /// Assigns or deletes a route in a node. `ok`: the request itself is valid.
    pub(super) fn tell_route(&mut self, function: FunctionId, node: NodeId, callback: CallbackId, ok: bool) -> Vec<Effect> {
        let ok = ok && self.is_free() && self.has_routes(node);
        let mut effects = vec![self.to_host(&Message::Response { function, ok })];
        if ok {
            let number = self.begin(node, Busy::Routing { function, callback });
            effects.push(Effect::Reach { node, number });
        }
        effects
    }

    /// Whether a route can lead to that node: the controller, or one of its classic nodes.
    pub(super) fn is_destination(&self, node: NodeId) -> bool {
        node == OWN || self.has_routes(node)
    }

    /// Whether a route uses only nodes of the network, at a valid rate.
    pub(super) fn is_possible(&self, route: &PriorityRoute) -> bool {
        let repeaters = route.repeaters.iter().take_while(|id| **id != 0).map(|id| NodeId((*id).into()));
        repeaters.into_iter().all(|node| self.has_routes(node)) && SPEEDS.contains(&route.speed)
    }

    /// Request Node Neighbor Update.
    pub(super) fn find_neighbours(&mut self, call: NodeCall) -> Vec<Effect> {
        const FUNCTION: FunctionId = FunctionId::REQUEST_NODE_NEIGHBOR_UPDATE;
        if !self.is_free() || !self.has_routes(call.node) {
            return self.called_back(FUNCTION, call.callback, FAILED);
        }
        let mut effects = self.called_back(FUNCTION, call.callback, STARTED);
        let number = self.begin(call.node, Busy::FindingNeighbours { callback: call.callback });
        effects.push(Effect::Reach { node: call.node, number });
        effects
    }

    pub(super) fn found_neighbours(&self, callback: CallbackId, acked: bool) -> Vec<Effect> {
        let status = if acked { DONE } else { FAILED };
        self.called_back(FunctionId::REQUEST_NODE_NEIGHBOR_UPDATE, callback, status)
    }

    /// Sets the repeaters of a node, from which neighbours follow. The last of `repeaters` is next to the node.
    pub fn set_way(&mut self, node: NodeId, repeaters: &[NodeId]) {
        match repeaters.last() {
            Some(last) => self.behind.insert(node, *last),
            None => self.behind.remove(&node),
        };
    }

    /// The neighbours of a node: its repeaters and the nodes it repeats for; without repeaters all nodes.
    pub(super) fn neighbours(&self, node: NodeId, repeaters_only: bool) -> BTreeSet<NodeId> {
        if !self.is_destination(node) {
            return BTreeSet::new();
        }
        let classic = self.memory.nodes.keys().copied().filter(|other| !other.is_long_range()).chain([OWN]);
        let near = |other: &NodeId| match (self.behind.get(&node), self.behind.get(other)) {
            (None, None) => true,
            (repeater, others) => repeater == Some(other) || others == Some(&node),
        };
        let repeats = |other: &NodeId| self.memory.nodes.get(other).is_some_and(|info| info.listening && info.routing);
        classic.filter(|other| *other != node && near(other) && (!repeaters_only || repeats(other))).collect()
    }

    pub(super) fn priority_route(&self, node: NodeId) -> Message {
        let (kind, route) = match (self.memory.routes.get(&node), self.last_working.get(&node)) {
            (Some(route), _) => (APPLICATION, *route),
            (None, Some(route)) => (LAST_WORKING, *route),
            (None, None) => (NO_ROUTE, PriorityRoute::default()),
        };
        Message::PriorityRoute { node, kind, route }
    }

    pub(super) fn set_priority_route(&mut self, node: NodeId, route: Option<PriorityRoute>) -> Message {
        let ok = self.has_routes(node) && route.is_none_or(|route| self.is_possible(&route));
        match route {
            Some(route) if ok => self.memory.routes.insert(node, route),
            Some(_) => None,
            None => self.memory.routes.remove(&node),
        };
        Message::SetPriorityRoute { node, ok }
    }

    /// Set SUC Node Id. Only the controller itself can be the SUC, since there is no other controller.
    pub(super) fn set_suc(&mut self, node: NodeId, suc: bool) -> Message {
        let ok = node == OWN;
        if ok {
            self.memory.is_suc = suc;
        }
        Message::Response { function: FunctionId::SET_SUC_NODE_ID, ok }
    }

    pub(super) fn routed(&self, function: FunctionId, callback: CallbackId, status: TxStatus) -> Vec<Effect> {
        self.called_back(function, callback, status.0)
    }

    fn has_routes(&self, node: NodeId) -> bool {
        self.memory.nodes.contains_key(&node) && !node.is_long_range()
    }
}
