//! User Code (0x63) v1–2: the codes in a lock (docs/protocol/command-classes.md 0x63; docs/protocol/gateway.md §5).
//!
//! Addressed to user 0, a Set with status "available" erases every code of the lock. So a Set takes a [`UserId`], which
//! is never 0, and erasing all has constructors of its own: [`Set::erase_all`] and [`ExtendedSet::erase_all`].

mod capabilities;
mod checksum;
mod extended;
mod user;

use nom::Parser;
use nom::combinator::rest;
use nom::number::complete::be_u8;
use nom::sequence::pair;
use serde::Serialize;

use super::codec::{Parsed, masked, optional_u16};
use super::spec::{Kind, command_class};
use crate::domain::pin::CodeText;

pub use super::crc16::crc16;
pub use capabilities::{CapabilitiesReport, KeypadMode};
pub use checksum::Checksum;
pub use extended::{AdminCode, ExtendedCode, ExtendedGet, ExtendedReport, ExtendedSet};
pub use user::{UserId, UserIdStatus};

command_class! {
    UserCode {
        /// Writes or clears the code of one user.
        Set(Set) = 0x01, v 1, Kind::Set;
        Get(Get) = 0x02, v 1, Kind::Get { reply: 0x03 };
        Report(Report) = 0x03, v 1, Kind::Report;
        UsersNumberGet = 0x04, v 1, Kind::Get { reply: 0x05 };
        UsersNumberReport(UsersNumberReport) = 0x05, v 1, Kind::Report;
        CapabilitiesGet = 0x06, v 2, Kind::Get { reply: 0x07 };
        CapabilitiesReport(CapabilitiesReport) = 0x07, v 2, Kind::Report;
        KeypadModeSet(KeypadMode) = 0x08, v 2, Kind::Set;
        KeypadModeGet = 0x09, v 2, Kind::Get { reply: 0x0A };
        KeypadModeReport(KeypadMode) = 0x0A, v 2, Kind::Report;
        /// Writes or clears several codes.
        ExtendedUserCodeSet(ExtendedSet) = 0x0B, v 2, Kind::Set;
        /// Asks for a code, or as many from there on as fit.
        ExtendedUserCodeGet(ExtendedGet) = 0x0C, v 2, Kind::Get { reply: 0x0D };
        ExtendedUserCodeReport(ExtendedReport) = 0x0D, v 2, Kind::Report;
        /// Writes or switches off the admin code.
        AdminCodeSet(AdminCode) = 0x0E, v 2, Kind::Set;
        AdminCodeGet = 0x0F, v 2, Kind::Get { reply: 0x10 };
        AdminCodeReport(AdminCode) = 0x10, v 2, Kind::Report;
        UserCodeChecksumGet = 0x11, v 2, Kind::Get { reply: 0x12 };
        UserCodeChecksumReport(Checksum) = 0x12, v 2, Kind::Report;
    }
}

impl UserCode {
    /// Puts `code` into the slot of `user`, in the words of a node of class version `version`: plain up to user 255 at
    /// version 1, extended from version 2 on. `None`: version 1 has no way to name that user.
    pub fn write_code(user: UserId, status: UserIdStatus, code: CodeText, version: u8) -> Option<Self> {
        if version >= 2 {
            return Some(Self::ExtendedUserCodeSet(ExtendedSet::of(ExtendedCode::new(user, status, code))));
        }
        Set::new(user, status, code).map(Self::Set)
    }

    /// Empties the slot of `user`. `None`: version 1 has no way to name that user.
    pub fn clear_code(user: UserId, version: u8) -> Option<Self> {
        if version >= 2 {
            return Some(Self::ExtendedUserCodeSet(ExtendedSet::clear(user)));
        }
        Set::clear(user).map(Self::Set)
    }

    /// Asks for the slot of `user` alone: plain up to user 255, which both versions answer, extended above.
    pub fn read_code(user: UserId) -> Self {
        match u8::try_from(user.number()) {
            Ok(user_id) => Self::Get(Get { user_id }),
            Err(_) => Self::ExtendedUserCodeGet(ExtendedGet { user_id: user.number(), report_more: false }),
        }
    }
}

/// Writes or clears one code.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Set {
    user_id: u8,
    status: UserIdStatus,
    #[serde(rename = "code_hex", serialize_with = "masked")]
    code: CodeText,
}

impl Set {
    /// Writes `code`; `None` for users above 255, which need [`ExtendedSet`].
    pub fn new(user: UserId, status: UserIdStatus, code: CodeText) -> Option<Self> {
        Some(Self { user_id: u8::try_from(user.number()).ok()?, status, code })
    }

    /// Clears the slot with four zero bytes. ASCII zeros became a working code in some Schlage locks.
    pub fn clear(user: UserId) -> Option<Self> {
        Self::new(user, UserIdStatus::AVAILABLE, CodeText::new([0; 4]))
    }

    /// Erases every code of the lock, of people we never heard of too.
    pub fn erase_all() -> Self {
        Self { user_id: 0, status: UserIdStatus::AVAILABLE, code: CodeText::new([0; 4]) }
    }

    /// The user; `None` stands for all users.
    pub fn user(&self) -> Option<UserId> {
        UserId::new(self.user_id.into())
    }

    /// What the slot shall be for.
    pub fn status(&self) -> UserIdStatus {
        self.status
    }

    /// The code as received.
    pub fn code(&self) -> &CodeText {
        &self.code
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (user_id, status)) = pair(be_u8, be_u8).parse(input)?;
        let (input, code) = rest(input)?;
        Ok((input, Self { user_id, status: UserIdStatus(status), code: CodeText::new(code) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.user_id, self.status.0]);
        out.extend(self.code.reveal());
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Get {
    /// User ids begin at 1.
    pub user_id: u8,
}

impl Get {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, user_id) = be_u8(input)?;
        Ok((input, Self { user_id }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.user_id);
    }
}

/// The content of one slot. Schlage reports user 0 with status "available" after all codes were deleted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    pub user_id: u8,
    /// What the slot is for.
    pub status: UserIdStatus,
    /// The code as received: digits, stars, filler, or nothing.
    #[serde(rename = "code_hex", serialize_with = "masked")]
    pub code: CodeText,
}

impl Report {
    /// The user; `None` stands for all users.
    pub fn user(&self) -> Option<UserId> {
        UserId::new(self.user_id.into())
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (user_id, status)) = pair(be_u8, be_u8).parse(input)?;
        let (input, code) = rest(input)?;
        Ok((input, Self { user_id, status: UserIdStatus(status), code: CodeText::new(code) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.user_id, self.status.0]);
        out.extend(self.code.reveal());
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct UsersNumberReport {
    /// Users 1 to this; 255 stands for more.
    pub users: u8,
    /// The same in version 2, without that limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extended_users: Option<u16>,
}

impl UsersNumberReport {
    /// A report in the words of class version `version`.
    pub fn new(users: u16, version: u8) -> Self {
        Self { users: u8::try_from(users).unwrap_or(u8::MAX), extended_users: (version >= 2).then_some(users) }
    }

    /// The highest user id.
    pub fn supported(&self) -> u16 {
        self.extended_users.unwrap_or_else(|| self.users.into())
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, users) = be_u8(input)?;
        let (input, extended_users) = optional_u16(input)?;
        Ok((input, Self { users, extended_users }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.users);
        out.extend(self.extended_users.into_iter().flat_map(u16::to_be_bytes));
    }
}

#[cfg(test)]
mod tests;
