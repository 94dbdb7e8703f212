//! Latchkey against a peer that nobody here wrote: Z-Wave JS mock locks (`tests/lab`), a real mosquitto, real processes.
//!
//! Each test owns its peer, its broker, its daemon and its folder; all of them end with it. A part that is missing on this
//! machine fails the test and says how to get it: `tests/run` installs everything.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a panic is the verdict")]
#![expect(clippy::disallowed_methods, reason = "these tests watch real processes in real time")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the test runner shows it beside a failure")]

mod harness;

mod bad_input;
mod codes;
mod cost;
mod credentials;
mod demo;
mod durable;
mod events;
mod import;
mod join;
mod kill;
mod lab_itself;
mod manager;
mod outage;
mod peer;
mod s0;
mod secured;
mod simulate;
mod slow_disk;
mod store_trouble;
mod unplug;
