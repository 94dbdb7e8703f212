//! Devices.

use std::collections::BTreeMap;

use super::parts::{model, radio, reach};
use crate::bridge::look::Look;
use crate::bridge::membership::problems::weakness;
use crate::domain::device::Device;
use crate::domain::ids::{DeviceId, Slug};
use crate::domain::slot::Content;
use crate::view::{DeviceView, InventoryView, Page, SlotsView, SyncView};

/// Every device, by slug.
pub fn devices(look: &Look<'_>) -> Page<DeviceView> {
    let mut devices: Vec<&Device> = look.state.devices().collect();
    devices.sort_by_key(|device| &device.slug);
    Page::whole(devices.into_iter().map(|device| of_device(look, device)).collect())
}

/// One device, by slug or id.
pub fn device_named(look: &Look<'_>, name: &str) -> Option<DeviceView> {
    look.state.device_named(name).map(|device| of_device(look, device))
}

/// What devices are called now.
pub fn device_names(look: &Look<'_>) -> BTreeMap<DeviceId, Slug> {
    look.state.devices().map(|device| (device.id, device.slug.clone())).collect()
}

fn of_device(look: &Look<'_>, device: &Device) -> DeviceView {
    let node = device.node.and_then(|node| look.network.node(node));
    let counts = look.state.grant_counts(device.id);
    DeviceView {
        id: device.id,
        slug: device.slug.clone(),
        name: device.name.clone(),
        kind: device.kind.into(),
        node: device.node,
        security: node.map(|node| node.security.into()),
        insecure: node.is_some_and(|node| node.insecure_allowed),
        weakness: node.and_then(weakness),
        gets_codes: node.is_some_and(|node| node.may_have_codes()),
        model: node.and_then(model),
        battery: device.battery,
        lock_state: device.lock_state.into(),
        door_open: device.door_open,
        reach: device.node.map(|node| reach(look.network.reach(node)).into()),
        last_seen: device.last_seen.map(|at| look.stamp(at)),
        slots: slots(look, device),
        inventory: InventoryView { done: device.inventory.done, next: device.inventory.next },
        sync: SyncView { pending: counts.pending, failed: counts.failed },
        radio: radio(device.node.map(|node| look.network.radio(node)).unwrap_or_default()),
    }
}

fn slots(look: &Look<'_>, device: &Device) -> SlotsView {
    let node = device.node.and_then(|node| look.network.node(node));
    let total = node.and_then(|node| node.user_code.as_ref()).map_or(0, |support| support.users);
    let mut slots = SlotsView { total, managed: 0, foreign: 0, free: 0 };
    for slot in look.state.slots(device.id).values() {
        match (slot.owner, &slot.content) {
            (Some(_), _) => slots.managed += 1,
            (None, Content::Known(_) | Content::Unreadable) => slots.foreign += 1,
            (None, Content::Empty) => slots.free += 1,
            (None, Content::Unknown) => {}
        }
    }
    slots
}
