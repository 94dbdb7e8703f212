//! Randomness as an argument. Made once at the edge (from the OS) or from a seed (tests, demo);
//! each purpose gets a child by label, so that one more draw in one place never changes another.

use hmac::{Hmac, KeyInit, Mac};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::Sha256;

/// A source of random bytes that was handed in.
#[derive(Clone)]
pub struct Entropy {
    seed: [u8; 32],
    rng: ChaCha20Rng,
}

impl Entropy {
    /// A source that is fully determined by `seed`.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self { seed, rng: ChaCha20Rng::from_seed(seed) }
    }

    /// A source for tests and the demo, from a number that can be printed and typed.
    pub fn from_number(n: u64) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&n.to_be_bytes());
        Self::from_seed(seed)
    }

    /// The child for one purpose. Depends on the parent's seed and the label only, not on what was drawn before.
    pub fn child(&self, label: &str) -> Self {
        Self::from_seed(keyed_hash(&self.seed, label.as_bytes()))
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// A uniform number below `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        // Numbers above the last whole multiple would favour small results: draw again.
        let zone = u64::MAX - u64::MAX % bound;
        loop {
            let n = self.rng.next_u64();
            if n < zone {
                return n % bound;
            }
        }
    }
}

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy(..)")
    }
}

/// HMAC-SHA-256 of `message`: the one keyed hash of the project (child seeds, code fingerprints).
pub fn keyed_hash(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    // A key of 32 bytes is shorter than the block, which HMAC takes as it is.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_for_one_purpose_does_not_disturb_another() {
        let mut a = Entropy::from_number(7);
        let before = a.child("backoff").bytes::<8>();
        let _ = a.bytes::<64>();
        assert_eq!(a.child("backoff").bytes::<8>(), before);
        assert_ne!(a.child("s2").bytes::<8>(), before);
    }

    #[test]
    fn hmac_matches_rfc_4231_case_2_style_padding() {
        // RFC 4231 test case 1 has a 20-byte key 0x0b..; HMAC pads keys with zeros, so 32 bytes padded equal it.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let hash = keyed_hash(&key, b"Hi There");
        assert_eq!(hash[..4], [0xb0, 0x34, 0x4c, 0x61]);
    }
}
