//! Version (0x86) v1–3: firmware, and the version of every other class (docs/protocol/command-classes.md 0x86).

use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::opt;
use nom::multi::count as repeat;
use nom::number::complete::{be_u8, be_u16};
use nom::sequence::pair;
use serde::Serialize;

use super::class::ClassId;
use super::codec::{Parsed, count};
use super::spec::{Kind, command_class};

command_class! {
    Version {
        Get = 0x11, v 1, Kind::Get { reply: 0x12 };
        Report(Report) = 0x12, v 1, Kind::Report;
        CommandClassGet(CommandClassGet) = 0x13, v 1, Kind::Get { reply: 0x14 };
        CommandClassReport(CommandClassReport) = 0x14, v 1, Kind::Report;
        CapabilitiesGet = 0x15, v 3, Kind::Get { reply: 0x16 };
        CapabilitiesReport(CapabilitiesReport) = 0x16, v 3, Kind::Report;
        ZWaveSoftwareGet = 0x17, v 3, Kind::Get { reply: 0x18 };
        ZWaveSoftwareReport(ZWaveSoftwareReport) = 0x18, v 3, Kind::Report;
    }
}

/// Version as `major.minor`, without leading zeros.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Firmware {
    pub major: u8,
    pub minor: u8,
}

impl Firmware {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (major, minor)) = pair(be_u8, be_u8).parse(input)?;
        Ok((input, Self { major, minor }))
    }

    fn write(self, out: &mut Vec<u8>) {
        out.extend([self.major, self.minor]);
    }
}

/// Protocol and firmware versions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    /// What kind of node: 1 static controller, 3 routing or enhanced end node, 6 routing end node, …
    pub library_type: u8,
    pub protocol: Firmware,
    /// Firmware 0, the Z-Wave chip's.
    pub firmware: Firmware,
    /// What version 2 added.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub v2: Option<Hardware>,
}

/// The tail of a version 2 report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Hardware {
    pub hardware: u8,
    /// Firmware 1 and up: other chips of the same node.
    pub extra_firmwares: Vec<Firmware>,
}

impl Report {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, library_type) = be_u8(input)?;
        let (input, protocol) = Firmware::parse(input)?;
        let (input, firmware) = Firmware::parse(input)?;
        let (input, v2) = opt(Hardware::parse).parse(input)?;
        Ok((input, Self { library_type, protocol, firmware, v2 }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.library_type);
        self.protocol.write(out);
        self.firmware.write(out);
        if let Some(v2) = &self.v2 {
            out.extend([v2.hardware, count(v2.extra_firmwares.len())]);
            v2.extra_firmwares.iter().for_each(|firmware| firmware.write(out));
        }
    }
}

impl Hardware {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (hardware, firmwares)) = pair(be_u8, be_u8).parse(input)?;
        let (input, extra_firmwares) = repeat(Firmware::parse, firmwares.into()).parse(input)?;
        Ok((input, Self { hardware, extra_firmwares }))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct CommandClassGet {
    /// The class asked about; the field has one byte for it.
    pub requested_cc: u8,
}

impl CommandClassGet {
    /// Asks about `class`; `None` for the classes of two bytes, which the command cannot name.
    pub fn new(class: ClassId) -> Option<Self> {
        u8::try_from(class.0).ok().map(|requested_cc| Self { requested_cc })
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, requested_cc) = be_u8(input)?;
        Ok((input, Self { requested_cc }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.requested_cc);
    }
}

/// The version of one class.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct CommandClassReport {
    /// The class asked about.
    pub requested_cc: u8,
    /// Its version; 0: not supported. Of a class the node lists, 0 means "assume 1".
    pub version: u8,
}

impl CommandClassReport {
    /// The class this is about.
    pub fn class(&self) -> ClassId {
        ClassId(self.requested_cc.into())
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (requested_cc, version)) = pair(be_u8, be_u8).parse(input)?;
        Ok((input, Self { requested_cc, version }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.requested_cc, self.version]);
    }
}

/// Bit 0 Version, bit 1 Command Class, bit 2 Z-Wave Software.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct CapabilitiesReport {
    /// The bits as received.
    pub flags: u8,
}

impl CapabilitiesReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, flags) = be_u8(input)?;
        Ok((input, Self { flags }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.flags);
    }
}

/// A version in three numbers; all zero: the layer is not used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct SoftwareVersion {
    pub version: [u8; 3],
    pub build: u16,
}

impl SoftwareVersion {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, version) = three(input)?;
        let (input, build) = be_u16(input)?;
        Ok((input, Self { version, build }))
    }

    fn write(self, out: &mut Vec<u8>) {
        out.extend(self.version);
        out.extend(self.build.to_be_bytes());
    }
}

/// The versions of the software's layers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct ZWaveSoftwareReport {
    /// The SDK: major, minor, patch.
    pub sdk: [u8; 3],
    /// The framework the application is built on.
    pub application_framework: SoftwareVersion,
    /// The interface to a host.
    pub host_interface: SoftwareVersion,
    pub protocol: SoftwareVersion,
    pub application: SoftwareVersion,
}

impl ZWaveSoftwareReport {
    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, sdk) = three(input)?;
        let (input, application_framework) = SoftwareVersion::parse(input)?;
        let (input, host_interface) = SoftwareVersion::parse(input)?;
        let (input, protocol) = SoftwareVersion::parse(input)?;
        let (input, application) = SoftwareVersion::parse(input)?;
        Ok((input, Self { sdk, application_framework, host_interface, protocol, application }))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.sdk);
        for layer in [self.application_framework, self.host_interface, self.protocol, self.application] {
            layer.write(out);
        }
    }
}

fn three(input: &[u8]) -> Parsed<'_, [u8; 3]> {
    let (input, bytes) = take(3usize)(input)?;
    Ok((input, bytes.try_into().unwrap_or_default()))
}
