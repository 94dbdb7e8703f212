//! All nodes, and which of them are active. With hundreds of locks nearly all are idle, and the work of each turn must
//! not depend on their number.

use std::collections::{BTreeMap, BTreeSet};

use super::nodes::NodeState;
use crate::domain::ids::NodeId;
use crate::domain::time::Instant;

/// The nodes by id. Mutable access makes a node active, and it stays active until it is found to be idle.
#[derive(Default, Debug)]
pub(super) struct Members {
    all: BTreeMap<NodeId, NodeState>,
    active: BTreeSet<NodeId>,
}

impl Members {
    pub(super) fn get(&self, id: &NodeId) -> Option<&NodeState> {
        self.all.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &NodeId) -> Option<&mut NodeState> {
        let state = self.all.get_mut(id)?;
        self.active.insert(*id);
        Some(state)
    }

    pub(super) fn insert(&mut self, id: NodeId, state: NodeState) {
        self.all.insert(id, state);
        self.active.insert(id);
    }

    pub(super) fn remove(&mut self, id: &NodeId) -> Option<NodeState> {
        self.active.remove(id);
        self.all.remove(id)
    }

    pub(super) fn contains_key(&self, id: &NodeId) -> bool {
        self.all.contains_key(id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &NodeId> {
        self.all.keys()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &NodeState> {
        self.all.values()
    }

    /// The active nodes, in order of id.
    pub(super) fn active(&self) -> impl Iterator<Item = &NodeState> {
        self.active.iter().filter_map(|id| self.all.get(id))
    }

    /// Calls `change` for every active node.
    pub(super) fn for_each_active(&mut self, mut change: impl FnMut(&mut NodeState)) {
        for id in &self.active {
            self.all.get_mut(id).into_iter().for_each(&mut change);
        }
    }

    /// Removes nodes that became idle from the active ones.
    pub(super) fn rest(&mut self, now: Instant) {
        self.active.retain(|id| self.all.get(id).is_some_and(|state| !state.is_idle_node(now)));
    }
}

impl FromIterator<NodeState> for Members {
    fn from_iter<I: IntoIterator<Item = NodeState>>(states: I) -> Self {
        let all: BTreeMap<NodeId, NodeState> = states.into_iter().map(|state| (state.node.id, state)).collect();
        Self { active: all.keys().copied().collect(), all }
    }
}
