//! Security 0 (docs/protocol/security.md Part A): one key for the whole network, single-cast, node ids of one byte, so
//! never on Long Range. This file has the keys and one frame; `nonces` who may use which nonce; `peer` the talk with
//! one node; `inclusion` how a node gets the key.
//!
//! Doubt: over which command byte a 0xC1 frame is authenticated. Silicon Labs and the known answers have 0xC1, Z-Wave JS
//! checks as if it were 0x81. We write the byte that is sent, and take either: both are under the key, and the code covers
//! everything else.

pub mod inclusion;
pub mod nonces;
pub mod peer;

use std::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::command::security::{Encapsulation, Mac, Nonce, Security};
use crate::command::{Body, Command};
use crate::domain::ids::NodeId;

use super::crypto::{BLOCK, Key, aes};

/// The command byte of an encapsulation.
const ENCAPSULATION: u8 = 0x81;
/// The same, and the sender wants another nonce.
const ENCAPSULATION_NONCE_GET: u8 = 0xC1;

/// What frames are protected with: both keys come from the network key (docs/protocol/security.md A1).
#[derive(Clone)]
pub struct S0Keys {
    authentication: Key,
    encryption: Key,
}

impl S0Keys {
    /// The keys of a network.
    pub fn of(network_key: &Key) -> Self {
        Self {
            authentication: Key::from_bytes(aes::ecb(network_key, &[0x55; BLOCK])),
            encryption: Key::from_bytes(aes::ecb(network_key, &[0xAA; BLOCK])),
        }
    }

    /// What the network key itself is given under. Everybody knows it.
    pub fn temporary() -> Self {
        Self::of(&Key::from_bytes([0; BLOCK]))
    }

    /// The keys for authentication and encryption: known answers.
    pub fn reveal(&self) -> [&Key; 2] {
        [&self.authentication, &self.encryption]
    }
}

impl fmt::Debug for S0Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("S0Keys(..)")
    }
}

/// A node that S0 can address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address(u8);

impl Address {
    /// `None` for nodes of Long Range, which have no S0, and for what is no node: the broadcast.
    pub fn of(node: NodeId) -> Option<Self> {
        u8::try_from(node.0).ok().filter(|node| (1..=232).contains(node)).map(Self)
    }
}

/// Who sent a frame to whom, and whether it asks for another nonce: what the code covers besides the frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The sender.
    pub from: Address,
    /// The receiver.
    pub to: Address,
    /// The frame's command is 0xC1.
    pub wants_nonce: bool,
}

/// The byte before the command: whether the frame has all of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Control(pub u8);

impl Control {
    /// The frame has the whole command.
    pub const WHOLE: Self = Self(0x00);

    /// The frame has the first part of command number `counter`.
    pub fn first(counter: Counter) -> Self {
        Self(0x10 | counter.0)
    }

    /// The frame has the second part.
    pub fn second(counter: Counter) -> Self {
        Self(0x30 | counter.0)
    }

    /// Which part of the command the frame has.
    pub fn part(self) -> Part {
        let counter = Counter(self.0 & 0x0F);
        match (self.0 & 0x10 != 0, self.0 & 0x20 != 0) {
            // "Second" without "sequenced" says nothing.
            (false, _) => Part::Whole,
            (true, false) => Part::First(counter),
            (true, true) => Part::Second(counter),
        }
    }
}

/// Which part of a command a frame has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// All of it.
    Whole,
    /// The first of two.
    First(Counter),
    /// The second of two.
    Second(Counter),
}

/// Numbers the commands that are sent in two parts: 0–15, then from the start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counter(u8);

impl Counter {
    /// The one after this.
    pub fn next(self) -> Self {
        Self((self.0 + 1) & 0x0F)
    }
}

/// Encrypts a command, or a part of one. `ours` must be fresh and `theirs` unused.
pub fn seal(keys: &S0Keys, header: Header, ours: Nonce, theirs: &Nonce, control: Control, plain: &[u8]) -> Encapsulation {
    let iv = vector(&ours, theirs);
    let mut ciphertext = Vec::with_capacity(1 + plain.len());
    ciphertext.push(control.0);
    ciphertext.extend_from_slice(plain);
    aes::ofb(&keys.encryption, &iv, &mut ciphertext);
    let mac = code(keys, &iv, command_byte(header), header, &ciphertext);
    Encapsulation { sender_nonce: ours, ciphertext: Body(ciphertext), receiver_nonce_id: theirs.id(), mac }
}

/// Decrypts a frame with the nonce of ours that it names. `None`: it was not made with this key, this nonce, and these
/// nodes, or it changed on the way.
pub fn open(keys: &S0Keys, header: Header, ours: &Nonce, frame: &Encapsulation) -> Option<(Control, Zeroizing<Vec<u8>>)> {
    let iv = vector(&frame.sender_nonce, ours);
    let authentic = |command| -> Choice { code(keys, &iv, command, header, &frame.ciphertext.0).0.ct_eq(&frame.mac.0) };
    let mut proven = authentic(command_byte(header));
    if header.wants_nonce {
        proven |= authentic(ENCAPSULATION);
    }
    if !bool::from(proven) {
        return None;
    }
    let mut plain = Zeroizing::new(frame.ciphertext.0.clone());
    aes::ofb(&keys.encryption, &iv, &mut plain);
    let (control, command) = plain.split_first()?;
    Some((Control(*control), Zeroizing::new(command.to_vec())))
}

/// The payload of a frame, class byte first.
pub fn payload(header: Header, frame: Encapsulation) -> Vec<u8> {
    let security = match header.wants_nonce {
        true => Security::CommandEncapsulationNonceGet(frame),
        false => Security::CommandEncapsulation(frame),
    };
    Command::Security(security).write()
}

fn command_byte(header: Header) -> u8 {
    if header.wants_nonce { ENCAPSULATION_NONCE_GET } else { ENCAPSULATION }
}

/// The initialisation vector: the sender's nonce and the receiver's.
fn vector(sender: &Nonce, receiver: &Nonce) -> [u8; BLOCK] {
    let mut vector = [0; BLOCK];
    vector.iter_mut().zip(sender.0.iter().chain(&receiver.0)).for_each(|(to, from)| *to = *from);
    vector
}

/// The code over vector, command byte, nodes, length and ciphertext (docs/protocol/security.md A3).
fn code(keys: &S0Keys, iv: &[u8; BLOCK], command: u8, header: Header, ciphertext: &[u8]) -> Mac {
    let Header { from, to, .. } = header;
    // A frame is shorter than 256 bytes.
    let length = u8::try_from(ciphertext.len()).unwrap_or(u8::MAX);
    let input = [iv, &[command, from.0, to.0, length][..], ciphertext].concat();
    let block = aes::cbc_mac(&keys.authentication, &input);
    let mut mac = Mac([0; Mac::LEN]);
    mac.0.iter_mut().zip(block).for_each(|(to, from)| *to = from);
    mac
}

#[cfg(test)]
mod tests;
