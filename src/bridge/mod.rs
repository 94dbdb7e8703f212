//! (to be written)

pub mod ask;
