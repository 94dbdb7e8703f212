//! Z-Wave's two security classes, as values and pure machines: keys, nonces, sealing and opening, and how a joining
//! node gets its keys. No clock, no radio, no randomness of their own: bytes, moments and entropy come in as arguments.
//!
//! | file | what |
//! | --- | --- |
//! | `crypto` | AES-128 and Curve25519, and the derivations of S2 from them |
//! | `dsk`, `qr` | what is printed on a device: its key, its PIN, its QR code |
//! | `s0` | Security 0: frames, nonces, the talk with one node, and how it gets the key |

pub mod crypto;
pub mod dsk;
pub mod qr;
pub mod s0;
