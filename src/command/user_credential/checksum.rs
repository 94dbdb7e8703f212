//! One number over everything, over one user, or over one type of credential, so that a lock need not be read through
//! to see that nothing changed (docs/protocol/command-classes.md 0x83: taken from one implementation).

use nom::Parser;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::pair;
use serde::Serialize;

use super::parts::CredentialType;
use super::user::User;
use crate::command::codec::{Parsed, count};
use crate::command::crc16::{continued, crc16};
use crate::command::user_code::UserId;
use crate::domain::pin::CodeText;

/// A credential that counts in a checksum.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    pub credential_type: CredentialType,
    pub slot: u16,
    pub data: &'a CodeText,
}

/// The checksum of one user: the user, then the credentials, which come in ascending order of type and slot.
pub fn of_user<'a>(user: &User, credentials: impl IntoIterator<Item = Held<'a>>) -> u16 {
    with_user(crc16(&[]), user, credentials)
}

/// The checksum of all users in ascending order, each with its credentials as in [`of_user`]. The admin PIN is not
/// included. 0 without users.
pub fn of_all_users<'a, H: IntoIterator<Item = Held<'a>>>(users: impl IntoIterator<Item = (UserId, &'a User, H)>) -> u16 {
    or_nothing(users, |crc, (id, user, credentials)| with_user(continued(crc, &id.number().to_be_bytes()), user, credentials))
}

/// The checksum of one type of credential, of all users, in ascending order of slot. 0 without credentials.
pub fn of_type<'a>(credentials: impl IntoIterator<Item = Held<'a>>) -> u16 {
    or_nothing(credentials, with_credential)
}

fn or_nothing<T>(all: impl IntoIterator<Item = T>, add: impl FnMut(u16, T) -> u16) -> u16 {
    let mut all = all.into_iter().peekable();
    if all.peek().is_none() { 0 } else { all.fold(crc16(&[]), add) }
}

fn with_user<'a>(crc: u16, user: &User, credentials: impl IntoIterator<Item = Held<'a>>) -> u16 {
    let User { user_type, active, credential_rule, expiring_timeout_minutes: _, name } = user;
    let head = [user_type.0, u8::from(*active), credential_rule.0, name.encoding.0, count(name.bytes.len())];
    let crc = continued(continued(crc, &head), &name.bytes);
    credentials.into_iter().fold(crc, |crc, held| with_credential(continued(crc, &[held.credential_type.0]), held))
}

fn with_credential(crc: u16, held: Held<'_>) -> u16 {
    let crc = continued(crc, &held.slot.to_be_bytes());
    continued(continued(crc, &[count(held.data.len())]), held.data.reveal())
}

/// The checksum over everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct AllUsersChecksumReport {
    /// 0 if there are no users.
    pub checksum: u16,
}

impl AllUsersChecksumReport {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, checksum) = be_u16(input)?;
        Ok((input, Self { checksum }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.checksum.to_be_bytes());
    }
}

/// The checksum over one user.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct UserChecksumReport {
    pub user_id: u16,
    /// 0: there is no such user.
    pub checksum: u16,
}

impl UserChecksumReport {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (user_id, checksum)) = pair(be_u16, be_u16).parse(input)?;
        Ok((input, Self { user_id, checksum }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.user_id.to_be_bytes());
        out.extend(self.checksum.to_be_bytes());
    }
}

/// The checksum over one type of credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct CredentialChecksumReport {
    pub credential_type: CredentialType,
    /// 0: there is none of that type.
    pub checksum: u16,
}

impl CredentialChecksumReport {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (credential_type, checksum)) = pair(be_u8, be_u16).parse(input)?;
        Ok((input, Self { credential_type: CredentialType(credential_type), checksum }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.credential_type.0);
        out.extend(self.checksum.to_be_bytes());
    }
}
