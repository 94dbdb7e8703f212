//! Acknowledgement and retransmission (serial-api sheet §1).

use serde::Serialize;

/// Names a frame that was handed to the link, so that its fate can be told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct SendId(pub u64);

/// Why a frame did not reach the stick. Whether it did after all is not known: a lost ACK looks the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum SendFailure {
    /// No ACK, after all retransmissions.
    #[error("the stick does not acknowledge")]
    NoAck,
    /// The stick refused it each time, as it was busy sending itself (CAN) or got it damaged (NAK).
    #[error("the stick refused the frame each time")]
    Refused,
    /// The port is closed or went away.
    #[error("the port is gone")]
    PortLost,
}
