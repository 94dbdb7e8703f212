//! Frames of the key exchange (docs/protocol/security.md B2, B4, B5).

use nom::Parser;
use nom::number::complete::be_u8;
use serde::{Serialize, Serializer};

use crate::command::codec::{Parsed, bits_of, masked, short};
use crate::security::crypto::x25519::{KEY, PublicKey};
use crate::security::crypto::{BLOCK, Key};
use crate::security::keys::KeyMask;

/// The flags of KEX Report and KEX Set. Reserved bits are kept, because the echo must repeat them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct KexFlags(pub u8);

impl KexFlags {
    const ECHO: u8 = 0x01;
    const CSA: u8 = 0x02;

    /// It is the encrypted echo.
    pub const fn echo(self) -> bool {
        self.0 & Self::ECHO != 0
    }

    /// Client-side authentication is asked for, or granted.
    pub const fn client_side_authentication(self) -> bool {
        self.0 & Self::CSA != 0
    }

    /// The same, as an echo.
    #[must_use]
    pub const fn echoed(self) -> Self {
        Self(self.0 | Self::ECHO)
    }

    /// Flags of a KEX Set.
    pub const fn granting(client_side_authentication: bool) -> Self {
        Self(if client_side_authentication { Self::CSA } else { 0 })
    }
}

/// Key exchange schemes, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Schemes(pub u8);

impl Schemes {
    /// The only one: KEX scheme 1.
    pub const SCHEME_1: Self = Self(0x02);
}

/// Elliptic curves, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Curves(pub u8);

impl Curves {
    /// The only one: Curve25519.
    pub const CURVE25519: Self = Self(0x01);
}

impl Serialize for Schemes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(bits_of(&[self.0]))
    }
}

impl Serialize for Curves {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(bits_of(&[self.0]))
    }
}

/// The keys that a joining node requests, and the schemes that it supports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct KexReport {
    #[serde(flatten, with = "asking")]
    pub flags: KexFlags,
    pub schemes: Schemes,
    pub curves: Curves,
    pub requested_keys: KeyMask,
}

impl KexReport {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (flags, schemes, curves, keys)) = (be_u8, be_u8, be_u8, be_u8).parse(input)?;
        let report =
            Self { flags: KexFlags(flags), schemes: Schemes(schemes), curves: Curves(curves), requested_keys: KeyMask(keys) };
        Ok((input, report))
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.extend([self.flags.0, self.schemes.0, self.curves.0, self.requested_keys.0]);
    }
}

/// The granted keys, and the scheme to use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct KexSet {
    #[serde(flatten, with = "permitting")]
    pub flags: KexFlags,
    pub scheme: Schemes,
    pub curve: Curves,
    pub granted_keys: KeyMask,
}

impl KexSet {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (flags, scheme, curve, keys)) = (be_u8, be_u8, be_u8, be_u8).parse(input)?;
        let set = Self { flags: KexFlags(flags), scheme: Schemes(scheme), curve: Curves(curve), granted_keys: KeyMask(keys) };
        Ok((input, set))
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.extend([self.flags.0, self.scheme.0, self.curve.0, self.granted_keys.0]);
    }
}

mod asking {
    use serde::Serializer;
    use serde::ser::SerializeStruct;

    use crate::command::security_2::bootstrapping::KexFlags;

    pub(super) fn serialize<S: Serializer>(flags: &KexFlags, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("KexFlags", 2)?;
        out.serialize_field("echo", &flags.echo())?;
        out.serialize_field("request_csa", &flags.client_side_authentication())?;
        out.end()
    }
}

mod permitting {
    use serde::Serializer;
    use serde::ser::SerializeStruct;

    use crate::command::security_2::bootstrapping::KexFlags;

    pub(super) fn serialize<S: Serializer>(flags: &KexFlags, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("KexFlags", 2)?;
        out.serialize_field("echo", &flags.echo())?;
        out.serialize_field("permit_csa", &flags.client_side_authentication())?;
        out.end()
    }
}

/// Why a bootstrapping failed (docs/protocol/security.md B5). Unknown numbers are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct FailType(pub u8);

