//! Devices that are expected to join by SmartStart.

use rusqlite::{Connection, Row, Transaction, named_params};

use crate::domain::batch::Damage;
use crate::domain::ids::ProvisioningId;
use crate::domain::provisioning::{Label, Provisioned, ProvisioningState, ScannedProduct};
use crate::security::dsk::Dsk;
use crate::security::keys::KeyMask;

use super::columns::stored_as_json;
use super::error::ReadError;
use super::rows::{readable, readable_rows};
use super::seal::{Cell, Sealer};

stored_as_json!(ProvisioningState, ScannedProduct);

pub(super) fn put(transaction: &Transaction<'_>, sealer: &mut Sealer, expected: &Provisioned) -> rusqlite::Result<()> {
    let row = expected.id.to_string();
    let dsk = sealer.seal(dsk_cell(&row), expected.label.dsk.reveal())?;
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

pub(super) fn delete(transaction: &Transaction<'_>, id: ProvisioningId) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM provisioning WHERE id = ?")?.execute([id]).map(|_| ())
}

pub(super) fn load(connection: &Connection, sealer: &Sealer, damage: &mut Vec<Damage>) -> Result<Vec<Provisioned>, ReadError> {
    readable_rows(connection, "SELECT * FROM provisioning ORDER BY added_at, id", |row| provisioned(row, sealer, damage))
}

fn provisioned(row: &Row<'_>, sealer: &Sealer, damage: &mut Vec<Damage>) -> Result<Option<Provisioned>, ReadError> {
    let id: ProvisioningId = row.get("id")?;
    let name = row.get("name")?;
    let dsk = sealer.open(dsk_cell(&id.to_string()), &row.get::<_, Vec<u8>>("dsk")?);
    let dsk = dsk.and_then(|dsk| dsk.as_slice().try_into().ok().map(Dsk::new));
    let (Some(dsk), Some(product), Some(state)) = (dsk, readable(row, "product")?, readable(row, "state")?) else {
        damage.push(Damage::Label { id, name });
        return Ok(None);
    };
    let label = Label { dsk, keys: KeyMask(row.get("keys")?), long_range: row.get("long_range")?, product };
    Ok(Some(Provisioned { id, label, name, added_at: row.get("added_at")?, state }))
}

/// Whether there are device-specific keys here, which need the store key.
pub(super) fn has_sealed_rows(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM provisioning)", [], |row| row.get(0))
}

fn dsk_cell(row: &str) -> Cell<'_> {
    Cell { table: "provisioning", row, column: "dsk" }
}
