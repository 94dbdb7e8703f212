//! Results of a key exchange, with texts for the user.

use std::fmt;

use super::DSK;
use crate::command::security_2::FailType;
use crate::security::keys::KeyMask;

/// The node has its keys.
#[derive(Clone, PartialEq, Eq)]
pub struct Granted {
    /// The keys that it proved to have: all that were granted, because fewer are a failure.
    pub keys: KeyMask,
    /// The keys that it requested and that the user did not grant. If the highest is among them, the user is warned.
    pub withheld: KeyMask,
    pub dsk: [u8; DSK],
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted").field("keys", &self.keys).field("withheld", &self.withheld).finish_non_exhaustive()
    }
}

/// The message that was awaited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyExchangeStep {
    KexReport,
    PublicKey,
    /// The echo, which proves that the node has our public key, and that the PIN is right.
    Echo,
    /// The request for a key, or the end of the transfer.
    KeyGet,
    /// The verification of a key.
    Verify,
}

impl fmt::Display for KeyExchangeStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KexReport => "the list of requested keys",
            Self::PublicKey => "its public key",
            Self::Echo => "the echo that confirms the PIN",
            Self::KeyGet => "the request for its next key",
            Self::Verify => "the verification of a key",
        })
    }
}

/// Why a node has no keys. It is in the network without security: exclude it, and start over ([`Failure::advice`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Failure {
    /// The node did not answer in time.
    #[error("the device did not send {0}")]
    NoAnswer(KeyExchangeStep),
    /// The user did not answer in time.
    #[error("the question was not answered in time")]
    NobodyAnswered,
    /// The user cancelled, or granted no key.
    #[error("it was cancelled")]
    Cancelled,
    /// The device requested client-side authentication, and it was not granted.
    #[error("the device requested client-side authentication, which was refused")]
    ClientSideAuthenticationRefused,
    #[error("the device cancelled: {}", reason(*.0))]
    StoppedByNode(FailType),
    /// The label belongs to another device, or the device does not request a key that authenticates it.
    #[error("the device requests no key that its PIN could authenticate; it may be another device")]
    Unproven,
    /// A lock that requests less than Access Control, with no user to allow it.
    #[error("the lock requests no key that is sufficient for a door")]
    TooWeak,
    /// The node requests no key that exists for it.
    #[error("the device requests no key that it could be granted")]
    NoCommonKey,
    /// The node supports another scheme only.
    #[error("the device uses another key exchange scheme")]
    NoCommonScheme,
    /// The node supports another curve only.
    #[error("the device uses another curve")]
    NoCommonCurve,
    /// The scanned DSK belongs to another device.
    #[error("the device is not the one whose label was scanned")]
    OtherDevice,
    /// The first encrypted frame could not be decrypted.
    #[error("the PIN is wrong")]
    WrongPin,
    /// With this public key the shared secret would be public.
    #[error("the public key of the device is invalid")]
    BadPublicKey,
    /// An echo differs from what was sent, or a message came unencrypted or under the wrong key: possibly an attack.
    #[error("a message of the key exchange was modified")]
    Tampered,
    /// The node requested a key that was not granted.
    #[error("the device requests a key that it was not granted")]
    NotGranted,
    /// The verification of a key could not be decrypted.
    #[error("the device did not verify a key")]
    NotVerified,
    /// The node ended before it had all of its keys.
    #[error("the device did not take all of its keys")]
    KeysNotTaken,
}

impl Failure {
    /// The failure type sent to the node; none if the node failed itself, or if its time-outs end the exchange.
    pub(super) fn fail_type(self) -> Option<FailType> {
        match self {
            Self::NoAnswer(_) | Self::NobodyAnswered | Self::StoppedByNode(_) => None,
            Self::Cancelled | Self::ClientSideAuthenticationRefused | Self::OtherDevice => Some(FailType::CANCEL),
            Self::NoCommonKey | Self::Unproven | Self::TooWeak => Some(FailType::KEX_KEY),
            Self::NoCommonScheme => Some(FailType::KEX_SCHEME),
            Self::NoCommonCurve => Some(FailType::KEX_CURVES),
            Self::WrongPin | Self::BadPublicKey => Some(FailType::DECRYPT),
            Self::Tampered | Self::KeysNotTaken => Some(FailType::AUTH),
            Self::NotGranted => Some(FailType::KEY_GET),
            Self::NotVerified => Some(FailType::KEY_VERIFY),
        }
    }

    /// What the user can do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::NoAnswer(_) | Self::NotVerified | Self::KeysNotTaken => {
                "bring the device nearer, exclude it, and include it again"
            }
            Self::NobodyAnswered => "exclude the device, have its label at hand, and include it again",
            Self::Cancelled | Self::ClientSideAuthenticationRefused => "exclude the device",
            Self::Unproven => {
                "exclude it, and look which device it is; a device that has no PIN is included without one, and you are asked \
                 which keys it gets"
            }
            Self::TooWeak => {
                "exclude it, and include it by `latchkey network include`, which asks whether it may join all the same"
            }
            Self::WrongPin => "exclude the device, and include it again with the five underlined digits of its label",
            Self::OtherDevice => "exclude the device, and compare its label with the one that was scanned",
            Self::StoppedByNode(FailType::DECRYPT) => "exclude the device, and include it again with the right PIN",
            Self::StoppedByNode(_) => "exclude the device, and include it again",
            Self::NoCommonKey | Self::NoCommonScheme | Self::NoCommonCurve | Self::NotGranted => {
                "exclude the device, reset it, and include it again; if that does not help, ask its maker for new firmware"
            }
            Self::BadPublicKey | Self::Tampered => {
                "exclude the device; somebody may be listening: include it again somewhere else"
            }
        }
    }
}

/// Text of a failure type.
fn reason(fail_type: FailType) -> &'static str {
    match fail_type {
        FailType::KEX_KEY => "no key in common",
        FailType::KEX_SCHEME => "no scheme in common",
        FailType::KEX_CURVES => "no curve in common",
        FailType::DECRYPT => "it could not decrypt, the PIN was wrong",
        FailType::CANCEL => "cancelled",
        FailType::AUTH => "a message was modified",
        FailType::KEY_GET => "a key that was not granted",
        FailType::KEY_VERIFY => "a key was not verified",
        FailType::KEY_REPORT => "another key than it requested",
        _ => "no known reason",
    }
}
