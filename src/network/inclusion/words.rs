//! Types of inclusion and exclusion: changes, progress, results.

use std::fmt;

use crate::domain::ids::NodeId;
use crate::domain::node::SecurityClass;
use crate::security::dsk::Dsk;
use crate::security::key_exchange::{self, DskPin};
use crate::security::keys::KeyMask;
use crate::security::s0::inclusion::NotGranted;

/// A change of the network's membership. One at a time; it ends with exactly one [`Progress::Ended`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Add a device that is put into learn mode.
    Include(Terms),
    /// Remove a device that is put into learn mode.
    Exclude,
    /// Remove a node that does not answer any more.
    RemoveFailed(NodeId),
    /// Replace a node that does not answer any more by a new device.
    ReplaceFailed(NodeId, Terms),
}

/// Conditions for a device to join.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Terms {
    pub security: JoinSecurity,
    /// The PIN on its label, if known already; otherwise it is asked for ([`Progress::Asked`]).
    pub pin: Option<DskPin>,
}

/// The required security of a joining device.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum JoinSecurity {
    /// S2 if the device lists it, otherwise S0. A lock with neither is refused. If S2 fails, S0 is not tried.
    #[default]
    Best,
    /// S0 even if the device lists S2: for devices with broken S2.
    S0,
    /// None. Anyone in radio range can read the codes of such a lock and open it.
    Insecure,
}

/// A device that may join by SmartStart, because its label was scanned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExpectedDevice {
    /// Its complete device-specific key.
    pub dsk: Dsk,
    /// The keys that it may get, if it requests them.
    pub keys: KeyMask,
    /// Over Long Range, if controller and device support it.
    pub long_range: bool,
}

/// Why a change cannot start. Nothing was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CannotBegin {
    /// There is no controller, or it is still starting.
    #[error("the controller is not ready; see `latchkey status`, and try again")]
    NoController,
    /// Another change is under way.
    #[error("another inclusion or exclusion is under way; wait for its end, or stop it with `latchkey network cancel`")]
    Busy,
    /// The network has no such node.
    #[error("node {0} is not in the network; `latchkey network status` lists the nodes")]
    UnknownNode(NodeId),
    /// A PIN authenticates a device with S2 only.
    #[error("a PIN authenticates a device with S2 only: leave it out to include without S2, or include with S2")]
    PinNeedsS2,
    /// The controller does not support the function.
    #[error("the controller's firmware does not support that; update it, or use another controller")]
    NotSupported,
}

/// An answer or cancellation that was not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JoinInputRejected {
    /// No change is under way.
    #[error("no inclusion or exclusion is under way")]
    NothingUnderWay,
    /// The device waits for something else, or got its answer already.
    #[error("the device is not waiting for that at this moment")]
    NotAsked,
    /// Keys that were not requested, or that do not authenticate the device although a PIN was given.
    #[error("it can be given only keys that it asks for, and where its PIN was given, one that the PIN proves is among them")]
    NotOffered,
}

/// Progress of a change. Its end is reported once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// An expected device asked to be included: a change starts without a request of the user.
    Calls(Dsk),
    /// The controller is ready: put the device into learn mode now.
    Ready,
    /// A device was found. Neighbour discovery may take minutes in a large network.
    Found,
    /// The controller added it. It has no keys yet.
    Joined(NodeId),
    /// The user is asked a question.
    Asked(JoinQuestion),
    /// The question was answered; the key exchange continues.
    Exchanging,
    Ended(Result<Ended, Failed>),
}

/// A question or an instruction for the user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JoinQuestion {
    /// The PIN on the device's label: the first five digits of its DSK. Answered by
    /// [`super::super::Network::enter_pin`].
    Pin {
        /// The other groups of the DSK, to compare with the label.
        tail: String,
    },
    /// Which of these keys the device may get. Answered by [`super::super::Network::grant_keys`].
    Keys {
        /// The keys that it requests.
        requested: KeyMask,
        /// It is a lock, and none of these keys is sufficient for a door.
        for_door: bool,
    },
    /// Type these two groups of five digits into the device. No answer: the device continues by itself.
    TypeIntoDevice { code: [u16; 2] },
}

/// The result of a successful change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// A device was included and has its keys; its interview follows.
    Included {
        /// Its node id; unchanged if a failed node was replaced.
        node: NodeId,
        security: SecurityClass,
        /// A weakness of its security.
        warning: Option<Warning>,
    },
    /// A device was excluded. `None`: it belonged to another network, and left that.
    Excluded(Option<NodeId>),
    /// A failed node was removed.
    Removed(NodeId),
}

/// A weakness in the security of an included device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Warning {
    /// It has S0 only.
    OnlyS0,
    /// A lock that the user accepted with a lower class than doors need.
    BelowAccessControl,
    /// It has no security at all.
    Insecure,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OnlyS0 => {
                "the device joined with the old S0 security: anyone who listened at that moment has the network's S0 key"
            }
            Self::BelowAccessControl => {
                "the lock joined below S2 Access Control: anyone with the keys of lamps and sensors can read its codes and open it"
            }
            Self::Insecure => "the device joined without security: anyone in radio range can listen and control it",
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failed {
    pub why: Reason,
    /// This node is in the controller's list without keys. Nothing is sent to it; it has to be excluded.
    pub left: Option<NodeId>,
}

/// Why a change failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Reason {
    #[error("it was cancelled")]
    Cancelled,
    /// No device was put into learn mode.
    #[error("no device was found")]
    NoDevice,
    /// The controller reported a failure.
    #[error("the controller reported a failure")]
    ControllerFailed,
    /// The controller did not answer, or did not report a result.
    #[error("the controller did not report a result")]
    ControllerSilent,
    /// The controller was unplugged or restarted.
    #[error("the controller was unplugged, or restarted")]
    ControllerGone,
    /// This controller is not the primary controller of the network.
    #[error("this controller is not the network's primary controller")]
    NotPrimary,
    /// The S2 key exchange failed.
    #[error(transparent)]
    S2(key_exchange::Failure),
    /// The S0 key exchange failed.
    #[error(transparent)]
    S0(NotGranted),
    /// A PIN was given, and the unencrypted node information, which can be modified by an attacker, lists no S2.
    #[error("the device did not offer S2; this may be an attack")]
    NoS2Offered,
    /// A lock without S2 Access Control and without S0.
    #[error("the lock has no security that is sufficient for a door")]
    Insecure,
    /// The node answers, so it is neither removed nor replaced.
    #[error("the node answers, so it did not fail")]
    Answers,
    /// The controller did not remove the node.
    #[error("the controller did not remove the node")]
    NotRemoved,
}

impl Reason {
    /// What the user can do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Cancelled => "start again when the device is at hand",
            Self::NoDevice => {
                "start again, and put the device into inclusion or exclusion mode within two minutes; see its manual"
            }
            Self::ControllerFailed => "move the device closer, and try again; exclude it first if it was in a network",
            Self::ControllerSilent | Self::ControllerGone => "look at `latchkey status`, and try again",
            Self::NotPrimary => "use the controller that created the network",
            Self::S2(failure) => failure.advice(),
            Self::S0(_) => "exclude the device, move it close to the controller, and include it again",
            Self::NoS2Offered => {
                "exclude it, and include it again close to the controller; if it really has no S2, include it without a PIN"
            }
            Self::Insecure => {
                "exclude it, and use a lock with S2; `latchkey network include --insecure` accepts it, but its codes can be read by anyone in radio range"
            }
            Self::Answers => "exclude it instead, or cut its power first",
            Self::NotRemoved => "cut the device's power, and try again",
        }
    }
}
