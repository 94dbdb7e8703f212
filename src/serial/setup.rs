//! Serial API Setup (0x0B): one function with many sub-commands (docs/protocol/serial-api.md §4).

use std::collections::BTreeSet;

use bytes::Bytes;
use nom::combinator::{opt, rest};
use nom::number::complete::{be_i16, i8, u8};
use nom::{IResult, Parser};
use serde::{Serialize, Serializer};

use super::codec::{NodeIdWidth, as_0x, as_hex, counted, inconsistent, put_counted};

/// The id of a sub-command.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct SetupCommand(#[serde(serialize_with = "as_0x")] pub u8);

impl SetupCommand {
    pub const GET_SUPPORTED: Self = Self(0x01);
    /// Set TX Status Report.
    pub const SET_TX_STATUS_REPORT: Self = Self(0x02);
    /// Set LR Maximum TX Power.
    pub const SET_LR_MAX_TX_POWER: Self = Self(0x03);
    pub const SET_POWERLEVEL: Self = Self(0x04);
    /// Get LR Maximum TX Power.
    pub const GET_LR_MAX_TX_POWER: Self = Self(0x05);
    pub const GET_POWERLEVEL: Self = Self(0x08);
    /// Get Maximum Payload Size.
    pub const GET_MAX_PAYLOAD: Self = Self(0x10);
    /// Get LR Maximum Payload Size.
    pub const GET_LR_MAX_PAYLOAD: Self = Self(0x11);
    /// Set Powerlevel, 16 bit.
    pub const SET_POWERLEVEL_16: Self = Self(0x12);
    /// Get Powerlevel, 16 bit.
    pub const GET_POWERLEVEL_16: Self = Self(0x13);
    pub const GET_SUPPORTED_REGIONS: Self = Self(0x15);
    pub const GET_REGION_INFO: Self = Self(0x16);
    pub const GET_RF_REGION: Self = Self(0x20);
    pub const SET_RF_REGION: Self = Self(0x40);
    /// Set Node ID Type.
    pub const SET_NODE_ID_TYPE: Self = Self(0x80);
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct Region(pub u8);

impl Region {
    pub const EU: Self = Self(0x00);
    pub const US: Self = Self(0x01);
    /// USA with Long Range.
    pub const US_LONG_RANGE: Self = Self(0x09);
    /// Europe with Long Range.
    pub const EU_LONG_RANGE: Self = Self(0x0B);

    /// Whether Long Range nodes can be reached there.
    pub fn is_long_range(self) -> bool {
        matches!(self, Self::US_LONG_RANGE | Self::EU_LONG_RANGE)
    }

    /// Whether European duty cycle limits apply (also for the default region, 0xFF).
    pub fn is_european(self) -> bool {
        matches!(self, Self::EU | Self::EU_LONG_RANGE | Self(0xFF))
    }
}

/// A request of Serial API Setup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SetupRequest {
    /// Reads the supported sub-commands.
    GetSupported,
    /// Switches transmit reports on or off.
    SetTxStatusReport(bool),
    /// Sets the maximum power for Long Range, in 0.1 dBm (−100…200).
    SetLrMaxTxPower(i16),
    /// Normal power and the power measured at 0 dBm, in 0.1 dBm.
    SetPowerlevel(i8, i8),
    /// Reads the maximum power for Long Range.
    GetLrMaxTxPower,
    GetPowerlevel,
    /// Reads the maximum payload.
    GetMaxPayload,
    /// Reads the maximum Long Range payload.
    GetLrMaxPayload,
    /// As [`SetupRequest::SetPowerlevel`], with a wider range.
    SetPowerlevel16(i16, i16),
    GetPowerlevel16,
    /// Reads the supported regions.
    GetSupportedRegions,
    /// Reads the properties of a region.
    GetRegionInfo(Region),
    GetRfRegion,
    /// Sets the region; takes effect after a soft reset.
    SetRfRegion(Region),
    /// Sets the width of node ids.
    SetNodeIdType(NodeIdWidth),
    Other(SetupCommand, Bytes),
}

