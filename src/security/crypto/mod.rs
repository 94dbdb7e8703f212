//! The cryptographic primitives of S0 and S2 (docs/protocol/security.md A1, A3, B3): AES-128 in the modes they use,
//! Curve25519, and the derivations of S2. Each is tested against known answers in `tests/security_vectors.rs`.

pub mod aes;
pub mod ccm;
pub mod ctr_drbg;
pub mod derive;
mod key;
pub mod x25519;

pub use key::Key;

/// The block of AES, which is also the length of its keys, of entropy inputs, and of a full MAC.
pub const BLOCK: usize = 16;
