//! Latchkey keeps people's access codes true in Z-Wave locks, and tells who came, where and when.
//!
//! # Floors
//!
//! A module imports only floors below it, and its own. Floors 0 and 1 are pure: no `async`, no clock, no thread, no
//! file, no randomness of their own. `tests/layers.rs` holds this table against the code.
//!
//! | floor | modules | what |
//! | --- | --- | --- |
//! | 3 shell | [`run`], [`mqtt::client`], [`mqtt::settings`], [`mqtt::broker`], [`web`], [`cli`] | tokio, sockets, the clock, OS randomness |
//! | 2 durable | [`store`] | rusqlite, synchronous: applies a batch, loads a state |
//! | 1 machines | [`network`], [`reconcile`], [`sim`], [`bridge`], [`mqtt::topic`], [`mqtt::outbox`] | pure: (state, now, input) → what to do |
//! | 0 words | [`domain`], [`config`], [`mqtt::url`], [`serial`], [`command`], [`security`], [`import`] | values and codecs |
//!
//! # The turn
//!
//! One task owns [`bridge`]. A turn takes one input and the time, and returns a batch and what others may see after:
//!
//! 1. the batch is committed as one SQLite transaction;
//! 2. only then the rest is released: frames, answers, MQTT messages;
//! 3. `poll_deadline()` says when to wake the bridge next, and why.
//!
//! If the commit fails, nothing is released and the bridge is rebuilt from the store.

pub mod bridge;
pub mod cli;
pub mod command;
pub mod config;
pub mod domain;
pub mod import;
pub mod mqtt;
pub mod network;
pub mod reconcile;
pub mod run;
pub mod security;
pub mod serial;
pub mod sim;
pub mod store;
pub mod web;
