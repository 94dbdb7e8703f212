//! The frame that carries a command, and its extensions (docs/protocol/security.md B6).

use nom::Parser;
use nom::number::complete::be_u8;
use nom::sequence::pair;
use serde::Serialize;

use super::sequence::SequenceNumber;
use crate::command::body::Body;
use crate::command::codec::{Parsed, count, masked, short};
use crate::security::crypto::BLOCK;
use crate::security::crypto::derive::EntropyInput;

const IN_CLEAR: u8 = 0x01;
const ENCRYPTED: u8 = 0x02;

const MORE: u8 = 0x80;
const CRITICAL: u8 = 0x40;

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct MessageEncapsulation {
    /// The number of this frame.
    pub sequence: SequenceNumber,
    /// Reserved flags. They are kept, because they are authenticated.
    #[serde(skip)]
    pub reserved: u8,
    pub extensions: Vec<Extension>,
    /// Encrypted extensions precede the command.
    pub has_encrypted_extension: bool,
    /// Ciphertext, and the tag that also covers everything before.
    #[serde(rename = "ciphertext_and_tag", serialize_with = "masked")]
    pub sealed: Body,
}

impl MessageEncapsulation {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (sequence, flags)) = pair(be_u8, be_u8).parse(input)?;
        let (input, extensions) = if flags & IN_CLEAR == 0 { (input, Vec::new()) } else { chain(input)? };
        let encapsulation = Self {
            sequence: SequenceNumber(sequence),
            reserved: flags & !(IN_CLEAR | ENCRYPTED),
            extensions,
            has_encrypted_extension: flags & ENCRYPTED != 0,
            sealed: Body(input.to_vec()),
        };
        Ok((&[], encapsulation))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.write_header(out);
        out.extend(&self.sealed.0);
    }

    /// The authenticated bytes before the ciphertext: sequence number, flags, clear extensions.
    pub fn write_header(&self, out: &mut Vec<u8>) {
        let in_clear = if self.extensions.is_empty() { 0 } else { IN_CLEAR };
        let encrypted = if self.has_encrypted_extension { ENCRYPTED } else { 0 };
        out.extend([self.sequence.0, self.reserved | in_clear | encrypted]);
        write_chain(&self.extensions, out);
    }

    /// What the extensions in clear mean.
    pub fn meanings(&self) -> impl Iterator<Item = Meaning> {
        self.extensions.iter().map(|extension| extension.meaning(Place::InClear))
    }
}

/// What an extension is. Unknown ones are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct ExtensionType(pub u8);

impl ExtensionType {
    /// The sender's entropy for new nonces.
    pub const SPAN: Self = Self(1);
    /// The state of multicast nonces.
    pub const MPAN: Self = Self(2);
    /// The frame belongs to a multicast group.
    pub const MGRP: Self = Self(3);
    /// Multicast state was lost.
    pub const MOS: Self = Self(4);
}

/// One extension, as transmitted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Extension {
    /// What it is, 0–63.
    pub kind: ExtensionType,
    /// A receiver that does not know it must discard the command.
    pub critical: bool,
    /// Its content. The state of multicast nonces is as secret as they are.
    #[serde(rename = "data_hex", serialize_with = "masked")]
    pub data: Body,
}

/// The place of an extension.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In clear, before the ciphertext.
    InClear,
    /// In it, before the command.
    Encrypted,
}

/// The meaning of an extension.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The sender's entropy for new nonces.
    Span(EntropyInput),
    /// The state of the multicast nonces of a group.
    Mpan {
        group: u8,
        /// Incremented with each multicast frame.
        state: u128,
    },
    /// The frame belongs to this multicast group.
    Group(u8),
    /// Multicast state was lost.
    MulticastOutOfSync,
    /// Unknown and not critical, or known with the wrong length or place: ignored.
    Nothing,
    /// Unknown and critical: the command must be discarded.
    Forbids,
}

impl Extension {
    pub fn span(entropy: EntropyInput) -> Self {
        Self { kind: ExtensionType::SPAN, critical: true, data: Body(entropy.0.to_vec()) }
    }

    /// The state of a group's nonces.
    pub fn mpan(group: u8, state: u128) -> Self {
        let data = [&[group][..], &state.to_be_bytes()].concat();
        Self { kind: ExtensionType::MPAN, critical: true, data: Body(data) }
    }

    /// The group that the frame belongs to.
    pub fn group(group: u8) -> Self {
        Self { kind: ExtensionType::MGRP, critical: true, data: Body(vec![group]) }
    }

