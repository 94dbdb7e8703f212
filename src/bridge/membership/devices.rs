//! What comings and goings do to devices: the people's side of a node, with its name, its grants and its past.

use std::collections::BTreeMap;

use crate::bridge::context::{Context, FormerName};
use crate::bridge::intents::{FORMER_SLUGS, renew};
use crate::bridge::sync::forget_if_done;
use crate::command::ClassId;
use crate::domain::actor::Actor;
use crate::domain::audit::Act;
use crate::domain::device::{Device, DeviceKind, Habits, Inventory, LockState, SlowCheck};
use crate::domain::grant::Grant;
use crate::domain::ids::{DeviceId, Generation, GrantId, NodeId, Slug};
use crate::domain::intent::{Accepted, Refusal};
use crate::domain::node::{InterviewStage, Joining, SecurityClass};
use crate::domain::slot::{Progress, Slot, SlotKey};
use crate::network::{ControllerStatus, Reach};

/// What nodes are called that are no device yet.
pub type NodeNames = BTreeMap<NodeId, String>;

/// A node turned out to be a lock: it becomes a device, and shows as being interviewed. One that is not a full member of
/// the network does not. `name`: what it is called where it comes from.
pub fn register_lock(id: NodeId, name: Option<&str>, names: &mut NodeNames, cx: &mut Context) {
    let member = cx.network.node(id).filter(|node| node.is_lock() && node.joining == Joining::Done);
    let Some(node) = member else { return };
    let takes_codes = node.classes.contains_key(&ClassId::USER_CODE);
    if let Some(device) = cx.state.device_of(id).cloned() {
        return cx.state.put_device(Device { takes_codes, ..device });
    }
    let name = name.map_or_else(|| name_for(id, names, cx), str::to_owned);
    let mut slug = Slug::from_name(&name);
    let mut n = 1;
    while cx.state.devices().any(|device| device.slug == slug) {
        n += 1;
        slug = Slug::from_name(&format!("{name} {n}"));
    }
    let device = Device {
        former_slugs: vec![],
        id: DeviceId::new(&mut cx.entropy),
        slug,
        name,
        kind: DeviceKind::Lock,
        node: Some(id),
        battery: None,
        battery_low: false,
        lock_state: LockState::Unknown,
        door_open: None,
        takes_codes,
        inventory: Inventory { next: 0, done: false, began: cx.now.wall },
        habits: Habits::default(),
        check: SlowCheck::default(),
        last_seen: Some(cx.now.wall),
    };
    tracing::info!(node = %id, device = %device.slug, "a lock was found");
    cx.touch(device.id);
    cx.state.put_device(device);
}

/// What somebody wanted the node to be called when it was included or scanned.
fn name_for(node: NodeId, names: &mut NodeNames, cx: &Context) -> String {
    let scanned = cx.state.provisioning().find(|expected| expected.is_included_as(node));
    let scanned = scanned.and_then(|expected| expected.name.clone());
    names.remove(&node).or(scanned).unwrap_or_else(|| default_name(node))
}

/// The device of a node that is gone has no node any more. Everything else of it stays, for whoever comes in its place;
/// what was in the lock has to be seen before it counts again.
pub fn unlink(node: NodeId, cx: &mut Context) -> Option<DeviceId> {
    let device = cx.state.device_of(node)?.clone();
    let id = device.id;
    tracing::info!(%node, device = %device.slug, "a device is out of the network; its grants are kept");
    cx.sync.doubt(id, &mut cx.state, cx.now);
    cx.state.put_device(Device { node: None, lock_state: LockState::Unknown, door_open: None, ..device });
    cx.touch(id);
    Some(id)
}

/// Another lock is behind the device: its slots are read anew, and every code is written anew.
pub fn begin_anew(id: DeviceId, cx: &mut Context) -> (Generation, Vec<GrantId>) {
    cx.sync.forget(id, &mut cx.network);
    cx.state.drop_slots(id, cx.now.wall);
    if let Some(device) = cx.state.device(id).cloned() {
        let inventory = Inventory { next: 0, done: false, began: cx.now.wall };
        let lock_state = LockState::Unknown;
        cx.state.put_device(Device { inventory, lock_state, door_open: None, battery: None, battery_low: false, ..device });
    }
    let generation = cx.state.next_generation();
    let wanted: Vec<Grant> = cx.state.grants_on(id).filter(|grant| grant.wanted).cloned().collect();
    let grants = wanted.iter().map(|grant| grant.id).collect();
    for mut grant in wanted {
        renew(&mut grant, generation, cx.now);
        cx.state.put_grant(grant);
    }
    cx.touch(id);
    (generation, grants)
}

