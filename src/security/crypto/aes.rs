//! AES-128: one block, output feedback, and the two MACs.

use ::aes::Aes128;
use cbc_mac::CbcMac;
use cipher::{BlockCipherEncrypt, KeyInit, KeyIvInit, StreamCipher};
use cmac::{Cmac, Mac};
use ofb::Ofb;

use super::{BLOCK, Key};

/// One block in electronic code book mode.
pub fn ecb(key: &Key, block: &[u8; BLOCK]) -> [u8; BLOCK] {
    let mut block = (*block).into();
    Aes128::new(&(*key.reveal()).into()).encrypt_block(&mut block);
    block.into()
}

/// Output feedback, which is its own inverse: encrypts or decrypts `data` where it stands. Any length, no padding.
pub fn ofb(key: &Key, iv: &[u8; BLOCK], data: &mut [u8]) {
    Ofb::<Aes128>::new(&(*key.reveal()).into(), &(*iv).into()).apply_keystream(data);
}

/// The last block of CBC from a zero IV, over `message` padded with zeros. S0 uses the first eight bytes
/// (docs/protocol/security.md A3). Only secure for messages that contain their own length, as those of S0 do.
pub fn cbc_mac(key: &Key, message: &[u8]) -> [u8; BLOCK] {
    let mut mac = CbcMac::<Aes128>::new(&(*key.reveal()).into());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// CMAC (RFC 4493) over the `parts`, one after the other.
pub fn cmac(key: &Key, parts: &[&[u8]]) -> [u8; BLOCK] {
    let mut mac = Cmac::<Aes128>::new(&(*key.reveal()).into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}
