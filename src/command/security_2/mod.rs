//! Security 2 (0x9F) v1: its frames (docs/protocol/security.md B2). Ciphertext is not decrypted here: see
//! `security::s2`, and `security::key_exchange` for the order of the commands.
//!
//! Names of commands are those of Z-Wave JS, so that logs can be compared.

mod bootstrapping;
mod encapsulation;
mod sequence;

use nom::Parser;
use nom::number::complete::be_u8;
use nom::sequence::pair;
use serde::Serialize;

pub use bootstrapping::{
    Curves, FailType, KexFail, KexFlags, KexReport, KexSet, NetworkKeyGet, NetworkKeyReport, PublicKeyReport, Schemes,
    TransferEnd,
};
pub use encapsulation::{Extension, ExtensionType, Meaning, MessageEncapsulation, Place, extensions};
pub use sequence::SequenceNumber;

use super::class::ClassId;
use super::codec::{Parsed, as_hex, short};
use super::spec::{Kind, command_class};
use crate::security::crypto::BLOCK;
use crate::security::crypto::derive::EntropyInput;

command_class! {
    Security2 {
        NonceGet(NonceGet) = 0x01, v 1, Kind::Get { reply: 0x02 };
        /// Sends a nonce, or reports a lost nonce or multicast state. Unencrypted.
        NonceReport(NonceReport) = 0x02, v 1, Kind::Report;
        MessageEncapsulation(MessageEncapsulation) = 0x03, v 1, Kind::Report;
        KEXGet = 0x04, v 1, Kind::Get { reply: 0x05 };
        /// Says which keys the node wants; echoed to it later, sealed.
        KEXReport(KexReport) = 0x05, v 1, Kind::Report;
        /// Grants keys; echoed by the node later, sealed.
        KEXSet(KexSet) = 0x06, v 1, Kind::Report;
        /// Ends a bootstrapping in failure.
        KEXFail(KexFail) = 0x07, v 1, Kind::Report;
        PublicKeyReport(PublicKeyReport) = 0x08, v 1, Kind::Report;
        NetworkKeyGet(NetworkKeyGet) = 0x09, v 1, Kind::Get { reply: 0x0A };
        NetworkKeyReport(NetworkKeyReport) = 0x0A, v 1, Kind::Report;
        /// Proves that it arrived: this is sealed with it.
        NetworkKeyVerify = 0x0B, v 1, Kind::Report;
        /// Ends the transfer of one key, or of all.
        TransferEnd(TransferEnd) = 0x0C, v 1, Kind::Report;
        /// Asks what is supported at the class this is sealed in.
        CommandsSupportedGet = 0x0D, v 1, Kind::Get { reply: 0x0E };
        CommandsSupportedReport(CommandsSupportedReport) = 0x0E, v 1, Kind::Report;
    }
}

/// Asks for a nonce.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct NonceGet {
    /// The number of this frame.
    pub sequence: SequenceNumber,
}

impl NonceGet {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, sequence) = be_u8(input)?;
        Ok((input, Self { sequence: SequenceNumber(sequence) }))
    }

    fn write(self, out: &mut Vec<u8>) {
        out.push(self.sequence.0);
    }
}

/// Gives a nonce: the receiver's half of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct NonceReport {
    /// The number of this frame.
    pub sequence: SequenceNumber,
    /// The entropy for the next sealed frame: as an answer, or because the last one could not be opened ("SOS").
    #[serde(rename = "entropy_hex", serialize_with = "entropy_as_hex")]
    pub entropy: Option<EntropyInput>,
    /// The multicast state was lost.
    pub multicast_out_of_sync: bool,
}

impl NonceReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (sequence, flags)) = pair(be_u8, be_u8).parse(input)?;
        let (input, entropy) = match (flags & 0x01, input.split_first_chunk::<BLOCK>()) {
            (0, _) => (input, None),
            (_, Some((entropy, rest))) => (rest, Some(EntropyInput(*entropy))),
            (_, None) => return Err(short(input)),
        };
        Ok((input, Self { sequence: SequenceNumber(sequence), entropy, multicast_out_of_sync: flags & 0x02 != 0 }))
    }

    fn write(self, out: &mut Vec<u8>) {
        out.extend([self.sequence.0, u8::from(self.entropy.is_some()) | u8::from(self.multicast_out_of_sync) << 1]);
        out.extend(self.entropy.iter().flat_map(|entropy| entropy.0));
    }
}

/// Both sides send it in clear: it is no secret, and helps to compare logs.
fn entropy_as_hex<S: serde::Serializer>(entropy: &Option<EntropyInput>, serializer: S) -> Result<S::Ok, S::Error> {
    match entropy {
        Some(entropy) => as_hex(&entropy.0, serializer),
        None => serializer.serialize_none(),
    }
}

/// What a node supports at the class this was sealed in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CommandsSupportedReport {
    /// The classes, also those of two bytes; nothing after the mark is one of them (docs/protocol/gateway.md §6.3).
    pub supported: Vec<ClassId>,
    /// What it controls in others, which stands after the mark.
    pub controlled: Vec<ClassId>,
}

impl CommandsSupportedReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let mut rest = input;
        let mut all = Vec::new();
        // A two-byte class with a missing byte is ignored.
        while let Some((class, after)) = ClassId::split(rest) {
            all.push(class);
            rest = after;
        }
        let mut lists = all.splitn(2, |class| *class == ClassId::MARK).map(<[ClassId]>::to_vec);
        let (supported, controlled) = (lists.next().unwrap_or_default(), lists.next().unwrap_or_default());
        Ok((rest, Self { supported, controlled }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.supported.iter().for_each(|class| class.write(out));
        if !self.controlled.is_empty() {
            ClassId::MARK.write(out);
            self.controlled.iter().for_each(|class| class.write(out));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;

    fn parse(payload: &[u8]) -> Security2 {
        match Command::parse(payload) {
            Ok(Command::Security2(parsed)) => parsed,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_node_controls_is_not_taken_for_what_it_supports() {
        let Security2::CommandsSupportedReport(report) = parse(&[0x9F, 0x0E, 0x62, 0xF1, 0x02, 0xEF, 0x85, 0xEF, 0x63]) else {
            panic!("not a Commands Supported Report")
        };
        assert_eq!(report.supported, [ClassId::DOOR_LOCK, ClassId(0xF102)]);
        assert!(!report.supported.contains(&ClassId::USER_CODE) && report.controlled.contains(&ClassId::ASSOCIATION));
    }

    #[test]
    fn a_nonce_report_without_its_nonce_is_cut_short_and_not_a_nonce_of_zeros() {
        assert!(Command::parse(&[0x9F, 0x02, 0x50, 0x01]).is_err());
        assert!(Command::parse(&[&[0x9F, 0x02, 0x50, 0x01][..], &[7; 15]].concat()).is_err());
        let Security2::NonceReport(report) = parse(&[0x9F, 0x02, 0x51, 0x02]) else { panic!("not a Nonce Report") };
        assert!(report.entropy.is_none() && report.multicast_out_of_sync);
    }
}
