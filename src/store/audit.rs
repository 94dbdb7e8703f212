//! The audit: who did what.

use rusqlite::{Connection, Row, Transaction, params};

use crate::domain::time::Timestamp;

use super::error::ReadError;
use super::page::{Page, page, rows_of_page};

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

pub(super) fn add(transaction: &Transaction<'_>, actor: &str, what: &str, at: Timestamp) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached("INSERT INTO audit (at, actor, what) VALUES (?, ?, ?)")?;
    statement.execute(params![at, actor, what]).map(|_| ())
}

/// A page of the audit, newest first.
pub(super) fn query(connection: &Connection, after: Option<i64>, limit: u32) -> Result<Page<AuditEntry, i64>, ReadError> {
    let limit = rows_of_page(limit);
    let mut statement = connection.prepare("SELECT seq, actor, what, at FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?")?;
    let entry = |row: &Row<'_>| {
        Ok(AuditEntry { seq: row.get("seq")?, actor: row.get("actor")?, what: row.get("what")?, at: row.get("at")? })
    };
    let items = statement.query_map(params![after.unwrap_or(i64::MAX), limit + 1], entry)?;
    Ok(page(items.collect::<Result<_, _>>()?, limit, |entry| entry.seq))
}

pub(super) const TIDY: &str = "DELETE FROM audit WHERE seq IN (
         SELECT seq FROM audit
         WHERE at < :since OR seq <= (SELECT max(seq) FROM audit) - :most
         ORDER BY seq LIMIT :rows)";