impl SetupRequest {
    pub fn command(&self) -> SetupCommand {
        match self {
            Self::GetSupported => SetupCommand::GET_SUPPORTED,
            Self::SetTxStatusReport(_) => SetupCommand::SET_TX_STATUS_REPORT,
            Self::SetLrMaxTxPower(_) => SetupCommand::SET_LR_MAX_TX_POWER,
            Self::SetPowerlevel(..) => SetupCommand::SET_POWERLEVEL,
            Self::GetLrMaxTxPower => SetupCommand::GET_LR_MAX_TX_POWER,
            Self::GetPowerlevel => SetupCommand::GET_POWERLEVEL,
            Self::GetMaxPayload => SetupCommand::GET_MAX_PAYLOAD,
            Self::GetLrMaxPayload => SetupCommand::GET_LR_MAX_PAYLOAD,
            Self::SetPowerlevel16(..) => SetupCommand::SET_POWERLEVEL_16,
            Self::GetPowerlevel16 => SetupCommand::GET_POWERLEVEL_16,
            Self::GetSupportedRegions => SetupCommand::GET_SUPPORTED_REGIONS,
            Self::GetRegionInfo(_) => SetupCommand::GET_REGION_INFO,
            Self::GetRfRegion => SetupCommand::GET_RF_REGION,
            Self::SetRfRegion(_) => SetupCommand::SET_RF_REGION,
            Self::SetNodeIdType(_) => SetupCommand::SET_NODE_ID_TYPE,
            Self::Other(command, _) => *command,
        }
    }

    pub(super) fn parse(input: &[u8]) -> IResult<&[u8], Self> {
        let (input, command) = u8.map(SetupCommand).parse(input)?;
        let request = match command {
            SetupCommand::GET_SUPPORTED => Self::GetSupported,
            SetupCommand::SET_TX_STATUS_REPORT => Self::SetTxStatusReport(u8.parse(input)?.1 != 0),
            SetupCommand::SET_LR_MAX_TX_POWER => Self::SetLrMaxTxPower(be_i16.parse(input)?.1),
            SetupCommand::SET_POWERLEVEL => {
                let (_, (normal, measured)) = (i8, i8).parse(input)?;
                Self::SetPowerlevel(normal, measured)
            }
            SetupCommand::GET_LR_MAX_TX_POWER => Self::GetLrMaxTxPower,
            SetupCommand::GET_POWERLEVEL => Self::GetPowerlevel,
            SetupCommand::GET_MAX_PAYLOAD => Self::GetMaxPayload,
            SetupCommand::GET_LR_MAX_PAYLOAD => Self::GetLrMaxPayload,
            SetupCommand::SET_POWERLEVEL_16 => {
                let (_, (normal, measured)) = (be_i16, be_i16).parse(input)?;
                Self::SetPowerlevel16(normal, measured)
            }
            SetupCommand::GET_POWERLEVEL_16 => Self::GetPowerlevel16,
            SetupCommand::GET_SUPPORTED_REGIONS => Self::GetSupportedRegions,
            SetupCommand::GET_REGION_INFO => Self::GetRegionInfo(Region(u8.parse(input)?.1)),
            SetupCommand::GET_RF_REGION => Self::GetRfRegion,
            SetupCommand::SET_RF_REGION => Self::SetRfRegion(Region(u8.parse(input)?.1)),
            SetupCommand::SET_NODE_ID_TYPE => match u8.parse(input)?.1 {
                1 => Self::SetNodeIdType(NodeIdWidth::Bits8),
                2 => Self::SetNodeIdType(NodeIdWidth::Bits16),
                _ => return Err(inconsistent(input)),
            },
            other => Self::Other(other, Bytes::copy_from_slice(input)),
        };
        Ok((&[], request))
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        bytes.push(self.command().0);
        match self {
            Self::SetTxStatusReport(on) => bytes.push(if *on { 0xFF } else { 0x00 }),
            Self::SetLrMaxTxPower(power) => bytes.extend(power.to_be_bytes()),
            Self::SetPowerlevel(normal, measured) => bytes.extend([normal.cast_unsigned(), measured.cast_unsigned()]),
            Self::SetPowerlevel16(normal, measured) => {
                bytes.extend([normal, measured].iter().flat_map(|power| power.to_be_bytes()));
            }
            Self::GetRegionInfo(region) | Self::SetRfRegion(region) => bytes.push(region.0),
            Self::SetNodeIdType(NodeIdWidth::Bits8) => bytes.push(1),
            Self::SetNodeIdType(NodeIdWidth::Bits16) => bytes.push(2),
            Self::Other(_, data) => bytes.extend_from_slice(data),
            Self::GetSupported
            | Self::GetLrMaxTxPower
            | Self::GetPowerlevel
            | Self::GetMaxPayload
            | Self::GetLrMaxPayload
            | Self::GetPowerlevel16
            | Self::GetSupportedRegions
            | Self::GetRfRegion => {}
        }
    }
}

