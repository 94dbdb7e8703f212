//! The controller's non-volatile memory, for backup and restore (docs/protocol/serial-api.md §4, 0x3D). Nothing may be
//! transmitted meanwhile; what is written takes effect after the next reset.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use nom::bytes::complete::take;
use nom::combinator::{opt, rest};
use nom::number::complete::{be_u16, be_u24, be_u32, u8};
use nom::{IResult, Parser};
use serde::Serialize;

use super::codec::{as_hex, put_counted};
use super::function::FunctionId;

/// The function for newer controllers: 0x2E for memories of up to 64 KB, 0x3D for larger ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NvmForm {
    /// 0x2E: offsets of two bytes.
    Short,
    /// 0x3D: offsets of four bytes (700 and 800 series).
    Extended,
}

impl NvmForm {
    pub fn function(self) -> FunctionId {
        match self {
            Self::Short => FunctionId::NVM_OPERATIONS,
            Self::Extended => FunctionId::NVM_EXTENDED_OPERATIONS,
        }
    }

    fn offset(self, input: &[u8]) -> IResult<&[u8], u32> {
        match self {
            Self::Short => be_u16.map(u32::from).parse(input),
            Self::Extended => be_u32.parse(input),
        }
    }

    /// An offset that is too large for the form is written as its maximum, which no memory of that form has.
    fn put_offset(self, bytes: &mut Vec<u8>, offset: u32) {
        match self {
            Self::Short => bytes.extend(u16::try_from(offset).unwrap_or(u16::MAX).to_be_bytes()),
            Self::Extended => bytes.extend(offset.to_be_bytes()),
        }
    }
}

/// A part of a controller's memory. It contains the network keys, so it is not printed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct NvmBytes(Bytes);

impl Deref for NvmBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for NvmBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for NvmBytes {
    fn from(bytes: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(bytes))
    }
}

impl fmt::Debug for NvmBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NvmBytes({} bytes)", self.0.len())
    }
}

/// An operation on the memory (0x2E, 0x3D).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
pub enum NvmOperation {
    /// Open. The answer contains the size.
    Open,
    Read {
        /// Offset in bytes from the start.
        offset: u32,
        /// Number of bytes to read.
        len: u8,
    },
    Write {
        /// Offset in bytes from the start.
        offset: u32,
        #[serde(rename = "data_hex", serialize_with = "as_hex")]
        data: NvmBytes,
    },
    Close,
    Other(#[serde(skip)] u8),
}

impl NvmOperation {
    const OPEN: u8 = 0;
    const READ: u8 = 1;
    const WRITE: u8 = 2;
    const CLOSE: u8 = 3;

    pub(super) fn parse(input: &[u8], form: NvmForm) -> IResult<&[u8], Self> {
        let offset = |i| form.offset(i);
        let (input, operation) = u8.parse(input)?;
        match operation {
            Self::OPEN => Ok((input, Self::Open)),
            Self::READ => (u8, offset).map(|(len, offset)| Self::Read { offset, len }).parse(input),
            Self::WRITE => {
                let (input, (len, offset)) = (u8, offset).parse(input)?;
                let (input, data) = take(len).parse(input)?;
                Ok((input, Self::Write { offset, data: data.into() }))
            }
            Self::CLOSE => Ok((input, Self::Close)),
            other => Ok((&[], Self::Other(other))),
        }
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>, form: NvmForm) {
        match self {
            Self::Open => bytes.push(Self::OPEN),
            Self::Read { offset, len } => {
                bytes.extend([Self::READ, *len]);
                form.put_offset(bytes, *offset);
            }
            Self::Write { offset, data } => {
                bytes.extend([Self::WRITE, u8::try_from(data.len()).unwrap_or(u8::MAX)]);
                form.put_offset(bytes, *offset);
                bytes.extend_from_slice(data);
            }
            Self::Close => bytes.push(Self::CLOSE),
            Self::Other(operation) => bytes.push(*operation),
        }
    }
}

/// The status of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct NvmStatus(pub u8);

impl NvmStatus {
    pub const OK: Self = Self(0);
    pub const ERROR: Self = Self(1);
    /// Not open, or opened for another operation.
    pub const MISMATCH: Self = Self(2);
    pub const INTERFERENCE: Self = Self(3);
    /// Unsupported operation (0x3D only).
    pub const UNSUPPORTED: Self = Self(4);
    /// The memory ends here; the data in this answer are valid.
    pub const END_OF_FILE: Self = Self(0xFF);
}

/// The controller's answer to an operation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NvmAnswer {
    #[serde(skip)]
    pub form: NvmForm,
    pub status: NvmStatus,
    /// After opening, the size in bytes, otherwise the offset. 0 in the short form's answer to opening means 64 KB.
    pub offset_or_size: u32,
    /// Number of bytes read or written.
    pub len: u8,
    /// The data that were read; in the extended form's answer to opening, a bit mask of supported operations.
    #[serde(rename = "data_hex", serialize_with = "as_hex")]
    pub data: NvmBytes,
}

