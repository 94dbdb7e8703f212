//! How a joining node gets its keys, as frames (docs/protocol/security.md B2, B4, B5).

use nom::Parser;
use nom::number::complete::be_u8;
use serde::{Serialize, Serializer};

use crate::command::codec::{Parsed, bits_of, masked, short};
use crate::security::crypto::x25519::{KEY, PublicKey};
use crate::security::crypto::{BLOCK, Key};
use crate::security::keys::KeyMask;

/// What a KEX Report or KEX Set says apart from its masks. Reserved bits are kept: the echo must have them, too.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct KexFlags(pub u8);

impl KexFlags {
    const ECHO: u8 = 0x01;
    const CSA: u8 = 0x02;

    /// This repeats, sealed, what was sent in clear.
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

/// Which keys a joining node wants, and how it can exchange them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct KexReport {
    /// Echo, client-side authentication.
    #[serde(flatten, with = "asking")]
    pub flags: KexFlags,
    /// Schemes it has.
    pub schemes: Schemes,
    /// Curves it has.
    pub curves: Curves,
    /// Keys it wants.
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

/// Which keys it is granted, and how they are exchanged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct KexSet {
    /// Echo, client-side authentication.
    #[serde(flatten, with = "permitting")]
    pub flags: KexFlags,
    /// The scheme.
    pub scheme: Schemes,
    /// The curve.
    pub curve: Curves,
    /// Keys it gets.
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

    use super::KexFlags;

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

    use super::KexFlags;

    pub(super) fn serialize<S: Serializer>(flags: &KexFlags, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("KexFlags", 2)?;
        out.serialize_field("echo", &flags.echo())?;
        out.serialize_field("permit_csa", &flags.client_side_authentication())?;
        out.end()
    }
}

/// Why a bootstrapping failed (docs/protocol/security.md B5). Numbers nobody knows survive.
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
    /// A sealed frame can't be opened: the PIN was wrong.
    pub const DECRYPT: Self = Self(0x05);
    /// Somebody gave it up.
    pub const CANCEL: Self = Self(0x06);
    /// An echo is not what was sent, or something came in clear or under the wrong key.
    pub const AUTH: Self = Self(0x07);
    /// A key was asked for that was not granted.
    pub const KEY_GET: Self = Self(0x08);
    /// The proof that a key arrived is wrong.
    pub const KEY_VERIFY: Self = Self(0x09);
    /// Another key came than was asked for.
    pub const KEY_REPORT: Self = Self(0x0A);
}

/// Ends a bootstrapping in failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct KexFail {
    /// Why.
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

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct PublicKeyReport {
    /// It is the including node's.
    pub including_node: bool,
    /// The key. A joining node blanks what the user types: JSON does not show the rest either.
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

/// Asks for one of the granted keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct NetworkKeyGet {
    /// Which: one bit, if it is lawful.
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
    /// Which.
    pub granted_key: KeyMask,
    /// The key itself.
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
    /// The including node saw the proof that a key arrived.
    pub key_verified: bool,
    /// The joining node has all it wants.
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
