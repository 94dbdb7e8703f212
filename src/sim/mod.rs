//! A simulated stick with locks, in memory: `latchkey demo`, tests in virtual time, and later `latchkey simulate`.
//!
//! | file | what |
//! | --- | --- |
//! | [`world`] | stick, air and locks under one clock from outside |
//! | [`stick`] | what the stick answers the host |
//! | [`line`] | the stick's ACK, NAK and CAN |
//! | [`air`] | one transmission at a time: beams, loss, duplication, all from a seed |
//! | [`lock`] | a lock as a list of behaviours, with a memory that survives power cuts |
//! | [`chip`], [`model`] | which stick and which lock: abilities and quirks as data |
//!
//! Pure: time and randomness come in as arguments. The codecs are the daemon's own, so a mistake in them can hide here:
//! the interop tests run against a peer that nobody here wrote, too.

pub mod air;
pub mod chip;
pub mod device;
pub mod joiner;
pub mod line;
pub mod lock;
pub mod model;
pub mod stick;
pub mod world;

pub use world::{Blueprint, World};