impl NvmAnswer {
    pub(super) fn parse(input: &[u8], form: NvmForm) -> IResult<&[u8], Self> {
        let (input, (status, len)) = (u8, u8).parse(input)?;
        let (input, offset) = opt(|i| form.offset(i)).parse(input)?;
        // The answer to a write has a length but no data.
        let (input, data) = opt(take(len)).parse(input)?;
        let data = data.unwrap_or_default().into();
        Ok((input, Self { form, status: NvmStatus(status), offset_or_size: offset.unwrap_or(0), len, data }))
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend([self.status.0, self.len]);
        self.form.put_offset(bytes, self.offset_or_size);
        bytes.extend_from_slice(&self.data);
    }
}

/// The memory of a 500-series controller (0x29).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct NvmId {
    /// Manufacturer of the chip.
    pub manufacturer: u8,
    /// Type of the memory.
    pub memory_type: u8,
    /// The size is two to the power of this, in bytes (0x0E is 16 KB).
    pub size_code: u8,
}

impl NvmId {
    /// The first byte is not documented: it counts the bytes after it.
    pub(super) fn parse(input: &[u8]) -> IResult<&[u8], Self> {
        let (input, (_, manufacturer, memory_type, size_code)) = (u8, u8, u8, u8).parse(input)?;
        let (input, _) = rest.parse(input)?;
        Ok((input, Self { manufacturer, memory_type, size_code }))
    }

    pub(super) fn put(self, bytes: &mut Vec<u8>) {
        put_counted(bytes, &[self.manufacturer, self.memory_type, self.size_code]);
    }
}

/// Parses a 24-bit offset of the 500 series (0x2A, 0x2B).
pub(super) fn parse_offset(input: &[u8]) -> IResult<&[u8], u32> {
    be_u24.parse(input)
}

pub(super) fn put_offset(bytes: &mut Vec<u8>, offset: u32) {
    bytes.extend(offset.min(0x00FF_FFFF).to_be_bytes().iter().skip(1));
}

/// Parses bytes after their 16-bit length.
pub(super) fn parse_long(input: &[u8]) -> IResult<&[u8], NvmBytes> {
    let (input, len) = be_u16.parse(input)?;
    let (input, data) = take(len).parse(input)?;
    Ok((input, data.into()))
}

pub(super) fn put_long(bytes: &mut Vec<u8>, data: &[u8]) {
    bytes.extend(u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    bytes.extend_from_slice(data);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serial::{Frame, Message, NodeIdWidth, Request};

    const WIDTH: NodeIdWidth = NodeIdWidth::Bits8;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn a_memory_is_asked_for_as_another_host_asks() {
        let (data, at) = (NvmBytes::from([1, 2, 3, 4].as_slice()), 0x0001_2345);
        let nvm = |form, operation| Request::Nvm { form, operation };
        let write = |offset| NvmOperation::Write { offset, data: data.clone() };
        // Written by Z-Wave JS 15.29.
        for (theirs, request) in [
            ("0104002e00d5", nvm(NvmForm::Short, NvmOperation::Open)),
            ("0107002e01401234b1", nvm(NvmForm::Short, NvmOperation::Read { offset: 0x1234, len: 0x40 })),
            ("010b002e0204123401020304fe", nvm(NvmForm::Short, write(0x1234))),
            ("0104002e03d6", nvm(NvmForm::Short, NvmOperation::Close)),
            ("0104003d00c6", nvm(NvmForm::Extended, NvmOperation::Open)),
            ("0109003d014000012345ed", nvm(NvmForm::Extended, NvmOperation::Read { offset: at, len: 0x40 })),
            ("010d003d02040001234501020304aa", nvm(NvmForm::Extended, write(at))),
            ("0104003d03c5", nvm(NvmForm::Extended, NvmOperation::Close)),
            ("01030029d5", Request::NvmGetId),
            ("0108002a0123450040fa", Request::NvmRead { offset: 0x0001_2345, len: 0x40 }),
            ("010c002b012345000401020304bf", Request::NvmWrite { offset: 0x0001_2345, data: data.clone() }),
        ] {
            assert_eq!(request.write(WIDTH).unwrap().encode(), hex(theirs), "{request:?}");
            assert_eq!(Request::parse(&Frame::parse(&hex(theirs)).unwrap(), WIDTH), Ok(request));
        }
    }

    #[test]
    fn an_answer_to_a_write_counts_bytes_and_brings_none() {
        for form in [NvmForm::Short, NvmForm::Extended] {
            let written = NvmAnswer { form, status: NvmStatus::OK, offset_or_size: 0x80, len: 64, data: NvmBytes::default() };
            let read = NvmAnswer { status: NvmStatus::END_OF_FILE, len: 3, data: [7, 8, 9].as_slice().into(), ..written.clone() };
            for answer in [written, read] {
                let message = Message::Nvm(answer);
                assert_eq!(Message::parse(&message.write(WIDTH), WIDTH), Ok(message));
            }
        }
    }

    #[test]
    fn what_the_memory_of_an_old_controller_is_comes_through() {
        let message = Message::NvmId(NvmId { manufacturer: 0x20, memory_type: 1, size_code: 0x0E });
        assert_eq!(Message::parse(&message.write(WIDTH), WIDTH), Ok(message));
    }
}
