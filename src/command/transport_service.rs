//! Transport Service (0x55) v2: a datagram that is longer than a frame, in segments
//! (docs/protocol/command-classes.md 0x55). The bytes are those of any command, secured already; `network::segments`
//! puts them together.
//!
//! Written by hand instead of with the table of the other classes, because the low bits of a segment's command are the
//! top bits of the datagram's size. A wrong checksum is [`ParseError::Damaged`](super::ParseError::Damaged).

use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::cond;
use nom::number::complete::be_u8;
use nom::sequence::pair;
use serde::Serialize;

use super::body::Body;
use super::codec::{Outcome, Parsed, count};
use super::crc16;
use super::depth::Depth;
use super::spec::{CommandSpec, Kind};

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum TransportService {
    /// The datagram from its beginning.
    FirstSegment(FirstSegment),
    /// Asks for what is missing.
    SegmentRequest(SegmentRequest),
    /// More of the datagram.
    SubsequentSegment(SubsequentSegment),
    /// The whole datagram arrived.
    SegmentComplete(SegmentComplete),
    /// Not now: start over later.
    SegmentWait(SegmentWait),
}

const FIRST: u8 = 0xC0;
const REQUEST: u8 = 0xC8;
const SUBSEQUENT: u8 = 0xE0;
const COMPLETE: u8 = 0xE8;
const WAIT: u8 = 0xF0;

/// The commands of this class, one a row; the numbers are without the bits of a size.
pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec { number: FIRST, name: "FirstSegment", since: 1, kind: Kind::Report },
    CommandSpec { number: REQUEST, name: "SegmentRequest", since: 1, kind: Kind::Report },
    CommandSpec { number: SUBSEQUENT, name: "SubsequentSegment", since: 1, kind: Kind::Report },
    CommandSpec { number: COMPLETE, name: "SegmentComplete", since: 1, kind: Kind::Report },
    CommandSpec { number: WAIT, name: "SegmentWait", since: 2, kind: Kind::Report },
];

/// The row of a command byte: without the bits of a size.
pub(super) fn row_of(number: u8) -> u8 {
    number & 0xF8
}

impl TransportService {
    /// The command byte, with the top bits of the datagram's size where it has them.
    pub fn number(&self) -> u8 {
        match self {
            Self::FirstSegment(it) => FIRST | it.datagram_size.high(),
            Self::SegmentRequest(_) => REQUEST,
            Self::SubsequentSegment(it) => SUBSEQUENT | it.datagram_size.high(),
            Self::SegmentComplete(_) => COMPLETE,
            Self::SegmentWait(_) => WAIT,
        }
    }

    /// The command of this byte with its parameters; `None` where the class has no such command.
    pub(super) fn parse(number: u8, parameters: &[u8], _: Depth) -> Option<Outcome<'_, Self>> {
        let checked = || crc16::checked([0x55, number], parameters);
        Some(match row_of(number) {
            FIRST => checked().and_then(|it| Ok(Self::FirstSegment(FirstSegment::parse(number, it)?))),
            REQUEST => SegmentRequest::parse(parameters).map(|(_, it)| Self::SegmentRequest(it)),
            SUBSEQUENT => checked().and_then(|it| Ok(Self::SubsequentSegment(SubsequentSegment::parse(number, it)?))),
            COMPLETE => SegmentComplete::parse(parameters).map(|(_, it)| Self::SegmentComplete(it)),
            WAIT => SegmentWait::parse(parameters).map(|(_, it)| Self::SegmentWait(it)),
            _ => return None,
        })
    }

    /// Appends the parameters, which follow class and command byte.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut covered = Vec::new();
        match self {
            Self::FirstSegment(it) => it.write(&mut covered),
            Self::SubsequentSegment(it) => it.write(&mut covered),
            Self::SegmentRequest(it) => return it.write(out),
            Self::SegmentComplete(it) => return it.write(out),
            Self::SegmentWait(it) => return it.write(out),
        }
        crc16::append([0x55, self.number()], &covered, out);
    }
}

