//! What may change about who is in the network, how far that got, and how it can end.

use std::fmt;

use crate::domain::ids::NodeId;
use crate::domain::node::SecurityClass;
use crate::security::dsk::Dsk;
use crate::security::key_exchange::{self, DskPin};
use crate::security::keys::KeyMask;
use crate::security::s0::inclusion::NotGranted;

/// A change of who is in the network. One at a time; it ends with exactly one [`Progress::Ended`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Take in a device that somebody puts into learn mode.
    Include(Terms),
    /// Let a device go that somebody puts into learn mode.
    Exclude,
    /// Forget a node that answers nothing any more.
    RemoveFailed(NodeId),
    /// Put a new device in the place of a node that answers nothing any more.
    ReplaceFailed(NodeId, Terms),
}

/// On which terms a device may join.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Terms {
    /// How it is to be protected.
    pub security: JoinSecurity,
    /// The PIN on its label, if it is at hand already; else it is asked for ([`Progress::Asked`]).
    pub pin: Option<DskPin>,
}

/// How a device is to be protected.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum JoinSecurity {
    /// S2 if it lists it, else S0. A lock that has neither is refused. No way down: if S2 fails, S0 is not tried.
    #[default]
    Best,
    /// S0, also where the device lists S2: for devices whose S2 is broken.
    S0,
    /// None. Everybody nearby can read the codes of such a lock and open it.
    Insecure,
}

/// A device that is expected to ask for inclusion by itself (SmartStart): its label was scanned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExpectedDevice {
    /// Its whole device-specific key.
    pub dsk: Dsk,
    /// The keys it may get, of those that it asks for.
    pub keys: KeyMask,
    /// Over Long Range, where controller and device can.
    pub long_range: bool,
}

/// Why a change can't begin. Nothing was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CannotBegin {
    /// There is no controller, or it is being set up.
    #[error("the stick is not ready; look at `latchkey status`, and try again")]
    NoController,
    /// Another change is under way.
    #[error("another inclusion or exclusion is under way; wait for its end, or stop it with `latchkey network cancel`")]
    Busy,
    /// The network has no such node.
    #[error("node {0} is not in the network; `latchkey network status` lists the nodes")]
    UnknownNode(NodeId),
    /// A PIN proves a device under S2 only.
    #[error("a PIN proves which device joins, and only under S2: leave it out to include without S2, or include with S2")]
    PinNeedsS2,
    /// The controller's firmware can't.
    #[error("the stick's firmware can't do that; update it, or use another stick")]
    NotSupported,
}

/// Nobody asked that, or it was answered already.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JoinInputRejected {
    /// There is no change under way.
    #[error("no inclusion or exclusion is under way")]
    NothingUnderWay,
    /// The device waits for something else.
    #[error("the device is not waiting for that at this moment")]
    NotAsked,
    /// Those keys were not asked for, or prove nothing although a PIN was given.
    #[error("it can be given only keys that it asks for, and where its PIN was given, one that the PIN proves is among them")]
    NotOffered,
}

/// How far a change got. Its end comes once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// An expected device asks to be included: a change begins that nobody asked for just now.
    Calls(Dsk),
    /// The controller listens: put the device into learn mode now.
    Ready,
    /// A device was found; finding its neighbours may take minutes in a large network.
    Found,
    /// The controller has it in its list. It has no keys yet.
    Joined(NodeId),
    /// A person is asked something.
    Asked(JoinQuestion),
    /// The answer came; the keys are being handed over.
    Exchanging,
    /// It is over.
    Ended(Result<Ended, Failed>),
}

/// What a person is asked, or told to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JoinQuestion {
    /// The PIN on the device's label: the first five digits of its key. Answer: [`super::super::Network::enter_pin`].
    Pin {
        /// The other groups of its key, for comparison with the label.
        tail: String,
    },
    /// Which of these keys it may have. Answer: [`super::super::Network::grant_keys`].
    Keys {
        /// Those that it asks for.
        requested: KeyMask,
        /// It is a lock, and none of them is good enough for a door.
        for_door: bool,
    },
    /// Type these two groups of five digits into the device. No answer: it goes on by itself.
    TypeIntoDevice {
        /// The code.
        code: [u16; 2],
    },
}

