//! Users: people, each with a number, a kind and a name.

use nom::Parser;
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::pair;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::parts::{Modifier, Operation};
use crate::command::codec::{Parsed, count};
use crate::command::user_code::UserId;

/// What a user is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct UserType(pub u8);

impl UserType {
    pub const GENERAL: Self = Self(0);
    /// Programs the lock, too.
    pub const PROGRAMMING: Self = Self(3);
    /// Opens nothing, but is reported.
    pub const NON_ACCESS: Self = Self(4);
    /// Opens the door under threat.
    pub const DURESS: Self = Self(5);
    pub const DISPOSABLE: Self = Self(6);
    /// Opens it for so many minutes after the first time.
    pub const EXPIRING: Self = Self(7);
    /// Opens it by radio only.
    pub const REMOTE_ONLY: Self = Self(9);
}

/// How many credentials a user has to present.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct CredentialRule(pub u8);

impl CredentialRule {
    pub const SINGLE: Self = Self(1);
    pub const DUAL: Self = Self(2);
    pub const TRIPLE: Self = Self(3);
}

/// How the letters of a name are written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct NameEncoding(pub u8);

impl NameEncoding {
    pub const ASCII: Self = Self(0);
    /// ASCII and 128 more characters of an unspecified code page.
    pub const EXTENDED_ASCII: Self = Self(1);
    /// UTF-16, high byte first.
    pub const UTF_16: Self = Self(2);
}

/// A name as received: its bytes count in the checksum.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserName {
    /// How its letters are written.
    pub encoding: NameEncoding,
    pub bytes: Vec<u8>,
}

impl UserName {
    /// A name in ASCII if it can be, and else in UTF-16.
    pub fn new(name: &str) -> Self {
        if name.is_ascii() {
            return Self { encoding: NameEncoding::ASCII, bytes: name.as_bytes().to_vec() };
        }
        Self { encoding: NameEncoding::UTF_16, bytes: name.encode_utf16().flat_map(u16::to_be_bytes).collect() }
    }

    /// The name, with a mark in place of what is no letter. Bytes above 127 are taken for Latin-1: the standard names no code
    /// page, and Z-Wave JS writes such names even as ASCII.
    pub fn text(&self) -> String {
        if self.encoding == NameEncoding::UTF_16 {
            let units = self.bytes.chunks(2).map(|pair| pair.iter().fold(0, |high, low| high << 8 | u16::from(*low)));
            return char::decode_utf16(units).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        }
        self.bytes.iter().map(|byte| char::from(*byte)).collect()
    }
}

impl Serialize for UserName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("UserName", 2)?;
        out.serialize_field("name_encoding", &self.encoding)?;
        out.serialize_field("user_name", &self.text())?;
        out.end()
    }
}

/// The data of a user, without the id.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct User {
    /// What they are for.
    pub user_type: UserType,
    pub active: bool,
    /// How many they have to present.
    pub credential_rule: CredentialRule,
    /// How long the user lasts; not 0 exactly for [`UserType::EXPIRING`].
    pub expiring_timeout_minutes: u16,
    #[serde(flatten)]
    pub name: UserName,
}

impl User {
    /// A user who opens the door with one credential.
    pub fn general(name: &str) -> Self {
        Self {
            user_type: UserType::GENERAL,
            active: true,
            credential_rule: CredentialRule::SINGLE,
            expiring_timeout_minutes: 0,
            name: UserName::new(name),
        }
    }

    /// The content of a report if the user does not exist.
    pub fn nobody() -> Self {
        Self { active: false, ..Self::general("") }
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (user_type, active)) = pair(be_u8, be_u8).parse(input)?;
        let (input, (rule, expiring_timeout_minutes)) = pair(be_u8, be_u16).parse(input)?;
        let (input, (encoding, name)) = pair(be_u8, length_data(be_u8)).parse(input)?;
        let user = Self {
            user_type: UserType(user_type),
            active: active & 0x01 != 0,
            credential_rule: CredentialRule(rule),
            expiring_timeout_minutes,
            name: UserName { encoding: NameEncoding(encoding & 0x07), bytes: name.to_vec() },
        };
        Ok((input, user))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.user_type.0, self.active.into(), self.credential_rule.0]);
        out.extend(self.expiring_timeout_minutes.to_be_bytes());
        let len = count(self.name.bytes.len());
        out.extend([self.name.encoding.0 & 0x07, len]);
        out.extend(self.name.bytes.iter().take(len.into()));
    }
}

