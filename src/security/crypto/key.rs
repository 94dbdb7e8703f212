//! The type that holds every AES key, from the file it is read from to the cipher.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::BLOCK;

/// An AES-128 key, or sixteen bytes as secret as one. Not printed, wiped on drop, compared in constant time.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; BLOCK]);

impl Key {
    /// The key with these bytes.
    pub const fn from_bytes(bytes: [u8; BLOCK]) -> Self {
        Self(bytes)
    }

    /// The bytes. Only for a cipher, the encrypted key transfer, and the sealed store.
    pub const fn reveal(&self) -> &[u8; BLOCK] {
        &self.0
    }
}

impl ConstantTimeEq for Key {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_shows_in_debug_output() {
        assert_eq!(format!("{:?} {:#?}", Key([0x33; 16]), Some(Key([51; 16]))), "Key(..) Some(\n    Key(..),\n)");
    }
}
