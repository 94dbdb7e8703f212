//! HTTP: the API over the Unix socket, and over TCP what a monitor on this machine may see.
//!
//! A request becomes a [`Question`](crate::bridge::ask::Question) to the bridge or one to the journal; nothing is decided
//! here. What the outside may rely on (routes, shapes, error types) is this module's own: the bridge never sees HTTP.

pub mod api;
pub mod audit;
pub mod body;
pub mod devices;
pub mod events;
pub mod handle;
pub mod import;
pub mod live;
mod metrics;
pub mod network;
pub mod people;
pub mod problem;
pub mod public;
pub mod room;
pub mod router;
pub mod server;

#[cfg(test)]
mod tests;
