//! Taking over the network that another controller looked after: all of it in one commit, or nothing. And the way back:
//! its keys, for another controller.

use std::collections::BTreeMap;

use super::context::Context;
use super::intents;
use super::membership::devices::{NodeNames, default_name, register_lock};
use super::words::GivenKeys;
use crate::domain::actor::Actor;
use crate::domain::audit::Act;
use crate::domain::device::{Device, Inventory};
use crate::domain::ids::{DeviceId, HomeId, NodeId, Slug};
use crate::domain::intent::{Accepted, Refusal};
use crate::domain::node::SecurityClass;
use crate::domain::slot::{Content, Progress, Slot, SlotKey};
use crate::domain::takeover::{LockTakeover, TakenOver, Takeover, TakeoverRefusal};
use crate::network::{Adopted, ControllerStatus};
use crate::security::keys::{KeyId, NetworkKeys};

/// Takes a network over. From the next frame on its keys hold; what the locks hold is theirs until it was looked at.
pub fn take_over(actor: &Actor, takeover: Takeover, names: &mut NodeNames, cx: &mut Context) -> Result<Accepted, Refusal> {
    if cx.network.is_changing() {
        return Err(TakeoverRefusal::ChangeUnderWay.into());
    }
    let keys = takeover.keys.or(cx.network.keys());
    check_home(takeover.home, cx)?;
    check_keys(&takeover, &keys, cx)?;
    let Takeover { home, keys: brought, locks, others } = takeover;
    let mut taken = TakenOver { keys: brought.ids().collect(), others: others.len(), ..TakenOver::default() };

    if *cx.network.keys() != keys {
        cx.state.put_network_keys(keys.clone());
        taken.changed = true;
    }
    if cx.state.home() != Some(home) {
        move_to(home, cx);
        taken.changed = true;
    }
    let before: BTreeMap<NodeId, SecurityClass> = cx.network.nodes().map(|node| (node.id, node.security)).collect();
    let nodes = locks.iter().map(|lock| &lock.node).chain(&others).cloned().collect();
    let Adopted { removed, changed } = cx.network.adopt(home, keys, nodes, cx.now);
    taken.changed |= !changed.is_empty();
    removed.into_iter().for_each(|id| cx.state.delete_node(id));
    changed.iter().filter_map(|id| cx.network.node(*id).cloned()).for_each(|node| cx.state.put_node(node));

    for node in others.iter().filter(|node| cx.network.node(node.id).is_none()) {
        taken.absent.push(node.id);
        taken.others -= 1;
    }
    for LockTakeover { node: brought, name, taken: slots } in locks {
        let Some(node) = cx.network.node(brought.id).cloned() else {
            taken.absent.push(brought.id);
            continue;
        };
        let is_new = cx.state.device_of(node.id).is_none();
        register_lock(node.id, name.as_deref(), names, cx);
        let Some(device) = cx.state.device_of(node.id).cloned() else { continue };
        if !is_new && before.get(&node.id).is_some_and(|before| *before < node.security) {
            look_again(&device, cx);
        }
        taken.changed |= call_as_before(actor, &device, name.as_deref(), cx);
        taken.occupied_slots += slots.len();
        taken.changed |= leave_alone(device.id, slots, cx);
        cx.sync.replan(device.id, &mut cx.network);
        cx.touch(device.id);
        taken.locks.extend(cx.state.device(device.id).map(|device| device.slug.clone()));
    }
    let mut accepted = Accepted { generation: cx.state.generation, ..Accepted::default() };
    if taken.changed {
        accepted.generation = cx.state.next_generation();
        let what = format!(
            "imported the network of Z-Wave JS: {} keys, {} locks, {} other nodes, {} occupied slots",
            taken.keys.len(),
            taken.locks.len(),
            taken.others,
            taken.occupied_slots
        );
        tracing::info!(%home, what, "a network was taken over");
        let (keys, locks) = (taken.keys.len(), taken.locks.len());
        let (others, occupied_slots) = (taken.others, taken.occupied_slots);
        cx.state.audit(actor, Act::NetworkImported { keys, locks, others, occupied_slots }, cx.now.wall);
    }
    accepted.taken_over = Some(taken);
    Ok(accepted)
}

/// The network keys, for somebody who may have them: with these every lock can be opened, so that it is on record.
pub fn export_keys(actor: &Actor, cx: &mut Context) -> NetworkKeys {
    tracing::warn!(%actor, "the network keys were exported");
    cx.state.audit(actor, Act::NetworkKeysExported, cx.now.wall);
    cx.network.keys().clone()
}

/// The node ids of another network are other doors.
pub fn move_to(home: HomeId, cx: &mut Context) {
    for device in cx.state.devices().filter(|device| device.node.is_some()).cloned().collect::<Vec<_>>() {
        cx.state.put_device(Device { node: None, ..device });
    }
    cx.state.put_home(home);
}

