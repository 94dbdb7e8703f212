//! Questions about the past: events, the audit, and who owned a slot. Answered on connections of their own, read-only,
//! so that a long list never delays a turn.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::domain::batch::SlotOwner;
use crate::domain::event::Event;
use crate::domain::ids::EventId;
use crate::domain::slot::SlotKey;
use crate::domain::time::Timestamp;

use super::audit::{self, AuditEntry, AuditQuery};
use super::error::ReadError;
use super::events::{self, EventQuery};
use super::files::with_suffix;
use super::page::Page;
use super::slots;

/// Reads the journal. Cheap to clone. Each question opens a connection of its own and blocks, so ask from a blocking task.
#[derive(Clone, Debug)]
pub struct Reader {
    source: Source,
}

/// Where a database is, for somebody who opens it a second time.
#[derive(Clone, Debug)]
pub(super) enum Source {
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
        events::query(&self.connect()?, query)
    }

    /// Bytes of the database and its log.
    pub fn size(&self) -> u64 {
        self.source.size()
    }

    /// The audit, a page at a time, newest first.
    pub fn audit(&self, query: &AuditQuery) -> Result<Page<AuditEntry, i64>, ReadError> {
        audit::query(&self.connect()?, query)
    }

    /// Who owned `slot` at that moment; `None` when nobody of ours did, or it is not known.
    pub fn slot_owner_at(&self, slot: SlotKey, at: Timestamp) -> Result<Option<SlotOwner>, ReadError> {
        slots::owner_at(&self.connect()?, slot, at)
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
