//! What a device brings to its key exchange, and how the exchange can fail.

use crate::command::security_2::FailType;
use crate::domain::ids::{HomeId, NodeId};
use crate::security::crypto::Key;
use crate::security::crypto::x25519::PrivateKey;
use crate::security::keys::{KeyId, KeyMask, NetworkKeys};

/// The messages of a device during a key exchange, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum JoinStep {
    KexReport,
    /// S2: Public Key Report.
    PublicKey,
    /// S2: the encrypted echo of KEX Set.
    Echo,
    /// S2: Network Key Get.
    KeyGet,
    /// S2: Network Key Verify.
    Verify,
    TransferEnd,
    /// S0: the Scheme Report.
    SchemeReport,
    /// S0: the nonce for Network Key Set.
    KeyNonce,
    /// S0: Network Key Verify.
    KeyVerify,
}

/// Wrong behaviour of a joining device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Sends nothing from this step on.
    Silent(JoinStep),
    /// Sends KEX Fail of this type instead of this step.
    Fails(JoinStep, FailType),
    /// Requests this key before those that it was granted.
    AsksFor(KeyMask),
    /// Echoes this grant instead of the one it received.
    WrongEcho(KeyMask),
    /// A bit of its frame is flipped each time, in this step.
    Tampers(JoinStep),
}

/// What a device supports and requests.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// The keys that it requests; bit 7 alone means S0 only, none means no security.
    pub keys: KeyMask,
    /// It has no label, and requests client-side authentication.
    pub client_side_authentication: bool,
    /// Its key pair. With client-side authentication it makes a new one each time.
    pub private: PrivateKey,
    pub fault: Option<Fault>,
}

/// Network and node id of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    pub home: HomeId,
    pub own: NodeId,
    pub controller: NodeId,
}

/// Why a device has no keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// A message of the controller did not arrive in time.
    TooLate,
    /// The controller sent KEX Fail.
    Stopped(FailType),
    /// The device sent KEX Fail.
    Refused(FailType),
    /// Its [`Fault`] made it stop.
    FellSilent,
}

pub(super) fn no_keys() -> NetworkKeys {
    NetworkKeys::from_fn(|_| Key::from_bytes([0; 16]))
}

/// `keys` with one of them replaced.
pub(super) fn with_key(keys: &NetworkKeys, id: KeyId, key: &Key) -> NetworkKeys {
    NetworkKeys::from_fn(|each| if each == id { key.clone() } else { keys.network_key(each).clone() })
}
