//! Credential usage data: the parameters of Access Control events 0x23, 0x24, 0x2F, 0x30 and 0x33.

use nom::Parser;
use nom::multi::length_count;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::pair;

use super::parts::CredentialType;
use crate::command::codec::count;

/// Who presented what. The sheet takes these parameters for a User Credential command; a real lock sent
/// `00 02 01 01 00 01` (Z-Wave JS, issue 8979), and the firmware kit for locks builds the same: user, count, types and slots.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Usage {
    pub user_id: u16,
    /// Type and slot of each credential.
    pub credentials: Vec<(CredentialType, u16)>,
}

impl Usage {
    /// Reads an event's parameters; `None`: they say something else.
    pub fn parse(params: &[u8]) -> Option<Self> {
        let credential = pair(be_u8::<_, nom::error::Error<_>>.map(CredentialType), be_u16);
        let (_, (user_id, credentials)) = pair(be_u16, length_count(be_u8, credential)).parse(params).ok()?;
        Some(Self { user_id, credentials })
    }

    /// The parameters of an event.
    pub fn write(&self) -> Vec<u8> {
        let mut out = self.user_id.to_be_bytes().to_vec();
        let len = count(self.credentials.len());
        out.push(len);
        for (credential_type, slot) in self.credentials.iter().take(len.into()) {
            out.push(credential_type.0);
            out.extend(slot.to_be_bytes());
        }
        out
    }
}
