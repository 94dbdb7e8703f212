//! Adding and removing nodes: one mode at a time (docs/protocol/serial-api.md §4, 0x4A, 0x4B, 0x49).

use std::time::Duration;

use crate::domain::ids::NodeId;
use crate::serial::node_info::{
    ApplicationUpdate, InclusionCallback, InclusionStatus, NodeInformation, SmartStart, UpdateStatus,
};
use crate::serial::request::{AddNode, SmartStartIds};
use crate::serial::{CallbackId, FunctionId, Message, NodeIdWidth};

use super::constants::BEFORE_LONG_RANGE;
use super::mode::{Found, Mode, Stage, Who};
use super::node_info::{node_information, protocol_info};
use super::{Controller, Effect};
use crate::security::dsk::Dsk;
use crate::sim::device::{Call, DeviceId};
use crate::sim::node::Node;

/// The last ids of each radio.
const LAST: NodeId = NodeId(232);
const LAST_LONG_RANGE: NodeId = NodeId(4000);

/// Time from a device being found to its node id, and from there to the end of neighbour discovery.
const TO_ID: Duration = Duration::from_millis(400);
const NEIGHBOURS: Duration = Duration::from_millis(900);

/// Final statuses of Replace Failed Node.
const REPLACED: u8 = 4;
const REPLACE_FAILED: u8 = 5;

impl Controller {
    pub(super) fn add_node(&mut self, add: &AddNode) -> Vec<Effect> {
        const FUNCTION: FunctionId = FunctionId::ADD_NODE_TO_NETWORK;
        const END_NODE: u8 = 3;
        let AddNode { mode, callback, smart_start } = *add;
        let far = mode & AddNode::LONG_RANGE != 0;
        let wanted = match mode & 0x0F {
            AddNode::STOP | AddNode::STOP_FAILED => return self.stop_adding(callback),
            AddNode::SMART_START_LISTEN => {
                if self.mode.gives_way() {
                    self.mode = Mode::Listening;
                }
                return Vec::new();
            }
            AddNode::ANY | END_NODE => Some(None),
            // Long Range ids need a radio for them, and two bytes.
            AddNode::SMART_START_HOME_ID if !far || self.has_long_range() => smart_start.map(|ids| Some((ids, far))),
            _ => None,
        };
        match wanted.filter(|_| self.mode.gives_way()) {
            Some(wanted) => {
                self.mode = Mode::Adding { callback, wanted, stage: Stage::Ready, stopped: None };
                self.tell(FUNCTION, callback, InclusionStatus::READY)
            }
            None => self.tell(FUNCTION, callback, InclusionStatus::FAILED),
        }
    }

    pub(super) fn remove_node(&mut self, mode: u8, callback: CallbackId) -> Vec<Effect> {
        const FUNCTION: FunctionId = FunctionId::REMOVE_NODE_FROM_NETWORK;
        const ANY: u8 = 1;
        const END_NODE: u8 = 3;
        match mode & 0x0F {
            AddNode::STOP => match &self.mode {
                Mode::Removing { stage: Stage::Ready, .. } => {
                    self.mode = Mode::Idle;
                    self.tell(FUNCTION, callback, InclusionStatus::DONE)
                }
                // Once a node was found, the exclusion cannot be stopped.
                Mode::Removing { .. } => Vec::new(),
                _ => self.tell(FUNCTION, callback, InclusionStatus::DONE),
            },
            ANY | END_NODE if self.mode.gives_way() => {
                self.mode = Mode::Removing { callback, stage: Stage::Ready };
                self.tell(FUNCTION, callback, InclusionStatus::READY)
            }
            _ => self.tell(FUNCTION, callback, InclusionStatus::FAILED),
        }
    }

    fn stop_adding(&mut self, callback: CallbackId) -> Vec<Effect> {
        const FUNCTION: FunctionId = FunctionId::ADD_NODE_TO_NETWORK;
        let done = match &mut self.mode {
            Mode::Idle | Mode::Listening | Mode::Adding { stage: Stage::Ready | Stage::Found(_), .. } => NodeId(0),
            Mode::Adding { stage: Stage::Done(node), .. } => *node,
            Mode::Adding { stopped, .. } => {
                *stopped = Some(callback);
                return Vec::new();
            }
            Mode::Replacing { callback, stage: Stage::Ready, .. } => {
                let callback = *callback;
                self.mode = Mode::Idle;
                return self.called_back(FunctionId::REPLACE_FAILED_NODE, callback, REPLACE_FAILED);
            }
            Mode::Replacing { .. } | Mode::Removing { .. } | Mode::Learning { .. } => return Vec::new(),
        };
        self.mode = Mode::Idle;
        self.inclusion(FUNCTION, callback, InclusionStatus::DONE, done, None)
    }

