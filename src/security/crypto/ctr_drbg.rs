//! CTR_DRBG over AES-128, without derivation function and without reseeding (NIST SP 800-90A;
//! docs/protocol/security.md B3 step 7). Not a source of randomness here: two nodes with the same seed generate the
//! same nonces.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{BLOCK, Key, aes};

/// Key and counter together.
pub const SEED: usize = 2 * BLOCK;

#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CtrDrbg {
    key: Key,
    v: u128,
}

impl CtrDrbg {
    pub fn new(entropy: &[u8; SEED], personalization: &[u8; SEED]) -> Self {
        let mut seed = *entropy;
        seed.iter_mut().zip(personalization).for_each(|(byte, other)| *byte ^= other);
        let mut drbg = Self { key: Key::from_bytes([0; BLOCK]), v: 0 };
        drbg.update(&seed);
        seed.zeroize();
        drbg
    }

    /// Fills `out` and advances the state; earlier outputs cannot be computed from the new state.
    pub fn generate(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(BLOCK) {
            let block = self.next_block();
            chunk.iter_mut().zip(block).for_each(|(to, from)| *to = from);
        }
        self.update(&[0; SEED]);
    }

    fn next_block(&mut self) -> [u8; BLOCK] {
        self.v = self.v.wrapping_add(1);
        aes::ecb(&self.key, &self.v.to_be_bytes())
    }

    fn update(&mut self, data: &[u8; SEED]) {
        let mut blocks = [self.next_block(), self.next_block()];
        blocks.iter_mut().flatten().zip(data).for_each(|(byte, other)| *byte ^= other);
        let [key, v] = blocks;
        self.key = Key::from_bytes(key);
        self.v = u128::from_be_bytes(v);
        blocks.zeroize();
    }
}

impl fmt::Debug for CtrDrbg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CtrDrbg(..)")
    }
}
