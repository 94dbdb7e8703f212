//! Takes over a network that another controller software managed before: its keys and nodes, at any time, also while
//! jobs are under way.

use std::collections::{BTreeMap, BTreeSet};

use super::hub::Hub;
use super::jobs::Requester;
use super::nodes::NodeState;
use super::secure::Keyring;
use super::{Network, Owner};
use crate::domain::ids::{HomeId, NodeId};
use crate::domain::node::{InterviewStage, Node, SecurityClass};
use crate::domain::time::Now;
use crate::security::keys::{KeyId, NetworkKeys};

/// What [`Network::adopt`] changed and the owner has to store.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Adopted {
    /// Nodes of the previous network.
    pub removed: Vec<NodeId>,
    /// Nodes that are new or have changed: see [`Network::node`].
    pub changed: Vec<NodeId>,
}

impl Network {
    /// The keys in use.
    pub fn keys(&self) -> &NetworkKeys {
        &self.keyring.network
    }

    /// The home id of a plugged-in controller that is not used, because it belongs to another network.
    pub fn stranger(&self) -> Option<HomeId> {
        self.stranger.as_ref().map(|controller| controller.info.home)
    }

    /// Switches to the network `home` with `keys` and `nodes`. What this daemon learnt about a node under keys that
    /// stay valid takes precedence over `nodes`. A controller of that network that was not used so far is used from now
    /// on. Jobs under way to nodes whose keys change are sent again, or end as [`super::Outcome::ControllerGone`].
    pub fn adopt(&mut self, home: HomeId, keys: NetworkKeys, nodes: Vec<Node>, now: Now) -> Adopted {
        self.tick(now);
        let mut adopted = Adopted::default();
        if self.home.is_some_and(|known| known != home) {
            adopted.removed = self.nodes.keys().copied().collect();
            adopted.removed.iter().for_each(|id| self.forget(*id));
            self.hub = Hub::default();
        }
        self.home = Some(home);
        let old = self.keys();
        let rekeyed: BTreeSet<KeyId> =
            KeyId::ALL.into_iter().filter(|id| old.network_key(*id) != keys.network_key(*id)).collect();
        let renewed = self.renewed(nodes, &rekeyed);
        if !rekeyed.is_empty() {
            self.keyring = Keyring::new(keys);
        }
        for node in renewed {
            let id = node.id;
            if self.node(id) != Some(&node) {
                adopted.changed.push(id);
            }
            self.reset(node);
        }
        if let Some(controller) = self.stranger.take_if(|controller| controller.info.home == home) {
            self.ready(*controller);
        }
        self.process_due();
        adopted
    }

    /// Every node whose state has to be reset, with its new data.
    fn renewed(&self, brought: Vec<Node>, rekeyed: &BTreeSet<KeyId>) -> Vec<Node> {
        let is_rekeyed =
            |node: &Node| KeyId::of(node.security, node.id).is_some_and(|id| rekeyed.contains(&id)) || !node.security_known;
        let mut renewed: BTreeMap<NodeId, Node> = BTreeMap::new();
        let mut told: BTreeSet<NodeId> = BTreeSet::new();
        for node in brought {
            // A controller that is ready has listed its nodes, so one that it does not list is left out. Long Range
            // nodes are kept, because not every controller lists them.
            let is_listed = !self.is_ready() || self.nodes.contains_key(&node.id) || node.id.is_long_range();
            if !is_listed || node.id == self.own {
                continue;
            }
            if node.security_known {
                told.insert(node.id);
            }
            let ours = self.node(node.id).filter(|known| !is_rekeyed(known) || rekeyed.is_empty());
            let tells_more = |known: &Node| {
                let settles = node.class_settled && !known.is_class_certain();
                known.security < node.security || known.stage < node.stage || settles && known.security == node.security
            };
            if ours.is_none_or(tells_more) {
                // Decisions made in Latchkey are kept, because the imported files do not contain them.
                let (insecure_allowed, weak_codes) =
                    self.node(node.id).map_or((false, node.weak_codes), |known| (known.insecure_allowed, known.weak_codes));
                renewed.insert(node.id, Node { insecure_allowed, weak_codes, ..node });
            }
        }
        for known in self.nodes.values().map(|state| &state.node).filter(|_| !rekeyed.is_empty()) {
            if renewed.contains_key(&known.id) {
                continue;
            }
            // It answered under none of the old keys, but may answer under the new ones.
            let has_keys = known.possible_classes().next().is_some();
            let untold = known.security == SecurityClass::None && has_keys && !told.contains(&known.id);
            if untold && known.stage >= InterviewStage::NodeInfo {
                let stage = InterviewStage::NodeInfo;
                renewed.insert(known.id, Node { stage, security_known: false, class_settled: false, ..known.clone() });
            } else if is_rekeyed(known) {
                renewed.insert(known.id, known.clone());
            }
        }
        renewed.into_values().collect()
    }

    fn reset(&mut self, node: Node) {
        let id = node.id;
        let Some(state) = self.nodes.get_mut(&id) else {
            self.nodes.insert(id, NodeState::new(node, &mut self.entropy));
            return;
        };
        let under_way = state.reset(node, &mut self.entropy);
        // Queries of the interview before the reset: nothing waits for their answers.
        self.queue.take_if(|transaction| transaction.node == id && transaction.requester == Requester::Interview);
        if let Some((_, Owner::Node(transmission))) = &mut self.exchange
            && transmission.transaction.node == id
            && transmission.transaction.requester == Requester::Interview
        {
            transmission.transaction.requester = Requester::Machine;
        }
        for transaction in under_way.into_iter().filter(|transaction| transaction.requester != Requester::Interview) {
            self.lose(transaction);
        }
    }
}
