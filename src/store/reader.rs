//! Questions about the past: events, the audit, and who owned a slot. Answered on connections of their own, read-only,
//! so that a long list never delays a turn.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, ToSql, params};

use crate::domain::batch::SlotOwner;
use crate::domain::event::Event;
use crate::domain::ids::{DeviceId, EventId, PersonId};
use crate::domain::slot::SlotKey;
use crate::domain::time::Timestamp;

use super::error::ReadError;
use super::with_suffix;

/// The most rows one page holds, whatever was asked.
pub const PAGE_LIMIT: u32 = 500;

/// Which end of the journal comes first.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Order {
    /// Lists on a screen.
    #[default]
    NewestFirst,
    /// Following along.
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
    /// Which end first.
    pub order: Order,
    /// How many at most; above [`PAGE_LIMIT`] counts as that.
    pub limit: u32,
}

impl Default for EventQuery {
    fn default() -> Self {
        Self { since: None, before: None, person: None, device: None, after: None, order: Order::default(), limit: PAGE_LIMIT }
    }
}

/// A page of rows, and where the next page begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page<T, C> {
    /// Rows, in the order asked.
    pub items: Vec<T>,
    /// What to ask for `after`; `None` when nothing follows.
    pub next: Option<C>,
}

/// One line of the audit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditEntry {
    /// Position; grows with time and is never used again.
    pub seq: i64,
    /// Who.
    pub actor: String,
    /// What they did.
    pub what: String,
    /// When.
    pub at: Timestamp,
}

/// Reads the journal. Cheap to clone. Each question opens a connection of its own and blocks, so ask from a blocking task.
#[derive(Clone, Debug)]
pub struct Reader {
    source: Source,
}

/// Where a database is, for somebody who opens it a second time.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// On disk.
    File(PathBuf),
    /// In this process: the name as a URI.
    Memory(String),
}

impl Source {
    /// Bytes of the database and its log; 0 in memory.
    pub(super) fn size(&self) -> u64 {
        let Self::File(path) = self else { return 0 };
        let len = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        len(path) + len(&with_suffix(path, "-wal"))
    }
}

impl Reader {
    /// Reads the database at `source`.
    pub(super) fn new(source: Source) -> Self {
        Self { source }
    }

    /// Events, a page at a time.
    pub fn events(&self, query: &EventQuery) -> Result<Page<Event, EventId>, ReadError> {
        let limit = query.limit.clamp(1, PAGE_LIMIT);
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

        let connection = self.connect()?;
        let mut statement = connection.prepare(&sql)?;
        // One damaged event does not hide the others: it is passed over.
        let whole = |row: &Row<'_>| Ok((row.get("id")?, row.get::<_, Event>("event").ok()));
        let items = statement.query_map(values.as_slice(), whole)?.collect::<Result<Vec<(EventId, Option<Event>)>, _>>()?;
        let Page { items, next } = page(items, limit, |(id, _)| *id);
        Ok(Page { items: items.into_iter().filter_map(|(_, event)| event).collect(), next })
    }

    /// Bytes of the database and its log.
    pub fn size(&self) -> u64 {
        self.source.size()
    }

    /// The audit, newest first; `after` is a page's `next`.
    pub fn audit(&self, after: Option<i64>, limit: u32) -> Result<Page<AuditEntry, i64>, ReadError> {
        let limit = limit.clamp(1, PAGE_LIMIT);
        let connection = self.connect()?;
        let mut statement =
            connection.prepare("SELECT seq, actor, what, at FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?")?;
        let entry = |row: &Row<'_>| {
            Ok(AuditEntry { seq: row.get("seq")?, actor: row.get("actor")?, what: row.get("what")?, at: row.get("at")? })
        };
        let items = statement.query_map(params![after.unwrap_or(i64::MAX), limit + 1], entry)?;
        Ok(page(items.collect::<Result<_, _>>()?, limit, |entry| entry.seq))
    }

    /// Who owned `slot` at that moment; `None` when nobody of ours did, or it is not known.
    pub fn slot_owner_at(&self, slot: SlotKey, at: Timestamp) -> Result<Option<SlotOwner>, ReadError> {
        let SlotKey { device, dialect, user, kind, index } = slot;
        let owner = self
            .connect()?
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

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = match &self.source {
            Source::File(path) => Connection::open_with_flags(path, flags)?,
            Source::Memory(uri) => Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?,
        };
        connection.execute_batch("PRAGMA cache_size = -256; PRAGMA temp_store = MEMORY;")?;
        Ok(connection)
    }
}

fn page<T, C>(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> C) -> Page<T, C> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(cursor);
    Page { items, next }
}
