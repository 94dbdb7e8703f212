//! What a lock's users and credentials can be.

use std::collections::BTreeSet;

use nom::Parser;
use nom::bytes::complete::take;
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::pair;
use serde::Serialize;

use super::parts::CredentialType;
use super::user::NameEncoding;
use crate::command::codec::{Parsed, bits_of, count, mask_of};

/// How many users a lock has, and of which kinds.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct UserCapabilitiesReport {
    /// Users 1 to this. 0: the lock works by User Code for now, and this class is to be left alone.
    pub number_of_supported_users: u16,
    /// Rules a user can have.
    pub supported_credential_rules: BTreeSet<u8>,
    /// Bytes a name can have.
    pub max_user_name_length: u8,
    pub supports_user_schedule: bool,
    /// There is a checksum over everything.
    pub supports_all_users_checksum: bool,
    /// There is one over each user.
    pub supports_user_checksum: bool,
    /// Encodings of names, as received; see [`Self::takes`].
    pub supported_user_name_encodings: BTreeSet<u8>,
    /// Types a user can have.
    pub supported_user_types: BTreeSet<u8>,
}

impl UserCapabilitiesReport {
    /// Whether names may come in this encoding. Z-Wave JS takes a lock that lists none for one that reads them all.
    pub fn takes(&self, encoding: NameEncoding) -> bool {
        self.supported_user_name_encodings.is_empty() || self.supported_user_name_encodings.contains(&encoding.0)
    }

    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (number_of_supported_users, rules)) = pair(be_u16, be_u8).parse(input)?;
        let (input, (max_user_name_length, flags)) = pair(be_u8, be_u8).parse(input)?;
        let (input, types) = length_data(be_u8).parse(input)?;
        let report = Self {
            number_of_supported_users,
            supported_credential_rules: bits_of(&[rules]),
            max_user_name_length,
            supports_user_schedule: flags & 0x80 != 0,
            supports_all_users_checksum: flags & 0x40 != 0,
            supports_user_checksum: flags & 0x20 != 0,
            supported_user_name_encodings: bits_of(&[flags >> 2 & 0x07]),
            supported_user_types: bits_of(types),
        };
        Ok((input, report))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let one_byte = |bits: &BTreeSet<u8>| mask_of(bits).first().copied().unwrap_or_default();
        out.extend(self.number_of_supported_users.to_be_bytes());
        let checksums = u8::from(self.supports_all_users_checksum) << 6 | u8::from(self.supports_user_checksum) << 5;
        let encodings = (one_byte(&self.supported_user_name_encodings) & 0x07) << 2;
        out.extend([one_byte(&self.supported_credential_rules), self.max_user_name_length]);
        out.push(u8::from(self.supports_user_schedule) << 7 | checksums | encodings);
        let types = mask_of(&self.supported_user_types);
        out.push(count(types.len()));
        out.extend(types);
    }
}

/// What a lock makes of one type of credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct CredentialAbility {
    pub credential_type: CredentialType,
    /// The lock can learn it from the person at the door.
    pub supports_credential_learn: bool,
    /// Slots 1 to this, for all users together.
    pub number_of_credential_slots: u16,
    /// Minimum length in bytes.
    pub min_credential_length: u8,
    /// Maximum length in bytes.
    pub max_credential_length: u8,
    /// Seconds for a step of learning; 0 where it cannot learn.
    pub credential_learn_recommended_timeout: u8,
    /// Steps of learning; 0 where it cannot learn.
    pub credential_learn_number_of_steps: u8,
    /// Bytes of the hash that a read shows in place of the data; 0: it shows the data.
    pub max_credential_hash_length: u8,
}

#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct CredentialCapabilitiesReport {
    /// There is a checksum over each type.
    pub supports_credential_checksum: bool,
    /// There is an admin PIN.
    pub supports_admin_code: bool,
    /// It can be switched off.
    pub supports_admin_code_deactivation: bool,
    pub credential_types: Vec<CredentialAbility>,
}

impl CredentialCapabilitiesReport {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (flags, types)) = pair(be_u8, be_u8).parse(input)?;
        // The table is transmitted column by column.
        let column = |input| take(types)(input);
        let (input, (kinds, learn)) = pair(column, column).parse(input)?;
        let (input, slots) = take(2 * u16::from(types))(input)?;
        let (input, (min, max)) = pair(column, column).parse(input)?;
        let (input, (timeouts, steps)) = pair(column, column).parse(input)?;
        let (input, hashes) = column(input)?;
        let numbers = slots.chunks_exact(2).map(|pair| pair.iter().fold(0, |high, low| high << 8 | u16::from(*low)));
        let rows = kinds.iter().zip(learn).zip(numbers).zip(min.iter().zip(max)).zip(timeouts.iter().zip(steps).zip(hashes));
        let credential_types = rows.map(|((((kind, learn), slots), (min, max)), ((timeout, steps), hash))| CredentialAbility {
            credential_type: CredentialType(*kind),
            supports_credential_learn: learn & 0x80 != 0,
            number_of_credential_slots: slots,
            min_credential_length: *min,
            max_credential_length: *max,
            credential_learn_recommended_timeout: *timeout,
            credential_learn_number_of_steps: *steps,
            max_credential_hash_length: *hash,
        });
        let report = Self {
            supports_credential_checksum: flags & 0x80 != 0,
            supports_admin_code: flags & 0x40 != 0,
            supports_admin_code_deactivation: flags & 0x20 != 0,
            credential_types: credential_types.collect(),
        };
        Ok((input, report))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let admin = u8::from(self.supports_admin_code) << 6 | u8::from(self.supports_admin_code_deactivation) << 5;
        out.push(u8::from(self.supports_credential_checksum) << 7 | admin);
        out.push(count(self.credential_types.len()));
        let rows = || self.credential_types.iter().take(usize::from(u8::MAX));
        out.extend(rows().map(|it| it.credential_type.0));
        out.extend(rows().map(|it| u8::from(it.supports_credential_learn) << 7));
        out.extend(rows().flat_map(|it| it.number_of_credential_slots.to_be_bytes()));
        out.extend(rows().map(|it| it.min_credential_length));
        out.extend(rows().map(|it| it.max_credential_length));
        out.extend(rows().map(|it| it.credential_learn_recommended_timeout));
        out.extend(rows().map(|it| it.credential_learn_number_of_steps));
        out.extend(rows().map(|it| it.max_credential_hash_length));
    }
}
