//! S0 and S2 as values and pure state machines: keys, nonces, encryption and decryption, and key exchange. Bytes, time
//! and entropy are arguments.
//!
//! | file | what |
//! | --- | --- |
//! | `crypto` | AES-128 and Curve25519, and the derivations of S2 |
//! | `keys` | the keys of a network, and which key protects what |
//! | `key_file` | keys as text, for import, export and the store |
//! | `dsk`, `qr` | what is printed on a device: DSK, PIN, QR code |
//! | `s0` | S0: frames, nonces, the session with one node, key transfer |
//! | `span`, `mpan` | the nonces shared with one peer, and with one of its multicast groups |
//! | `repeats` | duplicate frames |
//! | `s2` | the session with one peer: encryption, decryption, resynchronisation |
//! | `key_exchange` | S2 key exchange with a node that was just added |

pub mod crypto;
pub mod dsk;
pub mod key_exchange;
pub mod key_file;
pub mod keys;
mod mpan;
pub mod qr;
mod repeats;
pub mod s0;
pub mod s2;
mod span;

use crate::domain::entropy::Entropy;

/// A source of unpredictable bytes that do not repeat, for nonces and keys. The daemon uses [`Entropy`]; recorded test
/// sessions bring their own.
pub trait Fresh {
    /// The next `N` bytes.
    fn fresh<const N: usize>(&mut self) -> [u8; N];
}

impl Fresh for Entropy {
    fn fresh<const N: usize>(&mut self) -> [u8; N] {
        self.bytes()
    }
}