/// Tells the datagrams of one sender apart: 0–15, then from the start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug, Serialize)]
#[serde(transparent)]
pub struct SessionId(u8);

impl SessionId {
    /// The id with the low four bits of `number`.
    pub const fn new(number: u8) -> Self {
        Self(number & 0x0F)
    }

    /// The id after this one.
    pub const fn next(self) -> Self {
        Self::new(self.0 + 1)
    }

    /// The session number, 0 to 15.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// From the top bits of a byte.
    fn of(byte: u8) -> Self {
        Self(byte >> 4)
    }
}

/// A size of a datagram, or a place in it: 11 bits, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug, Serialize)]
#[serde(transparent)]
pub struct Offset(u16);

impl Offset {
    /// `None` for what the eleven bits cannot say.
    pub fn new(bytes: usize) -> Option<Self> {
        u16::try_from(bytes).ok().filter(|bytes| *bytes < 0x800).map(Self)
    }

    /// The offset in bytes, 0 to 2047.
    pub fn bytes(self) -> usize {
        self.0.into()
    }

    fn of(high: u8, low: u8) -> Self {
        Self(u16::from_be_bytes([high & 0x07, low]))
    }

    fn high(self) -> u8 {
        let [high, _] = self.0.to_be_bytes();
        high
    }

    fn low(self) -> u8 {
        let [_, low] = self.0.to_be_bytes();
        low
    }
}

/// What a later version puts between a segment's header and its bytes: bit 3, then a length.
fn extension(flags: u8, input: &[u8]) -> Parsed<'_, Option<Body>> {
    let (input, len) = cond(flags & 0x08 != 0, be_u8).parse(input)?;
    let Some(len) = len else { return Ok((input, None)) };
    let (input, bytes) = take(len)(input)?;
    Ok((input, Some(Body(bytes.to_vec()))))
}

fn write_extension(extension: Option<&Body>, out: &mut Vec<u8>) {
    if let Some(Body(bytes)) = extension {
        out.push(count(bytes.len()));
        out.extend(bytes);
    }
}

fn bit_of(extension: Option<&Body>) -> u8 {
    u8::from(extension.is_some()) << 3
}

/// The datagram from its beginning.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FirstSegment {
    /// Of the whole datagram.
    pub datagram_size: Offset,
    pub session_id: SessionId,
    /// What a later version added; ignored.
    #[serde(rename = "header_extension_hex", skip_serializing_if = "Option::is_none")]
    pub header_extension: Option<Body>,
    #[serde(rename = "partial_datagram_hex")]
    pub partial_datagram: Body,
}

impl FirstSegment {
    fn parse(number: u8, input: &[u8]) -> Outcome<'_, Self> {
        let (input, (size, flags)) = pair(be_u8, be_u8).parse(input)?;
        let (bytes, header_extension) = extension(flags, input)?;
        Ok(Self {
            datagram_size: Offset::of(number, size),
            session_id: SessionId::of(flags),
            header_extension,
            partial_datagram: Body(bytes.to_vec()),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let extension = self.header_extension.as_ref();
        out.extend([self.datagram_size.low(), self.session_id.0 << 4 | bit_of(extension)]);
        write_extension(extension, out);
        out.extend(&self.partial_datagram.0);
    }
}

/// More of the datagram.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SubsequentSegment {
    /// Of the whole datagram.
    pub datagram_size: Offset,
    /// Where in it these bytes begin.
    pub datagram_offset: Offset,
    pub session_id: SessionId,
    /// What a later version added; ignored.
    #[serde(rename = "header_extension_hex", skip_serializing_if = "Option::is_none")]
    pub header_extension: Option<Body>,
    #[serde(rename = "partial_datagram_hex")]
    pub partial_datagram: Body,
}