    /// Its meaning in this place. The critical bit of known extensions is not checked.
    pub fn meaning(&self, place: Place) -> Meaning {
        match (self.kind, place, self.data.0.as_slice()) {
            (ExtensionType::SPAN, Place::InClear, data) => match data.try_into() {
                Ok(entropy) => Meaning::Span(EntropyInput(entropy)),
                Err(_) => Meaning::Nothing,
            },
            (ExtensionType::MPAN, Place::Encrypted, [group, state @ ..]) => match <[u8; BLOCK]>::try_from(state) {
                Ok(state) => Meaning::Mpan { group: *group, state: u128::from_be_bytes(state) },
                Err(_) => Meaning::Nothing,
            },
            (ExtensionType::MGRP, Place::InClear, &[group]) => Meaning::Group(group),
            (ExtensionType::MOS, Place::InClear, []) => Meaning::MulticastOutOfSync,
            (ExtensionType::SPAN | ExtensionType::MPAN | ExtensionType::MGRP | ExtensionType::MOS, _, _) => Meaning::Nothing,
            _ if self.critical => Meaning::Forbids,
            _ => Meaning::Nothing,
        }
    }

    fn parse(input: &[u8]) -> Parsed<'_, (Self, bool)> {
        let (rest, (length, properties)) = pair(be_u8, be_u8).parse(input)?;
        let data = usize::from(length).checked_sub(2).ok_or_else(|| short(input))?;
        let (data, rest) = rest.split_at_checked(data).ok_or_else(|| short(input))?;
        let extension = Self {
            kind: ExtensionType(properties & !(MORE | CRITICAL)),
            critical: properties & CRITICAL != 0,
            data: Body(data.to_vec()),
        };
        Ok((rest, (extension, properties & MORE != 0)))
    }
}

/// The extensions at the front of opened text, and the command behind them; `None` if they run over its end.
pub fn extensions(opened: &[u8]) -> Option<(Vec<Extension>, &[u8])> {
    chain(opened).ok().map(|(command, extensions)| (extensions, command))
}

/// A list of extensions; the first without "more to follow" is the last.
fn chain(mut input: &[u8]) -> Parsed<'_, Vec<Extension>> {
    let mut extensions = Vec::new();
    loop {
        let (rest, (extension, more)) = Extension::parse(input)?;
        input = rest;
        extensions.push(extension);
        if !more {
            return Ok((input, extensions));
        }
    }
}

/// Appends extensions, as [`extensions`] reads them.
pub(super) fn write_chain(extensions: &[Extension], out: &mut Vec<u8>) {
    for (extension, left) in extensions.iter().zip((0..extensions.len()).rev()) {
        let more = if left > 0 { MORE } else { 0 };
        let critical = if extension.critical { CRITICAL } else { 0 };
        out.extend([count(extension.data.0.len() + 2), more | critical | extension.kind.0 & !(MORE | CRITICAL)]);
        out.extend(&extension.data.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chained(bytes: &[u8]) -> Option<(Vec<Extension>, &[u8])> {
        extensions(bytes)
    }

    #[test]
    fn an_extension_that_runs_over_the_end_or_is_shorter_than_its_head_is_no_extension() {
        for broken in [&[0x12, 0x41][..], &[0x01, 0x41], &[0x00, 0x41], &[0x02, 0x84], &[0x02], &[]] {
            assert!(chained(broken).is_none(), "{broken:?}");
        }
    }

    #[test]
    fn the_command_follows_the_last_extension() {
        let bytes = [0x03, 0xC3, 0x07, 0x02, 0x04, 0x02, 0x84, 0x20, 0x02];
        let (extensions, command) = chained(&bytes).unwrap();
        let meanings: Vec<_> = extensions.iter().map(|it| it.meaning(Place::InClear)).collect();
        assert!(meanings == [Meaning::Group(7), Meaning::MulticastOutOfSync]);
        assert_eq!(command, [0x02, 0x84, 0x20, 0x02]);
        let mut written = Vec::new();
        write_chain(&extensions, &mut written);
        assert_eq!(written, bytes[..5]);
    }

    #[test]
    fn only_an_unknown_critical_extension_forbids_the_command() {
        let extension = |kind, critical, len| Extension { kind: ExtensionType(kind), critical, data: Body(vec![0; len]) };
        assert!(extension(9, true, 1).meaning(Place::InClear) == Meaning::Forbids);
        assert!(extension(9, false, 1).meaning(Place::InClear) == Meaning::Nothing);
        // Known, but of the wrong length, or in the wrong place.
        assert!(extension(1, true, 15).meaning(Place::InClear) == Meaning::Nothing);
        assert!(extension(1, true, 16).meaning(Place::Encrypted) == Meaning::Nothing);
        assert!(extension(2, true, 17).meaning(Place::InClear) == Meaning::Nothing);
        assert!(matches!(extension(2, true, 17).meaning(Place::Encrypted), Meaning::Mpan { .. }));
        assert!(matches!(extension(1, false, 16).meaning(Place::InClear), Meaning::Span(_)));
    }
}