/// A change that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// A device is in the network and has its keys; its interview follows.
    Included {
        /// Its node id; the same as before where a failed node was replaced.
        node: NodeId,
        /// Its highest class.
        security: SecurityClass,
        /// What its owner should know.
        warning: Option<Warning>,
    },
    /// A device left. `None`: it belonged to another network, and forgot that.
    Excluded(Option<NodeId>),
    /// A failed node was forgotten.
    Removed(NodeId),
}

/// What the owner of an included device should know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Warning {
    /// It has S0 only.
    OnlyS0,
    /// A lock that the operator allowed at a lower class than doors need.
    BelowAccessControl,
    /// It has no security at all.
    Insecure,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OnlyS0 => {
                "the device joined with the old S0 security: who listened in at that moment knows the network's S0 key"
            }
            Self::BelowAccessControl => {
                "the lock joined below S2 Access Control: whoever has the keys of lamps and sensors can read its codes and open it"
            }
            Self::Insecure => "the device joined without security: everybody nearby can listen in and command it",
        })
    }
}

/// A change that was not made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failed {
    /// Why.
    pub why: Reason,
    /// This node is in the controller's list without keys. Nothing is sent to it; it has to be excluded.
    pub left: Option<NodeId>,
}

/// Why a change was not made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Reason {
    /// Somebody stopped it.
    #[error("it was cancelled")]
    Cancelled,
    /// Nobody put a device into learn mode.
    #[error("no device was found")]
    NoDevice,
    /// The controller said that it failed.
    #[error("the stick says that it failed")]
    ControllerFailed,
    /// The controller does not answer, or never said how it ended.
    #[error("the stick never said how it ended")]
    ControllerSilent,
    /// The controller was unplugged or restarted.
    #[error("the stick was unplugged, or restarted")]
    ControllerGone,
    /// Another controller is the network's primary controller.
    #[error("this stick is not the network's primary controller")]
    NotPrimary,
    /// The S2 keys were not handed over.
    #[error(transparent)]
    S2(key_exchange::Failure),
    /// The S0 key was not handed over.
    #[error(transparent)]
    S0(NotGranted),
    /// A PIN was given, and the node information, which can be changed on the air, lists no S2.
    #[error("the device did not offer S2; somebody may be in between")]
    NoS2Offered,
    /// A lock without S2 Access Control or S0.
    #[error("the lock has no security that is good enough for a door")]
    Insecure,
    /// The node answers: it is neither removed nor replaced.
    #[error("the node answers, so it did not fail")]
    Answers,
    /// The controller does not forget a node.
    #[error("the stick did not forget the node")]
    NotRemoved,
}

impl Reason {
    /// What a person can do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Cancelled => "begin again when the device is at hand",
            Self::NoDevice => {
                "begin again, and put the device into its inclusion or exclusion mode within two minutes, as its manual says"
            }
            Self::ControllerFailed => "bring the device nearer, and try again; exclude it first if it was in a network",
            Self::ControllerSilent | Self::ControllerGone => "look at `latchkey status`, and try again",
            Self::NotPrimary => "use the stick that made the network",
            Self::S2(failure) => failure.advice(),
            Self::S0(_) => "exclude the device, bring it near the stick, and include it again",
            Self::NoS2Offered => {
                "exclude it, and include it again close to the stick; if it really has no S2, include it without a PIN"
            }
            Self::Insecure => {
                "exclude it, and use a lock with S2; `latchkey network include --insecure` takes it all the same, for everybody nearby to read its codes"
            }
            Self::Answers => "exclude it instead, or cut its power first",
            Self::NotRemoved => "cut the device's power, and try again",
        }
    }
}
