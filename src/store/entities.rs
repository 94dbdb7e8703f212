//! The list of what is stored: where each row of a batch goes, and how everything is read back. A table that is added gets a
//! file of its own, and its lines here.

use rusqlite::{Connection, Transaction};

use crate::domain::batch::{Dropped, Snapshot, Write};
use crate::domain::time::BootId;

use super::error::ReadError;
use super::rows::unreadable;
use super::seal::{Cell, Sealer};
use super::{audit, devices, events, grants, keys, meta, nodes, outbox, people, provisioning, slots};

/// Writes one row. Secrets are sealed before SQLite sees them.
pub(super) fn write(transaction: &Transaction<'_>, sealer: &mut Sealer, write: &Write) -> rusqlite::Result<()> {
    match write {
        Write::PutPerson(person) => people::put(transaction, person),
        Write::DeletePerson(id) => people::delete(transaction, *id),
        Write::PutCredential(credential) => people::put_credential(transaction, sealer, credential),
        Write::DeleteCredential(id) => people::delete_credential(transaction, *id),
        Write::PutDevice(device) => devices::put(transaction, device),
        Write::DeleteDevice(id) => devices::delete(transaction, *id),
        Write::PutGrant(grant) => grants::put(transaction, grant),
        Write::DeleteGrant(id) => grants::delete(transaction, *id),
        Write::PutSlot(slot) => slots::put(transaction, sealer, slot),
        Write::DeleteSlot(key) => slots::delete(transaction, key),
        Write::SlotOwner { slot, owner, from } => slots::add_owner(transaction, slot, owner.as_ref(), *from),
        Write::PutNode(node) => nodes::put(transaction, node),
        Write::DeleteNode(id) => nodes::delete(transaction, *id),
        Write::PutProvisioned(expected) => provisioning::put(transaction, sealer, expected),
        Write::DeleteProvisioned(id) => provisioning::delete(transaction, *id),
        Write::Event(event) => events::add(transaction, event),
        Write::Outbox(event) => outbox::add(transaction, *event),
        Write::OutboxDone(event) => outbox::delete(transaction, *event),
        Write::NetworkKeys(keys) => keys::put_network_keys(transaction, sealer, keys),
        Write::Audit { actor, act, at } => audit::add(transaction, actor, act, *at),
        Write::Generation(generation) => meta::put(transaction, meta::GENERATION, generation),
        Write::Home(home) => meta::put(transaction, meta::HOME, home),
        Write::HighWater(at) => meta::put(transaction, meta::HIGH_WATER, at),
        Write::Boot(boot) => meta::put(transaction, meta::BOOT, &boot.0),
        Write::Dropped(dropped) => {
            meta::put(transaction, meta::DROPPED, &i64::try_from(dropped.count).unwrap_or(i64::MAX))?;
            meta::put(transaction, meta::DROPPED_AT, &dropped.at)
        }
        Write::OlderCopyFound(at) => meta::put(transaction, meta::OLDER_COPY_FOUND, at),
    }
}

/// Whether a row changes what is wanted or known. History and bolt positions are the same in an older copy as far as
/// anything relies on them: an event costs no page more.
pub(super) fn counts(row: &Write) -> bool {
    match row {
        Write::PutPerson(_)
        | Write::DeletePerson(_)
        | Write::PutCredential(_)
        | Write::DeleteCredential(_)
        | Write::DeleteDevice(_)
        | Write::PutGrant(_)
        | Write::DeleteGrant(_)
        | Write::PutSlot(_)
        | Write::DeleteSlot(_)
        | Write::SlotOwner { .. }
        | Write::PutNode(_)
        | Write::DeleteNode(_)
        | Write::PutProvisioned(_)
        | Write::DeleteProvisioned(_)
        | Write::Generation(_)
        | Write::Home(_)
        | Write::NetworkKeys(_)
        | Write::OlderCopyFound(_) => true,
        Write::PutDevice(_)
        | Write::Event(_)
        | Write::Outbox(_)
        | Write::OutboxDone(_)
        | Write::HighWater(_)
        | Write::Boot(_)
        | Write::Dropped(_)
        | Write::Audit { .. } => false,
    }
}

/// Reads everything, as it stands after a restart. A value that can't be read costs only whose it is, and is named.
pub(super) fn snapshot(connection: &Connection, sealer: &Sealer) -> Result<Snapshot, ReadError> {
    let mut damage = Vec::new();
    let hub = meta::value(connection, meta::HUB)?;
    Ok(Snapshot {
        hub: hub.ok_or_else(|| unreadable(Cell { table: "meta", row: meta::HUB, column: "value" }))?,
        fingerprint_key: keys::fingerprint_key(connection, sealer)?,
        generation: meta::value(connection, meta::GENERATION)?.unwrap_or_default(),
        home: meta::value(connection, meta::HOME)?,
        network_keys: keys::network_keys(connection, sealer)?,
        high_water: meta::value(connection, meta::HIGH_WATER)?,
        boot: meta::value(connection, meta::BOOT)?.map(BootId),
        dropped: Dropped {
            count: u64::try_from(meta::value::<i64>(connection, meta::DROPPED)?.unwrap_or_default()).unwrap_or_default(),
            at: meta::value(connection, meta::DROPPED_AT)?.unwrap_or_default(),
        },
        people: people::load(connection, &mut damage)?,
        credentials: people::load_credentials(connection, sealer, &mut damage)?,
        devices: devices::load(connection)?,
        grants: grants::load(connection, &mut damage)?,
        slots: slots::load(connection, sealer, &mut damage)?,
        nodes: nodes::load(connection, &mut damage)?,
        provisioning: provisioning::load(connection, sealer, &mut damage)?,
        outbox: outbox::load(connection, &mut damage)?,
        is_older_copy: false,
        older_copy_found: meta::value(connection, meta::OLDER_COPY_FOUND)?,
        damage,
    })
}

/// Whether anything in the database needs the store key.
pub(super) fn has_sealed_rows(connection: &Connection) -> rusqlite::Result<bool> {
    for has_sealed_rows in [keys::has_sealed_rows, people::has_sealed_rows, slots::has_sealed_rows, provisioning::has_sealed_rows]
    {
        if has_sealed_rows(connection)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the key opens any sealed value but its own proof.
pub(super) fn opens_any(connection: &Connection, sealer: &Sealer) -> rusqlite::Result<bool> {
    Ok(keys::opens_any(connection, sealer)? || people::opens_any(connection, sealer))
}

/// What goes when it is too old or too much, a statement a table. Each takes :since, :most and :rows. Rows are numbered in the
/// order of writing, so that the oldest are found without counting.
pub(super) const TIDY: [&str; 3] = [events::TIDY, audit::TIDY, slots::TIDY_OWNERS];
