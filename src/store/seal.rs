//! Encryption at rest: XChaCha20-Poly1305 over one value at a time, tied to the place the value is stored in.
//!
//! A sealed value is `0x01 | nonce (24) | ciphertext | tag (16)`; the first byte numbers this format. The associated data
//! is table, row and column, so a value that was moved to another row does not open there.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::domain::entropy::{Entropy, keyed_hash};

use super::store_key::StoreKey;

const FORMAT: u8 = 1;

/// Where a sealed value is stored.
#[derive(Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) table: &'static str,
    pub(super) row: &'a str,
    pub(super) column: &'static str,
}

/// Seals and opens values under the store key.
pub(super) struct Sealer {
    cipher: XChaCha20Poly1305,
    nonce_key: Zeroizing<[u8; 32]>,
    entropy: Entropy,
}

impl Sealer {
    /// A sealer under `key`; `entropy` gives the nonces.
    pub(super) fn new(key: &StoreKey, entropy: Entropy) -> Self {
        let cipher_key = Zeroizing::new(keyed_hash(key.reveal(), b"latchkey seal"));
        Self {
            cipher: XChaCha20Poly1305::new(&(*cipher_key).into()),
            nonce_key: Zeroizing::new(keyed_hash(key.reveal(), b"latchkey nonce")),
            entropy,
        }
    }

    /// Seals `plain` for `cell`.
    pub(super) fn seal(&mut self, cell: Cell<'_>, plain: &[u8]) -> rusqlite::Result<Vec<u8>> {
        let place = cell.associated_data();
        let nonce = self.nonce(&place, plain);
        let ciphertext = self
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &place })
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        Ok([&[FORMAT], nonce.as_slice(), &ciphertext].concat())
    }

    /// Opens what [`Self::seal`] made for the same cell; `None` if anything about it is different.
    pub(super) fn open(&self, cell: Cell<'_>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (&FORMAT, rest) = sealed.split_first()? else { return None };
        let (nonce, ciphertext) = rest.split_first_chunk::<24>()?;
        let payload = Payload { msg: ciphertext, aad: &cell.associated_data() };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
    }

    /// A random nonce, hashed with what it will seal: a source of randomness that repeats (a cloned machine, a seeded
    /// test) repeats a nonce only for the same value in the same place, which gives nothing away.
    fn nonce(&mut self, place: &[u8], plain: &[u8]) -> [u8; 24] {
        let random = self.entropy.bytes::<24>();
        let length = u64::try_from(place.len()).unwrap_or(u64::MAX).to_be_bytes();
        let message = Zeroizing::new([random.as_slice(), &length, place, plain].concat());
        let mut nonce = [0; 24];
        nonce.iter_mut().zip(keyed_hash(&self.nonce_key, &message)).for_each(|(to, from)| *to = from);
        nonce
    }
}

impl Cell<'_> {
    /// Names hold no NUL, so no two cells share these bytes.
    fn associated_data(self) -> Vec<u8> {
        [self.table, self.row, self.column].join("\0").into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELL: Cell<'_> = Cell { table: "credentials", row: "a", column: "code" };

    fn sealer(key: u8, seed: u64) -> Sealer {
        Sealer::new(&StoreKey::from_bytes([key; 32]), Entropy::from_number(seed))
    }

    #[test]
    fn a_value_moved_to_another_place_does_not_open() {
        let mut sealer = sealer(1, 1);
        let sealed = sealer.seal(CELL, b"4821").unwrap();
        assert_eq!(sealer.open(CELL, &sealed).unwrap().as_slice(), b"4821");
        assert!(sealer.open(Cell { row: "b", ..CELL }, &sealed).is_none());
        assert!(sealer.open(Cell { column: "fingerprint", ..CELL }, &sealed).is_none());
        assert!(sealer.open(Cell { table: "slots", ..CELL }, &sealed).is_none());
    }

    #[test]
    fn a_damaged_or_cut_value_is_refused_and_never_half_read() {
        let mut sealer = sealer(1, 1);
        let sealed = sealer.seal(CELL, b"4821").unwrap();
        for cut in 0..sealed.len() {
            assert!(sealer.open(CELL, &sealed[..cut]).is_none(), "opened with {cut} bytes");
        }
        for flipped in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[flipped] ^= 0x10;
            assert!(sealer.open(CELL, &damaged).is_none(), "opened with byte {flipped} damaged");
        }
    }

    #[test]
    fn another_key_opens_nothing() {
        let sealed = sealer(1, 1).seal(CELL, b"4821").unwrap();
        assert!(sealer(2, 1).open(CELL, &sealed).is_none());
    }

    #[test]
    fn the_same_code_twice_does_not_look_the_same_on_the_card() {
        let mut sealer = sealer(1, 1);
        assert_ne!(sealer.seal(CELL, b"4821").unwrap()[1..], sealer.seal(CELL, b"4821").unwrap()[1..]);
    }

    #[test]
    fn randomness_that_repeats_after_a_restart_does_not_repeat_a_nonce() {
        let nonce = |code: &[u8]| sealer(1, 1).seal(CELL, code).unwrap()[1..25].to_vec();
        assert_ne!(nonce(b"4821"), nonce(b"4822"));
    }
}
