//! The parts that several commands have.

use nom::Parser;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::pair;
use serde::Serialize;

use crate::command::codec::Parsed;

/// What a person presents.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize)]
#[serde(transparent)]
pub struct CredentialType(pub u8);

impl CredentialType {
    /// None; in a question or a deletion: all of them.
    pub const NONE: Self = Self(0);
    pub const PIN: Self = Self(1);
    /// Text, in UTF-16 with the high byte first.
    pub const PASSWORD: Self = Self(2);
    pub const RFID: Self = Self(3);
    pub const FINGER: Self = Self(9);
}

/// What to do with a user or a credential; two bits on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct Operation(pub(super) u8);

impl Operation {
    /// Fill what is empty.
    pub const ADD: Self = Self(0);
    /// Change what is there.
    pub const MODIFY: Self = Self(1);
    pub const DELETE: Self = Self(2);

    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, operation) = be_u8(input)?;
        Ok((input, Self(operation & 0x03)))
    }
}

/// Who changed a user or a credential last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct ModifierType(pub u8);

impl ModifierType {
    /// There is no such user or credential.
    pub const DOES_NOT_EXIST: Self = Self(0);
    pub const UNKNOWN: Self = Self(1);
    /// A node of the network.
    pub const Z_WAVE: Self = Self(2);
    /// Somebody at the lock.
    pub const LOCALLY: Self = Self(3);
    /// Somebody through another channel.
    pub const OTHER: Self = Self(4);
}

/// Who changed it last, and which node that was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Modifier {
    /// What kind of changer.
    pub modifier_type: ModifierType,
    /// The node, if it was one; else 0.
    pub modifier_node_id: u16,
}

impl Modifier {
    /// Of what is not there.
    pub const NOBODY: Self = Self { modifier_type: ModifierType::DOES_NOT_EXIST, modifier_node_id: 0 };
    /// Somebody at the lock.
    pub const LOCALLY: Self = Self { modifier_type: ModifierType::LOCALLY, modifier_node_id: 0 };

    /// A node of the network.
    pub fn node(modifier_node_id: u16) -> Self {
        Self { modifier_type: ModifierType::Z_WAVE, modifier_node_id }
    }

    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (modifier_type, modifier_node_id)) = pair(be_u8, be_u16).parse(input)?;
        Ok((input, Self { modifier_type: ModifierType(modifier_type), modifier_node_id }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.modifier_type.0);
        out.extend(self.modifier_node_id.to_be_bytes());
    }
}

/// One credential, or by zeros several: whose, of which type, in which slot of that type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Place {
    /// Whose; 0: whoever's.
    pub user_id: u16,
    /// The type; [`CredentialType::NONE`]: any.
    pub credential_type: CredentialType,
    /// The slot, from 1; 0: any.
    pub credential_slot: u16,
}

impl Place {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (user_id, credential_type)) = pair(be_u16, be_u8).parse(input)?;
        let (input, credential_slot) = be_u16(input)?;
        Ok((input, Self { user_id, credential_type: CredentialType(credential_type), credential_slot }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.user_id.to_be_bytes());
        out.push(self.credential_type.0);
        out.extend(self.credential_slot.to_be_bytes());
    }
}
