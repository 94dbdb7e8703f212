//! Security 0 (docs/protocol/security.md Part A): one key for the whole network, single-cast, node ids of one byte, so
//! never on Long Range. This file has the keys and single frames; `nonces` the nonces; `peer` the session with one
//! node; `inclusion` the key transfer.
//!
//! Sources disagree on the command byte in the MAC of a 0xC1 frame: Silicon Labs and the known answers use 0xC1, Z-Wave
//! JS checks as if it were 0x81. We write the byte that is sent, and accept either: both need the key, and the MAC
//! covers everything else.

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
/// An encapsulation whose sender requests another nonce.
const ENCAPSULATION_NONCE_GET: u8 = 0xC1;

/// The two keys derived from the network key (docs/protocol/security.md A1).
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

    /// The key that protects the transfer of the network key. It is public.
    pub fn temporary() -> Self {
        Self::of(&Key::from_bytes([0; BLOCK]))
    }

    /// The keys for authentication and encryption, for tests with known answers.
    pub fn reveal(&self) -> [&Key; 2] {
        [&self.authentication, &self.encryption]
    }
}

impl fmt::Debug for S0Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("S0Keys(..)")
    }
}

/// A node id that S0 can address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address(u8);

impl Address {
    /// `None` for Long Range nodes, which have no S0, and for the broadcast id.
    pub fn of(node: NodeId) -> Option<Self> {
        u8::try_from(node.0).ok().filter(|node| (1..=232).contains(node)).map(Self)
    }
}

/// The header of a frame: the data that the MAC covers in addition to the frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    pub from: Address,
    pub to: Address,
    /// The frame's command is 0xC1.
    pub wants_nonce: bool,
}

/// The control byte before the command: which part of it the frame contains.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Control(pub u8);

impl Control {
    /// The frame contains the whole command.
    pub const WHOLE: Self = Self(0x00);

    /// The frame contains the first part of command number `counter`.
    pub fn first(counter: Counter) -> Self {
        Self(0x10 | counter.0)
    }

    /// The frame contains the second part.
    pub fn second(counter: Counter) -> Self {
        Self(0x30 | counter.0)
    }

    /// Which part of the command the frame has.
    pub fn part(self) -> Part {
        let counter = Counter(self.0 & 0x0F);
        match (self.0 & 0x10 != 0, self.0 & 0x20 != 0) {
            // "Second" without "sequenced" has no meaning.
            (false, _) => Part::Whole,
            (true, false) => Part::First(counter),
            (true, true) => Part::Second(counter),
        }
    }
}

/// The part of a command that a frame contains.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    Whole,
    /// The first of two.
    First(Counter),
    /// The second of two.
    Second(Counter),
}

/// Counter of commands that are sent in two parts, modulo 16.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counter(u8);

impl Counter {
    /// The one after this.
    pub fn next(self) -> Self {
        Self((self.0 + 1) & 0x0F)
    }
}

/// Encrypts a command, or a part of one. `ours` must be new and `theirs` unused.
pub fn seal(keys: &S0Keys, header: Header, ours: Nonce, theirs: &Nonce, control: Control, plain: &[u8]) -> Encapsulation {
    let iv = vector(&ours, theirs);
    let mut ciphertext = Vec::with_capacity(1 + plain.len());
    ciphertext.push(control.0);
    ciphertext.extend_from_slice(plain);
    aes::ofb(&keys.encryption, &iv, &mut ciphertext);
    let mac = code(keys, &iv, command_byte(header), header, &ciphertext);
    Encapsulation { sender_nonce: ours, ciphertext: Body(ciphertext), receiver_nonce_id: theirs.id(), mac }
}

/// Decrypts a frame with our nonce that it names. `None`: another key, nonce or node, or it was modified.
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

/// The initialisation vector: nonce of the sender, then nonce of the receiver.
fn vector(sender: &Nonce, receiver: &Nonce) -> [u8; BLOCK] {
    let mut vector = [0; BLOCK];
    vector.iter_mut().zip(sender.0.iter().chain(&receiver.0)).for_each(|(to, from)| *to = *from);
    vector
}

/// The MAC over vector, command byte, nodes, length and ciphertext (docs/protocol/security.md A3).
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
