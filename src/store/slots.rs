//! Slots, and who had which slot when.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params, params};

use crate::domain::batch::{Damage, SlotOwner};
use crate::domain::pin::{CodeText, Fingerprint};
use crate::domain::slot::{Confirmed, Content, Dialect, Progress, Slot, SlotKey};
use crate::domain::time::Timestamp;

use super::columns::{stored_as_json, stored_as_word, word};
use super::error::ReadError;
use super::rows::{readable, rows};
use super::seal::{Cell, Sealer};

stored_as_word!(Dialect);
stored_as_json!(Progress);

pub(super) fn put(transaction: &Transaction<'_>, sealer: &mut Sealer, slot: &Slot) -> rusqlite::Result<()> {
    let row = row_name(&slot.key)?;
    let (content, code) = match &slot.content {
        Content::Unknown => ("unknown", None),
        Content::Empty => ("empty", None),
        Content::Unreadable => ("unreadable", None),
        Content::Known(code) => ("known", Some(sealer.seal(code_cell(&row), code.reveal())?)),
    };
    let confirmed_code = match slot.confirmed.as_ref().and_then(|confirmed| confirmed.code) {
        Some(fingerprint) => Some(sealer.seal(confirmed_cell(&row), &fingerprint.0)?),
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

pub(super) fn delete(transaction: &Transaction<'_>, key: &SlotKey) -> rusqlite::Result<()> {
    let SlotKey { device, dialect, user, kind, index } = key;
    transaction
        .prepare_cached("DELETE FROM slots WHERE device = ? AND dialect = ? AND user = ? AND kind = ? AND number = ?")?
        .execute(params![device, dialect, user, kind, index])
        .map(|_| ())
}

/// Nothing that was confirmed counts any more: each such slot is read again.
pub(super) fn doubt_confirmed(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction
        .execute(
            "UPDATE slots SET confirmed_code = NULL, confirmed_generation = NULL, confirmed_by = NULL, confirmed_at = NULL,
                              progress = ?
             WHERE confirmed_code IS NOT NULL",
            [Progress::RowDoubted],
        )
        .map(|_| ())
}

pub(super) fn load(connection: &Connection, sealer: &Sealer, damage: &mut Vec<Damage>) -> Result<Vec<Slot>, ReadError> {
    let sql = "SELECT * FROM slots ORDER BY device, dialect, user, kind, number";
    rows(connection, sql, |row| slot(row, sealer, damage))
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
    let name = row_name(&key)?;
    match (content(row, &name, sealer)?, confirmed(row, &name, sealer)?, readable::<Progress>(row, "progress")?) {
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
fn content(row: &Row<'_>, name: &str, sealer: &Sealer) -> Result<Option<Content>, ReadError> {
    Ok(match (row.get::<_, String>("content")?.as_str(), row.get::<_, Option<Vec<u8>>>("code")?) {
        ("unknown", None) => Some(Content::Unknown),
        ("empty", None) => Some(Content::Empty),
        ("unreadable", None) => Some(Content::Unreadable),
        ("known", Some(sealed)) => {
            sealer.open(code_cell(name), &sealed).map(|code| Content::Known(CodeText::new(code.as_slice())))
        }
        _ => None,
    })
}

/// What the lock confirmed last; `None` if that can't be read.
fn confirmed(row: &Row<'_>, name: &str, sealer: &Sealer) -> Result<Option<Option<Confirmed>>, ReadError> {
    let code = match row.get::<_, Option<Vec<u8>>>("confirmed_code")? {
        None => None,
        Some(sealed) => match sealer.open(confirmed_cell(name), &sealed).and_then(|bytes| bytes.as_slice().try_into().ok()) {
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

/// From `from` on the slot is `owner`'s.
pub(super) fn add_owner(
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

/// Who owned the slot at that moment; `None` when nobody of ours did, or it is not known.
pub(super) fn owner_at(connection: &Connection, slot: SlotKey, at: Timestamp) -> Result<Option<SlotOwner>, ReadError> {
    let SlotKey { device, dialect, user, kind, index } = slot;
    let owner = connection
        .query_row(
            "SELECT owner, person FROM slot_owners
             WHERE device = ? AND dialect = ? AND user = ? AND kind = ? AND number = ? AND since <= ?
             ORDER BY since DESC, seq DESC LIMIT 1",
            params![device, dialect, user, kind, index, at],
            |row| Ok((row.get("owner")?, row.get("person")?)),
        )
        .optional()?;
    match owner {
        Some((Some(grant), Some(person))) => Ok(Some(SlotOwner { grant, person })),
        _ => Ok(None),
    }
}

/// Whether there are codes or fingerprints here, which need the store key.
pub(super) fn has_sealed_rows(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM slots WHERE code IS NOT NULL OR confirmed_code IS NOT NULL)", [], |row| {
        row.get(0)
    })
}

/// Of the history of a slot, the last owner before `:since` and all later ones stay.
pub(super) const TIDY_OWNERS: &str = "DELETE FROM slot_owners WHERE :most > 0 AND seq IN (
         SELECT old.seq FROM slot_owners AS old
         WHERE old.since < :since AND EXISTS (
             SELECT 1 FROM slot_owners AS newer
             WHERE newer.device = old.device AND newer.dialect = old.dialect AND newer.user = old.user
               AND newer.kind = old.kind AND newer.number = old.number
               AND newer.since <= :since AND (newer.since, newer.seq) > (old.since, old.seq))
         LIMIT :rows)";

/// The identity of a slot as one text, for what is sealed in its row.
fn row_name(key: &SlotKey) -> rusqlite::Result<String> {
    let (dialect, kind) = (word(&key.dialect)?, word(&key.kind)?);
    Ok(format!("{}/{dialect}/{}/{kind}/{}", key.device, key.user, key.index))
}

fn code_cell(row: &str) -> Cell<'_> {
    Cell { table: "slots", row, column: "code" }
}

fn confirmed_cell(row: &str) -> Cell<'_> {
    Cell { table: "slots", row, column: "confirmed_code" }
}
