//! Z-Wave's two security classes, as values and pure machines: keys, nonces, sealing and opening, and how a joining
//! node gets its keys. No clock, no radio, no randomness of their own: bytes, moments and entropy come in as arguments.
//!
//! | file | what |
//! | --- | --- |
//! | `crypto` | AES-128 and Curve25519, and the derivations of S2 from them |
//! | `keys` | the keys of a network, and which protects what |
//! | `key_file` | keys as text: what an operator brings, and what is exported and sealed |
//! | `dsk`, `qr` | what is printed on a device: its key, its PIN, its QR code |
//! | `s0` | Security 0: frames, nonces, the talk with one node, and how it gets the key |
//! | `span`, `mpan` | the nonces shared with one peer, and with a multicast group of its |
//! | `repeats` | frames that arrive twice |
//! | `s2` | sealing and opening with one peer, and finding together again |
//! | `key_exchange` | how a node that was just added gets its keys |

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

/// Bytes that nobody can guess and that never come twice: nonces and keys are only as good as these. The daemon has
/// [`Entropy`]; a recorded dialogue brings its own.
pub trait Fresh {
    /// The next `N` bytes.
    fn fresh<const N: usize>(&mut self) -> [u8; N];
}

impl Fresh for Entropy {
    fn fresh<const N: usize>(&mut self) -> [u8; N] {
        self.bytes()
    }
}