/// Adds, changes or deletes a user.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct UserSet {
    operation_type: Operation,
    user_id: u16,
    #[serde(flatten)]
    user: Option<User>,
}

impl UserSet {
    /// Fills an empty number.
    pub fn add(id: UserId, user: User) -> Self {
        Self { operation_type: Operation::ADD, user_id: id.number(), user: Some(user) }
    }

    /// Changes a user that is there.
    pub fn modify(id: UserId, user: User) -> Self {
        Self { operation_type: Operation::MODIFY, user_id: id.number(), user: Some(user) }
    }

    /// Deletes a user, with all their credentials.
    pub fn delete(id: UserId) -> Self {
        Self { operation_type: Operation::DELETE, user_id: id.number(), user: None }
    }

    /// Deletes every user of the lock with every credential, of people we never heard of too.
    pub fn delete_all() -> Self {
        Self { operation_type: Operation::DELETE, user_id: 0, user: None }
    }

    pub fn operation(&self) -> Operation {
        self.operation_type
    }

    /// The user; `None` stands for all users.
    pub fn id(&self) -> Option<UserId> {
        UserId::new(self.user_id)
    }

    /// What they shall be; `None` in a deletion.
    pub fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }

    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (operation_type, user_id)) = pair(Operation::parse, be_u16).parse(input)?;
        if operation_type == Operation::DELETE {
            // More fields may follow and have no meaning.
            return Ok((input, Self { operation_type, user_id, user: None }));
        }
        let (input, user) = User::parse(input)?;
        Ok((input, Self { operation_type, user_id, user: Some(user) }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.operation_type.0);
        out.extend(self.user_id.to_be_bytes());
        if let Some(user) = &self.user {
            user.write(out);
        }
    }
}

/// Asks for one user, or for the checksum over one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct UserGet {
    /// Who; 0: the first there is.
    pub user_id: u16,
}

impl UserGet {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, user_id) = be_u16(input)?;
        Ok((input, Self { user_id }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.user_id.to_be_bytes());
    }
}

/// Why a user is reported.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct UserReportType(pub u8);

impl UserReportType {
    pub const ADDED: Self = Self(0);
    pub const MODIFIED: Self = Self(1);
    pub const DELETED: Self = Self(2);
    /// The Set changed nothing.
    pub const UNCHANGED: Self = Self(3);
    pub const ANSWER: Self = Self(4);
    /// To be added, but the number is taken.
    pub const ADD_REJECTED: Self = Self(5);
    /// Modify refused: the user does not exist.
    pub const MODIFY_REJECTED: Self = Self(6);
    /// An expiring user needs minutes.
    pub const ZERO_MINUTES: Self = Self(7);
}

/// Tells of a user, or the result of a Set.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct UserReport {
    /// Why the report was sent.
    pub report_type: UserReportType,
    /// The next user id in an answer; 0 if this is the last.
    pub next_user_id: u16,
    /// Who changed the user last.
    #[serde(flatten)]
    pub modifier: Modifier,
    /// 0 stands for every user.
    pub user_id: u16,
    #[serde(flatten)]
    pub user: User,
}

impl UserReport {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (report_type, next_user_id)) = pair(be_u8, be_u16).parse(input)?;
        let (input, (modifier, user_id)) = pair(Modifier::parse, be_u16).parse(input)?;
        let (input, user) = User::parse(input)?;
        Ok((input, Self { report_type: UserReportType(report_type), next_user_id, modifier, user_id, user }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.report_type.0);
        out.extend(self.next_user_id.to_be_bytes());
        self.modifier.write(out);
        out.extend(self.user_id.to_be_bytes());
        self.user.write(out);
    }
}
