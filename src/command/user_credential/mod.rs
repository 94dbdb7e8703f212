//! User Credential (0x83) v1: people in a lock, and what each of them opens it with
//! (docs/protocol/command-classes.md 0x83; docs/protocol/gateway.md §5.3). Newer locks have it instead of User Code.
//!
//! A user has a number, and so has each of their credentials within its type: a *slot*, which is one user's alone. In a Set
//! with operation "delete" zeros mean all, so such a Set has private fields and a constructor for each reach.

mod capabilities;
mod checksum;
mod credential;
mod parts;
mod usage;
mod user;

use nom::Parser;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::pair;
use serde::Serialize;

use super::codec::Parsed;
use super::spec::{Kind, command_class};

pub use super::user_code::UserId;
pub use capabilities::{CredentialAbility, CredentialCapabilitiesReport, UserCapabilitiesReport};
pub use checksum::{AllUsersChecksumReport, CredentialChecksumReport, Held, UserChecksumReport, of_all_users, of_type, of_user};
pub use credential::{
    AdminPinCodeReport, AdminPinCodeSet, AdminResult, CredentialGet, CredentialReport, CredentialReportType, CredentialSet,
};
pub use parts::{CredentialType, Modifier, ModifierType, Operation, Place};
pub use usage::Usage;
pub use user::{CredentialRule, NameEncoding, User, UserGet, UserName, UserReport, UserReportType, UserSet, UserType};

command_class! {
    UserCredential {
        /// Asks how many users the lock has, and of which kinds.
        UserCapabilitiesGet = 0x01, v 1, Kind::Get { reply: 0x02 };
        UserCapabilitiesReport(UserCapabilitiesReport) = 0x02, v 1, Kind::Report;
        CredentialCapabilitiesGet = 0x03, v 1, Kind::Get { reply: 0x04 };
        CredentialCapabilitiesReport(CredentialCapabilitiesReport) = 0x04, v 1, Kind::Report;
        /// Adds, changes or deletes a user; answered by a User Report.
        UserSet(UserSet) = 0x05, v 1, Kind::Set;
        UserGet(UserGet) = 0x06, v 1, Kind::Get { reply: 0x07 };
        UserReport(UserReport) = 0x07, v 1, Kind::Report;
        /// Adds, changes or deletes credentials; answered by a Credential Report.
        CredentialSet(CredentialSet) = 0x0A, v 1, Kind::Set;
        CredentialGet(CredentialGet) = 0x0B, v 1, Kind::Get { reply: 0x0C };
        CredentialReport(CredentialReport) = 0x0C, v 1, Kind::Report;
        /// Makes the lock learn a credential from the person at the door.
        CredentialLearnStart(LearnStart) = 0x0F, v 1, Kind::Set;
        CredentialLearnCancel = 0x10, v 1, Kind::Set;
        CredentialLearnReport(LearnReport) = 0x11, v 1, Kind::Report;
        /// Gives a credential to another user; answered by an Association Report.
        AssociationSet(AssociationSet) = 0x12, v 1, Kind::Set;
        AssociationReport(AssociationReport) = 0x13, v 1, Kind::Report;
        AllUsersChecksumGet = 0x14, v 1, Kind::Get { reply: 0x15 };
        AllUsersChecksumReport(AllUsersChecksumReport) = 0x15, v 1, Kind::Report;
        UserChecksumGet(UserGet) = 0x16, v 1, Kind::Get { reply: 0x17 };
        UserChecksumReport(UserChecksumReport) = 0x17, v 1, Kind::Report;
        CredentialChecksumGet(CredentialChecksumGet) = 0x18, v 1, Kind::Get { reply: 0x19 };
        CredentialChecksumReport(CredentialChecksumReport) = 0x19, v 1, Kind::Report;
        /// Writes or switches off the code that administers the lock at its keypad; answered by its Report.
        AdminPinCodeSet(AdminPinCodeSet) = 0x1A, v 1, Kind::Set;
        AdminPinCodeGet = 0x1B, v 1, Kind::Get { reply: 0x1C };
        AdminPinCodeReport(AdminPinCodeReport) = 0x1C, v 1, Kind::Report;
    }
}

