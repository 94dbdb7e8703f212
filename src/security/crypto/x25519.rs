//! Curve25519: the key agreement of S2 bootstrapping (docs/protocol/security.md B3 step 1). Keys are raw,
//! little-endian.

use std::fmt;

use x25519_dalek::{PublicKey as Point, StaticSecret};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Length of either key.
pub const KEY: usize = 32;

/// A private key, wiped on drop.
#[derive(Clone)]
pub struct PrivateKey(StaticSecret);

impl PrivateKey {
    /// The key with these bytes, which should be random.
    pub fn from_bytes(bytes: [u8; KEY]) -> Self {
        Self(StaticSecret::from(bytes))
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(Point::from(&self.0).to_bytes())
    }

    /// The shared secret, which the owner of `theirs` computes, too. `None` for a point of small order, whose shared
    /// secret is public.
    pub fn agree(&self, theirs: &PublicKey) -> Option<SharedSecret> {
        let shared = self.0.diffie_hellman(&Point::from(theirs.0));
        shared.was_contributory().then(|| SharedSecret(shared.to_bytes()))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

/// A public key. The first two bytes of a joining node's public key are its PIN and are not sent by radio.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(pub [u8; KEY]);

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(..)")
    }
}

/// The shared secret; only used for derivations.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SharedSecret([u8; KEY]);

impl SharedSecret {
    /// The secret with these bytes, for tests with known answers.
    pub const fn from_bytes(bytes: [u8; KEY]) -> Self {
        Self(bytes)
    }

    /// The bytes. Only to derive keys from.
    pub const fn reveal(&self) -> &[u8; KEY] {
        &self.0
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_that_makes_the_secret_public_is_refused() {
        let ours = PrivateKey::from_bytes([7; KEY]);
        let mut one = [0; KEY];
        one[0] = 1;
        for small in [[0; KEY], one] {
            assert!(ours.agree(&PublicKey(small)).is_none());
        }
        assert!(ours.agree(&PrivateKey::from_bytes([8; KEY]).public()).is_some());
    }

    #[test]
    fn nothing_of_a_key_shows_in_debug_output() {
        let ours = PrivateKey::from_bytes([7; KEY]);
        let shared = ours.agree(&ours.public()).unwrap();
        assert_eq!(format!("{ours:?} {:?} {shared:?}", ours.public()), "PrivateKey(..) PublicKey(..) SharedSecret(..)");
    }
}
