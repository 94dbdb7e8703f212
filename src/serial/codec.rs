//! Parts that all payload codecs share: node ids of two widths, errors, payloads that may contain a code.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use nom::bytes::complete::take;
use nom::number::complete::{be_u16, u8};
use nom::{IResult, Parser};
use serde::{Serialize, Serializer};

use super::function::FunctionId;
use crate::domain::ids::NodeId;

/// The width of a node id on the serial line. 8 bits after every reset of the controller; 16 after Setup 0x80
/// (docs/protocol/serial-api.md §3).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum NodeIdWidth {
    /// One byte: classic nodes only.
    #[default]
    Bits8,
    /// Node ids take two bytes, big-endian.
    Bits16,
}

impl NodeIdWidth {
    /// The width this is not.
    pub fn other(self) -> Self {
        match self {
            Self::Bits8 => Self::Bits16,
            Self::Bits16 => Self::Bits8,
        }
    }

    /// Parses a node id, or 0 where a frame means "none".
    pub(super) fn any_node(self, input: &[u8]) -> IResult<&[u8], NodeId> {
        match self {
            Self::Bits8 => u8.map(|id| NodeId(id.into())).parse(input),
            Self::Bits16 => be_u16.map(NodeId).parse(input),
        }
    }

    /// Whether `node` can exist or is a broadcast id, and fits into this width.
    pub(super) fn holds(self, node: NodeId) -> bool {
        match self {
            Self::Bits8 => matches!(node.0, 1..=232 | 0xFF),
            Self::Bits16 => matches!(node.0, 1..=232 | 0xFF | 256..=4000 | 0xFFF),
        }
    }

    /// Parses the id of a node that can exist. Anything else suggests the other width.
    pub(super) fn node(self, input: &[u8]) -> IResult<&[u8], NodeId> {
        let (rest, node) = self.any_node(input)?;
        if self.holds(node) { Ok((rest, node)) } else { Err(inconsistent(input)) }
    }

    /// Appends a node id. A Long Range id has no 8-bit form; 0, which is no node, is written instead.
    pub(super) fn put(self, bytes: &mut Vec<u8>, node: NodeId) {
        match self {
            Self::Bits8 => bytes.push(u8::try_from(node.0).unwrap_or(0)),
            Self::Bits16 => bytes.extend_from_slice(&node.0.to_be_bytes()),
        }
    }
}

/// Connects a callback with its request. 1–255; 0 asks for no callback (docs/protocol/serial-api.md §2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize)]
#[serde(transparent)]
pub struct CallbackId(pub u8);

impl CallbackId {
    pub const NONE: Self = Self(0);

    /// The next id, round robin, never 0.
    pub fn next(self) -> Self {
        Self(self.0.checked_add(1).unwrap_or(1))
    }
}

/// Why the parameters of a valid frame cannot be parsed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ParseError {
    /// Too short, or with inconsistent lengths, in either node id width.
    #[error("{function}: its {len} parameter bytes are too few or inconsistent")]
    Malformed {
        function: FunctionId,
        /// How many parameter bytes it has.
        len: usize,
    },
}

/// Why a request cannot be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WriteError {
    /// A Long Range node, while node ids have 8 bits.
    #[error("{0} needs 16-bit node ids; switch the controller with Setup 0x80 first")]
    NodeTooWide(NodeId),
    /// Too long for one serial frame.
    #[error("{0} parameter bytes don't fit into a frame of 252; split the command")]
    TooLong(usize),
}

/// An application payload, from the command class on. It may contain an access code, so it is neither printed nor
/// serialised completely.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Payload(pub Bytes);

impl Payload {
    /// Whether it may contain unencrypted access codes: User Code, User Credential or Entry Control, bare or inside
    /// Supervision, Multi Channel, CRC-16, Multi Command or Transport Service.
    pub fn may_hold_code(&self) -> bool {
        matches!(self.0.first(), Some(0x63 | 0x83 | 0x6F | 0x6C | 0x60 | 0x56 | 0x8F | 0x55))
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(bytes))
    }
}

/// Class, command and length only.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = self.get(..2).unwrap_or(self);
        write!(f, "Payload({}, {} bytes)", Hex(head), self.len())
    }
}

/// Hexadecimal; where a code can be inside, only class and command, then `..`.
impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.may_hold_code() {
            return serializer.collect_str(&format_args!("{}..", Hex(self.get(..2).unwrap_or(self))));
        }
        serializer.collect_str(&Hex(self))
    }
}

/// Bytes as hexadecimal digits.
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Serialises bytes as hexadecimal digits.
pub(super) fn as_hex<S: Serializer, T: AsRef<[u8]>>(bytes: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Hex(bytes.as_ref()))
}

/// Serialises a number as `0x84`.
pub(super) fn as_0x<S: Serializer>(byte: &u8, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("0x{byte:02x}"))
}

/// Parses a byte that counts the bytes after it, and those.
pub(super) fn counted(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let (input, len) = u8.parse(input)?;
    take(len).parse(input)
}

/// The end of the parameters, with up to `most` additional bytes that newer controllers append.
pub(super) fn end_within(input: &[u8], most: usize) -> IResult<&[u8], ()> {
    if input.len() <= most { Ok((&[], ())) } else { Err(inconsistent(input)) }
}

/// The error for impossible values.
pub(super) fn inconsistent(input: &[u8]) -> nom::Err<nom::error::Error<&[u8]>> {
    nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Verify))
}

/// The node numbers of a bit mask: bit k is node `first + k`.
pub(super) fn nodes_of_mask(mask: &[u8], first: u16) -> std::collections::BTreeSet<NodeId> {
    let bits = mask.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
    (first..).zip(bits).filter(|(_, set)| *set).map(|(node, _)| NodeId(node)).collect()
}

/// The bit mask of `len` bytes with those nodes that fit in it.
pub(super) fn mask_of_nodes<'a>(nodes: impl IntoIterator<Item = &'a NodeId>, first: u16, len: usize) -> Vec<u8> {
    let mut mask = vec![0; len];
    for node in nodes {
        let Some(bit) = node.0.checked_sub(first) else { continue };
        if let Some(byte) = mask.get_mut(usize::from(bit / 8)) {
            *byte |= 1 << (bit % 8);
        }
    }
    mask
}

/// Appends a length byte and the bytes. Lengths above 255 are cut off by [`super::Frame::encode`] anyway.
pub(super) fn put_counted(bytes: &mut Vec<u8>, counted: &[u8]) {
    bytes.push(u8::try_from(counted.len()).unwrap_or(u8::MAX));
    bytes.extend_from_slice(counted);
}
