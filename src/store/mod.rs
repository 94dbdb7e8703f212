//! The durable floor: SQLite, synchronous. Applies a batch as one transaction, loads a state.
//!
//! - **One writer.** [`Store`] belongs to the task that owns the bridge; a lock file keeps a second daemon out.
//!   [`Reader`]s answer questions about the past on connections of their own and never delay a turn.
//! - **Durable.** WAL with `synchronous=FULL`: when [`Store::apply`] returns, the batch is on the card. When it fails,
//!   nothing of it is there, and [`Store::load`] gives the state to go on from.
//! - **Sealed.** Codes and network keys never reach SQLite in clear. Each is encrypted for the one cell it lies in, under a
//!   key from a systemd credential or a key file. Where there are sealed rows and no key, opening fails: a new key is made
//!   only for a database that has nothing to open.
//! - **Forms that last.** Every word in the database is spelled out where its type is defined, and `tests/words.rs` lists
//!   them. `schema/` has the tables, and the steps from each version to the next. Databases of earlier versions are kept in
//!   `tests/data/stores`.
//!
//! | file | what |
//! | --- | --- |
//! | `database` | the open database: opened, written to, read back |
//! | `entities` | the list of what is stored: which file writes and reads which row |
//! | `people`, `devices`, `nodes`, `provisioning`, `grants`, `slots`, `events`, `outbox`, `audit`, `keys`, `meta` | one entity each: its columns, how a row is written, how all are read |
//! | `columns`, `rows`, `page` | what they share: forms of values, damaged rows, long lists |
//! | `reader` | questions about the past |
//! | `schema` | from each version of the schema to the next |
//! | `store_key`, `seal`, `report` | the key of what is sealed, how it is sealed, and what that is worth |
//! | `mark` | an older copy of the database is noticed |
//! | `tidy` | what is too old goes, and its room goes back |
//! | `files`, `error` | files around the database, and what can go wrong |
//!
//! A table is added in five steps: its row in [`Write`](crate::domain::batch::Write) and
//! [`Snapshot`](crate::domain::batch::Snapshot), a step in `schema/`, a file here, its lines in `entities`, and the map in
//! [`State`](crate::bridge::state::State).

mod audit;
mod columns;
mod database;
mod devices;
mod entities;
mod error;
mod events;
mod files;
mod grants;
mod keys;
mod mark;
mod meta;
mod nodes;
mod outbox;
mod page;
mod people;
mod provisioning;
mod reader;
mod report;
mod rows;
mod schema;
mod seal;
mod slots;
mod store_key;
mod tidy;

#[cfg(test)]
mod tests;

pub use audit::{AuditEntry, AuditQuery, RecordedActor};
pub use database::{Place, Store};
pub use error::{CommitError, KeySource, OpenError, ReadError};
pub use events::{EventQuery, Order};
pub use page::{PAGE_LIMIT, Page};
pub use reader::Reader;
pub use report::{SealReport, ThiefReadsCodes};
pub use tidy::Tidied;
