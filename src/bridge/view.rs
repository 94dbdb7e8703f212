//! What people and scripts are shown: the contract's JSON. Never a code.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::turn::Bridge;
use crate::domain::device::Device;
use crate::domain::grant::Grant;
use crate::domain::ids::{GrantId, PersonId};
use crate::domain::node::Node;
use crate::domain::person::Person;
use crate::domain::time::{Now, Timestamp};
use crate::network::{ControllerStatus, Reach};

/// Everybody, by name.
pub fn people(bridge: &Bridge) -> Value {
    let mut people: Vec<&Person> = bridge.state.people().collect();
    people.sort_by_key(|person| (person.last_name.to_lowercase(), person.first_name.to_lowercase(), person.id));
    list(people.into_iter().map(|person| person_json(bridge, person)).collect())
}

/// One person.
pub fn person(bridge: &Bridge, id: PersonId) -> Option<Value> {
    bridge.state.person(id).map(|person| person_json(bridge, person))
}

/// One grant.
pub fn grant(bridge: &Bridge, id: GrantId) -> Option<Value> {
    bridge.state.grant(id).map(|grant| grant_json(bridge, grant))
}

/// Every device, by slug.
pub fn devices(bridge: &Bridge) -> Value {
    let mut devices: Vec<&Device> = bridge.state.devices().collect();
    devices.sort_by_key(|device| &device.slug);
    list(devices.into_iter().map(|device| device_json(bridge, device)).collect())
}

/// One device, by slug or id.
pub fn device_named(bridge: &Bridge, name: &str) -> Option<Value> {
    bridge.state.device_named(name).map(|device| device_json(bridge, device))
}

/// How the daemon is: each problem with the next thing to do.
pub fn status(bridge: &Bridge, now: Now) -> Value {
    let mut problems = Vec::new();
    let mut problem = |what: String, fix: &str| problems.push(json!({ "what": what, "do": fix }));
    let stick = match bridge.network.controller() {
        ControllerStatus::Ready(info) => json!({ "state": "ready", "home_id": info.home.to_string(), "library": info.library }),
        ControllerStatus::Starting { step } => json!({ "state": "starting", "step": step }),
        ControllerStatus::Absent { why } => {
            problem(format!("no Z-Wave stick: {why}"), "plug the stick in, or set serial.port");
            json!({ "state": "absent", "why": why })
        }
    };
    let (waiting, dropped) = (bridge.announcer.waiting(), bridge.state.dropped().count);
    let broker = bridge.settings.mqtt.as_ref().map(|_| match bridge.announcer.trouble() {
        None => json!({ "state": "connected" }),
        Some(why) => {
            problem(format!("no MQTT broker: {why}"), "start the broker, or check mqtt.url; events are kept meanwhile");
            json!({ "state": "disconnected", "why": why })
        }
    });
    if dropped > 0 {
        problem(format!("{dropped} events were dropped"), "bring the broker back; `latchkey events` still has them");
    }
    if !now.trusted {
        problem("the clock is not synchronised".into(), "enable time synchronisation (timedatectl set-ntp true)");
    }
    let locks: Vec<Value> = bridge.state.devices().map(|device| lock_status(bridge, device, &mut problem)).collect();
    let waits = |grant: &&Grant| !grant.status.is_settled();
    let oldest = bridge.state.grants().filter(waits).min_by_key(|grant| grant.since);
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "hub": bridge.state.hub.to_string(),
        "generation": bridge.state.generation,
        "stick": stick,
        "broker": broker,
        "outbox": { "waiting": waiting, "dropped": dropped },
        "store": { "codes": bridge.settings.seal },
        "clock": { "trusted": now.trusted, "now": now.wall.rfc3339(&bridge.settings.zone) },
        "locks": locks,
        "oldest_pending": oldest.map(|grant| grant_json(bridge, grant)),
        "problems": problems,
    })
}

fn lock_status(bridge: &Bridge, device: &Device, problem: &mut impl FnMut(String, &str)) -> Value {
    let counts = bridge.grant_counts(device.id);
    let reach = device.node.filter(|node| bridge.network.node(*node).is_some()).map(|node| bridge.network.reach(node));
    match reach {
        None => problem(format!("{} left the network", device.slug), "include it again, or remove its grants"),
        Some(Reach::Dead) => problem(format!("{} does not answer", device.slug), "check its battery and its distance"),
        Some(Reach::Unknown | Reach::Alive | Reach::Asleep) => {}
    }
    if counts.failed > 0 {
        problem(format!("{} has {} grants that need you", device.slug, counts.failed), "see `latchkey people list`");
    }
    json!({
        "slug": device.slug,
        "reach": reach.map(reach_word),
        "last_seen": stamp(device.last_seen, &bridge.settings.zone),
        "pending": counts.pending,
        "failed": counts.failed,
    })
}

