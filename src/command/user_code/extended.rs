//! Version 2: users above 255, several codes in one frame, and the admin code.

use nom::Parser;
use nom::combinator::opt;
use nom::multi::count as repeat;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::pair;
use serde::Serialize;

use super::user::{UserId, UserIdStatus};
use crate::command::codec::{Parsed, count, masked, up_to};
use crate::domain::pin::CodeText;

/// One code of an extended Set or Report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ExtendedCode {
    user_id: u16,
    status: UserIdStatus,
    #[serde(rename = "code_hex", serialize_with = "masked")]
    code: CodeText,
}

impl ExtendedCode {
    /// The code of `user`.
    pub fn new(user: UserId, status: UserIdStatus, code: CodeText) -> Self {
        Self { user_id: user.number(), status, code }
    }

    /// The user; `None` stands for all users.
    pub fn user(&self) -> Option<UserId> {
        UserId::new(self.user_id)
    }

    /// What the slot is for.
    pub fn status(&self) -> UserIdStatus {
        self.status
    }

    /// The code as received.
    pub fn code(&self) -> &CodeText {
        &self.code
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (user_id, status)) = pair(be_u16, be_u8).parse(input)?;
        let (input, len) = be_u8(input)?;
        let (input, code) = up_to((len & 0x0F).into(), input)?;
        Ok((input, Self { user_id, status: UserIdStatus(status), code: CodeText::new(code) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.user_id.to_be_bytes());
        out.extend([self.status.0, count(self.code.len()) & 0x0F]);
        out.extend(self.code.reveal());
    }
}

/// Writes or clears codes. More than one only where the capabilities say so; a lock that refuses one refuses all.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ExtendedSet {
    codes: Vec<ExtendedCode>,
}

impl ExtendedSet {
    pub fn of(code: ExtendedCode) -> Self {
        Self { codes: vec![code] }
    }

    /// Writes several codes in one frame.
    pub fn all_of(codes: Vec<ExtendedCode>) -> Self {
        Self { codes }
    }

    /// Clears one code: status "available" and no code at all.
    pub fn clear(user: UserId) -> Self {
        Self::of(ExtendedCode::new(user, UserIdStatus::AVAILABLE, CodeText::default()))
    }

    /// Erases every code of the lock, of people we never heard of too.
    pub fn erase_all() -> Self {
        Self::of(ExtendedCode { user_id: 0, status: UserIdStatus::AVAILABLE, code: CodeText::default() })
    }

    /// The codes, in order.
    pub fn codes(&self) -> &[ExtendedCode] {
        &self.codes
    }

    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, codes) = codes(input)?;
        Ok((input, Self { codes }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(count(self.codes.len()));
        self.codes.iter().for_each(|code| code.write(out));
    }
}

/// Asks for a code, or as many set ones from there on as fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct ExtendedGet {
    /// User ids begin at 1.
    pub user_id: u16,
    /// Tell of the next ones too.
    pub report_more: bool,
}

impl ExtendedGet {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (user_id, flags)) = pair(be_u16, opt(be_u8)).parse(input)?;
        Ok((input, Self { user_id, report_more: flags.unwrap_or_default() & 0x01 != 0 }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.user_id.to_be_bytes());
        out.push(self.report_more.into());
    }
}

/// Codes, and where to go on reading.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ExtendedReport {
    /// The codes, in order.
    pub codes: Vec<ExtendedCode>,
    /// The next user with a code after these; 0: none.
    pub next_user_id: u16,
}

impl ExtendedReport {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, codes) = codes(input)?;
        // Embedded in a notification the report may end here.
        let (input, next_user_id) = opt(be_u16).parse(input)?;
        Ok((input, Self { codes, next_user_id: next_user_id.unwrap_or_default() }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(count(self.codes.len()));
        self.codes.iter().for_each(|code| code.write(out));
        out.extend(self.next_user_id.to_be_bytes());
    }
}

fn codes(input: &[u8]) -> Parsed<'_, Vec<ExtendedCode>> {
    let (input, codes) = be_u8(input)?;
    repeat(ExtendedCode::parse, codes.into()).parse(input)
}

/// The code that administers the lock at its keypad; empty: switched off.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AdminCode {
    #[serde(rename = "code_hex", serialize_with = "masked")]
    pub code: CodeText,
}

impl AdminCode {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, len) = be_u8(input)?;
        let (input, code) = up_to((len & 0x0F).into(), input)?;
        Ok((input, Self { code: CodeText::new(code) }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(count(self.code.len()) & 0x0F);
        out.extend(self.code.reveal());
    }
}
