//! What people and scripts are shown: the contract's JSON. Never a code.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::look::Look;
use super::membership;
use super::vitals::{LockVitals, Problem, Vitals};
use super::words::Settings;
use crate::domain::device::Device;
use crate::domain::grant::Grant;
use crate::domain::ids::{GrantId, PersonId};
use crate::domain::node::Node;
use crate::domain::person::Person;
use crate::domain::slot::Content;
use crate::domain::time::Timestamp;
use crate::network::{ControllerStatus, Interviewing, Reach};

/// Everybody, by name.
pub fn people(look: Look<'_>) -> Value {
    let mut people: Vec<&Person> = look.cx.state.people().collect();
    people.sort_by_key(|person| (person.last_name.to_lowercase(), person.first_name.to_lowercase(), person.id));
    list(people.into_iter().map(|person| person_json(look, person)).collect())
}

/// One person.
pub fn person(look: Look<'_>, id: PersonId) -> Option<Value> {
    look.cx.state.person(id).map(|person| person_json(look, person))
}

/// One grant.
pub fn grant(look: Look<'_>, id: GrantId) -> Option<Value> {
    look.cx.state.grant(id).map(|grant| grant_json(look, grant))
}

/// Every device, by slug.
pub fn devices(look: Look<'_>) -> Value {
    let mut devices: Vec<&Device> = look.cx.state.devices().collect();
    devices.sort_by_key(|device| &device.slug);
    list(devices.into_iter().map(|device| device_json(look, device)).collect())
}

/// One device, by slug or id.
pub fn device_named(look: Look<'_>, name: &str) -> Option<Value> {
    look.cx.state.device_named(name).map(|device| device_json(look, device))
}

/// How the daemon is: each problem with the next thing to do.
pub fn status(look: Look<'_>) -> Value {
    let vitals = Vitals::of(look);
    let zone = &look.cx.settings.zone;
    let stick = match &vitals.stick {
        ControllerStatus::Ready(info) => json!({ "state": "ready", "home_id": info.home.to_string(), "library": info.library }),
        ControllerStatus::Starting { step } => json!({ "state": "starting", "step": step }),
        ControllerStatus::Absent { why } => json!({ "state": "absent", "why": why }),
    };
    let broker = vitals.broker.as_ref().map(|broker| match broker {
        Ok(()) => json!({ "state": "connected" }),
        Err(why) => json!({ "state": "disconnected", "why": why }),
    });
    let (steps, step) = look.cx.clock.steps();
    let oldest = vitals.oldest_pending.and_then(|(id, _)| grant(look, id));
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "hub": look.cx.state.hub.to_string(),
        "generation": look.cx.state.generation,
        "stick": stick,
        "broker": broker,
        "outbox": { "waiting": vitals.outbox_waiting, "dropped": vitals.dropped.count },
        "store": { "state": "ready", "codes": look.cx.settings.seal },
        "clock": {
            "trusted": vitals.clock_trusted,
            "now": look.cx.now.wall.rfc3339(zone),
            "steps": steps,
            "last_step": stamp(step.map(|step| step.at), zone),
        },
        "radio": {
            "airtime_last_hour_ms": vitals.airtime_ms,
            "airtime_limit_ms": vitals.airtime_limit_ms,
            "duty_cycle_percent": duty_cycle(vitals.airtime_ms),
        },
        "grants": vitals.grants,
        "locks": vitals.locks.iter().map(|lock| lock_status(lock, zone)).collect::<Vec<_>>(),
        "oldest_pending": oldest,
        "problems": vitals.problems,
    })
}

/// Why nothing can be saved, and what that does.
#[derive(Clone, Copy, Debug)]
pub struct StoreTrouble<'a> {
    /// What the store said.
    pub why: &'a str,
    /// When it is tried again.
    pub next_try: Timestamp,
    /// Frames that wait in memory.
    pub held: usize,
    /// Frames that found no room there.
    pub lost: u64,
}

/// What can still be said for certain while the bridge waits to be built anew from a store that takes nothing.
pub fn status_without_store(trouble: &StoreTrouble<'_>, settings: &Settings) -> Value {
    let StoreTrouble { why, next_try, held, lost } = *trouble;
    let mut problems = vec![Problem::warning(
        format!("nothing can be saved: {why}"),
        "mend the disk; it is tried again by itself. Do not restart: what the locks tell meanwhile waits in memory",
    )];
    if lost > 0 {
        problems.push(Problem::warning(
            format!("{lost} reports of locks were dropped: so many can't wait in memory"),
            "mend the disk; then look at the locks themselves for what is missing",
        ));
    }
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "store": {
            "state": "unavailable",
            "why": why,
            "next_try": next_try.rfc3339(&settings.zone),
            "held_frames": held,
            "lost_frames": lost,
            "codes": settings.seal,
        },
        "locks": [],
        "problems": problems,
    })
}

