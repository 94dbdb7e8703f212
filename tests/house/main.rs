//! The whole daemon in a simulated house, in virtual time: every fault happens on purpose.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has said what is wrong"
)]

mod power_cuts;
#[path = "../support/mod.rs"]
mod support;
mod walk;