/// `new`'s lock takes the place of `old`'s. The id of `old` lives on: history, grants and discovery refer to it.
pub fn replace_device(actor: &Actor, old: &str, new: &str, cx: &mut Context) -> Result<Accepted, Refusal> {
    let (old, new) = (device_called(old, cx)?, device_called(new, cx)?);
    if old.id == new.id {
        return Err(Refusal::SameDevice(new.slug.to_string()));
    }
    let node = new.node.and_then(|node| cx.network.node(node));
    let node = node.ok_or_else(|| Refusal::NotInNetwork(new.slug.to_string()))?;
    if cx.state.grants_on(new.id).next().is_some() {
        return Err(Refusal::HasGrants(new.slug.to_string()));
    }
    let told_classes = node.stage >= InterviewStage::Capabilities;
    if told_classes && !new.takes_codes && cx.state.grants_on(old.id).next().is_some() {
        return Err(Refusal::NotALock(new.slug.to_string()));
    }
    let there = old.node.filter(|node| cx.network.node(*node).is_some());
    if there.is_some_and(|node| cx.network.reach(node) != Reach::Dead) {
        return Err(Refusal::StillInNetwork(old.slug.to_string()));
    }

    let (generation, grants) = begin_anew(old.id, cx);
    cx.sync.forget(new.id, &mut cx.network);
    let seen: Vec<Slot> = cx.state.slots(new.id).values().cloned().collect();
    cx.state.delete_device(new.id, cx.now.wall);
    for slot in seen {
        let key = SlotKey { device: old.id, ..slot.key };
        // Nothing of ours was ever sent there; what is in doubt stays so until it is looked at.
        let progress = if slot.progress == Progress::RowDoubted { Progress::RowDoubted } else { Progress::Idle };
        cx.state.put_slot(Slot { key, owner: None, confirmed: None, progress, ..slot }, cx.now.wall);
    }
    let mut former_slugs = old.former_slugs.clone();
    former_slugs.extend(new.former_slugs.iter().chain([&new.slug]).cloned());
    let surplus = former_slugs.len().saturating_sub(FORMER_SLUGS);
    former_slugs.drain(..surplus);
    cx.state.put_device(Device {
        id: old.id,
        slug: old.slug.clone(),
        name: old.name.clone(),
        kind: old.kind,
        former_slugs,
        ..new.clone()
    });
    clear_topics([&new.slug], cx);
    cx.state.audit(actor, Act::DeviceReplaced { device: old.id, by: new.id }, cx.now.wall);
    Ok(Accepted { generation, grants, device: Some(old.id), ..Accepted::default() })
}

/// Forgets a device that is out of the network, and who could open it.
pub fn remove_device(actor: &Actor, name: &str, cx: &mut Context) -> Result<Accepted, Refusal> {
    let device = device_called(name, cx)?;
    // A node that the stick does not list left too, though nobody excluded it here.
    let listed = device.node.is_some_and(|node| cx.network.node(node).is_some());
    let ready = matches!(cx.network.controller(), ControllerStatus::Ready(_));
    if device.node.is_some() && (listed || !ready) {
        return Err(Refusal::StillInNetwork(device.slug.to_string()));
    }
    let generation = cx.state.next_generation();
    cx.sync.forget(device.id, &mut cx.network);
    for grant in cx.state.grants_on(device.id).cloned().collect::<Vec<_>>() {
        let act = Act::GrantEnded { person: grant.person, device: device.id, grant: grant.id };
        cx.state.audit(actor, act, cx.now.wall);
        cx.state.delete_grant(grant.id);
        forget_if_done(grant.person, &mut cx.state);
    }
    cx.state.delete_device(device.id, cx.now.wall);
    cx.state.audit(actor, Act::DeviceRemoved(device.id), cx.now.wall);
    clear_topics(device.former_slugs.iter().chain([&device.slug]), cx);
    Ok(Accepted { generation, ..Accepted::default() })
}

/// An operator allows codes for a lock without a class for doors.
pub fn allow_insecure(actor: &Actor, name: &str, cx: &mut Context) -> Result<Accepted, Refusal> {
    let device = device_called(name, cx)?;
    let node = device.node.and_then(|node| cx.network.node(node));
    let node = node.ok_or_else(|| Refusal::NotInNetwork(device.slug.to_string()))?;
    if node.security.is_for_doors() {
        return Err(Refusal::IsSecure(device.slug.to_string()));
    }
    let (id, class) = (node.id, node.security);
    let how = if class == SecurityClass::None { "in clear" } else { "below S2 Access Control" };
    cx.network.allow_insecure(id, cx.now);
    let generation = cx.state.next_generation();
    cx.state.audit(actor, Act::InsecureAllowed { device: device.id, class }, cx.now.wall);
    tracing::warn!(node = %id, device = %device.slug, how, "codes are sent to this lock from now on");
    let grants = cx.state.grants_on(device.id).map(|grant| grant.id).collect();
    Ok(Accepted { generation, grants, device: Some(device.id), ..Accepted::default() })
}

fn device_called(name: &str, cx: &Context) -> Result<Device, Refusal> {
    cx.state.device_named(name).cloned().ok_or_else(|| Refusal::UnknownDevice(name.to_owned()))
}

/// Takes off the broker what it keeps under names that no device has any more.
fn clear_topics<'a>(slugs: impl IntoIterator<Item = &'a Slug>, cx: &mut Context) {
    for slug in slugs {
        if !cx.state.devices().any(|device| device.slug == *slug) {
            cx.out.forget_name(FormerName { slug: slug.clone(), by_earlier_runs: true });
        }
    }
}

/// What a lock is called until somebody names it.
pub fn default_name(node: NodeId) -> String {
    format!("Lock {node}")
}