    /// A frame of a device outside the network.
    pub fn called(&mut self, device: DeviceId, call: Call, dsk: &Dsk, lock: &Node) -> Vec<Effect> {
        let asks = |ids: &SmartStartIds| ids.nwi_home_id == dsk.nwi_home_id() && ids.auth_home_id == dsk.auth_home_id();
        let far = match call {
            Call::Here => false,
            Call::Prime { long_range } | Call::IncludeMe { long_range } => long_range,
        };
        if far && !self.region.is_long_range() {
            return Vec::new();
        }
        let found = |who| {
            let node = if far { LAST_LONG_RANGE } else { LAST };
            Stage::Found(Found { who, info: node_information(lock), protocol: protocol_info(node, lock) })
        };
        match (&mut self.mode, call) {
            (Mode::Listening, Call::Prime { .. }) => {
                let update = ApplicationUpdate {
                    status: if far { UpdateStatus::SMART_START_PRIME_LONG_RANGE } else { UpdateStatus::SMART_START_PRIME },
                    node: NodeId(0),
                    smart_start: Some(SmartStart { rx_status: 0, nwi_home_id: dsk.nwi_home_id() }),
                    info: Some(node_information(lock)),
                };
                vec![self.to_host(&Message::ApplicationUpdate(update))]
            }
            (Mode::Adding { callback, wanted, stage: stage @ Stage::Ready, .. }, call) => {
                let is_wanted = match (wanted, call) {
                    (None, Call::Here) => true,
                    (Some((ids, over)), Call::IncludeMe { .. }) => *over == far && asks(ids),
                    _ => false,
                };
                if !is_wanted {
                    return Vec::new();
                }
                *stage = found(Who::Device(device));
                let callback = *callback;
                let told = self.tell(FunctionId::ADD_NODE_TO_NETWORK, callback, InclusionStatus::NODE_FOUND);
                proceeding(told, TO_ID)
            }
            (Mode::Replacing { stage: stage @ Stage::Ready, .. }, Call::Here) => {
                *stage = found(Who::Device(device));
                proceeding(Vec::new(), TO_ID)
            }
            (Mode::Removing { .. }, Call::Here) => self.goes(Who::Stranger(None), lock),
            _ => Vec::new(),
        }
    }

    /// The button of a node was pressed; `ours`: it is in this controller's network.
    pub fn leaving(&mut self, node: NodeId, lock: &Node, ours: bool) -> Vec<Effect> {
        let known = ours && self.memory.nodes.contains_key(&node);
        self.goes(if known { Who::Node(node) } else { Who::Stranger(Some(node)) }, lock)
    }

    fn goes(&mut self, who: Who, lock: &Node) -> Vec<Effect> {
        let Mode::Removing { callback, stage: stage @ Stage::Ready } = &mut self.mode else { return Vec::new() };
        let node = match who {
            Who::Node(node) | Who::Stranger(Some(node)) => node,
            Who::Device(_) | Who::Stranger(None) => NodeId(0),
        };
        let protocol = protocol_info(node, lock);
        *stage = Stage::Found(Found { who, info: node_information(lock), protocol });
        let callback = *callback;
        let told = self.tell(FunctionId::REMOVE_NODE_FROM_NETWORK, callback, InclusionStatus::NODE_FOUND);
        proceeding(told, TO_ID)
    }

    /// Set Learn Mode. A primary controller with nodes joins no other network.
    pub(super) fn learn(&mut self, mode: u8, callback: CallbackId) -> Vec<Effect> {
        const FUNCTION: FunctionId = FunctionId::SET_LEARN_MODE;
        const STOP: u8 = 0;
        match (mode, &self.mode) {
            (STOP, Mode::Learning { callback }) => {
                let callback = *callback;
                self.mode = Mode::Idle;
                self.tell(FUNCTION, callback, InclusionStatus::DONE)
            }
            (STOP, _) => Vec::new(),
            (_, other) if other.gives_way() && self.memory.nodes.is_empty() => {
                self.mode = Mode::Learning { callback };
                self.tell(FUNCTION, callback, InclusionStatus::READY)
            }
            _ => self.tell(FUNCTION, callback, InclusionStatus::FAILED),
        }
    }

