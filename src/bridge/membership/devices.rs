//! What comings and goings do to devices: the people's side of a node, with its name, its grants and its past.

use crate::bridge::ask::Actor;
use crate::bridge::import::default_name;
use crate::bridge::intents::{FORMER_SLUGS, renew};
use crate::bridge::sync::forget_if_done;
use crate::bridge::turn::Bridge;
use crate::bridge::words::After;
use crate::command::ClassId;
use crate::domain::device::{Device, DeviceKind, Habits, Inventory, LockState, SlowCheck};
use crate::domain::grant::Grant;
use crate::domain::ids::{DeviceId, Generation, GrantId, NodeId, Slug};
use crate::domain::intent::{Accepted, Refusal};
use crate::domain::node::{InterviewStage, Joining, SecurityClass};
use crate::domain::slot::{Progress, Slot, SlotKey};
use crate::domain::time::Now;
use crate::mqtt::topic::Message;
use crate::network::{ControllerStatus, Reach};

impl Bridge {
    /// A node turned out to be a lock: it becomes a device, and shows as being interviewed. One that is not a full member of
    /// the network does not. `name`: what it is called where it comes from.
    pub(in crate::bridge) fn welcome(&mut self, id: NodeId, name: Option<&str>, now: Now) {
        let member = self.network.node(id).filter(|node| node.is_lock() && node.joining == Joining::Done);
        let Some(node) = member else { return };
        let takes_codes = node.classes.contains_key(&ClassId::USER_CODE);
        if let Some(device) = self.state.device_of(id).cloned() {
            return self.state.put_device(Device { takes_codes, ..device });
        }
        let name = name.map_or_else(|| self.name_for(id), str::to_owned);
        let mut slug = Slug::from_name(&name);
        let mut n = 1;
        while self.state.devices().any(|device| device.slug == slug) {
            n += 1;
            slug = Slug::from_name(&format!("{name} {n}"));
        }
        let device = Device {
            former_slugs: vec![],
            id: DeviceId::new(&mut self.entropy),
            slug,
            name,
            kind: DeviceKind::Lock,
            node: Some(id),
            battery: None,
            battery_low: false,
            lock_state: LockState::Unknown,
            door_open: None,
            takes_codes,
            inventory: Inventory { next: 0, done: false, began: now.wall },
            habits: Habits::default(),
            check: SlowCheck::default(),
            last_seen: Some(now.wall),
        };
        tracing::info!(node = %id, device = %device.slug, "a lock was found");
        self.touch(device.id);
        self.state.put_device(device);
    }

    /// What somebody wanted the node to be called when it was included or scanned.
    fn name_for(&mut self, node: NodeId) -> String {
        let scanned = self.state.provisioning().find(|expected| expected.is_included_as(node));
        let scanned = scanned.and_then(|expected| expected.name.clone());
        self.membership.names.remove(&node).or(scanned).unwrap_or_else(|| default_name(node))
    }

    /// The device of a node that is gone has no node any more. Everything else of it stays, for whoever comes in its place;
    /// what was in the lock has to be seen before it counts again.
    pub(super) fn unlink(&mut self, node: NodeId, now: Now) -> Option<DeviceId> {
        let device = self.state.device_of(node)?.clone();
        let id = device.id;
        tracing::info!(%node, device = %device.slug, "a device is out of the network; its grants are kept");
        self.sync.doubt(id, &mut self.state, now);
        self.state.put_device(Device { node: None, lock_state: LockState::Unknown, door_open: None, ..device });
        self.touch(id);
        Some(id)
    }

    /// Another lock is behind the device: its slots are read anew, and every code is written anew.
    pub(super) fn begin_anew(&mut self, id: DeviceId, now: Now) -> (Generation, Vec<GrantId>) {
        self.sync.forget(id, &mut self.network);
        self.state.drop_slots(id, now.wall);
        if let Some(device) = self.state.device(id).cloned() {
            let inventory = Inventory { next: 0, done: false, began: now.wall };
            let lock_state = LockState::Unknown;
            self.state.put_device(Device { inventory, lock_state, door_open: None, battery: None, battery_low: false, ..device });
        }
        let generation = self.state.next_generation();
        let wanted: Vec<Grant> = self.state.grants_on(id).filter(|grant| grant.wanted).cloned().collect();
        let grants = wanted.iter().map(|grant| grant.id).collect();
        for mut grant in wanted {
            renew(&mut grant, generation, now);
            self.state.put_grant(grant);
        }
        self.touch(id);
        (generation, grants)
    }

