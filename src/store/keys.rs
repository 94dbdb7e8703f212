//! The keys in the database, each sealed in a row of `meta`: the proof of the store key, the key of code fingerprints, and
//! the keys of the network.

use rusqlite::Connection;
use zeroize::Zeroizing;

use crate::domain::entropy::Entropy;
use crate::domain::pin::FingerprintKey;
use crate::security::crypto::{BLOCK, Key};
use crate::security::key_file::KeyFile;
use crate::security::keys::{KeyId, NetworkKeys};

use super::error::ReadError;
use super::meta;
use super::rows::unreadable;
use super::seal::{Cell, Sealer};

/// What the proof of the store key says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Canary {
    /// There is none: the database is new, or damaged.
    Missing,
    /// The key opens it.
    Opens,
    /// It does not: another key, or a damaged row.
    DoesNotOpen,
}

/// Tries the store key.
pub(super) fn canary(connection: &Connection, sealer: &Sealer) -> rusqlite::Result<Canary> {
    Ok(match meta::value::<Vec<u8>>(connection, meta::CANARY)? {
        None => Canary::Missing,
        Some(sealed) if sealer.open(cell(meta::CANARY), &sealed).is_some() => Canary::Opens,
        Some(_) => Canary::DoesNotOpen,
    })
}

/// Writes the proof of the store key.
pub(super) fn put_canary(connection: &Connection, sealer: &mut Sealer) -> rusqlite::Result<()> {
    put(connection, sealer, meta::CANARY, b"latchkey")
}

/// Makes a key of code fingerprints, in the place of one that may be there.
pub(super) fn new_fingerprint_key(connection: &Connection, sealer: &mut Sealer, entropy: &Entropy) -> rusqlite::Result<()> {
    put(connection, sealer, meta::FINGERPRINT_KEY, &entropy.child("store/fingerprint").bytes::<32>())
}

/// The key of code fingerprints.
pub(super) fn fingerprint_key(connection: &Connection, sealer: &Sealer) -> Result<FingerprintKey, ReadError> {
    let key = required(connection, sealer, meta::FINGERPRINT_KEY)?;
    key.as_slice().try_into().map(FingerprintKey).map_err(|_| unreadable(cell(meta::FINGERPRINT_KEY)))
}

/// Whether the key of code fingerprints is there and does not open.
pub(super) fn is_fingerprint_key_damaged(connection: &Connection, sealer: &Sealer) -> rusqlite::Result<bool> {
    let sealed: Option<Vec<u8>> = meta::value(connection, meta::FINGERPRINT_KEY)?;
    Ok(sealed.is_some_and(|sealed| sealer.open(cell(meta::FINGERPRINT_KEY), &sealed).is_none_or(|key| key.len() != 32)))
}

/// Makes keys for a new network. They are made once; after that they only change if an operator brings others.
pub(super) fn new_network_keys(connection: &Connection, sealer: &mut Sealer, entropy: &Entropy) -> rusqlite::Result<()> {
    put_network_keys(connection, sealer, &NetworkKeys::generate(&mut entropy.child("store/network keys")))
}

/// Writes the keys of the network.
pub(super) fn put_network_keys(connection: &Connection, sealer: &mut Sealer, keys: &NetworkKeys) -> rusqlite::Result<()> {
    put(connection, sealer, meta::NETWORK_KEYS, KeyFile::write(keys).as_bytes())
}

/// The keys of the network.
pub(super) fn network_keys(connection: &Connection, sealer: &Sealer) -> Result<NetworkKeys, ReadError> {
    let text = required(connection, sealer, meta::NETWORK_KEYS)?;
    let keys = str::from_utf8(&text).ok().and_then(|text| KeyFile::parse(text).ok());
    // All six are written together.
    let keys = keys.filter(|keys| keys.ids().eq(KeyId::ALL)).ok_or_else(|| unreadable(cell(meta::NETWORK_KEYS)))?;
    Ok(NetworkKeys::from_fn(|id| keys.get(id).cloned().unwrap_or_else(|| Key::from_bytes([0; BLOCK]))))
}

/// Whether there are any; databases from before there were have none.
pub(super) fn has_network_keys(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(meta::value::<Vec<u8>>(connection, meta::NETWORK_KEYS)?.is_some())
}

/// Whether anything here needs the store key.
pub(super) fn has_sealed_rows(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM meta WHERE key IN (?, ?, ?))",
        [meta::CANARY, meta::FINGERPRINT_KEY, meta::NETWORK_KEYS],
        |row| row.get(0),
    )
}

/// Whether the store key opens anything but the canary.
pub(super) fn opens_any(connection: &Connection, sealer: &Sealer) -> rusqlite::Result<bool> {
    for key in [meta::FINGERPRINT_KEY, meta::NETWORK_KEYS] {
        let sealed = meta::value::<Vec<u8>>(connection, key)?;
        if sealed.is_some_and(|sealed| sealer.open(cell(key), &sealed).is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn put(connection: &Connection, sealer: &mut Sealer, key: &'static str, plain: &[u8]) -> rusqlite::Result<()> {
    let sealed = sealer.seal(cell(key), plain)?;
    meta::put(connection, key, &sealed)
}

fn required(connection: &Connection, sealer: &Sealer, key: &'static str) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    let sealed: Option<Vec<u8>> = meta::value(connection, key)?;
    sealed.and_then(|sealed| sealer.open(cell(key), &sealed)).ok_or_else(|| unreadable(cell(key)))
}

fn cell(key: &'static str) -> Cell<'static> {
    Cell { table: "meta", row: key, column: "value" }
}
