//! People, and the codes they have.

use rusqlite::{Connection, Row, Transaction, named_params};

use crate::domain::batch::Damage;
use crate::domain::ids::{CredentialId, PersonId};
use crate::domain::person::{Contacts, Credential, Person};
use crate::domain::pin::Pin;

use super::columns::stored_as_json;
use super::error::ReadError;
use super::rows::{readable, readable_rows, rows};
use super::seal::{Cell, Sealer};

stored_as_json!(Contacts);

pub(super) fn put(transaction: &Transaction<'_>, person: &Person) -> rusqlite::Result<()> {
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

pub(super) fn delete(transaction: &Transaction<'_>, id: PersonId) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM people WHERE id = ?")?.execute([id]).map(|_| ())
}

pub(super) fn load(connection: &Connection, damage: &mut Vec<Damage>) -> Result<Vec<Person>, ReadError> {
    rows(connection, "SELECT * FROM people ORDER BY id", |row| {
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
    })
}

pub(super) fn put_credential(
    transaction: &Transaction<'_>,
    sealer: &mut Sealer,
    credential: &Credential,
) -> rusqlite::Result<()> {
    let row = credential.id.to_string();
    let code = sealer.seal(code_cell(&row), credential.pin.reveal().as_bytes())?;
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

pub(super) fn delete_credential(transaction: &Transaction<'_>, id: CredentialId) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM credentials WHERE id = ?")?.execute([id]).map(|_| ())
}

pub(super) fn load_credentials(
    connection: &Connection,
    sealer: &Sealer,
    damage: &mut Vec<Damage>,
) -> Result<Vec<Credential>, ReadError> {
    readable_rows(connection, "SELECT * FROM credentials ORDER BY id", |row| credential(row, sealer, damage))
}

fn credential(row: &Row<'_>, sealer: &Sealer, damage: &mut Vec<Damage>) -> Result<Option<Credential>, ReadError> {
    let id: CredentialId = row.get("id")?;
    let person = row.get("person")?;
    let code = sealer.open(code_cell(&id.to_string()), &row.get::<_, Vec<u8>>("code")?);
    let pin = code.and_then(|code| str::from_utf8(&code).ok().and_then(|code| Pin::parse(code).ok()));
    let Some((pin, kind)) = pin.zip(readable(row, "kind")?) else {
        damage.push(Damage::Code { credential: id, person });
        return Ok(None);
    };
    Ok(Some(Credential { id, person, kind, pin, generation: row.get("generation")? }))
}

/// Whether there are codes here, which need the store key.
pub(super) fn has_sealed_rows(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM credentials)", [], |row| row.get(0))
}

/// Whether the store key opens any code.
pub(super) fn opens_any(connection: &Connection, sealer: &Sealer) -> bool {
    let codes = rows(connection, "SELECT id, code FROM credentials", |row| {
        Ok((row.get::<_, String>("id")?, row.get::<_, Vec<u8>>("code")?))
    });
    codes.unwrap_or_default().into_iter().any(|(row, sealed)| sealer.open(code_cell(&row), &sealed).is_some())
}

fn code_cell(row: &str) -> Cell<'_> {
    Cell { table: "credentials", row, column: "code" }
}