fn lock_status(lock: &LockVitals, zone: &TimeZone) -> Value {
    json!({
        "slug": lock.slug,
        "reach": lock.reach.map(reach_word),
        "last_seen": stamp(lock.last_contact, zone),
        "pending": lock.pending,
        "failed": lock.failed,
        "queued": lock.queued,
        "radio": { "frames": lock.radio.frames, "wakeups": lock.radio.wakeups, "airtime_ms": lock.radio.airtime_ms },
    })
}

/// Percent of the last hour, to the hundredth.
fn duty_cycle(airtime_ms: u64) -> f64 {
    let hundredths = u32::try_from(airtime_ms * 10_000 / 3_600_000).unwrap_or(u32::MAX);
    f64::from(hundredths) / 100.0
}

/// The controller and its nodes.
pub fn network(look: Look<'_>) -> Value {
    let controller = match look.cx.network.controller() {
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
    let nodes = look.cx.network.nodes().map(|node| {
        let radio = look.cx.network.radio(node.id);
        json!({
            "node": node.id,
            "device": look.cx.state.device_of(node.id).map(|device| device.slug.clone()),
            "interview": node.stage,
            "joining": node.joining,
            "security": node.security,
            "class_settled": node.is_class_certain(),
            "interviewing": look.cx.network.interviewing(node.id) == Interviewing::UnderWay,
            "trouble": look.cx.network.interview_trouble(node.id).map(|trouble| trouble.to_string()),
            "model": model(node),
            "reach": reach_word(look.cx.network.reach(node.id)),
            "radio": { "frames": radio.frames, "wakeups": radio.wakeups, "airtime_ms": radio.airtime_ms },
        })
    });
    let change = membership::view::change(look.membership, look.cx);
    json!({ "controller": controller, "nodes": nodes.collect::<Vec<_>>(), "change": change.get("change") })
}

fn list(items: Vec<Value>) -> Value {
    json!({ "items": items, "next": null })
}

fn person_json(look: Look<'_>, person: &Person) -> Value {
    let mut grants: Vec<&Grant> = look.cx.state.grants_of(person.id).collect();
    grants.sort_by_key(|grant| look.cx.state.device(grant.device).map(|device| &device.slug));
    let grants: Vec<Value> = grants.into_iter().map(|grant| grant_json(look, grant)).collect();
    json!({
        "id": person.id,
        "external_id": person.external_id,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "enabled": person.enabled,
        "removing": person.removed_at.is_some(),
        "has_code": look.cx.state.credentials_of(person.id).next().is_some(),
        "contacts": person.contacts,
        "grants": grants,
    })
}

fn grant_json(look: Look<'_>, grant: &Grant) -> Value {
    let zone = &look.cx.settings.zone;
    let standing = look.cx.sync.standing(grant, &look.cx.state, &look.cx.network);
    json!({
        "id": grant.id,
        "person": grant.person,
        "device": look.cx.state.device(grant.device).map(|device| device.slug.clone()),
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

fn device_json(look: Look<'_>, device: &Device) -> Value {
    let node = device.node.and_then(|node| look.cx.network.node(node));
    let total = node.and_then(|node| node.user_code.as_ref()).map_or(0, |support| support.users);
    let slots = look.cx.state.slots(device.id).values();
    let (mut managed, mut foreign, mut free) = (0, 0, 0);
    for slot in slots {
        match (slot.owner, &slot.content) {
            (Some(_), _) => managed += 1,
            (None, Content::Known(_) | Content::Unreadable) => foreign += 1,
            (None, Content::Empty) => free += 1,
            (None, Content::Unknown) => {}
        }
    }
    let counts = look.cx.state.grant_counts(device.id);
    let radio = device.node.map(|node| look.cx.network.radio(node)).unwrap_or_default();
    json!({
        "id": device.id,
        "slug": device.slug,
        "name": device.name,
        "kind": device.kind,
        "node": device.node,
        "security": node.map(|node| node.security),
        "insecure": node.is_some_and(|node| node.insecure_allowed),
        "weakness": node.and_then(membership::view::weakness),
        "gets_codes": node.is_some_and(|node| node.may_have_codes()),
        "model": node.and_then(model),
        "battery": device.battery,
        "lock_state": device.lock_state,
        "door_open": device.door_open,
        "reach": device.node.map(|node| reach_word(look.cx.network.reach(node))),
        "last_seen": stamp(device.last_seen, &look.cx.settings.zone),
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
