//! The whole state, read back.

use rusqlite::types::FromSql;
use rusqlite::{Connection, Error, Row};
use zeroize::Zeroizing;

use crate::domain::batch::{Damage, Dropped, Snapshot};
use crate::domain::device::Device;
use crate::domain::event::Event;
use crate::domain::grant::{Confirmation, Grant, Reason, Status};
use crate::domain::ids::{CredentialId, NodeId, ProvisioningId};
use crate::domain::node::Node;
use crate::domain::person::{Credential, Person};
use crate::domain::pin::{CodeText, Fingerprint, FingerprintKey, Pin};
use crate::domain::provisioning::{Label, Provisioned};
use crate::domain::slot::{Confirmed, ConfirmedBy, Content, Progress, Slot, SlotKey};
use crate::domain::time::BootId;
use crate::security::crypto::{BLOCK, Key};
use crate::security::dsk::Dsk;
use crate::security::key_file::KeyFile;
use crate::security::keys::{KeyId, KeyMask, NetworkKeys};

use super::error::ReadError;
use super::seal::{Cell, Sealer};
use super::{meta, slot_row};

/// Reads everything, as it stands after a restart. A value that can't be read costs only whose it is, and is named.
pub(super) fn snapshot(connection: &Connection, sealer: &Sealer) -> Result<Snapshot, ReadError> {
    let mut damage = Vec::new();
    Ok(Snapshot {
        hub: meta::value(connection, meta::HUB)?.ok_or_else(|| meta_missing(meta::HUB))?,
        fingerprint_key: fingerprint_key(connection, sealer)?,
        generation: meta::value(connection, meta::GENERATION)?.unwrap_or_default(),
        home: meta::value(connection, meta::HOME)?,
        network_keys: network_keys(connection, sealer)?,
        high_water: meta::value(connection, meta::HIGH_WATER)?,
        boot: meta::value(connection, meta::BOOT)?.map(BootId),
        dropped: Dropped {
            count: u64::try_from(meta::value::<i64>(connection, meta::DROPPED)?.unwrap_or_default()).unwrap_or_default(),
            at: meta::value(connection, meta::DROPPED_AT)?.unwrap_or_default(),
        },
        people: rows(connection, "SELECT * FROM people ORDER BY id", |row| person(row, &mut damage))?,
        credentials: some(rows(connection, "SELECT * FROM credentials ORDER BY id", |row| credential(row, sealer, &mut damage))?),
        devices: rows(connection, "SELECT id, device FROM devices ORDER BY id", device)?,
        grants: rows(connection, "SELECT * FROM grants ORDER BY id", |row| grant(row, &mut damage))?,
        slots: rows(connection, "SELECT * FROM slots ORDER BY device, dialect, user, kind, number", |row| {
            slot(row, sealer, &mut damage)
        })?,
        nodes: some(rows(connection, "SELECT id, node FROM nodes ORDER BY id", |row| node(row, &mut damage))?),
        provisioning: some(rows(connection, "SELECT * FROM provisioning ORDER BY added_at, id", |row| {
            provisioned(row, sealer, &mut damage)
        })?),
        outbox: outbox(connection, &mut damage)?,
        is_older_copy: false,
        older_copy_found: meta::value(connection, meta::OLDER_COPY_FOUND)?,
        damage,
    })
}

/// Whether the key opens any sealed value at all.
pub(super) fn opens_any(connection: &Connection, sealer: &Sealer) -> rusqlite::Result<bool> {
    for row in [meta::FINGERPRINT_KEY, meta::NETWORK_KEYS] {
        let sealed = meta::value::<Vec<u8>>(connection, row)?;
        if sealed.is_some_and(|sealed| sealer.open(Cell { table: "meta", row, column: "value" }, &sealed).is_some()) {
            return Ok(true);
        }
    }
    let codes = rows(connection, "SELECT id, code FROM credentials", |row| {
        Ok((row.get::<_, String>("id")?, row.get::<_, Vec<u8>>("code")?))
    });
    let opens = |(row, sealed): (String, Vec<u8>)| sealer.open(Cell { table: "credentials", row: &row, column: "code" }, &sealed);
    Ok(codes.unwrap_or_default().into_iter().any(|code| opens(code).is_some()))
}

