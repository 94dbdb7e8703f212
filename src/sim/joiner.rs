//! The device's side of a key exchange (docs/protocol/security.md A6, B4, B11). The controller decides the protocol: S2
//! if it sends KEX Get first, S0 if it sends Scheme Get first, none if it sends nothing in time.
//!
//! A [`Fault`] describes wrong behaviour of a device as data: where it stops answering, and what it sends instead.

mod parts;
mod s0;
mod s2;
#[cfg(test)]
mod tests;

use crate::command::Command;
use crate::domain::entropy::Entropy;
use crate::domain::time::{Deadline, Instant};
use crate::security::keys::{KeyId, KeyMask, NetworkKeys};
use crate::security::s0::peer::Peer;
use crate::security::s2::Session;

pub use parts::{Failure, Fault, JoinStep, Place, Wishes};
use parts::{no_keys, with_key};
use s0::S0;
use s2::S2;

/// The result of a key exchange for the device.
#[derive(Debug)]
pub struct Joined {
    /// The classes it was granted.
    pub granted: KeyMask,
    /// Their keys; others are zero.
    pub keys: NetworkKeys,
    /// The S2 session, which continues.
    pub session: Option<Session>,
    /// The S0 session, which continues.
    pub peer: Option<Peer>,
}

impl Joined {
    /// No keys and no sessions.
    pub fn nothing() -> Self {
        Self { granted: KeyMask::NONE, keys: no_keys(), session: None, peer: None }
    }
}

/// A device during its key exchange.
#[derive(Debug)]
pub struct Joiner {
    entropy: Entropy,
    way: Way,
}

/// The first frame of the controller decides the protocol.
#[derive(Debug)]
enum Way {
    Open {
        s2: Option<Box<S2>>,
        s0: Option<Box<S0>>,
    },
    S2(Box<S2>),
    S0(Box<S0>),
    /// The device has no security, or the exchange has ended.
    Over,
}

impl Joiner {
    /// Starts directly after the radio part of the inclusion.
    pub fn begin(wishes: Wishes, place: Place, now: Instant, mut entropy: Entropy) -> Self {
        let wants_s2 = !(wishes.keys & !KeyMask(0x80)).is_empty();
        let wants_s0 = wishes.keys.contains(KeyMask(0x80));
        let s2 = wants_s2.then(|| Box::new(S2::begin(&wishes, place, now, &mut entropy)));
        let s0 = wants_s0.then(|| S0::begin(&wishes, place, now)).flatten().map(Box::new);
        Self { entropy, way: Way::Open { s2, s0 } }
    }

    /// Handles a Security or Security 2 frame of the controller; others are ignored.
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

    /// The first two groups of the controller's DSK are typed into the device. `false`: it does not wait for them.
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

    /// The result, if it has ended.
    pub fn ended(&self) -> Option<Result<KeyMask, Failure>> {
        match &self.way {
            Way::Open { s2: None, s0: None } => Some(Ok(KeyMask::NONE)),
            Way::Open { .. } => None,
            Way::S2(s2) => s2.ended(),
            Way::S0(s0) => s0.ended(),
            Way::Over => Some(Err(Failure::TooLate)),
        }
    }

    /// The result and the remaining randomness. Empty if it failed.
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
