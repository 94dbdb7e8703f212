//! The one owner of state. A turn takes one input and returns what to commit and what others may see after.
//!
//! The ways through a turn, in the order of the code: what people ask (`intents`), what a lock says (`inbound`), what a
//! lock needs (`sync`), who comes and goes (`membership`), what others are told (`announce`, `view`).

pub mod announce;
pub mod ask;
pub mod clock;
pub mod dialect;
mod import;
pub mod inbound;
pub mod intents;
pub mod meaning;
pub mod membership;
pub mod state;
pub mod sync;
pub mod turn;
pub mod view;
pub mod vitals;

pub use turn::{After, Bridge, BrokerInput, Input, Settings, Ticket, Turn};

#[cfg(test)]
mod tests;
