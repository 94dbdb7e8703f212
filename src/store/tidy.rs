//! Housekeeping in small steps, for moments when nobody waits: old rows go, their pages go back to the card, and the log
//! is copied into the database, so that no commit has to do it while somebody stands at a door.

use rusqlite::{TransactionBehavior, named_params};

use crate::domain::batch::Retention;
use crate::domain::time::Timestamp;

use super::error::CommitError;
use super::journal::Source;
use super::{Store, with_suffix};

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

impl Store {
    /// One small step. `now` is a time to be trusted; without it nothing goes for its age.
    ///
    /// An event that waits for the broker stays, and of a slot's history what says whose it is.
    pub fn tidy(&mut self, keep: &Retention, now: Option<Timestamp>) -> Result<Tidied, CommitError> {
        if self.forget(keep, now)? || self.give_pages_back()? {
            return Ok(Tidied::More);
        }
        self.copy_log()?;
        if let Some(Err(error)) = self.mark.as_mut().map(super::mark::Mark::sync) {
            tracing::warn!(%error, "the mark beside the database did not reach the card");
        }
        Ok(Tidied::Done)
    }

    fn forget(&mut self, keep: &Retention, now: Option<Timestamp>) -> Result<bool, CommitError> {
        // Nothing was written before 1970: without a time nothing is too old.
        let since = now.map(|now| now.before(keep.age)).unwrap_or_default();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut gone = 0;
        for table in FORGET {
            let mut statement = transaction.prepare_cached(table)?;
            gone += statement.execute(named_params! { ":since": since, ":most": keep.events, ":rows": ROWS })?;
        }
        if gone == 0 {
            return Ok(false);
        }
        transaction.commit()?;
        Ok(true)
    }

    fn give_pages_back(&self) -> rusqlite::Result<bool> {
        let free: u32 = self.connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        if free <= SPARE {
            return Ok(false);
        }
        // Each row of the answer is a page that went back.
        let mut statement = self.connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        drop(rows);
        let left: u32 = self.connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        Ok(left < free)
    }

    fn copy_log(&self) -> rusqlite::Result<()> {
        let Source::File(path) = &self.source else { return Ok(()) };
        let log = std::fs::metadata(with_suffix(path, "-wal")).map_or(0, |metadata| metadata.len());
        if log > SHORT_LOG {
            // Somebody who reads a long list holds it up: then the next step does it.
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        Ok(())
    }
}

/// Each takes :since, :most and :rows. Rows are numbered in the order of writing, so that the oldest are found without
/// counting.
const FORGET: [&str; 3] = [
    "DELETE FROM events WHERE seq IN (
         SELECT seq FROM events
         WHERE (at < :since OR seq <= (SELECT max(seq) FROM events) - :most) AND id NOT IN (SELECT event FROM outbox)
         ORDER BY seq LIMIT :rows)",
    "DELETE FROM audit WHERE seq IN (
         SELECT seq FROM audit
         WHERE at < :since OR seq <= (SELECT max(seq) FROM audit) - :most
         ORDER BY seq LIMIT :rows)",
    "DELETE FROM slot_owners WHERE :most > 0 AND seq IN (
         SELECT old.seq FROM slot_owners AS old
         WHERE old.since < :since AND EXISTS (
             SELECT 1 FROM slot_owners AS newer
             WHERE newer.device = old.device AND newer.dialect = old.dialect AND newer.user = old.user
               AND newer.kind = old.kind AND newer.number = old.number
               AND newer.since <= :since AND (newer.since, newer.seq) > (old.since, old.seq))
         LIMIT :rows)",
];
