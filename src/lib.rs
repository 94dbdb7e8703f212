//! Latchkey keeps the access codes in Z-Wave locks in sync with the people you manage, and reports who used which door and
//! when.
//!
//! `docs/architecture.md` describes the layers, the order of a turn and two requests on their way through the code;
//! `docs/protocol/` holds the protocol facts that comments cite.
//!
//! # Layers
//!
//! A module imports only from its own layer and from lower ones. Layers 0 and 1 are pure: no `async`, no clock, no thread,
//! no file, no randomness of their own. `tests/layers.rs` checks this table against the code.
//!
//! | layer | modules | what |
//! | --- | --- | --- |
//! | 3 shell | [`run`], [`mqtt::client`], [`mqtt::settings`], [`mqtt::broker`], [`web`], [`cli`] | tokio, sockets, the clock, OS randomness |
//! | 2 durable | [`store`], [`files`] | rusqlite, synchronous: applies a batch, loads a state; files named by the user |
//! | 1 state machines | [`network`], [`reconcile`], [`sim`], [`bridge`], [`mqtt::topic`], [`mqtt::outbox`] | pure: (state, now, input) → outputs |
//! | 0 values | [`domain`], [`view`], [`config`], [`mqtt::url`], [`serial`], [`command`], [`security`], [`import`] | values and codecs |
//!
//! # The turn
//!
//! One task owns [`bridge`]. A turn takes one input and the time, and returns a batch of changes and a list of effects:
//!
//! 1. the batch is committed as one SQLite transaction;
//! 2. only then the effects are released: frames, answers, MQTT messages;
//! 3. `poll_deadline()` tells when the bridge has to be called again, and why.
//!
//! If the commit fails, no effect is released, and the bridge is rebuilt from the store.
//!
//! # A code is written
//!
//! 1. [`web::people`] parses the body into a [`NewPerson`](domain::intent::NewPerson); digits become a
//!    [`Pin`](domain::pin::Pin), which is never printed.
//! 2. [`web::handle`] puts it as a [`Question`](bridge::ask::Question) into the queue of the daemon.
//! 3. [`Turns::ask`](run::turns::Turns::ask) passes it with the time to [`Bridge::ask`](bridge::Bridge::ask).
//! 4. [`bridge::intents`] checks it, and records person, credential and grants in [`State`](bridge::state::State).
//! 5. [`plan`](fn@reconcile::plan::plan) decides the next step at each lock: read a slot whose content is unknown, or write
//!    the code.
//! 6. [`bridge::dialect`] makes the command of the lock's command class, [`UserCode`](command::user_code::UserCode).
//! 7. [`Network::submit`](network::Network::submit) queues it and picks what is sent next.
//! 8. [`Session::seal`](security::s2::Session::seal) encrypts it under the keys of the lock; [`s0`](security::s0) for S0.
//! 9. [`Request::write`](serial::Request::write) makes the serial frame, an effect of the turn.
//! 10. [`Store::apply`](store::Store::apply) commits the turn. Only now effects are released.
//! 11. [`Link::send`](serial::Link::send) sends the frame until the controller has acknowledged it.
//! 12. [`run::port`] writes the bytes to the serial port.
//!
//! # A keypad event is published
//!
//! 1. [`run::port`] reads bytes; [`Link::bytes`](serial::Link::bytes) makes a frame of them and acknowledges it.
//! 2. [`Turns::take`](run::turns::Turns::take) passes it with the time of its arrival to
//!    [`Bridge::turn`](bridge::Bridge::turn).
//! 3. [`Network::handle`](network::Network::handle) parses the controller's [`Message`](serial::Message).
//! 4. [`Session::receive`](security::s2::Session::receive) decrypts it; if that fails, the lock gets a new nonce.
//! 5. [`Command::parse`](command::Command::parse) parses the command.
//! 6. [`NetworkEvent`](network::NetworkEvent) passes it to the bridge, together with its security class.
//! 7. [`bridge::inbound`] and [`bridge::meaning`] interpret it: a code was used, in that slot.
//! 8. The owner of the slot in [`State`](bridge::state::State) is the person of the [`Event`](domain::event::Event), which goes
//!    to the journal and to the outbox.
//! 9. [`Store::apply`](store::Store::apply) commits the turn.
//! 10. [`Outbox::offer`](mqtt::outbox::Outbox::offer) chooses the next event for the broker, and
//!     [`Topics::event`](mqtt::topic::Topics::event) makes its topic and payload.
//! 11. [`Publisher::publish`](mqtt::client::Publisher::publish) sends it with QoS 1; the acknowledgement of the broker removes
//!     it from the outbox.

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
pub mod view;
pub mod web;
