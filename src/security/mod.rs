//! Security of the radio network: keys, what proves and hides a frame, and how a device gets its keys. Pure: randomness and
//! time come in as arguments, frames go out as values.

pub mod dsk;
pub mod qr;