    /// The next step of the mode.
    pub fn proceed(&mut self) -> Vec<Effect> {
        match self.mode.clone() {
            Mode::Adding { stage: Stage::Found(found), callback, wanted, stopped } => {
                let far = wanted.is_some_and(|(_, far)| far);
                let Some(node) = self.next_id(far) else {
                    self.mode = Mode::Idle;
                    return self.tell(FunctionId::ADD_NODE_TO_NETWORK, callback, InclusionStatus::FAILED);
                };
                self.memory.nodes.insert(node, found.protocol);
                let status = InclusionStatus::END_NODE;
                let told = self.inclusion(FunctionId::ADD_NODE_TO_NETWORK, callback, status, node, Some(found.info.clone()));
                self.mode = Mode::Adding { stage: Stage::Placed(found, node), callback, wanted, stopped };
                proceeding(told, NEIGHBOURS)
            }
            Mode::Adding { stage: Stage::Placed(found, node), callback, wanted, stopped } => {
                let mut effects = joined(&found, node);
                effects.extend(self.tell(FunctionId::ADD_NODE_TO_NETWORK, callback, InclusionStatus::PROTOCOL_DONE));
                self.mode = Mode::Adding { stage: Stage::Done(node), callback, wanted, stopped: None };
                effects.extend(stopped.into_iter().flat_map(|callback| self.stop_adding(callback)));
                effects
            }
            Mode::Replacing { stage: Stage::Found(found), node, callback } => {
                self.memory.nodes.insert(node, found.protocol);
                self.failed.remove(&node);
                self.mode = Mode::Replacing { stage: Stage::Placed(found, node), node, callback };
                proceeding(Vec::new(), NEIGHBOURS)
            }
            Mode::Replacing { stage: Stage::Placed(found, _), node, callback } => {
                self.mode = Mode::Idle;
                let told = self.called_back(FunctionId::REPLACE_FAILED_NODE, callback, REPLACED);
                joined(&found, node).into_iter().chain(told).collect()
            }
            Mode::Removing { stage: Stage::Found(found), callback } => {
                // For a node of another network the reported node id is 0.
                let (node, leaves) = match found.who {
                    Who::Node(node) => (node, Some(node)),
                    Who::Stranger(node) => (NodeId(0), node),
                    Who::Device(_) => return Vec::new(),
                };
                let function = FunctionId::REMOVE_NODE_FROM_NETWORK;
                self.mode = Mode::Idle;
                self.memory.nodes.remove(&node);
                self.failed.remove(&node);
                let mut effects = self.inclusion(function, callback, InclusionStatus::END_NODE, node, Some(found.info));
                effects.extend(leaves.map(|node| Effect::Left { node }));
                effects.extend(self.inclusion(function, callback, InclusionStatus::DONE, node, None));
                effects
            }
            _ => Vec::new(),
        }
    }

    fn has_long_range(&self) -> bool {
        self.region.is_long_range() && self.width == NodeIdWidth::Bits16
    }

    /// The next free node id.
    fn next_id(&mut self, far: bool) -> Option<NodeId> {
        let (first, last) = if far { (BEFORE_LONG_RANGE.0 + 1, LAST_LONG_RANGE.0) } else { (2, LAST.0) };
        let [near_id, far_id] = &mut self.memory.given;
        let given = if far { far_id } else { near_id };
        let mut ids = (given.0 + 1..=last).chain(first..=given.0.min(last)).map(NodeId);
        *given = ids.find(|id| !self.memory.nodes.contains_key(id))?;
        Some(*given)
    }

    fn tell(&self, function: FunctionId, callback: CallbackId, status: InclusionStatus) -> Vec<Effect> {
        self.inclusion(function, callback, status, NodeId(0), None)
    }

    fn inclusion(
        &self,
        function: FunctionId,
        callback: CallbackId,
        status: InclusionStatus,
        node: NodeId,
        info: Option<NodeInformation>,
    ) -> Vec<Effect> {
        let message = Message::Inclusion(InclusionCallback { function, callback, status, node, info });
        if callback == CallbackId::NONE { Vec::new() } else { vec![self.to_host(&message)] }
    }
}

fn proceeding(mut effects: Vec<Effect>, after: Duration) -> Vec<Effect> {
    effects.push(Effect::Proceed { after });
    effects
}

fn joined(found: &Found, node: NodeId) -> Vec<Effect> {
    match found.who {
        Who::Device(device) => vec![Effect::Joined { device, node }],
        Who::Node(_) | Who::Stranger(_) => Vec::new(),
    }
}
