//! The whole daemon in a simulated house, in virtual time: every fault happens on purpose.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that panics has said what is wrong, and its figures are for whoever runs it"
)]

mod large;
mod power_cuts;
mod scenarios;
mod stores;
#[path = "../support/mod.rs"]
mod support;
mod walk;
mod year;
