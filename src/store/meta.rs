//! The few values the database has once.

use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, ToSql, params};

pub(super) const HUB: &str = "hub";
/// When the database was made.
pub(super) const MADE_AT: &str = "made_at";
/// Number of the last accepted change.
pub(super) const GENERATION: &str = "generation";
/// Home id of the network.
pub(super) const HOME: &str = "home";
/// No earlier than this.
pub(super) const HIGH_WATER: &str = "high_water";
/// The boot in which the database was last written.
pub(super) const BOOT: &str = "boot";
/// How many events were dropped from the outbox.
pub(super) const DROPPED: &str = "dropped";
/// When the last one was.
pub(super) const DROPPED_AT: &str = "dropped_at";
/// How many commits changed what is wanted or known: compared with the mark beside the database.
pub(super) const COMMITS: &str = "commits";
/// When an older copy was found in the database's place.
pub(super) const OLDER_COPY_FOUND: &str = "older_copy_found";
/// The key of code fingerprints, sealed.
pub(super) const FINGERPRINT_KEY: &str = "fingerprint_key";
/// The keys of the network, sealed: the text of a key file.
pub(super) const NETWORK_KEYS: &str = "network_keys";
/// A sealed value that is known beforehand: the right key opens it, any other does not.
pub(super) const CANARY: &str = "canary";

pub(super) fn put(connection: &Connection, key: &str, value: &dyn ToSql) -> rusqlite::Result<()> {
    connection.prepare_cached("REPLACE INTO meta (key, value) VALUES (?, ?)")?.execute(params![key, value]).map(|_| ())
}

/// The value, if it was ever set.
pub(super) fn value<T: FromSql>(connection: &Connection, key: &str) -> rusqlite::Result<Option<T>> {
    connection.prepare_cached("SELECT value FROM meta WHERE key = ?")?.query_row([key], |row| row.get(0)).optional()
}
