//! The serial language between host and controller, in both directions: what the daemon says, the simulator understands,
//! and the other way round. Pure codecs and one pure machine ([`link`]); ports are opened in `run/port.rs`.
//!
//! | file | what |
//! | --- | --- |
//! | [`frame`] | bytes ↔ frames; garbage is a value |
//! | [`function`] | the table of function ids |
//! | [`request`] | what a host sends |
//! | [`message`] | what a controller sends: responses, callbacks, unsolicited frames |
//! | [`setup`], [`controller`], [`node_info`], [`nvm`], [`transmit`] | their payloads, by subject |
//! | [`codec`] | what they share: node ids of two widths, errors, payloads that may hold a code |
//! | [`link`] | ACK, NAK, CAN and retransmission |
//!
//! Protocol facts are from the host API guides (INS12350 line) and read against Z-Wave JS; each codec names its function.

pub mod codec;
pub mod controller;
pub mod frame;
pub mod function;
pub mod link;
pub mod message;
pub mod node_info;
pub mod nvm;
pub mod request;
pub mod setup;
pub mod transmit;

pub use codec::{CallbackId, NodeIdWidth, ParseError, Payload, WriteError};
pub use frame::{Decoder, Frame, FrameType, Received};
pub use function::FunctionId;
pub use link::{Link, LinkEvent, SendFailure, SendId};
pub use message::Message;
pub use request::Request;
