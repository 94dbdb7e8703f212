//! One row of a batch, written down.

use rusqlite::{Transaction, named_params, params};

use crate::domain::batch::{SlotOwner, Write};
use crate::domain::event::Event;
use crate::domain::grant::Grant;
use crate::domain::person::{Credential, Person};
use crate::domain::provisioning::Provisioned;
use crate::domain::slot::{Content, Slot, SlotKey};
use crate::domain::time::Timestamp;
use crate::security::key_file::KeyFile;
use crate::security::keys::NetworkKeys;

use super::seal::{Cell, Sealer};
use super::{meta, slot_row};

/// Writes one row. Secrets are sealed before SQLite sees them.
pub(super) fn write(transaction: &Transaction<'_>, sealer: &mut Sealer, write: &Write) -> rusqlite::Result<()> {
    let run = |sql: &str, params: &[&dyn rusqlite::ToSql]| transaction.prepare_cached(sql)?.execute(params).map(|_| ());
    match write {
        Write::PutPerson(person) => put_person(transaction, person),
        Write::DeletePerson(id) => run("DELETE FROM people WHERE id = ?", params![id]),
        Write::PutCredential(credential) => put_credential(transaction, sealer, credential),
        Write::DeleteCredential(id) => run("DELETE FROM credentials WHERE id = ?", params![id]),
        Write::PutDevice(device) => run("REPLACE INTO devices (id, device) VALUES (?, ?)", params![device.id, device]),
        Write::DeleteDevice(id) => run("DELETE FROM devices WHERE id = ?", params![id]),
        Write::PutGrant(grant) => put_grant(transaction, grant),
        Write::DeleteGrant(id) => run("DELETE FROM grants WHERE id = ?", params![id]),
        Write::PutSlot(slot) => put_slot(transaction, sealer, slot),
        Write::DeleteSlot(SlotKey { device, dialect, user, kind, index }) => run(
            "DELETE FROM slots WHERE device = ? AND dialect = ? AND user = ? AND kind = ? AND number = ?",
            params![device, dialect, user, kind, index],
        ),
        Write::SlotOwner { slot, owner, from } => add_slot_owner(transaction, slot, owner.as_ref(), *from),
        Write::PutNode(node) => run("REPLACE INTO nodes (id, node) VALUES (?, ?)", params![node.id, node]),
        Write::DeleteNode(id) => run("DELETE FROM nodes WHERE id = ?", params![id]),
        Write::PutProvisioned(expected) => put_provisioned(transaction, sealer, expected),
        Write::DeleteProvisioned(id) => run("DELETE FROM provisioning WHERE id = ?", params![id]),
        Write::Event(event) => add_event(transaction, event),
        Write::Outbox(event) => run("INSERT INTO outbox (event) VALUES (?) ON CONFLICT DO NOTHING", params![event]),
        Write::OutboxDone(event) => run("DELETE FROM outbox WHERE event = ?", params![event]),
        Write::Generation(generation) => meta::put(transaction, meta::GENERATION, generation),
        Write::Home(home) => meta::put(transaction, meta::HOME, home),
        Write::NetworkKeys(keys) => put_network_keys(transaction, sealer, keys),
        Write::HighWater(at) => meta::put(transaction, meta::HIGH_WATER, at),
        Write::Boot(boot) => meta::put(transaction, meta::BOOT, &boot.0),
        Write::Dropped(dropped) => {
            meta::put(transaction, meta::DROPPED, &i64::try_from(dropped.count).unwrap_or(i64::MAX))?;
            meta::put(transaction, meta::DROPPED_AT, &dropped.at)
        }
        Write::OlderCopyFound(at) => meta::put(transaction, meta::OLDER_COPY_FOUND, at),
        Write::Audit { actor, what, at } => run("INSERT INTO audit (at, actor, what) VALUES (?, ?, ?)", params![at, actor, what]),
    }
}

fn put_network_keys(transaction: &Transaction<'_>, sealer: &mut Sealer, keys: &NetworkKeys) -> rusqlite::Result<()> {
    let cell = Cell { table: "meta", row: meta::NETWORK_KEYS, column: "value" };
    let sealed = sealer.seal(cell, KeyFile::write(keys).as_bytes())?;
    meta::put(transaction, meta::NETWORK_KEYS, &sealed)
}

fn put_person(transaction: &Transaction<'_>, person: &Person) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "REPLACE INTO people (id, external_id, first_name, last_name, enabled, contacts, added_at, removed_at)
             VALUES (:id, :external_id, :first_name, :last_name, :enabled, :contacts, :added_at, :removed_at)",
        )?
        .execute(named_params! {
            ":id": person.id,
            ":external_id": person.external_id,
            ":first_name": person.first_name,
            ":last_name": person.last_name,
            ":enabled": person.enabled,
            ":contacts": person.contacts,
            ":added_at": person.added_at,
            ":removed_at": person.removed_at,
        })?;
    Ok(())
}

fn put_credential(transaction: &Transaction<'_>, sealer: &mut Sealer, credential: &Credential) -> rusqlite::Result<()> {
    let row = credential.id.to_string();
    let code = sealer.seal(Cell { table: "credentials", row: &row, column: "code" }, credential.pin.reveal().as_bytes())?;
    transaction
        .prepare_cached(
            "REPLACE INTO credentials (id, person, kind, code, generation)
             VALUES (:id, :person, :kind, :code, :generation)",
        )?
        .execute(named_params! {
            ":id": row,
            ":person": credential.person,
            ":kind": credential.kind,
            ":code": code,
            ":generation": credential.generation,
        })?;
    Ok(())
}

