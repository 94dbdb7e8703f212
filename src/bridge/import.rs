//! Taking over the network that another controller looked after: all of it in one commit, or nothing. And the way back:
//! its keys, for another controller.

use std::collections::BTreeMap;

use super::ask::{Actor, Reply};
use super::turn::Bridge;
use super::words::GivenKeys;
use crate::domain::device::{Device, Inventory};
use crate::domain::ids::{DeviceId, HomeId, NodeId, Slug};
use crate::domain::intent::{Accepted, Intent, Refusal};
use crate::domain::node::SecurityClass;
use crate::domain::slot::{Content, Progress, Slot, SlotKey};
use crate::domain::takeover::{LockTakeover, TakenOver, Takeover, TakeoverRefusal};
use crate::domain::time::Now;
use crate::network::{Adopted, ControllerStatus};
use crate::security::keys::{KeyId, NetworkKeys};

impl Bridge {
    /// Takes a network over. From the next frame on its keys hold; what the locks hold is theirs until it was looked at.
    pub(super) fn take_over(&mut self, actor: &Actor, takeover: Takeover, now: Now) -> Result<Accepted, Refusal> {
        if self.network.is_changing() {
            return Err(TakeoverRefusal::ChangeUnderWay.into());
        }
        let keys = takeover.keys.or(self.network.keys());
        self.check_home(takeover.home)?;
        self.check_keys(&takeover, &keys)?;
        let Takeover { home, keys: brought, locks, others } = takeover;
        let mut taken = TakenOver { keys: brought.ids().collect(), others: others.len(), ..TakenOver::default() };

        if *self.network.keys() != keys {
            self.state.put_network_keys(keys.clone());
            taken.changed = true;
        }
        if self.state.home() != Some(home) {
            self.move_to(home);
            taken.changed = true;
        }
        let before: BTreeMap<NodeId, SecurityClass> = self.network.nodes().map(|node| (node.id, node.security)).collect();
        let nodes = locks.iter().map(|lock| &lock.node).chain(&others).cloned().collect();
        let Adopted { removed, changed } = self.network.adopt(home, keys, nodes, now);
        taken.changed |= !changed.is_empty();
        removed.into_iter().for_each(|id| self.state.delete_node(id));
        changed.iter().filter_map(|id| self.network.node(*id).cloned()).for_each(|node| self.state.put_node(node));

        for node in others.iter().filter(|node| self.network.node(node.id).is_none()) {
            taken.absent.push(node.id);
            taken.others -= 1;
        }
        for LockTakeover { node: brought, name, taken: slots } in locks {
            let Some(node) = self.network.node(brought.id).cloned() else {
                taken.absent.push(brought.id);
                continue;
            };
            let is_new = self.state.device_of(node.id).is_none();
            self.welcome(node.id, name.as_deref(), now);
            let Some(device) = self.state.device_of(node.id).cloned() else { continue };
            if !is_new && before.get(&node.id).is_some_and(|before| *before < node.security) {
                self.look_again(&device, now);
            }
            taken.changed |= self.call_as_before(actor, &device, name.as_deref(), now);
            taken.occupied_slots += slots.len();
            taken.changed |= self.leave_alone(device.id, slots, now);
            self.sync.replan(device.id, &mut self.network);
            self.touch(device.id);
            taken.locks.extend(self.state.device(device.id).map(|device| device.slug.clone()));
        }
        let mut accepted = Accepted { generation: self.state.generation, ..Accepted::default() };
        if taken.changed {
            accepted.generation = self.state.next_generation();
            let what = format!(
                "imported the network of Z-Wave JS: {} keys, {} locks, {} other nodes, {} occupied slots",
                taken.keys.len(),
                taken.locks.len(),
                taken.others,
                taken.occupied_slots
            );
            tracing::info!(%home, what, "a network was taken over");
            self.state.audit(&actor.0, what, now.wall);
        }
        accepted.taken_over = Some(taken);
        Ok(accepted)
    }

    /// The network keys, for somebody who may have them: with these every lock can be opened, so that it is on record.
    pub(super) fn export_keys(&mut self, actor: &Actor, now: Now) -> Reply {
        tracing::warn!(%actor, "the network keys were exported");
        self.state.audit(&actor.0, "exported the network keys".to_owned(), now.wall);
        Reply::NetworkKeys(Box::new(self.network.keys().clone()))
    }

    /// The node ids of another network are other doors.
    pub(super) fn move_to(&mut self, home: HomeId) {
        for device in self.state.devices().filter(|device| device.node.is_some()).cloned().collect::<Vec<_>>() {
            self.state.put_device(Device { node: None, ..device });
        }
        self.state.put_home(home);
    }

