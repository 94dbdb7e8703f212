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
//! | 2 durable | [`store`], [`files`] | rusqlite, synchronous: applies a batch, loads a state; files named by the user |
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
//!
//! # A code, from the keyboard to the air
//!
//! 1. [`web::people`] reads the body into a [`NewPerson`](domain::intent::NewPerson): digits become a
//!    [`Pin`](domain::pin::Pin), which shows in no log.
//! 2. [`web::handle`] puts it as an [`Ask`](bridge::ask::Ask) into the one queue of the daemon.
//! 3. [`Turns::take`](run::turns::Turns::take) hands it with the time to [`Bridge::turn`](bridge::Bridge::turn).
//! 4. [`bridge::intents`] judges it, and notes person, credential and grants in [`State`](bridge::state::State).
//! 5. [`Sync::drive`](bridge::sync::Sync::drive) asks [`plan`](fn@reconcile::plan::plan) what each lock needs first: a look
//!    at a slot that nobody saw, or the write.
//! 6. [`dialect::write`](bridge::dialect::write) words the step in the lock's own command,
//!    [`UserCode`](command::user_code::UserCode).
//! 7. [`Network::submit`](network::Network::submit) queues it and picks what goes next.
//! 8. [`Session::seal`](security::s2::Session::seal) puts it under the lock's keys; S0 has [`s0`](security::s0).
//! 9. [`Request::write`](serial::Request::write) makes the frame, [`After::Send`](bridge::After::Send).
//! 10. [`Store::apply`](store::Store::apply) commits the turn. Only now is anything released.
//! 11. [`Link::send`](serial::Link::send) sends the frame until the stick has acknowledged it.
//! 12. [`run::port`] writes its bytes to the serial line.
//!
//! # A visit, from the keypad to the broker
//!
//! 1. [`run::port`] reads bytes; [`Link::bytes`](serial::Link::bytes) makes a frame of them and acknowledges it.
//! 2. [`Turns::take`](run::turns::Turns::take) hands it with the time of its arrival to [`Bridge::turn`](bridge::Bridge::turn).
//! 3. [`Network::handle`](network::Network::handle) reads the stick's [`Message`](serial::Message).
//! 4. [`Session::receive`](security::s2::Session::receive) opens it; what cannot be opened is asked for again.
//! 5. [`Command::parse`](command::Command::parse) reads the command, and it is known under which key it came.
//! 6. [`NetworkEvent`](network::NetworkEvent) tells the bridge.
//! 7. [`bridge::inbound`] has its meaning told by [`bridge::meaning`]: a code was used, in that slot.
//! 8. The slot's owner in [`State`](bridge::state::State) is who came: an [`Event`](domain::event::Event) for journal and
//!    broker.
//! 9. [`Store::apply`](store::Store::apply) commits it.
//! 10. [`Outbox::offer`](mqtt::outbox::Outbox::offer) lets it go, worded by [`Topics::event`](mqtt::topic::Topics::event).
//! 11. [`Publisher::publish`](mqtt::client::Publisher::publish) gives it to the broker, whose acknowledgement ends its row in
//!     the outbox.

pub mod bridge;
pub mod cli;
pub mod command;
pub mod config;
pub mod domain;
pub mod files;
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