/// The controller and its nodes.
pub fn network(bridge: &Bridge) -> Value {
    let controller = match bridge.network.controller() {
        ControllerStatus::Ready(info) => json!({
            "state": "ready",
            "home_id": info.home.to_string(),
            "node": info.own,
            "library": info.library,
            "firmware": format!("{}.{}", info.firmware.0, info.firmware.1),
            "manufacturer": info.manufacturer,
            "product_type": info.product_type,
            "product": info.product,
            "region": info.region,
        }),
        ControllerStatus::Starting { step } => json!({ "state": "starting", "step": step }),
        ControllerStatus::Absent { why } => json!({ "state": "absent", "why": why }),
    };
    let nodes = bridge.network.nodes().map(|node| {
        let radio = bridge.network.radio(node.id);
        json!({
            "node": node.id,
            "device": bridge.state.device_of(node.id).map(|device| device.slug.clone()),
            "interview": node.stage,
            "security": node.security,
            "model": model(node),
            "reach": reach_word(bridge.network.reach(node.id)),
            "radio": { "frames": radio.frames, "wakeups": radio.wakeups, "airtime_ms": radio.airtime_ms },
        })
    });
    json!({ "controller": controller, "nodes": nodes.collect::<Vec<_>>() })
}

fn list(items: Vec<Value>) -> Value {
    json!({ "items": items, "next": null })
}

fn person_json(bridge: &Bridge, person: &Person) -> Value {
    let mut grants: Vec<&Grant> = bridge.state.grants_of(person.id).collect();
    grants.sort_by_key(|grant| bridge.state.device(grant.device).map(|device| &device.slug));
    let grants: Vec<Value> = grants.into_iter().map(|grant| grant_json(bridge, grant)).collect();
    json!({
        "id": person.id,
        "external_id": person.external_id,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "enabled": person.enabled,
        "removing": person.removed_at.is_some(),
        "has_code": bridge.state.credentials_of(person.id).next().is_some(),
        "contacts": person.contacts,
        "grants": grants,
    })
}

fn grant_json(bridge: &Bridge, grant: &Grant) -> Value {
    let zone = &bridge.settings.zone;
    let standing = bridge.sync.standing(grant, &bridge.state, &bridge.network);
    json!({
        "id": grant.id,
        "person": grant.person,
        "device": bridge.state.device(grant.device).map(|device| device.slug.clone()),
        "device_id": grant.device,
        "status": grant.status,
        "settled": grant.status.is_settled(),
        "reason": grant.reason,
        "since": grant.since.rfc3339(zone),
        "next_try": stamp(grant.next_try, zone),
        "attempts": grant.attempts,
        "generation": grant.generation,
        "confirmed_by": grant.confirmed.map(|confirmed| confirmed.by),
        "confirmed_at": stamp(grant.confirmed.map(|confirmed| confirmed.at), zone),
        "opens_now": standing.opens_now,
        "code_in_lock": standing.code_in_lock,
        "schedule": grant.schedule,
    })
}

fn device_json(bridge: &Bridge, device: &Device) -> Value {
    let node = device.node.and_then(|node| bridge.network.node(node));
    let total = node.and_then(|node| node.user_code.as_ref()).map_or(0, |support| support.users);
    let slots = bridge.state.slots(device.id).values();
    let (mut managed, mut foreign, mut free) = (0, 0, 0);
    for slot in slots {
        match (slot.owner, slot.content.is_occupied()) {
            (Some(_), _) => managed += 1,
            (None, true) => foreign += 1,
            (None, false) if slot.seen_at.is_some() => free += 1,
            (None, false) => {}
        }
    }
    let counts = bridge.grant_counts(device.id);
    let radio = device.node.map(|node| bridge.network.radio(node)).unwrap_or_default();
    json!({
        "id": device.id,
        "slug": device.slug,
        "name": device.name,
        "kind": device.kind,
        "node": device.node,
        "security": node.map(|node| node.security),
        "model": node.and_then(model),
        "battery": device.battery,
        "lock_state": device.lock_state,
        "door_open": device.door_open,
        "reach": device.node.map(|node| reach_word(bridge.network.reach(node))),
        "last_seen": stamp(device.last_seen, &bridge.settings.zone),
        "slots": { "total": total, "managed": managed, "foreign": foreign, "free": free },
        "inventory": { "done": device.inventory.done, "next": device.inventory.next },
        "sync": { "pending": counts.pending, "failed": counts.failed },
        "radio": { "frames": radio.frames, "wakeups": radio.wakeups, "airtime_ms": radio.airtime_ms },
    })
}

/// The product's numbers, as device databases write them.
fn model(node: &Node) -> Option<String> {
    let ids = node.product?;
    Some(format!("{:04x}:{:04x}:{:04x}", ids.manufacturer, ids.product_type, ids.product))
}

fn reach_word(reach: Reach) -> &'static str {
    match reach {
        Reach::Unknown => "unknown",
        Reach::Alive => "alive",
        Reach::Asleep => "asleep",
        Reach::Dead => "dead",
    }
}

fn stamp(at: Option<Timestamp>, zone: &TimeZone) -> Option<String> {
    at.map(|at| at.rfc3339(zone))
}
