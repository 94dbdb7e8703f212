//! What a store holds, row by row, in words of this file: it does not change when a type in `src` gets another name.

use latchkey::domain::batch::Snapshot;
use latchkey::domain::device::Device;
use latchkey::domain::event::Event;
use latchkey::domain::grant::Grant;
use latchkey::domain::node::Node;
use latchkey::domain::person::{Credential, Person};
use latchkey::domain::provisioning::Provisioned;
use latchkey::domain::slot::{Content, Slot};
use latchkey::store::{AuditQuery, EventQuery, Order, Reader};
use serde_json::{Value, json};

/// Everything in a store that was just opened. Codes are in clear: those in kept stores open no real door.
pub fn listing(snapshot: &Snapshot, reader: &Reader) -> Value {
    json!({
        "hub": snapshot.hub,
        "generation": snapshot.generation,
        "home": snapshot.home,
        "high_water": snapshot.high_water,
        "people": list(&snapshot.people, person),
        "credentials": list(&snapshot.credentials, credential),
        "devices": list(&snapshot.devices, device),
        "grants": list(&snapshot.grants, grant),
        "slots": list(&snapshot.slots, |it| slot(it, reader)),
        "nodes": list(&snapshot.nodes, node),
        "expected": list(&snapshot.provisioning, expected),
        "events": list(&journal(reader), event),
        "undelivered": list(&snapshot.outbox, event),
        "audit": audit(reader),
    })
}

fn list<T>(rows: &[T], row: impl Fn(&T) -> Value) -> Value {
    rows.iter().map(row).collect()
}

fn person(person: &Person) -> Value {
    json!({
        "id": person.id,
        "external_id": person.external_id,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "enabled": person.enabled,
        "email": person.contacts.email,
        "mobile": person.contacts.mobile,
        "added_at": person.added_at,
        "removed_at": person.removed_at,
    })
}

fn credential(credential: &Credential) -> Value {
    json!({
        "id": credential.id,
        "person": credential.person,
        "kind": credential.kind,
        "code": credential.pin.reveal(),
        "generation": credential.generation,
    })
}

fn device(device: &Device) -> Value {
    json!({
        "id": device.id,
        "slug": device.slug,
        "former_slugs": device.former_slugs,
        "name": device.name,
        "kind": device.kind,
        "node": device.node,
        "battery": device.battery,
        "battery_low": device.battery_low,
        "lock_state": device.lock_state,
        "door_open": device.door_open,
        "takes_codes": device.takes_codes,
        "inventory": [json!(device.inventory.next), json!(device.inventory.done), json!(device.inventory.began)],
        "last_seen": device.last_seen,
    })
}

fn grant(grant: &Grant) -> Value {
    json!({
        "id": grant.id,
        "person": grant.person,
        "credential": grant.credential,
        "device": grant.device,
        "schedule": grant.schedule,
        "wanted": grant.wanted,
        "generation": grant.generation,
        "status": grant.status,
        "reason": grant.reason,
        "since": grant.since,
        "next_try": grant.next_try,
        "attempts": grant.attempts,
        "confirmed_by": grant.confirmed.map(|confirmed| confirmed.by),
        "confirmed_at": grant.confirmed.map(|confirmed| confirmed.at),
    })
}

fn slot(slot: &Slot, reader: &Reader) -> Value {
    let (content, code) = match &slot.content {
        Content::Unknown => ("unknown", None),
        Content::Empty => ("empty", None),
        Content::Unreadable => ("unreadable", None),
        Content::Known(code) => ("known", Some(String::from_utf8_lossy(code.reveal()).into_owned())),
    };
    let confirmed = slot.confirmed.as_ref();
    let fingerprint = confirmed.and_then(|confirmed| confirmed.code).map(|code| hex(&code.0));
    let far = latchkey::domain::time::Timestamp::from_millis(i64::MAX);
    let told = reader.slot_owner_at(slot.key, far).expect("a history");
    json!({
        "device": slot.key.device,
        "dialect": slot.key.dialect,
        "user": slot.key.user,
        "kind": slot.key.kind,
        "number": slot.key.index,
        "owner": slot.owner,
        "owner_in_history": told.map(|owner| (owner.grant, owner.person)),
        "content": content,
        "code": code,
        "seen_at": slot.seen_at,
        "confirmed_code": fingerprint,
        "confirmed_generation": confirmed.map(|confirmed| confirmed.generation),
        "confirmed_by": confirmed.map(|confirmed| confirmed.by),
        "confirmed_at": confirmed.map(|confirmed| confirmed.at),
        "progress": slot.progress,
    })
}

fn node(node: &Node) -> Value {
    let classes = node.classes.iter().map(|(class, support)| (class.0, support.version, support.secure));
    let protocol = node.protocol.map(|it| json!([it.listening, it.beam, it.basic, it.generic, it.specific]));
    let codes = node
        .user_code
        .as_ref()
        .map(|it| json!([it.users, it.multi_set, it.multi_report, it.checksum, it.admin_code, it.statuses]));
    json!({
        "id": node.id,
        "stage": node.stage,
        "protocol": protocol,
        "security": node.security,
        "security_known": node.security_known,
        "joining": node.joining,
        "insecure_allowed": node.insecure_allowed,
        "classes": classes.collect::<Vec<_>>(),
        "product": node.product.map(|it| (it.manufacturer, it.product_type, it.product)),
        "firmware": node.firmware,
        "user_code": codes,
        "door_lock": node.door_lock.map(|it| (it.door, it.bolt, it.latch)),
        "supervision_refused": node.supervision_refused,
    })
}

fn expected(expected: &Provisioned) -> Value {
    let product = expected.label.product;
    json!({
        "id": expected.id,
        "dsk": expected.label.dsk.text(),
        "keys": expected.label.keys.0,
        "long_range": expected.label.long_range,
        "product": [
            json!(product.generic), json!(product.specific), json!(product.manufacturer), json!(product.product_type),
            json!(product.product),
        ],
        "name": expected.name,
        "added_at": expected.added_at,
        "state": expected.state,
    })
}

fn event(event: &Event) -> Value {
    json!({
        "id": event.id,
        "kind": event.kind,
        "device": event.device,
        "person": event.person.as_ref().map(|person| (person.id, &person.name)),
        "action": event.action,
        "method": event.method,
        "slot": event.slot,
        "allowed": event.allowed,
        "reason": event.reason,
        "at": event.at,
        "actor": event.actor,
    })
}

/// Every event, oldest first.
fn journal(reader: &Reader) -> Vec<Event> {
    let (mut events, mut after) = (Vec::new(), None);
    loop {
        let query = EventQuery { after, order: Order::OldestFirst, ..EventQuery::default() };
        let page = reader.events(&query).expect("a journal");
        events.extend(page.items);
        after = page.next;
        if after.is_none() {
            return events;
        }
    }
}

/// Every row of the audit, newest first. Before version 3 of the schema a row was an actor and a text.
fn audit(reader: &Reader) -> Value {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = reader.audit(&AuditQuery { after, ..AuditQuery::default() }).expect("an audit");
        rows.extend(page.items.into_iter().map(|row| {
            json!({
                "seq": row.seq,
                "at": row.at,
                "actor": row.actor.name,
                "actor_kind": row.actor.kind,
                "actor_id": row.actor.id,
                "act": row.act,
                "person": row.person,
                "device": row.device,
                "grant": row.grant,
                "what": row.detail,
            })
        }));
        after = page.next;
        if after.is_none() {
            return rows.into();
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
