//! Version 2: one number over all codes, so that a lock need not be read through to see that nothing changed.

use nom::number::complete::be_u16;
use serde::Serialize;

use super::{UserId, UserIdStatus};
use crate::command::codec::Parsed;
use crate::domain::pin::CodeText;

/// The checksum a lock reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Checksum {
    /// 0: no code is set.
    pub checksum: u16,
}

impl Checksum {
    /// The checksum of these codes, which come in ascending order of user; the admin code does not count, nor do slots
    /// that are available. Taken from one implementation and one worked example (gateway sheet §5.2).
    pub fn of<'a>(codes: impl IntoIterator<Item = (UserId, UserIdStatus, &'a CodeText)>) -> Self {
        let mut set = codes.into_iter().filter(|(_, status, _)| *status != UserIdStatus::AVAILABLE).peekable();
        if set.peek().is_none() {
            return Self { checksum: 0 };
        }
        let checksum = set.fold(CRC16_START, |crc, (user, status, code)| {
            let crc = crc16_on(crc, &user.number().to_be_bytes());
            crc16_on(crc16_on(crc, &[status.0]), code.reveal())
        });
        Self { checksum }
    }

    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, checksum) = be_u16(input)?;
        Ok((input, Self { checksum }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.checksum.to_be_bytes());
    }
}

const CRC16_START: u16 = 0x1D0F;

/// CRC-16 with polynomial 0x1021, start 0x1D0F, no final exclusive-or: also that of CRC-16 Encapsulation.
pub fn crc16(bytes: &[u8]) -> u16 {
    crc16_on(CRC16_START, bytes)
}

fn crc16_on(crc: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(crc, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 })
    })
}