/// Whether the key of code fingerprints is there and does not open.
pub(super) fn is_fingerprint_key_damaged(connection: &Connection, sealer: &Sealer) -> rusqlite::Result<bool> {
    let sealed: Option<Vec<u8>> = meta::value(connection, meta::FINGERPRINT_KEY)?;
    let cell = Cell { table: "meta", row: meta::FINGERPRINT_KEY, column: "value" };
    Ok(sealed.is_some_and(|sealed| sealer.open(cell, &sealed).is_none_or(|key| key.len() != 32)))
}

/// Whether anything in the database needs the store key.
pub(super) fn has_sealed_rows(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM meta WHERE key IN (?, ?, ?)) OR EXISTS (SELECT 1 FROM credentials)
             OR EXISTS (SELECT 1 FROM slots WHERE code IS NOT NULL OR confirmed_code IS NOT NULL)
             OR EXISTS (SELECT 1 FROM provisioning)",
        [meta::CANARY, meta::FINGERPRINT_KEY, meta::NETWORK_KEYS],
        |row| row.get(0),
    )
}

fn rows<T>(connection: &Connection, sql: &str, read: impl FnMut(&Row<'_>) -> Result<T, ReadError>) -> Result<Vec<T>, ReadError> {
    connection.prepare(sql)?.query_and_then([], read)?.collect()
}

/// What a row's reader could make something of.
fn some<T>(rows: Vec<Option<T>>) -> Vec<T> {
    rows.into_iter().flatten().collect()
}

/// A column of which no other value depends; `None` where what is in it was not written by any version of the daemon.
fn readable<T: FromSql>(row: &Row<'_>, column: &str) -> Result<Option<T>, ReadError> {
    match row.get(column) {
        Ok(value) => Ok(Some(value)),
        Err(Error::FromSqlConversionFailure(..) | Error::InvalidColumnType(..) | Error::IntegralValueOutOfRange(..)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn outbox(connection: &Connection, damage: &mut Vec<Damage>) -> Result<Vec<Event>, ReadError> {
    let sql = "SELECT outbox.event AS id, events.event FROM outbox JOIN events ON events.id = outbox.event ORDER BY outbox.seq";
    let waiting = rows(connection, sql, |row| {
        let event = readable(row, "event")?;
        if event.is_none() {
            damage.push(Damage::WaitingEvent(row.get("id")?));
        }
        Ok(event)
    })?;
    Ok(some(waiting))
}

/// Grants and slots hang on a device: without it there is nothing to go on from.
fn device(row: &Row<'_>) -> Result<Device, ReadError> {
    let id: String = row.get("id")?;
    readable(row, "device")?.ok_or_else(|| unreadable(Cell { table: "devices", row: &id, column: "device" }))
}

fn node(row: &Row<'_>, damage: &mut Vec<Damage>) -> Result<Option<Node>, ReadError> {
    let node = readable(row, "node")?;
    if node.is_none() {
        damage.push(Damage::Node(NodeId(row.get("id")?)));
    }
    Ok(node)
}

fn fingerprint_key(connection: &Connection, sealer: &Sealer) -> Result<FingerprintKey, ReadError> {
    let sealed: Vec<u8> = meta::value(connection, meta::FINGERPRINT_KEY)?.ok_or_else(|| meta_missing(meta::FINGERPRINT_KEY))?;
    let key = open(sealer, Cell { table: "meta", row: meta::FINGERPRINT_KEY, column: "value" }, &sealed)?;
    key.as_slice().try_into().map(FingerprintKey).map_err(|_| meta_missing(meta::FINGERPRINT_KEY))
}

pub(super) fn network_keys(connection: &Connection, sealer: &Sealer) -> Result<NetworkKeys, ReadError> {
    let sealed: Vec<u8> = meta::value(connection, meta::NETWORK_KEYS)?.ok_or_else(|| meta_missing(meta::NETWORK_KEYS))?;
    let text = open(sealer, Cell { table: "meta", row: meta::NETWORK_KEYS, column: "value" }, &sealed)?;
    let keys = str::from_utf8(&text).ok().and_then(|text| KeyFile::parse(text).ok());
    // All six are written together.
    let keys = keys.filter(|keys| keys.ids().eq(KeyId::ALL)).ok_or_else(|| meta_missing(meta::NETWORK_KEYS))?;
    Ok(NetworkKeys::from_fn(|id| keys.get(id).cloned().unwrap_or_else(|| Key::from_bytes([0; BLOCK]))))
}

fn person(row: &Row<'_>, damage: &mut Vec<Damage>) -> Result<Person, ReadError> {
    let id = row.get("id")?;
    let contacts = readable(row, "contacts")?;
    if contacts.is_none() {
        damage.push(Damage::Contacts(id));
    }
    Ok(Person {
        id,
        external_id: row.get("external_id")?,
        first_name: row.get("first_name")?,
        last_name: row.get("last_name")?,
        enabled: row.get("enabled")?,
        contacts: contacts.unwrap_or_default(),
        added_at: row.get("added_at")?,
        removed_at: row.get("removed_at")?,
    })
}

fn credential(row: &Row<'_>, sealer: &Sealer, damage: &mut Vec<Damage>) -> Result<Option<Credential>, ReadError> {
    let id: CredentialId = row.get("id")?;
    let person = row.get("person")?;
    let name = id.to_string();
    let code = sealer.open(Cell { table: "credentials", row: &name, column: "code" }, &row.get::<_, Vec<u8>>("code")?);
    let pin = code.and_then(|code| str::from_utf8(&code).ok().and_then(|code| Pin::parse(code).ok()));
    let Some((pin, kind)) = pin.zip(readable(row, "kind")?) else {
        damage.push(Damage::Code { credential: id, person });
        return Ok(None);
    };
    Ok(Some(Credential { id, person, kind, pin, generation: row.get("generation")? }))
}

fn provisioned(row: &Row<'_>, sealer: &Sealer, damage: &mut Vec<Damage>) -> Result<Option<Provisioned>, ReadError> {
    let id: ProvisioningId = row.get("id")?;
    let row_name = id.to_string();
    let name = row.get("name")?;
    let dsk = sealer.open(Cell { table: "provisioning", row: &row_name, column: "dsk" }, &row.get::<_, Vec<u8>>("dsk")?);
    let dsk = dsk.and_then(|dsk| dsk.as_slice().try_into().ok().map(Dsk::new));
    let (Some(dsk), Some(product), Some(state)) = (dsk, readable(row, "product")?, readable(row, "state")?) else {
        damage.push(Damage::Label { id, name });
        return Ok(None);
    };
    let label = Label { dsk, keys: KeyMask(row.get("keys")?), long_range: row.get("long_range")?, product };
    Ok(Some(Provisioned { id, label, name, added_at: row.get("added_at")?, state }))
}

fn grant(row: &Row<'_>, damage: &mut Vec<Damage>) -> Result<Grant, ReadError> {
    let id = row.get("id")?;
    let by: Option<Option<ConfirmedBy>> = readable(row, "confirmed_by")?;
    let confirmed = match (by.flatten(), row.get("confirmed_at")?) {
        (Some(by), Some(at)) => Some(Confirmation { by, at }),
        _ => None,
    };
    let (schedule, status, reason) = (readable(row, "schedule")?, readable(row, "status")?, readable(row, "reason")?);
    let is_whole = schedule.is_some() && status.is_some() && reason.is_some();
    // Neither written nor cleared: whether it was held back, and when it opens, is not known any more.
    let (status, reason) = match (status, reason) {
        (Some(status), Some(reason)) if is_whole => (Status::after_a_restart(status), reason),
        _ => (Status::Rejected, Some(Reason::Damaged)),
    };
    if !is_whole {
        damage.push(Damage::Grant(id));
    }
    Ok(Grant {
        id,
        person: row.get("person")?,
        credential: row.get("credential")?,
        device: row.get("device")?,
        schedule: schedule.unwrap_or_default(),
        wanted: row.get("wanted")?,
        generation: row.get("generation")?,
        status,
        reason,
        since: row.get("since")?,
        next_try: if is_whole { row.get("next_try")? } else { None },
        attempts: row.get("attempts")?,
        confirmed,
    })
}

fn slot(row: &Row<'_>, sealer: &Sealer, damage: &mut Vec<Damage>) -> Result<Slot, ReadError> {
    let key = SlotKey {
        device: row.get("device")?,
        dialect: row.get("dialect")?,
        user: row.get("user")?,
        kind: row.get("kind")?,
        index: row.get("number")?,
    };
    let owner = row.get("owner")?;
    match (content(row, &key, sealer)?, confirmed(row, &key, sealer)?, readable::<Progress>(row, "progress")?) {
        (Some(content), Some(confirmed), Some(progress)) => {
            let progress = progress.after_a_restart();
            Ok(Slot { key, owner, content, seen_at: row.get("seen_at")?, confirmed, progress })
        }
        // The rest of the row is as doubtful: the slot is read before anything is believed of it.
        _ => {
            damage.push(Damage::Slot(key));
            Ok(Slot { owner, progress: Progress::RowDoubted, ..Slot::unseen(key) })
        }
    }
}

/// What was seen in a slot; `None` if that can't be read.
fn content(row: &Row<'_>, key: &SlotKey, sealer: &Sealer) -> Result<Option<Content>, ReadError> {
    let name = slot_row(key)?;
    let open = |sealed: &[u8]| sealer.open(Cell { table: "slots", row: &name, column: "code" }, sealed);
    Ok(match (row.get::<_, String>("content")?.as_str(), row.get::<_, Option<Vec<u8>>>("code")?) {
        ("unknown", None) => Some(Content::Unknown),
        ("empty", None) => Some(Content::Empty),
        ("unreadable", None) => Some(Content::Unreadable),
        ("known", Some(sealed)) => open(&sealed).map(|code| Content::Known(CodeText::new(code.as_slice()))),
        _ => None,
    })
}

/// What the lock confirmed last; `None` if that can't be read.
fn confirmed(row: &Row<'_>, key: &SlotKey, sealer: &Sealer) -> Result<Option<Option<Confirmed>>, ReadError> {
    let name = slot_row(key)?;
    let cell = Cell { table: "slots", row: &name, column: "confirmed_code" };
    let code = match row.get::<_, Option<Vec<u8>>>("confirmed_code")? {
        None => None,
        Some(sealed) => match sealer.open(cell, &sealed).and_then(|bytes| bytes.as_slice().try_into().ok()) {
            Some(bytes) => Some(Fingerprint(bytes)),
            None => return Ok(None),
        },
    };
    let Some(by) = readable(row, "confirmed_by")? else { return Ok(None) };
    Ok(Some(match (row.get("confirmed_generation")?, by, row.get("confirmed_at")?) {
        (Some(generation), Some(by), Some(at)) => Some(Confirmed { code, generation, by, at }),
        _ => None,
    }))
}

fn open(sealer: &Sealer, cell: Cell<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    sealer.open(cell, sealed).ok_or_else(|| unreadable(cell))
}

fn unreadable(cell: Cell<'_>) -> ReadError {
    ReadError::Row { table: cell.table, row: cell.row.into(), column: cell.column }
}

fn meta_missing(key: &str) -> ReadError {
    unreadable(Cell { table: "meta", row: key, column: "value" })
}