impl FailType {
    /// No key that was asked for can be granted.
    pub const KEX_KEY: Self = Self(0x01);
    /// No scheme in common.
    pub const KEX_SCHEME: Self = Self(0x02);
    /// No curve in common.
    pub const KEX_CURVES: Self = Self(0x03);
    /// An encrypted frame cannot be decrypted: the PIN was wrong.
    pub const DECRYPT: Self = Self(0x05);
    /// Cancelled by a user.
    pub const CANCEL: Self = Self(0x06);
    /// An echo differs, or a message was unencrypted or had the wrong key.
    pub const AUTH: Self = Self(0x07);
    /// A key was requested that was not granted.
    pub const KEY_GET: Self = Self(0x08);
    /// The proof that a key arrived is wrong.
    pub const KEY_VERIFY: Self = Self(0x09);
    /// Another key arrived than the requested one.
    pub const KEY_REPORT: Self = Self(0x0A);
}

/// Ends a bootstrapping in failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct KexFail {
    pub fail_type: FailType,
}

impl KexFail {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, fail_type) = be_u8(input)?;
        Ok((input, Self { fail_type: FailType(fail_type) }))
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.push(self.fail_type.0);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct PublicKeyReport {
    /// It is the key of the including node.
    pub including_node: bool,
    /// The key. A joining node leaves out the part that the user types. Masked in JSON.
    #[serde(rename = "public_key_hex", serialize_with = "masked")]
    pub public_key: PublicKey,
}

impl PublicKeyReport {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, flags) = be_u8(input)?;
        let (key, rest) = input.split_first_chunk::<KEY>().ok_or_else(|| short(input))?;
        Ok((rest, Self { including_node: flags & 0x01 != 0, public_key: PublicKey(*key) }))
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.push(self.including_node.into());
        out.extend(self.public_key.0);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct NetworkKeyGet {
    /// The key, as one bit.
    pub requested_key: KeyMask,
}

impl NetworkKeyGet {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, key) = be_u8(input)?;
        Ok((input, Self { requested_key: KeyMask(key) }))
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.push(self.requested_key.0);
    }
}

/// Hands out a key of the network.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NetworkKeyReport {
    pub granted_key: KeyMask,
    #[serde(rename = "network_key_hex", serialize_with = "masked")]
    pub network_key: Key,
}

impl NetworkKeyReport {
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, granted) = be_u8(input)?;
        let (key, rest) = input.split_first_chunk::<BLOCK>().ok_or_else(|| short(input))?;
        Ok((rest, Self { granted_key: KeyMask(granted), network_key: Key::from_bytes(*key) }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.granted_key.0);
        out.extend(self.network_key.reveal());
    }
}

/// Ends the transfer of one key, or of all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct TransferEnd {
    /// The including node verified the key.
    pub key_verified: bool,
    /// The joining node has all its keys.
    pub key_request_complete: bool,
}

impl TransferEnd {
    /// From the including node, for each key.
    pub const VERIFIED: Self = Self { key_verified: true, key_request_complete: false };
    /// From the joining node, at the end.
    pub const COMPLETE: Self = Self { key_verified: false, key_request_complete: true };

    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, flags) = be_u8(input)?;
        Ok((input, Self { key_verified: flags & 0x02 != 0, key_request_complete: flags & 0x01 != 0 }))
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.push(u8::from(self.key_verified) << 1 | u8::from(self.key_request_complete));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_key_shows_neither_in_debug_nor_in_json() {
        let report = NetworkKeyReport { granted_key: KeyMask(0x04), network_key: Key::from_bytes([0x33; 16]) };
        let said = format!("{report:?} {}", serde_json::to_string(&report).unwrap());
        assert!(!said.contains("33333") && !said.contains("51, 51"), "{said}");
    }

    #[test]
    fn reserved_bits_of_a_kex_report_are_in_its_echo_too() {
        let (_, report) = KexReport::parse(&[0xF2, 0x02, 0x01, 0x87]).unwrap();
        assert_eq!(report.flags, KexFlags(0xF2));
        let mut out = Vec::new();
        KexReport { flags: report.flags.echoed(), ..report }.write(&mut out);
        assert_eq!(out, [0xF3, 0x02, 0x01, 0x87]);
    }
}