    /// `new`'s lock takes the place of `old`'s. The id of `old` lives on: history, grants and discovery refer to it.
    pub(in crate::bridge) fn replace_device(
        &mut self,
        actor: &Actor,
        old: &str,
        new: &str,
        now: Now,
    ) -> Result<Accepted, Refusal> {
        let (old, new) = (self.device_called(old)?, self.device_called(new)?);
        if old.id == new.id {
            return Err(Refusal::SameDevice(new.slug.to_string()));
        }
        let node = new.node.and_then(|node| self.network.node(node));
        let node = node.ok_or_else(|| Refusal::NotInNetwork(new.slug.to_string()))?;
        if self.state.grants_on(new.id).next().is_some() {
            return Err(Refusal::HasGrants(new.slug.to_string()));
        }
        let told_classes = node.stage >= InterviewStage::Capabilities;
        if told_classes && !new.takes_codes && self.state.grants_on(old.id).next().is_some() {
            return Err(Refusal::NotALock(new.slug.to_string()));
        }
        let there = old.node.filter(|node| self.network.node(*node).is_some());
        if there.is_some_and(|node| self.network.reach(node) != Reach::Dead) {
            return Err(Refusal::StillInNetwork(old.slug.to_string()));
        }

        let (generation, grants) = self.begin_anew(old.id, now);
        self.sync.forget(new.id, &mut self.network);
        let seen: Vec<Slot> = self.state.slots(new.id).values().cloned().collect();
        self.state.delete_device(new.id, now.wall);
        for slot in seen {
            let key = SlotKey { device: old.id, ..slot.key };
            // Nothing of ours was ever sent there; what is in doubt stays so until it is looked at.
            let progress = if slot.progress == Progress::RowDoubted { Progress::RowDoubted } else { Progress::Idle };
            self.state.put_slot(Slot { key, owner: None, confirmed: None, progress, ..slot }, now.wall);
        }
        let mut former_slugs = old.former_slugs.clone();
        former_slugs.extend(new.former_slugs.iter().chain([&new.slug]).cloned());
        let surplus = former_slugs.len().saturating_sub(FORMER_SLUGS);
        former_slugs.drain(..surplus);
        self.state.put_device(Device {
            id: old.id,
            slug: old.slug.clone(),
            name: old.name.clone(),
            kind: old.kind,
            former_slugs,
            ..new.clone()
        });
        if let Some(change) = self.membership.change.as_mut().filter(|change| change.device == Some(new.id)) {
            change.device = Some(old.id);
        }
        self.clear_topics([&new.slug]);
        let what = format!("put the lock of device {} in the place of device {}'s", new.id, old.id);
        self.state.audit(&actor.0, what, now.wall);
        Ok(Accepted { generation, grants, device: Some(old.id), ..Accepted::default() })
    }

    /// Forgets a device that is out of the network, and who could open it.
    pub(in crate::bridge) fn remove_device(&mut self, actor: &Actor, name: &str, now: Now) -> Result<Accepted, Refusal> {
        let device = self.device_called(name)?;
        // A node that the stick does not list left too, though nobody excluded it here.
        let listed = device.node.is_some_and(|node| self.network.node(node).is_some());
        let ready = matches!(self.network.controller(), ControllerStatus::Ready(_));
        if device.node.is_some() && (listed || !ready) {
            return Err(Refusal::StillInNetwork(device.slug.to_string()));
        }
        let generation = self.state.next_generation();
        self.sync.forget(device.id, &mut self.network);
        for grant in self.state.grants_on(device.id).cloned().collect::<Vec<_>>() {
            let what = format!("ended the grant of person {} with device {}", grant.person, device.id);
            self.state.audit(&actor.0, what, now.wall);
            self.state.delete_grant(grant.id);
            forget_if_done(grant.person, &mut self.state);
        }
        self.state.delete_device(device.id, now.wall);
        self.state.audit(&actor.0, format!("removed device {}", device.id), now.wall);
        self.clear_topics(device.former_slugs.iter().chain([&device.slug]));
        Ok(Accepted { generation, ..Accepted::default() })
    }

    /// An operator allows codes for a lock without a class for doors.
    pub(in crate::bridge) fn allow_insecure(&mut self, actor: &Actor, name: &str, now: Now) -> Result<Accepted, Refusal> {
        let device = self.device_called(name)?;
        let node = device.node.and_then(|node| self.network.node(node));
        let node = node.ok_or_else(|| Refusal::NotInNetwork(device.slug.to_string()))?;
        if node.security.is_for_doors() {
            return Err(Refusal::IsSecure(device.slug.to_string()));
        }
        let (id, class) = (node.id, node.security);
        let how = if class == SecurityClass::None { "in clear" } else { "below S2 Access Control" };
        self.network.allow_insecure(id, now);
        let generation = self.state.next_generation();
        self.state.audit(&actor.0, format!("allowed device {} codes {how}", device.id), now.wall);
        tracing::warn!(node = %id, device = %device.slug, how, "codes are sent to this lock from now on");
        let grants = self.state.grants_on(device.id).map(|grant| grant.id).collect();
        Ok(Accepted { generation, grants, device: Some(device.id), ..Accepted::default() })
    }

    fn device_called(&self, name: &str) -> Result<Device, Refusal> {
        self.state.device_named(name).cloned().ok_or_else(|| Refusal::UnknownDevice(name.to_owned()))
    }

    /// Takes off the broker what it keeps under names that are no device's any more. Said although it was not said before:
    /// an earlier run may have left it there.
    fn clear_topics<'a>(&mut self, slugs: impl IntoIterator<Item = &'a Slug>) {
        let Some(mqtt) = self.settings.mqtt.clone() else { return };
        for slug in slugs {
            if self.state.devices().any(|device| device.slug == *slug) {
                continue;
            }
            self.announcer.forget(slug, &mqtt.topics).for_each(drop);
            let emptied = mqtt.topics.retained(slug).into_iter().map(|topic| Message { topic, payload: String::new() });
            self.after.extend(emptied.map(After::Retained));
        }
    }
}
