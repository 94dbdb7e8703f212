//! The audit: who did what, to whom and to what.

use rusqlite::{Connection, Row, ToSql, Transaction, named_params};

use crate::domain::actor::Actor;
use crate::domain::audit::Act;
use crate::domain::ids::{DeviceId, GrantId, PersonId};
use crate::domain::time::Timestamp;

use super::error::ReadError;
use super::page::{PAGE_LIMIT, Page, page, rows_of_page};
use super::rows::readable;

/// One line of the audit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditEntry {
    /// Position; grows with time and is never used again.
    pub seq: i64,
    pub at: Timestamp,
    pub actor: RecordedActor,
    /// What they did: a word of [`Act::word`], or `note` for a line of an earlier version that is only text.
    pub act: String,
    /// The person that it concerns.
    pub person: Option<PersonId>,
    /// The device that it concerns.
    pub device: Option<DeviceId>,
    /// The grant that it concerns.
    pub grant: Option<GrantId>,
    /// What else is on record of it.
    pub detail: Option<String>,
}

/// Somebody who did something, as they were called then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordedActor {
    /// A word of [`Actor::kind`].
    pub kind: String,
    /// What tells one of a kind from another, where there are several.
    pub id: Option<String>,
    /// The name that people are shown.
    pub name: String,
}

/// Which lines of the audit are wanted, newest first. The default is the newest [`PAGE_LIMIT`].
#[derive(Clone, Debug)]
pub struct AuditQuery {
    /// Not older than this.
    pub since: Option<Timestamp>,
    /// Only what concerned this person.
    pub person: Option<PersonId>,
    /// Go on after this line: a page's `next`.
    pub after: Option<i64>,
    /// How many at most; above [`PAGE_LIMIT`] counts as that.
    pub limit: u32,
}

impl Default for AuditQuery {
    fn default() -> Self {
        Self { since: None, person: None, after: None, limit: PAGE_LIMIT }
    }
}

pub(super) fn add(transaction: &Transaction<'_>, actor: &Actor, act: &Act, at: Timestamp) -> rusqlite::Result<()> {
    let scope = act.scope();
    transaction
        .prepare_cached(
            "INSERT INTO audit (at, actor_kind, actor_id, actor, act, person, device, grant, detail)
             VALUES (:at, :actor_kind, :actor_id, :actor, :act, :person, :device, :grant, :detail)",
        )?
        .execute(named_params! {
            ":at": at,
            ":actor_kind": actor.kind(),
            ":actor_id": actor.id(),
            ":actor": actor.to_string(),
            ":act": act.word(),
            ":person": scope.person,
            ":device": scope.device,
            ":grant": scope.grant,
            ":detail": act.detail(),
        })?;
    Ok(())
}

/// A page of the audit, newest first.
pub(super) fn query(connection: &Connection, query: &AuditQuery) -> Result<Page<AuditEntry, i64>, ReadError> {
    let limit = rows_of_page(query.limit);
    // One row more than asked tells whether another page follows.
    let fetched = limit + 1;
    let mut sql = String::from("SELECT * FROM audit WHERE TRUE");
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":fetched", &fetched)];
    if let Some(since) = &query.since {
        sql.push_str(" AND at >= :since");
        values.push((":since", since));
    }
    if let Some(person) = &query.person {
        sql.push_str(" AND person = :person");
        values.push((":person", person));
    }
    if let Some(after) = &query.after {
        sql.push_str(" AND seq < :after");
        values.push((":after", after));
    }
    sql.push_str(" ORDER BY seq DESC LIMIT :fetched");
    let mut statement = connection.prepare(&sql)?;
    let items = statement.query_and_then(values.as_slice(), entry)?.collect::<Result<Vec<_>, ReadError>>()?;
    Ok(page(items, limit, |entry| entry.seq))
}

/// An id that is damaged costs the line nothing but that id.
fn entry(row: &Row<'_>) -> Result<AuditEntry, ReadError> {
    Ok(AuditEntry {
        seq: row.get("seq")?,
        at: row.get("at")?,
        actor: RecordedActor { kind: row.get("actor_kind")?, id: row.get("actor_id")?, name: row.get("actor")? },
        act: row.get("act")?,
        person: readable::<Option<PersonId>>(row, "person")?.flatten(),
        device: readable::<Option<DeviceId>>(row, "device")?.flatten(),
        grant: readable::<Option<GrantId>>(row, "grant")?.flatten(),
        detail: row.get("detail")?,
    })
}

pub(super) const TIDY: &str = "DELETE FROM audit WHERE seq IN (
         SELECT seq FROM audit
         WHERE at < :since OR seq <= (SELECT max(seq) FROM audit) - :most
         ORDER BY seq LIMIT :rows)";
