//! The durable floor: SQLite, synchronous. Applies a batch as one transaction, loads a state.

mod error;
mod journal;
mod key;

use std::path::PathBuf;

use crate::domain::batch::{Batch, Snapshot};
use crate::domain::entropy::Entropy;
use crate::domain::time::Now;

pub use error::{CommitError, OpenError, ReadError};
pub use journal::{AuditEntry, EventQuery, Order, PAGE_LIMIT, Page, Reader};
pub use key::KeySource;

/// Where the store lives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The database: `[store] path`.
    pub database: PathBuf,
    /// The key file: `[store] key_file`.
    pub key_file: PathBuf,
    /// systemd's `$CREDENTIALS_DIRECTORY`; a credential named `store.key` in it goes before the key file.
    pub credentials: Option<PathBuf>,
}

/// Whether somebody who takes the card, and nothing else, can read the codes on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ThiefReadsCodes {
    /// The key lies beside the codes.
    Yes,
    /// The key is nowhere on the card.
    No,
    /// It depends on where the key is kept, which can't be seen from here.
    Depends,
}

/// The truth about the sealing, for `latchkey status`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealReport {
    /// Where the key came from.
    pub source: KeySource,
    /// Whether a stolen card gives the codes away.
    pub thief_reads_codes: ThiefReadsCodes,
}

/// The database of one daemon, open for writing.
pub struct Store {}

impl Store {
    /// Opens the store, or makes one, and reads the state in it.
    pub fn open(place: &Place, _now: Now, _entropy: &Entropy) -> Result<(Self, Snapshot), OpenError> {
        Err(OpenError::DirectoryMissing(place.database.clone()))
    }

    /// A store that lives as long as this value: tests.
    pub fn in_memory(_entropy: &Entropy) -> Result<(Self, Snapshot), OpenError> {
        Err(OpenError::DirectoryMissing(PathBuf::new()))
    }

    /// Commits a batch as one transaction. On success it survives a power cut; on failure nothing of it is there.
    pub fn apply(&mut self, _batch: &Batch) -> Result<(), CommitError> {
        Ok(())
    }

    /// Reads the whole state, as after a start: what was being sent is now to be verified.
    pub fn load(&mut self) -> Result<Snapshot, ReadError> {
        Err(ReadError::Row { table: "meta", row: "hub".into(), why: "missing" })
    }

    /// Answers questions about the past on connections of its own.
    pub fn reader(&self) -> Reader {
        Reader {}
    }

    /// Where the key came from, and what a stolen card gives away.
    pub fn seal_report(&self) -> SealReport {
        SealReport { source: KeySource::Memory, thief_reads_codes: ThiefReadsCodes::No }
    }

    /// Calls `hook` in each commit, just before it becomes durable: tests stall the disk with it.
    pub fn before_commit(&mut self, _hook: impl FnMut() + Send + 'static) {}
}
