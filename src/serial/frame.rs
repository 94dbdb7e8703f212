//! Frames and single control bytes on the wire (docs/protocol/serial-api.md §1).

use std::fmt;

use bytes::Bytes;
use nom::bytes::streaming::{tag, take};
use nom::combinator::{map_opt, verify};
use nom::number::streaming::u8;
use nom::{IResult, Parser};

use super::codec::CallbackId;
use super::function::{FunctionId, Pattern};

/// Starts a data frame.
pub const SOF: u8 = 0x01;
/// A valid data frame was received.
pub const ACK: u8 = 0x06;
/// A data frame with a bad checksum was received.
pub const NAK: u8 = 0x15;
/// A data frame was dropped, because its receiver itself waited for an ACK.
pub const CAN: u8 = 0x18;

/// The most parameter bytes a frame can hold: LEN counts them plus three, in one byte.
pub const MAX_PARAMS: usize = 252;

/// Whether a frame is a request or a response.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FrameType {
    /// A request, a callback or something unsolicited.
    Request,
    /// The response to the outstanding request.
    Response,
    /// Any other type: bytes were lost on the line, and the checksum is right by accident. Only [`Frame::parse`]
    /// returns it (for reading logs); the [`Decoder`] looks for the next frame instead.
    Other(u8),
}

impl FrameType {
    fn from_byte(byte: u8) -> Self {
        match byte {
            0x00 => Self::Request,
            0x01 => Self::Response,
            other => Self::Other(other),
        }
    }

    fn to_byte(self) -> u8 {
        match self {
            Self::Request => 0x00,
            Self::Response => 0x01,
            Self::Other(other) => other,
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: FrameType,
    pub function: FunctionId,
    /// Everything between the function id and the checksum; at most [`MAX_PARAMS`] bytes.
    pub params: Bytes,
}

/// Why a text is not one complete frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidFrame {
    /// Does not start with 01, or the length byte does not match.
    #[error("not one whole serial frame: 01, a length byte, that many bytes")]
    Length,
    /// Bytes were lost or changed.
    #[error("checksum is {found:02x}, should be {expected:02x}: bytes were lost or changed on the line")]
    Checksum {
        expected: u8,
        /// The checksum in the frame.
        found: u8,
    },
}

impl Frame {
    pub fn request(function: FunctionId, params: impl Into<Bytes>) -> Self {
        Self { kind: FrameType::Request, function, params: params.into() }
    }

    pub fn response(function: FunctionId, params: impl Into<Bytes>) -> Self {
        Self { kind: FrameType::Response, function, params: params.into() }
    }

    /// The bytes on the wire, from SOF to checksum. Parameters beyond [`MAX_PARAMS`] are cut off.
    pub fn encode(&self) -> Vec<u8> {
        let params = self.params.get(..MAX_PARAMS).unwrap_or(&self.params);
        let len = u8::try_from(params.len() + 3).unwrap_or(u8::MAX);
        let mut bytes = vec![SOF, len, self.kind.to_byte(), self.function.0];
        bytes.extend_from_slice(params);
        bytes.push(checksum(bytes.get(1..).unwrap_or_default()));
        bytes
    }

    /// Parses exactly one frame, from SOF to checksum, as logs print it.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidFrame> {
        let [SOF, len, kind, function, .., found] = *bytes else { return Err(InvalidFrame::Length) };
        if bytes.len() != usize::from(len) + 2 {
            return Err(InvalidFrame::Length);
        }
        let expected = checksum(bytes.get(1..bytes.len() - 1).unwrap_or_default());
        if found != expected {
            return Err(InvalidFrame::Checksum { expected, found });
        }
        let params = Bytes::copy_from_slice(bytes.get(4..bytes.len() - 1).unwrap_or_default());
        Ok(Self { kind: FrameType::from_byte(kind), function: FunctionId(function), params })
    }

    /// The callback id a frame *from the controller* carries: the first parameter of a callback
    /// (docs/protocol/serial-api.md §2).
    pub fn callback_id(&self) -> Option<CallbackId> {
        let calls_back = matches!(self.function.pattern(), Some(Pattern::ResponseAndCallback | Pattern::Callback));
        if self.kind != FrameType::Request || !calls_back {
            return None;
        }
        self.params.first().map(|id| CallbackId(*id))
    }
}

/// Omits the parameters: codes of locks without security are in them.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} ({} bytes)", self.kind, self.function, self.params.len())
    }
}

/// One item of the received byte stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Received {
    /// Our frame was received.
    Ack,
    /// Our frame was damaged.
    Nak,
    /// Our frame was dropped: it collided with one from the controller.
    Can,
    /// A data frame with a good checksum.
    Frame(Frame),
    /// A data frame with a wrong checksum. It has to be answered by a NAK.
    BadChecksum,
    /// Number of bytes that belong to no frame.
    Garbage(usize),
}

