//! The journal: what happened at the doors.

use rusqlite::{Connection, Row, ToSql, Transaction, named_params};

use crate::domain::event::Event;
use crate::domain::ids::{DeviceId, EventId, PersonId};
use crate::domain::time::Timestamp;

use super::columns::stored_as_json;
use super::error::ReadError;
use super::page::{PAGE_LIMIT, Page, page, rows_of_page};

stored_as_json!(Event);

/// Which end of the journal comes first.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Order {
    /// Lists on a screen.
    #[default]
    NewestFirst,
    OldestFirst,
}

/// Which events are wanted. The default is the newest [`PAGE_LIMIT`].
#[derive(Clone, Debug)]
pub struct EventQuery {
    /// Not older than this.
    pub since: Option<Timestamp>,
    /// Strictly older than this.
    pub before: Option<Timestamp>,
    /// Only what this person did.
    pub person: Option<PersonId>,
    /// Only what happened there.
    pub device: Option<DeviceId>,
    /// Go on after this event, in the order asked: a page's `next`, or the last event a follower saw.
    pub after: Option<EventId>,
    pub order: Order,
    /// How many at most; above [`PAGE_LIMIT`] counts as that.
    pub limit: u32,
}

impl Default for EventQuery {
    fn default() -> Self {
        Self { since: None, before: None, person: None, device: None, after: None, order: Order::default(), limit: PAGE_LIMIT }
    }
}

pub(super) fn add(transaction: &Transaction<'_>, event: &Event) -> rusqlite::Result<()> {
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

/// A page of the journal.
pub(super) fn query(connection: &Connection, query: &EventQuery) -> Result<Page<Event, EventId>, ReadError> {
    let limit = rows_of_page(query.limit);
    // One row more than asked tells whether another page follows.
    let fetched = limit + 1;
    let mut sql = String::from("SELECT id, event FROM events WHERE TRUE");
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":fetched", &fetched)];
    if let Some(since) = &query.since {
        sql.push_str(" AND at >= :since");
        values.push((":since", since));
    }
    if let Some(before) = &query.before {
        sql.push_str(" AND at < :before");
        values.push((":before", before));
    }
    if let Some(person) = &query.person {
        sql.push_str(" AND person = :person");
        values.push((":person", person));
    }
    if let Some(device) = &query.device {
        sql.push_str(" AND device = :device");
        values.push((":device", device));
    }
    let (beyond, direction) = match query.order {
        Order::NewestFirst => ("<", "DESC"),
        Order::OldestFirst => (">", "ASC"),
    };
    if let Some(after) = &query.after {
        // The greatest id up to the one asked for: also right when that event itself is no longer kept.
        let position = "coalesce((SELECT seq FROM events WHERE id <= :after ORDER BY id DESC LIMIT 1), 0)";
        sql.push_str(&format!(" AND seq {beyond} {position}"));
        values.push((":after", after));
    }
    sql.push_str(&format!(" ORDER BY seq {direction} LIMIT :fetched"));

    let mut statement = connection.prepare(&sql)?;
    // One damaged event does not hide the others: it is passed over.
    let whole = |row: &Row<'_>| Ok((row.get("id")?, row.get::<_, Event>("event").ok()));
    let items = statement.query_map(values.as_slice(), whole)?.collect::<Result<Vec<(EventId, Option<Event>)>, _>>()?;
    let Page { items, next } = page(items, limit, |(id, _)| *id);
    Ok(Page { items: items.into_iter().filter_map(|(_, event)| event).collect(), next })
}

/// An event that waits for the broker stays.
pub(super) const TIDY: &str = "DELETE FROM events WHERE seq IN (
         SELECT seq FROM events
         WHERE (at < :since OR seq <= (SELECT max(seq) FROM events) - :most) AND id NOT IN (SELECT event FROM outbox)
         ORDER BY seq LIMIT :rows)";