fn put_provisioned(transaction: &Transaction<'_>, sealer: &mut Sealer, expected: &Provisioned) -> rusqlite::Result<()> {
    let row = expected.id.to_string();
    let dsk = sealer.seal(Cell { table: "provisioning", row: &row, column: "dsk" }, expected.label.dsk.reveal())?;
    transaction
        .prepare_cached(
            "REPLACE INTO provisioning (id, dsk, keys, long_range, product, name, added_at, state)
             VALUES (:id, :dsk, :keys, :long_range, :product, :name, :added_at, :state)",
        )?
        .execute(named_params! {
            ":id": row,
            ":dsk": dsk,
            ":keys": expected.label.keys.0,
            ":long_range": expected.label.long_range,
            ":product": expected.label.product,
            ":name": expected.name,
            ":added_at": expected.added_at,
            ":state": expected.state,
        })?;
    Ok(())
}

fn put_grant(transaction: &Transaction<'_>, grant: &Grant) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "REPLACE INTO grants (id, person, credential, device, schedule, wanted, generation, status, reason, since,
                                  next_try, attempts, confirmed_by, confirmed_at)
             VALUES (:id, :person, :credential, :device, :schedule, :wanted, :generation, :status, :reason, :since,
                     :next_try, :attempts, :confirmed_by, :confirmed_at)",
        )?
        .execute(named_params! {
            ":id": grant.id,
            ":person": grant.person,
            ":credential": grant.credential,
            ":device": grant.device,
            ":schedule": grant.schedule,
            ":wanted": grant.wanted,
            ":generation": grant.generation,
            ":status": grant.status,
            ":reason": grant.reason,
            ":since": grant.since,
            ":next_try": grant.next_try,
            ":attempts": grant.attempts,
            ":confirmed_by": grant.confirmed.map(|confirmed| confirmed.by),
            ":confirmed_at": grant.confirmed.map(|confirmed| confirmed.at),
        })?;
    Ok(())
}

fn put_slot(transaction: &Transaction<'_>, sealer: &mut Sealer, slot: &Slot) -> rusqlite::Result<()> {
    let row = slot_row(&slot.key)?;
    let (content, code) = match &slot.content {
        Content::Unknown => ("unknown", None),
        Content::Empty => ("empty", None),
        Content::Unreadable => ("unreadable", None),
        Content::Known(code) => {
            let cell = Cell { table: "slots", row: &row, column: "code" };
            ("known", Some(sealer.seal(cell, code.reveal())?))
        }
    };
    let confirmed_cell = Cell { table: "slots", row: &row, column: "confirmed_code" };
    let confirmed_code = match slot.confirmed.as_ref().and_then(|confirmed| confirmed.code) {
        Some(fingerprint) => Some(sealer.seal(confirmed_cell, &fingerprint.0)?),
        None => None,
    };
    transaction
        .prepare_cached(
            "REPLACE INTO slots (device, dialect, user, kind, number, owner, content, code, seen_at,
                                 confirmed_code, confirmed_generation, confirmed_by, confirmed_at, progress)
             VALUES (:device, :dialect, :user, :kind, :number, :owner, :content, :code, :seen_at,
                     :confirmed_code, :confirmed_generation, :confirmed_by, :confirmed_at, :progress)",
        )?
        .execute(named_params! {
            ":device": slot.key.device,
            ":dialect": slot.key.dialect,
            ":user": slot.key.user,
            ":kind": slot.key.kind,
            ":number": slot.key.index,
            ":owner": slot.owner,
            ":content": content,
            ":code": code,
            ":seen_at": slot.seen_at,
            ":confirmed_code": confirmed_code,
            ":confirmed_generation": slot.confirmed.as_ref().map(|confirmed| confirmed.generation),
            ":confirmed_by": slot.confirmed.as_ref().map(|confirmed| confirmed.by),
            ":confirmed_at": slot.confirmed.as_ref().map(|confirmed| confirmed.at),
            ":progress": slot.progress,
        })?;
    Ok(())
}

fn add_slot_owner(
    transaction: &Transaction<'_>,
    slot: &SlotKey,
    owner: Option<&SlotOwner>,
    from: Timestamp,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO slot_owners (device, dialect, user, kind, number, since, owner, person)
             VALUES (:device, :dialect, :user, :kind, :number, :since, :owner, :person)",
        )?
        .execute(named_params! {
            ":device": slot.device,
            ":dialect": slot.dialect,
            ":user": slot.user,
            ":kind": slot.kind,
            ":number": slot.index,
            ":since": from,
            ":owner": owner.map(|owner| owner.grant),
            ":person": owner.map(|owner| owner.person),
        })?;
    Ok(())
}

fn add_event(transaction: &Transaction<'_>, event: &Event) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("INSERT INTO events (id, at, device, person, event) VALUES (:id, :at, :device, :person, :event)")?
        .execute(named_params! {
            ":id": event.id,
            ":at": event.at,
            ":device": event.device,
            ":person": event.person.as_ref().map(|person| person.id),
            ":event": event,
        })?;
    Ok(())
}