/// Splits the byte stream from a controller into [`Received`] values. Holds at most one incomplete frame.
#[derive(Clone, Default, Debug)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// The buffer starts inside a frame with a wrong checksum: failures in it are garbage, since one NAK is enough.
    salvaging: bool,
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes; then call [`Decoder::next`] until it returns `None`.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Drops an incomplete frame.
    pub fn reset(&mut self) {
        self.buffer.clear();
        self.salvaging = false;
    }

    /// Whether a frame is incomplete. Valid after [`Decoder::next`] returned `None`.
    pub fn is_mid_frame(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The next item; `None` if more bytes are needed.
    #[expect(clippy::should_implement_trait, reason = "not an iterator: more may come after None")]
    pub fn next(&mut self) -> Option<Received> {
        let junk = self.buffer.iter().take_while(|b| !matches!(**b, SOF | ACK | NAK | CAN)).count();
        if junk > 0 {
            self.buffer.drain(..junk);
            return Some(Received::Garbage(junk));
        }
        let control = match *self.buffer.first()? {
            ACK => Some(Received::Ack),
            NAK => Some(Received::Nak),
            CAN => Some(Received::Can),
            _ => None,
        };
        if let Some(control) = control {
            self.buffer.remove(0);
            return Some(control);
        }
        if self.salvaging
            && let Some(at) = self.frame_within()
        {
            self.buffer.drain(..at);
            self.salvaging = false;
            return Some(Received::Garbage(at));
        }
        match data_frame(&self.buffer) {
            Ok((rest, (frame, true))) => {
                let used = self.buffer.len() - rest.len();
                self.buffer.drain(..used);
                self.salvaging = false;
                Some(Received::Frame(frame))
            }
            Ok((rest, (_, false))) => {
                let used = self.buffer.len() - rest.len();
                Some(self.drop_damaged(used))
            }
            Err(nom::Err::Incomplete(_)) => None,
            // Impossible length or type: this was no start of a frame, or bytes after it were lost.
            Err(nom::Err::Error(_) | nom::Err::Failure(_)) => {
                self.buffer.remove(0);
                Some(Received::Garbage(1))
            }
        }
    }

    /// Drops a damaged frame of `len` bytes, but only up to the next possible start of a frame in it: when a line loses
    /// bytes, the damaged frame has swallowed the beginning of the one that follows (seen on ZW090 controllers).
    fn drop_damaged(&mut self, len: usize) -> Received {
        let end = (1..len).find(|at| self.may_start(*at, len)).unwrap_or(len);
        self.buffer.drain(..end);
        if std::mem::replace(&mut self.salvaging, end < len) { Received::Garbage(end) } else { Received::BadChecksum }
    }

    /// The offset of the valid frame that ends first inside the doubtful one. A wrong start may announce many bytes,
    /// and the controller's retransmission must not wait for them.
    fn frame_within(&self) -> Option<usize> {
        if !self.may_start(0, self.buffer.len()) {
            return None;
        }
        let limit = self.buffer.len().min(usize::from(*self.buffer.get(1)?) + 2);
        let ends_good = |at: usize| match data_frame(self.buffer.get(at..limit)?) {
            Ok((rest, (_, true))) => Some((limit - rest.len(), at)),
            _ => None,
        };
        (1..limit).filter(|at| self.may_start(*at, limit)).filter_map(ends_good).min().map(|(_, at)| at)
    }

    /// Whether the bytes from `at` up to `limit` can be the beginning of a frame.
    fn may_start(&self, at: usize, limit: usize) -> bool {
        match self.buffer.get(at..limit).unwrap_or_default() {
            [SOF, len, kind, ..] => *len >= 3 && *kind <= 0x01,
            [SOF, len] => *len >= 3,
            [SOF] => true,
            _ => false,
        }
    }
}

/// A data frame, and whether its checksum is right.
fn data_frame(input: &[u8]) -> IResult<&[u8], (Frame, bool)> {
    let (input, _) = tag(&[SOF][..]).parse(input)?;
    let (_, len) = verify(u8, |len| *len >= 3).parse(input)?;
    // The type is checked before the rest has arrived, so that a wrong start does not delay the following frames.
    let (_, kind) = (u8, map_opt(u8, known_type)).parse(input).map(|(rest, (_, kind))| (rest, kind))?;
    let (rest, body) = take(usize::from(len) + 1).parse(input)?;
    let [_, _, function, params @ .., found] = body else {
        return Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::LengthValue)));
    };
    let good = checksum(body.get(..body.len() - 1).unwrap_or_default()) == *found;
    Ok((rest, (Frame { kind, function: FunctionId(*function), params: Bytes::copy_from_slice(params) }, good)))
}

fn known_type(byte: u8) -> Option<FrameType> {
    match FrameType::from_byte(byte) {
        FrameType::Other(_) => None,
        known => Some(known),
    }
}

/// XOR of everything from LEN on, starting from 0xFF.
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0xFF, |sum, byte| sum ^ byte)
}
