//! Credentials: what a user presents, and the PIN that administers the lock.

use nom::Parser;
use nom::bytes::complete::take;
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::pair;
use serde::Serialize;

use super::parts::{CredentialType, Modifier, Operation, Place};
use crate::command::codec::{Parsed, count, masked};
use crate::command::user_code::UserId;
use crate::domain::pin::CodeText;

/// Adds, changes or deletes credentials.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CredentialSet {
    #[serde(flatten)]
    place: Place,
    operation_type: Operation,
    #[serde(rename = "credential_data_hex", serialize_with = "masked", skip_serializing_if = "Option::is_none")]
    data: Option<CodeText>,
}

impl CredentialSet {
    /// Fills an empty slot.
    pub fn add(user: UserId, credential_type: CredentialType, slot: u16, data: CodeText) -> Self {
        Self { operation_type: Operation::ADD, ..Self::modify(user, credential_type, slot, data) }
    }

    /// Changes what is in a slot of this user.
    pub fn modify(user: UserId, credential_type: CredentialType, slot: u16, data: CodeText) -> Self {
        let place = Place { user_id: user.number(), credential_type, credential_slot: slot };
        Self { place, operation_type: Operation::MODIFY, data: Some(data) }
    }

    /// Empties one slot of this user; `None` for slot 0 or no type, which mean all.
    pub fn delete(user: UserId, credential_type: CredentialType, slot: u16) -> Option<Self> {
        let one = slot != 0 && credential_type != CredentialType::NONE;
        one.then(|| Self::emptying(user.number(), credential_type, slot))
    }

    /// Empties every slot of this user.
    pub fn delete_of_user(user: UserId) -> Self {
        Self::emptying(user.number(), CredentialType::NONE, 0)
    }

    /// Empties every slot of the lock, of people we never heard of too.
    pub fn delete_all() -> Self {
        Self::emptying(0, CredentialType::NONE, 0)
    }

    /// Whose, of which type, in which slot; in a deletion zeros mean all.
    pub fn place(&self) -> Place {
        self.place
    }

    pub fn operation(&self) -> Operation {
        self.operation_type
    }

    /// What shall be there; `None` in a deletion.
    pub fn data(&self) -> Option<&CodeText> {
        self.data.as_ref()
    }

    fn emptying(user_id: u16, credential_type: CredentialType, credential_slot: u16) -> Self {
        let place = Place { user_id, credential_type, credential_slot };
        Self { place, operation_type: Operation::DELETE, data: None }
    }

    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (place, operation_type)) = pair(Place::parse, Operation::parse).parse(input)?;
        if operation_type == Operation::DELETE {
            // Data may follow and have no meaning.
            return Ok((input, Self { place, operation_type, data: None }));
        }
        let (input, data) = length_data(be_u8).parse(input)?;
        Ok((input, Self { place, operation_type, data: Some(CodeText::new(data)) }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.place.write(out);
        out.push(self.operation_type.0);
        if let Some(data) = &self.data {
            write_data(data, out);
        }
    }
}

/// Asks for one credential, and which is next. Zeros: the first there is, of that user and type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct CredentialGet {
    /// Whose, of which type, in which slot.
    #[serde(flatten)]
    pub place: Place,
}

impl CredentialGet {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, place) = Place::parse(input)?;
        Ok((input, Self { place }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.place.write(out);
    }
}

/// Why a credential is reported.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct CredentialReportType(pub u8);

impl CredentialReportType {
    pub const ADDED: Self = Self(0);
    pub const MODIFIED: Self = Self(1);
    pub const DELETED: Self = Self(2);
    /// The Set changed nothing.
    pub const UNCHANGED: Self = Self(3);
    pub const ANSWER: Self = Self(4);
    /// To be added, but the slot is taken.
    pub const ADD_REJECTED: Self = Self(5);
    /// To be changed, but the slot is empty.
    pub const MODIFY_REJECTED: Self = Self(6);
    /// Another slot of that type has it.
    pub const DUPLICATE: Self = Self(7);
    /// The maker does not want it.
    pub const MANUFACTURER_RULES: Self = Self(8);
    /// There is no such user, or the slot is another's.
    pub const WRONG_USER: Self = Self(9);
    /// It is the admin PIN.
    pub const DUPLICATE_ADMIN: Self = Self(0x0A);
}