fn check_home(files: HomeId, cx: &Context) -> Result<(), TakeoverRefusal> {
    let plugged = match cx.network.controller() {
        ControllerStatus::Ready(info) => Some(info.home),
        ControllerStatus::Absent { .. } | ControllerStatus::Starting { .. } => cx.network.stranger(),
    };
    match (plugged, cx.state.home()) {
        (Some(stick), _) if stick != files => Err(TakeoverRefusal::OtherStick { stick, files }),
        (None, Some(known)) if known != files => Err(TakeoverRefusal::OtherLocks { known, files }),
        _ => Ok(()),
    }
}

fn check_keys(takeover: &Takeover, keys: &NetworkKeys, cx: &Context) -> Result<(), TakeoverRefusal> {
    let held = cx.network.keys();
    let changes = |key: KeyId| held.network_key(key) != keys.network_key(key);
    let given = |key: KeyId| cx.settings.given_keys.as_ref().filter(|given| given.keys.contains(&key));
    if let Some((key, GivenKeys { setting, .. })) =
        takeover.keys.ids().filter(|key| changes(*key)).find_map(|key| Some((key, given(key)?)))
    {
        return Err(TakeoverRefusal::KeyGiven { setting, key });
    }
    for lock in &takeover.locks {
        let node = lock.node.id;
        let Some(key) = KeyId::of(lock.node.security, node) else { continue };
        // Proven where the lock was heard under it.
        let works = cx.network.node(node).is_some_and(|ours| ours.security_known && ours.security >= lock.node.security);
        if takeover.keys.get(key).is_none() && given(key).is_none() && !works {
            return Err(TakeoverRefusal::KeyMissing { node, key });
        }
    }
    let moves = cx.state.home().is_some_and(|known| known != takeover.home);
    let cut_off = cx.state.devices().filter(|device| {
        let node = device.node.and_then(|id| cx.network.node(id));
        let key = node.and_then(|node| KeyId::of(node.security, node.id));
        let is_cut = key.is_some_and(changes) || moves && device.node.is_some();
        is_cut && cx.state.grants_on(device.id).next().is_some()
    });
    let locks: Vec<Slug> = cut_off.map(|device| device.slug.clone()).collect();
    if locks.is_empty() { Ok(()) } else { Err(TakeoverRefusal::CutsOff { locks }) }
}

/// Whatever a lock showed under a lower class than it has, anybody could have shown.
fn look_again(device: &Device, cx: &mut Context) {
    let inventory = Inventory { next: 0, done: false, began: cx.now.wall };
    cx.state.put_device(Device { inventory, ..device.clone() });
    for slot in cx.state.slots(device.id).values().filter(|slot| slot.owner.is_none()).cloned().collect::<Vec<_>>() {
        cx.state.put_slot(Slot { content: Content::Unknown, seen_at: None, ..slot }, cx.now.wall);
    }
    cx.sync.doubt(device.id, &mut cx.state, cx.now);
}

/// Gives a lock that nobody named here the name it had. `true`: that is new.
fn call_as_before(actor: &Actor, device: &Device, name: Option<&str>, cx: &mut Context) -> bool {
    let unnamed = device.node.is_some_and(|node| device.name == default_name(node));
    let Some(name) = name.filter(|_| unnamed) else { return false };
    // As many as there are devices that could have the short name already.
    let tries = cx.state.devices().count() + 1;
    (1..=tries).any(|n| {
        let slug = (n > 1).then(|| Slug::from_name(&format!("{name} {n}")).to_string());
        intents::rename(actor, &device.id.to_string(), name, slug.as_deref(), cx).is_ok()
    })
}

/// Notes which slots hold somebody's code. What we saw in the lock ourselves is newer. `true`: one is new.
fn leave_alone(device: DeviceId, taken: BTreeMap<u16, Content>, cx: &mut Context) -> bool {
    let node = cx.state.device(device).and_then(|device| cx.network.node(device.node?));
    let users = node.and_then(|node| node.user_code.as_ref()).map_or(0, |support| support.users);
    let mut changed = false;
    for (index, content) in taken.into_iter().filter(|(index, _)| users == 0 || *index <= users) {
        let slot = cx.state.slots(device).get(&index).cloned();
        let slot = slot.unwrap_or_else(|| Slot::unseen(SlotKey::user_code(device, index)));
        if slot.owner.is_none() && slot.content == Content::Unknown && slot.progress == Progress::Idle {
            // Not seen by us: the inventory looks at it like at any other.
            cx.state.put_slot(Slot { content, ..slot }, cx.now.wall);
            changed = true;
        }
    }
    changed
}