impl SubsequentSegment {
    fn parse(number: u8, input: &[u8]) -> Outcome<'_, Self> {
        let (input, (size, flags)) = pair(be_u8, be_u8).parse(input)?;
        let (input, offset) = be_u8(input)?;
        let (bytes, header_extension) = extension(flags, input)?;
        Ok(Self {
            datagram_size: Offset::of(number, size),
            datagram_offset: Offset::of(flags, offset),
            session_id: SessionId::of(flags),
            header_extension,
            partial_datagram: Body(bytes.to_vec()),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let extension = self.header_extension.as_ref();
        let flags = self.session_id.0 << 4 | bit_of(extension) | self.datagram_offset.high();
        out.extend([self.datagram_size.low(), flags, self.datagram_offset.low()]);
        write_extension(extension, out);
        out.extend(&self.partial_datagram.0);
    }
}

/// Asks for what is missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct SegmentRequest {
    pub session_id: SessionId,
    /// The first byte that is missing.
    pub datagram_offset: Offset,
}

impl SegmentRequest {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (flags, offset)) = pair(be_u8, be_u8).parse(input)?;
        Ok((input, Self { session_id: SessionId::of(flags), datagram_offset: Offset::of(flags, offset) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.session_id.0 << 4 | self.datagram_offset.high(), self.datagram_offset.low()]);
    }
}

/// The whole datagram arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct SegmentComplete {
    pub session_id: SessionId,
}

impl SegmentComplete {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, flags) = be_u8(input)?;
        Ok((input, Self { session_id: SessionId::of(flags) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.session_id.0 << 4);
    }
}

/// Not now: start over later.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct SegmentWait {
    /// How many segments the receiver still waits for of someone else's datagram.
    pub pending_segments: u8,
}

impl SegmentWait {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, pending_segments) = be_u8(input)?;
        Ok((input, Self { pending_segments }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.pending_segments);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{ClassId, Command, ParseError};

    fn first(len: usize) -> Command {
        Command::TransportService(TransportService::FirstSegment(FirstSegment {
            datagram_size: Offset::new(300).unwrap(),
            session_id: SessionId::new(9),
            header_extension: None,
            partial_datagram: Body(vec![0x63; len]),
        }))
    }

    #[test]
    fn a_segment_that_changed_on_the_air_does_not_get_into_the_datagram() {
        let whole = first(39).write();
        assert_eq!(whole.len(), 45, "class, command, size, session, 39 bytes, checksum");
        for index in 0..whole.len() {
            let mut changed = whole.clone();
            changed[index] ^= 0x04;
            let parsed = Command::parse(&changed);
            // A changed class or command is another command altogether.
            let other = !matches!(parsed, Ok(Command::TransportService(TransportService::FirstSegment(_))));
            assert!(other, "byte {index}");
            if index > 1 {
                let damaged = ParseError::Damaged { class: ClassId::TRANSPORT_SERVICE, command: 0xC1 };
                assert_eq!(parsed, Err(damaged), "byte {index}");
            }
        }
    }

    #[test]
    fn a_size_above_255_does_not_make_the_command_unknown() {
        let segment = first(3);
        assert_eq!(segment.number(), Some(0xC1));
        assert_eq!((segment.name(), segment.to_string()), (Some("FirstSegment"), "Transport Service FirstSegment".into()));
        assert_eq!(Offset::new(2048), None);
    }

    #[test]
    fn the_bytes_of_a_datagram_show_neither_in_debug_nor_in_json() {
        let segment = first(39);
        let said = format!("{segment:?} {}", serde_json::to_string(&segment).unwrap());
        assert!(!said.contains("6363") && !said.contains("99, 99"), "{said}");
    }

    #[test]
    fn a_header_extension_is_not_taken_for_the_datagram() {
        let mut segment = vec![0x55, 0xC0];
        crc16::append([0x55, 0xC0], &[0x02, 0x38, 0x02, 0xAA, 0xBB, 0x20, 0x02], &mut segment);
        let Ok(Command::TransportService(TransportService::FirstSegment(parsed))) = Command::parse(&segment) else {
            panic!("not a First Segment")
        };
        assert_eq!((parsed.header_extension, parsed.partial_datagram), (Some(Body(vec![0xAA, 0xBB])), Body(vec![0x20, 0x02])));
    }
}