/// Tells of a credential, or the result of a Set.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CredentialReport {
    /// Why the report was sent.
    pub report_type: CredentialReportType,
    /// Whose, of which type, in which slot.
    #[serde(flatten)]
    pub place: Place,
    /// The data is what was stored, and not a hash of it or nothing.
    pub credential_read_back: bool,
    /// The data, a hash of it, or nothing.
    #[serde(rename = "credential_data_hex", serialize_with = "masked")]
    pub data: CodeText,
    /// Who changed it last.
    #[serde(flatten)]
    pub modifier: Modifier,
    /// What to ask for next, in an answer; none: this was the last.
    pub next_credential_type: CredentialType,
    pub next_credential_slot: u16,
}

impl CredentialReport {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (report_type, place)) = pair(be_u8, Place::parse).parse(input)?;
        let (input, (flags, data)) = pair(be_u8, length_data(be_u8)).parse(input)?;
        let (input, (modifier, next_type)) = pair(Modifier::parse, be_u8).parse(input)?;
        let (input, next_credential_slot) = be_u16(input)?;
        let report = Self {
            report_type: CredentialReportType(report_type),
            place,
            credential_read_back: flags & 0x80 != 0,
            data: CodeText::new(data),
            modifier,
            next_credential_type: CredentialType(next_type),
            next_credential_slot,
        };
        Ok((input, report))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.report_type.0);
        self.place.write(out);
        out.push(u8::from(self.credential_read_back) << 7);
        write_data(&self.data, out);
        self.modifier.write(out);
        out.push(self.next_credential_type.0);
        out.extend(self.next_credential_slot.to_be_bytes());
    }
}

/// Writes the PIN that administers the lock at its keypad; empty: switches it off.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AdminPinCodeSet {
    #[serde(rename = "pin_code_hex", serialize_with = "masked")]
    pub pin_code: CodeText,
}

impl AdminPinCodeSet {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (_, pin_code)) = nibble_data(input)?;
        Ok((input, Self { pin_code }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write_nibble_data(0, &self.pin_code, out);
    }
}

/// The result of an admin PIN.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct AdminResult(u8);

impl AdminResult {
    pub const MODIFIED: Self = Self(1);
    /// It was so already.
    pub const UNMODIFIED: Self = Self(3);
    pub const ANSWER: Self = Self(4);
    /// A user has it.
    pub const DUPLICATE: Self = Self(7);
    /// The maker does not want it.
    pub const MANUFACTURER_RULE: Self = Self(8);
    /// There is no admin PIN.
    pub const NOT_SUPPORTED: Self = Self(0x0D);
    /// It cannot be switched off.
    pub const CANT_DISABLE: Self = Self(0x0E);
    /// The lock does not say why.
    pub const UNSPECIFIED: Self = Self(0x0F);
}

/// Tells the admin PIN, or the result of a Set.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AdminPinCodeReport {
    /// Why the report was sent.
    pub operation_result: AdminResult,
    /// The digits; none: it is switched off.
    #[serde(rename = "pin_code_hex", serialize_with = "masked")]
    pub pin_code: CodeText,
}

impl AdminPinCodeReport {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (result, pin_code)) = nibble_data(input)?;
        Ok((input, Self { operation_result: AdminResult(result), pin_code }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write_nibble_data(self.operation_result.0, &self.pin_code, out);
    }
}

fn write_data(data: &CodeText, out: &mut Vec<u8>) {
    let len = count(data.len());
    out.push(len);
    out.extend(data.reveal().iter().take(len.into()));
}

/// A byte whose high half is a number and whose low half is the length of what follows.
fn nibble_data(input: &[u8]) -> Parsed<'_, (u8, CodeText)> {
    let (input, head) = be_u8(input)?;
    let (input, data) = take(head & 0x0F)(input)?;
    Ok((input, (head >> 4, CodeText::new(data))))
}

fn write_nibble_data(high: u8, data: &CodeText, out: &mut Vec<u8>) {
    let len = count(data.len()).min(0x0F);
    out.push(high << 4 | len);
    out.extend(data.reveal().iter().take(len.into()));
}
