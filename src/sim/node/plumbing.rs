//! Classes of every node: Z-Wave Plus Info, Version, Manufacturer Specific, Powerlevel.

use crate::command::manufacturer_specific::{DeviceSpecificReport, ManufacturerSpecific, Report as Product};
use crate::command::powerlevel::{Level, PowerLevel, Powerlevel, TestNodeReport, TestStatus};
use crate::command::version::{self, Firmware, SoftwareVersion, Version};
use crate::command::zwave_plus_info::{self, Icons, RoleType, ZwavePlusInfo};
use crate::command::{ClassId, Command};
use crate::domain::time::Instant;

use super::{Answer, Node};

/// A serial number, in bytes (docs/protocol/command-classes.md 0x72).
const SERIAL: u8 = 1;
const BINARY: u8 = 1;

/// Flags of Version 3: Version, Command Class, Z-Wave Software.
const ALL_OF_VERSION_3: u8 = 0x07;

pub(super) fn zwave_plus_info(node: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
    let Command::ZwavePlusInfo(ZwavePlusInfo::Get) = command else { return None };
    let (model, icon) = (&node.model, node.model.kind.icon());
    let role_type = match (model.beam, model.wake_up) {
        (Some(_), _) => RoleType::LISTENING_SLEEPING,
        (None, Some(_)) => RoleType::REPORTING_SLEEPING,
        (None, None) => RoleType::ALWAYS_ON,
    };
    let icons = Some(Icons { installer_icon: icon, user_icon: icon });
    let report = zwave_plus_info::Report { zwaveplus_version: 2, role_type, node_type: 0, icons };
    Some(Answer::Reply(Command::ZwavePlusInfo(ZwavePlusInfo::Report(report))))
}

pub(super) fn version(node: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
    let Command::Version(command) = command else { return None };
    let modern = node.model.is_modern();
    let (major, minor) = node.model.firmware;
    let report = match command {
        Version::Get => Version::Report(version::Report {
            library_type: 3,
            protocol: if modern { Firmware { major: 7, minor: 18 } } else { Firmware { major: 4, minor: 61 } },
            firmware: Firmware { major, minor },
            v2: Some(version::Hardware { hardware: 1, extra_firmwares: Vec::new() }),
        }),
        Version::CommandClassGet(get) => {
            let version = node.classes().get(&ClassId(get.requested_cc.into())).copied().unwrap_or_default();
            Version::CommandClassReport(version::CommandClassReport { requested_cc: get.requested_cc, version })
        }
        _ if !modern => return None,
        Version::CapabilitiesGet => Version::CapabilitiesReport(version::CapabilitiesReport { flags: ALL_OF_VERSION_3 }),
        Version::ZWaveSoftwareGet => {
            let sdk = [7, 18, 3];
            let of_sdk = SoftwareVersion { version: sdk, build: 1 };
            // There is no second chip, so there is no host interface.
            let none = SoftwareVersion { version: [0; 3], build: 0 };
            Version::ZWaveSoftwareReport(version::ZWaveSoftwareReport {
                sdk,
                application_framework: of_sdk,
                host_interface: none,
                protocol: of_sdk,
                application: SoftwareVersion { version: [major, minor, 0], build: 1 },
            })
        }
        _ => return None,
    };
    Some(Answer::Reply(Command::Version(report)))
}

pub(super) fn manufacturer_specific(node: &mut Node, command: &Command, _: Instant) -> Option<Answer> {
    let Command::ManufacturerSpecific(command) = command else { return None };
    let report = match command {
        ManufacturerSpecific::Get => ManufacturerSpecific::Report(Product { product: node.model.product }),
        // It has a serial number only, whatever type is requested.
        ManufacturerSpecific::DeviceSpecificGet(_) if node.model.is_modern() => {
            let data = node.memory.serial.map(Vec::from).unwrap_or_default();
            ManufacturerSpecific::DeviceSpecificReport(DeviceSpecificReport { id_type: SERIAL, format: BINARY, data })
        }
        _ => return None,
    };
    Some(Answer::Reply(Command::ManufacturerSpecific(report)))
}

/// The power is normal again after the time of a Set. Tests are refused.
pub(super) fn powerlevel(node: &mut Node, command: &Command, now: Instant) -> Option<Answer> {
    let Command::Powerlevel(command) = command else { return None };
    let report = match command {
        Powerlevel::Set(level) => {
            if level.power_level > PowerLevel::LOWEST || (level.power_level != PowerLevel::NORMAL && level.timeout == 0) {
                return Some(Answer::Refused);
            }
            let until = now + std::time::Duration::from_secs(level.timeout.into());
            node.weak_until = (level.power_level != PowerLevel::NORMAL).then_some((level.power_level, until));
            return Some(Answer::Done);
        }
        Powerlevel::Get => {
            let normal = Level { power_level: PowerLevel::NORMAL, timeout: 0 };
            let weak = node.weak_until.filter(|(_, until)| now < *until).map(|(power_level, until)| {
                let left = until.since(now).as_millis().div_ceil(1_000);
                Level { power_level, timeout: u8::try_from(left).unwrap_or(u8::MAX) }
            });
            Powerlevel::Report(weak.unwrap_or(normal))
        }
        Powerlevel::TestNodeSet(_) => return Some(Answer::Refused),
        Powerlevel::TestNodeGet => {
            let none = TestNodeReport { test_node_id: 0, status: TestStatus::FAILED, acknowledged_frames: 0 };
            Powerlevel::TestNodeReport(none)
        }
        _ => return None,
    };
    Some(Answer::Reply(Command::Powerlevel(report)))
}
