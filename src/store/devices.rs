//! Devices.

use rusqlite::{Connection, Transaction, params};

use crate::domain::device::Device;
use crate::domain::ids::DeviceId;

use super::columns::stored_as_json;
use super::error::ReadError;
use super::rows::{readable, rows, unreadable};
use super::seal::Cell;

stored_as_json!(Device);

pub(super) fn put(transaction: &Transaction<'_>, device: &Device) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached("REPLACE INTO devices (id, device) VALUES (?, ?)")?;
    statement.execute(params![device.id, device]).map(|_| ())
}

pub(super) fn delete(transaction: &Transaction<'_>, id: DeviceId) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM devices WHERE id = ?")?.execute([id]).map(|_| ())
}

/// Grants and slots hang on a device: without it there is nothing to go on from.
pub(super) fn load(connection: &Connection) -> Result<Vec<Device>, ReadError> {
    rows(connection, "SELECT id, device FROM devices ORDER BY id", |row| {
        let id: String = row.get("id")?;
        readable(row, "device")?.ok_or_else(|| unreadable(Cell { table: "devices", row: &id, column: "device" }))
    })
}
