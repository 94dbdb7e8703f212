//! Events that wait for the broker, in the order of writing.

use rusqlite::{Connection, Transaction};

use crate::domain::batch::Damage;
use crate::domain::event::Event;
use crate::domain::ids::EventId;

use super::error::ReadError;
use super::rows::{readable, readable_rows};

/// Not an error where it waits already.
pub(super) fn add(transaction: &Transaction<'_>, event: EventId) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached("INSERT INTO outbox (event) VALUES (?) ON CONFLICT DO NOTHING")?;
    statement.execute([event]).map(|_| ())
}

pub(super) fn delete(transaction: &Transaction<'_>, event: EventId) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM outbox WHERE event = ?")?.execute([event]).map(|_| ())
}

pub(super) fn load(connection: &Connection, damage: &mut Vec<Damage>) -> Result<Vec<Event>, ReadError> {
    let sql = "SELECT outbox.event AS id, events.event FROM outbox JOIN events ON events.id = outbox.event ORDER BY outbox.seq";
    readable_rows(connection, sql, |row| {
        let event = readable(row, "event")?;
        if event.is_none() {
            damage.push(Damage::WaitingEvent(row.get("id")?));
        }
        Ok(event)
    })
}
