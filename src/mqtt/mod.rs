//! Telling others: topics and payloads, the events that wait for the broker, the client and the embedded broker.
//!
//! An event's way: the bridge puts it into [`outbox::Outbox`] in the same commit as its journal row, words it with
//! [`topic::Topics`], and hands it to [`client::Publisher`]. Its row goes when [`client::FromBroker::Acked`] comes back.

pub mod broker;
pub mod client;
pub mod outbox;
pub mod settings;
pub mod topic;
pub mod url;