impl Serialize for SetupRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        self.put(&mut bytes);
        SetupFields { command: self.command(), args: bytes.get(1..).unwrap_or_default() }.serialize(serializer)
    }
}

#[derive(Serialize)]
struct SetupFields<'a> {
    #[serde(rename = "subcommand")]
    command: SetupCommand,
    #[serde(rename = "args_hex", serialize_with = "as_hex")]
    args: &'a [u8],
}

/// The answer of the controller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SetupResponse {
    /// The controller does not support this sub-command.
    Unsupported(SetupCommand),
    Supported(BTreeSet<SetupCommand>),
    /// Whether a set command succeeded.
    Done(SetupCommand, bool),
    /// The maximum power for Long Range, in 0.1 dBm.
    LrMaxTxPower(i16),
    /// Normal power and the power measured at 0 dBm, in 0.1 dBm.
    Powerlevel(i8, i8),
    /// The same, with a wider range.
    Powerlevel16(i16, i16),
    /// The maximum payload in bytes.
    MaxPayload(u8),
    /// The maximum Long Range payload in bytes.
    LrMaxPayload(u8),
    SupportedRegions(Vec<Region>),
    RegionInfo {
        region: Region,
        /// Bit 0: classic, bit 1: Long Range.
        protocols: u8,
        /// The region that this one is contained in.
        superset_of: Option<Region>,
    },
    RfRegion(Region),
    Other(SetupCommand, Bytes),
}

impl SetupResponse {
    /// The sub-command it answers.
    pub fn command(&self) -> SetupCommand {
        match self {
            Self::Unsupported(command) | Self::Done(command, _) | Self::Other(command, _) => *command,
            Self::Supported(_) => SetupCommand::GET_SUPPORTED,
            Self::LrMaxTxPower(_) => SetupCommand::GET_LR_MAX_TX_POWER,
            Self::Powerlevel(..) => SetupCommand::GET_POWERLEVEL,
            Self::Powerlevel16(..) => SetupCommand::GET_POWERLEVEL_16,
            Self::MaxPayload(_) => SetupCommand::GET_MAX_PAYLOAD,
            Self::LrMaxPayload(_) => SetupCommand::GET_LR_MAX_PAYLOAD,
            Self::SupportedRegions(_) => SetupCommand::GET_SUPPORTED_REGIONS,
            Self::RegionInfo { .. } => SetupCommand::GET_REGION_INFO,
            Self::RfRegion(_) => SetupCommand::GET_RF_REGION,
        }
    }