/// Has the lock learn a credential from who stands before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct LearnStart {
    #[serde(flatten)]
    pub place: Place,
    pub operation_type: Operation,
    /// Seconds for each step.
    pub learn_timeout: u8,
}

impl LearnStart {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (place, operation_type)) = pair(Place::parse, Operation::parse).parse(input)?;
        let (input, learn_timeout) = be_u8(input)?;
        Ok((input, Self { place, operation_type, learn_timeout }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.place.write(out);
        out.extend([self.operation_type.0, self.learn_timeout]);
    }
}

/// How far learning is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct LearnStatus(pub u8);

impl LearnStatus {
    /// The lock waits for the next step.
    pub const STARTED: Self = Self(0);
    /// It has the credential.
    pub const SUCCESS: Self = Self(1);
    /// It learns another one already.
    pub const ALREADY_IN_PROGRESS: Self = Self(2);
    /// It ended, by a command or by itself.
    pub const ENDED: Self = Self(3);
    /// Time-out of a step.
    pub const TIMEOUT: Self = Self(4);
    pub const STEP_RETRY: Self = Self(5);
    /// To be added, but there is one already.
    pub const INVALID_ADD: Self = Self(0xFE);
    /// To be changed, but there is none.
    pub const INVALID_MODIFY: Self = Self(0xFF);
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct LearnReport {
    pub learn_status: LearnStatus,
    #[serde(flatten)]
    pub place: Place,
    /// Steps that are left.
    pub steps_remaining: u8,
}

impl LearnReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (learn_status, place)) = pair(be_u8, Place::parse).parse(input)?;
        let (input, steps_remaining) = be_u8(input)?;
        Ok((input, Self { learn_status: LearnStatus(learn_status), place, steps_remaining }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.learn_status.0);
        self.place.write(out);
        out.push(self.steps_remaining);
    }
}

/// Gives a credential to another user.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct AssociationSet {
    pub credential_type: CredentialType,
    /// Its slot, from 1.
    pub credential_slot: u16,
    pub destination_user_id: u16,
}

impl AssociationSet {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (credential_type, credential_slot)) = pair(be_u8, be_u16).parse(input)?;
        let (input, destination_user_id) = be_u16(input)?;
        Ok((input, Self { credential_type: CredentialType(credential_type), credential_slot, destination_user_id }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.credential_type.0);
        out.extend(self.credential_slot.to_be_bytes());
        out.extend(self.destination_user_id.to_be_bytes());
    }
}

/// The result of giving a credential to another user.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct AssociationStatus(pub u8);

impl AssociationStatus {
    pub const SUCCESS: Self = Self(0);
    /// The lock has no such type.
    pub const BAD_TYPE: Self = Self(1);
    /// The type has no such slot.
    pub const BAD_SLOT: Self = Self(2);
    /// There is nothing in it.
    pub const EMPTY_SLOT: Self = Self(3);
    /// The lock has no such user number.
    pub const BAD_USER: Self = Self(4);
    /// The user does not exist.
    pub const USER_MISSING: Self = Self(5);
}

/// Tells the result of giving a credential to another user.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct AssociationReport {
    /// What was asked for.
    #[serde(flatten)]
    pub set: AssociationSet,
    /// The result of it.
    pub status: AssociationStatus,
}

impl AssociationReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (set, status)) = pair(AssociationSet::parse, be_u8).parse(input)?;
        Ok((input, Self { set, status: AssociationStatus(status) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.set.write(out);
        out.push(self.status.0);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct CredentialChecksumGet {
    pub credential_type: CredentialType,
}

impl CredentialChecksumGet {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, credential_type) = be_u8(input)?;
        Ok((input, Self { credential_type: CredentialType(credential_type) }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.credential_type.0);
    }
}

#[cfg(test)]
mod tests;
