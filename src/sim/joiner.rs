//! How a device gets its keys, on its own side (docs/protocol/security.md A6, B4, B11). The controller decides how: S2
//! where it asks for the wishes first, S0 where it asks for the scheme first, and in clear where it asks for nothing in
//! time.
//!
//! A [`Fault`] is what is wrong with a device, as data: where it falls silent, what it says instead.

mod s0;
mod s2;
#[cfg(test)]
mod tests;

use crate::command::Command;
use crate::command::security_2::FailType;
use crate::domain::entropy::Entropy;
use crate::domain::ids::{HomeId, NodeId};
use crate::domain::time::{Deadline, Instant};
use crate::security::crypto::Key;
use crate::security::crypto::x25519::PrivateKey;
use crate::security::keys::{KeyId, KeyMask, NetworkKeys};
use crate::security::s0::peer::Peer;
use crate::security::s2::Session;

use s0::S0;
use s2::S2;

/// What a device says on its way to its keys, in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum JoinStep {
    /// S2: which keys it wants.
    KexReport,
    /// S2: its public key.
    PublicKey,
    /// S2: what it was granted, sealed.
    Echo,
    /// S2: the question for a key.
    KeyGet,
    /// S2: the proof that the key arrived.
    Verify,
    /// S2: that it has all.
    TransferEnd,
    /// S0: the Scheme Report.
    SchemeReport,
    /// S0: the nonce that the key is sent with.
    KeyNonce,
    /// S0: the proof that the key arrived.
    KeyVerify,
}

/// What is wrong with a joining device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Says nothing any more, from this step on.
    Silent(JoinStep),
    /// Says KEX Fail of this type instead of this step.
    Fails(JoinStep, FailType),
    /// Asks for this key before those that it was granted.
    AsksFor(KeyMask),
    /// Repeats another grant than it heard: this one.
    WrongEcho(KeyMask),
    /// A bit of its frame flips being transmitted, each time, in this step.
    Tampers(JoinStep),
}

/// What a device brings along.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// The keys that it asks for; bit 7 alone is a device of S0 only, none is one without security.
    pub keys: KeyMask,
    /// It has no label, and wants the controller's code to be typed into it.
    pub client_side_authentication: bool,
    /// Its key pair. With client-side authentication it makes a new one each time.
    pub private: PrivateKey,
    /// What is wrong with it.
    pub fault: Option<Fault>,
}

/// Where a device is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    pub home: HomeId,
    pub own: NodeId,
    pub controller: NodeId,
}

/// Why a device has no keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The controller did not say in time what this step answers, or what answers this step.
    TooLate,
    /// The controller stopped it.
    Stopped(FailType),
    /// The device stopped it.
    Refused(FailType),
    /// Its [`Fault`]: it fell silent.
    FellSilent,
}

/// What a device has in the end.
#[derive(Debug)]
pub struct Joined {
    /// The classes it was granted.
    pub granted: KeyMask,
    /// Their keys; others are zero.
    pub keys: NetworkKeys,
    /// What it says under S2 goes on in this.
    pub session: Option<Session>,
    /// And under S0 in this.
    pub peer: Option<Peer>,
}

impl Joined {
    /// No keys, and nothing said.
    pub fn nothing() -> Self {
        Self { granted: KeyMask::NONE, keys: no_keys(), session: None, peer: None }
    }
}

/// A device on its way to its keys.
#[derive(Debug)]
pub struct Joiner {
    entropy: Entropy,
    way: Way,
}

/// The controller decides by its first question.
#[derive(Debug)]
enum Way {
    Open {
        s2: Option<Box<S2>>,
        s0: Option<Box<S0>>,
    },
    S2(Box<S2>),
    S0(Box<S0>),
    /// The device has no security, or is done.
    Over,
}

impl Joiner {
    /// Begins, right after the radio's part.
    pub fn begin(wishes: Wishes, place: Place, now: Instant, mut entropy: Entropy) -> Self {
        let wants_s2 = !(wishes.keys & !KeyMask(0x80)).is_empty();
        let wants_s0 = wishes.keys.contains(KeyMask(0x80));
        let s2 = wants_s2.then(|| Box::new(S2::begin(&wishes, place, now, &mut entropy)));
        let s0 = wants_s0.then(|| S0::begin(&wishes, place, now)).flatten().map(Box::new);
        Self { entropy, way: Way::Open { s2, s0 } }
    }

