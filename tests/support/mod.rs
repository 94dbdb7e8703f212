//! The whole daemon in virtual time: what several test programs share.

pub mod figures;
pub mod house;
pub mod nonces;
