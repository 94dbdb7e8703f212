//! Security (0x98) v1, called S0: commands in AES under one key for the whole network
//! (docs/protocol/security.md Part A). This file reads and writes the frames; `security::s0` has the keys and opens
//! them.
//!
//! Nonces, ciphertext and the network key are stars in `Debug` and JSON, because anyone with a log and the key
//! that old nodes were given under (sixteen zero bytes) could read the rest.

use std::fmt;

use nom::Parser;
use nom::combinator::rest;
use nom::number::complete::be_u8;
use nom::sequence::pair;
use serde::{Serialize, Serializer};
use zeroize::Zeroize;

use super::body::Body;
use super::class::ClassId;
use super::codec::{Parsed, masked, optional_u8, short};
use super::spec::{Kind, command_class};
use crate::security::crypto::Key;

command_class! {
    Security {
        CommandsSupportedGet = 0x02, v 1, Kind::Get { reply: 0x03 };
        CommandsSupportedReport(CommandsSupportedReport) = 0x03, v 1, Kind::Report;
        /// Asks how the key may be given; the first frame of an inclusion, in clear.
        SchemeGet(Schemes) = 0x04, v 1, Kind::Get { reply: 0x05 };
        /// Tells it; in clear the first time, encrypted in answer to Scheme Inherit.
        SchemeReport(Schemes) = 0x05, v 1, Kind::Report;
        /// Gives the network key; under the zero key.
        NetworkKeySet(NetworkKeySet) = 0x06, v 1, Kind::Get { reply: 0x07 };
        /// The node has the key; the first frame under it.
        NetworkKeyVerify = 0x07, v 1, Kind::Report;
        /// Tells a new controller to use the same scheme from now on.
        SchemeInherit(Schemes) = 0x08, v 1, Kind::Get { reply: 0x05 };
        /// Asks for a nonce to encrypt with; in clear.
        NonceGet = 0x40, v 1, Kind::Get { reply: 0x80 };
        /// The nonce; in clear.
        NonceReport(NonceReport) = 0x80, v 1, Kind::Report;
        CommandEncapsulation(Encapsulation) = 0x81, v 1, Kind::Report;
        /// The same, and asks for the next nonce.
        CommandEncapsulationNonceGet(Encapsulation) = 0xC1, v 1, Kind::Report;
    }
}

/// How many bytes an encapsulation adds to a command in one frame: class, command, nonce, control byte, nonce id, code.
pub const OVERHEAD: usize = 2 + Nonce::LEN + 1 + 1 + Mac::LEN;

/// Half of an initialisation vector: eight random bytes, used once. The receiver's names itself by its first byte.
#[derive(Clone, PartialEq, Eq, Zeroize)]
pub struct Nonce(pub [u8; Self::LEN]);

impl Nonce {
    pub const LEN: usize = 8;

    /// What an encapsulation names the receiver's nonce by.
    pub fn id(&self) -> NonceId {
        let [id, ..] = self.0;
        NonceId(id)
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (nonce, rest) = input.split_first_chunk().ok_or_else(|| short(input))?;
        Ok((rest, Self(*nonce)))
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce(0x{:02x}..)", self.id().0)
    }
}

impl Serialize for Nonce {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        masked(self, serializer)
    }
}

/// The first byte of a nonce.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(transparent)]
pub struct NonceId(pub u8);

/// The message authentication code of a frame. Compared in constant time by `security::s0`.
#[derive(Clone, PartialEq, Eq)]
pub struct Mac(pub [u8; Self::LEN]);

impl Mac {
    pub const LEN: usize = 8;
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac(..)")
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        masked(self, serializer)
    }
}

/// A command, or a part of one, encrypted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Encapsulation {
    /// The sender's half of the initialisation vector.
    #[serde(rename = "nonce_hex")]
    pub sender_nonce: Nonce,
    /// The control byte and the command, encrypted; as long as they are.
    #[serde(rename = "ciphertext_hex")]
    pub ciphertext: Body,
    /// Which of the receiver's nonces is the other half.
    pub receiver_nonce_id: NonceId,
    /// Covers the frame, the sender and the receiver.
    #[serde(rename = "mac_hex")]
    pub mac: Mac,
}

impl Encapsulation {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (body, sender_nonce) = Nonce::parse(input)?;
        let (body, mac) = body.split_last_chunk().ok_or_else(|| short(input))?;
        let (id, ciphertext) = body.split_last().ok_or_else(|| short(input))?;
        // There is always a control byte.
        if ciphertext.is_empty() {
            return Err(short(input));
        }
        let encapsulation =
            Self { sender_nonce, ciphertext: Body(ciphertext.to_vec()), receiver_nonce_id: NonceId(*id), mac: Mac(*mac) };
        Ok((&[], encapsulation))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.sender_nonce.0);
        out.extend(&self.ciphertext.0);
        out.push(self.receiver_nonce_id.0);
        out.extend(self.mac.0);
    }
}

