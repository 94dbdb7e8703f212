//! Housekeeping in small steps, for moments when nobody waits: old rows go, their pages go back to the card, and the log
//! is copied into the database, so that no commit has to do it while somebody stands at a door.

use rusqlite::{Connection, TransactionBehavior, named_params};

use crate::domain::batch::Retention;
use crate::domain::time::Timestamp;

use super::entities;
use super::error::CommitError;
use super::files::with_suffix;
use super::reader::Source;

/// Rows of a table that go in one step: a few milliseconds on a slow card.
const ROWS: u32 = 200;
/// Pages that go back in one step.
const PAGES: u32 = 64;
/// Free pages that are kept to be used again.
const SPARE: u32 = 256;
/// A log shorter than this is left alone.
const SHORT_LOG: u64 = 64 * 1024;

/// How a step of housekeeping ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tidied {
    /// There is more to do.
    More,
    /// Everything is in order.
    Done,
}

/// One small step on a database.
pub(super) fn step(
    connection: &mut Connection,
    source: &Source,
    keep: &Retention,
    now: Option<Timestamp>,
) -> Result<Tidied, CommitError> {
    if forget(connection, keep, now)? || give_pages_back(connection)? {
        return Ok(Tidied::More);
    }
    copy_log(connection, source)?;
    Ok(Tidied::Done)
}

fn forget(connection: &mut Connection, keep: &Retention, now: Option<Timestamp>) -> Result<bool, CommitError> {
    // Nothing was written before 1970: without a time nothing is too old.
    let since = now.map(|now| now.before(keep.age)).unwrap_or_default();
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut gone = 0;
    for table in entities::TIDY {
        let mut statement = transaction.prepare_cached(table)?;
        gone += statement.execute(named_params! { ":since": since, ":most": keep.events, ":rows": ROWS })?;
    }
    if gone == 0 {
        return Ok(false);
    }
    transaction.commit()?;
    Ok(true)
}

fn give_pages_back(connection: &Connection) -> rusqlite::Result<bool> {
    let free: u32 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    if free <= SPARE {
        return Ok(false);
    }
    // Each row of the answer is a page that went back.
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    drop(rows);
    let left: u32 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    Ok(left < free)
}

fn copy_log(connection: &Connection, source: &Source) -> rusqlite::Result<()> {
    let Source::File(path) = source else { return Ok(()) };
    let log = std::fs::metadata(with_suffix(path, "-wal")).map_or(0, |metadata| metadata.len());
    if log > SHORT_LOG {
        // Somebody who reads a long list holds it up: then the next step does it.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok(())
}
