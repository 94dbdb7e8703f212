//! Words: the values every floor speaks in, and the rules that need nothing but a value. No clock and no I/O; time and
//! randomness come in as arguments.
//!
//! The vocabulary is the product's: a *person* has *credentials*; a *grant* ties a credential to a *device*;
//! inside one lock the credential sits in a *slot*, which is private to that lock.

pub mod actor;
pub mod audit;
pub mod batch;
pub mod device;
pub mod entropy;
pub mod event;
pub mod grant;
pub mod ids;
pub mod intent;
pub mod node;
pub mod person;
pub mod pin;
pub mod provisioning;
pub mod slot;
pub mod takeover;
pub mod tally;
pub mod time;