/// The nonce to encrypt the next frame with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NonceReport {
    #[serde(rename = "nonce_hex")]
    pub nonce: Nonce,
}

impl NonceReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, nonce) = Nonce::parse(input)?;
        Ok((input, Self { nonce }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.nonce.0);
    }
}

/// How keys may be given: one way is defined, and it is 0. Receivers ignore it; some nodes leave it out.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Schemes {
    #[serde(rename = "supported_schemes")]
    pub schemes: Option<u8>,
}

impl Schemes {
    /// Sixteen zero bytes as the first key: the one there is.
    pub const ZERO_KEY: Self = Self { schemes: Some(0) };

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, schemes) = optional_u8(input)?;
        Ok((input, Self { schemes }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.schemes);
    }
}

/// The network key, for a node that is being included.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NetworkKeySet {
    #[serde(rename = "key_hex", serialize_with = "masked")]
    pub key: Key,
}

impl NetworkKeySet {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (key, input) = input.split_first_chunk().ok_or_else(|| short(input))?;
        Ok((input, Self { key: Key::from_bytes(*key) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.key.reveal());
    }
}

/// The classes that a node supports under S0 only; a long list takes several reports.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct CommandsSupportedReport {
    /// How many reports follow this one.
    pub reports_to_follow: u8,
    /// Classes the node has.
    pub supported: Vec<ClassId>,
    /// Classes it uses on others; `None` where the list is not even begun.
    pub controlled: Option<Vec<ClassId>>,
}

impl CommandsSupportedReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (reports_to_follow, mut list)) = pair(be_u8, rest).parse(input)?;
        let mut report = Self { reports_to_follow, ..Self::default() };
        while let Some((class, after)) = ClassId::split(list) {
            list = after;
            match &mut report.controlled {
                Some(controlled) => controlled.push(class),
                None if class == ClassId::MARK => report.controlled = Some(Vec::new()),
                None => report.supported.push(class),
            }
        }
        Ok((input, report))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.reports_to_follow);
        for class in &self.supported {
            class.write(out);
        }
        if let Some(controlled) = &self.controlled {
            ClassId::MARK.write(out);
            for class in controlled {
                class.write(out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, ParseError, redact};

    #[test]
    fn the_network_key_shows_nowhere_but_on_the_air() {
        let key = "0102030405060708090a0b0c0d0e0f10";
        let payload: Vec<u8> = [0x98, 0x06].into_iter().chain(1..=16).collect();
        let command = Command::parse(&payload).unwrap();
        assert_eq!(command.write(), payload);
        let said = format!("{command:?} {} {}", serde_json::to_string(&command).unwrap(), redact::payload_hex(&payload));
        assert!(!said.contains(key) && !said.contains("1, 2, 3, 4"), "{said}");
        assert!(said.ends_with("9806****"), "{said}");
    }

    #[test]
    fn what_was_encrypted_is_not_in_a_log_either() {
        let payload = [&[0x98, 0x81][..], &[0xA5; 8], &[0x5A, 0x5B, 0x5C], &[0xB1], &[0xC3; 8]].concat();
        let command = Command::parse(&payload).unwrap();
        let said = format!("{command:?} {} {}", serde_json::to_string(&command).unwrap(), redact::payload_hex(&payload));
        for secret in ["a5a5", "165, 165", "5a5b", "90, 91", "c3c3", "195, 195"] {
            assert!(!said.contains(secret), "{said}");
        }
        assert!(said.contains("\"receiver_nonce_id\":177"), "which nonce it was is no secret: {said}");
    }

    #[test]
    fn an_encapsulation_too_short_for_a_code_is_not_one() {
        let cut = [&[0x98, 0x81][..], &[0; 17]].concat();
        let truncated = ParseError::Truncated { class: ClassId::SECURITY, command: 0x81 };
        assert_eq!(Command::parse(&cut), Err(truncated));
        assert!(Command::parse(&[&cut[..], &[0]].concat()).is_ok());
        assert_eq!(OVERHEAD, 20);
    }

    #[test]
    fn a_lock_that_leaves_the_schemes_out_can_still_be_included() {
        let command = Command::parse(&[0x98, 0x05]).unwrap();
        assert_eq!(command, Command::Security(Security::SchemeReport(Schemes { schemes: None })));
        assert_eq!(command.write(), [0x98, 0x05]);
    }

    #[test]
    fn classes_behind_the_mark_are_not_taken_for_those_of_the_node() {
        let payload = [0x98, 0x03, 0x01, 0x62, 0xF1, 0x02, 0xEF, 0x85, 0xEF, 0xF1];
        let Ok(Command::Security(Security::CommandsSupportedReport(report))) = Command::parse(&payload) else { panic!() };
        assert_eq!(report.reports_to_follow, 1);
        assert_eq!(report.supported, [ClassId::DOOR_LOCK, ClassId(0xF102)]);
        assert_eq!(report.controlled, Some(vec![ClassId::ASSOCIATION, ClassId::MARK]));
    }
}
