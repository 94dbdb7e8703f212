//! Version 2: one number over all codes, so that a lock need not be read through to see that nothing changed.

use nom::number::complete::be_u16;
use serde::Serialize;

use super::user::{UserId, UserIdStatus};
use crate::command::codec::Parsed;
use crate::command::crc16::{continued, crc16};
use crate::domain::pin::CodeText;

/// The checksum a lock reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Checksum {
    /// 0: no code is set.
    pub checksum: u16,
}

impl Checksum {
    /// The checksum of these codes, which come in ascending order of user; the admin code does not count, nor do slots
    /// that are available. Taken from one implementation and one worked example (docs/protocol/gateway.md §5.2).
    pub fn of<'a>(codes: impl IntoIterator<Item = (UserId, UserIdStatus, &'a CodeText)>) -> Self {
        let mut set = codes.into_iter().filter(|(_, status, _)| *status != UserIdStatus::AVAILABLE).peekable();
        if set.peek().is_none() {
            return Self { checksum: 0 };
        }
        let checksum = set.fold(crc16(&[]), |crc, (user, status, code)| {
            let crc = continued(crc, &user.number().to_be_bytes());
            continued(continued(crc, &[status.0]), code.reveal())
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