    /// A Security or Security 2 frame of the controller; others are not for it.
    pub fn receive(&mut self, command: Command, now: Instant) {
        self.way = match (std::mem::replace(&mut self.way, Way::Over), &command) {
            (Way::Open { s2: Some(s2), .. }, Command::Security2(_)) => Way::S2(s2),
            (Way::Open { s0: Some(s0), .. }, Command::Security(_)) => Way::S0(s0),
            (way, _) => way,
        };
        match (&mut self.way, command) {
            (Way::S2(s2), Command::Security2(command)) => s2.receive(command, now, &mut self.entropy),
            (Way::S0(s0), Command::Security(command)) => s0.receive(command, now, &mut self.entropy),
            _ => {}
        }
    }

    /// Someone types the first two groups of the controller's DSK into the device. `false`: it does not wait for them.
    pub fn type_code(&mut self, code: [u16; 2], now: Instant) -> bool {
        match &mut self.way {
            Way::S2(s2) => s2.type_code(code, now, &mut self.entropy),
            Way::Open { .. } | Way::S0(_) | Way::Over => false,
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        match &mut self.way {
            Way::Open { s2, s0 } => {
                let end = s2.as_ref().and_then(|s2| s2.poll_deadline());
                let end = end.or_else(|| s0.as_ref().and_then(|s0| s0.poll_deadline()));
                if end.is_none_or(|end| end.at <= now) {
                    self.way = Way::Over;
                }
            }
            Way::S2(s2) => s2.handle_timeout(now, &mut self.entropy),
            Way::S0(s0) => s0.handle_timeout(now),
            Way::Over => {}
        }
    }

    /// When something is due.
    pub fn poll_deadline(&self) -> Option<Deadline> {
        match &self.way {
            Way::Open { s2: Some(s2), .. } | Way::S2(s2) => s2.poll_deadline(),
            Way::Open { s2: None, s0: Some(s0) } | Way::S0(s0) => s0.poll_deadline(),
            Way::Open { s2: None, s0: None } | Way::Over => None,
        }
    }

    /// The next frame for the controller.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        match &mut self.way {
            Way::S2(s2) => s2.poll_transmit(),
            Way::S0(s0) => s0.poll_transmit(),
            Way::Open { .. } | Way::Over => None,
        }
    }

    /// How it ended, if it did.
    pub fn ended(&self) -> Option<Result<KeyMask, Failure>> {
        match &self.way {
            Way::Open { s2: None, s0: None } => Some(Ok(KeyMask::NONE)),
            Way::Open { .. } => None,
            Way::S2(s2) => s2.ended(),
            Way::S0(s0) => s0.ended(),
            Way::Over => Some(Err(Failure::TooLate)),
        }
    }

    /// What it has, and where its randomness went on. Nothing where it failed.
    pub fn into_joined(self) -> (Joined, Entropy) {
        let granted = self.ended().and_then(Result::ok).unwrap_or_default();
        let joined = match self.way {
            _ if granted.is_empty() => Joined::nothing(),
            Way::S2(s2) => {
                let (keys, session) = s2.into_parts();
                Joined { granted, keys, session: Some(session), peer: None }
            }
            Way::S0(s0) => {
                let (key, peer) = s0.into_parts();
                Joined { granted, keys: with_key(&no_keys(), KeyId::S0, &key), session: None, peer: Some(peer) }
            }
            Way::Open { .. } | Way::Over => Joined::nothing(),
        };
        (joined, self.entropy)
    }
}

fn no_keys() -> NetworkKeys {
    NetworkKeys::from_fn(|_| Key::from_bytes([0; 16]))
}

/// `keys` with one exchanged.
fn with_key(keys: &NetworkKeys, id: KeyId, key: &Key) -> NetworkKeys {
    NetworkKeys::from_fn(|each| if each == id { key.clone() } else { keys.network_key(each).clone() })
}
