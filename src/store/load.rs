//! The whole state, read back.

use rusqlite::{Connection, Row};
use zeroize::Zeroizing;

use crate::domain::batch::{Dropped, Snapshot};
use crate::domain::event::Event;
use crate::domain::grant::{Confirmation, Grant, Status};
use crate::domain::ids::{CredentialId, ProvisioningId};
use crate::domain::person::{Credential, Person};
use crate::domain::pin::{CodeText, Fingerprint, FingerprintKey, Pin};
use crate::domain::provisioning::{Label, Provisioned};
use crate::domain::slot::{Confirmed, Content, Progress, Slot, SlotKey};
use crate::domain::time::BootId;
use crate::security::crypto::{BLOCK, Key};
use crate::security::dsk::Dsk;
use crate::security::key_file::KeyFile;
use crate::security::keys::{KeyId, KeyMask, NetworkKeys};

use super::error::ReadError;
use super::seal::{Cell, Sealer};
use super::{meta, slot_row};

/// Reads everything, as it stands after a restart.
pub(super) fn snapshot(connection: &Connection, sealer: &Sealer) -> Result<Snapshot, ReadError> {
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
        people: rows(connection, "SELECT * FROM people ORDER BY id", person)?,
        credentials: rows(connection, "SELECT * FROM credentials ORDER BY id", |row| credential(row, sealer))?,
        devices: rows(connection, "SELECT device FROM devices ORDER BY id", |row| Ok(row.get(0)?))?,
        grants: rows(connection, "SELECT * FROM grants ORDER BY id", grant)?,
        slots: rows(connection, "SELECT * FROM slots ORDER BY device, dialect, user, kind, number", |row| slot(row, sealer))?,
        nodes: rows(connection, "SELECT node FROM nodes ORDER BY id", |row| Ok(row.get(0)?))?,
        provisioning: rows(connection, "SELECT * FROM provisioning ORDER BY added_at, id", |row| provisioned(row, sealer))?,
        outbox: outbox(connection)?,
    })
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

fn outbox(connection: &Connection) -> Result<Vec<Event>, ReadError> {
    let sql = "SELECT events.event FROM outbox JOIN events ON events.id = outbox.event ORDER BY outbox.seq";
    rows(connection, sql, |row| Ok(row.get(0)?))
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

fn person(row: &Row<'_>) -> Result<Person, ReadError> {
    Ok(Person {
        id: row.get("id")?,
        external_id: row.get("external_id")?,
        first_name: row.get("first_name")?,
        last_name: row.get("last_name")?,
        enabled: row.get("enabled")?,
        contacts: row.get("contacts")?,
        added_at: row.get("added_at")?,
        removed_at: row.get("removed_at")?,
    })
}

fn credential(row: &Row<'_>, sealer: &Sealer) -> Result<Credential, ReadError> {
    let id: CredentialId = row.get("id")?;
    let name = id.to_string();
    let cell = Cell { table: "credentials", row: &name, column: "code" };
    let code = open(sealer, cell, &row.get::<_, Vec<u8>>("code")?)?;
    let pin = str::from_utf8(&code).ok().and_then(|code| Pin::parse(code).ok()).ok_or_else(|| unreadable(cell))?;
    Ok(Credential { id, person: row.get("person")?, kind: row.get("kind")?, pin, generation: row.get("generation")? })
}

fn provisioned(row: &Row<'_>, sealer: &Sealer) -> Result<Provisioned, ReadError> {
    let id: ProvisioningId = row.get("id")?;
    let name = id.to_string();
    let cell = Cell { table: "provisioning", row: &name, column: "dsk" };
    let dsk = open(sealer, cell, &row.get::<_, Vec<u8>>("dsk")?)?;
    let label = Label {
        dsk: dsk.as_slice().try_into().map(Dsk::new).map_err(|_| unreadable(cell))?,
        keys: KeyMask(row.get("keys")?),
        long_range: row.get("long_range")?,
        product: row.get("product")?,
    };
    Ok(Provisioned { id, label, name: row.get("name")?, added_at: row.get("added_at")?, state: row.get("state")? })
}

fn grant(row: &Row<'_>) -> Result<Grant, ReadError> {
    let confirmed = match (row.get("confirmed_by")?, row.get("confirmed_at")?) {
        (Some(by), Some(at)) => Some(Confirmation { by, at }),
        _ => None,
    };
    Ok(Grant {
        id: row.get("id")?,
        person: row.get("person")?,
        credential: row.get("credential")?,
        device: row.get("device")?,
        schedule: row.get("schedule")?,
        wanted: row.get("wanted")?,
        generation: row.get("generation")?,
        status: row.get::<_, Status>("status")?.after_a_restart(),
        reason: row.get("reason")?,
        since: row.get("since")?,
        next_try: row.get("next_try")?,
        attempts: row.get("attempts")?,
        confirmed,
    })
}

fn slot(row: &Row<'_>, sealer: &Sealer) -> Result<Slot, ReadError> {
    let key = SlotKey {
        device: row.get("device")?,
        dialect: row.get("dialect")?,
        user: row.get("user")?,
        kind: row.get("kind")?,
        index: row.get("number")?,
    };
    let name = slot_row(&key)?;
    let code_cell = Cell { table: "slots", row: &name, column: "code" };
    let content = match (row.get::<_, String>("content")?.as_str(), row.get::<_, Option<Vec<u8>>>("code")?) {
        ("unknown", None) => Content::Unknown,
        ("empty", None) => Content::Empty,
        ("unreadable", None) => Content::Unreadable,
        ("known", Some(sealed)) => Content::Known(CodeText::new(open(sealer, code_cell, &sealed)?.as_slice())),
        _ => return Err(unreadable(Cell { column: "content", ..code_cell })),
    };

    let confirmed_cell = Cell { column: "confirmed_code", ..code_cell };
    let code = match row.get::<_, Option<Vec<u8>>>("confirmed_code")? {
        Some(sealed) => {
            let bytes = open(sealer, confirmed_cell, &sealed)?;
            Some(Fingerprint(bytes.as_slice().try_into().map_err(|_| unreadable(confirmed_cell))?))
        }
        None => None,
    };
    let confirmed = match (row.get("confirmed_generation")?, row.get("confirmed_by")?, row.get("confirmed_at")?) {
        (Some(generation), Some(by), Some(at)) => Some(Confirmed { code, generation, by, at }),
        _ => None,
    };

    let progress = row.get::<_, Progress>("progress")?.after_a_restart();
    Ok(Slot { key, owner: row.get("owner")?, content, seen_at: row.get("seen_at")?, confirmed, progress })
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
