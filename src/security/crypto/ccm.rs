//! CCM as S2 uses it: a nonce of 13 bytes, a tag of 8 (docs/protocol/security.md B6).

use ::aes::Aes128;
use ::ccm::aead::{Aead, KeyInit, Payload};
use ::ccm::consts::{U8, U13};
use zeroize::Zeroizing;

use super::Key;

/// Length of a nonce.
pub const NONCE: usize = 13;
/// Length of the tag behind the ciphertext.
pub const TAG: usize = 8;

type Ccm = ::ccm::Ccm<Aes128, U8, U13>;

/// Ciphertext and tag of `plain`; `aad` is authenticated with it. `None` above the maximum length of CCM, 65535 bytes.
pub fn seal(key: &Key, nonce: &[u8; NONCE], aad: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    Ccm::new(&(*key.reveal()).into()).encrypt(&(*nonce).into(), Payload { msg: plain, aad }).ok()
}

/// The plain text of ciphertext and tag; `None` if authentication fails.
pub fn open(key: &Key, nonce: &[u8; NONCE], aad: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    Ccm::new(&(*key.reveal()).into()).decrypt(&(*nonce).into(), Payload { msg: sealed, aad }).ok().map(Zeroizing::new)
}
