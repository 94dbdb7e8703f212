//! The serial API between host and controller, in both directions: the simulator reads what the daemon writes, and the
//! other way round. Codecs and one state machine ([`link`]), all pure; ports are opened in `run/port.rs`.
//!
//! | file | what |
//! | --- | --- |
//! | [`frame`] | bytes to frames and back; garbage is a value |
//! | [`function`] | the table of function ids |
//! | [`request`] | what a host sends |
//! | [`message`] | what a controller sends: responses, callbacks, unsolicited frames |
//! | [`setup`], [`controller`], [`node_info`], [`nvm`], [`transmit`] | their payloads, by subject |
//! | [`codec`] | shared parts: node ids of two widths, errors, payloads that may contain a code |
//! | [`link`] | ACK, NAK, CAN and retransmission |
//!
//! Protocol facts are in docs/protocol/serial-api.md; each codec names its function.

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