    fn check_home(&self, files: HomeId) -> Result<(), TakeoverRefusal> {
        let plugged = match self.network.controller() {
            ControllerStatus::Ready(info) => Some(info.home),
            ControllerStatus::Absent { .. } | ControllerStatus::Starting { .. } => self.network.stranger(),
        };
        match (plugged, self.state.home()) {
            (Some(stick), _) if stick != files => Err(TakeoverRefusal::OtherStick { stick, files }),
            (None, Some(known)) if known != files => Err(TakeoverRefusal::OtherLocks { known, files }),
            _ => Ok(()),
        }
    }

    fn check_keys(&self, takeover: &Takeover, keys: &NetworkKeys) -> Result<(), TakeoverRefusal> {
        let held = self.network.keys();
        let changes = |key: KeyId| held.network_key(key) != keys.network_key(key);
        let given = |key: KeyId| self.settings.given_keys.as_ref().filter(|given| given.keys.contains(&key));
        if let Some((key, GivenKeys { setting, .. })) =
            takeover.keys.ids().filter(|key| changes(*key)).find_map(|key| Some((key, given(key)?)))
        {
            return Err(TakeoverRefusal::KeyGiven { setting, key });
        }
        for lock in &takeover.locks {
            let node = lock.node.id;
            let Some(key) = KeyId::of(lock.node.security, node) else { continue };
            // Proven where the lock was heard under it.
            let works = self.network.node(node).is_some_and(|ours| ours.security_known && ours.security >= lock.node.security);
            if takeover.keys.get(key).is_none() && given(key).is_none() && !works {
                return Err(TakeoverRefusal::KeyMissing { node, key });
            }
        }
        let moves = self.state.home().is_some_and(|known| known != takeover.home);
        let cut_off = self.state.devices().filter(|device| {
            let node = device.node.and_then(|id| self.network.node(id));
            let key = node.and_then(|node| KeyId::of(node.security, node.id));
            let is_cut = key.is_some_and(changes) || moves && device.node.is_some();
            is_cut && self.state.grants_on(device.id).next().is_some()
        });
        let locks: Vec<Slug> = cut_off.map(|device| device.slug.clone()).collect();
        if locks.is_empty() { Ok(()) } else { Err(TakeoverRefusal::CutsOff { locks }) }
    }

    /// Whatever a lock showed under a lower class than it has, anybody could have shown.
    fn look_again(&mut self, device: &Device, now: Now) {
        let inventory = Inventory { next: 0, done: false, began: now.wall };
        self.state.put_device(Device { inventory, ..device.clone() });
        for slot in self.state.slots(device.id).values().filter(|slot| slot.owner.is_none()).cloned().collect::<Vec<_>>() {
            self.state.put_slot(Slot { content: Content::Unknown, seen_at: None, ..slot }, now.wall);
        }
        self.sync.doubt(device.id, &mut self.state, now);
    }

    /// Gives a lock that nobody named here the name it had. `true`: that is new.
    fn call_as_before(&mut self, actor: &Actor, device: &Device, name: Option<&str>, now: Now) -> bool {
        let unnamed = device.node.is_some_and(|node| device.name == default_name(node));
        let Some(name) = name.filter(|_| unnamed) else { return false };
        // As many as there are devices that could have the short name already.
        let tries = self.state.devices().count() + 1;
        (1..=tries).any(|n| {
            let slug = (n > 1).then(|| Slug::from_name(&format!("{name} {n}")).to_string());
            let rename = Intent::Rename { device: device.id.to_string(), name: name.to_owned(), slug };
            self.intend(actor, rename, now).is_ok()
        })
    }

    /// Notes which slots hold somebody's code. What we saw in the lock ourselves is newer. `true`: one is new.
    fn leave_alone(&mut self, device: DeviceId, taken: BTreeMap<u16, Content>, now: Now) -> bool {
        let node = self.state.device(device).and_then(|device| self.network.node(device.node?));
        let users = node.and_then(|node| node.user_code.as_ref()).map_or(0, |support| support.users);
        let mut changed = false;
        for (index, content) in taken.into_iter().filter(|(index, _)| users == 0 || *index <= users) {
            let slot = self.state.slots(device).get(&index).cloned();
            let slot = slot.unwrap_or_else(|| Slot::unseen(SlotKey::user_code(device, index)));
            if slot.owner.is_none() && slot.content == Content::Unknown && slot.progress == Progress::Idle {
                // Not seen by us: the inventory looks at it like at any other.
                self.state.put_slot(Slot { content, ..slot }, now.wall);
                changed = true;
            }
        }
        changed
    }
}

/// What a lock is called until somebody names it.
pub(super) fn default_name(node: NodeId) -> String {
    format!("Lock {node}")
}