    pub(super) fn parse(input: &[u8]) -> IResult<&[u8], Self> {
        let (input, command) = u8.map(SetupCommand).parse(input)?;
        let response = match command {
            SetupCommand(0x00) => Self::Unsupported(SetupCommand(u8.parse(input)?.1)),
            SetupCommand::GET_SUPPORTED => {
                let (_, (flags, mask)) = (u8, rest).parse(input)?;
                Self::Supported(supported(flags, mask))
            }
            SetupCommand::SET_TX_STATUS_REPORT
            | SetupCommand::SET_LR_MAX_TX_POWER
            | SetupCommand::SET_POWERLEVEL
            | SetupCommand::SET_POWERLEVEL_16
            | SetupCommand::SET_RF_REGION
            | SetupCommand::SET_NODE_ID_TYPE => Self::Done(command, u8.parse(input)?.1 != 0),
            SetupCommand::GET_LR_MAX_TX_POWER => Self::LrMaxTxPower(be_i16.parse(input)?.1),
            SetupCommand::GET_POWERLEVEL => {
                let (_, (normal, measured)) = (i8, i8).parse(input)?;
                Self::Powerlevel(normal, measured)
            }
            SetupCommand::GET_POWERLEVEL_16 => {
                let (_, (normal, measured)) = (be_i16, be_i16).parse(input)?;
                Self::Powerlevel16(normal, measured)
            }
            SetupCommand::GET_MAX_PAYLOAD => Self::MaxPayload(u8.parse(input)?.1),
            SetupCommand::GET_LR_MAX_PAYLOAD => Self::LrMaxPayload(u8.parse(input)?.1),
            SetupCommand::GET_SUPPORTED_REGIONS => {
                let (_, regions) = counted(input)?;
                Self::SupportedRegions(regions.iter().copied().map(Region).collect())
            }
            SetupCommand::GET_REGION_INFO => {
                let (_, (region, protocols, superset)) = (u8, u8, opt(u8)).parse(input)?;
                Self::RegionInfo { region: Region(region), protocols, superset_of: superset.map(Region) }
            }
            SetupCommand::GET_RF_REGION => Self::RfRegion(Region(u8.parse(input)?.1)),
            other => Self::Other(other, Bytes::copy_from_slice(input)),
        };
        Ok((&[], response))
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Unsupported(command) => return bytes.extend([0x00, command.0]),
            _ => bytes.push(self.command().0),
        }
        match self {
            Self::Unsupported(_) => {}
            Self::Supported(commands) => put_supported(commands, bytes),
            Self::Done(_, ok) => bytes.push(u8::from(*ok)),
            Self::LrMaxTxPower(power) => bytes.extend(power.to_be_bytes()),
            Self::Powerlevel(normal, measured) => bytes.extend([normal.cast_unsigned(), measured.cast_unsigned()]),
            Self::Powerlevel16(normal, measured) => {
                bytes.extend([normal, measured].iter().flat_map(|power| power.to_be_bytes()));
            }
            Self::MaxPayload(len) | Self::LrMaxPayload(len) => bytes.push(*len),
            Self::SupportedRegions(regions) => {
                put_counted(bytes, &regions.iter().map(|region| region.0).collect::<Vec<_>>());
            }
            Self::RegionInfo { region, protocols, superset_of } => {
                bytes.extend([region.0, *protocols]);
                bytes.extend(superset_of.map(|region| region.0));
            }
            Self::RfRegion(region) => bytes.push(region.0),
            Self::Other(_, data) => bytes.extend_from_slice(data),
        }
    }
}

/// The sub-command, and its data in hexadecimal; the list of supported sub-commands in full, as its wire form varies.
impl Serialize for SetupResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Self::Supported(supported) = self {
            return SupportedFields { command: self.command(), supported }.serialize(serializer);
        }
        let mut bytes = Vec::new();
        self.put(&mut bytes);
        SetupFields { command: self.command(), args: bytes.get(1..).unwrap_or_default() }.serialize(serializer)
    }
}

#[derive(Serialize)]
struct SupportedFields<'a> {
    #[serde(rename = "subcommand")]
    command: SetupCommand,
    supported: &'a BTreeSet<SetupCommand>,
}

/// The sub-commands named by a flags byte (each bit is a sub-command's number) and, from SDK 7 on, a bit mask.
///
/// Before SDK 7.19.1 the mask is shifted by one: bit k is sub-command k, later it is k + 1. Bit 0 tells them apart: it
/// is Get Supported Commands itself in the new form, and cannot be set in the old one, as there is no sub-command 0.
fn supported(flags: u8, mask: &[u8]) -> BTreeSet<SetupCommand> {
    let from_flags = (0..8).map(|bit| flags & 1 << bit);
    let first = mask.first().map_or(0, |byte| byte & 1);
    let bits = mask.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
    let from_mask = (first..=u8::MAX).zip(bits).filter_map(|(command, set)| set.then_some(command));
    let commands: BTreeSet<_> = if mask.is_empty() { from_flags.collect() } else { from_mask.collect() };
    commands.into_iter().chain([1]).filter(|command| *command != 0).map(SetupCommand).collect()
}

/// Flags byte and mask in the form of SDK 7.19.1 and later.
fn put_supported(commands: &BTreeSet<SetupCommand>, bytes: &mut Vec<u8>) {
    let one_bit = commands.iter().filter(|command| command.0.is_power_of_two());
    bytes.push(one_bit.fold(0, |flags, command| flags | command.0));
    let mut mask = [0; 16];
    for command in commands {
        let Some(bit) = command.0.checked_sub(1) else { continue };
        if let Some(byte) = mask.get_mut(usize::from(bit / 8)) {
            *byte |= 1 << (bit % 8);
        }
    }
    bytes.extend(mask);
}
