//! Derivations of S2 from keys and entropy (docs/protocol/security.md B3 steps 2–6). Every derivation is a chain of
//! CMACs over a constant.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::ctr_drbg::SEED;
use super::x25519::{PublicKey, SharedSecret};
use super::{BLOCK, Key, aes};

const TEMP_EXTRACT: u8 = 0x33;
const TEMP_EXPAND: u8 = 0x88;
const NETWORK_KEY_EXPAND: u8 = 0x55;
/// The extract step for nonces.
const NONCE_EXTRACT: u8 = 0x26;

/// Sixteen random bytes that one side contributes to a nonce generator. Sent unencrypted, never used twice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EntropyInput(pub [u8; BLOCK]);

impl fmt::Debug for EntropyInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EntropyInput(..)")
    }
}

/// The part of a generator's seed that depends on the key.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Personalization([u8; SEED]);

impl Personalization {
    /// The bytes. Only to seed a generator.
    pub const fn reveal(&self) -> &[u8; SEED] {
        &self.0
    }
}

impl fmt::Debug for Personalization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Personalization(..)")
    }
}

/// The keys that protect frames, expanded from a network key or from a key agreement.
#[derive(Clone, Debug)]
pub struct ExpandedKey {
    pub ccm: Key,
    /// Seeds the generator of single-cast nonces.
    pub personalization: Personalization,
    pub mpan: Key,
}

impl ExpandedKey {
    pub fn of_network_key(network_key: &Key) -> Self {
        Self::expand(network_key, NETWORK_KEY_EXPAND)
    }

    pub fn temporary(prk: &TempPrk) -> Self {
        Self::expand(&prk.0, TEMP_EXPAND)
    }

    fn expand(key: &Key, constant: u8) -> Self {
        let [t1, t2, t3, t4] = chain(key, constant, None);
        Self { ccm: Key::from_bytes(t1), personalization: Personalization(pair(t2, t3)), mpan: Key::from_bytes(t4) }
    }
}

/// The result of the key agreement of a key exchange.
#[derive(Clone, Debug)]
pub struct TempPrk(Key);

impl TempPrk {
    /// CKDF-TempExtract. The joining node's key is complete: its first two bytes are restored from the PIN.
    pub fn extract(shared: &SharedSecret, including: &PublicKey, joining: &PublicKey) -> Self {
        let key = Key::from_bytes([TEMP_EXTRACT; BLOCK]);
        Self(Key::from_bytes(aes::cmac(&key, &[shared.reveal(), &including.0, &joining.0])))
    }

    /// The bytes, for tests with known answers.
    pub fn reveal(&self) -> &[u8; BLOCK] {
        self.0.reveal()
    }

    /// The key with these bytes, for tests with known answers.
    pub fn from_bytes(bytes: [u8; BLOCK]) -> Self {
        Self(Key::from_bytes(bytes))
    }
}

/// The entropy of both sides, combined.
#[derive(Clone, Debug)]
pub struct NoncePrk(Key);

impl NoncePrk {
    /// `sender` is the entropy of the node that sends the first encrypted frame, `receiver` that of the Nonce Report.
    pub fn extract(sender: &EntropyInput, receiver: &EntropyInput) -> Self {
        let key = Key::from_bytes([NONCE_EXTRACT; BLOCK]);
        Self(Key::from_bytes(aes::cmac(&key, &[&sender.0, &receiver.0])))
    }

    /// CKDF-MEI: the mixed entropy input.
    pub fn mixed_entropy(&self) -> MixedEntropy {
        let [t1, t2] = chain(&self.0, TEMP_EXPAND, Some(0));
        MixedEntropy(pair(t1, t2))
    }

    /// The bytes, for tests with known answers.
    pub fn reveal(&self) -> &[u8; BLOCK] {
        self.0.reveal()
    }
}

/// The seed of a nonce generator, without the key's personalisation string.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MixedEntropy([u8; SEED]);

impl MixedEntropy {
    /// The bytes. Only to seed a generator.
    pub const fn reveal(&self) -> &[u8; SEED] {
        &self.0
    }
}

impl fmt::Debug for MixedEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MixedEntropy(..)")
    }
}

/// `N` CMACs, each over the previous one, fifteen times the constant, and a counter from 1. Before the first there is
/// nothing, or the constant and the number `zeroth`.
fn chain<const N: usize>(key: &Key, constant: u8, zeroth: Option<u8>) -> [[u8; BLOCK]; N] {
    let constants = [constant; BLOCK - 1];
    let mut before = zeroth.map(|number| [&constants[..], &[number]].concat()).unwrap_or_default();
    let mut links = [[0; BLOCK]; N];
    for (link, number) in links.iter_mut().zip(1_u8..) {
        *link = aes::cmac(key, &[&before, &constants, &[number]]);
        before.zeroize();
        before = link.to_vec();
    }
    before.zeroize();
    links
}

fn pair(first: [u8; BLOCK], second: [u8; BLOCK]) -> [u8; SEED] {
    let mut both = [0; SEED];
    both.iter_mut().zip(first.into_iter().chain(second)).for_each(|(to, from)| *to = from);
    both
}
